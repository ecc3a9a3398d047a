package touch

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/rows"
)

// TestSet compares a Set with a Go map over random keys, bad hashes and several epochs.
func TestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s Set
	for epoch := range 50 {
		model := map[string]int{}
		for range r.IntN(2000) {
			key := fmt.Sprint("k", r.IntN(500))
			hash := uint64(len(key)) * uint64(epoch%3) // many equal hashes
			if epoch%2 == 0 {
				hash = uint64(key[len(key)-1])<<40 | uint64(key[1])
			}
			i, added := s.Upsert(hash, []byte(key))
			want, ok := model[key]
			if added == ok || ok && want != i {
				t.Fatalf("epoch %d: Upsert(%s) = %d, %v; model %d, %v", epoch, key, i, added, want, ok)
			}
			model[key] = i
			if j, ok := s.Find(hash, []byte(key)); !ok || j != i {
				t.Fatalf("Find(%s) = %d, %v", key, j, ok)
			}
		}
		if s.Len() != len(model) {
			t.Fatalf("Len %d, model %d", s.Len(), len(model))
		}
		for key, i := range model {
			if string(s.Key(i)) != key {
				t.Fatalf("Key(%d) = %s, want %s", i, s.Key(i), key)
			}
		}
		s.Reset()
		if _, ok := s.Find(0, []byte("k1")); ok {
			t.Fatal("found after Reset")
		}
	}
}

// BenchmarkSet touches each of 4096 keys twice per epoch.
func BenchmarkSet(b *testing.B) {
	keys := make([][]byte, 4096)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key %08d", i)
	}
	var s Set
	b.ReportAllocs()
	meter := optest.StartMeter()
	for b.Loop() {
		for i := range 2 * len(keys) {
			key := keys[i%len(keys)]
			s.Upsert(rows.HashKey(key), key)
		}
		s.Reset()
	}
	meter.Report(b, b.N*2*len(keys), "row")
}
