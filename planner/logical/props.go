package logical

import (
	"slices"

	"tidemill/sql/expr"
	"tidemill/sql/fn"
)

const volatile = fn.Volatile

// volatility returns the worst volatility of the functions in e.
func volatility(e *expr.Expr) fn.Volatility {
	worst := fn.Immutable
	expr.Walk(e, func(x *expr.Expr) bool {
		switch x.Kind {
		case expr.Call:
			if s, ok := fn.FindScalar(x.Name, x.ArgTypes); ok {
				worst = max(worst, s.Volatility)
			} else {
				worst = fn.Volatile
			}
		case expr.Cast:
			if c, ok := fn.FindCast(x.Args[0].Type, x.Type, fn.Explicit); ok {
				worst = max(worst, c.Volatility)
			}
		case expr.Param:
			worst = max(worst, fn.Stable)
		}
		return true
	})
	return worst
}

// Volatility returns the worst volatility of the functions in e.
func Volatility(e *expr.Expr) fn.Volatility { return volatility(e) }

// maxKeys bounds the number of candidate keys that are followed.
const maxKeys = 6

// Keys returns sets of output columns that are unique in the node's output (bag semantics: each
// value combination occurs at most once). An empty set means at most one row.
func Keys(n *Node) [][]int {
	keys := rawKeys(n)
	var out [][]int
	for _, k := range keys {
		k = slices.Compact(slices.Sorted(slices.Values(k)))
		if !slices.ContainsFunc(out, func(o []int) bool { return subset(o, k) }) {
			out = append(out, k)
		}
		if len(out) == maxKeys {
			break
		}
	}
	return out
}

func subset(a, b []int) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

func rawKeys(n *Node) [][]int {
	switch n.Op {
	case Scan:
		return scanKeys(n)
	case Values:
		if len(n.Rows) <= 1 {
			return [][]int{{}}
		}
	case Filter:
		return filterKeys(n)
	case Sort, Over, Session, Temporal:
		return Keys(n.In[0])
	case Limit, TopN:
		if len(n.Keys) == 0 && !n.WithTies && !n.Dense && litIs(n.Limit, 1) {
			return [][]int{{}}
		}
		keys := Keys(n.In[0])
		if n.Op == TopN && !n.WithTies && !n.Dense && litIs(n.Limit, 1) {
			keys = append([][]int{n.Keys}, keys...)
		}
		return keys
	case MaxOne:
		return [][]int{{}}
	case Project:
		return projectKeys(n)
	case Distinct:
		return append(Keys(n.In[0]), ids(n.Cols()))
	case SetOp, Recursive:
		if !n.All {
			return [][]int{ids(n.Out)}
		}
	case Agg:
		if n.Phase == Partial {
			return nil
		}
		keys := [][]int{n.Keys}
		for _, k := range Keys(n.In[0]) {
			if subset(k, n.Keys) {
				keys = append([][]int{k}, keys...)
			}
		}
		return keys
	case Window:
		keys := Keys(n.In[0])
		bound := map[string]int{"hop": 0, "cumulate": 1} // which bound tells a row's windows apart
		if b, many := bound[n.Win.Kind]; many {
			for i, k := range keys {
				keys[i] = append(append([]int(nil), k...), n.Out[b].ID)
			}
		}
		return keys
	case Expand:
		return extend(Keys(n.In[0]), [][]int{{n.Out[len(n.Out)-1].ID}})
	case TableFunc:
		if n.Func.Ordinality {
			return extend(Keys(n.In[0]), [][]int{{n.Out[len(n.Out)-1].ID}})
		}
	case Join, Probe:
		return joinKeys(n)
	case AsOf:
		return Keys(n.In[0])
	case Match:
		return matchKeys(n)
	case Apply:
		switch n.Sub.Kind {
		case "lateral", "lateral left":
			return extend(Keys(n.In[0]), Keys(n.In[1]))
		}
		return Keys(n.In[0])
	}
	return nil
}

