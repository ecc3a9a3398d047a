package distinct

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

func TestModel(t *testing.T) {
	s := types.Schema{
		{Name: "a", Type: types.T(types.Int4)}, {Name: "b", Type: types.T(types.Numeric)},
		{Name: "c", Type: types.T(types.Float8)}, {Name: "d", Type: types.T(types.Text)},
	}
	for width := 1; width <= len(s)+2; width++ {
		var dist, spread []int
		switch width {
		case 5:
			dist, spread = []int{1}, []int{1}
		case 6:
			dist = []int{}
		}
		s, cols := s[:min(width, 4)], optest.All(min(width, 4))
		if dist == nil {
			spread = cols
		}
		optest.Run(t, optest.Case{
			Op: Name, Config: Config{Dist: dist}, In: []types.Schema{s}, Out: s, Keys: [][]int{spread},
			Model: func(in []optest.Relation) (out optest.Relation) {
				for _, g := range in[0].Groups(cols) {
					out = append(out, optest.Weighted{Row: optest.CanonicalRow(g[0].Row, cols), W: 1})
				}
				return out
			},
		})
	}
}
