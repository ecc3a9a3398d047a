package rewrite

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// decorrelate turns Applies into joins. What is left runs per row, which only batch queries can do.
func decorrelate(c *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		if n.Op != logical.Apply {
			return n, nil
		}
		a := &applyRule{Ctx: c, n: n, left: n.In[0], sub: n.In[1], p: &puller{ctx: c, outer: n.In[0].IDs()}}
		out, err := a.run()
		if out == nil && err == nil {
			out, err = a.byDomain()
		}
		if err != nil || out == nil {
			return n, err
		}
		return logical.Keep(out, n.Cols()), nil
	})
}

type applyRule struct {
	*Ctx
	n, left, sub *logical.Node
	p            *puller
}

func (a *applyRule) run() (*logical.Node, error) {
	switch a.n.Sub.Kind {
	case "lateral":
		return a.lateral(a.left, a.sub), nil
	case "lateral left":
		if out := a.oneRow(); out != nil {
			return out, nil
		}
		return a.lateralLeft(), nil
	case "scalar":
		return a.scalar()
	case "exists":
		return a.exists(existsOnly(a.sub), nil)
	case "in":
		return a.in()
	case "any", "all":
		return a.extreme()
	}
	return nil, nil
}

func (a *applyRule) correlated() bool { return logical.Free(a.sub).Meets(a.left.IDs()) }

// lateral pushes an Apply down the subquery until its right side needs nothing of the left.
func (a *applyRule) lateral(left, sub *logical.Node) *logical.Node {
	if sub.IsOneRow() {
		return left
	}
	one := &applyRule{Ctx: a.Ctx, n: a.n, left: left, sub: sub, p: &puller{ctx: a.Ctx, outer: left.IDs()}}
	if out := one.oneRow(); out != nil {
		return out
	}
	if !logical.Free(sub).Meets(left.IDs()) {
		return logical.NewJoin(logical.Inner, left, sub, nil)
	}
	switch sub.Op {
	case logical.Filter, logical.TableFunc, logical.Window, logical.Expand:
		if in := a.lateral(left, sub.In[0]); in != nil {
			return sub.With(in)
		}
	case logical.Project:
		if in := a.lateral(left, sub.In[0]); in != nil {
			out := sub.With(in)
			cols := left.Cols()
			out.Out, out.Exprs = slices.Clone(cols), nil
			for _, c := range cols {
				out.Exprs = append(out.Exprs, logical.Ref(c))
			}
			out.Out, out.Exprs = append(out.Out, sub.Out...), append(out.Exprs, sub.Exprs...)
			return out
		}
	case logical.Join:
		if sub.Kind != logical.Inner {
			break
		}
		if l := a.lateral(left, sub.In[0]); l != nil {
			if r := a.lateral(l, sub.In[1]); r != nil {
				return logical.NewFilter(r, sub.Preds)
			}
		}
	}
	p := &puller{ctx: a.Ctx, outer: left.IDs()}
	node, preds, ok := p.pull(sub)
	if !ok {
		return nil
	}
	return logical.NewJoin(logical.Inner, left, node, preds)
}

// lateralLeft joins with the pulled conditions, or runs a table function that pads.
func (a *applyRule) lateralLeft() *logical.Node {
	if node, preds, ok := a.p.pull(a.sub); ok {
		return logical.NewJoin(logical.Left, a.left, node, preds)
	}
	if out := a.conditionalRow(); out != nil {
		return out
	}
	exprs := map[int]*expr.Expr{}
	at := a.sub
	for at.Op == logical.Project {
		for i, c := range at.Out {
			e := at.Exprs[i]
			if e.Kind != expr.Column {
				return nil
			}
			exprs[c.ID] = e
		}
		at = at.In[0]
	}
	if at.Op != logical.TableFunc || !at.In[0].IsOneRow() {
		return nil
	}
	f := *at.Func
	f.Outer = true
	out := at.With(a.left)
	out.Func = &f
	return a.project(out, a.sub.Cols(), func(c logical.Col) *expr.Expr {
		e := logical.Ref(c)
		for exprs[e.Index] != nil {
			e = exprs[e.Index]
		}
		return e
	})
}

// conditionalRow is a condition over a subquery that gives exactly one row: where it is not met the
// columns are NULL.
func (a *applyRule) conditionalRow() *logical.Node {
	if a.sub.Op != logical.Filter {
		return nil
	}
	one := *a
	one.sub = a.sub.In[0]
	row := one.oneRow()
	if row == nil {
		return nil
	}
	met := logical.AndAll(a.sub.Preds)
	return a.project(row, a.sub.Cols(), func(c logical.Col) *expr.Expr {
		return &expr.Expr{Kind: expr.Case, Type: c.Type, Args: []*expr.Expr{met, logical.Ref(c), expr.Lit(types.NullOf(c.Type))}}
	})
}

