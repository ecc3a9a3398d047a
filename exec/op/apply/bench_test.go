package apply

import (
	"encoding/json"
	"testing"

	_ "tidemill/sql/fn/cmp"

	"tidemill/exec/op/optest"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// BenchmarkApply measures the operator without its subquery, whose rows are given: one for the scalar
// kind, which runs for each of 1000 outer values, and 1000 otherwise.
func BenchmarkApply(b *testing.B) {
	int8s := types.T(types.Int8)
	in := types.Schema{{Name: "k", Type: int8s, NotNull: true}, {Name: "v", Type: int8s, NotNull: true}}
	series := func(n int) *rows.Batch {
		build := rows.NewBuilder(types.Schema{{Name: "x", Type: int8s}}, n)
		for i := range n {
			build.Cols[0].AppendInt(int64(2 * i))
			build.EndRow(1)
		}
		return build.Finish()
	}
	build := rows.NewBuilder(in, 4096)
	for i := range 4096 {
		build.Cols[0].AppendInt(int64(i * 7919 % 1000))
		build.Cols[1].AppendInt(int64(i))
		build.EndRow(1)
	}
	batch := build.Finish()
	for _, x := range []struct {
		cfg   Config
		gives int
		value types.Type
	}{
		{Config{Kind: "scalar", Outer: []int{0}}, 1, int8s},
		{Config{Kind: "in", Left: expr.Col(0, int8s)}, 1000, types.T(types.Bool)},
		{Config{Kind: "exists"}, 1000, types.T(types.Bool)},
	} {
		b.Run(x.cfg.Kind, func(b *testing.B) {
			x.cfg.Sub = json.RawMessage("{}")
			env := optest.Env([]types.Schema{in}, append(append(types.Schema(nil), in...), types.Field{Name: "x", Type: x.value}))
			env.Batch = true
			found := []*rows.Batch{series(x.gives)}
			env.Subquery = func(json.RawMessage, []types.Datum) ([]*rows.Batch, error) { return found, nil }
			o := optest.NewOperator(b, Name, x.cfg, env)
			failed := 0
			c := optest.Ctx(func(*rows.Batch) error { return nil }, &failed)
			b.ReportAllocs()
			meter := optest.StartMeter()
			for b.Loop() {
				if err := o.Push(c, 0, batch); err != nil {
					b.Fatal(err)
				}
			}
			meter.Report(b, b.N*batch.N, "row")
		})
	}
}