func litIs(e *expr.Expr, v int64) bool {
	return e != nil && e.Kind == expr.Literal && !e.Lit.Null && e.Lit.I <= v
}

func ids(cols []Col) []int {
	out := make([]int, len(cols))
	for i, c := range cols {
		out[i] = c.ID
	}
	return out
}

func scanKeys(n *Node) [][]int {
	var out [][]int
	for _, key := range n.Scan.Keys {
		k := make([]int, 0, len(key))
		for _, pos := range key {
			i := slices.Index(n.Scan.Cols, pos)
			if i < 0 {
				break
			}
			k = append(k, n.Out[i].ID)
		}
		if len(k) == len(key) {
			out = append(out, k)
		}
	}
	return out
}

// filterKeys drops columns that the filter pins to one value from the keys, and lets equal columns
// stand for each other.
func filterKeys(n *Node) [][]int {
	fixed := Set{}
	for _, p := range n.Preds {
		if p.Kind != expr.Call || p.Name != "=" {
			continue
		}
		for i := range 2 {
			c, o := p.Args[i], p.Args[1-i]
			if c.Kind == expr.Column && len(ColsOf(o)) == 0 && !Volatile(o) && !HasSubquery(o) {
				fixed[c.Index] = true
			}
		}
	}
	keys := Keys(n.In[0])
	if len(fixed) == 0 {
		return keys
	}
	out := make([][]int, len(keys))
	for i, k := range keys {
		out[i] = []int{}
		for _, id := range k {
			if !fixed[id] {
				out[i] = append(out[i], id)
			}
		}
	}
	return out
}

// projectKeys gives the keys whose columns pass through the projection, and those that are known.
func projectKeys(n *Node) [][]int {
	out := PassKeys(n, Keys(n.In[0]))
	have := n.IDs()
	for _, k := range n.Unique {
		if have.Contains(SetOf(k...)) {
			out = append(out, k)
		}
	}
	return out
}

// PassKeys returns those of the keys whose columns pass through a projection, possibly under a new id.
func PassKeys(n *Node, keys [][]int) [][]int {
	to := map[int]int{}
	for i, e := range n.Exprs {
		if e.Kind == expr.Column {
			if old, ok := to[e.Index]; !ok || old != e.Index {
				to[e.Index] = n.Out[i].ID
			}
		}
	}
	var out [][]int
	for _, k := range keys {
		m := make([]int, 0, len(k))
		for _, id := range k {
			if t, ok := to[id]; ok {
				m = append(m, t)
			}
		}
		if len(m) == len(k) {
			out = append(out, m)
		}
	}
	return out
}

func extend(a, b [][]int) [][]int {
	var out [][]int
	for _, x := range a {
		for _, y := range b {
			out = append(out, append(append([]int(nil), x...), y...))
		}
	}
	return out
}

func joinKeys(n *Node) [][]int {
	l, r := Keys(n.In[0]), Keys(n.In[1])
	if n.Kind == Semi || n.Kind == Anti {
		return l
	}
	lcols, rcols := n.In[0].IDs(), n.In[1].IDs()
	var le, re []int
	for _, p := range n.Preds {
		if x, y, ok := EquiPair(p, lcols, rcols); ok {
			if x.Kind == expr.Column {
				le = append(le, x.Index)
			}
			if y.Kind == expr.Column {
				re = append(re, y.Index)
			}
		}
	}
	covered := func(keys [][]int, eq []int) bool {
		return slices.ContainsFunc(keys, func(k []int) bool { return subset(k, eq) })
	}
	var out [][]int
	if covered(r, re) && (n.Kind == Inner || n.Kind == Left) {
		out = append(out, l...)
	}
	if covered(l, le) && (n.Kind == Inner || n.Kind == Right) {
		out = append(out, r...)
	}
	if n.Kind == Full {
		// A padded side is NULL throughout, so that the two keys together still tell rows apart unless a
		// key is empty.
		if slices.ContainsFunc(append(l, r...), func(k []int) bool { return len(k) == 0 }) {
			return nil
		}
	}
	return append(out, extend(l, r)...)
}

