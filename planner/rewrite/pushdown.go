package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/expr"
)

// pushdown moves conditions towards the leaves: through projections, windows, unions and grouping, to
// the sides of joins; an equality over both sides of a comma join becomes its join key. A condition
// that a padded row cannot meet turns an outer join into an inner one.
func pushdown(_ *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	return push(n, nil), nil
}

// push returns n with the conjuncts applied, as far down as they can go.
func push(n *logical.Node, preds []*expr.Expr) *logical.Node {
	switch n.Op {
	case logical.Filter:
		return push(n.In[0], append(append([]*expr.Expr(nil), preds...), n.Preds...))
	case logical.Project:
		return pushProject(n, preds)
	case logical.Join:
		return pushJoin(n, preds)
	case logical.Agg:
		if len(n.Keys) == 0 || n.Phase != logical.Whole {
			break
		}
		return pushIf(n, preds, logical.SetOf(n.Keys...))
	case logical.Distinct:
		return pushIf(n, preds, n.IDs())
	case logical.Sort:
		return n.With(push(n.In[0], preds))
	case logical.Window, logical.TableFunc, logical.Expand:
		return pushIf(n, preds, n.In[0].IDs())
	case logical.Over, logical.TopN, logical.Session, logical.Match:
		return pushIf(n, preds, logical.SetOf(n.Keys...))
	case logical.Union, logical.SetOp:
		return pushUnion(n, preds)
	case logical.Apply, logical.AsOf, logical.Probe:
		return pushIf(n, preds, n.In[0].IDs())
	case logical.Values:
		if len(n.Rows) == 0 {
			return n
		}
	}
	in := make([]*logical.Node, len(n.In))
	for i, x := range n.In {
		in[i] = push(x, nil)
	}
	if len(in) > 0 {
		n = n.With(in...)
	}
	return logical.NewFilter(n, preds)
}

// pushIf sends the conjuncts that read columns of below only into the first input.
func pushIf(n *logical.Node, preds []*expr.Expr, below logical.Set) *logical.Node {
	var down, keep []*expr.Expr
	for _, p := range preds {
		if used := logical.ColsOf(p); movable(p) && len(used) > 0 && below.Contains(inner(used, n)) {
			down = append(down, p)
			continue
		}
		keep = append(keep, p)
	}
	in := append([]*logical.Node(nil), n.In...)
	in[0] = push(in[0], down)
	for i := 1; i < len(in); i++ {
		in[i] = push(in[i], nil)
	}
	return logical.NewFilter(n.With(in...), keep)
}

// inner leaves out the columns of enclosing queries.
func inner(used logical.Set, n *logical.Node) logical.Set {
	have := n.IDs()
	out := logical.Set{}
	for id := range used {
		if have[id] {
			out[id] = true
		}
	}
	return out
}

// movable tells whether a condition gives the same wherever it is evaluated.
func movable(e *expr.Expr) bool { return !logical.Volatile(e) && !logical.HasSubquery(e) }

func pushProject(n *logical.Node, preds []*expr.Expr) *logical.Node {
	m := map[int]*expr.Expr{}
	fixed := logical.Set{}
	for i, c := range n.Out {
		m[c.ID] = n.Exprs[i]
		if !movable(n.Exprs[i]) {
			fixed[c.ID] = true
		}
	}
	var down, keep []*expr.Expr
	for _, p := range preds {
		if movable(p) && !logical.ColsOf(p).Meets(fixed) {
			down = append(down, logical.Conjuncts(logical.Replace(p, m))...)
			continue
		}
		keep = append(keep, p)
	}
	return logical.NewFilter(n.With(push(n.In[0], down)), keep)
}

func pushUnion(n *logical.Node, preds []*expr.Expr) *logical.Node {
	var down, keep []*expr.Expr
	for _, p := range preds {
		if movable(p) {
			down = append(down, p)
		} else {
			keep = append(keep, p)
		}
	}
	in := make([]*logical.Node, len(n.In))
	for i, x := range n.In {
		m := map[int]*expr.Expr{}
		for k, c := range n.Out {
			m[c.ID] = expr.Col(n.Map[i][k], c.Type)
		}
		var arm []*expr.Expr
		for _, p := range down {
			arm = append(arm, logical.Replace(p, m))
		}
		in[i] = push(x, arm)
	}
	return logical.NewFilter(n.With(in...), keep)
}

