package rewrite

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// access lets a batch query read a relation by its storage key or by an index instead of as a whole:
// conditions that hold leading columns to constants (=, IN), bounds on the next column, and the order
// of an ORDER BY … LIMIT. The conditions stay: they are cheap, and right where the read is too wide.
func access(c *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	if c.View {
		return n, nil
	}
	n, err := bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		if n.Op != logical.Filter || n.In[0].Op != logical.Scan {
			return n, nil
		}
		if p := choose(n.In[0], n.Preds, nil); p != nil {
			return n.With(withAccess(n.In[0], p.access)), nil
		}
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		if n.Op == logical.Sort && n.Limit != nil && n.Limit.Kind == expr.Literal {
			return ordered(n), nil
		}
		return n, nil
	})
}

func withAccess(scan *logical.Node, a *logical.Access) *logical.Node {
	info := *scan.Scan
	info.Access = a
	s := *scan
	s.Scan = &info
	return &s
}

// ordered lets a sort that gives few rows read them by an index in its order, when nothing between
// the two leaves rows out.
func ordered(sort *logical.Node) *logical.Node {
	order := slices.Clone(sort.Order)
	var path []*logical.Node
	at := sort.In[0]
	for at.Op == logical.Project {
		path = append(path, at)
		for i, k := range order {
			out := slices.IndexFunc(at.Out, func(c logical.Col) bool { return c.ID == k.Col })
			if out < 0 || at.Exprs[out].Kind != expr.Column {
				return sort
			}
			order[i].Col = at.Exprs[out].Index
		}
		at = at.In[0]
	}
	var preds []*expr.Expr
	scan := at
	if at.Op == logical.Filter {
		path, preds, scan = append(path, at), at.Preds, at.In[0]
	}
	if scan.Op != logical.Scan {
		return sort
	}
	p := choose(scan, preds, order)
	if p == nil || !p.ordered {
		return sort
	}
	p.access.Limit = sort.Limit.Lit.I
	low := withAccess(scan, p.access)
	for _, above := range slices.Backward(path) {
		low = above.With(low)
	}
	return sort.With(low)
}

// candidate is a way to read a relation.
type candidate struct {
	access  *logical.Access
	score   int
	ordered bool // it gives the rows, and no others, in the wanted order
}

// choose finds the best way to read the rows that meet the conditions; nil when none is better than
// reading everything.
func choose(scan *logical.Node, preds []*expr.Expr, order []logical.SortKey) *candidate {
	var best *candidate
	try := func(key []logical.SortKey, index uint32) {
		c := consider(scan, preds, key, index, order)
		if c.score > 0 && (best == nil || c.score > best.score) {
			best = c
		}
	}
	if len(scan.Scan.StorageKey) > 0 {
		key := make([]logical.SortKey, len(scan.Scan.StorageKey))
		for i, col := range key {
			col.Col = scan.Scan.StorageKey[i]
			key[i] = col
		}
		try(key, 0)
	}
	for _, x := range scan.Scan.Indexes {
		try(x.Order, x.Object)
	}
	return best
}

// maxPoints bounds the combinations of values that IN lists make.
const maxPoints = 10_000

// consider matches the conditions and the order against a key.
func consider(scan *logical.Node, preds []*expr.Expr, key []logical.SortKey, index uint32, order []logical.SortKey) *candidate {
	c := &candidate{access: &logical.Access{Index: index}}
	used := map[*expr.Expr]bool{}
	points, single := 1, true
	i := 0
	for ; i < len(key); i++ {
		col, ok := columnOf(scan, key[i].Col)
		if !ok {
			break
		}
		values, from := heldTo(preds, col)
		if values == nil || points*len(values) > maxPoints {
			break
		}
		points, single = points*len(values), single && len(values) == 1
		used[from] = true
		c.access.Eq = append(c.access.Eq, values)
		c.score += 4
	}
	pinnedAll := i == len(key)
	if !pinnedAll {
		if col, ok := columnOf(scan, key[i].Col); ok && bounded(c.access, preds, col, used) {
			c.score += 2
		}
	} else if index == 0 {
		c.score += 4 // one row
	}
	if order != nil && index != 0 && single && len(used) == len(preds) && c.match(scan, key, i, order) {
		c.ordered = true
		c.score += 3
	}
	return c
}

