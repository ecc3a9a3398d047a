package rewrite

import (
	"slices"
	"strings"

	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// domain frees a subquery of any shape from the outer columns that it reads: the subquery is computed
// for every different combination of their values at once. The combinations, the domain, are
// joined in where the subquery reads none of its own rows yet; from there on their columns go along
// and take part in every grouping, so that each combination keeps its own result.
type domain struct {
	*Ctx
	left  *logical.Node
	cols  []logical.Col // the outer columns
	outer logical.Set
}

// newDomain returns the domain of the columns of left that sub and the expression read.
func (a *applyRule) newDomain(sub *logical.Node, x *expr.Expr) *domain {
	used := logical.Free(sub)
	if x != nil {
		logical.AddCols(used, x)
	}
	d := &domain{Ctx: a.Ctx, left: a.left, outer: logical.Set{}}
	for _, c := range a.left.Cols() {
		if used[c.ID] {
			d.cols, d.outer[c.ID] = append(d.cols, c), true
		}
	}
	return d
}

// rows returns the combinations, under fresh ids.
func (d *domain) rows() (*logical.Node, []int) {
	n := &logical.Node{Op: logical.Distinct, In: []*logical.Node{logical.Keep(d.left, d.cols)}}
	n, m := logical.Clone(n, d.NewID)
	ids := make([]int, len(d.cols))
	for i, c := range d.cols {
		ids[i] = m[c.ID]
	}
	return n, ids
}

// at gives the expressions that stand for the outer columns where the domain's columns are ids.
func (d *domain) at(ids []int) map[int]*expr.Expr {
	m := map[int]*expr.Expr{}
	for i, c := range d.cols {
		m[c.ID] = expr.Col(ids[i], c.Type)
	}
	return m
}

// replaced returns n over other inputs, with the outer columns replaced.
func (d *domain) replaced(n *logical.Node, ids []int, in ...*logical.Node) *logical.Node {
	m := d.at(ids)
	out := n.MapExprs(func(e *expr.Expr) *expr.Expr { return logical.Replace(e, m) })
	out.In = in
	return out
}

// of computes n for every combination. ids are the combination's columns in the result; ok is false
// when n has an operation that nothing is known of.
func (d *domain) of(n *logical.Node) (out *logical.Node, ids []int, ok bool) {
	if !logical.Free(n).Meets(d.outer) {
		dom, ids := d.rows()
		if n.IsOneRow() {
			return dom, ids, true
		}
		return logical.NewJoin(logical.Inner, dom, n, nil), ids, true
	}
	switch n.Op {
	case logical.Join, logical.AsOf, logical.Probe:
		return d.join(n)
	case logical.Union, logical.SetOp:
		return d.arms(n)
	case logical.Values:
		return d.values(n)
	case logical.Limit:
		top := &logical.Node{Op: logical.TopN, In: n.In, Limit: n.Limit, Offset: n.Offset, WithTies: n.WithTies}
		if s := n.In[0]; s.Op == logical.Sort {
			top.In, top.Order = s.In, s.Order
		}
		return d.of(top)
	case logical.Sort:
		return d.of(n.In[0])
	case logical.Filter, logical.Project, logical.Agg, logical.Distinct, logical.TopN, logical.Over, logical.Window, logical.TableFunc:
	default:
		return nil, nil, false
	}
	for _, o := range n.Order {
		if d.outer[o.Col] {
			return nil, nil, false
		}
	}
	if slices.ContainsFunc(n.Keys, func(k int) bool { return d.outer[k] }) || n.Win != nil && d.outer[n.Win.Time] {
		return nil, nil, false
	}
	in, ids, ok := d.of(n.In[0])
	if !ok {
		return nil, nil, false
	}
	return d.unary(n, in, ids)
}

// unary puts an operation with one input above the input's result for every combination.
func (d *domain) unary(n, in *logical.Node, ids []int) (*logical.Node, []int, bool) {
	out := d.replaced(n, ids, in)
	switch n.Op {
	case logical.Project:
		out.Out = slices.Clone(n.Out)
		for i, id := range ids {
			c := d.cols[i]
			c.ID = id
			out.Out, out.Exprs = append(out.Out, c), append(out.Exprs, logical.Ref(c))
		}
	case logical.TopN, logical.Over:
		if n.Limit != nil && logical.ColsOf(n.Limit).Meets(d.outer) || n.Offset != nil && logical.ColsOf(n.Offset).Meets(d.outer) {
			return nil, nil, false
		}
		out.Keys = append(slices.Clone(n.Keys), ids...)
	case logical.Agg:
		if n.Phase != logical.Whole {
			return nil, nil, false
		}
		out.Keys = append(slices.Clone(n.Keys), ids...)
		if len(n.Keys) == 0 {
			return d.oneRow(n, out, ids)
		}
	}
	return out, ids, true
}

// oneRow gives every combination its row of an aggregate without GROUP BY, the ones without input
// too.
func (d *domain) oneRow(n, agg *logical.Node, ids []int) (*logical.Node, []int, bool) {
	dom, own := d.rows()
	on, ok := d.same(own, ids)
	if !ok {
		return nil, nil, false
	}
	// The aggregate's columns get new ids, because the projection gives them back under the old ones.
	fresh := map[int]*expr.Expr{}
	agg.Out = slices.Clone(n.Out)
	for i, c := range n.Out {
		agg.Out[i].ID = d.NewID()
		ref := logical.Ref(agg.Out[i])
		if c.Type.ID == types.Int8 && strings.Contains(n.Aggs[i].Name, "count") {
			ref = &expr.Expr{Kind: expr.Coalesce, Type: c.Type, Args: []*expr.Expr{ref, bigint(0)}}
		}
		fresh[c.ID] = ref
	}
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{logical.NewJoin(logical.Left, dom, agg, on)}}
	for _, c := range dom.Cols() {
		p.Out, p.Exprs = append(p.Out, c), append(p.Exprs, logical.Ref(c))
	}
	for _, c := range n.Out {
		p.Out, p.Exprs = append(p.Out, c), append(p.Exprs, fresh[c.ID])
	}
	return p, own, true
}

