package diff

import "math/rand/v2"

// dice is a source of choices that remembers them, so that a failing case can be drawn again from a
// shorter or smaller list. A choice of 0 is the simplest one wherever the generators can arrange it.
type dice struct {
	rng    *rand.Rand // nil = only replay
	replay []int
	rolled []int
}

func newDice(seed uint64) *dice { return &dice{rng: rand.New(rand.NewPCG(seed, 17))} }

// IntN returns a number in [0, n).
func (d *dice) IntN(n int) int {
	v := 0
	switch {
	case d.rng != nil:
		v = d.rng.IntN(n)
	case len(d.rolled) < len(d.replay):
		v = d.replay[len(d.rolled)] % n
	}
	d.rolled = append(d.rolled, v)
	return v
}
