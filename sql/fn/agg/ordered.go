package agg

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// next is the cursor over a group's values that an ordered aggregate reads.
type next = func() (v []types.Datum, w int64, ok bool)

func init() {
	ids := []types.ID{types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric, types.Text,
		types.Bpchar, types.Name, types.Date, types.Time, types.Timestamp, types.Timestamptz, types.Interval,
		types.OID, types.UUID, types.Bytea}
	for _, id := range ids {
		registerExtreme("min", "Least argument.", "1", types.T(id), false)
		registerExtreme("max", "Greatest argument.", "3", types.T(id), true)
	}
	registerExtreme("min", "Least argument.", "1", fn.AnyArray, false)
	registerExtreme("max", "Greatest argument.", "3", fn.AnyArray, true)
	registerExtreme("min", "Least argument.", "1", fn.AnyEnum, false)
	registerExtreme("max", "Greatest argument.", "3", fn.AnyEnum, true)
	for _, t := range []types.Type{int2, int4, int8} {
		registerBits("bit_and", "Bitwise AND of the arguments.", "2", t, func(a, b int64) int64 { return a & b })
		registerBits("bit_or", "Bitwise OR of the arguments.", "7", t, func(a, b int64) int64 { return a | b })
	}
	registerStringAgg(types.T(types.Text), "Arguments joined by the delimiter, in their own order when no ORDER BY is given.",
		"SELECT string_agg(x, ', ') FROM (VALUES ('a'), ('b'), (NULL)) t(x)", "a, b")
	registerStringAgg(types.T(types.Bytea), "Arguments joined by the delimiter, in their own order when no ORDER BY is given.",
		`SELECT string_agg(x, '\x00') FROM (VALUES ('\x01'::bytea), ('\x02')) t(x)`, `\x010002`)
	fn.RegisterAggregate(fn.Aggregate{
		Name: "array_agg", Args: []types.Type{fn.AnyElement}, Kind: fn.Ordered, KeepNulls: true,
		RetFunc: func(args []types.Type) types.Type {
			if args[0].ID == types.Array {
				return args[0]
			}
			return types.ArrayOf(args[0])
		},
		Ret: fn.AnyArray,
		FinalOrdered: func(_ *fn.Ctx, total int64, next next, out *rows.VecBuilder) error {
			var elems []types.Datum
			size := int64(0)
			for v, w, ok := next(); ok; v, w, ok = next() {
				d := v[0]
				d.S = append([]byte(nil), d.S...)
				if size += w * int64(len(d.S)+16); size > valueMax {
					return tooLong("array_agg")
				}
				for range w {
					elems = append(elems, d)
				}
			}
			if len(elems) == 0 {
				out.AppendNull()
				return nil
			}
			if elems[0].Type.ID == types.Array {
				b, err := types.StackArrays(out.Scratch(), elems)
				if err == nil {
					out.CommitScratch(b)
				}
				return err
			}
			out.CommitScratch(types.AppendArray(out.Scratch(), elems))
			return nil
		},
		Family: family, Summary: "Array of the arguments, NULLs included, in their own order when no ORDER BY is given.",
		Examples: []fn.Example{{SQL: "SELECT array_agg(x) FROM (VALUES (1), (2), (NULL)) t(x)", Result: "{1,2,NULL}"}},
	})
}

// valueMax bounds what one call may build, in bytes: a row of a few bytes may stand for billions.
const valueMax = 256 << 20

func tooLong(name string) error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "the result of %s would exceed %d MiB", name, valueMax>>20)
}

// registerExtreme registers min or max: the first value in its order.
func registerExtreme(name, summary, result string, t types.Type, descending bool) {
	a := fn.Aggregate{
		Name: name, Args: []types.Type{t}, Ret: t, Kind: fn.Ordered, Descending: descending, Single: true,
		FinalOrdered: func(_ *fn.Ctx, _ int64, next next, out *rows.VecBuilder) error {
			if v, _, ok := next(); ok {
				out.AppendDatum(v[0])
			} else {
				out.AppendNull()
			}
			return nil
		},
	}
	if t.ID == types.Int4 {
		a.Family, a.Summary = family, summary
		a.Examples = []fn.Example{{SQL: "SELECT " + name + "(x) FROM (VALUES (1), (3), (2), (NULL)) t(x)", Result: result}}
	}
	fn.RegisterAggregate(a)
}

// registerBits registers an aggregate over the distinct values of the group. AND and OR have no
// inverse, so the values themselves are kept.
func registerBits(name, summary, result string, t types.Type, f func(a, b int64) int64) {
	a := fn.Aggregate{
		Name: name, Args: []types.Type{t}, Ret: t, Kind: fn.Ordered,
		FinalOrdered: func(_ *fn.Ctx, _ int64, next next, out *rows.VecBuilder) error {
			v, _, ok := next()
			if !ok {
				out.AppendNull()
				return nil
			}
			acc := v[0].I
			for v, _, ok = next(); ok; v, _, ok = next() {
				acc = f(acc, v[0].I)
			}
			out.AppendInt(acc)
			return nil
		},
	}
	if t.ID == types.Int4 {
		a.Family, a.Summary = family, summary
		a.Examples = []fn.Example{{SQL: "SELECT " + name + "(x) FROM (VALUES (6), (3), (NULL)) t(x)", Result: result}}
	}
	fn.RegisterAggregate(a)
}

func registerStringAgg(t types.Type, summary, sql, result string) {
	fn.RegisterAggregate(fn.Aggregate{
		Name: "string_agg", Args: []types.Type{t, t}, Ret: t, Kind: fn.Ordered,
		KeepNulls: true, // a NULL delimiter joins with nothing; a NULL value is skipped here
		FinalOrdered: func(_ *fn.Ctx, _ int64, next next, out *rows.VecBuilder) error {
			buf, first := out.Scratch(), true
			before := len(buf)
			for v, w, ok := next(); ok; v, w, ok = next() {
				if v[0].Null {
					continue
				}
				if int64(len(buf)-before)+w*int64(len(v[0].S)+len(v[1].S)) > valueMax {
					return tooLong("string_agg")
				}
				for range w {
					if !first && !v[1].Null {
						buf = append(buf, v[1].S...)
					}
					buf, first = append(buf, v[0].S...), false
				}
			}
			if first {
				out.AppendNull()
			} else {
				out.CommitScratch(buf)
			}
			return nil
		},
		Family: family, Summary: summary, Examples: []fn.Example{{SQL: sql, Result: result}},
	})
}