// project gives the left columns and the given ones, each by an expression.
func (a *applyRule) project(in *logical.Node, cols []logical.Col, e func(logical.Col) *expr.Expr) *logical.Node {
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{in}}
	for _, c := range a.left.Cols() {
		p.Out, p.Exprs = append(p.Out, c), append(p.Exprs, logical.Ref(c))
	}
	for _, c := range cols {
		p.Out, p.Exprs = append(p.Out, c), append(p.Exprs, e(c))
	}
	return p
}

// oneRow handles a subquery that gives exactly one row whatever it reads: an aggregate without GROUP
// BY under projections. The groups are joined; a count over no rows is 0 and not NULL.
func (a *applyRule) oneRow() *logical.Node {
	at, exprs := a.sub, map[int]*expr.Expr{}
	for at.Op == logical.Project {
		for i, c := range at.Out {
			exprs[c.ID] = at.Exprs[i]
		}
		at = at.In[0]
	}
	if at.Op != logical.Agg || len(at.Keys) > 0 || at.Phase != logical.Whole || a.p.reads(at) {
		return nil
	}
	in, preds, ok := a.p.pull(at.In[0])
	if !ok {
		return nil
	}
	agg := at
	in, keys, preds, ok := a.p.equalities(in, preds)
	if ok {
		agg = at.With(in)
		agg.Keys = keys
	} else if agg, keys, preds = a.groupByOuter(at); agg == nil {
		return nil
	}
	kind := logical.Left
	if len(keys) == 0 {
		kind = logical.Inner
	}
	join := logical.NewJoin(kind, a.left, agg, preds)
	for i, c := range at.Out {
		ref := logical.Ref(c)
		if d := overNothing(&at.Aggs[i]); len(keys) > 0 && !d.Null {
			ref = &expr.Expr{Kind: expr.Coalesce, Type: c.Type, Args: []*expr.Expr{ref, expr.Lit(d)}}
		}
		exprs[c.ID] = ref
	}
	cols := a.sub.Cols()
	return a.project(join, cols, func(c logical.Col) *expr.Expr { return expand(logical.Ref(c), exprs) })
}

// overNothing is what an aggregate gives for no rows.
func overNothing(a *logical.AggCall) types.Datum {
	switch a.Name {
	case "count", "regr_count", "approx_count_distinct":
		return types.IntDatum(types.Int8, 0)
	case "rank", "dense_rank":
		return types.IntDatum(types.Int8, 1)
	case "percent_rank":
		return types.FloatDatum(0)
	case "cume_dist":
		return types.FloatDatum(1)
	}
	return types.NullOf(a.Ret)
}

// groupByOuter aggregates per outer row where the conditions are no equalities: the outer rows are
// joined with the subquery's, grouped by the outer key, and joined back by it.
func (a *applyRule) groupByOuter(at *logical.Node) (*logical.Node, []int, []*expr.Expr) {
	keys := logical.Keys(a.left)
	if len(keys) == 0 || len(keys[0]) == 0 {
		return nil, nil, nil
	}
	copied, to := logical.Clone(a.left, a.NewID)
	swap := map[int]*expr.Expr{}
	for _, c := range a.left.Cols() {
		swap[c.ID] = expr.Col(to[c.ID], c.Type)
	}
	in, preds, ok := a.p.pull(at.In[0])
	if !ok {
		return nil, nil, nil
	}
	for i := range preds {
		preds[i] = logical.Replace(preds[i], swap)
	}
	agg := at.With(logical.NewJoin(logical.Inner, copied, in, preds))
	agg.Keys = nil
	var on []*expr.Expr
	for _, k := range keys[0] {
		c, _ := a.left.Col(k)
		agg.Keys = append(agg.Keys, to[k])
		eq, err := compare("=", logical.Ref(c), expr.Col(to[k], c.Type))
		if err != nil {
			return nil, nil, nil
		}
		if !c.NotNull {
			b := types.T(types.Bool)
			eq = &expr.Expr{Kind: expr.Not, Type: b, Args: []*expr.Expr{{Kind: expr.Distinct, Type: b, Args: eq.Args}}}
		}
		on = append(on, eq)
	}
	return agg, agg.Keys, on
}