// AppendOnly tells whether the node's output never takes a row back once it was given, as the inputs
// grow.
func AppendOnly(n *Node) bool {
	switch n.Op {
	case Scan:
		return n.Scan.AppendOnly
	case Values:
		return true
	case WorkTable:
		return n.Grows
	case Filter, Project, Union, Window, TableFunc, Expand, Distinct, Recursive:
		return allAppendOnly(n)
	case Temporal:
		return !Expires(n.Preds[0]) && allAppendOnly(n)
	case Agg:
		return n.Phase == Partial && allAppendOnly(n)
	case Probe:
		return AppendOnly(n.In[0])
	case Join:
		switch n.Kind {
		case Inner, Semi:
			return allAppendOnly(n)
		}
	}
	return false
}

func allAppendOnly(n *Node) bool {
	for _, in := range n.In {
		if !AppendOnly(in) {
			return false
		}
	}
	return true
}

// NotNull tells whether e is never NULL over the given input columns.
func NotNull(e *expr.Expr, cols []Col) bool {
	switch e.Kind {
	case expr.Column:
		return find(cols, e.Index).NotNull
	case expr.Literal:
		return !e.Lit.Null
	case expr.IsNull, expr.IsTrue, expr.Distinct, expr.Row, expr.Array:
		return true
	case expr.And, expr.Or, expr.Not, expr.Cast, expr.In:
		return allNotNull(e.Args, cols)
	case expr.Coalesce:
		return slices.ContainsFunc(e.Args, func(a *expr.Expr) bool { return NotNull(a, cols) })
	case expr.Case:
		for i, a := range e.Args {
			if (i%2 == 1 || i == len(e.Args)-1) && !NotNull(a, cols) {
				return false
			}
		}
		return true
	case expr.Call:
		return neverNull[e.Name] && allNotNull(e.Args, cols)
	}
	return false
}

// neverNull are operators that give NULL for NULL operands only.
var neverNull = map[string]bool{"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true,
	"+": true, "-": true, "*": true, "/": true, "%": true, "||": true, "~~": true, "!~~": true}

func allNotNull(es []*expr.Expr, cols []Col) bool {
	for _, e := range es {
		if !NotNull(e, cols) {
			return false
		}
	}
	return true
}

// RejectsNull tells whether the predicate cannot be true when all of the given columns are NULL.
func RejectsNull(e *expr.Expr, of Set) bool {
	switch e.Kind {
	case expr.And:
		return slices.ContainsFunc(e.Args, func(a *expr.Expr) bool { return RejectsNull(a, of) })
	case expr.Or:
		return !slices.ContainsFunc(e.Args, func(a *expr.Expr) bool { return !RejectsNull(a, of) })
	case expr.Not:
		if e.Args[0].Kind == expr.IsNull {
			return nullIfNull(e.Args[0].Args[0], of)
		}
		return nullIfNull(e.Args[0], of)
	case expr.IsTrue:
		return RejectsNull(e.Args[0], of)
	}
	return nullIfNull(e, of)
}

// nullIfNull tells whether e is NULL when the given columns are.
func nullIfNull(e *expr.Expr, of Set) bool {
	switch e.Kind {
	case expr.Column:
		return of[e.Index]
	case expr.Cast, expr.Not:
		return nullIfNull(e.Args[0], of)
	case expr.In:
		return nullIfNull(e.Args[0], of)
	case expr.Call:
		if s, ok := fn.FindScalar(e.Name, e.ArgTypes); !ok || !s.Strict {
			return false
		}
		return slices.ContainsFunc(e.Args, func(a *expr.Expr) bool { return nullIfNull(a, of) })
	}
	return false
}
