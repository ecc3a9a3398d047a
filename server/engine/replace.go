package engine

import (
	"fmt"
	"slices"

	"tidemill/catalog"
	"tidemill/exec/flow"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/exec/view"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// CREATE OR REPLACE MATERIALIZED VIEW builds the new definition beside the old one, as an object inside
// the object, with a dataflow, storage and a backfill of its own, while the old one goes on and
// answers. Once the new one has caught up, one epoch puts it in the place of the old one and hands the
// difference of the two contents to the dataflows that read the view. Until that epoch is committed
// the old one is what a restart finds, with the new one still filling.

// startReplacement begins to replace a materialized view.
func (e *Engine) startReplacement(c *Caller, s *ast.CreateView, old *catalog.Object) (*backfill, error) {
	if old.Kind != catalog.MaterializedView {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "%q is not a materialized view", old.Name)
	}
	if old.State == catalog.Creating {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "materialized view %q has not been populated", old.Name).
			WithHint("It is being filled; SHOW JOBS tells how far it is.")
	}
	if d := e.circuit.Flow(old.ID); d != nil && d.Carried().Any() && e.circuit.Reads(old.ID) {
		return nil, sqlerr.Unsupported("replacing a materialized view whose readers drop state by its watermark is not supported").
			WithHint("Drop what reads it first, and create it again afterwards.")
	}
	r, p, err := e.draftView(c, s, old.Schema, old.Name)
	if err != nil {
		return nil, err
	}
	if err := e.replaceableView(old, r); err != nil {
		return nil, err
	}
	v, err := newView(r, e.cfg.Check)
	if err != nil {
		return nil, err
	}
	b, err := e.addFlow(r, p)
	if err != nil {
		return nil, err
	}
	if old.Replacement != nil {
		old = e.discardReplacement(old, sqlerr.New(sqlerr.QueryCanceled, "a later CREATE OR REPLACE has taken the place of this one"))
	}
	b.replaces, r.State = old.ID, catalog.Creating
	e.edges.Lock()
	e.views[r.ID], e.fills[r.ID] = v, b
	e.edges.Unlock()
	now := *old
	now.Replacement = r
	e.put(&now)
	return b, nil
}

// replaceableView refuses a new definition that those who read the view cannot go on with.
func (e *Engine) replaceableView(old, r *catalog.Object) error {
	if err := sameColumns(old.Columns[:old.Visible], r.Columns[:r.Visible], "materialized view"); err != nil {
		return err
	}
	cat := e.catalogNow()
	readers := false
	for _, x := range cat.DropOrder(old.ID) {
		if slices.Contains(r.Deps, x.ID) {
			return sqlerr.New(sqlerr.InvalidObjectDefinition, "infinite recursion detected in rules for relation %q", r.Name).
				WithDetail("The new definition reads %s %s, which is or reads the view itself.", x.Kind, x.Name)
		}
		readers = readers || x != old && len(x.Plan) > 0 && x.State != catalog.Failed
	}
	if !readers {
		return nil
	}
	refuse := func(why string) error {
		return sqlerr.Unsupported("cannot replace materialized view %q while other views or sinks are maintained from it: %s", old.Name, why).
			WithHint("Drop what reads it first, and create it again afterwards.")
	}
	if old.AppendOnly {
		return refuse("they rely on its rows never being taken back")
	}
	if old.Storage.Kind == string(view.Keyed) {
		if r.Storage.Kind != string(view.Keyed) || slices.ContainsFunc(r.Storage.Key, func(c int) bool { return !slices.Contains(old.Storage.Key, c) }) {
			return refuse("they rely on its key, which the new definition does not have")
		}
	}
	for _, c := range e.circuit.ReadCols(old.ID) {
		switch o := old.Columns[c]; {
		case c >= old.Visible && (c < r.Visible || c >= len(r.Columns) || r.Columns[c].Name != o.Name || !r.Columns[c].Type.Equal(o.Type)):
			return refuse("they rely on key columns that it does not show, which would change")
		case o.NotNull && !r.Columns[c].NotNull:
			return refuse(fmt.Sprintf("they rely on column %q never being NULL", o.Name))
		}
	}
	return nil
}

// sameColumns refuses columns that a view cannot have instead of its old ones: more may come behind.
func sameColumns(old, now []catalog.Column, kind string) error {
	for i, c := range old {
		if i >= len(now) {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot drop columns from %s", kind)
		}
		switch n := now[i]; {
		case n.Name != c.Name:
			return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot change name of %s column %q to %q", kind, c.Name, n.Name)
		case !n.Type.Equal(c.Type):
			return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot change data type of %s column %q from %s to %s", kind, c.Name, c.Type, n.Type)
		}
	}
	return nil
}

// caughtUp tells whether a replacement can take its place: it is complete, and so is what reads the
// view, whose backfills go by the view's present storage.
func (e *Engine) caughtUp(b *backfill) bool {
	if b.replaces == 0 || !b.recorded || b.stopped || !b.finished() || e.readsUnfinished(b) {
		return false
	}
	for _, other := range e.fills {
		if slices.Contains(other.reads(), b.replaces) {
			return false
		}
	}
	return true
}

