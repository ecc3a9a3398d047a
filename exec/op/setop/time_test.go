package setop

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

// TestEventTime drops rows whose time has passed on both sides.
func TestEventTime(t *testing.T) {
	s := types.Schema{{Name: "a", Type: types.T(types.Int2)}, {Name: "at", Type: types.T(types.Timestamp)}}
	cols := []int{0, 1}
	for _, c := range []Config{{Kind: Intersect}, {Kind: Intersect, All: true}, {Kind: Except}, {Kind: Except, All: true}} {
		optest.Run(t, optest.Case{
			Op: Name, Config: c, In: []types.Schema{s, s}, Out: s, Keys: [][]int{cols, cols}, Time: []int{1, 1}, Epochs: 12,
			Model: func(in []optest.Relation) optest.Relation { return model(c, in, cols) },
		})
	}
}
