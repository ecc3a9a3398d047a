package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// subqueries takes the subqueries out of expressions. A condition [NOT] EXISTS or [NOT] IN becomes a
// semi or anti join where it can be decorrelated; anything else becomes an Apply below the node,
// whose column stands in the expression.
func subqueries(c *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		has := false
		n.EachExpr(func(e *expr.Expr) { has = has || logical.HasSubquery(e) })
		if !has {
			return n, nil
		}
		s := &subRule{c}
		switch n.Op {
		case logical.Filter:
			return s.filter(n)
		case logical.Join:
			return s.join(n)
		case logical.Values:
			return s.values(n)
		}
		return s.input(n)
	})
}

type subRule struct{ *Ctx }

// input replaces the subqueries in a node's expressions by columns of Applies below it.
func (s *subRule) input(n *logical.Node) (*logical.Node, error) {
	in := n.In[0]
	var failure error
	out := n.MapExprs(func(e *expr.Expr) *expr.Expr {
		x, below, err := s.replace(e, in)
		if err != nil {
			failure = err
			return e
		}
		in = below
		return x
	})
	if failure != nil {
		return nil, failure
	}
	out.In = append([]*logical.Node{in}, n.In[1:]...)
	return out, nil
}

// replace takes the subqueries out of e; below gets an Apply for each.
func (s *subRule) replace(e *expr.Expr, below *logical.Node) (*expr.Expr, *logical.Node, error) {
	var failure error
	out := expr.Rewrite(e, func(x *expr.Expr) *expr.Expr {
		if x.Kind != expr.Subquery || failure != nil {
			return x
		}
		sub, err := s.clean(x.Sub.(*logical.Subquery))
		if err != nil {
			failure = err
			return x
		}
		info := sub.ApplyInfo
		if info.Left != nil {
			if info.Left, below, failure = s.replace(info.Left, below); failure != nil {
				return x
			}
		}
		col := logical.Col{ID: s.NewID(), Field: types.Field{Name: info.Kind, Type: x.Type, NotNull: info.Kind == "exists"}}
		below = &logical.Node{Op: logical.Apply, In: []*logical.Node{below, sub.Node}, Sub: &info, Out: []logical.Col{col}}
		ref := logical.Ref(col)
		ref.Pos = x.Pos
		return ref
	})
	return out, below, failure
}

// clean runs the rule inside the subquery itself.
func (s *subRule) clean(sub *logical.Subquery) (*logical.Subquery, error) {
	n, err := subqueries(s.Ctx, sub.Node, nil)
	if err != nil {
		return nil, err
	}
	out := *sub
	out.Node = n
	return &out, nil
}

// filter turns conditions into semi and anti joins.
func (s *subRule) filter(n *logical.Node) (*logical.Node, error) {
	in := n.In[0]
	var plain, rest []*expr.Expr
	for _, p := range n.Preds {
		if logical.HasSubquery(p) {
			rest = append(rest, p)
		} else {
			plain = append(plain, p)
		}
	}
	in = logical.NewFilter(in, plain)
	cols := n.In[0].Cols()
	var preds []*expr.Expr
	for _, p := range rest {
		joined, err := s.semi(in, p)
		if err != nil {
			return nil, err
		}
		if joined != nil {
			in = joined
			continue
		}
		x, below, err := s.replace(nullFalse(p), in)
		if err != nil {
			return nil, err
		}
		in, preds = below, append(preds, x)
	}
	return logical.Keep(logical.NewFilter(in, preds), cols), nil
}

// nullFalse marks the subqueries of a condition whose NULL means the same as false: those that only
// AND and OR stand above.
func nullFalse(p *expr.Expr) *expr.Expr {
	switch p.Kind {
	case expr.And, expr.Or:
		out := *p
		out.Args = make([]*expr.Expr, len(p.Args))
		for i, a := range p.Args {
			out.Args[i] = nullFalse(a)
		}
		return &out
	case expr.Subquery:
		out, sub := *p, *p.Sub.(*logical.Subquery)
		sub.NullFalse = true
		out.Sub = &sub
		return &out
	}
	return p
}

// semi makes a semi or anti join of a condition; nil when it is of another form.
func (s *subRule) semi(in *logical.Node, p *expr.Expr) (*logical.Node, error) {
	not := p.Kind == expr.Not
	if not {
		p = p.Args[0]
	}
	if p.Kind != expr.Subquery || s.Off["decorrelate"] {
		return nil, nil
	}
	sub, err := s.clean(p.Sub.(*logical.Subquery))
	if err != nil {
		return nil, err
	}
	if sub.Left != nil && logical.HasSubquery(sub.Left) {
		return nil, nil
	}
	switch sub.Kind {
	case "exists":
		return s.semiJoin(in, existsOnly(sub.Node), nil, not), nil
	case "in":
		if not {
			return s.notIn(in, sub)
		}
		return s.semiJoin(in, sub.Node, s.equal(sub, sub.Node.Cols()[0]), false), nil
	}
	return nil, nil
}

// equal is the comparison of IN as a condition.
func (s *subRule) equal(sub *logical.Subquery, col logical.Col) []*expr.Expr {
	return []*expr.Expr{{Kind: expr.Call, Type: types.T(types.Bool), Name: "=", ArgTypes: sub.CmpTypes,
		Args: []*expr.Expr{sub.Left, logical.Ref(col)}}}
}

func (s *subRule) semiJoin(in, sub *logical.Node, on []*expr.Expr, not bool) *logical.Node {
	p := &puller{ctx: s.Ctx, outer: in.IDs(), exists: true}
	node, preds, ok := p.pull(sub)
	if !ok {
		return nil
	}
	kind := logical.Semi
	if not {
		kind = logical.Anti
	}
	return logical.NewJoin(kind, in, node, append(on, preds...))
}

