package union

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

func TestModel(t *testing.T) {
	a := types.Schema{{Name: "a", Type: types.T(types.Int8)}, {Name: "b", Type: types.T(types.Text)}}
	b := types.Schema{{Name: "x", Type: types.T(types.Int8)}, {Name: "y", Type: types.T(types.Text)}}
	optest.Run(t, optest.Case{
		Op: Name, In: []types.Schema{a, b, b}, Out: a, Stateless: true,
		Model: func(in []optest.Relation) (out optest.Relation) {
			for _, rel := range in {
				out = append(out, rel...)
			}
			return out
		},
	})
}
