package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// topN turns a condition on a numbering into a top-N per partition: only the first rows are kept.
func topN(_ *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		if n.Op != logical.Filter || n.In[0].Op != logical.Over {
			return n, nil
		}
		over := n.In[0]
		if len(over.Over) == 1 && over.Over[0].Name == "row_number" {
			return numberTopN(n, over), nil
		}
		return rankTopN(n, over), nil
	})
}

// numberTopN replaces a row_number that is alone and bounded: the top-N numbers its rows itself.
func numberTopN(n, over *logical.Node) *logical.Node {
	rn := over.Out[0]
	low, high, rest := bounds(n.Preds, rn.ID)
	if high < 0 {
		return n
	}
	top := &logical.Node{Op: logical.TopN, In: over.In, Keys: over.Keys, Order: over.Order, Out: []logical.Col{rn}}
	top.Limit = bigint(max(high-low+1, 0))
	if low > 1 {
		top.Offset = bigint(low - 1)
	}
	return logical.NewFilter(top, rest)
}

// rankTopN puts a top-N below numberings of which one is bounded. They look at the rows before their
// own only, so that they number the first rows as before. The upper bound needs no filter any more:
// where nothing else reads the numbers, they are not computed.
func rankTopN(n, over *logical.Node) *logical.Node {
	for _, c := range over.Over {
		if c.Name != "row_number" && c.Name != "rank" && c.Name != "dense_rank" {
			return n
		}
	}
	for i, c := range over.Over {
		id := over.Out[i].ID
		low, high, rest := bounds(n.Preds, id)
		if high < 0 {
			continue
		}
		top := &logical.Node{
			Op: logical.TopN, In: over.In, Keys: over.Keys, Order: over.Order, Limit: bigint(high),
			WithTies: c.Name == "rank", Dense: c.Name == "dense_rank",
		}
		if low > 1 {
			rest = n.Preds
		}
		return logical.NewFilter(over.With(top), rest)
	}
	return n
}

// bounds finds the range to which conditions hold a row number; high is −1 when there is no upper
// bound.
func bounds(preds []*expr.Expr, id int) (low, high int64, rest []*expr.Expr) {
	low, high = 1, -1
	for _, p := range preds {
		op, v, ok := bound(p, id)
		if !ok {
			rest = append(rest, p)
			continue
		}
		if op == "<" {
			op, v = "<=", v-1
		}
		if op == ">" {
			op, v = ">=", v+1
		}
		if op == "=" || op == ">=" {
			low = max(low, v)
		}
		if op == "=" || op == "<=" {
			if high < 0 || v < high {
				high = max(v, 0)
			}
		}
	}
	return low, high, rest
}

var flipped = map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}

// bound takes a condition "column op constant" apart.
func bound(p *expr.Expr, id int) (op string, v int64, ok bool) {
	if p.Kind != expr.Call || len(p.Args) != 2 || flipped[p.Name] == "" {
		return "", 0, false
	}
	a, b, op := strip(p.Args[0]), p.Args[1], p.Name
	if a.Kind != expr.Column {
		a, b, op = strip(p.Args[1]), p.Args[0], flipped[p.Name]
	}
	if a.Kind != expr.Column || a.Index != id || b.Kind != expr.Literal || b.Lit.Null || !b.Type.IsInteger() {
		return "", 0, false
	}
	return op, b.Lit.I, true
}

// strip looks through casts between integers.
func strip(e *expr.Expr) *expr.Expr {
	for e.Kind == expr.Cast && e.Type.ID == types.Int8 && e.Args[0].Type.IsInteger() {
		e = e.Args[0]
	}
	return e
}

// limits chooses how ORDER BY and LIMIT run. A view keeps the first rows by a top-N (over all columns
// where there is no ORDER BY, so that the choice is stable) and forgets other orders; a batch query
// sorts.
func limits(c *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	out, err := bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		switch {
		case n.Op == logical.Limit && (c.View || n.WithTies):
			return limitTopN(c, n), nil
		case n.Op == logical.Limit && n.In[0].Op == logical.Sort:
			return sortHint(n), nil
		}
		return n, nil
	})
	if err != nil || !c.View {
		return out, err
	}
	return bottomUp(out, func(n *logical.Node) (*logical.Node, error) {
		if n.Op == logical.Sort {
			return n.In[0], nil
		}
		return n, nil
	})
}

func limitTopN(c *Ctx, n *logical.Node) *logical.Node {
	top := &logical.Node{Op: logical.TopN, In: n.In, Limit: n.Limit, Offset: n.Offset, WithTies: n.WithTies, Order: n.Order}
	if s := n.In[0]; s.Op == logical.Sort {
		top.In, top.Order = s.In, s.Order
	}
	if len(top.Order) == 0 {
		for _, col := range top.In[0].Cols() {
			top.Order = append(top.Order, logical.SortKey{Col: col.ID})
		}
	}
	if c.View {
		return top
	}
	return &logical.Node{Op: logical.Sort, In: []*logical.Node{top}, Order: top.Order}
}

// sortHint tells a sort how many rows are looked at.
func sortHint(n *logical.Node) *logical.Node {
	if n.Limit == nil || n.Limit.Kind != expr.Literal || n.Offset != nil && n.Offset.Kind != expr.Literal {
		return n
	}
	rows := n.Limit.Lit.I
	if n.Offset != nil {
		rows += n.Offset.Lit.I
	}
	if rows <= 0 {
		return n
	}
	s := *n.In[0]
	s.Limit = bigint(rows)
	return n.With(&s)
}

// distinct drops DISTINCT where the rows are distinct already.
func distinct(_ *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		if n.Op == logical.Distinct && len(logical.Keys(n.In[0])) > 0 {
			return n.In[0], nil
		}
		return n, nil
	})
}
