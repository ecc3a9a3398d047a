package cast

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

var clockKernels = map[pair]kernelFor{
	{types.Date, types.Timestamp}:          dateToTimestamp,
	{types.Date, types.Timestamptz}:        dateToTimestamp,
	{types.Timestamp, types.Date}:          timestampToDate,
	{types.Timestamptz, types.Date}:        timestampToDate,
	{types.Timestamp, types.Time}:          timestampToTime,
	{types.Timestamptz, types.Time}:        timestampToTime,
	{types.Timestamp, types.Timestamptz}:   rezone,
	{types.Timestamptz, types.Timestamp}:   rezone,
	{types.Timestamp, types.Timestamp}:     roundClock,
	{types.Timestamptz, types.Timestamptz}: roundClock,
	{types.Time, types.Time}:               roundClock,
	{types.Time, types.Interval}:           timeToInterval,
	{types.Interval, types.Time}:           intervalToTime,
	{types.Interval, types.Interval}:       fitInterval,
}

// ints makes a kernel over the Int class whose formula may use the settings.
func ints(to types.Type, f func(e *types.Env, v int64) (int64, error)) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := fn.NewFixed[int64](c, to, n)
		a, e := args[0], env(c)
		out.Valid = a.Valid
		fn.Each(sel, n, a.Valid, func(i int) {
			v, err := f(e, a.I[i])
			if err != nil {
				c.Fail(int32(i), err)
			}
			o[i] = v
		})
		return out
	}
}

func dateToTimestamp(_, to types.Type) fn.Kernel {
	return ints(to, func(e *types.Env, d int64) (int64, error) {
		if !types.IsFinite(d) {
			return d, nil
		}
		us := d * types.MicrosPerDay
		if us/types.MicrosPerDay != d || us > types.MaxMicros {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range for timestamp")
		}
		if to.ID == types.Timestamptz {
			return types.InstantMicros(us, e.Location()), nil
		}
		return us, nil
	})
}

func timestampToDate(from, to types.Type) fn.Kernel {
	return ints(to, func(e *types.Env, us int64) (int64, error) {
		if !types.IsFinite(us) {
			return us, nil
		}
		if from.ID == types.Timestamptz {
			us = types.LocalMicros(us, e.Location())
		}
		d, _ := types.SplitMicros(us)
		return d, nil
	})
}

func timestampToTime(from, to types.Type) fn.Kernel {
	k := ints(to, func(e *types.Env, us int64) (int64, error) {
		if from.ID == types.Timestamptz {
			us = types.LocalMicros(us, e.Location())
		}
		_, clock := types.SplitMicros(us)
		d, err := types.Coerce(types.Datum{Type: types.T(types.Time), I: clock}, to, true)
		return d.I, err
	})
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out := k(c, args, sel, n)
		fn.Each(sel, n, out.Valid, func(i int) {
			if types.IsFinite(args[0].I[i]) {
				return
			}
			if args[0].Valid == nil || &out.Valid[0] == &args[0].Valid[0] { // infinity has no time of day
				v := rows.NewBitmap(n, true)
				copy(v, out.Valid)
				out.Valid = v
			}
			out.Valid.Clear(i)
		})
		return out
	}
}

func rezone(from, to types.Type) fn.Kernel {
	return ints(to, func(e *types.Env, us int64) (int64, error) {
		if to.ID == types.Timestamptz {
			us = types.InstantMicros(us, e.Location())
		} else {
			us = types.LocalMicros(us, e.Location())
		}
		return types.RoundMicros(us, to.Mod), nil
	})
}

func roundClock(from, to types.Type) fn.Kernel {
	if to.Mod < 0 || to.Mod >= 6 {
		return relabel(from, to)
	}
	return ints(to, func(_ *types.Env, us int64) (int64, error) {
		d, err := types.Coerce(types.Datum{Type: types.T(to.ID), I: us}, to, true)
		return d.I, err
	})
}

func timeToInterval(_, to types.Type) fn.Kernel {
	return fn.ToBytes(to, func(dst []byte, v int64) ([]byte, error) {
		return types.AppendInterval(dst, types.IntervalValue{Micros: v}.Fit(to.Mod)), nil
	})
}

func intervalToTime(_, to types.Type) fn.Kernel {
	return fn.OfBytesE(to, func(b []byte) (int64, error) {
		us := types.IntervalOf(b).Micros % types.MicrosPerDay
		if us < 0 {
			us += types.MicrosPerDay
		}
		d, err := types.Coerce(types.Datum{Type: types.T(types.Time), I: us}, to, true)
		return d.I, err
	})
}

func fitInterval(from, to types.Type) fn.Kernel {
	if to.Mod < 0 {
		return relabel(from, to)
	}
	return fn.BytesUnary(to, func(dst, a []byte) ([]byte, error) {
		return types.AppendInterval(dst, types.IntervalOf(a).Fit(to.Mod)), nil
	})
}
