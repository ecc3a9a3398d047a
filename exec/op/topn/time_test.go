package topn

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/types"
)

// TestEventTime drops partitions whose time has passed.
func TestEventTime(t *testing.T) {
	s := append(schema[:0:0], schema...)
	s[1] = types.Field{Name: "at", Type: types.T(types.Timestamp)}
	limit := int64(2)
	for _, partition := range [][]int{{1}, {0, 1}} {
		for _, appendOnly := range []bool{false, true} {
			c := Config{Order: []plan.SortKey{{Col: 2, Desc: true}}, Limit: &limit, Partition: partition}
			optest.Run(t, optest.Case{
				Op: Name, Config: c, In: []types.Schema{s}, Out: s, Keys: [][]int{partition}, Time: []int{1}, Epochs: 12,
				AppendOnly: []bool{appendOnly},
				Model:      func(in []optest.Relation) optest.Relation { return model(c, in[0]) },
			})
		}
	}
}