// same is the condition that two combinations are equal, NULLs included.
func (d *domain) same(a, b []int) ([]*expr.Expr, bool) {
	var on []*expr.Expr
	for i, c := range d.cols {
		eq, err := compare("=", expr.Col(a[i], c.Type), expr.Col(b[i], c.Type))
		if err != nil {
			return nil, false
		}
		if !c.NotNull {
			eq = not(&expr.Expr{Kind: expr.Distinct, Type: types.T(types.Bool), Args: eq.Args})
		}
		on = append(on, eq)
	}
	return on, true
}

// join computes a join for every combination. A side that reads no outer column stays as it is
// where the other side carries the domain.
func (d *domain) join(n *logical.Node) (*logical.Node, []int, bool) {
	l, r, kind := n.In[0], n.In[1], n.Kind
	if kind == logical.Right {
		l, r, kind = r, l, logical.Left
	}
	lc, rc := logical.Free(l).Meets(d.outer), logical.Free(r).Meets(d.outer)
	if n.Op == logical.Join && kind == logical.Inner && !lc && rc {
		l, r, lc, rc = r, l, true, false
	}
	dl, ids, ok := d.of(l)
	if !ok {
		return nil, nil, false
	}
	out := d.replaced(n, ids, dl, r)
	out.Kind = kind
	if !rc && kind != logical.Full {
		return out, ids, true
	}
	dr, rids, ok := d.of(r)
	if !ok {
		return nil, nil, false
	}
	on, ok := d.same(ids, rids)
	if !ok {
		return nil, nil, false
	}
	if n.NullAware {
		// x NOT IN S: no element of S may be equal, for all that is known.
		out.NullAware = false
		out.Preds = []*expr.Expr{not(&expr.Expr{Kind: expr.IsTrue, Type: types.T(types.Bool), Args: []*expr.Expr{not(out.Preds[0])}})}
	}
	out.In[1], out.Preds = dr, append(out.Preds, on...)
	if kind != logical.Full {
		return out, ids, true
	}
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{out}}
	for _, c := range out.Cols() {
		p.Out, p.Exprs = append(p.Out, c), append(p.Exprs, logical.Ref(c))
	}
	merged := make([]int, len(ids))
	for i, c := range d.cols {
		e := &expr.Expr{Kind: expr.Coalesce, Type: c.Type, Args: []*expr.Expr{expr.Col(ids[i], c.Type), expr.Col(rids[i], c.Type)}}
		c.ID = d.NewID()
		merged[i] = c.ID
		p.Out, p.Exprs = append(p.Out, c), append(p.Exprs, e)
	}
	return p, merged, true
}

