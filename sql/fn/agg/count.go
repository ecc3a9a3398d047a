package agg

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

const family = "Aggregate"

var (
	boolean = types.T(types.Bool)
	int2    = types.T(types.Int2)
	int4    = types.T(types.Int4)
	int8    = types.T(types.Int8)
	float4  = types.T(types.Float4)
	float8  = types.T(types.Float8)
	numeric = types.T(types.Numeric)
)

// weight returns the weight of entry k; no weights means 1 each.
func weight(w []int64, k int) int64 {
	if w == nil {
		return 1
	}
	return w[k]
}

// mergeSums adds accumulators that are lists of 64-bit counters.
func mergeSums(a, b []byte) []byte {
	for i := 0; i+8 <= len(b); i += 8 {
		addInt(a[i:], loadInt(b[i:]))
	}
	return a
}

func init() {
	count := func(c *fn.Ctx, st []byte, out *rows.VecBuilder) error {
		out.AppendInt(loadInt(st))
		return nil
	}
	fn.RegisterAggregate(fn.Aggregate{
		Name: "count", Ret: int8, Size: 8, Merge: mergeSums, Final: count,
		Step: func(_ *fn.Ctx, _ []*rows.Vec, rws []int32, w []int64, st [][]byte) {
			for k := range rws {
				addInt(st[k], weight(w, k))
			}
		},
		Family: family, Summary: "Number of rows.",
		Examples: []fn.Example{{SQL: "SELECT count(*) FROM (VALUES (1), (NULL)) t(x)", Result: "2"}},
	})
	fn.RegisterAggregate(fn.Aggregate{
		Name: "count", Args: []types.Type{fn.Any}, Ret: int8, Size: 8, Merge: mergeSums, Final: count,
		Step: func(_ *fn.Ctx, args []*rows.Vec, rws []int32, w []int64, st [][]byte) {
			valid := args[0].Valid
			for k, r := range rws {
				if valid == nil || valid.Get(int(r)) {
					addInt(st[k], weight(w, k))
				}
			}
		},
		Family: family, Summary: "Number of rows whose argument is not NULL.",
		Examples: []fn.Example{{SQL: "SELECT count(x) FROM (VALUES (1), (NULL)) t(x)", Result: "1"}},
	})
	for _, f := range []struct {
		name, summary, result string
		value                 func(trues, falses int64) bool
	}{
		{"bool_and", "True when no argument is false.", "f", func(_, falses int64) bool { return falses == 0 }},
		{"every", "True when no argument is false.", "f", func(_, falses int64) bool { return falses == 0 }},
		{"bool_or", "True when some argument is true.", "t", func(trues, _ int64) bool { return trues != 0 }},
	} {
		registerBool(f.name, f.summary, f.result, f.value)
	}
	for _, t := range []types.Type{int2, int4, int8} {
		registerXor(t)
	}
}

// registerBool registers an aggregate that is decided by how many arguments are true and false.
func registerBool(name, summary, result string, value func(trues, falses int64) bool) {
	fn.RegisterAggregate(fn.Aggregate{
		Name: name, Args: []types.Type{boolean}, Ret: boolean, Size: 16, Merge: mergeSums,
		Step: func(_ *fn.Ctx, args []*rows.Vec, rws []int32, w []int64, st [][]byte) {
			v := args[0]
			for k, r := range rws {
				if v.Valid != nil && !v.Valid.Get(int(r)) {
					continue
				}
				at := 8
				if v.B[r] {
					at = 0
				}
				addInt(st[k][at:], weight(w, k))
			}
		},
		Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
			trues, falses := loadInt(st), loadInt(st[8:])
			if trues == 0 && falses == 0 {
				out.AppendNull()
			} else {
				out.AppendBool(value(trues, falses))
			}
			return nil
		},
		Family: family, Summary: summary,
		Examples: []fn.Example{{SQL: "SELECT " + name + "(x) FROM (VALUES (true), (false), (NULL)) t(x)", Result: result}},
	})
}

// registerXor registers bit_xor, which is its own inverse: only odd weights count.
func registerXor(t types.Type) {
	a := fn.Aggregate{
		Name: "bit_xor", Args: []types.Type{t}, Ret: t, Size: 16,
		Step: func(_ *fn.Ctx, args []*rows.Vec, rws []int32, w []int64, st [][]byte) {
			v := args[0]
			for k, r := range rws {
				if v.Valid != nil && !v.Valid.Get(int(r)) {
					continue
				}
				wt := weight(w, k)
				addInt(st[k], wt)
				store(st[k], 1, load(st[k], 1)^uint64(v.I[r]*(wt&1)))
			}
		},
		Merge: func(a, b []byte) []byte {
			addInt(a, loadInt(b))
			store(a, 1, load(a, 1)^load(b, 1))
			return a
		},
		Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
			if loadInt(st) == 0 {
				out.AppendNull()
			} else {
				out.AppendInt(int64(load(st, 1)))
			}
			return nil
		},
	}
	if t.ID == types.Int4 {
		a.Family, a.Summary = family, "Bitwise exclusive OR of the arguments."
		a.Examples = []fn.Example{{SQL: "SELECT bit_xor(x) FROM (VALUES (6), (3), (NULL)) t(x)", Result: "5"}}
	}
	fn.RegisterAggregate(a)
}
