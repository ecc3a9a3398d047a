package lower

import (
	"encoding/json"

	"tidemill/exec/op/join"
	"tidemill/exec/op/notin"
	"tidemill/exec/plan"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// keyPair is an equality between the two sides of a join.
type keyPair struct {
	l, r     *expr.Expr
	nullSafe bool
}

// joinKeys splits a join condition into key pairs and the rest.
func joinKeys(n *logical.Node) (keys []keyPair, rest []*expr.Expr) {
	lc, rc := n.In[0].IDs(), n.In[1].IDs()
	for _, p := range n.Preds {
		x, y, ok := logical.EquiPair(p, lc, rc)
		nullSafe := false
		if !ok {
			x, y, ok = logical.NullSafePair(p, lc, rc)
			nullSafe = ok
		}
		if ok {
			x, y, ok = sameType(x, y)
		}
		if ok && !logical.Volatile(x) && !logical.Volatile(y) {
			keys = append(keys, keyPair{x, y, nullSafe})
			continue
		}
		rest = append(rest, p)
	}
	return keys, rest
}

// sameType brings both sides of an equality to one type; ok is false when that depends on settings.
func sameType(x, y *expr.Expr) (*expr.Expr, *expr.Expr, bool) {
	if x.Type.Same(y.Type) {
		return x, y, true
	}
	t, err := fn.CommonType([]types.Type{x.Type, y.Type})
	if err != nil {
		return x, y, false
	}
	t.Mod = -1
	to := func(e *expr.Expr) (*expr.Expr, bool) {
		if e.Type.Same(t) {
			return e, true
		}
		c, ok := fn.FindCast(e.Type, t, fn.Implicit)
		if !ok || c.Volatility != fn.Immutable {
			return e, false
		}
		return &expr.Expr{Kind: expr.Cast, Type: t, Args: []*expr.Expr{e}}, true
	}
	x, ok1 := to(x)
	y, ok2 := to(y)
	return x, y, ok1 && ok2
}

func (l *lowerer) join(n *logical.Node) (int, error) {
	if n.NullAware {
		return l.notIn(n)
	}
	pairs, rest := joinKeys(n)
	if b := l.findBand(n, pairs, rest); b != nil {
		return l.rangeJoin(n, pairs, rest, b)
	}
	lx, rx := make([]*expr.Expr, len(pairs)), make([]*expr.Expr, len(pairs))
	for i, p := range pairs {
		lx[i], rx[i] = p.l, p.r
	}
	la, lin, lk, err := l.joinSide(n.In[0], lx)
	if err != nil {
		return 0, err
	}
	ra, rin, rk, err := l.joinSide(n.In[1], rx)
	if err != nil {
		return 0, err
	}
	cfg := join.Config{Kind: string(n.Kind), LeftKeys: []int{}, RightKeys: []int{}, NullSafe: nullSafe(pairs)}
	for i := range pairs {
		cfg.LeftKeys = append(cfg.LeftKeys, position(lin.ids, lk[i]))
		cfg.RightKeys = append(cfg.RightKeys, position(rin.ids, rk[i]))
	}
	both := append(append([]int(nil), lin.ids...), rin.ids...)
	if len(rest) > 0 {
		if cfg.Residual, err = l.expr(logical.AndAll(rest), both); err != nil {
			return 0, err
		}
		if l.View {
			cfg.Bands = l.distances(n, rest, lin.ids, rin.ids)
		}
	}
	cols := n.Cols()
	if cfg.Output, err = outputOf(cols, both, lin.ids, n.Kind); err != nil {
		return 0, err
	}
	edges, d, use := l.joinEdges(n, la, lin, lk, ra, rin, rk)
	if l.View {
		cfg.Dist = use
	}
	return l.add(n, join.Name, 1, cfg, edges, cols, d)
}

// notIn lowers the anti join of NOT IN, whose predicate is the one comparison x = y.
func (l *lowerer) notIn(n *logical.Node) (int, error) {
	x, y := n.Preds[0].Args[0], n.Preds[0].Args[1]
	la, lin, lk, err := l.joinSide(n.In[0], []*expr.Expr{x})
	if err != nil {
		return 0, err
	}
	ra, rin, rk, err := l.joinSide(n.In[1], []*expr.Expr{y})
	if err != nil {
		return 0, err
	}
	cfg := notin.Config{Left: position(lin.ids, lk[0]), Right: position(rin.ids, rk[0])}
	cols := n.Cols()
	if len(lin.ids) > len(cols) { // x is computed and goes through
		cols = append(append([]logical.Col(nil), cols...), logical.Col{ID: lk[0], Field: types.Field{Name: "key", Type: x.Type}})
	}
	edges, d, _ := l.joinEdges(n, la, lin, nil, ra, rin, nil)
	return l.add(n, notin.Name, 1, cfg, edges, cols, d)
}

// joinSide lowers one side; keys that are no columns are projected first.
func (l *lowerer) joinSide(n *logical.Node, keys []*expr.Expr) (int, output, []int, error) {
	at, in, err := l.input(n)
	if err != nil {
		return 0, in, nil, err
	}
	ids := make([]int, len(keys))
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{n}, Out: n.Cols()}
	have := len(p.Out)
	for _, c := range p.Out {
		p.Exprs = append(p.Exprs, logical.Ref(c))
	}
	for i, k := range keys {
		if k.Kind == expr.Column {
			ids[i] = k.Index
			continue
		}
		c := logical.Col{ID: l.NewID(), Field: types.Field{Name: "key", Type: k.Type}}
		p.Out, p.Exprs = append(p.Out, c), append(p.Exprs, k)
		ids[i] = c.ID
	}
	if len(p.Out) == have {
		return at, in, ids, nil
	}
	h, err := l.projection(p, at, in, p.Out, p.Exprs)
	if err != nil {
		return 0, in, nil, err
	}
	at, in = l.ref(h)
	return at, in, ids, nil
}