// arms computes every arm of a union or set operation for every combination.
func (d *domain) arms(n *logical.Node) (*logical.Node, []int, bool) {
	out := *n
	out.In, out.Map = nil, nil
	for i, in := range n.In {
		x, ids, ok := d.of(in)
		if !ok {
			return nil, nil, false
		}
		out.In, out.Map = append(out.In, x), append(out.Map, append(slices.Clone(n.Map[i]), ids...))
	}
	out.Out = slices.Clone(n.Out)
	ids := make([]int, len(d.cols))
	for i, c := range d.cols {
		c.ID = d.NewID()
		ids[i], out.Out = c.ID, append(out.Out, c)
	}
	return &out, ids, true
}

// values turns rows that read outer columns into projections of the domain.
func (d *domain) values(n *logical.Node) (*logical.Node, []int, bool) {
	u := &logical.Node{Op: logical.Union, Out: n.Out}
	for _, row := range n.Rows {
		p := &logical.Node{Op: logical.Project, In: []*logical.Node{logical.OneRow()}, Exprs: row}
		var ids []int
		for _, c := range n.Out {
			c.ID = d.NewID()
			p.Out, ids = append(p.Out, c), append(ids, c.ID)
		}
		u.In, u.Map = append(u.In, p), append(u.Map, ids)
	}
	return d.of(u)
}

// byDomain decorrelates what no simpler rule does, for views; a batch query runs such a subquery per
// row. nil means that there is no way.
func (a *applyRule) byDomain() (*logical.Node, error) {
	if !a.View {
		return nil, nil
	}
	switch a.n.Sub.Kind {
	case "lateral", "lateral left":
		kind := logical.Inner
		if a.n.Sub.Kind == "lateral left" {
			kind = logical.Left
		}
		d := a.newDomain(a.sub, nil)
		node, ids, ok := d.of(a.sub)
		if !ok {
			return nil, nil
		}
		return d.back(kind, node, ids), nil
	case "scalar":
		return a.scalarByDomain()
	case "exists":
		return a.quantifiedByDomain(existsOnly(a.sub))
	case "in", "any", "all":
		return a.quantifiedByDomain(a.sub)
	case "array":
		return a.arrayByDomain()
	}
	return nil, nil
}

// back joins the outer rows with the results for their combinations; nil if that cannot be.
func (d *domain) back(kind logical.JoinKind, node *logical.Node, ids []int) *logical.Node {
	own := make([]int, len(d.cols))
	for i, c := range d.cols {
		own[i] = c.ID
	}
	on, ok := d.same(own, ids)
	if !ok {
		return nil
	}
	return logical.NewJoin(kind, d.left, node, on)
}

