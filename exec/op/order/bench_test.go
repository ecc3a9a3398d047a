package order

import (
	"math/rand/v2"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// BenchmarkSorter sorts 16384 rows of 100 partitions: all of them, or the first 100 with cuts on the way.
func BenchmarkSorter(b *testing.B) {
	schema := types.Schema{{Name: "p", Type: types.T(types.Int8)}, {Name: "v", Type: types.T(types.Int8)}}
	r := rand.New(rand.NewPCG(1, 1))
	build := rows.NewBuilder(schema, 16384)
	for range 16384 {
		build.Cols[0].AppendInt(r.Int64N(100))
		build.Cols[1].AppendInt(r.Int64())
		build.EndRow(1)
	}
	batch := build.Finish()
	for name, cut := range map[string]int{"whole": 0, "cut": 100} {
		b.Run(name, func(b *testing.B) {
			s, err := NewSorter(schema, []int{0}, []plan.SortKey{{Col: 1}})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			meter := optest.StartMeter()
			for b.Loop() {
				for i := range batch.N {
					s.Add(batch, i, 1)
					if cut > 0 && s.Len() == 10*cut {
						s.Cut(cut)
					}
				}
				s.Finish()
			}
			meter.Report(b, b.N*batch.N, "row")
		})
	}
}
