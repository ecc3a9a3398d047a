package state

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCounted compares Rank and At with a sorted list, through growth and shrinkage in different
// orders, with entries too long for a page.
func TestCounted(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 9))
			o := Ephemeral(nil).Ordered("o").Counted()
			model := map[string]int64{}
			domain := []int{40, 3000, 50_000}[seed%3]
			next := 0
			keyOf := func() []byte {
				x := r.IntN(domain)
				if seed%2 == 0 { // in order
					x, next = next%domain, next+1
				}
				k := intKey(nil, uint64(x))
				if x%50 == 0 {
					k = append(k, make([]byte, 1000)...)
				}
				return k
			}
			for round := range 4 {
				for range 6000 {
					k, w := keyOf(), int64(r.IntN(4))
					if round%2 == 1 && r.IntN(5) > 0 {
						w = -model[string(k)]
					}
					o.AddWeight(0, k, w)
					if model[string(k)] += w; model[string(k)] == 0 {
						delete(model, string(k))
					}
				}
				checkRanks(t, o, model)
			}
			lower, upper := intKey(nil, uint64(domain/4)), intKey(nil, uint64(domain/2))
			o.DeleteRange(lower, upper)
			maps.DeleteFunc(model, func(k string, _ int64) bool { return k >= string(lower) && k < string(upper) })
			checkRanks(t, o, model)
			o.DeleteRange(nil, nil)
			checkRanks(t, o, nil)
		})
	}
}

func checkRanks(t *testing.T, o *Ordered, model map[string]int64) {
	t.Helper()
	place := int64(0)
	for _, k := range slices.Sorted(maps.Keys(model)) {
		key, w := []byte(k), model[k]
		if got := o.Rank(key); got != place {
			t.Fatalf("rank of %x is %d, want %d", key, got, place)
		}
		for _, p := range []int64{place, place + w - 1} {
			if got, v, ok := o.At(p); !ok || !bytes.Equal(got, key) || WeightOf(v) != w {
				t.Fatalf("at %d is %x, want %x", p, got, key)
			}
		}
		place += w
	}
	if got := o.Rank(bytes.Repeat([]byte{0xFF}, 20)); got != place {
		t.Fatalf("total %d, want %d", got, place)
	}
	if _, _, ok := o.At(place); ok {
		t.Fatal("an entry beyond the end")
	}
}

// BenchmarkCounted measures what the sums cost a change, and a look-up by place, in a table of a
// million entries.
func BenchmarkCounted(b *testing.B) {
	const n = 1_000_000
	fill := func(o *Ordered) *Ordered {
		for i := range n {
			o.AddWeight(0, intKey(nil, uint64(i)*7919%n), 1)
		}
		return o
	}
	r := rand.New(rand.NewPCG(1, 1))
	change := func(b *testing.B, o *Ordered) {
		for range b.N {
			k := intKey(nil, uint64(r.IntN(n)))
			o.AddWeight(0, k, 1)
			o.AddWeight(0, k, -1)
		}
	}
	b.Run("change/plain", func(b *testing.B) { o := fill(Ephemeral(nil).Ordered("o")); b.ResetTimer(); change(b, o) })
	o := fill(Ephemeral(nil).Ordered("o").Counted())
	b.Run("change/counted", func(b *testing.B) { change(b, o) })
	b.Run("at", func(b *testing.B) {
		for range b.N {
			o.At(r.Int64N(n))
		}
	})
	b.Run("rank", func(b *testing.B) {
		for range b.N {
			o.Rank(intKey(nil, uint64(r.IntN(n))))
		}
	})
}
