package when

import (
	"math"
	"strconv"
	"strings"
	"time"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	now := func(c *fn.Ctx) int64 { return c.Now }
	local := func(c *fn.Ctx) int64 { return types.LocalMicros(c.Now, c.Env.Location()) }
	for _, v := range []struct {
		name, summary, example string
		ret                    types.Type
		vol                    fn.Volatility
		precision              bool // has a form with a number of fractional digits
		f                      func(c *fn.Ctx) int64
	}{
		{"now", "Returns the start time of the transaction.", "select now() = transaction_timestamp()", timestamptzT, fn.Stable, false, now},
		{"transaction_timestamp", "Returns the start time of the transaction.", "select now() = transaction_timestamp()", timestamptzT, fn.Stable, false, now},
		{"current_timestamp", "Returns the start time of the transaction.", "select current_timestamp = now()", timestamptzT, fn.Stable, true, now},
		{"statement_timestamp", "Returns the start time of the statement.", "select statement_timestamp() >= now()", timestamptzT, fn.Stable, false, now},
		{"clock_timestamp", "Returns the time of the call.", "select clock_timestamp() >= now()", timestamptzT, fn.Volatile, false,
			func(*fn.Ctx) int64 { return time.Now().UnixMicro() }},
		{"localtimestamp", "Returns the start time of the transaction in the session's zone.", "select localtimestamp = now()::timestamp", timestampT, fn.Stable, true, local},
		{"localtime", "Returns the time of day at the start of the transaction.", "select localtime = now()::time", timeT, fn.Stable, true,
			func(c *fn.Ctx) int64 { _, clock := types.SplitMicros(local(c)); return clock }},
		{"current_date", "Returns the date at the start of the transaction.", "select current_date = now()::date", dateT, fn.Stable, false,
			func(c *fn.Ctx) int64 { d, _ := types.SplitMicros(local(c)); return d }},
	} {
		constant := func(mod int32) fn.Kernel {
			return func(c *fn.Ctx, _ []*rows.Vec, _ []int32, n int) *rows.Vec {
				d := types.Datum{Type: v.ret, I: v.f(c)}
				if mod >= 0 {
					d.I = types.RoundMicros(d.I, mod)
				}
				return rows.Const(d, n)
			}
		}
		fn.RegisterScalar(fn.Scalar{Name: v.name, Ret: v.ret, Volatility: v.vol, Strict: true, Kernel: constant(-1),
			Family: familyClock, Summary: v.summary, Examples: []fn.Example{{SQL: v.example, Result: "t"}}})
		if v.precision {
			fn.RegisterScalar(fn.Scalar{Name: v.name, Args: sig(int4T), Ret: v.ret, Volatility: v.vol, Strict: true,
				Kernel: intRows(v.ret, func(c *fn.Ctx, args []*rows.Vec, i int) (int64, error) {
					return types.RoundMicros(v.f(c), int32(min(max(args[0].I[i], 0), 6))), nil
				}), Family: familyClock, Summary: v.summary + " The argument is the number of fractional digits.",
				Examples: []fn.Example{{SQL: "select " + v.name + "(6) = " + v.name, Result: "t"}}})
		}
	}
	registerZones()
	registerMake()
	finite := func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := fn.NewFixed[bool](c, boolT, n)
		out.Valid = args[0].Valid
		fn.Each(sel, n, out.Valid, func(i int) { o[i] = types.IsFinite(args[0].I[i]) })
		return out
	}
	for _, t := range []types.Type{dateT, timestampT, timestamptzT} {
		def("isfinite", sig(t), boolT, finite, "Tells whether a date or time is not infinite.", "select isfinite('infinity'::"+t.Name()+")", "f")
	}
	def("isfinite", sig(intervalT), boolT, fn.OfBytes(boolT, func([]byte) bool { return true }),
		"Tells whether an interval is not infinite, which none is.", "select isfinite(interval '4 hours')", "t")
}

