package when

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// bound is the end of a period: NULL or a time.
type bound struct {
	t  int64
	ok bool
}

// overlap tells whether two periods meet, each given by two ends in any order. A period that is a
// single time counts as that time. ok is false for NULL.
func overlap(s1, e1, s2, e2 bound) (value, ok bool) {
	order := func(s, e *bound) bool { // known ends first, the earlier one first
		switch {
		case !s.ok && !e.ok:
			return false
		case !s.ok, e.ok && s.t > e.t:
			*s, *e = *e, *s
		}
		return true
	}
	if !order(&s1, &e1) || !order(&s2, &e2) {
		return false, false
	}
	if s1.t == s2.t {
		// A NULL end is not before its own start, so that the start alone decides.
		return true, e1.ok && e2.ok
	}
	if s1.t < s2.t {
		s1, e1, s2, e2 = s2, e2, s1, e1
	}
	// The second period starts first.
	if !e2.ok {
		return false, false
	}
	if s1.t < e2.t {
		return true, true
	}
	return false, e1.ok
}

func init() {
	add := map[types.ID]func(c *fn.Ctx, x int64, v types.IntervalValue) (int64, error){
		types.Timestamp:   func(_ *fn.Ctx, x int64, v types.IntervalValue) (int64, error) { return v.AddToTimestamp(x) },
		types.Timestamptz: func(c *fn.Ctx, x int64, v types.IntervalValue) (int64, error) { return v.AddToInstant(x, &c.Env) },
		types.Time: func(_ *fn.Ctx, t int64, v types.IntervalValue) (int64, error) {
			t = (t + v.Micros%types.MicrosPerDay) % types.MicrosPerDay
			if t < 0 {
				t += types.MicrosPerDay
			}
			return t, nil
		},
	}
	for _, t := range []types.Type{timestampT, timestamptzT, timeT} {
		for form := range 4 {
			ends := [2]types.Type{t, t}
			for k := range ends {
				if form>>k&1 == 1 {
					ends[k] = intervalT
				}
			}
			volatility := fn.Immutable
			if t.ID == types.Timestamptz && form > 0 {
				volatility = fn.Stable
			}
			fn.RegisterScalar(fn.Scalar{
				Name: "overlaps", Args: sig(t, ends[0], t, ends[1]), Ret: boolT, Volatility: volatility, Family: familyClock,
				Summary:  "Tells whether two periods meet: (start, end) OVERLAPS (start, length). An end does not belong to its period.",
				Examples: []fn.Example{{SQL: "select (date '2001-02-16', interval '100 days') overlaps (date '2001-10-30', date '2002-10-30')", Result: "f"}},
				Kernel: fn.Rowwise(boolT, false, func(c *fn.Ctx, a []*rows.Vec, i int, out *rows.VecBuilder) error {
					var b [4]bound
					for k := range b {
						if a[k].IsNull(i) {
							continue
						}
						b[k].ok = true
						if a[k].Type.ID != types.Interval {
							b[k].t = a[k].I[i]
							continue
						}
						if b[k].ok = b[k-1].ok; !b[k].ok {
							continue
						}
						var err error
						if b[k].t, err = add[t.ID](c, b[k-1].t, span(a[k], i)); err != nil {
							return err
						}
					}
					if v, ok := overlap(b[0], b[1], b[2], b[3]); ok {
						out.AppendBool(v)
					}
					return nil
				}),
			})
		}
	}
}