// expand replaces columns by the expressions that make them, through several projections.
func expand(e *expr.Expr, exprs map[int]*expr.Expr) *expr.Expr {
	return expr.Rewrite(e, func(x *expr.Expr) *expr.Expr {
		if x.Kind != expr.Column {
			return x
		}
		y, ok := exprs[x.Index]
		if !ok || y.Kind == expr.Column && y.Index == x.Index || y.Kind == expr.Coalesce && refers(y, x.Index) {
			if ok {
				return y
			}
			return x
		}
		return expand(y, exprs)
	})
}

func refers(e *expr.Expr, id int) bool { return logical.ColsOf(e)[id] }

// scalar joins the one row of a scalar subquery.
func (a *applyRule) scalar() (*logical.Node, error) {
	v := a.sub.Cols()[0]
	value := func(in *logical.Node) *logical.Node {
		return a.project(in, a.n.Out, func(logical.Col) *expr.Expr { return logical.Ref(v) })
	}
	if out := a.oneRow(); out != nil {
		return value(out), nil
	}
	if !a.correlated() {
		if atMostOne(a.sub) {
			return value(logical.NewJoin(logical.Left, a.left, a.sub, nil)), nil
		}
		if a.View {
			return nil, nil
		}
		one := &logical.Node{Op: logical.MaxOne, In: []*logical.Node{a.sub}}
		return value(logical.NewJoin(logical.Left, a.left, one, nil)), nil
	}
	if x := a.inline(); x != nil {
		return a.project(a.left, a.n.Out, func(logical.Col) *expr.Expr { return x }), nil
	}
	node, preds, ok := a.p.pull(a.sub)
	if !ok {
		return nil, nil
	}
	var eq []int
	for _, p := range preds {
		if _, y, ok := logical.EquiPair(p, a.left.IDs(), node.IDs()); ok && y.Kind == expr.Column {
			eq = append(eq, y.Index)
		}
	}
	for _, k := range logical.Keys(node) {
		if logical.SetOf(eq...).Contains(logical.SetOf(k...)) {
			return value(logical.NewJoin(logical.Left, a.left, node, preds)), nil
		}
	}
	return nil, nil
}

// inline is a subquery without FROM: its expression stands for it.
func (a *applyRule) inline() *expr.Expr {
	if a.sub.Op == logical.Project && a.sub.In[0].IsOneRow() {
		return a.sub.Exprs[0]
	}
	return nil
}

func atMostOne(n *logical.Node) bool {
	return slices.ContainsFunc(logical.Keys(n), func(k []int) bool { return len(k) == 0 })
}

// exists gives EXISTS as a value: the matches are counted per key and joined.
func (a *applyRule) exists(sub *logical.Node, extra []*expr.Expr) (*logical.Node, error) {
	a.p.exists = true
	node, preds, ok := a.p.pull(sub)
	if !ok {
		return nil, nil
	}
	preds = append(extra, preds...)
	if len(preds) == 0 && !a.View {
		return nil, nil // run once
	}
	node, keys, preds, ok := a.p.equalities(node, preds)
	if !ok {
		return nil, nil
	}
	count := logical.Col{ID: a.NewID(), Field: types.Field{Name: "matches", Type: types.T(types.Int8), NotNull: true}}
	agg := &logical.Node{Op: logical.Agg, In: []*logical.Node{node}, Keys: keys, Aggs: []logical.AggCall{countCall(nil)}, Out: []logical.Col{count}}
	if len(keys) == 0 {
		some, err := compare(">", logical.Ref(count), bigint(0))
		if err != nil {
			return nil, err
		}
		join := logical.NewJoin(logical.Inner, a.left, agg, nil)
		return a.project(join, a.n.Out, func(logical.Col) *expr.Expr { return some }), nil
	}
	join := logical.NewJoin(logical.Left, a.left, agg, preds)
	none := &expr.Expr{Kind: expr.IsNull, Type: types.T(types.Bool), Args: []*expr.Expr{logical.Ref(count)}}
	some := &expr.Expr{Kind: expr.Not, Type: types.T(types.Bool), Args: []*expr.Expr{none}}
	return a.project(join, a.n.Out, func(logical.Col) *expr.Expr { return some }), nil
}

// in gives IN as a value where it is never NULL, or where NULL means false.
func (a *applyRule) in() (*logical.Node, error) {
	col := a.sub.Cols()[0]
	safe := a.n.Sub.NullFalse || logical.NotNull(a.n.Sub.Left, a.left.Cols()) && col.NotNull
	if len(logical.ColsOf(a.n.Sub.Left)) == 0 {
		return nil, nil
	}
	if !safe {
		return a.nullableIn(col)
	}
	s := &subRule{a.Ctx}
	eq := s.equal(&logical.Subquery{ApplyInfo: *a.n.Sub}, col)
	return a.exists(a.sub, eq)
}
