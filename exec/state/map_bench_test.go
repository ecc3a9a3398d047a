package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"tidemill/sql/rows"
)

func intKey(dst []byte, x uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 1), x^1<<63)
}

type keySet struct {
	data   []byte
	offs   []int32
	hashes []uint64
}

// randomKeys makes n keys of cols ints each, out of keys different ones.
func randomKeys(n, keys, cols int) *keySet {
	r := rand.New(rand.NewPCG(1, 2))
	s := &keySet{offs: []int32{0}}
	for range n {
		start := len(s.data)
		x := r.Uint64N(uint64(keys))
		for c := range cols {
			s.data = intKey(s.data, x+uint64(c))
		}
		s.offs = append(s.offs, int32(len(s.data)))
		s.hashes = append(s.hashes, rows.HashKey(s.data[start:]))
	}
	return s
}

func BenchmarkMapUpsert(b *testing.B) {
	for _, keys := range []int{1_000, 100_000, 5_000_000} {
		for _, cols := range []int{1, 2} {
			for _, mode := range []string{"one", "batch"} {
				b.Run(fmt.Sprintf("keys=%d/cols=%d/%s", keys, cols, mode), func(b *testing.B) {
					benchUpsert(b, keys, cols, mode == "batch")
				})
			}
		}
	}
}

func benchUpsert(b *testing.B, keys, cols int, batch bool) {
	ks := randomKeys(1<<20, keys, cols)
	m := Ephemeral(nil).Map("m")
	if keys > 1<<20 {
		for x := range keys { // more than the sample draws
			k := intKey(nil, uint64(x))
			if cols == 2 {
				k = intKey(k, uint64(x)+1)
			}
			m.Upsert(rows.HashKey(k), k, 16)
		}
	}
	const n = 16384
	refs := make([]Ref, n)
	b.ResetTimer()
	for done, at := 0, 0; done < b.N; done, at = done+n, (at+n)%(1<<20) {
		if batch {
			m.UpsertBatch(ks.hashes[at:at+n], ks.data, ks.offs[at:at+n+1], 16, refs, nil)
			for _, ref := range refs {
				v := m.Value(ref)
				binary.LittleEndian.PutUint64(v, binary.LittleEndian.Uint64(v)+1)
			}
			continue
		}
		for i := at; i < at+n; i++ {
			ref, _ := m.Upsert(ks.hashes[i], ks.data[ks.offs[i]:ks.offs[i+1]], 16)
			v := m.Value(ref)
			binary.LittleEndian.PutUint64(v, binary.LittleEndian.Uint64(v)+1)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(m.SizeBytes())/float64(m.Len()), "B/entry")
}

func BenchmarkMapInsert5M(b *testing.B) {
	for b.Loop() {
		m := Ephemeral(nil).Map("m")
		var worst time.Duration
		var k []byte
		for x := range 5_000_000 {
			k = intKey(k[:0], uint64(x))
			start := time.Now()
			m.Upsert(rows.HashKey(k), k, 16)
			worst = max(worst, time.Since(start))
		}
		b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5e6, "ns/row")
		b.ReportMetric(float64(m.SizeBytes())/5e6, "B/entry")
		runtime.GC()
		start := time.Now()
		runtime.GC()
		b.ReportMetric(float64(time.Since(start).Microseconds()), "GC-µs")
		runtime.KeepAlive(m)
	}
}

func BenchmarkMultiAdd(b *testing.B) {
	for _, c := range []struct{ keys, rows int }{{100_000, 1}, {100_000, 10}, {100, 10_000}} {
		b.Run(fmt.Sprintf("keys=%d/chain=%d", c.keys, c.rows), func(b *testing.B) {
			n := c.keys * c.rows
			m := Ephemeral(nil).Multi("m")
			row := make([]byte, 40)
			var k []byte
			r := rand.New(rand.NewPCG(1, 2))
			b.ResetTimer()
			for range b.N {
				x := r.Uint64N(uint64(n))
				k = intKey(k[:0], x%uint64(c.keys))
				binary.LittleEndian.PutUint64(row, x)
				m.Add(rows.HashKey(k), k, row, 1)
			}
		})
	}
}

func BenchmarkOrderedAdd(b *testing.B) {
	for _, keys := range []int{1_000, 100_000, 2_000_000} {
		for _, order := range []string{"random", "ascending"} {
			b.Run(fmt.Sprintf("keys=%d/%s", keys, order), func(b *testing.B) {
				o := Ephemeral(nil).Ordered("o")
				var k []byte
				r := rand.New(rand.NewPCG(1, 2))
				b.ResetTimer()
				for i := range b.N {
					x := uint64(i) % uint64(keys)
					if order == "random" {
						x = r.Uint64N(uint64(keys))
					}
					k = intKey(intKey(k[:0], x>>8), x)
					o.AddWeight(0, k, 1)
				}
				b.StopTimer()
				b.ReportMetric(float64(o.SizeBytes())/float64(o.Len()), "B/entry")
			})
		}
	}
}
