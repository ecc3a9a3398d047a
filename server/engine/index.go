package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/exec/flow"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/exec/view"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// An index is a second copy of a stored relation in another order. It changes in the same commit as
// the relation. A new one is filled while everything else goes on, as a new dataflow is: each epoch
// takes a chunk of the relation in storage order, and the relation's changes up to there. Queries use
// it once it is complete.

// indexFill is the filling of one index.
type indexFill struct {
	index  *catalog.Object
	base   *view.View
	cursor []byte
	done   bool
	failed error
	chunk  *rows.Batch // of the coming epoch
	wait   []chan error
}

// createIndex starts an index and waits until it is complete.
func (e *Engine) createIndex(ctx context.Context, c *Caller, s *ast.CreateIndex) error {
	ready := make(chan error, 1)
	waiting := false
	err := e.define(ctx, func() error {
		o, err := e.draftIndex(c, s)
		if err != nil || o == nil {
			return err
		}
		f, err := e.startIndex(o)
		if err != nil {
			return err
		}
		f.wait, waiting = append(f.wait, ready), true
		return nil
	})
	if err != nil || !waiting {
		return err
	}
	select {
	case err := <-ready:
		return err
	case <-e.stopped:
		return errShutdown()
	case <-ctx.Done(): // it goes on filling
		return context.Cause(ctx)
	}
}

// draftIndex checks CREATE INDEX; the object is nil when the index exists and that is no error.
func (e *Engine) draftIndex(c *Caller, s *ast.CreateIndex) (*catalog.Object, error) {
	cat := e.catalogNow()
	t := cat.Resolve(c.SearchPath, s.Table)
	if n := len(s.Table); t == nil && n > 1 && !cat.HasSchema(s.Table[n-2]) {
		return nil, sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", s.Table[n-2])
	} else if t == nil {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(s.Table, "."))
	}
	if t.Storage == nil || t.Kind == catalog.Index {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot create index on relation %q", t.Name).
			WithDetail("This operation is not supported for %ss.", t.Kind)
	}
	if t.State == catalog.Failed {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "%s %q has stopped", t.Kind, t.Name).WithDetail("%s", t.StateReason)
	}
	def, err := indexDef(t, s)
	if err != nil {
		return nil, err
	}
	name := s.Name
	if name == "" {
		name = indexName(cat, t, def)
	}
	if s.IfNotExists && cat.ByName(t.Schema, name) != nil {
		c.notice(sqlerr.DuplicateTable, "relation %q already exists, skipping", name)
		return nil, nil
	}
	if err := cat.CheckNewName(t.Schema, name); err != nil {
		return nil, err
	}
	o := e.newObject(c, catalog.Index, t.Schema, name)
	o.Deps, o.Index, o.State = []catalog.ID{t.ID}, def, catalog.Creating
	return o, nil
}

// indexDef resolves the columns of an index.
func indexDef(t *catalog.Object, s *ast.CreateIndex) (*catalog.IndexDef, error) {
	def := &catalog.IndexDef{Unique: s.Unique}
	if s.Unique && t.Kind != catalog.Table {
		return nil, sqlerr.Unsupported("a unique index on a %s is not supported", t.Kind).
			WithHint("Its rows follow from its query. Create the index without UNIQUE.")
	}
	column := func(name string) (int, error) {
		i := t.VisibleFields().Index(name)
		if i < 0 {
			return 0, sqlerr.New(sqlerr.UndefinedColumn, "column %q does not exist", name)
		}
		return i, nil
	}
	if s.Where != nil {
		return nil, sqlerr.Unsupported("partial indexes are not supported").At(s.Where.Position()).
			WithHint("Filter in a materialized view, and index that.")
	}
	for _, it := range s.Columns {
		ref, ok := it.Expr.(*ast.ColumnRef)
		if !ok || len(ref.Parts) != 1 {
			return nil, sqlerr.Unsupported("indexes on expressions are not supported").At(it.Expr.Position()).
				WithHint("Compute the expression as a column of a materialized view, and index that.")
		}
		i, err := column(ref.Parts[0])
		if err != nil {
			return nil, err
		}
		if ty := t.Columns[i].Type; ty.ID == types.JSON {
			return nil, sqlerr.New(sqlerr.UndefinedObject, "data type %s has no default operator class for access method \"btree\"", ty).
				WithHint("You must specify an operator class for the index or define a default operator class for the data type.")
		}
		col := catalog.IndexColumn{Col: i, Desc: it.Desc, NullsFirst: it.Desc}
		if it.NullsFirst != nil {
			col.NullsFirst = *it.NullsFirst
		}
		def.Columns = append(def.Columns, col)
	}
	for _, name := range s.Include { // the index holds whole rows anyway
		if _, err := column(name); err != nil {
			return nil, err
		}
	}
	return def, nil
}

