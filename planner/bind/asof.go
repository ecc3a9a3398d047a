package bind

import (
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// asOfParts are the conditions of an ASOF join by what they are about.
type asOfParts struct {
	equal       []*expr.Expr
	left, right []*expr.Expr // of one side only
	match       *logical.AsOfInfo
}

// bindAsOf binds l ASOF [LEFT] JOIN r: each left row with the one right row that is closest to it. The
// comparison stands in MATCH_CONDITION, among the conditions of ON, or is >= over the last column of
// USING.
func (b *Binder) bindAsOf(t *ast.Join, s *scope, left *source) (*source, error) {
	plain := *t
	plain.Kind, plain.Match = "inner", nil
	if t.Kind == "asof left" {
		plain.Kind = "left"
	}
	src, err := b.bindJoin(&plain, s, left)
	if err != nil {
		return nil, err
	}
	n := src.node
	if n.Op != logical.Join {
		return nil, sqlerr.Unsupported("a LATERAL right side of an ASOF JOIN is not supported").At(t.Position())
	}
	ctx := &exprCtx{b: b, s: &scope{part: src.part, parent: s.parent, ctes: s.ctes}, clause: "JOIN conditions"}
	parts := &asOfParts{}
	on := n.Preds
	switch {
	case t.Match != nil:
		m, err := ctx.boolean(t.Match, "MATCH_CONDITION")
		if err != nil {
			return nil, err
		}
		if parts.match = asOfMatch(m, n); parts.match == nil {
			return nil, sqlerr.New(sqlerr.SyntaxError, "MATCH_CONDITION must compare a left with a right column by >=, >, <= or <").At(t.Position())
		}
	case len(t.Using) > 0:
		last := on[len(on)-1]
		ge, err := ctx.operator(">=", last.Args, t.Position())
		if err != nil {
			return nil, err
		}
		on, parts.match = on[:len(on)-1], asOfMatch(ge, n)
	}
	if err := parts.split(on, n, t.Position()); err != nil {
		return nil, err
	}
	if parts.match == nil {
		return nil, sqlerr.New(sqlerr.SyntaxError, "ASOF JOIN needs a comparison of a left with a right column by >=, >, <= or <").At(t.Position())
	}
	src.node = parts.node(n)
	return src, nil
}

// asOfMatch takes a comparison between both sides apart, left side first; nil when it is none.
func asOfMatch(e *expr.Expr, n *logical.Node) *logical.AsOfInfo {
	mirror := map[string]string{">=": "<=", ">": "<", "<=": ">=", "<": ">"}
	if e.Kind != expr.Call || mirror[e.Name] == "" || len(e.Args) != 2 || logical.HasSubquery(e) {
		return nil
	}
	l, r := n.In[0].IDs(), n.In[1].IDs()
	x, y := logical.ColsOf(e.Args[0]), logical.ColsOf(e.Args[1])
	switch {
	case len(x) == 0 || len(y) == 0:
	case l.Contains(x) && r.Contains(y):
		return &logical.AsOfInfo{Left: e.Args[0], Right: e.Args[1], Cmp: e.Name}
	case r.Contains(x) && l.Contains(y):
		return &logical.AsOfInfo{Left: e.Args[1], Right: e.Args[0], Cmp: mirror[e.Name]}
	}
	return nil
}

// split sorts the conditions of ON.
func (p *asOfParts) split(on []*expr.Expr, n *logical.Node, pos int) error {
	l, r := n.In[0].IDs(), n.In[1].IDs()
	for _, e := range on {
		used := logical.ColsOf(e)
		_, _, equal := logical.EquiPair(e, l, r)
		if !equal {
			_, _, equal = logical.NullSafePair(e, l, r)
		}
		switch {
		case logical.HasSubquery(e):
			return sqlerr.Unsupported("a subquery in the condition of this kind of join is not supported").At(pos)
		case equal:
			p.equal = append(p.equal, e)
		case !used.Meets(l) && used.Meets(r):
			p.right = append(p.right, e)
		case !used.Meets(r):
			p.left = append(p.left, e)
		case p.match == nil && asOfMatch(e, n) != nil:
			p.match = asOfMatch(e, n)
		default:
			return sqlerr.Unsupported("an ASOF JOIN takes equalities and one comparison between both sides").
				WithHint("Write further conditions in WHERE, or use LEFT JOIN LATERAL (SELECT … ORDER BY … LIMIT 1).").At(pos)
		}
	}
	return nil
}

// node makes the ASOF join. A right row that does not meet the conditions about it is no candidate; a
// left row that does not meet its own has no match, as one without a time.
func (p *asOfParts) node(n *logical.Node) *logical.Node {
	out := &logical.Node{Op: logical.AsOf, Kind: n.Kind, Preds: p.equal, AsOf: p.match}
	out.In = []*logical.Node{n.In[0], logical.NewFilter(n.In[1], p.right)}
	if len(p.left) > 0 {
		t := p.match.Left.Type
		p.match.Left = &expr.Expr{Kind: expr.Case, Type: t, Args: []*expr.Expr{logical.AndAll(p.left), p.match.Left, expr.Lit(types.NullOf(t))}}
	}
	return out
}
