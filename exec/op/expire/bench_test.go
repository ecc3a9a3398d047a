package expire

import (
	"testing"

	"tidemill/exec/mem"
	"tidemill/exec/op"
	"tidemill/exec/op/optest"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// BenchmarkSweeper adds 4096 keys with a time in each epoch; the floor is four epochs behind.
func BenchmarkSweeper(b *testing.B) {
	key := []types.Type{types.T(types.Int8), types.T(types.Timestamp)}
	tables := state.Ephemeral(mem.NewBudget("test", 0).Account("test"))
	hashed, ordered := tables.Map("hashed"), tables.Ordered("ordered")
	for _, x := range []struct {
		name  string
		add   func(key []byte)
		size  func() int
		sweep func(*Sweeper)
	}{
		{"map", func(k []byte) { hashed.Upsert(rows.HashKey(k), k, 8) }, hashed.Len, func(s *Sweeper) { s.Map(hashed) }},
		{"ordered", func(k []byte) { ordered.AddWeight(0, k, 1) }, ordered.Len, func(s *Sweeper) { s.Ordered(ordered) }},
	} {
		b.Run(x.name, func(b *testing.B) {
			const epoch = 4096
			s := New(key, []int64{op.NoMark, 0})
			n := 0
			var buf []byte
			b.ReportAllocs()
			meter := optest.StartMeter()
			for b.Loop() {
				for range epoch {
					buf = rows.AppendKeyDatum(buf[:0], types.Datum{Type: key[0], I: int64(n % 100)})
					buf = rows.AppendKeyDatum(buf, types.Datum{Type: key[1], I: int64(n)})
					x.add(buf)
					n++
				}
				if s.Due([]int64{op.NoMark, int64(n - 4*epoch)}, epoch, x.size()) {
					x.sweep(s)
				}
			}
			meter.Report(b, n, "row")
		})
	}
}
