package logical

import (
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// CanSplit tells whether an aggregation can run in two phases: every call has accumulators that can
// be merged. min and max have them while nothing is retracted.
func CanSplit(n *Node, appendOnly bool) bool {
	if n.Phase != Whole {
		return false
	}
	for i := range n.Aggs {
		a := &n.Aggs[i]
		extreme := appendOnly && (a.Name == "min" || a.Name == "max")
		if a.Distinct && !extreme || len(a.Order) > 0 || !a.Merges && !extreme {
			return false
		}
	}
	return true
}

// SplitPartial makes the first phase of an aggregation over in, grouped by keys.
func SplitPartial(n, in *Node, keys []int, newID func() int) *Node {
	p := &Node{Op: Agg, Phase: Partial, In: []*Node{in}, Keys: keys, Aggs: append([]AggCall(nil), n.Aggs...)}
	for i := range p.Aggs {
		p.Aggs[i].Distinct = false // of min and max, where it means nothing
		p.Out = append(p.Out, Col{ID: newID(), Field: types.Field{Name: n.Out[i].Name, Type: types.T(types.Bytea)}})
	}
	p.Out = append(p.Out, Col{ID: newID(), Field: types.Field{Name: "rows", Type: types.T(types.Int8), NotNull: true}})
	return p
}

// SplitMerge makes the second phase over in, which passes the partial phase's columns on.
func SplitMerge(n, in, partial *Node) *Node {
	m := *n
	m.Phase, m.In = Merge, []*Node{in}
	m.Count = partial.Out[len(partial.Out)-1].ID
	m.Aggs = append([]AggCall(nil), n.Aggs...)
	for i := range m.Aggs {
		a := &m.Aggs[i]
		a.Args, a.Filter, a.Distinct = []*expr.Expr{Ref(partial.Out[i])}, nil, false
	}
	return &m
}
