package state

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

type sortedKey struct {
	vnode uint16
	key   string
	ref   uint64
}

// sorterShapes make keys in different ways, most with long common prefixes, zeros and repeats.
var sorterShapes = map[string]func(r *rand.Rand) string{
	"ints":     func(r *rand.Rand) string { return string(intKey(nil, r.Uint64N(1<<20))) },
	"few":      func(r *rand.Rand) string { return string(intKey(nil, r.Uint64N(10))) },
	"zeros":    func(r *rand.Rand) string { return string(make([]byte, r.IntN(40))) },
	"prefixes": func(r *rand.Rand) string { return string(bytes.Repeat([]byte{0, 0, 0, 1}, 20)[:r.IntN(81)]) },
	"rows": func(r *rand.Rand) string {
		return string(intKey(nil, r.Uint64N(3))) + "\x00" + string(intKey(intKey(nil, 7), r.Uint64N(1000)))
	},
	"random": func(r *rand.Rand) string {
		b := make([]byte, r.IntN(30))
		for i := range b {
			b[i] = byte(r.IntN(3) * 127)
		}
		return string(b)
	},
}

func TestKeySorter(t *testing.T) {
	var s KeySorter
	for name, shape := range sorterShapes {
		for _, n := range []int{0, 1, 2, 24, 25, 300, 3000, 20_000} {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			var want []sortedKey
			s.Reset()
			for range n {
				k := sortedKey{uint16(r.IntN(256) & r.IntN(256)), shape(r), r.Uint64N(4)}
				want = append(want, k)
				cut := r.IntN(len(k.key) + 1)
				s.Add(k.vnode, k.ref, []byte(k.key[:cut]), []byte(k.key[cut:]))
			}
			s.Sort()
			slices.SortFunc(want, func(a, b sortedKey) int {
				return cmp.Or(cmp.Compare(a.vnode, b.vnode), cmp.Compare(a.key, b.key), cmp.Compare(a.ref, b.ref))
			})
			if s.Len() != n {
				t.Fatalf("%s: %d keys, want %d", name, s.Len(), n)
			}
			for i, w := range want {
				if vnode, key, ref := s.At(i); vnode != w.vnode || string(key) != w.key || ref != w.ref {
					t.Fatalf("%s, %d keys: %d is %d/%x/%d, want %d/%x/%d", name, n, i, vnode, key, ref, w.vnode, w.key, w.ref)
				}
			}
			for i := 0; i < n; {
				end := s.RunEnd(i)
				for k := i; k < end; k++ {
					if want[k].vnode != want[i].vnode || want[k].key != want[i].key {
						t.Fatal("RunEnd takes too many")
					}
				}
				if end < n && want[end].vnode == want[i].vnode && want[end].key == want[i].key {
					t.Fatal("RunEnd takes too few")
				}
				i = end
			}
		}
	}
}

// BenchmarkKeySorter gives the time per key. Sorting entries by comparing takes 2 to 3.5 times as long
// at 100,000 keys and 10 times at 10,000 ints.
func BenchmarkKeySorter(b *testing.B) {
	for _, name := range []string{"ints", "rows"} {
		for _, n := range []int{100, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/keys=%d", name, n), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				keys := make([][]byte, n)
				for i := range keys {
					keys[i] = []byte(sorterShapes[name](r))
				}
				var s KeySorter
				for b.Loop() {
					s.Reset()
					for i, k := range keys {
						s.Add(uint16(k[len(k)-1]), uint64(i), k)
					}
					s.Sort()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/key")
			})
		}
	}
}
