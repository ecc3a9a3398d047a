package topn

import (
	"fmt"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/types"
)

var schema = types.Schema{
	{Name: "p", Type: types.T(types.Text)}, {Name: "a", Type: types.T(types.Int4)},
	{Name: "b", Type: types.T(types.Numeric)}, {Name: "c", Type: types.T(types.Float8)},
}

func TestModel(t *testing.T) {
	order := []plan.SortKey{{Col: 1, Desc: true, NullsFirst: true}, {Col: 2}}
	for _, appendOnly := range []bool{false, true} {
		for _, partition := range [][]int{nil, {0}} {
			for _, limit := range []int64{-1, 0, 1, 3} {
				for _, offset := range []int64{0, 2} {
					for _, variant := range []string{"", "ties", "number", "dense"} {
						c := Config{
							Order: order[:1+int(offset)/2], Offset: offset, Partition: partition,
							WithTies: variant == "ties", Number: variant == "number",
						}
						if limit >= 0 {
							c.Limit = &limit
						}
						t.Run(fmt.Sprintf("%v/%v/%d/%d/%s", appendOnly, partition, limit, offset, variant), func(t *testing.T) {
							t.Parallel()
							run(t, c, appendOnly)
						})
					}
				}
			}
		}
	}
}

// TestDist partitions by two columns and spreads rows by the second, or not at all.
func TestDist(t *testing.T) {
	limit := int64(2)
	c := Config{Order: []plan.SortKey{{Col: 2}}, Limit: &limit, Partition: []int{0, 1}}
	for _, c.Dist = range [][]int{{1}, {}} {
		spread := c.Dist
		if len(spread) == 0 {
			spread = nil
		}
		optest.Run(t, optest.Case{
			Op: Name, Config: c, In: []types.Schema{schema}, Out: schema, Keys: [][]int{spread},
			Model: func(in []optest.Relation) optest.Relation { return model(c, in[0]) },
		})
	}
}

func run(t *testing.T, c Config, appendOnly bool) {
	out := schema
	if c.Number {
		out = append(append(types.Schema(nil), schema...), types.Field{Name: "rn", Type: types.T(types.Int8)})
	}
	optest.Run(t, optest.Case{
		Op: Name, Config: c, In: []types.Schema{schema}, Out: out, Keys: [][]int{c.Partition}, Seeds: 6,
		AppendOnly: []bool{appendOnly},
		Model:      func(in []optest.Relation) optest.Relation { return model(c, in[0]) },
	})
}

// model sorts each partition and cuts out the window.
func model(c Config, in optest.Relation) (out optest.Relation) {
	cols := make([]int, len(c.Order))
	for i, o := range c.Order {
		cols[i] = o.Col
	}
	for _, g := range in.Groups(c.Partition) {
		list := g.Sorted(schema, c.Order)
		if c.Dense {
			out = append(out, modelGroups(c, list, cols)...)
			continue
		}
		end := len(list)
		if c.Limit != nil {
			end = min(end, int(c.Offset+*c.Limit))
		}
		for i, row := range list {
			tie := c.WithTies && c.Limit != nil && *c.Limit > 0 && i >= end && end > int(c.Offset) &&
				optest.Key(row, cols) == optest.Key(list[end-1], cols)
			if i < int(c.Offset) || i >= end && !tie {
				continue
			}
			if c.Number {
				row = optest.Concat(row, optest.Row{types.IntDatum(types.Int8, int64(i)+1)})
			}
			out = append(out, optest.Weighted{Row: row, W: 1})
		}
	}
	return out
}

// modelGroups takes the rows of the first groups of peers.
func modelGroups(c Config, list []optest.Row, cols []int) (out optest.Relation) {
	groups := int64(0)
	for i, row := range list {
		if i == 0 || optest.Key(row, cols) != optest.Key(list[i-1], cols) {
			groups++
		}
		if c.Limit == nil || groups <= *c.Limit {
			out = append(out, optest.Weighted{Row: row, W: 1})
		}
	}
	return out
}