// indexName makes the name of an index that was given none, as Postgres does.
func indexName(cat *catalog.Snapshot, t *catalog.Object, def *catalog.IndexDef) string {
	base := t.Name
	for _, c := range def.Columns {
		base += "_" + t.Columns[c.Col].Name
	}
	base = base[:min(len(base), 59)] + "_idx"
	name := base
	for n := 1; cat.ByName(t.Schema, name) != nil; n++ {
		name = fmt.Sprint(base, n)
	}
	return name
}

// startIndex gives an index storage and begins to fill it. Also an index whose relation has changed
// its columns begins anew so.
func (e *Engine) startIndex(o *catalog.Object) (*indexFill, error) {
	t := e.catalogNow().ByID(o.Deps[0])
	o.Columns, o.Visible, o.State = t.Columns, t.Visible, catalog.Creating
	o.Storage = &catalog.Storage{Kind: string(view.Bag), Table: e.newTable()}
	if t.Storage.Kind == string(view.Keyed) {
		o.Storage.Kind, o.Storage.Key = t.Storage.Kind, t.Storage.Key
	}
	if err := e.addView(o); err != nil {
		return nil, err
	}
	f := &indexFill{index: o, base: e.views[t.ID]}
	e.edges.Lock()
	e.indexFills[o.ID] = f
	e.edges.Unlock()
	e.pending.force = true
	e.put(o)
	return f, nil
}

// recoverIndex takes up an index. One that was not complete begins anew, in another table.
func (e *Engine) recoverIndex(o *catalog.Object) error {
	if o.State != catalog.Creating {
		return nil
	}
	old := o.Storage.Table
	e.pending.writes = append(e.pending.writes, func(c *state.Commit) error {
		c.Writer(0).DropTable(state.SpaceView, state.TableID(old))
		return nil
	})
	again := *o
	_, err := e.startIndex(&again)
	return err
}

// gather reads the chunk for the coming epoch.
func (f *indexFill) gather(e *Engine, in *input) {
	f.chunk = nil
	if f.done || f.failed != nil {
		return
	}
	snap := e.store.Snapshot()
	defer snap.Close()
	chunk, next, done, err := f.base.ScanFrom(snap, f.cursor, backfillRows, nil)
	if err != nil {
		f.failed = err
	}
	f.chunk, f.cursor, f.done = chunk, next, done
	if chunk != nil {
		in.rows += chunk.Len()
	}
	in.indexed = append(in.indexed, f)
}

// changes are what an epoch brings to an index, given the changes of its relation.
func (f *indexFill) changes(deltas []*rows.Batch) []*rows.Batch {
	var out []*rows.Batch
	if f.chunk != nil && f.chunk.Len() > 0 {
		out = append(out, f.chunk)
	}
	if f.done {
		return append(out, deltas...)
	}
	for _, d := range deltas {
		if d = f.base.UpTo(f.cursor, d); d != nil {
			out = append(out, d)
		}
	}
	return out
}

// indexWork lists the writes of an epoch to the indexes.
func (e *Engine) indexWork(epoch uint64, p *pending, outs []flow.Output) []flow.Work {
	if len(e.indexes) == 0 {
		return nil
	}
	changed := map[uint32][]*rows.Batch{}
	for id, deltas := range p.deltas {
		changed[id] = deltas
	}
	for _, out := range outs {
		if out.Err == nil && len(out.Deltas) > 0 {
			changed[out.Flow.ID] = out.Deltas
		}
	}
	var work []flow.Work
	for table, list := range e.indexes {
		for _, id := range list {
			deltas := changed[table]
			if f := e.indexFills[id]; f != nil {
				deltas = f.changes(deltas)
			}
			if v := e.views[id]; len(deltas) > 0 {
				work = append(work, func(w *state.CommitWriter) error { return v.Apply(w, epoch, deltas) })
			}
		}
	}
	return work
}

