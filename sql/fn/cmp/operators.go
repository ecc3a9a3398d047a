package cmp

import (
	"bytes"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

const family = "Comparison"

var boolean = types.T(types.Bool)

// op is a comparison operator as a test of Compare's result.
type op struct {
	name    string
	summary string
	test    func(int) bool
}

var ops = []op{
	{"=", "Tells whether two values are equal.", func(c int) bool { return c == 0 }},
	{"<>", "Tells whether two values differ.", func(c int) bool { return c != 0 }},
	{"<", "Tells whether the first value is less than the second.", func(c int) bool { return c < 0 }},
	{"<=", "Tells whether the first value is at most the second.", func(c int) bool { return c <= 0 }},
	{">", "Tells whether the first value is greater than the second.", func(c int) bool { return c > 0 }},
	{">=", "Tells whether the first value is at least the second.", func(c int) bool { return c >= 0 }},
}

func init() {
	ints := []types.ID{types.Int2, types.Int4, types.Int8}
	for _, o := range ops {
		for _, a := range ints {
			for _, b := range ints {
				register(o, a, b, orderedInts(o.name), fn.Immutable)
			}
		}
		for _, id := range []types.ID{types.OID, types.Date, types.Time, types.Timestamp, types.Timestamptz} {
			register(o, id, id, orderedInts(o.name), fn.Immutable)
		}
		floats := []types.ID{types.Float4, types.Float8}
		for _, a := range floats {
			for _, b := range floats {
				register(o, a, b, orderedFloats(o.name), fn.Immutable)
			}
		}
		register(o, types.Bool, types.Bool, fn.Binary(boolean, func(a, b bool) bool {
			return o.test(rows.CompareDatum(types.BoolDatum(a), types.BoolDatum(b)))
		}), fn.Immutable)
		for _, p := range [][2]types.ID{{types.Text, types.Text}, {types.Name, types.Name}, {types.Name, types.Text},
			{types.Text, types.Name}, {types.Bytea, types.Bytea}, {types.UUID, types.UUID},
			{types.InternalChar, types.InternalChar}} {
			register(o, p[0], p[1], orderedBytes(o), fn.Immutable)
		}
		for _, id := range []types.ID{types.Numeric, types.Interval, types.Bpchar, types.JSONB, types.Record,
			types.OIDVector} {
			register(o, id, id, ordered(o), fn.Immutable)
		}
		registerTypes(o, fn.AnyEnum, fn.AnyEnum, orderedBytes(o), fn.Immutable)
		registerTypes(o, fn.AnyArray, fn.AnyArray, ordered(o), fn.Immutable)
		registerMixedTimes(o)
	}
	for _, o := range ops[:2] {
		register(o, types.Xid, types.Xid, orderedInts(o.name), fn.Immutable)
		register(o, types.Xid, types.Int4, orderedInts(o.name), fn.Immutable)
	}
}

func register(o op, a, b types.ID, k fn.Kernel, v fn.Volatility) {
	registerTypes(o, types.T(a), types.T(b), k, v)
}

func registerTypes(o op, a, b types.Type, k fn.Kernel, v fn.Volatility) {
	s := fn.Scalar{Name: o.name, Args: []types.Type{a, b}, Ret: boolean, Strict: true, Kernel: k, Volatility: v}
	if sql, ok := exampleOf[a.ID]; ok && a.ID == b.ID {
		// One page entry a type is enough; the other overloads are found by resolution.
		s.Family, s.Summary = family, o.summary
		s.Examples = []fn.Example{{SQL: "SELECT " + sql[0] + " " + o.name + " " + sql[1], Result: truth(o.test(-1))}}
	}
	fn.RegisterScalar(s)
}

// exampleOf holds for each documented type two values, the lesser first.
var exampleOf = map[types.ID][2]string{
	types.Int4:        {"1", "2"},
	types.Float8:      {"1.5::float8", "'NaN'::float8"},
	types.Numeric:     {"1.0", "1.01"},
	types.Text:        {"'a'::text", "'b'"},
	types.Bool:        {"false", "true"},
	types.Date:        {"date '2024-02-28'", "date '2024-02-29'"},
	types.Timestamp:   {"timestamp '2024-01-01 00:00'", "timestamp '2024-01-01 00:01'"},
	types.Timestamptz: {"timestamptz '2024-01-01 00:00+01'", "timestamptz '2024-01-01 00:00+00'"},
	types.Interval:    {"interval '29 days'", "interval '1 month'"},
	types.UUID:        {"uuid '00000000-0000-0000-0000-000000000001'", "uuid '00000000-0000-0000-0000-000000000002'"},
	types.Bytea:       {`'\x00'::bytea`, `'\x0000'::bytea`},
	types.JSONB:       {`'{"a": 1}'::jsonb`, `'{"a": 2}'::jsonb`},
	fn.AnyArray.ID:    {"ARRAY[1, 2]", "ARRAY[1, NULL]"},
}

func truth(b bool) string {
	if b {
		return "t"
	}
	return "f"
}

// orderedInts compares columns of the int class.
func orderedInts(name string) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := fn.NewFixed[bool](c, boolean, n)
		out.Valid = c.AndValid(args[0].Valid, args[1].Valid, n)
		a, b := args[0].I[:n], args[1].I[:n]
		if name == ">" || name == ">=" { // a > b is b < a
			a, b = b, a
		}
		switch name {
		case "=", "<>":
			want := name == "="
			if sel == nil {
				for i, x := range a {
					o[i] = (x == b[i]) == want
				}
				return out
			}
			for _, i := range sel {
				o[i] = (a[i] == b[i]) == want
			}
		case "<", ">":
			if sel == nil {
				for i, x := range a {
					o[i] = x < b[i]
				}
				return out
			}
			for _, i := range sel {
				o[i] = a[i] < b[i]
			}
		default:
			if sel == nil {
				for i, x := range a {
					o[i] = x <= b[i]
				}
				return out
			}
			for _, i := range sel {
				o[i] = a[i] <= b[i]
			}
		}
		return out
	}
}

