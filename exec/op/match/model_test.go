package match

import (
	"fmt"
	"slices"

	"tidemill/exec/op/optest"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// naive finds matches by the definition: it tries the ways through the pattern one after the other, the
// preferred first, with all rows of the way at hand, and forgets everything in between.
type naive struct {
	c      *Config
	rows   []optest.Row
	start  int
	labels []label // of the way so far
	number int64   // of matches before
	steps  int
}

// model computes the operator's output.
func model(c *Config, in types.Schema, rel optest.Relation) optest.Relation {
	var out optest.Relation
	for _, part := range rel.Groups(c.Partition) {
		m := &naive{c: c, rows: part.Sorted(in, c.Order)}
		out = append(out, m.partition()...)
	}
	return merged(out)
}

// merged counts equal rows.
func merged(rel optest.Relation) optest.Relation {
	at := map[string]int{}
	var out optest.Relation
	for _, x := range rel {
		k := fmt.Sprintf("%+v", x.Row)
		if i, ok := at[k]; ok {
			out[i].W += x.W
			continue
		}
		at[k] = len(out)
		out = append(out, x)
	}
	return out
}

func (m *naive) partition() (out optest.Relation) {
	covered := 0
	for s := 0; s < len(m.rows); {
		m.start, m.labels = s, nil
		if !m.match(m.c.Pattern, false, func() bool { return true }) {
			if m.c.Rows == Unmatched && s >= covered {
				out = append(out, optest.Weighted{Row: m.row(s, nil), W: 1})
			}
			s++
			continue
		}
		m.number++
		out = append(out, m.output()...)
		e := s + len(m.labels)
		covered = max(covered, e)
		s = m.next(e)
	}
	return out
}

// next is where the search goes on behind the match that ends at e.
func (m *naive) next(e int) int {
	at := func(l label) bool { return slices.Contains(m.c.SkipTo, int(l.label)) }
	switch {
	case e == m.start || m.c.Skip == SkipNext:
		return m.start + 1
	case m.c.Skip == SkipFirst:
		return m.start + slices.IndexFunc(m.labels, at)
	case m.c.Skip == SkipLast:
		last := 0
		for i, l := range m.labels {
			if at(l) {
				last = i
			}
		}
		return m.start + last
	}
	return e
}

// match tries the ways through p and then those of rest, until one succeeds.
func (m *naive) match(p *Pattern, excluded bool, rest func() bool) bool {
	if m.steps++; m.steps > 3_000_000 {
		panic("the model takes too long for this pattern")
	}
	at := m.start + len(m.labels)
	switch p.Kind {
	case Var:
		if at >= len(m.rows) {
			return false
		}
		m.labels = append(m.labels, label{int32(p.Label), excluded})
		if m.holds(p.Label) && rest() {
			return true
		}
		m.labels = m.labels[:at-m.start]
		return false
	case Seq, Exclude:
		return m.sequence(p.Parts, excluded || p.Kind == Exclude, rest)
	case Alt:
		return slices.ContainsFunc(p.Parts, func(q *Pattern) bool { return m.match(q, excluded, rest) })
	case Permute:
		return m.permute(nil, p.Parts, excluded, rest)
	case AtStart:
		return at == 0 && rest()
	case AtEnd:
		return at == len(m.rows) && rest()
	case Repeat:
		return m.repeat(p, 0, excluded, rest)
	}
	return rest()
}

func (m *naive) sequence(parts []*Pattern, excluded bool, rest func() bool) bool {
	if len(parts) == 0 {
		return rest()
	}
	return m.match(parts[0], excluded, func() bool { return m.sequence(parts[1:], excluded, rest) })
}

func (m *naive) permute(chosen, left []*Pattern, excluded bool, rest func() bool) bool {
	if len(left) == 0 {
		return m.sequence(chosen, excluded, rest)
	}
	for i := range left {
		others := slices.Delete(slices.Clone(left), i, i+1)
		if m.permute(append(slices.Clip(chosen), left[i]), others, excluded, rest) {
			return true
		}
	}
	return false
}

// repeat tries a further time and stopping, in the order that the quantifier prefers. Without an upper
// bound a time that takes no row is not followed by another.
func (m *naive) repeat(p *Pattern, n int, excluded bool, rest func() bool) bool {
	again := func() bool {
		before := len(m.labels)
		return (p.Max < 0 || n < p.Max) && m.match(p.Parts[0], excluded, func() bool {
			if n >= p.Min && p.Max < 0 && len(m.labels) == before {
				return false
			}
			return m.repeat(p, n+1, excluded, rest)
		})
	}
	switch {
	case n < p.Min:
		return again()
	case p.Reluctant:
		return rest() || again()
	}
	return again() || rest()
}

// holds tells whether the last row of the way meets the condition of its label.
func (m *naive) holds(l int) bool {
	last := m.start + len(m.labels) - 1
	if w := m.c.Within; w > 0 {
		a, b := m.rows[m.start][m.c.Order[0].Col], m.rows[last][m.c.Order[0].Col]
		if len(m.labels) > 1 && (a.Null || b.Null || b.I-a.I >= w) {
			return false
		}
	}
	if m.c.Conds[l] == nil {
		return true
	}
	d := m.eval(m.c.Conds[l], last, m.number+1)
	return !d.Null && d.B
}

// output are the rows of the match.
func (m *naive) output() (out optest.Relation) {
	n := len(m.labels)
	add := func(row, at int) { out = append(out, optest.Weighted{Row: m.row(row, &at), W: 1}) }
	switch {
	case n == 0 && m.c.Rows == Omit:
	case n == 0 || m.c.Rows == OneRow:
		add(m.start, m.start+n-1)
	default:
		for i, l := range m.labels {
			if !l.excluded {
				add(m.start+i, m.start+i)
			}
		}
	}
	return out
}

// row is an output row; at is the current row of the measures, nil outside of matches.
func (m *naive) row(row int, at *int) optest.Row {
	var out optest.Row
	for _, c := range m.c.Out {
		out = append(out, m.rows[row][c])
	}
	for _, e := range m.c.Measures {
		if at == nil {
			out = append(out, types.NullOf(e.Type))
		} else {
			out = append(out, m.eval(e, *at, m.number))
		}
	}
	return out
}

// eval computes an expression at a row of the way.
func (m *naive) eval(e *expr.Expr, at int, number int64) types.Datum {
	in := &rows.Batch{N: 1}
	for _, r := range m.c.Reads {
		in.Cols = append(in.Cols, rows.Const(m.read(r, at, number), 1))
	}
	p, err := expr.Compile([]*expr.Expr{e})
	if err != nil {
		panic(err)
	}
	c := &fn.Ctx{}
	out, err := p.Eval(c, in)
	if err != nil || len(c.Errs) > 0 {
		panic(fmt.Sprint(err, c.Errs))
	}
	d := out[0].Datum(0)
	d.Type = e.Type
	return d
}

func (m *naive) read(r Read, at int, number int64) types.Datum {
	if r.Kind == ReadNumber {
		return types.IntDatum(types.Int8, number)
	}
	var set []int
	for i, l := range m.labels {
		if m.c.in(r.Set, int(l.label)) && (r.Final || m.start+i <= at) {
			set = append(set, m.start+i)
		}
	}
	if r.Kind == ReadAgg {
		return m.aggregate(r, set)
	}
	if !r.First {
		slices.Reverse(set)
	}
	null := types.NullOf(r.Type)
	if r.Skip >= len(set) {
		return null
	}
	row := set[r.Skip] + r.Move
	switch {
	case r.Kind == ReadLabel && row >= m.start && row < m.start+len(m.labels):
		return types.Datum{Type: r.Type, S: []byte(m.c.Labels[m.labels[row-m.start].label])}
	case r.Kind == ReadValue && row >= 0 && row < len(m.rows):
		return m.rows[row][r.Col]
	}
	return null
}

// aggregate computes count, sum, max and array_agg of integers.
func (m *naive) aggregate(r Read, set []int) types.Datum {
	call := m.c.Aggs[r.Agg]
	var list []int64
	text := ""
	for _, i := range set {
		if len(call.Args) == 0 {
			list = append(list, 0)
			continue
		}
		d := m.rows[i][call.Args[0]]
		if !d.Null {
			list = append(list, d.I)
		}
		if text += ","; d.Null {
			text += "NULL"
		} else {
			text += fmt.Sprint(d.I)
		}
	}
	switch {
	case call.Name == "count":
		return types.IntDatum(types.Int8, int64(len(list)))
	case call.Name == "array_agg" && len(text) > 0:
		d, err := types.ParseText(r.Type, "{"+text[1:]+"}", &types.Env{})
		if err != nil {
			panic(err)
		}
		return d
	case len(list) == 0 || call.Name == "array_agg":
		return types.NullOf(r.Type)
	case call.Name == "max":
		return types.Datum{Type: r.Type, I: slices.Max(list)}
	}
	sum := int64(0)
	for _, x := range list {
		sum += x
	}
	return types.Datum{Type: r.Type, I: sum}
}
