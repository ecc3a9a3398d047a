package logical

import "tidemill/sql/expr"

// Clone copies a tree under fresh column ids, which next gives out. Free columns keep their ids. The
// map tells the new id of each old one.
func Clone(n *Node, next func() int) (*Node, map[int]int) {
	m := map[int]int{}
	number(n, next, m)
	return renumber(n, m), m
}

func number(n *Node, next func() int, m map[int]int) {
	for _, c := range n.Out {
		if _, ok := m[c.ID]; !ok {
			m[c.ID] = next()
		}
	}
	for _, in := range n.In {
		number(in, next, m)
	}
	n.EachExpr(func(e *expr.Expr) {
		expr.Walk(e, func(x *expr.Expr) bool {
			if x.Kind == expr.Subquery {
				number(x.Sub.(*Subquery).Node, next, m)
			}
			return true
		})
	})
}

func renumber(n *Node, m map[int]int) *Node {
	to := func(id int) int {
		if t, ok := m[id]; ok {
			return t
		}
		return id
	}
	all := func(ids []int) []int {
		if ids == nil {
			return nil
		}
		out := make([]int, len(ids))
		for i, id := range ids {
			out[i] = to(id)
		}
		return out
	}
	c := n.MapExprs(func(e *expr.Expr) *expr.Expr { return renumberExpr(e, m) })
	c.Out = append([]Col(nil), n.Out...)
	for i := range c.Out {
		c.Out[i].ID = to(c.Out[i].ID)
	}
	c.Keys, c.Work = all(n.Keys), all(n.Work)
	if n.Unique != nil {
		c.Unique = make([][]int, len(n.Unique))
		for i, ids := range n.Unique {
			c.Unique[i] = all(ids)
		}
	}
	if n.Map != nil {
		c.Map = make([][]int, len(n.Map))
		for i, ids := range n.Map {
			c.Map[i] = all(ids)
		}
	}
	c.Order = append([]SortKey(nil), n.Order...)
	for i := range c.Order {
		c.Order[i].Col = to(c.Order[i].Col)
	}
	if n.Win != nil {
		w := *n.Win
		w.Time = to(w.Time)
		c.Win = &w
	}
	c.In = make([]*Node, len(n.In))
	for i, in := range n.In {
		c.In[i] = renumber(in, m)
	}
	return c
}

func renumberExpr(e *expr.Expr, m map[int]int) *expr.Expr {
	return expr.Rewrite(e, func(x *expr.Expr) *expr.Expr {
		switch x.Kind {
		case expr.Column:
			if t, ok := m[x.Index]; ok {
				c := *x
				c.Index = t
				return &c
			}
		case expr.Subquery:
			sub := *x.Sub.(*Subquery)
			each := func(e *expr.Expr) *expr.Expr { return renumberExpr(e, m) }
			sub.Node = renumber(sub.Node, m)
			sub.Lefts, sub.Left = mapAll(sub.Lefts, each), mapOne(sub.Left, each)
			c := *x
			c.Sub = &sub
			return &c
		}
		return x
	})
}

// Count returns the number of nodes of the tree, up to a limit.
func Count(n *Node, limit int) int {
	c := 1
	for _, in := range n.In {
		if c >= limit {
			return c
		}
		c += Count(in, limit-c)
	}
	return c
}
