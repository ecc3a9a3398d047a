package engine

import (
	"maps"
	"slices"

	"tidemill/catalog"
	"tidemill/planner"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// shift is a group of rows that change in the same way: was go, is come, either of which may be nil.
// extra are the columns beside them that only RETURNING reads.
type shift struct {
	was, is *rows.Batch
	extra   []*rows.Vec
}

func (s *shift) height() int { return max(height(s.was), height(s.is)) }

// pick keeps some rows of the group, whose batches have no selection.
func (s *shift) pick(sel []int32) shift {
	out := shift{}
	if s.was != nil {
		out.was = selected(s.was, sel)
	}
	if s.is != nil {
		out.is = selected(s.is, sel)
	}
	if len(s.extra) > 0 {
		out.extra = selected(&rows.Batch{N: s.extra[0].Len(), Cols: s.extra}, sel).Cols
	}
	return out
}

// apply carries the change out in the reader's overlays, after all checks.
func (m *modification) apply(r *Reader) error {
	if m.d.Kind == "select" {
		m.change.Rows, m.change.Returning = int64(countRows(m.result)), m.result
		return nil
	}
	t := r.Catalog.ByID(m.d.Table.ID)
	if t == nil {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", m.d.Table.Name)
	}
	if t.Shape != m.d.Table.Shape {
		return conflict("Table %q has been altered.", t.Name)
	}
	o := r.over.of(m.e, t)
	if m.d.Kind == "lock" {
		for _, b := range m.result {
			o.touch(columns(b, t, 0, len(t.Columns)))
		}
		return nil
	}
	groups := m.split(t)
	if m.many {
		groups = m.untouched(o, groups)
	}
	err := m.generate(groups)
	if err == nil && m.d.Kind == "merge" {
		err = m.once(o, r, groups)
	}
	if err != nil {
		return err
	}
	if m.d.OnConflict != nil {
		groups, err = m.resolve(o, r, groups)
	} else {
		m.sortLate(r, groups)
		err = m.check(t, groups)
	}
	if err != nil {
		return err
	}
	for i := range groups {
		if groups[i].was != nil {
			o.remove(groups[i].was)
		}
	}
	for i := range groups {
		if groups[i].is == nil {
			continue
		}
		if err := o.add(r.snap, groups[i].is); err != nil {
			return err
		}
	}
	return m.answer(groups)
}

// answer counts the changed rows and computes RETURNING over them.
func (m *modification) answer(groups []shift) error {
	for i := range groups {
		g := &groups[i]
		changed := g.is
		switch {
		case m.d.Kind == "delete":
			changed = g.was
		case m.d.Kind == "merge":
			m.change.Rows += int64(g.height())
			continue
		}
		m.change.Rows += int64(height(changed))
		if m.d.Returning == nil || changed == nil {
			continue
		}
		cols, err := m.eval(m.d.Returning, &rows.Batch{N: changed.N, Cols: slices.Concat(changed.Cols, g.extra)})
		if err != nil {
			return err
		}
		schema := make(types.Schema, len(cols))
		for i := range schema {
			schema[i] = m.d.ReturningCols[i].Field
		}
		b := &rows.Batch{Schema: schema, N: changed.N, Cols: cols}
		m.change.Returning = append(m.change.Returning, b.Clone())
	}
	return nil
}

// split takes the statement's result apart.
func (m *modification) split(t *catalog.Object) []shift {
	n := len(t.Columns)
	var out []shift
	for _, b := range m.result {
		switch m.d.Kind {
		case "insert":
			out = append(out, shift{is: columns(b, t, 0, n)})
		case "delete":
			out = append(out, shift{was: columns(b, t, 0, n), extra: b.Cols[n:]})
		case "merge":
			out = append(out, splitMerge(b, t)...)
		default:
			out = append(out, shift{was: columns(b, t, 0, n), is: columns(b, t, n, 2*n), extra: b.Cols[2*n:]})
		}
	}
	return out
}

// splitMerge groups the rows of a MERGE by what is done with them.
func splitMerge(b *rows.Batch, t *catalog.Object) []shift {
	n := len(t.Columns)
	by := map[int64][]int32{}
	for r := range b.N {
		a := b.Cols[2*n].I[r]
		by[a] = append(by[a], int32(r))
	}
	var out []shift
	for _, a := range []int64{planner.MergeUpdate, planner.MergeDelete, planner.MergeInsert} {
		if len(by[a]) == 0 {
			continue
		}
		part := selected(b, by[a])
		var s shift
		if a != planner.MergeInsert {
			s.was = columns(part, t, 0, n)
		}
		if a != planner.MergeDelete {
			s.is = columns(part, t, n, 2*n)
		}
		out = append(out, s)
	}
	return out
}

func columns(b *rows.Batch, t *catalog.Object, lo, hi int) *rows.Batch {
	return &rows.Batch{Schema: t.Fields(), N: b.N, Cols: slices.Clone(b.Cols[lo:hi])}
}

// untouched leaves out rows that another part of the same statement has changed already: only one of
// the changes takes place.
func (m *modification) untouched(o *overlay, groups []shift) []shift {
	before := o.since(m.mark[o.t.ID])[0]
	var out []shift
	for i := range groups {
		g := &groups[i]
		if g.was == nil {
			out = append(out, *g)
			continue
		}
		var keep []int32
		for r, k := range o.keys(0, g.was) {
			u, touched := before[k]
			if touched && o.parts[0].cols == nil {
				touched = o.slots[0][k].w < u.old.w
			}
			if !touched {
				keep = append(keep, int32(r))
			}
		}
		out = append(out, g.pick(keep))
	}
	return out
}

// once checks that a MERGE changes no row of the table twice.
func (m *modification) once(o *overlay, r *Reader, groups []shift) error {
	times := map[string]int64{}
	var keys []string
	for i := range groups {
		if groups[i].was == nil {
			continue
		}
		for _, k := range o.keys(0, groups[i].was) {
			if times[k]++; times[k] == 2 {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	if o.parts[0].cols == nil {
		have, err := o.parts[0].v.Weights(r.snap, keys)
		if err != nil {
			return err
		}
		for i, k := range keys {
			if times[k] <= have[i]+o.slots[0][k].w {
				delete(times, k)
			}
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return times[k] == 0 })
	}
	if len(keys) == 0 {
		return nil
	}
	return sqlerr.New(sqlerr.CardinalityViolation, "MERGE command cannot affect row a second time").
		WithHint("Ensure that not more than one source row matches any one target row.")
}

// generate computes the generated columns of new rows.
func (m *modification) generate(groups []shift) error {
	for _, g := range m.d.Generated {
		for i := range groups {
			b := groups[i].is
			if b == nil {
				continue
			}
			cols, err := m.evalAll([]*expr.Expr{g.Expr}, b)
			if err != nil {
				return err
			}
			b.Cols[g.Col] = cols[0].Clone()
		}
	}
	return nil
}

// eval computes what a statement says of each of the rows. Where subqueries are among it they see the
// database as it was before the statement.
func (m *modification) eval(c *planner.Calc, b *rows.Batch) ([]*rows.Vec, error) {
	if c.Query == nil {
		return m.evalAll(c.Exprs, b)
	}
	p, err := planner.BindParams(c.Query.Plan, m.params)
	if err != nil {
		return nil, err
	}
	number := rows.NewVecBuilder(types.T(types.Int8), b.N)
	for r := range b.N {
		number.AppendInt(int64(r))
	}
	past := m.past()
	past.given = maps.Clone(past.given)
	past.given[catalog.Given] = []*rows.Batch{{N: b.N, Cols: append(slices.Clone(b.Cols), number.Finish())}}
	fields := make(types.Schema, len(c.Query.Columns))
	for i := range fields {
		fields[i] = c.Query.Columns[i].Field
	}
	out := rows.NewBuilder(fields, b.N)
	err = past.Run(m.ctx, &Run{Plan: p, Fn: m.fn, Out: func(res *rows.Batch) error {
		for k := range res.Len() {
			out.AppendRow(res, res.Row(k), 1)
		}
		return nil
	}})
	return out.Finish().Cols, err
}

// evalAll computes expressions over the rows of a batch. The first row that fails fails the statement.
func (m *modification) evalAll(exprs []*expr.Expr, b *rows.Batch) ([]*rows.Vec, error) {
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
