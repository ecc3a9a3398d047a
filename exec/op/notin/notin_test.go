package notin

import (
	"math/rand/v2"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

// TestModel compares with three-valued logic spelled out, with NULLs common and rare on the right.
func TestModel(t *testing.T) {
	left := types.Schema{{Name: "x", Type: types.T(types.Int4)}, {Name: "t", Type: types.T(types.Text)}}
	right := types.Schema{{Name: "u", Type: types.T(types.Text)}, {Name: "y", Type: types.T(types.Int4)}}
	for _, rare := range []bool{false, true} {
		optest.Run(t, optest.Case{
			Op: Name, Config: Config{Left: 0, Right: 1}, In: []types.Schema{left, right}, Out: left, Seeds: 80, Changes: 12,
			Gen: func(r *rand.Rand, port int) optest.Row {
				if port == 0 {
					return optest.RandomRow(r, left)
				}
				row := optest.RandomRow(r, right)
				if rare && r.IntN(10) > 0 {
					row[1] = optest.Random(r, right[1].Type, true)
				}
				return row
			},
			Model: model,
		})
	}
}

func model(in []optest.Relation) (out optest.Relation) {
	for _, l := range in[0] {
		isTrue := true
		for _, r := range in[1] {
			x, y := l.Row[0], r.Row[1]
			isTrue = isTrue && !x.Null && !y.Null && x.I != y.I // anything else is false or unknown
		}
		if isTrue {
			out = append(out, l)
		}
	}
	return out
}
