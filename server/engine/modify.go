package engine

import (
	"context"

	"tidemill/catalog"
	"tidemill/exec/flow"
	"tidemill/planner"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Modify runs INSERT, UPDATE or DELETE and returns when it is durable.
//
// The rows of an INSERT are computed in the caller's goroutine; its keys are checked in the step
// loop. UPDATE and DELETE are computed in the step loop, against an epoch that holds every change
// before them, so that two of them never work from the same old row.
func (e *Engine) Modify(ctx context.Context, d *planner.DML, params []types.Datum, f *fn.Ctx) (*Change, error) {
	p, err := planner.BindParams(d.Query.Plan, params)
	if err != nil {
		return nil, err
	}
	if c := d.OnConflict; c != nil && c.Update {
		return nil, sqlerr.Unsupported("ON CONFLICT DO UPDATE is not supported yet").
			WithHint("Use ON CONFLICT DO NOTHING, or DELETE and INSERT in one transaction.")
	}
	out := &Change{}
	m := &modification{e: e, d: d, fn: f, change: out}
	if d.Kind == "insert" {
		if err := m.collect(ctx, &Run{Plan: p, Fn: f}); err != nil {
			return nil, err
		}
	}
	err = e.send(ctx, &request{fresh: d.Kind != "insert", done: make(chan error, 1), do: func() error {
		if d.Kind != "insert" {
			if err := m.collect(ctx, &Run{Plan: p, Fn: f}); err != nil {
				return err
			}
		}
		return m.apply(params)
	}})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// modification is one INSERT, UPDATE or DELETE under way.
type modification struct {
	e      *Engine
	d      *planner.DML
	fn     *fn.Ctx
	change *Change
	result []*rows.Batch
	bytes  int
}

// maxStatementBytes bounds the rows that one statement may change, in bytes of their columns.
const maxStatementBytes = 256 << 20

// collect runs the statement's query.
func (m *modification) collect(ctx context.Context, q *Run) error {
	r, err := m.e.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	q.Out = func(b *rows.Batch) error {
		b = b.Clone()
		if m.bytes += b.SizeBytes(); m.bytes > maxStatementBytes {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "the statement changes more than %d MiB of rows", maxStatementBytes>>20).
				WithHint("Split it into several statements.")
		}
		m.result = append(m.result, b)
		return nil
	}
	return r.Run(ctx, q)
}

// apply checks constraints and adds the change to the pending epoch. It runs in the step loop.
func (m *modification) apply(params []types.Datum) error {
	t := m.e.catalogNow().ByID(m.d.Table.ID)
	if t == nil {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", m.d.Table.Name)
	}
	removed, added := m.split(t)
	if err := checkNotNull(t, added); err != nil {
		return err
	}
	added, err := m.e.checkKeys(t, removed, added, m.d.OnConflict != nil)
	if err != nil {
		return err
	}
	if m.change.Rows = int64(countRows(added)); m.d.Kind == "delete" {
		m.change.Rows = int64(countRows(removed))
	}
	if len(m.d.Returning) > 0 {
		from := added
		if m.d.Kind == "delete" {
			from = removed
		}
		if m.change.Returning, err = m.returning(from, params); err != nil {
			return err
		}
	}
	deltas := added
	for _, b := range removed {
		deltas = append(deltas, b.Negated())
	}
	if countRows(deltas) == 0 {
		return nil
	}
	pend := map[uint32][]*rows.Batch{}
	for id, ds := range m.e.pending.deltas {
		pend[id] = ds[:len(ds):len(ds)]
	}
	pend[t.ID] = append(pend[t.ID], deltas...)
	m.e.pending.deltas = pend
	return nil
}

// split separates the query's result into the rows that go and the rows that come.
func (m *modification) split(t *catalog.Object) (removed, added []*rows.Batch) {
	n := len(t.Columns)
	for _, b := range m.result {
		switch m.d.Kind {
		case "insert":
			added = append(added, columns(b, t, 0, n))
		case "delete":
			removed = append(removed, columns(b, t, 0, n))
		default:
			removed = append(removed, columns(b, t, 0, n))
			added = append(added, columns(b, t, n, 2*n))
		}
	}
	return removed, added
}

func columns(b *rows.Batch, t *catalog.Object, lo, hi int) *rows.Batch {
	return &rows.Batch{Schema: t.Fields(), N: b.N, W: b.W, Cols: b.Cols[lo:hi]}
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

// checkKeys refuses rows whose primary key is taken; with doNothing it leaves such rows out instead.
func (e *Engine) checkKeys(t *catalog.Object, removed, added []*rows.Batch, doNothing bool) ([]*rows.Batch, error) {
	if len(t.PrimaryKey) == 0 {
		return added, nil
	}
	// balance counts the key's rows beside those in the store: pending changes and this statement's own.
	balance := map[string]int{}
	count := func(b *rows.Batch, by int) {
		for r := range b.N {
			balance[rowKey(t, b, r)] += by * int(b.Weight(r))
		}
	}
	for _, b := range e.pending.deltas[t.ID] {
		count(b, 1)
	}
	for _, b := range removed {
		count(b, -1)
	}
	snap := e.store.Snapshot()
	defer snap.Close()
	v := e.views[t.ID]
	for bi, b := range added {
		exists, err := v.Exists(snap, b)
		if err != nil {
			return nil, err
		}
		var keep []int32
		for r := range b.N {
			k := rowKey(t, b, r)
			n := balance[k]
			if exists[r] {
				n++
			}
			if n > 0 && !doNothing {
				return nil, duplicateKey(t, b, r)
			}
			if n <= 0 {
				balance[k]++
				keep = append(keep, int32(r))
			}
		}
		if len(keep) < b.N {
			part := *b
			part.Sel = keep
			added[bi] = part.Compact()
		}
	}
	return added, nil
}

func rowKey(t *catalog.Object, b *rows.Batch, r int) string {
	var k []byte
	for _, c := range t.PrimaryKey {
		k = rows.AppendKey(k, b.Cols[c], r)
	}
	return string(k)
}

func duplicateKey(t *catalog.Object, b *rows.Batch, r int) error {
	names, values := "", ""
	for i, c := range t.PrimaryKey {
		if i > 0 {
			names, values = names+", ", values+", "
		}
		names += t.Columns[c].Name
		values += string(types.AppendText(nil, b.Cols[c].Datum(r), nil))
	}
	e := sqlerr.New(sqlerr.UniqueViolation, "duplicate key value violates unique constraint %q", t.Name+"_pkey").
		WithDetail("Key (%s)=(%s) already exists.", names, values)
	e.Schema, e.Table, e.Constraint = t.Schema, t.Name, t.Name+"_pkey"
	return e
}

// returning evaluates the RETURNING list over the changed rows.
func (m *modification) returning(from []*rows.Batch, params []types.Datum) ([]*rows.Batch, error) {
	exprs := make([]*expr.Expr, len(m.d.Returning))
	schema := make(types.Schema, len(exprs))
	for i, x := range m.d.Returning {
		exprs[i] = expr.BindParams(x, params)
		schema[i] = m.d.ReturningCols[i].Field
	}
	prog, err := expr.Compile(exprs)
	if err != nil {
		return nil, err
	}
	var out []*rows.Batch
	for _, b := range from {
		cols, err := prog.Eval(m.fn, b)
		if err != nil {
			return nil, err
		}
		if len(m.fn.Errs) > 0 {
			err := m.fn.Errs[0].Err
			m.fn.Errs = nil
			return nil, err
		}
		res := &rows.Batch{Schema: schema, N: b.N, Cols: cols}
		out = append(out, res.Clone())
	}
	return out, nil
}
