package math

import (
	"math"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// seriesMax bounds the rows of one series: generate_series(1, 9e18) must fail, not fill the memory.
const seriesMax = 100_000_000

const seriesFamily = "Set returning"

func init() {
	for _, t := range []types.Type{int4, int8} {
		for _, args := range [][]types.Type{{t, t}, {t, t, t}} {
			series(args, t, intSeries, "Integers from start to stop.", "SELECT * FROM generate_series(2, 4)", "2\n3\n4")
		}
	}
	for _, args := range [][]types.Type{{numeric, numeric}, {numeric, numeric, numeric}} {
		series(args, numeric, numericSeries, "Numbers from start to stop, 1 or the given step apart.",
			"SELECT * FROM generate_series(1.1, 2.5, 0.5)", "1.1\n1.6\n2.1")
	}
	ts, tstz, interval := types.T(types.Timestamp), types.T(types.Timestamptz), types.T(types.Interval)
	series([]types.Type{ts, ts, interval}, ts, timeSeries, "Timestamps from start to stop, the given interval apart.",
		"SELECT * FROM generate_series(timestamp '2024-01-31', '2024-04-01', '1 month')",
		"2024-01-31 00:00:00\n2024-02-29 00:00:00\n2024-03-29 00:00:00")
	series([]types.Type{tstz, tstz, interval}, tstz, timeSeries, "Timestamps from start to stop, the given interval apart, days in the session's time zone.",
		"SELECT count(*) FROM generate_series(timestamptz '2024-01-01', '2024-01-02', '1 hour')", "25")
}

func series(args []types.Type, t types.Type, f func(*fn.Ctx, []types.Datum, *rows.Builder) error, summary, sql, result string) {
	spec := fn.Table{Name: "generate_series", Args: args, Columns: []types.Field{{Name: "generate_series", Type: t}},
		Family: seriesFamily, Summary: summary, Examples: []fn.Example{{SQL: sql, Result: result}}}
	if t.ID == types.Timestamptz {
		spec.Volatility = fn.Stable
	}
	spec.Rows = func(c *fn.Ctx, args []types.Datum, out *rows.Builder) error {
		for _, a := range args {
			if a.Null {
				return nil
			}
		}
		return f(c, args, out)
	}
	fn.RegisterTable(spec)
}

func tooLong() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "generate_series would return more than %d rows", seriesMax)
}

func zeroStep() error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "step size cannot equal zero")
}

func intSeries(_ *fn.Ctx, args []types.Datum, out *rows.Builder) error {
	start, stop, step := args[0].I, args[1].I, int64(1)
	if len(args) == 3 {
		step = args[2].I
	}
	if step == 0 {
		return zeroStep()
	}
	if step > 0 && start > stop || step < 0 && start < stop {
		return nil
	}
	span, by := uint64(stop)-uint64(start), uint64(step)
	if step < 0 {
		span, by = -span, -by
	}
	if span/by >= seriesMax {
		return tooLong()
	}
	for k := range span/by + 1 {
		out.Cols[0].AppendInt(start + int64(k)*step)
		out.EndRow(1)
	}
	return nil
}

func numericSeries(_ *fn.Ctx, args []types.Datum, out *rows.Builder) error {
	step := types.NumericFromInt64(nil, 1)
	if len(args) == 3 {
		step = args[2].S
	}
	for i, what := range []string{"start", "stop", "step size"} {
		v := step
		if i < 2 {
			v = args[i].S
		}
		switch {
		case types.NumericIsNaN(v):
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s value cannot be NaN", what)
		case types.NumericIsInf(v):
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s value cannot be infinity", what)
		}
	}
	dir := types.NumericSign(step)
	if dir == 0 {
		return zeroStep()
	}
	at, stop := args[0].S, args[1].S
	for n := 0; types.NumericCmp(at, stop)*dir <= 0; n++ {
		if n >= seriesMax {
			return tooLong()
		}
		out.Cols[0].AppendBytes(at)
		out.EndRow(1)
		next, err := types.NumericAdd(nil, at, step)
		if err != nil {
			return err
		}
		at = next
	}
	return nil
}

// timeSeries steps by calendar: each value is the one before plus the interval, so a month-end
// that was shortened stays short, as in Postgres.
func timeSeries(c *fn.Ctx, args []types.Datum, out *rows.Builder) error {
	at, stop, step := args[0].I, args[1].I, types.IntervalOf(args[2].S)
	dir := step.Cmp(types.IntervalValue{})
	if dir == 0 {
		return zeroStep()
	}
	zone := c.Env.Location()
	for n := 0; dir > 0 && at <= stop || dir < 0 && at >= stop; n++ {
		if n >= seriesMax {
			return tooLong()
		}
		out.Cols[0].AppendInt(at)
		out.EndRow(1)
		if !types.IsFinite(at) {
			return tooLong() // an infinite start never gets anywhere
		}
		local := at
		if args[0].Type.ID == types.Timestamptz && (step.Months != 0 || step.Days != 0) {
			local = types.InstantMicros(addCalendar(types.LocalMicros(at, zone), step), zone)
		} else {
			local = addCalendar(at, step)
		}
		next := local + step.Micros
		if step.Micros > 0 && next < local || step.Micros < 0 && next > local || next == math.MaxInt64 {
			return sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
		}
		at = next
	}
	return nil
}

// addCalendar adds the months and days of an interval to a local time.
func addCalendar(us int64, step types.IntervalValue) int64 {
	days, clock := types.SplitMicros(us)
	if step.Months != 0 {
		y, m, d := types.CivilFromDays(days)
		month := y*12 + m - 1 + int(step.Months)
		y, m = month/12, month%12+1
		if m < 1 {
			y, m = y-1, m+12
		}
		days = types.DaysFromCivil(y, m, min(d, types.DaysInMonth(y, m)))
	}
	return (days+int64(step.Days))*types.MicrosPerDay + clock
}
