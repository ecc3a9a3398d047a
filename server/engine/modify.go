package engine

import (
	"context"
	"maps"

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

// Modify applies writes together, all or nothing, in one epoch, and returns when they are durable.
//
// The rows of an INSERT are computed in the caller's goroutine; its keys are checked in the step
// loop. UPDATE and DELETE are computed in the step loop, against an epoch that holds every change
// before them, so that two of them never work from the same old row; of several writes only the
// first may therefore be one.
func (e *Engine) Modify(ctx context.Context, f *fn.Ctx, writes ...Write) ([]*Change, error) {
	mods := make([]*modification, len(writes))
	changes := make([]*Change, len(writes))
	fresh := false
	for i, w := range writes {
		m, err := e.modification(f, w)
		if err != nil {
			return nil, err
		}
		mods[i], changes[i] = m, m.change
		if m.kind != "insert" {
			if fresh = true; i > 0 {
				return nil, sqlerr.Unsupported("%s after another write of the same transaction is not supported", m.kind)
			}
			continue
		}
		if err := m.collect(ctx); err != nil {
			return nil, err
		}
	}
	err := e.send(ctx, &request{fresh: fresh, done: make(chan error, 1), do: func() error {
		for _, m := range mods {
			if m.kind != "insert" {
				if err := m.collect(ctx); err != nil {
					return err
				}
			}
			if err := m.apply(); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

// modification checks a write and prepares it.
func (e *Engine) modification(f *fn.Ctx, w Write) (*modification, error) {
	if t := w.Table; t == nil && w.DML != nil && w.DML.Table.LateOf != 0 || t != nil && t.LateOf != 0 {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot change a table of late rows").
			WithDetail("Its rows come from the relation whose late rows it holds.")
	}
	m := &modification{e: e, fn: f, change: &Change{}, kind: "insert", d: w.DML, params: w.Params, table: w.Table, result: w.Rows}
	if w.DML == nil {
		return m, nil
	}
	m.table, m.kind = w.DML.Table, w.DML.Kind
	if c := w.DML.OnConflict; c != nil && c.Update {
		return nil, sqlerr.Unsupported("ON CONFLICT DO UPDATE is not supported yet").
			WithHint("Use ON CONFLICT DO NOTHING, or DELETE and INSERT in one transaction.")
	}
	var err error
	m.plan, err = planner.BindParams(w.DML.Query.Plan, w.Params)
	return m, err
}

// modification is one write under way.
type modification struct {
	e      *Engine
	table  *catalog.Object
	kind   string       // insert, update, delete
	d      *planner.DML // nil when the rows were given
	plan   *plan.Plan
	params []types.Datum
	fn     *fn.Ctx
	change *Change
	result []*rows.Batch
	bytes  int
}

// maxStatementBytes bounds the rows that one statement may change, in bytes of their columns.
const maxStatementBytes = 256 << 20

// collect runs the statement's query.
func (m *modification) collect(ctx context.Context) error {
	if m.plan == nil {
		return nil
	}
	q := &Run{Plan: m.plan, Fn: m.fn}
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
func (m *modification) apply() error {
	t := m.e.catalogNow().ByID(m.table.ID)
	if t == nil {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", m.table.Name)
	}
	removed, added := m.split(t)
	pend := maps.Clone(m.e.pending.deltas)
	if pend == nil {
		pend = map[uint32][]*rows.Batch{}
	}
	for id, ds := range pend {
		pend[id] = ds[:len(ds):len(ds)]
	}
	if et := m.e.times[t.ID]; et != nil {
		removed, added = m.sortLate(pend, et, removed, added)
	}
	if err := checkNotNull(t, added); err != nil {
		return err
	}
	added, err := m.e.checkKeys(t, removed, added, m.d != nil && m.d.OnConflict != nil)
	if err != nil {
		return err
	}
	if added, err = m.e.checkUnique(t, removed, added, m.d != nil && m.d.OnConflict != nil); err != nil {
		return err
	}
	if m.change.Rows = int64(countRows(added)); m.kind == "delete" {
		m.change.Rows = int64(countRows(removed))
	}
	if m.d != nil && len(m.d.Returning) > 0 {
		from := added
		if m.kind == "delete" {
			from = removed
		}
		if m.change.Returning, err = m.returning(from); err != nil {
			return err
		}
	}
	deltas := added
	for _, b := range removed {
		deltas = append(deltas, b.Negated())
	}
	if countRows(deltas) > 0 {
		pend[t.ID] = append(pend[t.ID], deltas...)
	}
	if len(pend) > 0 {
		m.e.pending.deltas = pend
	}
	return nil
}

// split separates the query's result into the rows that go and the rows that come.
func (m *modification) split(t *catalog.Object) (removed, added []*rows.Batch) {
	n := len(t.Columns)
	for _, b := range m.result {
		switch m.kind {
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
		keep := make([]int32, 0, b.N) // not nil, which would mean all
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
func (m *modification) returning(from []*rows.Batch) ([]*rows.Batch, error) {
	exprs := make([]*expr.Expr, len(m.d.Returning))
	schema := make(types.Schema, len(exprs))
	for i, x := range m.d.Returning {
		exprs[i] = expr.BindParams(x, m.params)
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
