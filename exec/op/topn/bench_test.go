package topn

import (
	"math/rand/v2"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func BenchmarkTopN(b *testing.B) {
	in := types.Schema{{Name: "p", Type: types.T(types.Int8)}, {Name: "v", Type: types.T(types.Int8)}}
	limit := int64(10)
	for name, c := range map[string]Config{
		"whole":         {Order: []plan.SortKey{{Col: 1}}, Limit: &limit},
		"per partition": {Order: []plan.SortKey{{Col: 1}}, Limit: &limit, Partition: []int{0}},
	} {
		b.Run(name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			optest.Bench(b, Name, c, []types.Schema{in}, in, func(push func(int, *rows.Batch)) int {
				build := rows.NewBuilder(in, 4096)
				for range 4096 {
					build.Cols[0].AppendInt(r.Int64N(1000))
					build.Cols[1].AppendInt(r.Int64())
					build.EndRow(1)
				}
				batch := build.Finish()
				push(0, batch)
				if r.IntN(2) == 0 {
					push(0, batch.Negated())
				}
				return batch.N
			})
		})
	}
}
