package engine

import (
	"context"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/exec/flow"
	"tidemill/exec/plan"
	"tidemill/planner"
	"tidemill/sql/expr"
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
		tables = append(tables, w.DML.Table.ID)
		m, err := e.modification(f, w)
		if err != nil {
			return nil, err
		}
		mods[i], changes[i] = m, m.change
		early := i == 0 && m.kind == "insert"
		if early {
			if err := m.collectNow(ctx); err != nil {
				return nil, err
			}
			continue
		}
		others, err := e.readsOthers(m.plan)
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

// readsOthers tells whether a plan reads more than tables. What is derived from them is as of the last
// epoch, so the changes that wait have to be committed first, or the two would not fit together.
func (e *Engine) readsOthers(p *plan.Plan) (bool, error) {
	if p == nil {
		return false, nil
	}
	ids, err := p.Scans()
	if err != nil {
		return false, err
	}
	cat := e.cat.Load()
	return slices.ContainsFunc(ids, func(id uint32) bool {
		o := cat.ByID(id)
		return o == nil || o.Kind != catalog.Table
	}), nil
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
		if !m.collected {
			err = m.collect(ctx, r)
		}
		if err == nil {
			err = m.apply(r)
		}
		if err != nil {
			r.over.rollback(mark)
			return err
		}
	}
	for _, m := range mods {
		for id, deltas := range m.late {
			e.addDeltas(id, deltas)
		}
		if m.restart {
			e.restartSequences(m.table)
		}
	}
	for _, id := range r.over.ids() {
		o := r.over[id]
		e.addDeltas(id, o.deltas[mark[id].deltas:])
		o.settled()
	}
	return nil
}

// modification checks a write and prepares it.
func (e *Engine) modification(f *fn.Ctx, w Write) (*modification, error) {
	if w.DML.Table.LateOf != 0 {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot change a table of late rows").
			WithDetail("Its rows come from the relation whose late rows it holds.")
	}
	m := &modification{e: e, fn: f, change: &Change{}, kind: w.DML.Kind, d: w.DML, params: w.Params, table: w.DML.Table, result: w.Rows, restart: w.Restart}
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
	table     *catalog.Object
	kind      string // insert, update, delete
	d         *planner.DML
	plan      *plan.Plan
	params    []types.Datum
	fn        *fn.Ctx
	change    *Change
	result    []*rows.Batch
	collected bool
	restart   bool
	bytes     int
	late      map[uint32][]*rows.Batch // by table of late rows, what is set aside
}

// maxStatementBytes bounds the rows that one statement may change, in bytes of their columns.
const maxStatementBytes = 256 << 20

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

// apply carries the change out in the reader's overlays, after all checks.
func (m *modification) apply(r *Reader) error {
	t := r.Catalog.ByID(m.table.ID)
	if t == nil {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", m.table.Name)
	}
	if t.Shape != m.table.Shape {
		return conflict("Table %q has been altered.", t.Name)
	}
	o := r.over.of(m.e, t)
	s := m.split(t)
	if et := m.e.times[t.ID]; et != nil { // not in a Txn, which refuses such tables
		m.sortLate(et, &s)
	}
	var err error
	if m.kind != "delete" {
		if err := m.complete(t, s.added); err != nil {
			return err
		}
	}
	if c := m.d.OnConflict; c != nil && c.Update && t.Watermark != nil {
		return sqlerr.Unsupported("ON CONFLICT DO UPDATE on a table with a watermark is not supported").
			WithHint("Write INSERT … ON CONFLICT DO NOTHING, and UPDATE.")
	}
	if m.d.OnConflict != nil {
		if s, err = m.resolve(o, r, s.added); err != nil {
			return err
		}
	}
	for _, b := range s.removed {
		o.remove(b)
	}
	for _, b := range s.added {
		if err := o.add(r.snap, b); err != nil {
			return err
		}
	}
	changed := s.added
	if m.kind == "delete" {
		changed = s.removed
	}
	m.change.Rows = int64(countRows(changed))
	if len(m.d.Returning) > 0 {
		m.change.Returning, err = m.returning(changed, s.extra)
	}
	return err
}

// split is a statement's result taken apart: rows that go, rows that come, and per batch of them the
// columns that only RETURNING reads.
type split struct {
	removed, added []*rows.Batch
	extra          [][]*rows.Vec
}