// orderedFloats compares floats with NaN as the greatest value and equal to itself.
func orderedFloats(name string) fn.Kernel {
	less := func(a, b float64) bool { return a < b || b != b && a == a }
	var f func(a, b float64) bool
	switch name {
	case "=":
		f = func(a, b float64) bool { return a == b || a != a && b != b }
	case "<>":
		f = func(a, b float64) bool { return a != b && (a == a || b == b) }
	case "<":
		f = less
	case "<=":
		f = func(a, b float64) bool { return !less(b, a) }
	case ">":
		f = func(a, b float64) bool { return less(b, a) }
	default:
		f = func(a, b float64) bool { return !less(a, b) }
	}
	return fn.Binary(boolean, f)
}

// orderedBytes compares types whose order is that of their bytes.
func orderedBytes(o op) fn.Kernel {
	switch o.name {
	case "=":
		return fn.OfBytes2(boolean, bytes.Equal)
	case "<>":
		return fn.OfBytes2(boolean, func(a, b []byte) bool { return !bytes.Equal(a, b) })
	}
	return fn.OfBytes2(boolean, func(a, b []byte) bool { return o.test(bytes.Compare(a, b)) })
}

// ordered compares types of the Bytes class that have an order of their own.
func ordered(o op) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, res := fn.NewFixed[bool](c, boolean, n)
		out.Valid = c.AndValid(args[0].Valid, args[1].Valid, n)
		a, b := args[0], args[1]
		fn.Each(sel, n, out.Valid, func(i int) {
			res[i] = o.test(rows.CompareBytes(a.Type, a.Bytes(i), b.Bytes(i)))
		})
		return out
	}
}

// registerMixedTimes compares dates, timestamps and timestamps with time zone with each other. What
// meets a timestamptz is read in the session's zone, which makes the comparison stable only.
func registerMixedTimes(o op) {
	for _, p := range [][2]types.ID{{types.Date, types.Timestamp}, {types.Timestamp, types.Date}} {
		x, y := p[0], p[1]
		register(o, x, y, fn.Binary(boolean, func(a, b int64) bool {
			return o.test(compareInts(micros(x, a), micros(y, b)))
		}), fn.Immutable)
	}
	for _, p := range [][2]types.ID{
		{types.Date, types.Timestamptz}, {types.Timestamptz, types.Date},
		{types.Timestamp, types.Timestamptz}, {types.Timestamptz, types.Timestamp},
	} {
		x, y := p[0], p[1]
		register(o, x, y, func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
			out, res := fn.NewFixed[bool](c, boolean, n)
			out.Valid = c.AndValid(args[0].Valid, args[1].Valid, n)
			a, b, zone := args[0].I, args[1].I, c.Env.Location()
			instant := func(id types.ID, v int64) int64 {
				if id == types.Timestamptz {
					return v
				}
				return types.InstantMicros(micros(id, v), zone)
			}
			fn.Each(sel, n, out.Valid, func(i int) {
				res[i] = o.test(compareInts(instant(x, a[i]), instant(y, b[i])))
			})
			return out
		}, fn.Stable)
	}
}

// micros returns a date's midnight, or the value itself when it is in microseconds already. Dates
// beyond the timestamps compare as the last ones.
func micros(id types.ID, v int64) int64 {
	if id != types.Date || !types.IsFinite(v) {
		return v
	}
	if v > types.MaxMicros/types.MicrosPerDay {
		return types.MaxMicros
	}
	return v * types.MicrosPerDay
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