// swapReady puts the replacements that have caught up in their places, in the coming epoch.
func (e *Engine) swapReady() error {
	var ready []*backfill
	for _, b := range e.fills {
		if e.caughtUp(b) {
			ready = append(ready, b)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	if err := e.settle(); err != nil { // contents are compared as the last epoch left them
		return err
	}
	slices.SortFunc(ready, func(a, b *backfill) int { return int(a.flow.ID) - int(b.flow.ID) })
	for _, b := range ready {
		if old := e.catalogNow().ByID(b.replaces); old != nil && old.Replacement != nil && old.Replacement.ID == b.flow.ID {
			if err := e.swap(b, old); err != nil {
				e.discardReplacement(old, err)
			}
		}
	}
	return nil
}

// swap puts a replacement in the place of its view. With an error nothing has changed.
func (e *Engine) swap(b *backfill, old *catalog.Object) error {
	r := old.Replacement
	if err := e.replaceableView(old, r); err != nil { // something may have come to read it meanwhile
		return err
	}
	diff, err := e.contentDifference(old, r)
	if err != nil {
		return err
	}
	errs, err := e.errorRows(r.ID)
	if err != nil {
		return err
	}
	e.endFill(b)
	e.circuit.Replace(old.ID, r.ID)
	e.edges.Lock()
	e.views[old.ID] = e.views[r.ID]
	delete(e.views, r.ID)
	e.edges.Unlock()

	now := *r
	now.ID, now.Schema, now.Name, now.Owner, now.Created, now.Comment = old.ID, old.Schema, old.Name, old.Owner, old.Created, old.Comment
	now.State, now.Columns = catalog.Running, slices.Clone(r.Columns)
	for i := range old.Visible {
		now.Columns[i].Comment = old.Columns[i].Comment
		// What the present readers do not rely on is not promised to the next ones, so that the view can be
		// replaced again.
		now.Columns[i].NotNull = old.Columns[i].NotNull && r.Columns[i].NotNull
	}
	if len(e.catalogNow().Dependents(old.ID)) > 0 {
		now.AppendOnly = old.AppendOnly && r.AppendOnly
	}
	tables, storage := tablesOf(old), old.Storage.Table
	e.pending.writes = append(e.pending.writes, func(c *state.Commit) error {
		// Before the writes of the epoch itself, which has rows of the new definition already.
		dropTables(&c.CommitWriter, tables, storage)
		c.DropTable(state.SpaceErrors, state.TableID(old.ID))
		c.DropTable(state.SpaceErrors, state.TableID(r.ID))
		for name, weight := range errs {
			c.AddWeight(metaKey(state.SpaceErrors, old.ID, name), weight)
		}
		return nil
	})
	e.put(&now)
	if len(diff.Batches) > 0 {
		e.pending.feeds = append(e.pending.feeds, diff)
	}
	e.pending.force = true
	e.pending.waiters = append(e.pending.waiters, b.wait...)
	e.closeUnread()
	return e.restartIndexes(old.ID)
}

// contentDifference is what turns the content of a view into that of its replacement, in the columns
// that dataflows read.
func (e *Engine) contentDifference(old, r *catalog.Object) (flow.Feed, error) {
	feed := flow.Feed{Object: old.ID, Cols: e.circuit.ReadCols(old.ID)}
	if len(feed.Cols) == 0 {
		if !e.circuit.Reads(old.ID) {
			return feed, nil
		}
		feed.Cols = []int{0} // the number of rows is all that is read
	}
	acct := e.budget.Account("difference of two definitions")
	defer acct.Close()
	snap := e.store.Snapshot()
	defer snap.Close()
	schema := r.Fields()
	picked := schema[:0:0]
	for _, c := range feed.Cols {
		picked = append(picked, schema[c])
	}
	all := rows.NewBuilder(picked, 0)
	take := func(id uint32, sign int64) error {
		return e.views[id].Scan(snap, feed.Cols, func(b *rows.Batch) error {
			for k := range b.Len() {
				i := b.Row(k)
				all.AppendRow(b, i, sign*b.Weight(i))
			}
			return acct.Grow(2 * int64(b.SizeBytes()))
		})
	}
	if err := take(old.ID, -1); err != nil {
		return feed, err
	}
	if err := take(r.ID, 1); err != nil {
		return feed, err
	}
	if d := rows.ConsolidateAll(all.Finish()); d.Len() > 0 {
		feed.Batches = []*rows.Batch{d.Compact()}
	}
	return feed, nil
}

// errorRows reads the error relation of a view, by the end of the key.
func (e *Engine) errorRows(id uint32) (map[string]int64, error) {
	snap := e.store.Snapshot()
	defer snap.Close()
	prefix := metaKey(state.SpaceErrors, id, "")
	out := map[string]int64{}
	err := snap.Scan(prefix, state.PrefixEnd(prefix), false, func(k, v []byte) (bool, error) {
		w, _, err := state.Weight(v)
		out[string(k[len(prefix):])] = w
		return true, err
	})
	return out, err
}

// discardReplacement gives a replacement up; the view stays as it is. It returns the view.
func (e *Engine) discardReplacement(old *catalog.Object, err error) *catalog.Object {
	r := old.Replacement
	e.abandonFill(r.ID, err)
	e.circuit.Remove(r.ID)
	e.edges.Lock()
	delete(e.views, r.ID)
	e.edges.Unlock()
	tables, storage := tablesOf(r), r.Storage.Table
	e.pending.writes = append(e.pending.writes, func(c *state.Commit) error {
		dropTables(c.Writer(0), tables, storage)
		c.Writer(0).DropTable(state.SpaceErrors, state.TableID(r.ID))
		return nil
	})
	now := *old
	now.Replacement = nil
	e.put(&now)
	e.closeUnread()
	return &now
}

// discardFailed gives up the replacement whose dataflow has failed, if the id is that of one.
func (e *Engine) discardFailed(id uint32, err error) {
	for _, o := range e.catalogNow().Objects() {
		if o.Replacement != nil && o.Replacement.ID == id {
			e.log.Error("a new definition failed; the view keeps the old one", "object", o.QualifiedName(), "error", err)
			e.discardReplacement(o, err)
			return
		}
	}
}

// tablesOf lists the operator tables of an object's plan.
func tablesOf(o *catalog.Object) []uint32 {
	if len(o.Plan) == 0 {
		return nil
	}
	p, err := decodePlan(o.Plan)
	if err != nil {
		return nil
	}
	return planTables(p)
}

func dropTables(w *state.CommitWriter, operators []uint32, storage uint32) {
	for _, t := range operators {
		w.DropTable(state.SpaceOperator, state.TableID(t))
	}
	w.DropTable(state.SpaceView, state.TableID(storage))
}

// restartIndexes fills the indexes of a relation anew, whose storage has been replaced.
func (e *Engine) restartIndexes(id uint32) error {
	for _, x := range e.catalogNow().Indexes(id) {
		var wait []chan error
		if f := e.indexFills[x.ID]; f != nil {
			wait = f.wait
		}
		storage := x.Storage.Table
		e.pending.writes = append(e.pending.writes, func(c *state.Commit) error {
			c.DropTable(state.SpaceView, state.TableID(storage))
			return nil
		})
		again := *x
		f, err := e.startIndex(&again)
		if err != nil {
			return err
		}
		f.wait = wait
	}
	return nil
}

// recoverReplacement takes up the filling of a new definition.
func (e *Engine) recoverReplacement(cat *catalog.Snapshot, o *catalog.Object) error {
	r := o.Replacement
	if err := e.addView(r); err != nil {
		return err
	}
	p, err := decodePlan(r.Plan)
	if err != nil {
		return err
	}
	for _, id := range r.Deps {
		if dep := e.catalogNow().ByID(id); dep != nil && dep.State == catalog.Failed {
			e.discardReplacement(o, nil)
			return nil
		}
	}
	d, err := e.circuit.Add(r.ID, p, r.Settings["on_error"] == "fail", true)
	if sqlerr.As(err) != nil && sqlerr.As(err).Code == sqlerr.OutOfMemory {
		e.discardReplacement(o, err)
		return nil
	} else if err != nil {
		return err
	}
	b, err := e.startFill(d, cat, true)
	if err != nil {
		return err
	}
	b.recorded, b.replaces = true, o.ID
	e.fills[r.ID] = b
	return nil
}

// draftView plans a materialized view and describes it, without anything having begun.
func (e *Engine) draftView(c *Caller, s *ast.CreateView, schema, name string) (*catalog.Object, *plan.Plan, error) {
	settings, err := viewSettings(s.Options)
	if err != nil {
		return nil, nil, err
	}
	q, err := planner.PlanView(e.plannerContext(e.catalogNow(), c), s.Query, s.Columns)
	if err != nil {
		return nil, nil, err
	}
	if settings["require_bounded_state"] == "true" {
		if err := q.RequireBounded(); err != nil {
			return nil, nil, err
		}
	}
	o := e.newObject(c, catalog.MaterializedView, schema, name)
	o.Query, o.Deps, o.Names, o.Settings = s.QueryText, q.Deps, q.Bound, settings
	o.Types = q.UserTypes
	if err := e.setOutput(o, q, s.Columns); err != nil {
		return nil, nil, err
	}
	o.Storage = &catalog.Storage{Kind: string(view.Bag), Table: e.newTable()}
	switch {
	case q.Plan.Key != nil:
		o.Storage.Kind, o.Storage.Key = string(view.Keyed), q.Plan.Key
	case q.Plan.AppendOnly:
		o.Storage.Kind = string(view.Log)
	}
	return o, q.Plan, nil
}

// replaced finds the view that CREATE OR REPLACE names, nil when it does not exist.
func (e *Engine) replaced(c *Caller, s *ast.CreateView) *catalog.Object {
	schema, name, _, err := e.place(e.catalogNow(), c, s.Name, false)
	if err == nil || sqlerr.As(err).Code != sqlerr.DuplicateTable {
		return nil
	}
	return e.catalogNow().ByName(schema, name)
}
