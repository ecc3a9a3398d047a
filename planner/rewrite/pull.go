package rewrite

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// puller frees a subquery from the columns of the outer query that it reads: it takes out the
// conditions that read them, so that a join on these conditions gives what running the subquery per
// outer row would.
type puller struct {
	ctx   *Ctx
	outer logical.Set
	// exists tells that only the existence of rows counts, not their number.
	exists bool
}

// pull returns n without outer columns and the conditions taken out. The result outputs all columns
// that the conditions read. ok is false when n has another form.
func (p *puller) pull(n *logical.Node) (out *logical.Node, preds []*expr.Expr, ok bool) {
	if !logical.Free(n).Meets(p.outer) {
		return n, nil, true
	}
	switch n.Op {
	case logical.Filter:
		return p.filter(n)
	case logical.Project:
		return p.project(n)
	case logical.Join:
		return p.join(n)
	case logical.Agg:
		if len(n.Keys) == 0 || n.Phase != logical.Whole {
			return nil, nil, false
		}
		return p.grouped(n, func(c *logical.Node, keys []int) { c.Keys = append(slices.Clone(n.Keys), keys...) })
	case logical.Distinct:
		return p.grouped(n, func(*logical.Node, []int) {})
	case logical.TopN, logical.Over:
		return p.grouped(n, func(c *logical.Node, keys []int) { c.Keys = append(slices.Clone(n.Keys), keys...) })
	case logical.Limit:
		return p.limit(n)
	case logical.Sort:
		return p.pull(n.In[0])
	case logical.Window, logical.TableFunc, logical.Expand:
		if p.reads(n) {
			return nil, nil, false
		}
		in, preds, ok := p.pull(n.In[0])
		if !ok {
			return nil, nil, false
		}
		return n.With(in), preds, true
	}
	return nil, nil, false
}

// reads tells whether the node's own expressions read outer columns.
func (p *puller) reads(n *logical.Node) bool { return n.Used().Meets(p.outer) }

func (p *puller) filter(n *logical.Node) (*logical.Node, []*expr.Expr, bool) {
	in, preds, ok := p.pull(n.In[0])
	if !ok {
		return nil, nil, false
	}
	var keep []*expr.Expr
	for _, q := range n.Preds {
		switch {
		case !logical.ColsOf(q).Meets(p.outer):
			keep = append(keep, q)
		case !movable(q):
			return nil, nil, false
		default:
			preds = append(preds, q)
		}
	}
	return logical.NewFilter(in, keep), preds, true
}

// need lists the columns of n that conditions read and that have does not hold yet.
func (p *puller) need(n *logical.Node, preds []*expr.Expr, have logical.Set) []logical.Col {
	used := logical.Set{}
	for _, q := range preds {
		logical.AddCols(used, q)
	}
	var out []logical.Col
	for _, c := range n.Cols() {
		if used[c.ID] && !have[c.ID] {
			out = append(out, c)
		}
	}
	return out
}

func (p *puller) project(n *logical.Node) (*logical.Node, []*expr.Expr, bool) {
	if p.reads(n) {
		return nil, nil, false
	}
	in, preds, ok := p.pull(n.In[0])
	if !ok {
		return nil, nil, false
	}
	c := n.With(in)
	c.Out, c.Exprs = slices.Clone(n.Out), slices.Clone(n.Exprs)
	for _, col := range p.need(in, preds, n.IDs()) {
		c.Out, c.Exprs = append(c.Out, col), append(c.Exprs, logical.Ref(col))
	}
	return c, preds, true
}

func (p *puller) join(n *logical.Node) (*logical.Node, []*expr.Expr, bool) {
	l, preds, ok := p.pull(n.In[0])
	if !ok {
		return nil, nil, false
	}
	if n.Kind == logical.Semi && p.exists {
		inner := *n
		inner.Kind = logical.Inner
		n = &inner
	}
	if n.Kind != logical.Inner {
		if n.Kind == logical.Right || n.Kind == logical.Full || p.reads(n) || logical.Free(n.In[1]).Meets(p.outer) {
			return nil, nil, false
		}
		return n.With(l, n.In[1]), preds, true
	}
	r, more, ok := p.pull(n.In[1])
	if !ok {
		return nil, nil, false
	}
	preds = append(preds, more...)
	out := n.With(l, r)
	out.Preds = nil
	for _, q := range n.Preds {
		switch {
		case !logical.ColsOf(q).Meets(p.outer):
			out.Preds = append(out.Preds, q)
		case !movable(q):
			return nil, nil, false
		default:
			preds = append(preds, q)
		}
	}
	return out, preds, true
}

// limit turns ORDER BY … LIMIT per outer row into a top-N per key.
func (p *puller) limit(n *logical.Node) (*logical.Node, []*expr.Expr, bool) {
	top := &logical.Node{Op: logical.TopN, In: n.In, Limit: n.Limit, Offset: n.Offset, WithTies: n.WithTies}
	if s := n.In[0]; s.Op == logical.Sort {
		top.In, top.Order = s.In, s.Order
	}
	return p.grouped(top, func(c *logical.Node, keys []int) { c.Keys = keys })
}

// grouped pulls conditions through an operator that looks at several rows together: they must be
// equalities, whose inner sides become group columns.
func (p *puller) grouped(n *logical.Node, set func(c *logical.Node, keys []int)) (*logical.Node, []*expr.Expr, bool) {
	if p.reads(n) {
		return nil, nil, false
	}
	exists := p.exists
	p.exists = false // this node looks at the number of rows
	in, preds, ok := p.pull(n.In[0])
	p.exists = exists
	if !ok {
		return nil, nil, false
	}
	in, keys, preds, ok := p.equalities(in, preds)
	if !ok {
		return nil, nil, false
	}
	c := n.With(in)
	set(c, keys)
	return c, preds, true
}

// equalities checks that all conditions are "outer = inner" and makes columns of the inner sides. The
// conditions are returned over these columns.
func (p *puller) equalities(in *logical.Node, preds []*expr.Expr) (*logical.Node, []int, []*expr.Expr, bool) {
	cols := in.Cols()
	proj := &logical.Node{Op: logical.Project, In: []*logical.Node{in}, Out: slices.Clone(cols)}
	for _, c := range cols {
		proj.Exprs = append(proj.Exprs, logical.Ref(c))
	}
	var keys []int
	out := make([]*expr.Expr, len(preds))
	for i, q := range preds {
		x, y, ok := logical.EquiPair(q, p.outer, in.IDs())
		if !ok {
			return nil, nil, nil, false
		}
		if y.Kind != expr.Column {
			c := logical.Col{ID: p.ctx.NewID(), Field: types.Field{Name: "key", Type: y.Type}}
			proj.Out, proj.Exprs = append(proj.Out, c), append(proj.Exprs, y)
			e := *q
			e.Args = []*expr.Expr{x, logical.Ref(c)}
			if q.Args[0] == y {
				e.Args = []*expr.Expr{logical.Ref(c), x}
			}
			q, y = &e, logical.Ref(c)
		}
		out[i] = q
		if !slices.Contains(keys, y.Index) {
			keys = append(keys, y.Index)
		}
	}
	if len(proj.Out) > len(cols) {
		in = proj
	}
	return in, keys, out, true
}