// match tells whether a key gives the wanted order, forwards or backwards, behind its first n columns,
// which are constant.
func (c *candidate) match(scan *logical.Node, key []logical.SortKey, n int, order []logical.SortKey) bool {
	at, first := n, true
	for _, k := range order {
		pos := slices.IndexFunc(scan.Out, func(o logical.Col) bool { return o.ID == k.Col })
		if pos < 0 {
			return false
		}
		col := scan.Scan.Cols[pos]
		if slices.ContainsFunc(key[:at], func(x logical.SortKey) bool { return x.Col == col }) {
			continue // constant, or sorted by already
		}
		if at == len(key) || key[at].Col != col {
			return false
		}
		reverse := key[at].Desc != k.Desc
		if reverse != (key[at].NullsFirst != k.NullsFirst) || !first && reverse != c.access.Reverse {
			return false
		}
		c.access.Reverse, first = reverse, false
		at++
	}
	return true
}

// columnOf finds the scan's column that holds a column of the object.
func columnOf(scan *logical.Node, col int) (logical.Col, bool) {
	at := slices.Index(scan.Scan.Cols, col)
	if at < 0 {
		return logical.Col{}, false
	}
	return scan.Out[at], true
}

// heldTo finds the constants that a column is held to, as values of the column's type, and the
// condition that does it.
func heldTo(preds []*expr.Expr, c logical.Col) ([]*expr.Expr, *expr.Expr) {
	for _, p := range preds {
		switch {
		case p.Kind == expr.Call && p.Name == "=" && len(p.Args) == 2:
			for i := range 2 {
				if !isColumn(p.Args[i], c) {
					continue
				}
				if v := asKey(p.Args[1-i], c); v != nil {
					return []*expr.Expr{v}, p
				}
			}
		case p.Kind == expr.In && isColumn(p.Args[0], c):
			var values []*expr.Expr
			for _, a := range p.Args[1:] {
				if a.Kind == expr.Literal && a.Lit.Null {
					continue // equals nothing
				}
				v := asKey(a, c)
				if v == nil {
					values = nil
					break
				}
				values = append(values, v)
			}
			if values != nil {
				return values, p
			}
		}
	}
	return nil, nil
}

// bounded gives an access the bounds that conditions set to a column and marks them as used.
func bounded(a *logical.Access, preds []*expr.Expr, c logical.Col, used map[*expr.Expr]bool) bool {
	for _, p := range preds {
		if p.Kind != expr.Call || len(p.Args) != 2 || flipped[p.Name] == "" || p.Name == "=" {
			continue
		}
		name, other := p.Name, p.Args[1]
		if !isColumn(p.Args[0], c) {
			if name, other = flipped[p.Name], p.Args[0]; !isColumn(p.Args[1], c) {
				continue
			}
		}
		v := asKey(other, c)
		switch {
		case v == nil:
			continue
		case name[0] == '>' && a.Low == nil:
			a.Low, a.LowOpen = v, name == ">"
		case name[0] == '<' && a.High == nil:
			a.High, a.HighOpen = v, name == "<"
		default:
			continue // a second bound on the same side: the first reads enough
		}
		used[p] = true
	}
	return a.Low != nil || a.High != nil
}

// isColumn tells whether e is the column, or a cast of it that keeps its order and its key bytes.
func isColumn(e *expr.Expr, c logical.Col) bool {
	for e.Kind == expr.Cast && sameKey(e.Args[0].Type, e.Type) {
		e = e.Args[0]
	}
	return e.Kind == expr.Column && e.Index == c.ID
}

// sameKey tells whether a value has the same key bytes under both types.
func sameKey(from, to types.Type) bool {
	text := func(t types.Type) bool { return t.ID == types.Text || t.ID == types.Varchar }
	return from.IsInteger() && to.IsInteger() && from.ID <= to.ID || text(from) && text(to) && to.Mod < 0
}

// asKey gives a constant as a value of the column's type, or nil.
func asKey(e *expr.Expr, c logical.Col) *expr.Expr {
	same := e.Type.Same(c.Type) || e.Type.IsInteger() && c.Type.IsInteger() || sameKey(c.Type, e.Type)
	switch {
	case !same || c.Type.ID == types.JSON || c.Type.ID == types.Record:
		return nil
	case e.Kind == expr.Literal && !e.Lit.Null:
		if d := *e.Lit; !e.Type.Same(c.Type) {
			d.Type = c.Type
			return expr.Lit(d)
		}
		return e
	case e.Kind == expr.Param:
		return e
	}
	return nil
}
