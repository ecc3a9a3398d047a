package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/expr"
)

// mergeProjects makes one projection of two that follow each other, and drops those that only pass
// columns on.
func mergeProjects(_ *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		if n.Op != logical.Project {
			return n, nil
		}
		in := n.In[0]
		if in.Op == logical.Project && mergeable(n, in) {
			m := map[int]*expr.Expr{}
			for i, c := range in.Out {
				m[c.ID] = in.Exprs[i]
			}
			known := logical.PassKeys(n, in.Unique)
			n = n.MapExprs(func(e *expr.Expr) *expr.Expr { return logical.Replace(e, m) })
			n.In, n.Unique = in.In, append(known, n.Unique...)
		}
		if passes(n) {
			return n.In[0], nil
		}
		return n, nil
	})
}

// mergeable tells whether the lower projection may be computed inside the upper one: what is
// computed is used once, or is cheap.
func mergeable(n, in *logical.Node) bool {
	uses := map[int]int{}
	for _, e := range n.Exprs {
		expr.Walk(e, func(x *expr.Expr) bool {
			if x.Kind == expr.Column {
				uses[x.Index]++
			}
			return x.Kind != expr.Subquery
		})
		if logical.HasSubquery(e) {
			return false
		}
	}
	for i, c := range in.Out {
		e := in.Exprs[i]
		if logical.Volatile(e) || logical.HasSubquery(e) {
			return false
		}
		if uses[c.ID] > 1 && e.Kind != expr.Column && e.Kind != expr.Literal && e.Kind != expr.Param {
			return false
		}
	}
	return true
}

// passes tells whether a projection gives its input's columns as they are.
func passes(n *logical.Node) bool {
	in := n.In[0].Cols()
	if len(in) != len(n.Out) {
		return false
	}
	for i, e := range n.Exprs {
		if e.Kind != expr.Column || e.Index != in[i].ID || n.Out[i].ID != in[i].ID {
			return false
		}
	}
	return true
}
