package all

import (
	"testing"

	_ "tidemill/sql/fn/cmp"
	_ "tidemill/sql/fn/math"

	"tidemill/exec/op/agg"
	"tidemill/exec/op/distinct"
	"tidemill/exec/op/filter"
	"tidemill/exec/op/hashagg"
	"tidemill/exec/op/join"
	"tidemill/exec/op/notin"
	"tidemill/exec/op/optest"
	"tidemill/exec/op/partialagg"
	"tidemill/exec/op/session"
	"tidemill/exec/op/topn"
	"tidemill/exec/op/window"
	"tidemill/exec/plan"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// TestAllocs inserts 4096 rows and takes half of them back: nothing may allocate per row.
func TestAllocs(t *testing.T) {
	int4, int8s := types.T(types.Int4), types.T(types.Int8)
	in := types.Schema{{Name: "k", Type: int4}, {Name: "v", Type: int4}, {Name: "t", Type: types.T(types.Text)}, {Name: "ts", Type: types.T(types.Timestamp)}}
	b := rows.NewBuilder(in, 4096)
	for i := range 4096 {
		b.Cols[0].AppendInt(int64(i % 500))
		b.Cols[1].AppendInt(int64(i))
		b.Cols[2].AppendString("some text")
		b.Cols[3].AppendInt(int64(i) * 1_000_000)
		b.EndRow(1)
	}
	plus := b.Finish()
	minus := plus.Negated()
	for i := 0; i < 4096; i += 2 {
		minus.Sel = append(minus.Sel, int32(i))
	}
	one := func(push func(int, *rows.Batch)) int {
		push(0, plus)
		push(0, minus)
		return plus.Len() + minus.Len()
	}
	two := func(push func(int, *rows.Batch)) int { push(1, plus); return one(push) }
	calls := []agg.Call{
		{Name: "count", Filter: -1, RetType: int8s},
		{Name: "sum", ArgTypes: []types.Type{int4}, Args: []int{1}, Filter: -1, RetType: int8s},
		{Name: "count", ArgTypes: []types.Type{{ID: 252, Mod: -1}}, Args: []int{2}, Distinct: true, Filter: -1, RetType: int8s},
	}
	aggOut := types.Schema{in[0], {Name: "n", Type: int8s}, {Name: "s", Type: int8s}, {Name: "d", Type: int8s}}
	partial := partialagg.Config{Keys: []int{0}, Aggs: calls[:2]}
	less := &expr.Expr{
		Kind: expr.Call, Name: "<", Type: types.T(types.Bool), ArgTypes: []types.Type{int4, int4},
		Args: []*expr.Expr{expr.Col(1, int4), expr.Col(5, int4)},
	}
	both := append(append(types.Schema(nil), in...), in...)
	limit := int64(10)
	hop := window.Config{Kind: window.Hop, Col: 3, Size: 60_000_000, Slide: 20_000_000}
	hopOut := append(append(types.Schema(nil), in...), in[3], in[3])
	optest.Allocs(t, filter.Name, filter.Config{Pred: &expr.Expr{Kind: expr.IsNull, Type: types.T(types.Bool), Args: []*expr.Expr{expr.Col(0, int4)}}}, []types.Schema{in}, in, one)
	optest.Allocs(t, session.Name, session.Config{Col: 3, Gap: 60_000_000, Keys: []int{0}}, []types.Schema{in}, hopOut, one)
	optest.Allocs(t, window.Name, hop, []types.Schema{in}, hopOut, one)
	optest.Allocs(t, hashagg.Name, hashagg.Config{Keys: []int{0}, Aggs: calls}, []types.Schema{in}, aggOut, one)
	optest.Allocs(t, partialagg.Name, partial, []types.Schema{in}, partialagg.Schema(partial, in), one)
	optest.Allocs(t, distinct.Name, nil, []types.Schema{in}, in, one)
	optest.Allocs(t, topn.Name, topn.Config{Order: []plan.SortKey{{Col: 1}}, Limit: &limit}, []types.Schema{in}, in, one)
	optest.Allocs(t, join.Name, join.Config{Kind: join.Full, LeftKeys: []int{1}, RightKeys: []int{1}}, []types.Schema{in, in}, both, two)
	optest.Allocs(t, join.Name, join.Config{Kind: join.Left, LeftKeys: []int{0}, RightKeys: []int{0}, Residual: less}, []types.Schema{in, in}, both, two)
	optest.Allocs(t, join.Name, join.Config{Kind: join.Anti, LeftKeys: []int{1}, RightKeys: []int{1}}, []types.Schema{in, in}, in, two)
	optest.Allocs(t, notin.Name, notin.Config{Left: 1, Right: 1}, []types.Schema{in, in}, in, two)
}
