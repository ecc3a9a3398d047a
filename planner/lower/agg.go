package lower

import (
	"tidemill/exec/op/agg"
	"tidemill/exec/op/expand"
	"tidemill/exec/op/hashagg"
	"tidemill/exec/op/partialagg"
	"tidemill/exec/plan"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// argColumns projects arguments, filters and orders of aggregate or window calls into columns.
type argColumns struct {
	l *lowerer
	p *logical.Node
}

func (l *lowerer) argColumns(in *logical.Node, keys []int) *argColumns {
	a := &argColumns{l: l, p: &logical.Node{Op: logical.Project, In: []*logical.Node{in}}}
	for _, k := range keys {
		c, _ := in.Col(k)
		a.p.Out, a.p.Exprs = append(a.p.Out, c), append(a.p.Exprs, logical.Ref(c))
	}
	return a
}

// col gives the position of an expression among the projected columns.
func (a *argColumns) col(e *expr.Expr) int {
	for i, x := range a.p.Exprs {
		if logical.Equal(x, e) && !logical.Volatile(e) {
			return i
		}
	}
	c := logical.Col{ID: a.l.NewID(), Field: types.Field{Name: "arg", Type: e.Type}}
	if e.Kind == expr.Column {
		if in, ok := a.p.In[0].Col(e.Index); ok {
			c = in
		}
	}
	c.NotNull = logical.NotNull(e, a.p.In[0].Cols())
	a.p.Out, a.p.Exprs = append(a.p.Out, c), append(a.p.Exprs, e)
	return len(a.p.Exprs) - 1
}

func (l *lowerer) agg(n *logical.Node) (int, error) {
	if split, err := l.twoPhase(n); err != nil {
		return 0, err
	} else if split != nil {
		return l.node(split)
	}
	args := l.argColumns(n.In[0], n.Keys)
	calls := make([]agg.Call, len(n.Aggs))
	for i := range n.Aggs {
		calls[i] = args.call(&n.Aggs[i])
	}
	count := 0
	if n.Phase == logical.Merge {
		c, _ := n.In[0].Col(n.Count)
		count = args.col(logical.Ref(c))
	}
	in := logical.Keep(n.In[0], args.p.Out)
	if len(args.p.Out) == 0 {
		in = n.In[0] // count(*) without keys: any columns do
	} else if in != n.In[0] {
		in = args.p
	}
	at, out, err := l.input(in)
	if err != nil {
		return 0, err
	}
	keys, err := positions(n.Keys, out.ids)
	if err != nil {
		return 0, err
	}
	if n.Phase == logical.Partial {
		return l.add(n, partialagg.Name, 1, partialagg.Config{Keys: keys, Aggs: calls}, []input{local(at)}, n.Cols(), out.dist)
	}
	edge, d, err := l.gather(at, out, n.Keys)
	if err != nil {
		return 0, err
	}
	placed, err := l.placed(d, n.Keys, out.ids)
	if err != nil {
		return 0, err
	}
	cfg := hashagg.Config{Keys: keys, Aggs: calls, Count: count, Dist: placed}
	if n.Phase == logical.Merge {
		cfg.Mode = hashagg.Merge
	}
	return l.add(n, hashagg.Name, 1, cfg, []input{edge}, n.Cols(), d)
}

func (a *argColumns) call(c *logical.AggCall) agg.Call {
	out := agg.Call{Name: c.Name, ArgTypes: c.ArgTypes, Args: []int{}, Distinct: c.Distinct, Filter: -1, RetType: c.Ret, Direct: c.Direct}
	if out.ArgTypes == nil {
		out.ArgTypes = []types.Type{}
	}
	for _, e := range c.Args {
		out.Args = append(out.Args, a.col(e))
	}
	if c.Filter != nil {
		out.Filter = a.col(c.Filter)
	}
	for _, o := range c.Order {
		out.Order = append(out.Order, plan.SortKey{Col: a.col(o.Expr), Desc: o.Desc, NullsFirst: o.NullsFirst})
	}
	return out
}

// twoPhase splits an aggregation whose rows have to change workers, so that one row per group and
// epoch does instead of every row.
func (l *lowerer) twoPhase(n *logical.Node) (*logical.Node, error) {
	if !l.View || l.NoTwoPhase || !logical.CanSplit(n, logical.AppendOnly(n.In[0])) {
		return nil, nil
	}
	_, in, err := l.input(n.In[0])
	if err != nil || in.dist.within(n.Keys) {
		return nil, err
	}
	partial := logical.SplitPartial(n, n.In[0], n.Keys, l.NewID)
	return logical.SplitMerge(n, partial, partial), nil
}

// expand lowers the repetition of rows per grouping set.
func (l *lowerer) expand(n *logical.Node) (int, error) {
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	cols, err := positions(n.Keys, in.ids)
	if err != nil {
		return 0, err
	}
	return l.add(n, expand.Name, 1, expand.Config{Cols: cols, Sets: n.Sets}, []input{local(at)}, n.Cols(), in.dist)
}
