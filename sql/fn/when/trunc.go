package when

import (
	"time"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	def("date_trunc", sig(textT, timestampT), timestampT, intRows(timestampT, func(_ *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		if !types.IsFinite(a[1].I[i]) {
			return a[1].I[i], nil
		}
		u, err := unitOf(a[0].Bytes(i), timestampT)
		if err != nil {
			return 0, err
		}
		return truncLocal(u, a[0].Bytes(i), timestampT, a[1].I[i])
	}), "Cuts a timestamp to a unit.", "select date_trunc('hour', timestamp '2001-02-16 20:38:40')", "2001-02-16 20:00:00")
	def("date_trunc", sig(textT, timestamptzT), timestamptzT, intRows(timestamptzT, func(c *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		return truncInstant(a[0].Bytes(i), a[1].I[i], c.Env.Location())
	}), "Cuts an instant to a unit of the session's wall clock.",
		"select date_trunc('hour', timestamptz '2001-02-16 20:38:40+00') at time zone 'UTC'", "2001-02-16 20:00:00")
	def("date_trunc", sig(textT, timestamptzT, textT), timestamptzT, intRows(timestamptzT, func(_ *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		if !types.IsFinite(a[1].I[i]) {
			return a[1].I[i], nil
		}
		loc, err := types.ParseZone(view(a[2].Bytes(i)))
		if err != nil {
			return 0, err
		}
		return truncInstant(a[0].Bytes(i), a[1].I[i], loc)
	}), "Cuts an instant to a unit of the wall clock in a zone.",
		"select date_trunc('day', timestamptz '2001-02-16 20:38:40+00', 'Australia/Sydney') at time zone 'UTC'", "2001-02-16 13:00:00")
	def("date_trunc", sig(textT, intervalT), intervalT, spanRows(func(_ *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) {
		return truncSpan(a[0].Bytes(i), span(a[1], i))
	}), "Cuts an interval to a unit.", "select date_trunc('hour', interval '2 days 3 hours 40 minutes')", "2 days 03:00:00")
	for _, t := range []types.Type{timestampT, timestamptzT} {
		def("date_bin", sig(intervalT, t, t), t, intRows(t, func(_ *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
			return dateBin(span(a[0], i), a[1].I[i], a[2].I[i])
		}), "Returns the start of the bin of a given width, counted from an origin, that a time is in.",
			"select date_bin('15 minutes', "+t.Name()+" '2001-02-16 20:38:40', "+t.Name()+" '2001-02-16 20:05:00') = '2001-02-16 20:35:00'", "t")
		def("age", sig(t, t), intervalT, spanRows(func(c *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) {
			x, y := a[0].I[i], a[1].I[i]
			if t.ID == types.Timestamptz {
				x, y = types.LocalMicros(x, c.Env.Location()), types.LocalMicros(y, c.Env.Location())
			}
			return age(x, y)
		}), "Subtracts by the calendar: years, months and days, then time.",
			"select age("+t.Name()+" '2001-04-10', "+t.Name()+" '1957-06-13')", "43 years 9 mons 27 days")
		fn.RegisterScalar(fn.Scalar{Name: "age", Args: sig(t), Ret: intervalT, Strict: true, Volatility: fn.Stable,
			Kernel: spanRows(func(c *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) {
				d, _ := types.SplitMicros(types.LocalMicros(c.Now, c.Env.Location()))
				y := a[0].I[i]
				if t.ID == types.Timestamptz {
					y = types.LocalMicros(y, c.Env.Location())
				}
				return age(d*types.MicrosPerDay, y)
			}), Family: familyClock, Summary: "Subtracts from today's midnight by the calendar.",
			Examples: []fn.Example{{SQL: "select age(current_date::" + t.Name() + ")", Result: "00:00:00"}}})
	}
}