// finishIndexes declares the indexes that have caught up complete.
func (e *Engine) finishIndexes() {
	for _, f := range e.indexFills {
		o := e.catalogNow().ByID(f.index.ID)
		err := f.failed
		if err == nil && !f.done {
			continue
		}
		e.edges.Lock()
		delete(e.indexFills, f.index.ID)
		e.edges.Unlock()
		if err == nil {
			err = e.checkDistinct(o)
		}
		if err != nil {
			e.remove(o)
			for _, w := range f.wait {
				w <- err
			}
			continue
		}
		up := *o
		up.State = catalog.Running
		e.put(&up)
		e.pending.waiters = append(e.pending.waiters, f.wait...)
	}
}

// abandonIndex gives up the filling of an index that is dropped.
func (e *Engine) abandonIndex(id uint32, err error) {
	f := e.indexFills[id]
	if f == nil {
		return
	}
	e.edges.Lock()
	delete(e.indexFills, id)
	e.edges.Unlock()
	for _, w := range f.wait {
		w <- err
	}
}

// dropIndexHandle forgets where the changes of a relation go besides to itself.
func (e *Engine) dropIndexHandle(o *catalog.Object) {
	if o.Kind != catalog.Index {
		return
	}
	table := o.Deps[0]
	e.indexes[table] = slices.DeleteFunc(e.indexes[table], func(id uint32) bool { return id == o.ID })
	if len(e.indexes[table]) == 0 {
		delete(e.indexes, table)
	}
}

// uniqueKey is a row's entry in a unique index as key bytes; ok is false when a NULL makes it unlike
// any other.
func uniqueKey(o *catalog.Object, b *rows.Batch, r int) (key []byte, ok bool) {
	for _, c := range o.Index.Columns {
		if b.Cols[c.Col].IsNull(r) {
			return nil, false
		}
		key = rows.AppendKey(key, b.Cols[c.Col], r)
	}
	return key, true
}

// checkDistinct refuses a new unique index over rows that are not unique.
func (e *Engine) checkDistinct(o *catalog.Object) error {
	if !o.Index.Unique {
		return nil
	}
	snap := e.store.Snapshot()
	defer snap.Close()
	var last []byte
	return e.views[o.ID].Ranges(snap, []view.Range{{}}, false, 0, nil, func(b *rows.Batch) error {
		for r := range b.N {
			key, ok := uniqueKey(o, b, r)
			if ok && (bytes.Equal(key, last) && last != nil || b.Weight(r) > 1) {
				names, values := keyText(o, b, r)
				err := sqlerr.New(sqlerr.UniqueViolation, "could not create unique index %q", o.Name).
					WithDetail("Key (%s)=(%s) is duplicated.", names, values)
				err.Schema, err.Constraint = o.Schema, o.Name
				return err
			}
			last = key
		}
		return nil
	})
}

// keyText shows the columns of an index and a row's values in them.
func keyText(o *catalog.Object, b *rows.Batch, r int) (names, values string) {
	var ns, vs []string
	for _, c := range o.Index.Columns {
		ns = append(ns, o.Columns[c.Col].Name)
		vs = append(vs, string(types.AppendText(nil, b.Cols[c.Col].Datum(r), nil)))
	}
	return strings.Join(ns, ", "), strings.Join(vs, ", ")
}

// access reads what a query wants of a relation by its key or by an index.
func (s *scanner) access(o *catalog.Object, v *view.View, sc *plan.Scan, f func(*rows.Batch) error) error {
	a := sc.Access
	if a.Index != 0 {
		x := s.r.Catalog.ByID(a.Index)
		if x == nil {
			return sqlerr.New(sqlerr.UndefinedObject, "index with OID %d does not exist", a.Index)
		}
		var err error
		if v, err = s.r.view(x); err != nil {
			return err
		}
	}
	var ranges []view.Range
	for _, eq := range a.Points() {
		g := view.Range{Eq: eq}
		if a.Low != nil {
			g.Low = &view.Bound{Value: a.Low.Value, Strict: a.Low.Strict}
		}
		if a.High != nil {
			g.High = &view.Bound{Value: a.High.Value, Strict: a.High.Strict}
		}
		ranges = append(ranges, g)
	}
	return v.Ranges(s.r.snap, ranges, a.Reverse, a.Limit, sc.Cols, f)
}
