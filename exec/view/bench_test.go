package view

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var benchSchema = types.Schema{
	{Name: "id", Type: types.T(types.Int8)},
	{Name: "name", Type: types.T(types.Text)},
	{Name: "price", Type: types.T(types.Float8)},
	{Name: "at", Type: types.T(types.Timestamp)},
	{Name: "n", Type: types.T(types.Int4)},
}

func benchBatch(n int, f func(i int) int64) *rows.Batch {
	b := rows.NewBuilder(benchSchema, n)
	for i := range n {
		x := f(i)
		b.Cols[0].AppendInt(x)
		b.Cols[1].AppendString("customer-name")
		b.Cols[2].AppendFloat(float64(x))
		b.Cols[3].AppendInt(1_700_000_000_000_000 + x)
		b.Cols[4].AppendInt(x % 1000)
		b.EndRow(1)
	}
	return b.Finish()
}

func BenchmarkApply(b *testing.B) {
	const n = 16384
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		def  Def
		f    func(i int) int64
	}{
		{"keyed/random", Def{Kind: Keyed, Key: []int{0}}, func(int) int64 { return r.Int64N(1 << 40) }},
		{"keyed/1000", Def{Kind: Keyed, Key: []int{0}}, func(i int) int64 { return int64(i % 1000) }},
		{"bag/random", Def{Kind: Bag}, func(int) int64 { return r.Int64N(1 << 40) }},
		{"log", Def{Kind: Log}, func(i int) int64 { return int64(i) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := state.Open(state.Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			c.def.Table, c.def.Schema = 1, benchSchema
			v, _ := New(c.def)
			var batches []*rows.Batch
			for range 16 {
				if c.name == "keyed/1000" {
					batches = append(batches, benchBatch(1000, c.f))
					continue
				}
				batches = append(batches, benchBatch(n, c.f))
			}
			var apply, commit time.Duration
			done := 0
			b.ResetTimer()
			for epoch := uint64(1); done < b.N; epoch++ {
				in := batches[epoch%16]
				t0 := time.Now()
				cm := s.NewCommit(epoch)
				if err := v.Apply(cm.Writer(0), epoch, []*rows.Batch{in}); err != nil {
					b.Fatal(err)
				}
				t1 := time.Now()
				if err := cm.Apply(false); err != nil {
					b.Fatal(err)
				}
				apply += t1.Sub(t0)
				commit += time.Since(t1)
				done += in.N
			}
			b.StopTimer()
			b.ReportMetric(float64(apply.Nanoseconds())/float64(done), "apply-ns/row")
			b.ReportMetric(float64(commit.Nanoseconds())/float64(done), "commit-ns/row")
		})
	}
}

func BenchmarkScan(b *testing.B) {
	for _, kind := range []Kind{Keyed, Bag, Log} {
		for _, cols := range [][]int{nil, {2}} {
			b.Run(fmt.Sprint(kind, cols), func(b *testing.B) {
				s, err := state.Open(state.Options{Dir: b.TempDir()})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				v, _ := New(Def{Table: 1, Schema: benchSchema, Kind: kind, Key: []int{0}})
				const n = 500_000
				cm := s.NewCommit(1)
				if err := v.Apply(cm.Writer(0), 1, []*rows.Batch{benchBatch(n, func(i int) int64 { return int64(i) })}); err != nil {
					b.Fatal(err)
				}
				if err := cm.Apply(true); err != nil {
					b.Fatal(err)
				}
				snap := s.Snapshot()
				defer snap.Close()
				for b.Loop() {
					total := 0
					if err := v.Scan(snap, cols, func(b *rows.Batch) error { total += b.Len(); return nil }); err != nil || total != n {
						b.Fatal(err, total)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
			})
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	s, err := state.Open(state.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	v, _ := New(Def{Table: 1, Schema: benchSchema, Kind: Keyed, Key: []int{0}})
	const n = 500_000
	cm := s.NewCommit(1)
	if err := v.Apply(cm.Writer(0), 1, []*rows.Batch{benchBatch(n, func(i int) int64 { return int64(i) })}); err != nil {
		b.Fatal(err)
	}
	if err := cm.Apply(true); err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	b.ResetTimer()
	for range b.N {
		snap := s.Snapshot()
		key := []types.Datum{types.IntDatum(types.Int8, r.Int64N(n))}
		found := 0
		if err := v.Ranges(snap, []Range{{Eq: key}}, false, 0, nil, func(b *rows.Batch) error { found += b.Len(); return nil }); err != nil || found != 1 {
			b.Fatal(err)
		}
		snap.Close()
	}
}
