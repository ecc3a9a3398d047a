package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/expr"
)

// foldAll evaluates constant expressions and drops conditions that are always true. A condition that
// is never true empties its input.
func foldAll(c *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		n = n.MapExprs(func(e *expr.Expr) *expr.Expr { return logical.Fold(e, c.Env) })
		if n.Op != logical.Filter && n.Op != logical.Join {
			return n, nil
		}
		var keep []*expr.Expr
		never := false
		for _, p := range n.Preds {
			for _, q := range logical.Conjuncts(p) {
				if q.Kind == expr.Literal {
					never = never || q.Lit.Null || !q.Lit.B
					if q.Lit.B && !q.Lit.Null {
						continue
					}
				}
				keep = append(keep, q)
			}
		}
		n.Preds = keep
		if n.Op == logical.Filter {
			switch {
			case never:
				return empty(n.Cols()), nil
			case len(keep) == 0:
				return n.In[0], nil
			}
		}
		if never && n.Op == logical.Join && (n.Kind == logical.Inner || n.Kind == logical.Semi) {
			return empty(n.Cols()), nil
		}
		return n, nil
	})
}

// empty is the relation without rows.
func empty(cols []logical.Col) *logical.Node {
	return &logical.Node{Op: logical.Values, Out: cols, Rows: [][]*expr.Expr{}}
}