// existsOnly drops what does not matter to whether there is a row.
func existsOnly(n *logical.Node) *logical.Node {
	for {
		switch n.Op {
		case logical.Project, logical.Sort, logical.Distinct:
			n = n.In[0]
			continue
		case logical.Limit:
			if n.Offset == nil && n.Limit != nil && n.Limit.Kind == expr.Literal && n.Limit.Lit.I > 0 {
				n = n.In[0]
				continue
			}
		}
		return n
	}
}

// notIn is NOT IN. Without NULLs it is an anti join, otherwise an anti join that knows NULLs: x NOT IN
// S holds when S is empty, or when x is not NULL, S holds no NULL, and x has no match.
func (s *subRule) notIn(in *logical.Node, sub *logical.Subquery) (*logical.Node, error) {
	col := sub.Node.Cols()[0]
	eq := s.equal(sub, col)
	notNull := logical.NotNull(sub.Left, in.Cols())
	if notNull && col.NotNull {
		return s.semiJoin(in, sub.Node, eq, true), nil
	}
	if logical.Free(sub.Node).Meets(in.IDs()) {
		boolean := types.T(types.Bool)
		wrap := func(k expr.Kind, e *expr.Expr) *expr.Expr {
			return &expr.Expr{Kind: k, Type: boolean, Args: []*expr.Expr{e}}
		}
		maybe := wrap(expr.Not, wrap(expr.IsTrue, wrap(expr.Not, eq[0])))
		return s.semiJoin(in, sub.Node, []*expr.Expr{maybe}, true), nil
	}
	if sub.Left.Type.Same(col.Type) {
		join := logical.NewJoin(logical.Anti, in, sub.Node, eq)
		join.NullAware = true
		return join, nil
	}
	return nil, nil
}

// counts aggregates the rows of a subquery and its values that are not NULL.
func (s *subRule) counts(n *logical.Node, col logical.Col) (*logical.Node, logical.Col) {
	n2, m := logical.Clone(n, s.NewID)
	col.ID = m[col.ID]
	int8 := types.T(types.Int8)
	total := logical.Col{ID: s.NewID(), Field: types.Field{Name: "rows", Type: int8, NotNull: true}}
	known := logical.Col{ID: s.NewID(), Field: types.Field{Name: "values", Type: int8, NotNull: true}}
	agg := &logical.Node{Op: logical.Agg, In: []*logical.Node{n2}, Out: []logical.Col{total, known}, Aggs: []logical.AggCall{
		countCall(nil), countCall(logical.Ref(col)),
	}}
	return agg, known
}

// join moves conditions with subqueries above an inner join, or to the side that they are about.
func (s *subRule) join(n *logical.Node) (*logical.Node, error) {
	var plain, rest []*expr.Expr
	for _, p := range n.Preds {
		if logical.HasSubquery(p) {
			rest = append(rest, p)
		} else {
			plain = append(plain, p)
		}
	}
	out := n.With(n.In...)
	out.Preds = plain
	if n.Kind == logical.Inner {
		return s.filter(&logical.Node{Op: logical.Filter, In: []*logical.Node{out}, Preds: rest})
	}
	cols := n.Cols()
	for _, p := range rest {
		used := logical.ColsOf(p)
		side := -1
		switch {
		case !used.Meets(n.In[0].IDs()):
			side = 1
		case !used.Meets(n.In[1].IDs()):
			side = 0
		case n.Kind == logical.Left:
			return s.lateralJoin(n, n.In[0], n.In[1])
		case n.Kind == logical.Right:
			return s.lateralJoin(n, n.In[1], n.In[0])
		default:
			return nil, sqlerr.Unsupported("a subquery over both sides of an outer join's condition is not supported").At(p.Pos)
		}
		x, below, err := s.replace(p, out.In[side])
		if err != nil {
			return nil, err
		}
		in := append([]*logical.Node(nil), out.In...)
		in[side] = below
		preds := append(append([]*expr.Expr(nil), out.Preds...), x)
		out = out.With(in...)
		out.Preds = preds
	}
	return logical.Keep(out, cols), nil
}

// lateralJoin is an outer join whose condition holds a subquery over both sides: for each row of the
// kept side the rows of the other that meet the condition.
func (s *subRule) lateralJoin(n, keep, other *logical.Node) (*logical.Node, error) {
	matches, err := s.filter(&logical.Node{Op: logical.Filter, In: []*logical.Node{other}, Preds: n.Preds})
	if err != nil {
		return nil, err
	}
	apply := &logical.Node{Op: logical.Apply, In: []*logical.Node{keep, matches}, Sub: &logical.ApplyInfo{Kind: "lateral left"}}
	return logical.Keep(apply, n.Cols()), nil
}

// values turns rows with subqueries into a union of projections.
func (s *subRule) values(n *logical.Node) (*logical.Node, error) {
	u := &logical.Node{Op: logical.Union, Out: n.Out, All: true}
	for _, row := range n.Rows {
		p := &logical.Node{Op: logical.Project, In: []*logical.Node{logical.OneRow()}, Exprs: row}
		var ids []int
		for _, c := range n.Out {
			c.ID = s.NewID()
			p.Out, ids = append(p.Out, c), append(ids, c.ID)
		}
		x, err := s.input(p)
		if err != nil {
			return nil, err
		}
		u.In, u.Map = append(u.In, x), append(u.Map, ids)
	}
	return u, nil
}