// outputOf gives the output columns as positions among the columns of both sides; nil = all.
func outputOf(cols []logical.Col, both, left []int, kind logical.JoinKind) ([]int, error) {
	from := both
	if kind == logical.Semi || kind == logical.Anti {
		from = left
	}
	pos, err := positions(idsOf(cols), from)
	if err != nil {
		return nil, err
	}
	if len(pos) == len(from) {
		same := true
		for i, p := range pos {
			same = same && p == i
		}
		if same {
			return nil, nil
		}
	}
	return pos, nil
}

// joinEdges spreads both inputs so that matching rows meet. A side that is spread by some of the
// join columns already stays where it is and the other side follows it. placed are the numbers of the
// key pairs that the rows are spread by, as the operator wants them: nil when by all in their order.
func (l *lowerer) joinEdges(n *logical.Node, la int, lin output, lk []int, ra int, rin output, rk []int) (edges []input, d dist, placed []int) {
	if l.inLoop {
		return []input{local(la), local(ra)}, dist{kind: plan.Single}, []int{}
	}
	if len(lk) == 0 {
		single := func(at int, d dist) input {
			if d.kind == plan.Single {
				return local(at)
			}
			return input{node: at, x: plan.Single}
		}
		return []input{single(la, lin.dist), single(ra, rin.dist)}, dist{kind: plan.Single}, []int{}
	}
	use := make([]int, len(lk)) // which key pairs to spread by
	for i := range use {
		use[i] = i
	}
	if u, ok := follow(lin.dist, lk); ok {
		use = u
	} else if u, ok := follow(rin.dist, rk); ok {
		use = u
	}
	pick := func(keys []int) []int {
		out := make([]int, len(use))
		for i, u := range use {
			out[i] = keys[u]
		}
		return out
	}
	ls, rs := pick(lk), pick(rk)
	edges = []input{spread(la, lin, ls), spread(ra, rin, rs)}
	d = dist{kind: plan.ByHash, cols: ls}
	switch n.Kind {
	case logical.Right:
		d.cols = rs
	case logical.Full:
		d = dist{kind: plan.Local}
	}
	all := len(use) == len(lk)
	for i, u := range use { // a side may be spread by one column twice
		all = all && u == i
	}
	if !all {
		placed = use
	}
	return edges, d, placed
}

// follow tells which key pairs a side is spread by already.
func follow(d dist, keys []int) ([]int, bool) {
	if d.kind != plan.ByHash || !d.within(keys) {
		return nil, false
	}
	var use []int
	for _, c := range d.cols {
		use = append(use, position(keys, c))
	}
	return use, true
}

// spread makes the edge that spreads a side by columns, in this order.
func spread(at int, in output, keys []int) input {
	if in.dist.kind == plan.ByHash && len(in.dist.cols) == len(keys) {
		same := true
		for i, c := range in.dist.cols {
			same = same && c == keys[i]
		}
		if same {
			return local(at)
		}
	}
	pos, _ := positions(keys, in.ids)
	return input{node: at, x: plan.ByHash, keys: pos}
}

func marshalPlan(p *plan.Plan) (json.RawMessage, error) { return json.Marshal(p) }
