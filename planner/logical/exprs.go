package logical

import (
	"bytes"
	"math"

	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// Set is a set of column ids.
type Set map[int]bool

// SetOf returns the set of the ids.
func SetOf(ids ...int) Set {
	s := make(Set, len(ids))
	for _, id := range ids {
		s[id] = true
	}
	return s
}

// IDs returns the set of the node's output columns.
func (n *Node) IDs() Set {
	cols := n.Cols()
	s := make(Set, len(cols))
	for _, c := range cols {
		s[c.ID] = true
	}
	return s
}

// Contains tells whether all of t is in s.
func (s Set) Contains(t Set) bool {
	for id := range t {
		if !s[id] {
			return false
		}
	}
	return true
}

// Meets tells whether s and t have a column in common.
func (s Set) Meets(t Set) bool {
	for id := range t {
		if s[id] {
			return true
		}
	}
	return false
}

// Add puts all of t into s.
func (s Set) Add(t Set) {
	for id := range t {
		s[id] = true
	}
}

// ColsOf returns the columns that the expression reads, those that its subqueries take from outside
// included.
func ColsOf(e *expr.Expr) Set {
	s := Set{}
	AddCols(s, e)
	return s
}

// AddCols adds the columns that e reads to s.
func AddCols(s Set, e *expr.Expr) {
	expr.Walk(e, func(x *expr.Expr) bool {
		switch x.Kind {
		case expr.Column:
			s[x.Index] = true
		case expr.Subquery:
			sub := x.Sub.(*Subquery)
			s.Add(Free(sub.Node))
			for _, l := range sub.Lefts {
				AddCols(s, l)
			}
			if sub.Left != nil {
				AddCols(s, sub.Left)
			}
		}
		return true
	})
}

// EachExpr calls f with every expression of the node itself (not of its inputs).
func (n *Node) EachExpr(f func(*expr.Expr)) {
	n.mapExprs(func(e *expr.Expr) *expr.Expr { f(e); return e })
}

// MapExprs returns the node with every expression of its own replaced.
func (n *Node) MapExprs(f func(*expr.Expr) *expr.Expr) *Node {
	c := *n
	c.mapExprs(f)
	return &c
}

func mapAll(es []*expr.Expr, f func(*expr.Expr) *expr.Expr) []*expr.Expr {
	if es == nil {
		return nil
	}
	out := make([]*expr.Expr, len(es))
	for i, e := range es {
		out[i] = f(e)
	}
	return out
}

func mapOne(e *expr.Expr, f func(*expr.Expr) *expr.Expr) *expr.Expr {
	if e == nil {
		return nil
	}
	return f(e)
}

// mapExprs replaces the expressions of n in place; slices are copied, so that a shallow copy of a
// node may be changed.
func (n *Node) mapExprs(f func(*expr.Expr) *expr.Expr) {
	n.Exprs = mapAll(n.Exprs, f)
	n.Preds = mapAll(n.Preds, f)
	if n.Rows != nil {
		rows := make([][]*expr.Expr, len(n.Rows))
		for i, r := range n.Rows {
			rows[i] = mapAll(r, f)
		}
		n.Rows = rows
	}
	if n.Aggs != nil {
		aggs := append([]AggCall(nil), n.Aggs...)
		for i := range aggs {
			a := &aggs[i]
			a.Args, a.Filter, a.Direct = mapAll(a.Args, f), mapOne(a.Filter, f), mapAll(a.Direct, f)
			a.Order = append([]OrderExpr(nil), a.Order...)
			for k := range a.Order {
				a.Order[k].Expr = f(a.Order[k].Expr)
			}
		}
		n.Aggs = aggs
	}
	if n.Func != nil {
		c := *n.Func
		c.Args = mapAll(c.Args, f)
		c.More = append([]FuncInfo(nil), c.More...)
		for i := range c.More {
			c.More[i].Args = mapAll(c.More[i].Args, f)
		}
		n.Func = &c
	}
	if n.Over != nil {
		over := append([]OverCall(nil), n.Over...)
		for i := range over {
			over[i].Args, over[i].Filter = mapAll(over[i].Args, f), mapOne(over[i].Filter, f)
		}
		n.Over = over
	}
	if n.Sub != nil && n.Sub.Left != nil {
		c := *n.Sub
		c.Left = f(c.Left)
		n.Sub = &c
	}
	if n.Scan != nil && n.Scan.Access != nil {
		c, a := *n.Scan, *n.Scan.Access
		a.Eq = append([][]*expr.Expr(nil), a.Eq...)
		for i := range a.Eq {
			a.Eq[i] = mapAll(a.Eq[i], f)
		}
		a.Low, a.High = mapOne(a.Low, f), mapOne(a.High, f)
		c.Access = &a
		n.Scan = &c
	}
	if n.AsOf != nil {
		c := *n.AsOf
		c.Left, c.Right = f(c.Left), f(c.Right)
		n.AsOf = &c
	}
	if n.Match != nil {
		n.Match = n.Match.mapExprs(f)
	}
	n.Limit, n.Offset = mapOne(n.Limit, f), mapOne(n.Offset, f)
}

// Used returns the input columns that the node itself reads, by expressions and by id.
func (n *Node) Used() Set {
	s := Set{}
	n.EachExpr(func(e *expr.Expr) { AddCols(s, e) })
	for _, k := range n.Keys {
		s[k] = true
	}
	for _, o := range n.Order {
		s[o.Col] = true
	}
	for _, m := range n.Map {
		s.Add(SetOf(m...))
	}
	if n.Win != nil {
		s[n.Win.Time] = true
	}
	if n.Match != nil {
		for id := range n.Match.own() {
			delete(s, id)
		}
	}
	return s
}

// Free returns the columns that the tree reads but does not make: those of enclosing queries.
func Free(n *Node) Set {
	made, used := Set{}, Set{}
	var visit func(*Node)
	visit = func(n *Node) {
		for _, c := range n.Out {
			made[c.ID] = true
		}
		used.Add(n.Used())
		for _, in := range n.In {
			visit(in)
		}
	}
	visit(n)
	for id := range used {
		if made[id] {
			delete(used, id)
		}
	}
	return used
}

// Replace returns e with columns replaced by expressions, those that subqueries take from outside
// included.
func Replace(e *expr.Expr, m map[int]*expr.Expr) *expr.Expr {
	if len(m) == 0 {
		return e
	}
	return expr.Rewrite(e, func(x *expr.Expr) *expr.Expr {
		switch x.Kind {
		case expr.Column:
			if r, ok := m[x.Index]; ok {
				return r
			}
		case expr.Subquery:
			return replaceSub(x, m)
		}
		return x
	})
}

func replaceSub(x *expr.Expr, m map[int]*expr.Expr) *expr.Expr {
	sub := *x.Sub.(*Subquery)
	sub.Lefts = mapAll(sub.Lefts, func(e *expr.Expr) *expr.Expr { return Replace(e, m) })
	sub.Left = mapOne(sub.Left, func(e *expr.Expr) *expr.Expr { return Replace(e, m) })
	sub.Node = ReplaceTree(sub.Node, m)
	c := *x
	c.Sub = &sub
	return &c
}

// ReplaceTree replaces free columns in all expressions of a tree. A column that is used by id (a key,
// a sort key) can be replaced by another column only.
func ReplaceTree(n *Node, m map[int]*expr.Expr) *Node {
	free := Free(n)
	hit := false
	for id := range m {
		hit = hit || free[id]
	}
	if !hit {
		return n
	}
	c := n.MapExprs(func(e *expr.Expr) *expr.Expr { return Replace(e, m) })
	c.In = make([]*Node, len(n.In))
	for i, in := range n.In {
		c.In[i] = ReplaceTree(in, m)
	}
	return c
}

// Conjuncts splits an expression at its ANDs.
func Conjuncts(e *expr.Expr) []*expr.Expr {
	if e == nil {
		return nil
	}
	if e.Kind != expr.And {
		return []*expr.Expr{e}
	}
	var out []*expr.Expr
	for _, a := range e.Args {
		out = append(out, Conjuncts(a)...)
	}
	return out
}

// AndAll joins conjuncts with AND; nil for none.
func AndAll(es []*expr.Expr) *expr.Expr {
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	return &expr.Expr{Kind: expr.And, Type: types.T(types.Bool), Args: es}
}

// Equal tells whether two expressions are the same, positions apart. Subqueries are never equal.
func Equal(a, b *expr.Expr) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Kind != b.Kind || a.Index != b.Index || a.Level != b.Level || a.Name != b.Name ||
		!a.Type.Equal(b.Type) || len(a.Args) != len(b.Args) || a.Kind == expr.Subquery {
		return false
	}
	if (a.Lit == nil) != (b.Lit == nil) || a.Lit != nil && !equalDatum(*a.Lit, *b.Lit) {
		return false
	}
	for i := range a.Args {
		if !Equal(a.Args[i], b.Args[i]) {
			return false
		}
	}
	return true
}

