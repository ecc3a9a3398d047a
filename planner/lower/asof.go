package lower

import (
	"tidemill/exec/op/asof"
	"tidemill/exec/op/lookupjoin"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
)

// asOf lowers an ASOF join. The compared columns are the last keys of the sides.
func (l *lowerer) asOf(n *logical.Node) (int, error) {
	pairs, rest := joinKeys(n)
	x, y, ok := sameType(n.AsOf.Left, n.AsOf.Right)
	if !ok || len(rest) > 0 {
		return 0, sqlerr.Unsupported("an ASOF JOIN over columns of types %s and %s is not supported", x.Type, y.Type).
			WithHint("Cast both sides of the conditions to one type.")
	}
	var lx, rx []*expr.Expr
	for _, p := range pairs {
		lx, rx = append(lx, p.l), append(rx, p.r)
	}
	la, lin, lk, err := l.joinSide(n.In[0], append(lx, x))
	if err != nil {
		return 0, err
	}
	ra, rin, rk, err := l.joinSide(n.In[1], append(rx, y))
	if err != nil {
		return 0, err
	}
	last := len(pairs)
	cfg := asof.Config{
		Left: n.Kind == logical.Left, LeftKeys: []int{}, RightKeys: []int{}, NullSafe: nullSafe(pairs),
		LeftTime: position(lin.ids, lk[last]), RightTime: position(rin.ids, rk[last]), Op: n.AsOf.Cmp,
	}
	for i := range pairs {
		cfg.LeftKeys = append(cfg.LeftKeys, position(lin.ids, lk[i]))
		cfg.RightKeys = append(cfg.RightKeys, position(rin.ids, rk[i]))
	}
	cols := n.Cols()
	both := append(append([]int(nil), lin.ids...), rin.ids...)
	if cfg.Output, err = outputOf(cols, both, lin.ids, n.Kind); err != nil {
		return 0, err
	}
	edges, d, use := l.joinEdges(n, la, lin, lk[:last], ra, rin, rk[:last])
	if l.View {
		cfg.Dist = use
	}
	return l.add(n, asof.Name, 1, cfg, edges, cols, d)
}

func nullSafe(pairs []keyPair) []bool {
	out := make([]bool, len(pairs))
	some := false
	for i, p := range pairs {
		out[i] = p.nullSafe
		some = some || p.nullSafe
	}
	if !some {
		return nil
	}
	return out
}

// probe lowers a lookup join. A query that runs once sees the right side as it stands anyway.
func (l *lowerer) probe(n *logical.Node) (int, error) {
	if !l.View {
		plain := *n
		plain.Op = logical.Join
		return l.join(&plain)
	}
	pairs, rest := joinKeys(n)
	var lx, rx []*expr.Expr
	for _, p := range pairs {
		lx, rx = append(lx, p.l), append(rx, p.r)
	}
	la, lin, lk, err := l.joinSide(n.In[0], lx)
	if err != nil {
		return 0, err
	}
	ra, rin, rk, err := l.joinSide(n.In[1], rx)
	if err != nil {
		return 0, err
	}
	cfg := lookupjoin.Config{Left: n.Kind == logical.Left, LeftKeys: []int{}, RightKeys: []int{}, NullSafe: nullSafe(pairs)}
	for i := range pairs {
		cfg.LeftKeys = append(cfg.LeftKeys, position(lin.ids, lk[i]))
		cfg.RightKeys = append(cfg.RightKeys, position(rin.ids, rk[i]))
	}
	both := append(append([]int(nil), lin.ids...), rin.ids...)
	if len(rest) > 0 {
		if cfg.Residual, err = l.expr(logical.AndAll(rest), both); err != nil {
			return 0, err
		}
	}
	cols := n.Cols()
	if cfg.Output, err = outputOf(cols, both, lin.ids, n.Kind); err != nil {
		return 0, err
	}
	edges, d, use := l.joinEdges(n, la, lin, lk, ra, rin, rk)
	cfg.Dist = use
	return l.add(n, lookupjoin.Name, 1, cfg, edges, cols, d)
}
