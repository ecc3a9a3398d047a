package distinct

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

// TestEventTime drops rows whose time has passed, and nothing changes in the output.
func TestEventTime(t *testing.T) {
	s := types.Schema{{Name: "a", Type: types.T(types.Text)}, {Name: "at", Type: types.T(types.Timestamp)}, {Name: "b", Type: types.T(types.Int4)}}
	cols := optest.All(len(s))
	optest.Run(t, optest.Case{
		Op: Name, Config: Config{}, In: []types.Schema{s}, Out: s, Keys: [][]int{cols}, Time: []int{1}, Epochs: 12,
		Model: func(in []optest.Relation) (out optest.Relation) {
			for _, g := range in[0].Groups(cols) {
				out = append(out, optest.Weighted{Row: optest.CanonicalRow(g[0].Row, cols), W: 1})
			}
			return out
		},
	})
}