// compute gives the subquery for every combination of the outer columns that it and x read; without any
// it is the subquery itself.
func (a *applyRule) compute(sub *logical.Node, x *expr.Expr) (d *domain, node *logical.Node, ids []int, ok bool) {
	d = a.newDomain(sub, x)
	if len(d.cols) == 0 {
		return d, sub, []int{}, true
	}
	node, ids, ok = d.of(sub)
	return d, node, ids, ok
}

// perCombination groups node by the combination and joins the groups to the outer rows.
func (d *domain) perCombination(node *logical.Node, ids []int, calls []logical.AggCall, out []logical.Col) *logical.Node {
	agg := &logical.Node{Op: logical.Agg, In: []*logical.Node{node}, Keys: ids, Aggs: calls, Out: out}
	if len(ids) == 0 {
		return logical.NewJoin(logical.Inner, d.left, agg, nil)
	}
	return d.back(logical.Left, agg, ids)
}

func (c *Ctx) column(name string, t types.Type) logical.Col {
	return logical.Col{ID: c.NewID(), Field: types.Field{Name: name, Type: t}}
}

// aggregate makes a call of an aggregate function over one column.
func aggregate(name string, col logical.Col) (logical.AggCall, bool) {
	spec, at, err := fn.ResolveAggregate(name, []types.Type{col.Type})
	if err != nil || !at[0].Same(col.Type) {
		return logical.AggCall{}, false
	}
	return logical.AggCall{Name: spec.Name, ArgTypes: spec.Args, Args: []*expr.Expr{logical.Ref(col)}, Ret: spec.ReturnType(at),
		Ordered: spec.Kind == fn.Ordered, Merges: spec.Kind == fn.Linear && spec.Merge != nil}, true
}

// scalarByDomain joins the one row; where there may be several, a row that meets more than one fails.
func (a *applyRule) scalarByDomain() (*logical.Node, error) {
	v := a.sub.Cols()[0]
	d, node, ids, ok := a.compute(a.sub, nil)
	if !ok {
		return nil, nil
	}
	for _, k := range logical.Keys(node) {
		if logical.SetOf(ids...).Contains(logical.SetOf(k...)) {
			join := d.back(logical.Left, node, ids)
			if join == nil {
				return nil, nil
			}
			return a.project(join, a.n.Out, func(logical.Col) *expr.Expr { return logical.Ref(v) }), nil
		}
	}
	// Of one value the greatest is the value itself; types without an order go through an array.
	total := a.column("rows", types.T(types.Int8))
	call, ok := aggregate("max", v)
	if ok = ok && call.Ret.Same(v.Type); !ok {
		if call, ok = aggregate("array_agg", v); !ok {
			return nil, nil
		}
	}
	value := a.column("value", call.Ret)
	join := d.perCombination(node, ids, []logical.AggCall{countCall(nil), call}, []logical.Col{total, value})
	if join == nil {
		return nil, nil
	}
	ref := logical.Ref(value)
	if !call.Ret.Same(v.Type) {
		s, at, err := fn.ResolveScalar("array_subscript", []types.Type{call.Ret, types.T(types.Int4)})
		if err != nil {
			return nil, nil
		}
		first := expr.Lit(types.IntDatum(types.Int4, 1))
		ref = &expr.Expr{Kind: expr.Call, Name: s.Name, Type: s.ReturnType(at), ArgTypes: s.Args, Args: []*expr.Expr{ref, first}}
	}
	single := &expr.Expr{Kind: expr.Call, Name: "pg_one_row", Type: types.T(types.Bool), ArgTypes: []types.Type{types.T(types.Int8)}, Args: []*expr.Expr{logical.Ref(total)}}
	checked := &expr.Expr{Kind: expr.Case, Type: v.Type, Args: []*expr.Expr{single, ref, expr.Lit(types.NullOf(v.Type))}}
	return a.project(join, a.n.Out, func(logical.Col) *expr.Expr { return checked }), nil
}

