package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tidemill/sql/rows"
)

// BenchmarkJoinSide is what one side of a join of append-only inputs costs per row: rows of 60 bytes
// under mostly different keys, flushed and committed by the epoch beside some other changes. "log"
// stores the rows as a log, "entries" as other tables do. At 3M rows an entry costs 1900 ns to flush and
// commit and a logged row 140; at 25M rows a logged row is written twice (after the write-ahead log),
// however large the log is.
func BenchmarkJoinSide(b *testing.B) {
	for _, mode := range []string{"entries", "log"} {
		b.Run(mode, func(b *testing.B) {
			s, err := Open(Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			t := NewProvider(s, map[string]uint32{"m": 1, "r": 2, "z": 3}, nil)
			m, small := t.Multi("r"), t.Map("z")
			if mode == "log" {
				m.KeepLog()
			}
			rng := rand.New(rand.NewPCG(1, 2))
			var k []byte
			row := make([]byte, 60)
			const perEpoch = 50_000
			hashes := make([]uint64, perEpoch)
			keys, offs := []byte(nil), make([]int32, perEpoch+1)
			var add, flush, apply time.Duration
			b.ResetTimer()
			n := 0
			for epoch := uint64(1); n < b.N; epoch++ {
				keys = keys[:0]
				for i := range perEpoch {
					keys = intKey(keys, rng.Uint64N(10_000_000))
					offs[i+1] = int32(len(keys))
					hashes[i] = rows.HashKey(keys[offs[i]:])
				}
				start := time.Now()
				for i := range perEpoch {
					binary.LittleEndian.PutUint64(row, uint64(n))
					for j := 8; j < len(row); j += 4 { // half of it compresses
						binary.LittleEndian.PutUint16(row[j:], uint16(rng.Uint32()))
					}
					m.Add(hashes[i], keys[offs[i]:offs[i+1]], row, 1)
					n++
				}
				for i := range 200 {
					k = fmt.Appendf(k[:0], "%d", rng.IntN(10_000)+i)
					ref, _ := small.Upsert(rows.HashKey(k), k, 16)
					small.MarkDirty(ref)
				}
				t0 := time.Now()
				c := s.NewCommit(epoch)
				if err := t.Flush(c.Writer(0)); err != nil {
					b.Fatal(err)
				}
				t1 := time.Now()
				if err := c.Apply(false); err != nil {
					b.Fatal(err)
				}
				add += t0.Sub(start)
				flush += t1.Sub(t0)
				apply += time.Since(t1)
			}
			b.StopTimer()
			b.ReportMetric(float64(add.Nanoseconds())/float64(n), "add-ns/row")
			b.ReportMetric(float64(flush.Nanoseconds())/float64(n), "flush-ns/row")
			b.ReportMetric(float64(apply.Nanoseconds())/float64(n), "commit-ns/row")
			total := s.db.Metrics().Total()
			b.ReportMetric(float64(total.TableBytesCompacted+total.TableBytesFlushed)/float64(n), "written-B/row")
		})
	}
}
