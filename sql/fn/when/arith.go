package when

import (
	"math"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func roundHalfEven(x float64) int64 { return int64(math.RoundToEven(x)) }

// fromEpoch is to_timestamp(double precision).
func fromEpoch(secs float64) (int64, error) {
	switch {
	case math.IsInf(secs, 1):
		return types.TimeInfinity, nil
	case math.IsInf(secs, -1):
		return types.TimeNegInfinity, nil
	case math.IsNaN(secs):
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp cannot be NaN")
	}
	us := math.RoundToEven(secs * 1e6)
	if us < float64(types.MinMicros) || us >= 9.2e18 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range: \"%g\"", secs)
	}
	return int64(us), nil
}

func negated(v types.IntervalValue) (types.IntervalValue, error) { return v.Neg() }

func same(v types.IntervalValue) (types.IntervalValue, error) { return v, nil }

func init() {
	registerDateMath()
	registerSpanMath()
	for _, sub := range []bool{false, true} {
		op, turn := "+", same
		if sub {
			op, turn = "-", negated
		}
		// x ± interval and, for +, interval + x
		add := func(left types.Type, ret types.Type, f func(c *fn.Ctx, x int64, v types.IntervalValue) (int64, error), ex ...string) {
			k := func(x, s int) fn.Kernel {
				return intRows(ret, func(c *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
					v, err := turn(span(a[s], i))
					if err != nil {
						return 0, err
					}
					return f(c, a[x].I[i], v)
				})
			}
			doc := "Adds an interval: months first, then days, then time."
			if sub {
				doc = "Subtracts an interval: months first, then days, then time."
			}
			def(op, sig(left, intervalT), ret, k(0, 1), doc, ex...)
			if !sub {
				def(op, sig(intervalT, left), ret, k(1, 0), doc, ex...)
			}
		}
		stamp := func(_ *fn.Ctx, x int64, v types.IntervalValue) (int64, error) { return v.AddToTimestamp(x) }
		add(timestampT, timestampT, stamp, "select timestamp '2001-09-28 01:00' "+op+" interval '23 hours'",
			map[bool]string{false: "2001-09-29 00:00:00", true: "2001-09-27 02:00:00"}[sub])
		add(timestamptzT, timestamptzT, func(c *fn.Ctx, x int64, v types.IntervalValue) (int64, error) {
			return v.AddToInstant(x, &c.Env)
		}, "select (timestamptz '2001-09-28 01:00+00' "+op+" interval '23 hours') at time zone 'UTC'",
			map[bool]string{false: "2001-09-29 00:00:00", true: "2001-09-27 02:00:00"}[sub])
		add(dateT, timestampT, func(c *fn.Ctx, d int64, v types.IntervalValue) (int64, error) {
			us, err := dateMicros(d)
			if err != nil {
				return 0, err
			}
			return stamp(c, us, v)
		}, "select date '2001-09-28' "+op+" interval '1 hour'",
			map[bool]string{false: "2001-09-28 01:00:00", true: "2001-09-27 23:00:00"}[sub])
		add(timeT, timeT, func(_ *fn.Ctx, t int64, v types.IntervalValue) (int64, error) {
			t = (t + v.Micros%types.MicrosPerDay) % types.MicrosPerDay
			if t < 0 {
				t += types.MicrosPerDay
			}
			return t, nil
		}, "select time '05:00' "+op+" interval '2 hours'", map[bool]string{false: "07:00:00", true: "03:00:00"}[sub])
	}
}

// dateMicros turns a date into its midnight.
func dateMicros(d int64) (int64, error) {
	if !types.IsFinite(d) {
		return d, nil
	}
	us := d * types.MicrosPerDay
	if us/types.MicrosPerDay != d || us > types.MaxMicros {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range for timestamp")
	}
	return us, nil
}

