package overwindow

import (
	"bytes"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// window is what is loaded of a partition to compute the results of its rows in [lo, hi).
type window struct {
	*loaded
	lo, hi     []byte
	head, tail *sum // of the rows before and after; nil where nothing is unbounded
	lower      []byte
	upper      []byte
	remote     map[int64]*rows.Batch // rows outside, by key
}

// recompute emits the changes of the results of the rows in [lo, hi), and of those beyond where that
// is needed.
func (v *view) recompute(c *op.Ctx, lo, hi []byte) error {
	w, err := v.window(lo, hi)
	if err != nil {
		return err
	}
	if v.unbounded() {
		fwd, back, err := v.spreads(w)
		if err != nil {
			return err
		}
		if fwd {
			hi = v.end
		}
		if back {
			lo = v.part
		}
		if fwd || back {
			if w, err = v.window(lo, hi); err != nil {
				return err
			}
		}
	}
	was, err := v.results(w, w.was)
	if err != nil {
		return err
	}
	is, err := v.results(w, w.is)
	if err != nil {
		return err
	}
	if len(c.Fn.Errs) > 0 {
		return c.Fn.Errs[0].Err
	}
	return v.diff(c, w, was, is)
}

// window loads what the results of the rows in [lo, hi) need.
func (v *view) window(lo, hi []byte) (*window, error) {
	w := &window{lo: lo, hi: hi, lower: lo, upper: hi}
	switch {
	case v.need.loadBack || bytes.Equal(lo, v.part):
		w.lower = v.part
	default:
		w.lower, _ = v.down(lo, &v.need.back, false, nil)
		if v.need.back.groups >= 0 { // no group of peers is cut in two
			w.lower = groupOf(w.lower)
		}
	}
	switch {
	case v.need.loadFwd || hi == nil || bytes.Equal(hi, v.end):
		w.upper = v.end
	default:
		w.upper = v.up(hi[:len(hi)-1], &v.need.fwd, false, false)
		if v.need.fwd.groups >= 0 {
			w.upper = state.PrefixEnd(groupOf(w.upper[:len(w.upper)-1]))
		}
	}
	var err error
	if w.loaded, err = v.load(w.lower, w.upper); err != nil || v.sums == nil {
		return w, err
	}
	if w.head, err = v.sums.of(v.part, w.lower); err != nil {
		return nil, err
	}
	w.tail = v.sums.empty()
	if w.upper != nil && !bytes.Equal(w.upper, v.end) {
		w.tail, err = v.sums.of(w.upper, v.end)
	}
	return w, err
}

// spreads tells whether rows after and before what w computes may have other results too.
func (v *view) spreads(w *window) (fwd, back bool, err error) {
	if v.need.sticky {
		return v.need.back.all, v.need.fwd.all, nil
	}
	// A frame of a row beyond the run need not hold the rows between the run's ends and its changes: these
	// must not hide that the changes matter.
	lo, hi := w.search(w.lo), w.search(w.hi)
	for lo < hi && w.was[lo] == w.is[lo] {
		lo++
	}
	for lo < hi && w.was[hi-1] == w.is[hi-1] {
		hi--
	}
	if v.need.back.all {
		fwd = v.need.first && w.head.count == 0 && !w.sameEnd(0, w.len(), 1)
		was, is := w.head.clone(v.sums), w.head.clone(v.sums)
		v.sums.addLoaded(was, w.loaded, w.was, 0, hi)
		v.sums.addLoaded(is, w.loaded, w.is, 0, hi)
		fwd = fwd || !v.sums.same(was, is)
	}
	if v.need.fwd.all {
		back = v.need.last && w.tail.count == 0 && !w.sameEnd(w.len()-1, -1, -1)
		was, is := w.tail.clone(v.sums), w.tail.clone(v.sums)
		v.sums.addLoaded(was, w.loaded, w.was, lo, w.len())
		v.sums.addLoaded(is, w.loaded, w.is, lo, w.len())
		back = back || !v.sums.same(was, is)
	}
	return fwd, back, nil
}

// sameEnd tells whether the first row from an end of the window is the same before and after.
func (w *window) sameEnd(from, to, step int) bool {
	for i := from; i != to; i += step {
		if w.was[i] > 0 || w.is[i] > 0 {
			return w.was[i] > 0 && w.is[i] > 0
		}
	}
	return true
}

// results are the results for the rows in [lo, hi) of a window, one after the other as often as each
// occurs.
type results struct {
	cols   []*rows.Vec
	errs   map[int]error // by number
	weight []int64
}

// results computes the rows that occur by weight.
func (v *view) results(w *window, weight []int64) (*results, error) {
	lo, hi := w.search(w.lo), w.search(w.hi)
	p := &part{c: v.fn, b: w.b, orders: v.orders}
	if len(v.Order) > 0 {
		p.orderCol = v.Order[0].Col
	}
	if w.head != nil {
		p.base, p.groupsBefore, p.head, p.tail = int(w.head.count), w.head.groups, w.head.accs, w.tail.accs
	}
	p.from, p.to = p.base, p.base
	for i, n := range weight {
		for range n {
			p.list = append(p.list, int32(i))
		}
		if i < lo {
			p.from += int(n)
		}
		if i < hi {
			p.to += int(n)
		}
	}
	p.total = p.base + len(p.list)
	if w.tail != nil {
		p.total += int(w.tail.count)
		p.far = func(place int) (*rows.Batch, int, error) { return v.remote(w, p, place) }
	}
	p.order = func(i int) []byte { return groupOf(w.key(int(p.list[i])))[len(v.part):] }
	p.number()
	r := &results{weight: weight}
	for n, k := range v.calls {
		out := rows.NewVecBuilder(k.RetType, p.to-p.from)
		err := p.compute(k, n, out, func(place int, err error) {
			if r.errs == nil {
				r.errs = map[int]error{}
			}
			if r.errs[place-p.from] == nil {
				r.errs[place-p.from] = err
			}
		})
		if err != nil {
			return nil, err
		}
		r.cols = append(r.cols, out.Finish())
	}
	return r, nil
}

// remote reads a row outside of the window, of which nothing changes.
func (v *view) remote(w *window, p *part, place int) (*rows.Batch, int, error) {
	n, key := int64(place), int64(place)
	after := place >= p.end()
	if after { // counted from the end, where before and after agree
		n = int64(p.total - 1 - place)
		key = -1 - n
	}
	if b := w.remote[key]; b != nil {
		return b, 0, nil
	}
	b := rows.NewBuilder(v.env.In[0], 1)
	var failure error
	visit := func(key, value []byte) bool {
		if n -= state.WeightOf(value); n >= 0 {
			return true
		}
		failure = v.codec.Decode(rowPart(key), b.Cols)
		b.EndRow(1)
		return false
	}
	if after {
		v.Table.Descend(w.upper, v.end, visit)
	} else {
		v.Table.Ascend(v.part, w.lower, visit)
	}
	if failure != nil {
		return nil, 0, failure
	}
	if b.Len() == 0 {
		return nil, 0, fmt.Errorf("overwindow: no row at place %d of a partition", place)
	}
	if w.remote == nil {
		w.remote = map[int64]*rows.Batch{}
	}
	w.remote[key] = b.Finish()
	return w.remote[key], 0, nil
}

// diff emits the rows of a window whose results differ.
func (v *view) diff(c *op.Ctx, w *window, was, is *results) error {
	i, j := 0, 0
	for r, hi := w.search(w.lo), w.search(w.hi); r < hi; r++ {
		for n := range max(w.was[r], w.is[r]) {
			a, b := n < w.was[r], n < w.is[r]
			if a && b && same(was, i+int(n), is, j+int(n)) {
				continue
			}
			if a {
				if err := v.emit(c, w, r, was, i+int(n), -1); err != nil {
					return err
				}
			}
			if b {
				if err := v.emit(c, w, r, is, j+int(n), 1); err != nil {
					return err
				}
			}
		}
		i, j = i+int(w.was[r]), j+int(w.is[r])
	}
	return nil
}

func same(a *results, i int, b *results, j int) bool {
	if x, y := a.errs[i], b.errs[j]; x != nil || y != nil {
		return x != nil && y != nil && x.Error() == y.Error()
	}
	for k, v := range a.cols {
		if !agg.Identical(v, i, b.cols[k], j) {
			return false
		}
	}
	return true
}

// emit emits row r of a window with its results, or diverts it.
func (v *view) emit(c *op.Ctx, w *window, r int, res *results, at int, weight int64) error {
	if err := res.errs[at]; err != nil {
		return c.Fail(w.b, r, weight, sqlerr.As(err))
	}
	n := len(w.b.Cols)
	for i, col := range w.b.Cols {
		v.out.Cols[i].AppendFrom(col, r)
	}
	for i, col := range res.cols {
		v.out.Cols[n+i].AppendFrom(col, at)
	}
	v.out.EndRow(weight)
	if v.out.Len() < op.ChunkRows {
		return nil
	}
	err := c.Emit(v.out.Finish())
	v.out.Reset(op.ChunkRows)
	return err
}
