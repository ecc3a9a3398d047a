package op

import (
	"math"

	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// monotone returns the column of which e is a function that never falls as the column grows; ok is
// false when it is not known to be one. civil tells that e is computed in a time zone where clocks may be
// put back and days may not have 24 hours, so that what goes through its civil time is not known.
func monotone(e *expr.Expr, civil bool) (col int, ok bool) {
	switch e.Kind {
	case expr.Column:
		return e.Index, ordinal(e.Type)
	case expr.Cast:
		if !ordinal(e.Type) || e.Type.IsTime() != e.Args[0].Type.IsTime() && e.Type.ID != types.Date && e.Args[0].Type.ID != types.Date {
			return 0, false
		}
		if civil && (e.Type.ID == types.Timestamptz) != (e.Args[0].Type.ID == types.Timestamptz) {
			return 0, false
		}
		return monotone(e.Args[0], civil)
	case expr.Call:
		return monotoneCall(e, civil)
	}
	return 0, false
}

// ordinal tells whether a type's values can be event time: times, dates and integers.
func ordinal(t types.Type) bool {
	return t.IsTime() || t.ID == types.Date || t.ID == types.Int8 || t.ID == types.Int4
}

func monotoneCall(e *expr.Expr, civil bool) (int, bool) {
	if !ordinal(e.Type) || len(e.Args) == 0 {
		return 0, false
	}
	arg := func(i int, rest ...int) (int, bool) {
		for _, r := range rest {
			if !fixed(e.Args[r]) || civil && e.Type.ID == types.Timestamptz && e.Name != "date_bin" && hasDays(e.Args[r]) {
				return 0, false
			}
		}
		return monotone(e.Args[i], civil)
	}
	switch n := len(e.Args); {
	case e.Name == "+" && n == 2 && e.Args[0].Kind == expr.Literal:
		return arg(1, 0)
	case (e.Name == "+" || e.Name == "-") && n == 2:
		return arg(0, 1)
	case e.Name == "date_trunc" && n == 2 && !(civil && e.Type.ID == types.Timestamptz):
		return arg(1, 0)
	case e.Name == "date_bin" && n == 3:
		return arg(1, 0, 2)
	}
	return 0, false
}

// fixed tells whether e is a constant that shifts all values alike: months do not, they are cut at
// the end of a shorter one.
func fixed(e *expr.Expr) bool {
	if e.Kind != expr.Literal || e.Lit.Null {
		return false
	}
	return e.Type.ID != types.Interval || types.IntervalOf(e.Lit.S).Months == 0
}

// hasDays tells whether a constant is an interval with days.
func hasDays(e *expr.Expr) bool {
	return e.Type.ID == types.Interval && types.IntervalOf(e.Lit.S).Days != 0
}

// CarryExprs is the Carry of computed columns: those that are monotone in an input column follow it.
// civil is as in Spec.CivilMarks.
func CarryExprs(exprs []*expr.Expr, civil bool) (Carry, error) {
	from := make([]int, len(exprs))
	progs := make([]*expr.Program, len(exprs))
	for i, e := range exprs {
		col, ok := monotone(e, civil)
		if !ok {
			from[i] = -1
			continue
		}
		if from[i] = col; e.Kind == expr.Column {
			continue
		}
		var err error
		one := expr.RemapFunc(e, func(int) int { return 0 })
		if progs[i], err = expr.Compile([]*expr.Expr{one}); err != nil {
			return nil, err
		}
	}
	return func(in []Marks) Marks {
		if !in[0].Any() {
			return nil
		}
		out := make(Marks, len(exprs))
		for i, col := range from {
			if out[i] = NoMark; col < 0 {
				continue
			}
			if out[i] = in[0].At(col); progs[i] != nil {
				out[i] = evalMark(progs[i], column(exprs[i]).Type, out[i])
			}
		}
		return out
	}, nil
}

// column returns the column reference in a monotone expression.
func column(e *expr.Expr) (c *expr.Expr) {
	expr.Walk(e, func(x *expr.Expr) bool {
		if x.Kind == expr.Column {
			c = x
		}
		return true
	})
	return c
}

func evalMark(p *expr.Program, t types.Type, m int64) int64 {
	if m == NoMark || m == math.MaxInt64 {
		return m
	}
	c := &fn.Ctx{}
	out, err := p.Eval(c, &rows.Batch{N: 1, Cols: []*rows.Vec{{Type: t, I: []int64{m}}}})
	if err != nil || len(c.Errs) > 0 || out[0].IsNull(0) {
		return NoMark
	}
	return out[0].I[0]
}