// truncLocal cuts a finite wall-clock time.
func truncLocal(u unit, name []byte, t types.Type, us int64) (int64, error) {
	days, clock := types.SplitMicros(us)
	step := int64(0)
	switch u {
	case microseconds:
		return us, nil
	case milliseconds:
		step = 1000
	case second:
		step = types.MicrosPerSecond
	case minute:
		step = types.MicrosPerMinute
	case hour:
		step = types.MicrosPerHour
	}
	if step > 0 {
		return us - clock%step, nil
	}
	y, m, _ := types.CivilFromDays(days)
	switch u {
	case day:
		return us - clock, nil
	case week:
		days -= int64(weekday(days)+6) % 7
		return days * types.MicrosPerDay, nil
	case month:
	case quarter:
		m = (m-1)/3*3 + 1
	case year:
		m = 1
	case decade: // decades run from …0 to …9 and count through year 0
		y, m = int(floorDiv(int64(y), 10))*10, 1
	case century:
		y, m = int(floorDiv(int64(y)-1, 100))*100+1, 1
	case millennium:
		y, m = int(floorDiv(int64(y)-1, 1000))*1000+1, 1
	default:
		return 0, noTrunc(u, name, t)
	}
	return types.DaysFromCivil(y, m, 1) * types.MicrosPerDay, nil
}

// truncInstant cuts an instant in a zone. A day or more is found anew in the zone, since its start
// may have another offset; less keeps the offset, since the hour may occur twice.
func truncInstant(name []byte, us int64, loc *time.Location) (int64, error) {
	if !types.IsFinite(us) {
		return us, nil
	}
	u, err := unitOf(name, timestamptzT)
	if err != nil {
		return 0, err
	}
	local := types.LocalMicros(us, loc)
	cut, err := truncLocal(u, name, timestamptzT, local)
	if err != nil {
		return 0, err
	}
	if u < day {
		return us - (local - cut), nil
	}
	return types.InstantMicros(cut, loc), nil
}

// noTrunc is the error for fields that times have but cannot be cut to.
func noTrunc(u unit, name []byte, t types.Type) *sqlerr.Error {
	if u >= isoYear && u <= epoch {
		return unknownUnit(name, t)
	}
	return unsupported(name, t)
}

func truncSpan(name []byte, v types.IntervalValue) (types.IntervalValue, error) {
	u, err := unitOf(name, intervalT)
	if err != nil {
		return v, err
	}
	step := map[unit]int64{microseconds: 1, milliseconds: 1000, second: types.MicrosPerSecond,
		minute: types.MicrosPerMinute, hour: types.MicrosPerHour}[u]
	months := map[unit]int32{month: 1, quarter: 3, year: 12, decade: 120, century: 1200, millennium: 12000}[u]
	switch {
	case step > 0:
		v.Micros = v.Micros / step * step
	case u == day:
		v.Micros = 0
	case months > 0:
		v = types.IntervalValue{Months: v.Months / months * months}
	default:
		err := noTrunc(u, name, intervalT)
		if u == week {
			err = err.WithDetail("Months usually have fractional weeks.")
		}
		return v, err
	}
	return v, nil
}

func dateBin(stride types.IntervalValue, us, origin int64) (int64, error) {
	if !types.IsFinite(us) {
		return us, nil
	}
	switch {
	case !types.IsFinite(origin):
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "origin out of range")
	case stride.Months != 0:
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "timestamps cannot be binned into intervals containing months or years")
	}
	width := int64(stride.Days)*types.MicrosPerDay + stride.Micros
	if width <= 0 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "stride must be greater than zero")
	}
	diff := us - origin
	if (diff > 0) != (us > origin) && diff != 0 {
		return 0, outOfRange("interval")
	}
	return origin + floorDiv(diff, width)*width, nil
}

// age subtracts field by field, borrowing days from the month that the earlier time is in.
func age(x, y int64) (types.IntervalValue, error) {
	if !types.IsFinite(x) || !types.IsFinite(y) {
		return types.IntervalValue{}, outOfRange("timestamp")
	}
	sign := int64(1)
	if x < y {
		x, y, sign = y, x, -1
	}
	xd, xc := types.SplitMicros(x)
	yd, yc := types.SplitMicros(y)
	xy, xm, xday := types.CivilFromDays(xd)
	yy, ym, yday := types.CivilFromDays(yd)
	clock := xc - yc
	days, months := int64(xday-yday), int64(xy-yy)*12+int64(xm-ym)
	if clock < 0 {
		clock += types.MicrosPerDay
		days--
	}
	for days < 0 {
		days += int64(types.DaysInMonth(yy, ym))
		months--
	}
	return types.IntervalValue{Months: int32(sign * months), Days: int32(sign * days), Micros: sign * clock}, nil
}
