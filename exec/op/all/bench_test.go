package all

import (
	"testing"

	_ "tidemill/sql/fn/arr"

	"tidemill/exec/op/distinct"
	"tidemill/exec/op/lookupjoin"
	"tidemill/exec/op/maxone"
	"tidemill/exec/op/notin"
	"tidemill/exec/op/optest"
	"tidemill/exec/op/setop"
	"tidemill/exec/op/tablefunc"
	"tidemill/exec/op/union"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// BenchmarkOperators measures the operators whose packages have no benchmark of their own: rows come,
// and half of them go again.
func BenchmarkOperators(b *testing.B) {
	int8s := types.T(types.Int8)
	in := types.Schema{{Name: "k", Type: int8s, NotNull: true}, {Name: "v", Type: int8s, NotNull: true}}
	both := append(append(types.Schema(nil), in...), in...)
	id := int64(0)
	batch := func() (plus, minus *rows.Batch) {
		build := rows.NewBuilder(in, 4096)
		for range 4096 {
			id++
			build.Cols[0].AppendInt(id)
			build.Cols[1].AppendInt(id % 1000)
			build.EndRow(1)
		}
		plus = build.Finish()
		minus = plus.Negated()
		for i := 0; i < plus.N; i += 2 {
			minus.Sel = append(minus.Sel, int32(i))
		}
		return plus, minus
	}
	one := func(push func(int, *rows.Batch)) int {
		plus, minus := batch()
		push(0, plus)
		push(0, minus)
		return plus.Len() + minus.Len()
	}
	two := func(push func(int, *rows.Batch)) int {
		plus, minus := batch()
		push(1, plus)
		push(0, plus)
		push(0, minus)
		return 2*plus.Len() + minus.Len()
	}
	three := expr.Lit(types.IntDatum(types.Int8, 3))
	lookup := lookupjoin.Config{LeftKeys: []int{0}, RightKeys: []int{0}}
	for _, c := range []struct {
		name, op string
		cfg      any
		in       []types.Schema
		out      types.Schema
		feed     func(func(int, *rows.Batch)) int
	}{
		{"distinct", distinct.Name, distinct.Config{}, []types.Schema{in}, in, one},
		{"except", setop.Name, setop.Config{Kind: setop.Except}, []types.Schema{in, in}, in, two},
		{"intersect all", setop.Name, setop.Config{Kind: setop.Intersect, All: true}, []types.Schema{in, in}, in, two},
		{"notin", notin.Name, notin.Config{Left: 1, Right: 0}, []types.Schema{in, in}, in, two},
		{"union", union.Name, nil, []types.Schema{in, in}, in, two},
		{"lookupjoin", lookupjoin.Name, lookup, []types.Schema{in, in}, both, two},
		{"maxone", maxone.Name, nil, []types.Schema{in}, in, func(push func(int, *rows.Batch)) int {
			plus, _ := batch()
			plus.Sel = []int32{0}
			push(0, plus)
			push(0, plus.Negated())
			return 2
		}},
		{"tablefunc", tablefunc.Name, tablefunc.Config{Func: "generate_series", ArgTypes: []types.Type{int8s, int8s}, Args: []*expr.Expr{three, three}},
			[]types.Schema{in}, append(append(types.Schema(nil), in...), types.Field{Name: "g", Type: int8s}), one},
	} {
		b.Run(c.name, func(b *testing.B) { optest.Bench(b, c.op, c.cfg, c.in, c.out, c.feed) })
	}
}
