package rewrite

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/expr"
)

// lookup turns conditions "key column = constant" over a keyed relation into a point or prefix read
// of a batch query. The conditions stay: they are cheap, and right where the read is too wide.
func lookup(c *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	if c.View {
		return n, nil
	}
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		if n.Op != logical.Filter || n.In[0].Op != logical.Scan || len(n.In[0].Scan.StorageKey) == 0 {
			return n, nil
		}
		scan := n.In[0]
		info := *scan.Scan
		info.Lookup = nil
		for _, col := range info.StorageKey {
			at := slices.Index(info.Cols, col)
			if at < 0 {
				break
			}
			v := pinnedTo(n.Preds, scan.Out[at])
			if v == nil {
				break
			}
			info.Lookup = append(info.Lookup, v)
		}
		if len(info.Lookup) == 0 {
			return n, nil
		}
		s := *scan
		s.Scan = &info
		return n.With(&s), nil
	})
}

// pinnedTo finds the constant or parameter that a column equals, as a value of the column's type.
func pinnedTo(preds []*expr.Expr, c logical.Col) *expr.Expr {
	for _, p := range preds {
		if p.Kind != expr.Call || p.Name != "=" || len(p.Args) != 2 {
			continue
		}
		for i := range 2 {
			a, b := p.Args[i], p.Args[1-i]
			if a.Kind != expr.Column || a.Index != c.ID {
				continue
			}
			if v := asKey(b, c); v != nil {
				return v
			}
		}
	}
	return nil
}

func asKey(e *expr.Expr, c logical.Col) *expr.Expr {
	switch {
	case e.Kind == expr.Literal && !e.Lit.Null && e.Type.Same(c.Type):
		return e
	case e.Kind == expr.Literal && !e.Lit.Null && e.Type.IsInteger() && c.Type.IsInteger():
		d := *e.Lit
		d.Type = c.Type
		return expr.Lit(d)
	case e.Kind == expr.Param && e.Type.Same(c.Type):
		return e
	}
	return nil
}
