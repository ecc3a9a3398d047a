package place

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func BenchmarkPlacer(b *testing.B) {
	int8s := types.T(types.Int8)
	build := rows.NewBuilder(types.Schema{{Name: "a", Type: int8s}, {Name: "b", Type: int8s}}, 4096)
	for i := range int64(4096) {
		build.Cols[0].AppendInt(i)
		build.Cols[1].AppendInt(i % 100)
		build.EndRow(1)
	}
	batch := build.Finish()
	hashes := make([]uint64, batch.N)
	for name, dist := range map[string][]int{"one worker": {}, "by a column": {1}} {
		b.Run(name, func(b *testing.B) {
			var p Placer
			b.ReportAllocs()
			meter := optest.StartMeter()
			for b.Loop() {
				p.Rows(hashes, dist, batch.Cols, nil, batch.N)
			}
			meter.Report(b, b.N*batch.N, "row")
		})
	}
}