func (m *modification) split(t *catalog.Object) split {
	n := len(t.Columns)
	var s split
	for _, b := range m.result {
		switch m.kind {
		case "insert":
			s.added = append(s.added, columns(b, t, 0, n))
			s.extra = append(s.extra, nil)
		case "delete":
			s.removed = append(s.removed, columns(b, t, 0, n))
			s.extra = append(s.extra, b.Cols[n:])
		default:
			s.removed = append(s.removed, columns(b, t, 0, n))
			s.added = append(s.added, columns(b, t, n, 2*n))
			s.extra = append(s.extra, b.Cols[2*n:])
		}
	}
	return s
}

func columns(b *rows.Batch, t *catalog.Object, lo, hi int) *rows.Batch {
	return &rows.Batch{Schema: t.Fields(), N: b.N, Cols: slices.Clone(b.Cols[lo:hi])}
}

// complete computes the generated columns of new rows and checks what a row alone has to fulfil.
func (m *modification) complete(t *catalog.Object, added []*rows.Batch) error {
	for _, g := range m.d.Generated {
		for _, b := range added {
			cols, err := m.eval([]*expr.Expr{g.Expr}, b)
			if err != nil {
				return err
			}
			b.Cols[g.Col] = cols[0].Clone()
		}
	}
	if err := checkNotNull(t, added); err != nil {
		return err
	}
	for _, c := range m.d.Checks {
		for _, b := range added {
			cols, err := m.eval([]*expr.Expr{c.Expr}, b)
			if err != nil {
				return err
			}
			for r := range b.N {
				if !cols[0].IsNull(r) && !cols[0].B[r] {
					e := sqlerr.New(sqlerr.CheckViolation, "new row for relation %q violates check constraint %q", t.Name, c.Name).
						WithDetail("Failing row contains %s.", flow.RowText(b, r, nil))
					e.Schema, e.Table, e.Constraint = t.Schema, t.Name, c.Name
					return e
				}
			}
		}
	}
	return nil
}

// eval computes expressions over the rows of a batch. The first row that fails fails the statement.
func (m *modification) eval(exprs []*expr.Expr, b *rows.Batch) ([]*rows.Vec, error) {
	bound := make([]*expr.Expr, len(exprs))
	for i, x := range exprs {
		bound[i] = expr.BindParams(x, m.params)
	}
	prog, err := expr.Compile(bound)
	if err != nil {
		return nil, err
	}
	cols, err := prog.Eval(m.fn, b)
	if err == nil && len(m.fn.Errs) > 0 {
		err = m.fn.Errs[0].Err
		m.fn.Errs = nil
	}
	return cols, err
}

func checkNotNull(t *catalog.Object, added []*rows.Batch) error {
	for i, c := range t.Columns {
		if !c.NotNull {
			continue
		}
		for _, b := range added {
			for r := range b.N {
				if b.Cols[i].IsNull(r) {
					e := sqlerr.New(sqlerr.NotNullViolation, "null value in column %q of relation %q violates not-null constraint", c.Name, t.Name).
						WithDetail("Failing row contains %s.", flow.RowText(b, r, nil))
					e.Schema, e.Table, e.Column = t.Schema, t.Name, c.Name
					return e
				}
			}
		}
	}
	return nil
}

func duplicateKey(t *catalog.Object, p *part, b *rows.Batch, r int) error {
	names, values := make([]string, len(p.cols)), make([]string, len(p.cols))
	for i, c := range p.cols {
		names[i] = types.QuoteIdent(t.Columns[c].Name)
		values[i] = string(types.AppendText(nil, b.Cols[c].Datum(r), nil))
	}
	e := sqlerr.New(sqlerr.UniqueViolation, "duplicate key value violates unique constraint %q", p.name).
		WithDetail("Key (%s)=(%s) already exists.", strings.Join(names, ", "), strings.Join(values, ", "))
	e.Schema, e.Table, e.Constraint = t.Schema, t.Name, p.name
	return e
}

// returning evaluates the RETURNING list over the changed rows and the columns beside them.
func (m *modification) returning(from []*rows.Batch, extra [][]*rows.Vec) ([]*rows.Batch, error) {
	schema := make(types.Schema, len(m.d.Returning))
	for i := range schema {
		schema[i] = m.d.ReturningCols[i].Field
	}
	var out []*rows.Batch
	for i, b := range from {
		whole := &rows.Batch{N: b.N, Cols: b.Cols}
		if i < len(extra) {
			whole.Cols = slices.Concat(b.Cols, extra[i])
		}
		cols, err := m.eval(m.d.Returning, whole)
		if err != nil {
			return nil, err
		}
		res := &rows.Batch{Schema: schema, N: b.N, Cols: cols}
		out = append(out, res.Clone())
	}
	return out, nil
}
