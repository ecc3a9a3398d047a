package rewrite

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// sessionGroups lets a view that groups by sessions group by their numbers. The bounds are then min
// and max of the group's times, and a row at the end of a session changes the group only, not every
// row of the session.
func sessionGroups(c *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	if !c.View {
		return n, nil
	}
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		if n.Op != logical.Agg || n.Phase != logical.Whole {
			return n, nil
		}
		s := &sessionRule{Ctx: c, agg: n}
		out, err := s.rewrite()
		if out == nil || err != nil {
			return n, err
		}
		return out, nil
	})
}

type sessionRule struct {
	*Ctx
	agg     *logical.Node
	session *logical.Node
	number  logical.Col
	// Ids under which the session's columns reach the aggregation; −1 = not at all.
	start, end int
	time       logical.Col
	keys       []int
}

func (s *sessionRule) rewrite() (*logical.Node, error) {
	at := s.agg.In[0]
	var chain []*logical.Node
	for at.Op == logical.Project {
		chain = append(chain, at)
		at = at.In[0]
	}
	if at.Op != logical.Session || len(at.Out) != 2 {
		return nil, nil
	}
	s.session, s.start, s.end, s.keys = at, at.Out[0].ID, at.Out[1].ID, at.Keys
	s.time, _ = at.In[0].Col(at.Win.Time)
	s.number = logical.Col{ID: s.NewID(), Field: types.Field{Name: "session", Type: types.T(types.Int8), NotNull: true}}
	in := at.With(at.In...)
	in.Out = []logical.Col{s.number}
	for _, n := range slices.Backward(chain) {
		if in = s.project(n, in); in == nil {
			return nil, nil
		}
	}
	bounds := logical.SetOf(s.start, s.end)
	used := logical.Set{}
	s.agg.EachExpr(func(e *expr.Expr) { logical.AddCols(used, e) })
	if used.Meets(bounds) || !s.grouped() {
		return nil, nil
	}
	return s.assemble(in)
}

// grouped tells whether the groups are the sessions: the keys are the session's and a bound.
func (s *sessionRule) grouped() bool {
	bound := false
	for _, k := range s.agg.Keys {
		switch {
		case k == s.start || k == s.end:
			bound = true
		case !slices.Contains(s.keys, k):
			return false
		}
	}
	for _, k := range s.keys {
		if !slices.Contains(s.agg.Keys, k) {
			return false
		}
	}
	return bound
}

// project puts a projection of the old chain over in: without the bounds, with number and time. It
// returns nil when the projection computes with the bounds or drops a key.
func (s *sessionRule) project(n, in *logical.Node) *logical.Node {
	out := n.With(in)
	out.Out, out.Exprs = []logical.Col{s.number}, []*expr.Expr{logical.Ref(s.number)}
	bounds := logical.SetOf(s.start, s.end)
	start, end := -1, -1
	to := map[int]int{}
	for i, e := range n.Exprs {
		switch {
		case e.Kind == expr.Column && e.Index == s.start && start < 0:
			start = n.Out[i].ID
			continue
		case e.Kind == expr.Column && e.Index == s.end && end < 0:
			end = n.Out[i].ID
			continue
		case logical.ColsOf(e).Meets(bounds):
			return nil
		case e.Kind == expr.Column:
			to[e.Index] = n.Out[i].ID
		}
		out.Out, out.Exprs = append(out.Out, n.Out[i]), append(out.Exprs, e)
	}
	keys := make([]int, len(s.keys))
	for i, k := range s.keys {
		var ok bool
		if keys[i], ok = to[k]; !ok {
			return nil
		}
	}
	if id, ok := to[s.time.ID]; ok {
		s.time.ID = id
	} else {
		e := logical.Ref(s.time)
		s.time.ID = s.NewID()
		out.Out, out.Exprs = append(out.Out, s.time), append(out.Exprs, e)
	}
	s.start, s.end, s.keys = start, end, keys
	return out
}

// assemble groups by number and computes the bounds above.
func (s *sessionRule) assemble(in *logical.Node) (*logical.Node, error) {
	agg := s.agg.With(in)
	agg.Keys = append(slices.Clone(s.keys), s.number.ID)
	agg.Out, agg.Aggs = slices.Clone(s.agg.Out), slices.Clone(s.agg.Aggs)
	first, err := s.extreme(agg, "min")
	if err != nil {
		return nil, err
	}
	last, err := s.extreme(agg, "max")
	if err != nil {
		return nil, err
	}
	gap := expr.Lit(types.IntervalDatum(types.IntervalValue{Micros: s.session.Win.Size}))
	plus, _, err := fn.ResolveScalar("+", []types.Type{last.Type, gap.Type})
	if err != nil {
		return nil, err
	}
	top := &logical.Node{Op: logical.Project, In: []*logical.Node{agg}, Out: s.agg.Cols()}
	for _, c := range top.Out {
		e := logical.Ref(c)
		switch c.ID {
		case s.start:
			e = logical.Ref(first)
		case s.end:
			e = &expr.Expr{Kind: expr.Call, Name: plus.Name, ArgTypes: plus.Args, Type: last.Type, Args: []*expr.Expr{logical.Ref(last), gap}}
		}
		top.Exprs = append(top.Exprs, e)
	}
	for _, bound := range []int{s.start, s.end} {
		if slices.Contains(s.agg.Keys, bound) {
			top.Unique = append(top.Unique, append(slices.Clone(s.keys), bound))
		}
	}
	return top, nil
}

// extreme adds min or max of the time to the aggregation.
func (s *sessionRule) extreme(agg *logical.Node, name string) (logical.Col, error) {
	spec, _, err := fn.ResolveAggregate(name, []types.Type{s.time.Type})
	if err != nil {
		return logical.Col{}, err
	}
	c := logical.Col{ID: s.NewID(), Field: types.Field{Name: name, Type: s.time.Type, NotNull: true}}
	agg.Out = append(agg.Out, c)
	agg.Aggs = append(agg.Aggs, logical.AggCall{Name: spec.Name, ArgTypes: spec.Args, Args: []*expr.Expr{logical.Ref(s.time)},
		Ret: s.time.Type, Ordered: true})
	return c, nil
}
