package setop

import (
	"testing"

	"tidemill/exec/op/counted"
	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

func TestModel(t *testing.T) {
	s := types.Schema{{Name: "a", Type: types.T(types.Int2)}, {Name: "b", Type: types.T(types.Numeric)}}
	cols := []int{0, 1}
	for _, c := range []Config{{Kind: Intersect}, {Kind: Intersect, All: true}, {Kind: Except}, {Kind: Except, All: true}} {
		optest.Run(t, optest.Case{
			Op: Name, Config: c, In: []types.Schema{s, s}, Out: s, Keys: [][]int{cols, cols},
			Model: func(in []optest.Relation) optest.Relation { return model(c, in, cols) },
		})
	}
}

// model counts each row on both sides by looping over both.
func model(c Config, in []optest.Relation, cols []int) (out optest.Relation) {
	count := func(rel optest.Relation, key string) (n int64) {
		rel.Each(func(r optest.Row) {
			if optest.Key(r, cols) == key {
				n++
			}
		})
		return n
	}
	for _, g := range in[0].Groups(cols) {
		key := optest.Key(g[0].Row, cols)
		w := counted.Weights{count(in[0], key), count(in[1], key)}
		n := int64(0)
		switch {
		case c.Kind == Intersect && c.All:
			n = min(w[0], w[1])
		case c.Kind == Intersect && w[1] > 0:
			n = 1
		case c.Kind == Except && c.All && w[0] > w[1]:
			n = w[0] - w[1]
		case c.Kind == Except && !c.All && w[1] == 0:
			n = 1
		}
		if n > 0 {
			out = append(out, optest.Weighted{Row: optest.CanonicalRow(g[0].Row, cols), W: n})
		}
	}
	return out
}