// registerZones registers timezone(zone, x), which AT TIME ZONE is.
func registerZones() {
	const doc = "Converts between a wall clock in a zone and an instant: x AT TIME ZONE zone."
	zoneOf := func(v *rows.Vec, i int) (*time.Location, error) {
		if v.Type.ID == types.Interval {
			s := span(v, i)
			if s.Months != 0 || s.Days != 0 {
				return nil, sqlerr.New(sqlerr.InvalidParameterValue, "interval time zone \"%s\" must not include months or days",
					types.AppendIntervalText(nil, s, ""))
			}
			return time.FixedZone("", int(s.Micros/types.MicrosPerSecond)), nil
		}
		return types.ParseZone(string(v.Bytes(i)))
	}
	convert := func(ret types.Type, f func(us int64, loc *time.Location) int64) fn.Kernel {
		return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
			var last string
			var loc *time.Location
			return intRows(ret, func(_ *fn.Ctx, args []*rows.Vec, i int) (int64, error) {
				if !types.IsFinite(args[1].I[i]) {
					return args[1].I[i], nil
				}
				if z := view(args[0].Bytes(i)); loc == nil || z != last {
					l, err := zoneOf(args[0], i)
					if err != nil {
						return 0, err
					}
					loc, last = l, z
				}
				return f(args[1].I[i], loc), nil
			})(c, args, sel, n)
		}
	}
	for _, z := range []types.Type{textT, intervalT} {
		lit := map[types.ID]string{types.Text: "'America/Denver'", types.Interval: "interval '-7 hours'"}[z.ID]
		def("timezone", sig(z, timestamptzT), timestampT, convert(timestampT, types.LocalMicros), doc,
			"select timestamptz '2001-02-16 20:38:40-05' at time zone "+lit, "2001-02-16 18:38:40")
		def("timezone", sig(z, timestampT), timestamptzT, convert(timestamptzT, types.InstantMicros), doc,
			"select (timestamp '2001-02-16 20:38:40' at time zone "+lit+") at time zone 'UTC'", "2001-02-17 03:38:40")
	}
}

