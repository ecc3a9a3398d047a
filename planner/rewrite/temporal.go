package rewrite

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
)

// TemporalHint tells how a view may use the time.
const TemporalHint = "In a condition of WHERE, joined with AND, it can bound the time of a row, as in ts > now() - INTERVAL '1 hour': " +
	"the row on one side, now() and constants on the other. For OR write UNION ALL of queries whose rows differ."

// temporal makes an operator of its own of each condition that compares with the time: in a view the
// rows that it is true for change as time goes on.
func temporal(c *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	if !c.View {
		return n, nil
	}
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		out := n
		if n.Op == logical.Filter || n.Op == logical.Join && n.Kind == logical.Inner {
			keep, conds := splitTemporal(n.Preds)
			if len(conds) > 0 {
				x := n.With(n.In...)
				if x.Preds = keep; n.Op == logical.Filter && len(keep) == 0 {
					x = n.In[0]
				}
				n, out = x, x
				for _, cond := range conds {
					out = &logical.Node{Op: logical.Temporal, In: []*logical.Node{out}, Preds: []*expr.Expr{cond}}
				}
			}
		}
		var failure error
		n.EachExpr(func(e *expr.Expr) {
			if n.Op != logical.Temporal && failure == nil && logical.ReadsClock(e) {
				failure = sqlerr.Unsupported("now() is not supported in this place of a materialized view").WithHint(TemporalHint)
			}
		})
		return out, failure
	})
}

// splitTemporal takes the conditions with the time out of preds. Those by which rows arrive come
// first, so that a row that is still to come is kept once.
func splitTemporal(preds []*expr.Expr) (keep, conds []*expr.Expr) {
	for _, p := range preds {
		for _, q := range logical.Conjuncts(p) {
			if !logical.ReadsClock(q) {
				keep = append(keep, q)
			} else if list, ok := logical.TemporalConds(q); ok {
				conds = append(conds, list...)
			} else {
				keep = append(keep, q)
			}
		}
	}
	slices.SortStableFunc(conds, func(a, b *expr.Expr) int {
		order := map[bool]int{false: 0, true: 1}
		return order[logical.Expires(a)] - order[logical.Expires(b)]
	})
	return keep, conds
}
