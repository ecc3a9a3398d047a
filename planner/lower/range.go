package lower

import (
	"math"
	"slices"

	"tidemill/exec/op/equi"
	"tidemill/exec/op/rangejoin"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// band is what comparisons of a join condition say of the distance of a left and a right value.
type band struct {
	left, right *expr.Expr
	low, high   *int64 // of left − right
}

// findBand finds a range among the conditions that are no equalities, one with two ends if there is
// one. Beside equal keys one end saves too little to pay for the order, which costs several times what
// the hash join's log does; so does any range where a side has one row per group, which are few under a
// key, or at most one row.
func (l *lowerer) findBand(n *logical.Node, pairs []keyPair, rest []*expr.Expr) *band {
	if len(pairs) > 0 && (unique(n.In[0], pairs, 0) || unique(n.In[1], pairs, 1) || grouped(n.In[0]) || grouped(n.In[1])) {
		return nil
	}
	bands := l.bandsOf(n, rest)
	for _, b := range bands {
		if b.low != nil && b.high != nil {
			return b
		}
	}
	if len(bands) == 0 || len(pairs) > 0 {
		return nil
	}
	return bands[0]
}

// bandsOf finds the ranges in a list of conditions, those of the same values as one.
func (l *lowerer) bandsOf(n *logical.Node, rest []*expr.Expr) []*band {
	lc, rc := n.In[0].IDs(), n.In[1].IDs()
	var bands []*band
	for _, p := range rest {
		b := l.bandOf(p, lc, rc)
		if b == nil {
			continue
		}
		at := slices.IndexFunc(bands, func(x *band) bool { return logical.Equal(x.left, b.left) && logical.Equal(x.right, b.right) })
		if at < 0 {
			bands = append(bands, b)
			continue
		}
		x := bands[at]
		if b.low != nil && (x.low == nil || *b.low > *x.low) {
			x.low = b.low
		}
		if b.high != nil && (x.high == nil || *b.high < *x.high) {
			x.high = b.high
		}
	}
	return bands
}

// distances are the ranges between columns by which event time can drop the state of a hash join.
func (l *lowerer) distances(n *logical.Node, rest []*expr.Expr, left, right []int) []equi.Band {
	var out []equi.Band
	for _, b := range l.bandsOf(n, rest) {
		if t := b.left.Type; b.left.Kind == expr.Column && b.right.Kind == expr.Column && (t.IsTime() || t.ID == types.Date || t.IsInteger()) {
			out = append(out, equi.Band{Left: position(left, b.left.Index), Right: position(right, b.right.Index), Low: b.low, High: b.high})
		}
	}
	return out
}

// grouped tells whether the rows of n stand for groups of rows.
func grouped(n *logical.Node) bool {
	for len(n.In) == 1 && n.Op != logical.Agg {
		n = n.In[0]
	}
	return n.Op == logical.Agg
}

// unique tells whether the key columns of a side hold a unique key.
func unique(n *logical.Node, pairs []keyPair, side int) bool {
	have := logical.Set{}
	for _, p := range pairs {
		if x := [2]*expr.Expr{p.l, p.r}[side]; x.Kind == expr.Column {
			have[x.Index] = true
		}
	}
	return slices.ContainsFunc(logical.Keys(n), func(k []int) bool { return have.Contains(logical.SetOf(k...)) })
}

// bandOf takes a comparison between both sides apart; nil when it is none.
func (l *lowerer) bandOf(e *expr.Expr, lc, rc logical.Set) *band {
	mirror := map[string]string{">=": "<=", ">": "<", "<=": ">=", "<": ">"}
	if e.Kind != expr.Call || mirror[e.Name] == "" || len(e.Args) != 2 || logical.HasSubquery(e) || logical.Volatile(e) {
		return nil
	}
	x, y, cmp := e.Args[0], e.Args[1], e.Name
	a, b := logical.ColsOf(x), logical.ColsOf(y)
	if rc.Contains(a) && lc.Contains(b) {
		x, y, a, b, cmp = y, x, b, a, mirror[cmp]
	}
	if len(a) == 0 || len(b) == 0 || !lc.Contains(a) || !rc.Contains(b) {
		return nil
	}
	lx, la := l.shifted(x)
	ry, ra := l.shifted(y)
	lx, ry, ok := sameType(lx, ry)
	if !ok { // try again as they stand
		la, ra = 0, 0
		if lx, ry, ok = sameType(x, y); !ok {
			return nil
		}
	}
	// lx + la cmp ry + ra
	d, ok := minus(ra, la)
	if !ok {
		return nil
	}
	out := &band{left: lx, right: ry}
	if cmp[0] == '>' {
		out.low = &d
	} else {
		out.high = &d
	}
	return out
}

func minus(a, b int64) (int64, bool) {
	d := a - b
	return d, (d < a) == (b > 0) && d != math.MinInt64
}

// shifted takes a constant distance off an expression: x and v of x + v, in the units of rangejoin.
// Without one it is the expression itself and 0.
func (l *lowerer) shifted(e *expr.Expr) (*expr.Expr, int64) {
	if e.Kind != expr.Call || e.Name != "+" && e.Name != "-" || len(e.Args) != 2 {
		return e, 0
	}
	x, c := e.Args[0], e.Args[1]
	if e.Name == "+" && x.Kind == expr.Literal {
		x, c = c, x
	}
	if c.Kind != expr.Literal || c.Lit.Null || !x.Type.Same(e.Type) {
		return e, 0
	}
	v, ok := l.units(e.Type, c.Lit)
	if !ok || v == math.MinInt64 {
		return e, 0
	}
	if e.Name == "-" {
		v = -v
	}
	inner, more := l.shifted(x)
	if sum := v + more; (sum > v) == (more > 0) {
		return inner, sum
	}
	return e, 0
}

// units is a constant as a distance of values of type t. Months have no fixed length, nor have days in
// a time zone other than UTC.
func (l *lowerer) units(t types.Type, d *types.Datum) (int64, bool) {
	switch {
	case t.IsTime() && d.Type.ID == types.Interval:
		v := types.IntervalOf(d.S)
		const day = 86400e6
		if v.Months != 0 || v.Days != 0 && t.ID == types.Timestamptz && (!l.View || l.Civil) || v.Micros > math.MaxInt64/4 || v.Micros < math.MinInt64/4 {
			return 0, false
		}
		return int64(v.Days)*day + v.Micros, true
	case t.ID == types.Date || t.ID == types.Int2 || t.ID == types.Int4 || t.ID == types.Int8:
		return d.I, d.Type.ID == types.Int2 || d.Type.ID == types.Int4 || d.Type.ID == types.Int8
	}
	return 0, false
}

// rangeJoin lowers a join with a range. The compared values are the last keys of the sides.
func (l *lowerer) rangeJoin(n *logical.Node, pairs []keyPair, rest []*expr.Expr, b *band) (int, error) {
	var lx, rx []*expr.Expr
	for _, p := range pairs {
		lx, rx = append(lx, p.l), append(rx, p.r)
	}
	la, lin, lk, err := l.joinSide(n.In[0], append(lx, b.left))
	if err != nil {
		return 0, err
	}
	ra, rin, rk, err := l.joinSide(n.In[1], append(rx, b.right))
	if err != nil {
		return 0, err
	}
	last := len(pairs)
	cfg := rangejoin.Config{
		Kind: string(n.Kind), LeftKeys: []int{}, RightKeys: []int{}, NullSafe: nullSafe(pairs),
		LeftCol: position(lin.ids, lk[last]), RightCol: position(rin.ids, rk[last]), Low: b.low, High: b.high,
	}
	for i := range pairs {
		cfg.LeftKeys = append(cfg.LeftKeys, position(lin.ids, lk[i]))
		cfg.RightKeys = append(cfg.RightKeys, position(rin.ids, rk[i]))
	}
	both := append(append([]int(nil), lin.ids...), rin.ids...)
	if cfg.Residual, err = l.expr(logical.AndAll(rest), both); err != nil {
		return 0, err
	}
	cols := n.Cols()
	if cfg.Output, err = outputOf(cols, both, lin.ids, n.Kind); err != nil {
		return 0, err
	}
	edges, d, use := l.joinEdges(n, la, lin, lk[:last], ra, rin, rk[:last])
	if l.View {
		cfg.Dist = use
	}
	return l.add(n, rangejoin.Name, 1, cfg, edges, cols, d)
}
