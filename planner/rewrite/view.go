package rewrite

import (
	"slices"

	"tidemill/planner/logical"
)

// RunView applies the rules to a view's tree. The result's columns are the visible ones followed by
// hidden ones that its unique key needs; key is nil when no key can be derived.
func RunView(c *Ctx, n *logical.Node, visible []logical.Col) (out *logical.Node, cols []logical.Col, key []int, err error) {
	cols = visible
	for _, r := range Rules {
		if r.Name == "prune" {
			n, cols, key = exposeKey(n, visible)
		}
		if c.Off[r.Name] && !r.Needed {
			continue
		}
		if n, err = r.Apply(c, n, cols); err != nil {
			return nil, nil, nil, err
		}
	}
	return n, cols, key, nil
}

// exposeKey finds the result's best key and lets its columns reach the root.
func exposeKey(n *logical.Node, visible []logical.Col) (*logical.Node, []logical.Col, []int) {
	vis := logical.Set{}
	for _, c := range visible {
		vis[c.ID] = true
	}
	// A key among the visible columns needs nothing.
	if k := cheapest(logical.Keys(n), vis); k != nil && vis.Contains(logical.SetOf(k...)) {
		return n, visible, k
	}
	n = expose(n)
	k := cheapest(logical.Keys(n), vis)
	if k == nil {
		return n, visible, nil
	}
	cols := slices.Clone(visible)
	for _, id := range k {
		if !vis[id] {
			c, _ := n.Col(id)
			c.Name = "_key_" + c.Name
			cols = append(cols, c)
		}
	}
	return n, cols, k
}

// cheapest picks the key with the fewest hidden columns, then the fewest columns.
func cheapest(keys [][]int, vis logical.Set) []int {
	var best []int
	bestCost := 0
	for _, k := range keys {
		cost := len(k)
		for _, id := range k {
			if !vis[id] {
				cost += 100
			}
		}
		if best == nil || cost < bestCost {
			best, bestCost = append([]int{}, k...), cost
		}
	}
	return best
}

// expose lets projections pass the key columns of their inputs.
func expose(n *logical.Node) *logical.Node {
	switch n.Op {
	case logical.Project, logical.Filter, logical.TopN, logical.Window, logical.Session, logical.Temporal, logical.TableFunc, logical.Expand, logical.Join, logical.AsOf, logical.Probe, logical.Match:
	default:
		return n
	}
	in := make([]*logical.Node, len(n.In))
	for i, x := range n.In {
		in[i] = expose(x)
	}
	out := n.With(in...)
	if n.Op != logical.Project || len(logical.Keys(out)) > 0 {
		return out
	}
	have := out.IDs()
	k := cheapest(logical.Keys(in[0]), have)
	out.Out, out.Exprs = slices.Clone(n.Out), slices.Clone(n.Exprs)
	for _, id := range k {
		if !have[id] && !passed(out, id) {
			c, _ := in[0].Col(id)
			out.Out, out.Exprs = append(out.Out, c), append(out.Exprs, logical.Ref(c))
		}
	}
	return out
}

// passed tells whether a projection gives a column of its input under some id.
func passed(n *logical.Node, id int) bool {
	for _, e := range n.Exprs {
		if e.Kind == "col" && e.Index == id {
			return true
		}
	}
	return false
}