func registerMake() {
	makeDate := func(y, m, d int64) (int64, error) {
		year := int(y)
		if y < 0 {
			year++ // there is no year 0
		}
		if y == 0 || m < 1 || m > 12 || d < 1 || d > 31 {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date field value out of range: %d-%02d-%02d", year, m, d)
		}
		if y > 5874897 || y < -4714 {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: %d-%02d-%02d", y, m, d)
		}
		if int(d) > types.DaysInMonth(year, int(m)) {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date field value out of range: %d-%02d-%02d", year, m, d)
		}
		return types.DaysFromCivil(year, int(m), int(d)), nil
	}
	makeTime := func(h, m int64, s float64) (int64, error) {
		if h < 0 || h > 24 || m < 0 || m > 59 || !(s >= 0 && s <= 60) || h == 24 && (m > 0 || s > 0) {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "time field value out of range: %d:%02d:%s", h, m, sixDigits(s))
		}
		return h*types.MicrosPerHour + m*types.MicrosPerMinute + int64(s*1e6+0.5), nil
	}
	def("make_date", sig(int4T, int4T, int4T), dateT, intRows(dateT, func(_ *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		return makeDate(a[0].I[i], a[1].I[i], a[2].I[i])
	}), "Makes a date of year, month and day; a negative year is BC.", "select make_date(2013, 7, 15)", "2013-07-15")
	def("make_time", sig(int4T, int4T, floatT), timeT, intRows(timeT, func(_ *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		return makeTime(a[0].I[i], a[1].I[i], a[2].F[i])
	}), "Makes a time of hour, minute and seconds.", "select make_time(8, 15, 23.5)", "08:15:23.5")
	stamp := func(a []*rows.Vec, i int) (int64, error) {
		d, err := makeDate(a[0].I[i], a[1].I[i], a[2].I[i])
		if err != nil {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date field value out of range: %d-%02d-%02d",
				a[0].I[i], a[1].I[i], a[2].I[i])
		}
		t, err := makeTime(a[3].I[i], a[4].I[i], a[5].F[i])
		return d*types.MicrosPerDay + t, err
	}
	six := sig(int4T, int4T, int4T, int4T, int4T, floatT)
	def("make_timestamp", six, timestampT, intRows(timestampT, func(_ *fn.Ctx, a []*rows.Vec, i int) (int64, error) { return stamp(a, i) }),
		"Makes a timestamp of its fields.", "select make_timestamp(2013, 7, 15, 8, 15, 23.5)", "2013-07-15 08:15:23.5")
	def("make_timestamptz", six, timestamptzT, intRows(timestamptzT, func(c *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		us, err := stamp(a, i)
		return types.InstantMicros(us, c.Env.Location()), err
	}), "Makes a timestamp with time zone of its fields, in the session's zone.",
		"select make_timestamptz(2013, 7, 15, 8, 15, 23.5) at time zone current_setting('TimeZone')", "2013-07-15 08:15:23.5")
	def("make_timestamptz", append(append([]types.Type{}, six...), textT), timestamptzT, intRows(timestamptzT, func(_ *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		us, err := stamp(a, i)
		if err != nil {
			return 0, err
		}
		loc, err := types.ParseZone(string(a[6].Bytes(i)))
		return types.InstantMicros(us, loc), err
	}), "Makes a timestamp with time zone of its fields, in the given zone.",
		"select make_timestamptz(2013, 7, 15, 8, 15, 23.5, 'Europe/Berlin') at time zone 'UTC'", "2013-07-15 06:15:23.5")
	span := spanRows(func(_ *fn.Ctx, a []*rows.Vec, i int) (types.IntervalValue, error) {
		get := func(k int) int64 {
			if k < len(a) {
				return a[k].I[i]
			}
			return 0
		}
		months, days := get(0)*12+get(1), get(2)*7+get(3)
		secs := 0.0
		if len(a) > 6 {
			secs = a[6].F[i]
		}
		us := float64(get(4)*types.MicrosPerHour+get(5)*types.MicrosPerMinute) + secs*1e6
		if months != int64(int32(months)) || days != int64(int32(days)) || !(us > -9.2e18 && us < 9.2e18) {
			return types.IntervalValue{}, outOfRange("interval")
		}
		micros := get(4)*types.MicrosPerHour + get(5)*types.MicrosPerMinute + roundHalfEven(secs*1e6)
		return types.IntervalValue{Months: int32(months), Days: int32(days), Micros: micros}, nil
	})
	all := sig(int4T, int4T, int4T, int4T, int4T, int4T, floatT)
	for n := 0; n <= 7; n++ {
		ex := []string{"select make_interval(days => 10)", "10 days"}
		k := span
		if n == 0 {
			k = func(_ *fn.Ctx, _ []*rows.Vec, _ []int32, n int) *rows.Vec {
				return rows.Const(types.IntervalDatum(types.IntervalValue{}), n)
			}
		}
		def("make_interval", all[:n], intervalT, k, "Makes an interval of years, months, weeks, days, hours, minutes and seconds.", ex...)
	}
	def("to_timestamp", sig(floatT), timestamptzT, fn.UnaryE(timestamptzT, fromEpoch),
		"Converts seconds since 1970-01-01 00:00 UTC to an instant.", "select to_timestamp(1284352323) at time zone 'UTC'", "2010-09-13 04:32:03")
}

// sixDigits writes a number as C's %02g does.
func sixDigits(f float64) string {
	s := strconv.FormatFloat(f, 'g', 6, 64)
	switch {
	case f != f:
		return "nan"
	case math.IsInf(f, 0):
		return strings.ToLower(strings.TrimPrefix(s, "+"))
	case len(s) < 2:
		return "0" + s
	}
	return s
}
