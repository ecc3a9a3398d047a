package state

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tidemill/sql/rows"
)

// BenchmarkEpoch is what a group-by with a large key space does per epoch: change keys, flush, commit.
func BenchmarkEpoch(b *testing.B) {
	for _, c := range []struct {
		dirty int
		sync  bool
	}{{1, false}, {100, false}, {1000, false}, {10_000, false}, {100_000, false}, {1, true}, {1000, true}} {
		b.Run(fmt.Sprintf("dirty=%d/sync=%v", c.dirty, c.sync), func(b *testing.B) {
			s, err := Open(Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			t := NewProvider(s, map[string]uint32{"m": 1}, nil)
			m := t.Map("m")
			r := rand.New(rand.NewPCG(1, 2))
			var k []byte
			var flush, apply time.Duration
			b.ResetTimer()
			for epoch := range b.N {
				for range c.dirty {
					k = intKey(k[:0], r.Uint64N(2_000_000))
					ref, _ := m.Upsert(rows.HashKey(k), k, 32)
					m.MarkDirty(ref)
				}
				t0 := time.Now()
				cm := s.NewCommit(uint64(epoch) + 1)
				if err := t.Flush(cm.Writer(0)); err != nil {
					b.Fatal(err)
				}
				t1 := time.Now()
				if err := cm.Apply(c.sync); err != nil {
					b.Fatal(err)
				}
				flush += t1.Sub(t0)
				apply += time.Since(t1)
			}
			b.StopTimer()
			per := float64(b.N) * float64(c.dirty)
			b.ReportMetric(float64(flush.Nanoseconds())/per, "flush-ns/key")
			b.ReportMetric(float64(apply.Nanoseconds())/per, "commit-ns/key")
		})
	}
}

// BenchmarkLoad is recovery of a Map.
func BenchmarkLoad(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	t := NewProvider(s, map[string]uint32{"m": 1}, nil)
	const n = 1_000_000
	var k []byte
	for i := range n {
		k = intKey(k[:0], uint64(i))
		t.Map("m").Upsert(rows.HashKey(k), k, 32)
	}
	cm := s.NewCommit(1)
	if err := t.Flush(cm.Writer(0)); err != nil {
		b.Fatal(err)
	}
	if err := cm.Apply(true); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		snap := s.Snapshot()
		if err := t.Load(snap, func(uint16) bool { return true }); err != nil || t.Len() != n {
			b.Fatal(err)
		}
		snap.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
}

func BenchmarkSnapshot(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.NewCommit(1).Apply(true); err != nil {
		b.Fatal(err)
	}
	for range b.N {
		s.Snapshot().Close()
	}
}
