package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/expr"
)

// joinOrder reorders a chain of inner joins in which some join has no condition, so that each
// relation joins what it has a condition with. The order of the text is kept where it does no harm:
// there are no statistics on streams.
func joinOrder(_ *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	return reorder(n, map[*logical.Node]*logical.Node{}), nil
}

func reorder(n *logical.Node, done map[*logical.Node]*logical.Node) *logical.Node {
	if out, ok := done[n]; ok {
		return out
	}
	out := n
	if n.Op == logical.Join && n.Kind == logical.Inner {
		var leaves []*logical.Node
		var preds []*expr.Expr
		flatten(n, &leaves, &preds)
		for i := range leaves {
			leaves[i] = reorder(leaves[i], done)
		}
		out = chain(leaves, preds)
	} else if len(n.In) > 0 {
		in := make([]*logical.Node, len(n.In))
		for i, x := range n.In {
			in[i] = reorder(x, done)
		}
		out = n.With(in...)
	}
	done[n] = out
	return out
}

// flatten lists the inputs of a tree of inner joins in the order of the text, and its conditions.
func flatten(n *logical.Node, leaves *[]*logical.Node, preds *[]*expr.Expr) {
	if n.Op == logical.Join && n.Kind == logical.Inner {
		flatten(n.In[0], leaves, preds)
		flatten(n.In[1], leaves, preds)
		*preds = append(*preds, n.Preds...)
		return
	}
	*leaves = append(*leaves, n)
}

// chain joins the leaves left-deep: always the next one in the text that has an equality with what is
// joined already, else the next one.
func chain(leaves []*logical.Node, preds []*expr.Expr) *logical.Node {
	at := leaves[0]
	have := at.IDs()
	rest := append([]*logical.Node(nil), leaves[1:]...)
	for len(rest) > 0 {
		pick := 0
		for i, r := range rest {
			if connected(have, r.IDs(), preds) {
				pick = i
				break
			}
		}
		r := rest[pick]
		rest = append(rest[:pick:pick], rest[pick+1:]...)
		both := logical.Set{}
		both.Add(have)
		both.Add(r.IDs())
		var on, later []*expr.Expr
		for _, p := range preds {
			if used := logical.ColsOf(p); both.Contains(local(used, leaves)) {
				on = append(on, p)
			} else {
				later = append(later, p)
			}
		}
		preds = later
		at, have = logical.NewJoin(logical.Inner, at, r, on), both
	}
	return logical.NewFilter(at, preds)
}

// local leaves out columns that none of the leaves makes.
func local(used logical.Set, leaves []*logical.Node) logical.Set {
	out := logical.Set{}
	for _, l := range leaves {
		for _, c := range l.Cols() {
			if used[c.ID] {
				out[c.ID] = true
			}
		}
	}
	return out
}

func connected(have, other logical.Set, preds []*expr.Expr) bool {
	for _, p := range preds {
		if _, _, ok := logical.EquiPair(p, have, other); ok {
			return true
		}
		if _, _, ok := logical.NullSafePair(p, have, other); ok {
			return true
		}
	}
	return false
}
