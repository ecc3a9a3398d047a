package rewrite

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/expr"
)

// hopSlices aggregates over hopping and cumulating windows by slices: rows are folded per slice
// first, and only the partial results are repeated into the windows that hold the slice. The length
// of a slice divides size and slide.
func hopSlices(c *Ctx, n *logical.Node, _ []logical.Col) (*logical.Node, error) {
	return bottomUp(n, func(n *logical.Node) (*logical.Node, error) {
		if n.Op != logical.Agg || len(n.Keys) == 0 || !logical.CanSplit(n, !c.View || logical.AppendOnly(n.In[0])) {
			return n, nil
		}
		h := &hopRule{Ctx: c, agg: n}
		if out := h.rewrite(); out != nil {
			return out, nil
		}
		return n, nil
	})
}

type hopRule struct {
	*Ctx
	agg   *logical.Node
	hop   *logical.Node
	slice logical.Col // start of the slice
	// bounds are the ids under which the window's start and end reach the aggregation.
	start, end int
}

func (h *hopRule) rewrite() *logical.Node {
	at := h.agg.In[0]
	var chain []*logical.Node
	for at.Op == logical.Project || at.Op == logical.Filter {
		chain = append(chain, at)
		at = at.In[0]
	}
	if at.Op != logical.Window || at.Win.Kind == "tumble" {
		return nil
	}
	length := gcd(at.Win.Size, at.Win.Slide)
	if at.Win.Slide/length > slicesMax {
		return nil
	}
	h.hop = at
	h.start, h.end = at.Out[0].ID, at.Out[1].ID
	h.slice = at.Out[0]
	h.slice.ID = h.NewID()
	stop := h.slice
	stop.ID = h.NewID()
	w := *at.Win
	w.Kind, w.Size, w.Slide = "tumble", length, length
	in := &logical.Node{Op: logical.Window, In: at.In, Win: &w, Out: []logical.Col{h.slice, stop}}
	for _, n := range slices.Backward(chain) {
		if in = h.rebuild(n, in); in == nil {
			return nil
		}
	}
	used := logical.Set{}
	for i := range h.agg.Aggs {
		for _, a := range h.agg.Aggs[i].Args {
			logical.AddCols(used, a)
		}
		if f := h.agg.Aggs[i].Filter; f != nil {
			logical.AddCols(used, f)
		}
	}
	if used[h.start] || used[h.end] {
		return nil
	}
	return h.assemble(in)
}

// slicesMax is the number of slices per slide above which slices are too short to hold many rows.
const slicesMax = 60

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// rebuild puts a projection or filter of the old chain over the slices; nil when it computes with the
// window's bounds.
func (h *hopRule) rebuild(n, in *logical.Node) *logical.Node {
	bounds := logical.SetOf(h.start, h.end)
	if n.Op == logical.Filter {
		if n.Used().Meets(bounds) {
			return nil
		}
		return n.With(in)
	}
	out := n.With(in)
	out.Out, out.Exprs = []logical.Col{h.slice}, []*expr.Expr{logical.Ref(h.slice)}
	start, end := -1, -1
	for i, e := range n.Exprs {
		switch {
		case e.Kind == expr.Column && e.Index == h.start && start < 0:
			start = n.Out[i].ID
		case e.Kind == expr.Column && e.Index == h.end && end < 0:
			end = n.Out[i].ID
		case logical.ColsOf(e).Meets(bounds):
			return nil
		default:
			out.Out, out.Exprs = append(out.Out, n.Out[i]), append(out.Exprs, e)
		}
	}
	h.start, h.end = start, end
	return out
}

// assemble makes partial aggregation by slice, window expansion, and the merge by window.
func (h *hopRule) assemble(in *logical.Node) *logical.Node {
	keys := []int{h.slice.ID}
	windowed := false
	for _, k := range h.agg.Keys {
		if k == h.start || k == h.end {
			windowed = true
			continue
		}
		keys = append(keys, k)
	}
	if !windowed {
		return nil
	}
	partial := logical.SplitPartial(h.agg, in, keys, h.NewID)
	win := *h.hop.Win
	win.Time = h.slice.ID
	out := slices.Clone(h.hop.Out)
	for i, id := range []int{h.start, h.end} {
		if out[i].ID = id; id < 0 {
			out[i].ID = h.NewID()
		}
	}
	expand := &logical.Node{Op: logical.Window, In: []*logical.Node{partial}, Win: &win, Out: out}
	return logical.SplitMerge(h.agg, expand, partial)
}
