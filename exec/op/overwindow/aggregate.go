package overwindow

import (
	"slices"

	"tidemill/exec/op/agg"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
)

// folder folds rows into accumulators of one call.
type folder struct {
	k       *call
	c       *fn.Ctx
	rs, few agg.Rows
}

// add folds row r of b into a with weight w. The set must be ready for b.
func (f *folder) add(b *rows.Batch, a *agg.Acc, r int32, w int64) {
	f.rs.Reset()
	f.rs.Row, f.rs.W = append(f.rs.Row, r), append(f.rs.W, w)
	f.rs.Group, f.rs.Slot = append(f.rs.Group, a.Fixed), append(f.rs.Slot, 0)
	fun := f.k.set.Funcs[0]
	if rs := fun.Filtered(b, &f.rs, &f.few); len(rs.Row) > 0 {
		f.k.set.Fold(f.c, fun, rs, a.Tails)
	}
}

// aggregate appends an aggregate over each row's frame. n is the call's number.
func (p *part) aggregate(k *call, n int, out *rows.VecBuilder, fail func(int, error)) error {
	f := k.set.Funcs[0]
	k.set.Ready(p.b)
	switch {
	case f.Class == agg.Ordered || !k.set.Mergeable():
		return p.anew(k, f, out, fail)
	case k.frame.Exclude == "" && (f.Class == agg.Fixed || k.frame.Start.Kind == Unbounded):
		return p.slide(k, n, out, fail)
	}
	return p.tree(k, n, out, fail)
}

// result appends an accumulator's result.
func (p *part) result(k *call, a *agg.Acc, place int, out *rows.VecBuilder, fail func(int, error)) {
	before := out.Len()
	if err := k.set.Funcs[0].Result(p.c, a.Fixed, a.Tails, out); err != nil {
		out.Truncate(before)
		out.AppendNull()
		fail(place, err)
	}
}

// outside merges into a what of a frame lies outside of the window.
func (p *part) outside(k *call, n int, a *agg.Acc, s span) {
	if p.head != nil && p.head[n] != nil && s.lo < p.base && s.lo < s.hi {
		k.set.MergeAcc(a, p.head[n])
	}
	if p.tail != nil && p.tail[n] != nil && s.hi > p.end() && s.lo < s.hi {
		k.set.MergeAcc(a, p.tail[n])
	}
}

// local cuts a range of places to the window, as rows of the window.
func (p *part) local(s span) (lo, hi int) {
	lo = max(0, min(s.lo-p.base, len(p.list)))
	return lo, max(lo, min(s.hi-p.base, len(p.list)))
}

// slide moves the frame from row to row: both ends only ever go forward.
func (p *part) slide(k *call, n int, out *rows.VecBuilder, fail func(int, error)) error {
	fold := &folder{k: k, c: p.c}
	a := k.set.NewAcc()
	from, to := 0, 0 // rows of the window that are folded in
	started := false
	for i := p.from; i < p.to; i++ {
		s := p.bounds(k, i)
		lo, hi := p.local(s)
		if !started || s.lo == s.hi || lo >= to || lo < from || hi < to { // nothing to go on from
			a.Clear()
			p.outside(k, n, a, s)
			from, to, started = lo, lo, s.lo < s.hi
		}
		for ; to < hi; to++ {
			fold.add(p.b, a, p.list[to], 1)
		}
		for ; from < lo; from++ {
			fold.add(p.b, a, p.list[from], -1)
		}
		p.result(k, a, i, out, fail)
	}
	return nil
}

// tree computes frames that also lose rows, from a segment tree over the window: node i covers nodes
// 2i and 2i+1, the rows are the nodes size … size+rows−1.
func (p *part) tree(k *call, n int, out *rows.VecBuilder, fail func(int, error)) error {
	fold := &folder{k: k, c: p.c}
	size := len(p.list)
	nodes := make([]*agg.Acc, 2*size)
	for i, r := range p.list {
		nodes[size+i] = k.set.NewAcc()
		fold.add(p.b, nodes[size+i], r, 1)
	}
	for i := size - 1; i > 0; i-- {
		nodes[i] = k.set.NewAcc()
		k.set.MergeAcc(nodes[i], nodes[2*i])
		k.set.MergeAcc(nodes[i], nodes[2*i+1])
	}
	a := k.set.NewAcc()
	for i := p.from; i < p.to; i++ {
		a.Clear()
		for _, s := range p.spans(k, i) {
			p.outside(k, n, a, s)
			lo, hi := p.local(s)
			for lo, hi = lo+size, hi+size; lo < hi; lo, hi = lo/2, hi/2 {
				if lo&1 == 1 {
					k.set.MergeAcc(a, nodes[lo])
					lo++
				}
				if hi&1 == 1 {
					hi--
					k.set.MergeAcc(a, nodes[hi])
				}
			}
		}
		p.result(k, a, i, out, fail)
	}
	return nil
}

// anew computes an aggregate whose result is made of the frame's rows, once per different frame.
func (p *part) anew(k *call, f *agg.Func, out *rows.VecBuilder, fail func(int, error)) error {
	var elems [][]byte
	if f.Class == agg.Ordered {
		elems = p.elements(f)
	}
	var last *rows.Vec
	var lastErr error
	var lastSpans, spans []span
	for i := p.from; i < p.to; i++ {
		spans = append(spans[:0], p.spans(k, i)...)
		if last == nil || !slices.Equal(spans, lastSpans) {
			b := rows.NewVecBuilder(k.RetType, 1)
			if f.Class == agg.Ordered {
				lastErr = p.finalOrdered(f, elems, spans, b)
			} else {
				lastErr = p.finalLinear(k, spans, b)
			}
			if b.Truncate(min(b.Len(), 1)); lastErr != nil {
				b.Truncate(0)
				b.AppendNull()
			}
			last, lastSpans = b.Finish(), append(lastSpans[:0], spans...)
		}
		if out.AppendFrom(last, 0); lastErr != nil {
			fail(i, lastErr)
		}
	}
	return nil
}

func (p *part) finalLinear(k *call, spans []span, out *rows.VecBuilder) error {
	fold := &folder{k: k, c: p.c}
	a := k.set.NewAcc()
	for _, s := range spans {
		lo, hi := p.local(s)
		for ; lo < hi; lo++ {
			fold.add(p.b, a, p.list[lo], 1)
		}
	}
	return k.set.Funcs[0].Result(p.c, a.Fixed, a.Tails, out)
}

// elements returns the element of every row of the window, nil for rows that do not count.
func (p *part) elements(f *agg.Func) [][]byte {
	out := make([][]byte, len(p.list))
	for i, row := range p.list {
		out[i] = f.Element(p.b, int(row))
	}
	return out
}

// finalOrdered computes the aggregate of a frame's elements. They stay in the order of the frame,
// which is what array_agg and string_agg show.
func (p *part) finalOrdered(f *agg.Func, all [][]byte, spans []span, out *rows.VecBuilder) error {
	var elems [][]byte
	for _, s := range spans {
		lo, hi := p.local(s)
		for _, e := range all[lo:hi] {
			if e != nil {
				elems = append(elems, e)
			}
		}
	}
	return f.ResultOf(p.c, elems, out)
}
