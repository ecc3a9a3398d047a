package lower

import (
	"tidemill/exec/op/apply"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// apply lowers a subquery that is run per row.
func (l *lowerer) apply(n *logical.Node) (int, error) {
	if l.View {
		return 0, sqlerr.Unsupported("this kind of correlated subquery is not supported in a materialized view").
			WithHint("Write it as a join, or keep the subquery to equality conditions between inner and outer columns.")
	}
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	free := logical.Free(n.In[1])
	if at, in, err = l.passOuter(n, at, in, free); err != nil {
		return 0, err
	}
	sub := &lowerer{Options: l.Options, done: map[*logical.Node]int{}, byPrint: map[string]int{}, outer: map[int]int{}}
	cfg := apply.Config{Kind: n.Sub.Kind, Op: n.Sub.Cmp}
	for i, id := range in.ids {
		if free[id] {
			sub.outer[id] = len(cfg.Outer)
			cfg.Outer = append(cfg.Outer, i)
		}
	}
	h, err := sub.node(n.In[1])
	if err != nil {
		return 0, err
	}
	if cfg.Sub, err = marshalPlan(sub.finish(h, len(n.In[1].Cols()))); err != nil {
		return 0, err
	}
	if n.Sub.Left != nil {
		if cfg.Left, err = l.expr(n.Sub.Left, in.ids); err != nil {
			return 0, err
		}
	}
	cols := make([]logical.Col, 0, len(in.ids))
	have := n.In[0].Cols()
	for i, id := range in.ids {
		if i < len(have) {
			cols = append(cols, have[i])
			continue
		}
		cols = append(cols, logical.Col{ID: id, Field: l.nodes[at].Schema[i]})
	}
	cols = append(cols, n.Cols()[len(have):]...)
	return l.add(n, apply.Name, 1, cfg, []input{local(at)}, cols, in.dist)
}

// passOuter adds columns of enclosing queries that only the inner subquery reads to the input, so
// that a subplan refers to one outer row only.
func (l *lowerer) passOuter(n *logical.Node, at int, in output, free logical.Set) (int, output, error) {
	p := &logical.Node{Op: logical.Project, In: n.In[:1]}
	for i, id := range in.ids {
		c := logical.Col{ID: id, Field: l.nodes[at].Schema[i]}
		p.Out, p.Exprs = append(p.Out, c), append(p.Exprs, logical.Ref(c))
	}
	outerCols(n.In[1], func(e *expr.Expr) {
		if !free[e.Index] || position(idsOf(p.Out), e.Index) >= 0 {
			return
		}
		if _, ok := l.outer[e.Index]; ok {
			p.Out = append(p.Out, logical.Col{ID: e.Index, Field: types.Field{Name: "outer", Type: e.Type}})
			p.Exprs = append(p.Exprs, expr.Col(e.Index, e.Type))
		}
	})
	if len(p.Out) == len(in.ids) {
		return at, in, nil
	}
	h, err := l.projection(p, at, in, p.Out, p.Exprs)
	if err != nil {
		return 0, in, err
	}
	at, in = l.ref(h)
	return at, in, nil
}

// outerCols visits all column references of a tree.
func outerCols(n *logical.Node, f func(*expr.Expr)) {
	n.EachExpr(func(e *expr.Expr) {
		expr.Walk(e, func(x *expr.Expr) bool {
			if x.Kind == expr.Column {
				f(x)
			}
			return true
		})
	})
	for _, in := range n.In {
		outerCols(in, f)
	}
}
