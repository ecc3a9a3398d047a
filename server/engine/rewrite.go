package engine

import (
	"context"
	"slices"

	"tidemill/catalog"
	"tidemill/exec/state"
	"tidemill/exec/view"
	"tidemill/planner"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// rewrite reads all rows of a table for ALTER TABLE: it checks them, and writes those of the new form into
// store tables beside the old ones, a chunk per epoch. Statements that would change the table, and those
// that define anything, wait meanwhile; reads and everything else go on. One epoch then puts the new form
// in the place of the old one. A crash before it leaves the table as it was.
type rewrite struct {
	*reshape
	rules  planner.Rules
	from   *view.View
	into   []*view.View // storage and unique constraints; nil = not written
	fresh  []bool       // of into: keys have to be compared
	exprs  []*expr.Expr // those of cols
	prog   *expr.Program
	fn     *fn.Ctx
	cursor []byte
	done   bool
	failed error
	chunk  []*rows.Batch // of the coming epoch
	wait   chan error
}

// start begins to read the rows.
func (r *reshape) start(rules planner.Rules) (*rewrite, error) {
	e := r.e
	j := &rewrite{reshape: r, rules: rules, from: e.views[r.old.ID]}
	retyped := func(list []int) bool {
		for _, c := range list {
			if o := r.cols[c]; o.from < 0 || o.expr != nil {
				return true
			}
		}
		return false
	}
	j.fresh = append(j.fresh, r.newKey || retyped(r.now.PrimaryKey))
	for _, u := range r.now.Unique {
		j.fresh = append(j.fresh, u.Table == 0 || retyped(u.Columns))
	}
	var err error
	if j.into, err = r.lay(); err != nil {
		return nil, err
	}
	for _, o := range r.cols {
		if o.expr != nil {
			j.exprs = append(j.exprs, o.expr)
		}
	}
	if j.prog, err = expr.Compile(j.exprs); err != nil {
		return nil, err
	}
	ctx := *r.c.Fn
	j.fn = &ctx
	if ctx.Session != nil {
		j.fn.Session = loopSession{ctx.Session, withLoop(context.Background())}
	}
	held := *r.old
	held.Scratch = j.scratch()
	e.put(&held)
	e.pending.force = true
	e.rewriting = j
	return j, nil
}

// gather reads and converts the chunk for the coming epoch.
func (j *rewrite) gather(e *Engine, in *input) {
	if j.chunk = nil; j.done || j.failed != nil {
		return
	}
	in.rewriting = j
	snap := e.store.Snapshot()
	defer snap.Close()
	b, next, done, err := j.from.ScanFrom(snap, j.cursor, backfillRows, nil)
	if err == nil && b != nil {
		in.rows += b.Len()
		err = j.convert(snap, b.Expand())
	}
	if j.cursor, j.done, j.failed = next, done, err; err != nil {
		j.chunk = nil
	}
}

// convert makes rows of the new form and checks them.
func (j *rewrite) convert(snap *state.Snap, b *rows.Batch) error {
	out := &rows.Batch{Schema: j.now.Fields(), N: b.N, Cols: make([]*rows.Vec, len(j.cols))}
	values, err := j.eval(j.prog, b)
	if err != nil {
		return err
	}
	for i, o := range j.cols {
		switch {
		case o.expr != nil:
			out.Cols[i], values = values[0].Clone(), values[1:]
		case o.numbers:
			if out.Cols[i], err = j.numbers(i, b.N); err != nil {
				return err
			}
		case o.generated:
			out.Cols[i] = rows.NewBuilder(out.Schema[i:i+1], 0).Finish().Cols[0]
		default:
			v := *b.Cols[o.from]
			v.Type = out.Schema[i].Type
			out.Cols[i] = &v
		}
	}
	for _, g := range j.rules.Generated {
		if !j.cols[g.Col].generated {
			continue
		}
		v, err := j.evalOne(g.Expr, out)
		if err != nil {
			return err
		}
		out.Cols[g.Col] = v.Clone()
	}
	if err := j.check(out); err != nil {
		return err
	}
	if err := j.distinct(snap, out); err != nil {
		return err
	}
	j.chunk = []*rows.Batch{out}
	return nil
}

func (j *rewrite) eval(p *expr.Program, b *rows.Batch) ([]*rows.Vec, error) {
	cols, err := p.Eval(j.fn, b)
	if err == nil && len(j.fn.Errs) > 0 {
		err = j.fn.Errs[0].Err
		j.fn.Errs = nil
	}
	return cols, err
}

func (j *rewrite) evalOne(x *expr.Expr, b *rows.Batch) (*rows.Vec, error) {
	p, err := expr.Compile([]*expr.Expr{x})
	if err != nil {
		return nil, err
	}
	cols, err := j.eval(p, b)
	if err != nil {
		return nil, err
	}
	return cols[0], nil
}

// numbers takes the next numbers of a new column's sequence.
func (j *rewrite) numbers(i, n int) (*rows.Vec, error) {
	c := j.now.Columns[i]
	b := rows.NewVecBuilder(c.Type, n)
	ctx := withLoop(context.Background())
	for range n {
		next, err := j.e.Nextval(ctx, j.now.ID, c.Sequence)
		if err != nil {
			return nil, err
		}
		b.AppendInt(next)
	}
	return b.Finish(), nil
}

// check tests the rows against the constraints that are new for them.
func (j *rewrite) check(b *rows.Batch) error {
	for _, i := range j.checkNulls {
		for r := range b.N {
			if b.Cols[i].IsNull(r) {
				e := sqlerr.New(sqlerr.NotNullViolation, "column %q of relation %q contains null values", j.now.Columns[i].Name, j.now.Name)
				e.Schema, e.Table, e.Column = j.now.Schema, j.now.Name, j.now.Columns[i].Name
				return e
			}
		}
	}
	for _, c := range j.rules.Checks {
		if !slices.Contains(j.checks, c.Name) {
			continue
		}
		v, err := j.evalOne(c.Expr, b)
		if err != nil {
			return err
		}
		for r := range b.N {
			if !v.IsNull(r) && !v.B[r] {
				e := sqlerr.New(sqlerr.CheckViolation, "check constraint %q of relation %q is violated by some row", c.Name, j.now.Name)
				e.Schema, e.Table, e.Constraint = j.now.Schema, j.now.Name, c.Name
				return e
			}
		}
	}
	return nil
}

// distinct refuses rows whose key in a new index there has been already.
func (j *rewrite) distinct(snap *state.Snap, b *rows.Batch) error {
	for n, v := range j.into {
		if !j.fresh[n] || v == nil || v.Def().Kind != view.Keyed {
			continue
		}
		p := part{v: v, name: j.now.KeyName(), cols: v.Def().Key}
		if n > 0 {
			p.name = j.now.Unique[n-1].Name
		}
		var buf rows.KeyBuf
		v.KeyOf(b, &buf)
		seen := map[string]bool{}
		var keys []string
		var at []int
		for r := range b.N {
			if p.null(b, r) {
				continue
			}
			k := string(buf.Key(r))
			if seen[k] {
				return duplicated(j.now, &p, b, r)
			}
			seen[k] = true
			keys, at = append(keys, k), append(at, r)
		}
		err := v.Raw(snap, keys, func(i int, value []byte) error {
			if value == nil {
				return nil
			}
			return duplicated(j.now, &p, b, at[i])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// duplicated is the error of a new unique index over rows that are not unique.
func duplicated(t *catalog.Object, p *part, b *rows.Batch, r int) error {
	e := sqlerr.As(duplicateKey(t, p, b, r))
	names, values := keyNames(t, p.cols), ""
	for i, c := range p.cols {
		if i > 0 {
			values += ", "
		}
		values += string(types.AppendText(nil, b.Cols[c].Datum(r), nil))
	}
	e.Message = "could not create unique index \"" + p.name + "\""
	e.Detail = "Key (" + names + ")=(" + values + ") is duplicated."
	return e
}

func keyNames(t *catalog.Object, cols []int) string {
	names := ""
	for i, c := range cols {
		if i > 0 {
			names += ", "
		}
		names += types.QuoteIdent(t.Columns[c].Name)
	}
	return names
}

// applyRewrite lists the writes of an epoch to the new form of a table.
func (e *Engine) applyRewrite(epoch uint64) (work []func(*state.CommitWriter) error) {
	j := e.rewriting
	if j == nil || j.chunk == nil {
		return nil
	}
	chunk := j.chunk
	for n, v := range j.into {
		if v == nil {
			continue
		}
		work = append(work, func(w *state.CommitWriter) error {
			if n > 0 {
				return v.Apply(w, epoch, withKey(v, chunk))
			}
			return v.Apply(w, epoch, chunk)
		})
	}
	return work
}

// endRewrite puts the new form of a table in its place once all rows are there and nothing is being
// filled from the old one.
func (e *Engine) endRewrite() error {
	j := e.rewriting
	if !e.rewritten() {
		return nil
	}
	if err := e.settle(); err != nil {
		return err
	}
	if j.failed != nil {
		e.abandonRewrite(j.failed)
		return nil
	}
	if err := j.apply(); err != nil {
		return err
	}
	e.rewriting = nil
	e.pending.force = true
	e.pending.waiters = append(e.pending.waiters, j.wait)
	return nil
}

// rewritten tells whether the rewrite under way can end.
func (e *Engine) rewritten() bool {
	j := e.rewriting
	if j == nil || !j.done && j.failed == nil {
		return false
	}
	for _, b := range e.fills {
		for _, s := range b.scans {
			if s.object == j.old.ID && !s.done {
				return false
			}
		}
	}
	return true
}

// abandonRewrite leaves the table as it was.
func (e *Engine) abandonRewrite(err error) {
	j := e.rewriting
	e.rewriting = nil
	old := *j.old
	e.dropScratch(&old, j.scratch())
	for _, c := range j.now.Columns {
		if s := c.Sequence; s != nil && !hasSequence(j.old, s.Name) {
			e.dropSequence(sequenceID{j.old.ID, s.Name})
		}
	}
	e.pending.force = true
	j.wait <- err
}

func (j *rewrite) scratch() []uint32 {
	var out []uint32
	for _, v := range j.into {
		if v != nil {
			out = append(out, v.Def().Table)
		}
	}
	return out
}

// dropScratch removes what a rewrite has written of a table that stays as it was.
func (e *Engine) dropScratch(o *catalog.Object, tables []uint32) {
	o.Scratch = nil
	e.put(o)
	e.pending.writes = append(e.pending.writes, func(c *state.Commit) error {
		for _, t := range tables {
			c.Writer(0).DropTable(state.SpaceView, state.TableID(t))
		}
		return nil
	})
}

func hasSequence(o *catalog.Object, name string) bool {
	for _, c := range o.Columns {
		if c.Sequence != nil && c.Sequence.Name == name {
			return true
		}
	}
	return false
}

// define submits a statement that defines something. It waits while a table is written anew.
func (e *Engine) define(ctx context.Context, do func() error) error {
	return e.send(ctx, &request{do: do, defines: true, done: make(chan error, 1)})
}

// waits tells whether a request has to wait until a table has been written anew.
func (e *Engine) waits(r *request) bool {
	j := e.rewriting
	if j == nil {
		return false
	}
	for _, t := range r.tables {
		if t == j.old.ID {
			return true
		}
	}
	return r.defines
}
