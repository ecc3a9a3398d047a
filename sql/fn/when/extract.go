package when

import (
	"math"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// part is an extracted field: v × 10^-scale, or one of the other outcomes.
type part struct {
	v     int64
	scale int
	null  bool
	inf   int
	num   []byte // when not nil, the value itself (julian)
}

func init() {
	for _, t := range []types.Type{dateT, timeT, timestampT, timestamptzT, intervalT} {
		lit := map[types.ID]string{
			types.Date: "date '2001-02-16'", types.Time: "time '20:38:40'", types.Timestamp: "timestamp '2001-02-16 20:38:40'",
			types.Timestamptz: "timestamptz '2001-02-16 20:38:40+00'", types.Interval: "interval '40 days 1 minute'",
		}[t.ID]
		field, res := "day", map[types.ID]string{types.Time: "20", types.Interval: "40"}[t.ID]
		if t.ID == types.Time {
			field = "hour"
		} else if res == "" {
			res = "16"
		}
		def("extract", sig(textT, t), numericT, fn.Rowwise(numericT, true, func(c *fn.Ctx, a []*rows.Vec, i int, out *rows.VecBuilder) error {
			p, err := partOf(c, a[0].Bytes(i), a[1], i, false)
			if err == nil && !p.null {
				out.CommitScratch(p.numeric(out.Scratch()))
			}
			return err
		}), "Returns a field of a date, time or interval.", "select extract("+field+" from "+lit+")", res)
		def("date_part", sig(textT, t), floatT, fn.Rowwise(floatT, true, func(c *fn.Ctx, a []*rows.Vec, i int, out *rows.VecBuilder) error {
			p, err := partOf(c, a[0].Bytes(i), a[1], i, true)
			if err == nil && !p.null {
				if t.ID == types.Interval && unitNames[view(a[0].Bytes(i))] == epoch {
					out.AppendFloat(spanEpoch(span(a[1], i)))
					return nil
				}
				out.AppendFloat(p.float())
			}
			return err
		}), "Returns a field of a date, time or interval as double precision.", "select date_part('"+field+"', "+lit+")", res)
	}
}

func (p part) numeric(dst []byte) []byte {
	switch {
	case p.num != nil:
		return append(dst, p.num...)
	case p.inf != 0:
		return types.NumericInf(dst, p.inf)
	}
	return types.NumericFromScaled(dst, p.v, p.scale)
}

func (p part) float() float64 {
	switch {
	case p.num != nil:
		return types.NumericToFloat64(p.num)
	case p.inf != 0:
		return math.Inf(p.inf)
	}
	return float64(p.v) / math.Pow10(p.scale)
}

// partOf extracts from row i of v. As date_part, a date counts as its midnight.
func partOf(c *fn.Ctx, name []byte, v *rows.Vec, i int, datePart bool) (part, error) {
	t := v.Type
	named := t
	if datePart && t.ID == types.Date {
		named = timestampT
	}
	u, err := unitOf(name, named)
	if err != nil {
		return part{}, err
	}
	switch t.ID {
	case types.Interval:
		return spanPart(u, name, span(v, i))
	case types.Time:
		return timePart(u, name, v.I[i])
	case types.Date:
		d := v.I[i]
		if !datePart && (u <= hour || u >= timezone) {
			return part{}, unsupported(name, t)
		}
		if !types.IsFinite(d) {
			return infinitePart(u, d)
		}
		if u == julian && !datePart {
			return part{v: d + 2440588}, nil
		}
		if u == epoch && !datePart {
			return part{v: d * 86400}, nil
		}
		us, err := dateMicros(d)
		if err != nil {
			return part{}, err
		}
		return stampPart(u, name, timestampT, us, 0)
	}
	us := v.I[i]
	if !types.IsFinite(us) {
		return infinitePart(u, us)
	}
	off := 0
	if t.ID == types.Timestamptz {
		off, _ = types.OffsetAt(c.Env.Location(), us)
	}
	return stampPart(u, name, t, us, off)
}

// infinitePart: what grows without bound is infinite, what goes round is NULL.
func infinitePart(u unit, v int64) (part, error) {
	switch u {
	case year, decade, century, millennium, julian, isoYear, epoch:
		if v < 0 {
			return part{inf: -1}, nil
		}
		return part{inf: 1}, nil
	}
	return part{null: true}, nil
}

func clockPart(u unit, clock int64) (part, bool) {
	switch u {
	case microseconds:
		return part{v: clock % types.MicrosPerMinute}, true
	case milliseconds:
		return part{v: clock % types.MicrosPerMinute, scale: 3}, true
	case second:
		return part{v: clock % types.MicrosPerMinute, scale: 6}, true
	case minute:
		return part{v: clock / types.MicrosPerMinute % 60}, true
	case hour:
		return part{v: clock / types.MicrosPerHour}, true
	}
	return part{}, false
}

func timePart(u unit, name []byte, clock int64) (part, error) {
	if p, ok := clockPart(u, clock); ok {
		return p, nil
	}
	if u == epoch {
		return part{v: clock, scale: 6}, nil
	}
	return part{}, unsupported(name, timeT)
}

func spanPart(u unit, name []byte, v types.IntervalValue) (part, error) {
	if p, ok := clockPart(u, v.Micros); ok {
		return p, nil
	}
	y, m := int64(v.Months/12), int64(v.Months%12)
	switch u {
	case day:
		return part{v: int64(v.Days)}, nil
	case month:
		return part{v: m}, nil
	case quarter:
		return part{v: m/3 + 1}, nil
	case year:
		return part{v: y}, nil
	case decade:
		return part{v: y / 10}, nil
	case century:
		return part{v: y / 100}, nil
	case millennium:
		return part{v: y / 1000}, nil
	case epoch:
		// A year is 365.25 days here.
		secs := y*31557600 + m*30*86400 + int64(v.Days)*86400
		if secs > 9e12 || secs < -9e12 {
			num, err := types.NumericAdd(nil, types.NumericFromInt64(nil, secs), types.NumericFromScaled(nil, v.Micros, 6))
			return part{num: num}, err
		}
		return part{v: secs*1e6 + v.Micros, scale: 6}, nil
	}
	return part{}, unsupported(name, intervalT)
}

// spanEpoch is date_part's epoch of an interval, with the rounding of its float arithmetic.
func spanEpoch(v types.IntervalValue) float64 {
	out := float64(v.Micros) / 1e6
	out += 365.25 * 86400 * float64(v.Months/12)
	out += 30 * 86400 * float64(v.Months%12)
	return out + 86400*float64(v.Days)
}

func stampPart(u unit, name []byte, t types.Type, us int64, off int) (part, error) {
	days, clock := types.SplitMicros(us + int64(off)*types.MicrosPerSecond)
	if p, ok := clockPart(u, clock); ok {
		return p, nil
	}
	y, m, d := types.CivilFromDays(days)
	switch u {
	case day:
		return part{v: int64(d)}, nil
	case month:
		return part{v: int64(m)}, nil
	case quarter:
		return part{v: int64((m-1)/3 + 1)}, nil
	case week:
		_, w := isoWeek(days)
		return part{v: int64(w)}, nil
	case year:
		return part{v: eraYear(y)}, nil
	case isoYear:
		iy, _ := isoWeek(days)
		return part{v: eraYear(iy)}, nil
	case decade:
		return part{v: floorDiv(int64(y), 10)}, nil
	case century:
		return part{v: eraGroup(y, 100)}, nil
	case millennium:
		return part{v: eraGroup(y, 1000)}, nil
	case dow:
		return part{v: int64(weekday(days))}, nil
	case isoDow:
		return part{v: int64((weekday(days)+6)%7 + 1)}, nil
	case doy:
		return part{v: days - types.DaysFromCivil(y, 1, 1) + 1}, nil
	case epoch:
		return part{v: us, scale: 6}, nil
	case julian:
		frac, err := types.NumericDiv(nil, types.NumericFromInt64(nil, clock), types.NumericFromInt64(nil, types.MicrosPerDay))
		if err != nil {
			return part{}, err
		}
		num, err := types.NumericAdd(nil, types.NumericFromInt64(nil, days+2440588), frac)
		return part{num: num}, err
	}
	if t.ID == types.Timestamptz {
		switch u {
		case timezone:
			return part{v: int64(off)}, nil
		case timezoneHour:
			return part{v: int64(off / 3600)}, nil
		case timezoneMinute:
			return part{v: int64(off / 60 % 60)}, nil
		}
	}
	return part{}, unsupported(name, t)
}