// quantifiedByDomain counts the rows that decide EXISTS, IN, ANY and ALL.
func (a *applyRule) quantifiedByDomain(sub *logical.Node) (*logical.Node, error) {
	info := a.n.Sub
	d, node, ids, ok := a.compute(sub, info.Left)
	if !ok {
		return nil, nil
	}
	bigintT := types.T(types.Int8)
	decided, unsure := a.column("decided", bigintT), a.column("unsure", bigintT)
	out := []logical.Col{decided}
	calls := []logical.AggCall{countCall(nil)}
	if info.Kind != "exists" {
		cmp := &expr.Expr{Kind: expr.Call, Type: types.T(types.Bool), Name: info.Cmp, ArgTypes: info.CmpTypes,
			Args: []*expr.Expr{logical.Replace(info.Left, d.at(ids)), logical.Ref(sub.Cols()[0])}}
		met := cmp
		if info.Kind == "all" {
			met = not(cmp)
		}
		if info.NullFalse && info.Kind != "all" {
			node = logical.NewFilter(node, []*expr.Expr{met})
		} else {
			out, calls = append(out, unsure), append(calls, countCall(nil))
			calls[0].Filter, calls[1].Filter = met, isNull(cmp)
		}
	}
	join := d.perCombination(node, ids, calls, out)
	if join == nil {
		return nil, nil
	}
	some := func(c logical.Col) *expr.Expr {
		gt, err := compare(">", &expr.Expr{Kind: expr.Coalesce, Type: bigintT, Args: []*expr.Expr{logical.Ref(c), bigint(0)}}, bigint(0))
		if err != nil {
			panic(err) // bigint > bigint is always there
		}
		return gt
	}
	value := some(decided)
	if len(out) == 2 {
		value = cases(truth(info.Kind == "all"), value, truth(info.Kind != "all"), some(unsure), unknownTruth())
	}
	return a.project(join, a.n.Out, func(logical.Col) *expr.Expr { return value }), nil
}

// arrayByDomain collects the values of ARRAY(SELECT …) in the subquery's order.
func (a *applyRule) arrayByDomain() (*logical.Node, error) {
	v := a.sub.Cols()[0]
	at, exprs := a.sub, map[int]*expr.Expr{}
	for at.Op == logical.Project {
		for i, c := range at.Out {
			exprs[c.ID] = at.Exprs[i]
		}
		at = at.In[0]
	}
	var order []logical.SortKey
	switch {
	case at.Op == logical.Sort:
		order = at.Order
	case at.Op == logical.Limit && at.In[0].Op == logical.Sort:
		order = at.In[0].Order
	default:
		at = a.sub
	}
	x := logical.Ref(v)
	if at != a.sub {
		x = expand(x, exprs)
	}
	d, node, ids, ok := a.compute(at, x)
	if !ok {
		return nil, nil
	}
	if len(ids) == 0 && node.Op == logical.Limit {
		return nil, nil
	} else if len(ids) == 0 && node.Op == logical.Sort {
		node = node.In[0]
	}
	call, ok := aggregate("array_agg", v)
	if !ok {
		return nil, nil
	}
	call.Args = []*expr.Expr{logical.Replace(x, d.at(ids))}
	for _, o := range order {
		c, ok := node.Col(o.Col)
		if !ok {
			return nil, nil
		}
		call.Order = append(call.Order, logical.OrderExpr{Expr: logical.Ref(c), Desc: o.Desc, NullsFirst: o.NullsFirst})
	}
	list := a.column("list", call.Ret)
	join := d.perCombination(node, ids, []logical.AggCall{call}, []logical.Col{list})
	if join == nil {
		return nil, nil
	}
	none := &expr.Expr{Kind: expr.Array, Type: call.Ret, Args: []*expr.Expr{}}
	value := &expr.Expr{Kind: expr.Coalesce, Type: call.Ret, Args: []*expr.Expr{logical.Ref(list), none}}
	return a.project(join, a.n.Out, func(logical.Col) *expr.Expr { return value }), nil
}