func pushJoin(n *logical.Node, preds []*expr.Expr) *logical.Node {
	n = strengthen(n, preds)
	lc, rc := n.In[0].IDs(), n.In[1].IDs()
	var left, right, on, keep []*expr.Expr
	preserveL := n.Kind == logical.Left || n.Kind == logical.Full || n.Kind == logical.Anti
	preserveR := n.Kind == logical.Right || n.Kind == logical.Full
	for _, p := range n.Preds {
		used := logical.ColsOf(p)
		switch {
		case !movable(p):
			on = append(on, p)
		case !used.Meets(rc) && !preserveL && used.Meets(lc):
			left = append(left, p)
		case !used.Meets(lc) && !preserveR && used.Meets(rc) && !n.NullAware:
			right = append(right, p)
		default:
			on = append(on, p)
		}
	}
	for _, p := range preds {
		used := logical.ColsOf(p)
		switch {
		case !movable(p):
			keep = append(keep, p)
		case !used.Meets(rc) && n.Kind != logical.Right && n.Kind != logical.Full && used.Meets(lc):
			left = append(left, p)
		case !used.Meets(lc) && (n.Kind == logical.Inner || n.Kind == logical.Right) && used.Meets(rc):
			right = append(right, p)
		case n.Kind == logical.Inner:
			on = append(on, commonOr(p, lc, rc)...)
		default:
			keep = append(keep, p)
		}
	}
	if n.Kind == logical.Inner {
		l, r := implied(on, left, right, lc, rc)
		left, right = append(left, l...), append(right, r...)
	}
	out := n.With(push(n.In[0], left), push(n.In[1], right))
	out.Preds = on
	return logical.NewFilter(out, keep)
}

// strengthen turns an outer join whose padded rows a later condition drops into a stricter one.
func strengthen(n *logical.Node, preds []*expr.Expr) *logical.Node {
	rejects := func(side *logical.Node) bool {
		ids := side.IDs()
		for _, p := range preds {
			if movable(p) && logical.RejectsNull(p, ids) {
				return true
			}
		}
		return false
	}
	kind := n.Kind
	if (kind == logical.Left || kind == logical.Full) && rejects(n.In[1]) {
		kind = map[logical.JoinKind]logical.JoinKind{logical.Left: logical.Inner, logical.Full: logical.Right}[kind]
	}
	if (kind == logical.Right || kind == logical.Full) && rejects(n.In[0]) {
		kind = map[logical.JoinKind]logical.JoinKind{logical.Right: logical.Inner, logical.Full: logical.Left}[kind]
	}
	if kind == n.Kind {
		return n
	}
	c := *n
	c.Kind = kind
	return &c
}

// commonOr takes the factors that all arms of an OR share out of it: (a AND b) OR (a AND c) is
// a AND (b OR c). It finds join keys that are written inside an OR.
func commonOr(p *expr.Expr, lc, rc logical.Set) []*expr.Expr {
	if p.Kind != expr.Or {
		return []*expr.Expr{p}
	}
	var shared []*expr.Expr
	for _, f := range logical.Conjuncts(p.Args[0]) {
		if _, _, ok := logical.EquiPair(f, lc, rc); !ok {
			continue
		}
		everywhere := true
		for _, arm := range p.Args[1:] {
			found := false
			for _, g := range logical.Conjuncts(arm) {
				found = found || logical.Equal(f, g)
			}
			everywhere = everywhere && found
		}
		if everywhere {
			shared = append(shared, f)
		}
	}
	return append(shared, p)
}

// implied carries conditions "column = constant" over a join's equalities to the other side.
func implied(on, left, right []*expr.Expr, lc, rc logical.Set) (l, r []*expr.Expr) {
	for _, p := range on {
		x, y, ok := logical.EquiPair(p, lc, rc)
		if !ok || x.Kind != expr.Column || y.Kind != expr.Column || !x.Type.Equal(y.Type) {
			continue
		}
		r = append(r, pinned(left, x, y)...)
		l = append(l, pinned(right, y, x)...)
	}
	return l, r
}

// pinned returns the conditions "from = constant" among preds, said of to.
func pinned(preds []*expr.Expr, from, to *expr.Expr) []*expr.Expr {
	var out []*expr.Expr
	for _, p := range preds {
		if p.Kind != expr.Call || p.Name != "=" || len(p.Args) != 2 {
			continue
		}
		for i := range 2 {
			a, b := p.Args[i], p.Args[1-i]
			if a.Kind == expr.Column && a.Index == from.Index && (b.Kind == expr.Literal || b.Kind == expr.Param) {
				out = append(out, logical.Replace(p, map[int]*expr.Expr{from.Index: to}))
			}
		}
	}
	return out
}
