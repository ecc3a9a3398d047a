package values

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

// TestModel checks that the rows are there once, from the first epoch on, over reloads and for any
// number of workers.
func TestModel(t *testing.T) {
	s := types.Schema{{Name: "a", Type: types.T(types.Int4)}, {Name: "b", Type: types.T(types.Text)}}
	list := [][]types.Datum{
		{types.IntDatum(types.Int4, 1), types.TextDatum("x")},
		{types.NullOf(types.T(types.Int4)), types.TextDatum("")},
		{types.IntDatum(types.Int4, 1), types.TextDatum("x")},
	}
	optest.Run(t, optest.Case{
		Op: Name, Config: Config{Rows: list}, Out: s, OutAppendOnly: true, Residue: 1,
		Model: func([]optest.Relation) (out optest.Relation) {
			for _, r := range list {
				out = append(out, optest.Weighted{Row: r, W: 1})
			}
			return out
		},
	})
}
