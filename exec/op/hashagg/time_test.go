package hashagg

import (
	"testing"

	"tidemill/exec/op/agg"
	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

// TestEventTime groups by a column that event time is told of: groups whose time has passed are
// dropped, and nothing changes in the output.
func TestEventTime(t *testing.T) {
	in := append(types.Schema(nil), schema...)
	in[2] = types.Field{Name: "at", Type: types.T(types.Timestamp)}
	for name, calls := range map[string][]agg.Call{
		"linear": {testCall("count"), testCall("sum", 3)}, "distinct": {distinct(testCall("count", 5))},
		"ordered": {testCall("max", 3), testCall("string_agg", 5, 5)},
	} {
		for _, keys := range [][]int{{2}, {0, 2}, {1, 2, 0}} {
			out := types.Schema{}
			for _, k := range keys {
				out = append(out, in[k])
			}
			for _, c := range calls {
				out = append(out, types.Field{Name: c.Name, Type: c.RetType})
			}
			cfg := Config{Keys: keys, Aggs: calls}
			t.Run(name, func(t *testing.T) {
				optest.Run(t, optest.Case{
					Op: Name, Config: cfg, In: []types.Schema{in}, Out: out,
					Keys: [][]int{keys}, Time: []int{2}, Epochs: 10,
					Model: func(r []optest.Relation) optest.Relation { return model(t, cfg, r[0]) },
				})
			})
		}
	}
}
