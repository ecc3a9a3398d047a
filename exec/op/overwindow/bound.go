package overwindow

import (
	"math"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// RangeOffset tells whether a RANGE frame over an order column of type t can have offsets of type off.
func RangeOffset(t, off types.Type) bool {
	switch t.ID {
	case types.Int2, types.Int4, types.Int8:
		return off.IsInteger()
	case types.Float4, types.Float8:
		return off.ID == types.Float8
	case types.Numeric:
		return off.ID == types.Numeric
	case types.Date, types.Time, types.Timestamp, types.Timestamptz, types.Interval:
		return off.ID == types.Interval
	}
	return false
}

// NegativeOffset tells whether an offset is one that frames cannot have: less than zero, or NaN.
func NegativeOffset(d types.Datum) bool {
	switch d.Type.ID {
	case types.Float8:
		return d.F < 0 || math.IsNaN(d.F)
	case types.Numeric:
		zero, _ := types.NumericParse(nil, "0")
		return types.NumericIsNaN(d.S) || types.NumericCmp(d.S, zero) < 0
	case types.Interval:
		return types.IntervalOf(d.S).Cmp(types.IntervalValue{}) < 0
	}
	return d.I < 0
}

// shift moves order values by a distance.
type shift struct {
	off types.Datum
	// sign is +1 towards greater values. It is what PRECEDING and FOLLOWING mean in the column's order.
	sign int
	// wide moves a little further than asked for where the calendar makes distances uneven: for finding
	// out which rows might be concerned.
	wide bool
}

// appendKey appends the order key of row i's value of v moved by s. A value that cannot be moved
// (NULL, NaN, infinite) stays. upper tells that the result bounds values from above.
func (s *shift) appendKey(c *fn.Ctx, dst []byte, v *rows.Vec, i int, o rows.Order, upper bool) []byte {
	d := v.Datum(i)
	if d.Null {
		return rows.AppendKeyOrder(dst, v, i, o)
	}
	b := rows.NewVecBuilder(v.Type, 1)
	b.AppendDatum(s.move(c, d, upper))
	return rows.AppendKeyOrder(dst, b.Finish(), 0, o)
}

func (s *shift) move(c *fn.Ctx, d types.Datum, upper bool) types.Datum {
	switch d.Type.ID {
	case types.Int2, types.Int4, types.Int8:
		d.I = addSaturated(d.I, int64(s.sign)*s.off.I)
	case types.Float4, types.Float8:
		d.F = s.moveFloat(d.F)
	case types.Numeric:
		d.S = s.moveNumeric(d.S)
	default:
		return s.moveTime(c, d, upper)
	}
	return d
}

func addSaturated(a, b int64) int64 {
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	}
	return sum
}

func (s *shift) moveFloat(f float64) float64 {
	if math.IsNaN(f) {
		return f
	}
	if off := float64(s.sign) * s.off.F; math.IsInf(off, 0) {
		return off
	} else if f += off; math.IsNaN(f) {
		return off
	}
	return f
}

func (s *shift) moveNumeric(n []byte) []byte {
	switch {
	case types.NumericIsNaN(n):
		return n
	case types.NumericIsInf(s.off.S):
		return types.NumericInf(nil, s.sign)
	}
	move := types.NumericAdd
	if s.sign < 0 {
		move = types.NumericSub
	}
	out, err := move(nil, n, s.off.S)
	if err != nil { // beyond what numbers reach
		return types.NumericInf(nil, s.sign)
	}
	return out
}

// slackDays is more than any two months, or days across a change of clocks, differ by.
const slackDays = 4

// moveTime moves dates, times and intervals. What leaves the range of the type ends at its limits.
func (s *shift) moveTime(c *fn.Ctx, d types.Datum, upper bool) types.Datum {
	by := types.IntervalOf(s.off.S)
	if s.wide && (by.Months != 0 || by.Days != 0) {
		by.Days += slackDays
	}
	if s.sign < 0 {
		by = types.IntervalValue{Months: -by.Months, Days: -by.Days, Micros: -by.Micros}
	}
	limit := int64(math.MaxInt64)
	if s.sign < 0 {
		limit = math.MinInt64
	}
	switch d.Type.ID {
	case types.Interval:
		if sum, err := types.IntervalOf(d.S).Add(by); err == nil {
			d.S = types.AppendInterval(nil, sum)
		}
	case types.Time:
		d.I = addSaturated(d.I, by.Micros)
	case types.Date:
		if !types.IsFinite(d.I) {
			return d
		}
		at, err := by.AddToTimestamp(d.I * types.MicrosPerDay)
		if err != nil {
			d.I = limit
			return d
		}
		days, clock := types.SplitMicros(at)
		if d.I = days; clock > 0 && !upper { // the first whole day that is not before
			d.I++
		}
	default:
		if !types.IsFinite(d.I) {
			return d
		}
		var err error
		at := d.I
		if d.Type.ID == types.Timestamptz {
			d.I, err = by.AddToInstant(at, &c.Env)
		} else {
			d.I, err = by.AddToTimestamp(at)
		}
		if err != nil {
			d.I = limit
		}
	}
	return d
}