func registerDateMath() {
	shift := func(d, n int64) (int64, error) {
		if !types.IsFinite(d) {
			return d, nil
		}
		if d += n; d < types.MinMicros/types.MicrosPerDay || d > 2145042905 {
			return 0, outOfRange("date")
		}
		return d, nil
	}
	def("+", sig(dateT, int4T), dateT, fn.BinaryE(dateT, shift), "Adds days to a date.", "select date '2001-09-28' + 7", "2001-10-05")
	def("+", sig(int4T, dateT), dateT, fn.BinaryE(dateT, func(n, d int64) (int64, error) { return shift(d, n) }),
		"Adds days to a date.", "select 7 + date '2001-09-28'", "2001-10-05")
	def("-", sig(dateT, int4T), dateT, fn.BinaryE(dateT, func(d, n int64) (int64, error) { return shift(d, -n) }),
		"Subtracts days from a date.", "select date '2001-10-01' - 7", "2001-09-24")
	def("-", sig(dateT, dateT), int4T, fn.BinaryE(int4T, func(a, b int64) (int64, error) {
		if !types.IsFinite(a) || !types.IsFinite(b) {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite dates")
		}
		return a - b, nil
	}), "Returns the days between two dates.", "select date '2001-10-01' - date '2001-09-28'", "3")
	at := func(d, t int64) (int64, error) {
		us, err := dateMicros(d)
		if err != nil || !types.IsFinite(d) {
			return us, err
		}
		return us + t, nil
	}
	def("+", sig(dateT, timeT), timestampT, fn.BinaryE(timestampT, at), "Joins a date and a time.", "select date '2001-09-28' + time '03:00'", "2001-09-28 03:00:00")
	def("+", sig(timeT, dateT), timestampT, fn.BinaryE(timestampT, func(t, d int64) (int64, error) { return at(d, t) }),
		"Joins a time and a date.", "select time '03:00' + date '2001-09-28'", "2001-09-28 03:00:00")
	def("-", sig(timeT, timeT), intervalT, spanRows(func(_ *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) {
		return types.IntervalValue{Micros: a[0].I[i] - a[1].I[i]}, nil
	}), "Returns the interval between two times.", "select time '05:00' - time '03:00'", "02:00:00")
	diff := spanRows(func(_ *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) {
		return types.TimestampDiff(a[0].I[i], a[1].I[i])
	})
	for _, t := range []types.Type{timestampT, timestamptzT} {
		def("-", sig(t, t), intervalT, diff, "Returns the interval between two points in time, in days and time.",
			"select "+t.Name()+" '2001-09-29 03:00' - "+t.Name()+" '2001-07-27 12:00'", "63 days 15:00:00")
	}
}

func registerSpanMath() {
	bin := func(f func(a, b types.IntervalValue) (types.IntervalValue, error)) fn.Kernel {
		return spanRows(func(_ *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) {
			return f(span(a[0], i), span(a[1], i))
		})
	}
	def("+", sig(intervalT, intervalT), intervalT, bin(types.IntervalValue.Add), "Adds two intervals.", "select interval '1 day' + interval '1 hour'", "1 day 01:00:00")
	def("-", sig(intervalT, intervalT), intervalT, bin(types.IntervalValue.Sub), "Subtracts two intervals.", "select interval '1 day' - interval '1 hour'", "1 day -01:00:00")
	def("-", sig(intervalT), intervalT, spanRows(func(_ *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) { return span(a[0], i).Neg() }),
		"Negates an interval.", "select - interval '23 hours'", "-23:00:00")
	scaled := func(s, x int, f func(types.IntervalValue, float64) (types.IntervalValue, error)) fn.Kernel {
		return spanRows(func(_ *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) { return f(span(a[s], i), a[x].F[i]) })
	}
	def("*", sig(intervalT, floatT), intervalT, scaled(0, 1, types.IntervalValue.Mul), "Multiplies an interval.", "select interval '1 hour' * 3.5", "03:30:00")
	def("*", sig(floatT, intervalT), intervalT, scaled(1, 0, types.IntervalValue.Mul), "Multiplies an interval.", "select 21 * interval '1 day'", "21 days")
	def("/", sig(intervalT, floatT), intervalT, scaled(0, 1, types.IntervalValue.Div), "Divides an interval.", "select interval '1 hour' / 1.5", "00:40:00")
	for _, v := range []struct {
		name, doc string
		f         func(types.IntervalValue) (types.IntervalValue, error)
		ex        [2]string
	}{
		{"justify_hours", "Turns 24-hour periods into days.", types.IntervalValue.JustifyHours, [2]string{"select justify_hours(interval '27 hours')", "1 day 03:00:00"}},
		{"justify_days", "Turns 30-day periods into months.", types.IntervalValue.JustifyDays, [2]string{"select justify_days(interval '35 days')", "1 mon 5 days"}},
		{"justify_interval", "Turns 24-hour and 30-day periods into days and months and makes the signs agree.", types.IntervalValue.JustifyInterval, [2]string{"select justify_interval(interval '1 mon -1 hour')", "29 days 23:00:00"}},
	} {
		def(v.name, sig(intervalT), intervalT, spanRows(func(_ *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) {
			return v.f(span(a[0], i))
		}), v.doc, v.ex[0], v.ex[1])
	}
}
