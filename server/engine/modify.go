package engine

import (
	"context"
	"slices"

	"tidemill/catalog"
	"tidemill/exec/plan"
	"tidemill/planner"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Modify applies writes together, all or nothing, in one epoch, and returns when they are durable. Each
// sees what those before it have done.
//
// The rows of a single INSERT are computed in the caller's goroutine; constraints are checked in the
// step loop. All else is computed in the step loop, where every change before it can be seen, so that
// two statements never work from the same old row.
func (e *Engine) Modify(ctx context.Context, f *fn.Ctx, writes ...Write) ([]*Change, error) {
	mods := make([]*modification, len(writes))
	changes := make([]*Change, len(writes))
	fresh := false
	var tables []uint32
	for i, w := range writes {
		tables = append(tables, written(w.DML)...)
		m, err := e.modification(f, w)
		if err != nil {
			return nil, err
		}
		mods[i], changes[i] = m, m.change
		early := i == 0 && m.d.Kind == "insert" && len(m.with) == 0
		if early {
			if err := m.collectNow(ctx); err != nil {
				return nil, err
			}
		}
		others, err := m.readsOthers(!early)
		if err != nil {
			return nil, err
		}
		fresh = fresh || others
	}
	err := e.send(ctx, &request{fresh: fresh, tables: tables, done: make(chan error, 1), do: func() error {
		return e.modifyAll(ctx, mods)
	}})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

// written are the tables that a statement changes or locks rows of.
func written(d *planner.DML) []catalog.ID {
	var out []catalog.ID
	if d.Table != nil {
		out = append(out, d.Table.ID)
	}
	for _, x := range d.With {
		out = append(out, written(x)...)
	}
	return out
}

// readsOthers tells whether a statement reads more than tables. What is derived from them is as of the
// last epoch, so the changes that wait have to be committed first, or the two would not fit together.
func (m *modification) readsOthers(rows bool) (bool, error) {
	var plans []*plan.Plan
	if rows {
		plans = append(plans, m.plan)
	}
	for _, q := range m.d.Inner() {
		plans = append(plans, q.Plan)
	}
	cat := m.e.cat.Load()
	for _, p := range plans {
		if p == nil {
			continue
		}
		ids, err := p.Scans()
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(ids, func(id uint32) bool {
			o := cat.ByID(id)
			return id < catalog.Given && (o == nil || o.Kind != catalog.Table)
		}) {
			return true, nil
		}
	}
	for _, x := range m.with {
		if others, err := x.readsOthers(true); others || err != nil {
			return others, err
		}
	}
	return false, nil
}

// modifyAll carries out writes in the step loop.
func (e *Engine) modifyAll(ctx context.Context, mods []*modification) error {
	r, err := e.loopReader()
	if err != nil {
		return err
	}
	defer r.Close()
	ctx = withLoop(ctx)
	mark := r.over.mark()
	for _, m := range mods {
		if m.fn.Session != nil {
			m.fn.Session = loopSession{m.fn.Session, ctx}
		}
		if err := m.run(ctx, r, func(t *catalog.Object) (*eventTime, error) { return e.times[t.ID], nil }); err != nil {
			r.over.rollback(mark)
			return err
		}
	}
	for _, m := range mods {
		if m.restart {
			e.restartSequences(m.d.Table)
		}
	}
	for _, id := range r.over.ids() {
		o := r.over[id]
		e.addDeltas(&e.pending, id, o.deltas[mark[id].deltas:])
		o.settled()
	}
	return nil
}

// modification checks a write and prepares it, with those in its WITH.
func (e *Engine) modification(f *fn.Ctx, w Write) (*modification, error) {
	if t := w.DML.Table; t != nil && t.LateOf != 0 {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot change a table of late rows").
			WithDetail("Its rows come from the relation whose late rows it holds.")
	}
	m := &modification{e: e, fn: f, change: &Change{}, d: w.DML, params: w.Params, result: w.Rows, restart: w.Restart}
	for _, d := range w.DML.With {
		x, err := e.modification(f, Write{DML: d, Params: w.Params})
		if err != nil {
			return nil, err
		}
		m.with = append(m.with, x)
	}
	if w.Rows != nil || w.DML.Query == nil {
		m.collected = true
		return m, nil
	}
	var err error
	m.plan, err = planner.BindParams(w.DML.Query.Plan, w.Params)
	return m, err
}

// modification is one write under way.
type modification struct {
	e         *Engine
	d         *planner.DML
	with      []*modification // the data-modifying statements of its WITH
	plan      *plan.Plan
	params    []types.Datum
	fn        *fn.Ctx
	change    *Change
	result    []*rows.Batch
	collected bool
	restart   bool
	bytes     int

	// While the statement runs:
	ctx  context.Context
	past func() *Reader         // the database as it was before the whole statement
	time *eventTime             // of its table; nil = none
	mark map[uint32]overlayMark // where the whole statement began
	many bool                   // it is one of several parts of a statement
}

// maxStatementBytes bounds the rows that one statement may change, in bytes of their columns.
const maxStatementBytes = 256 << 20

// run carries a statement out in the reader's overlays: what its WITH changes and the rest read first,
// itself, and then the others. All see the database as it was before, and of each other only what they
// return.
func (m *modification) run(ctx context.Context, r *Reader, times func(*catalog.Object) (*eventTime, error)) error {
	mark := r.over.mark()
	given := map[uint32][]*rows.Batch{}
	var order []*modification
	for _, x := range m.with {
		if x.d.Read {
			order = append(order, x)
		}
	}
	order = append(order, m)
	for _, x := range m.with {
		if !x.d.Read {
			order = append(order, x)
		}
	}
	for _, x := range order {
		x.ctx, x.mark, x.many = ctx, mark, len(order) > 1
		x.past = func() *Reader {
			past := *r
			past.given, past.over = given, r.over.asOf(mark)
			return &past
		}
		if err := x.collect(ctx, x.past()); err != nil {
			return err
		}
		if t := x.d.Table; t != nil {
			var err error
			if x.time, err = times(t); err != nil {
				return err
			}
		}
		if err := x.apply(r); err != nil {
			return err
		}
		given[x.d.Result] = x.change.Returning
	}
	for _, x := range m.with {
		m.change.Late += x.change.Late
		m.bytes += x.bytes
	}
	return nil
}

// collectNow runs the statement's query on the last epoch.
func (m *modification) collectNow(ctx context.Context) error {
	if m.collected {
		return nil
	}
	r, err := m.e.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	return m.collect(ctx, r)
}

// collect runs the statement's query.
func (m *modification) collect(ctx context.Context, r *Reader) error {
	if m.collected {
		return nil
	}
	m.collected = true
	q := &Run{Plan: m.plan, Fn: m.fn}
	q.Out = func(b *rows.Batch) error {
		b = b.Clone()
		if m.bytes += b.SizeBytes(); m.bytes > maxStatementBytes {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "the statement changes more than %d MiB of rows", maxStatementBytes>>20).
				WithHint("Split it into several statements.")
		}
		m.result = append(m.result, b.Expand())
		return nil
	}
	return r.Run(ctx, q)
}
