package versions

import (
	"encoding/binary"
	"testing"

	"tidemill/exec/mem"
	"tidemill/exec/op/optest"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// BenchmarkReader reads 16384 rows with a change that takes every fourth away and adds as many.
func BenchmarkReader(b *testing.B) {
	const stored = 16384
	v := Reader{Table: state.Ephemeral(mem.NewBudget("test", 0).Account("test")).Ordered("rows")}
	key := func(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }
	change := func(k []byte, w int64) {
		i, _ := v.Touched.Upsert(rows.HashKey(k), k)
		v.Weights = append(v.Weights, w)
		v.Delta = append(v.Delta, int32(i))
	}
	for i := range stored {
		v.Table.AddWeight(0, key(2*i), 1)
		if i%4 == 0 {
			change(key(2*i), -1)
			change(key(2*i+1), 1)
		}
	}
	for name, read := range map[string]func(lower, upper []byte, f func(key []byte, was, is int64) bool){
		"ascend": v.Ascend, "descend": v.Descend,
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			b.ReportAllocs()
			meter := optest.StartMeter()
			for b.Loop() {
				read(nil, nil, func([]byte, int64, int64) bool { n++; return true })
			}
			meter.Report(b, n, "row")
		})
	}
}