func equalDatum(a, b types.Datum) bool {
	return a.Type.Equal(b.Type) && a.Null == b.Null && a.B == b.B && a.I == b.I &&
		math.Float64bits(a.F) == math.Float64bits(b.F) && bytes.Equal(a.S, b.S)
}

// EquiPair takes a conjunct "x = y" apart when one side reads columns of l only and the other of r
// only; it returns the sides in that order.
func EquiPair(e *expr.Expr, l, r Set) (x, y *expr.Expr, ok bool) {
	if e.Kind != expr.Call || e.Name != "=" || len(e.Args) != 2 || HasSubquery(e) {
		return nil, nil, false
	}
	a, b := ColsOf(e.Args[0]), ColsOf(e.Args[1])
	switch {
	case len(a) == 0 || len(b) == 0:
	case l.Contains(a) && r.Contains(b):
		return e.Args[0], e.Args[1], true
	case r.Contains(a) && l.Contains(b):
		return e.Args[1], e.Args[0], true
	}
	return nil, nil, false
}

// NullSafePair is EquiPair for "x IS NOT DISTINCT FROM y".
func NullSafePair(e *expr.Expr, l, r Set) (x, y *expr.Expr, ok bool) {
	if e.Kind != expr.Not || e.Args[0].Kind != expr.Distinct {
		return nil, nil, false
	}
	d := e.Args[0]
	return EquiPair(&expr.Expr{Kind: expr.Call, Name: "=", Args: d.Args}, l, r)
}

// HasSubquery tells whether a subquery is left in the expression.
func HasSubquery(e *expr.Expr) bool {
	found := false
	expr.Walk(e, func(x *expr.Expr) bool {
		found = found || x.Kind == expr.Subquery
		return !found
	})
	return found
}

// Volatile tells whether the expression gives another value each time it is evaluated.
func Volatile(e *expr.Expr) bool { return volatility(e) >= volatile }

// Subqueries lists the trees of the subqueries in the node's own expressions.
func Subqueries(n *Node) []*Node {
	var out []*Node
	n.EachExpr(func(e *expr.Expr) {
		expr.Walk(e, func(x *expr.Expr) bool {
			if x.Kind == expr.Subquery {
				out = append(out, x.Sub.(*Subquery).Node)
			}
			return true
		})
	})
	return out
}
