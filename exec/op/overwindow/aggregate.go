package overwindow

import (
	"slices"

	"tidemill/exec/op/agg"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// aggregate appends an aggregate over each row's frame.
func (k *call) aggregate(p *partition, out *rows.VecBuilder) error {
	f := k.set.Funcs[0]
	k.set.Ready(p.b)
	if f.Class == agg.Ordered {
		if f.First {
			return k.extremes(p, f, out)
		}
		return k.ordered(p, f, out)
	}
	fixed, tails := make([]byte, k.set.FixedSize), make([][]byte, k.set.Tails)
	var rs, few agg.Rows
	a, b := 0, 0 // what is folded in
	for i := range p.len() {
		lo, hi := p.frame(k.frame, i)
		rs.Reset()
		if lo >= b { // nothing in common with the frame before: begin anew
			clear(fixed)
			clear(tails)
			a, b = lo, lo
		}
		for ; b < hi; b++ {
			add(&rs, p.from+b, 1, fixed)
		}
		for ; a < lo; a++ {
			add(&rs, p.from+a, -1, fixed)
		}
		if len(rs.Row) > 0 {
			k.set.Fold(p.fn, f, f.Filtered(p.b, &rs, &few), tails)
		}
		if err := f.Result(p.fn, fixed, tails, out); err != nil {
			return err
		}
	}
	return nil
}

func add(rs *agg.Rows, row int, w int64, fixed []byte) {
	rs.Row, rs.W = append(rs.Row, int32(row)), append(rs.W, w)
	rs.Group, rs.Slot = append(rs.Group, fixed), append(rs.Slot, 0)
}

// elements returns the element of every row of the partition, nil for rows that do not count.
func (k *call) elements(p *partition, f *agg.Func) [][]byte {
	out := make([][]byte, p.len())
	args := f.Columns()
	for i := range out {
		r := p.from + i
		if f.Filter >= 0 {
			if v := p.b.Cols[f.Filter]; v.IsNull(r) || !v.B[r] {
				continue
			}
		}
		if !f.Spec.KeepNulls && len(args) > 0 && args[0].IsNull(r) {
			continue
		}
		out[i] = f.Elem.Append([]byte{}, args, p.b.Cols, r)
	}
	return out
}

// extremes is min and max: queue holds the places in the frame that no later place beats, best first.
func (k *call) extremes(p *partition, f *agg.Func, out *rows.VecBuilder) error {
	elems := k.elements(p, f)
	var queue []int
	next := 0
	for i := range p.len() {
		lo, hi := p.frame(k.frame, i)
		for ; next < hi; next++ {
			if elems[next] == nil {
				continue
			}
			for len(queue) > 0 && f.Elem.Less(elems[next], elems[queue[len(queue)-1]]) != f.Spec.Descending {
				queue = queue[:len(queue)-1]
			}
			queue = append(queue, next)
		}
		for len(queue) > 0 && queue[0] < lo {
			queue = queue[1:]
		}
		if len(queue) == 0 || queue[0] >= hi {
			out.AppendNull()
			continue
		}
		if err := f.Elem.Decode(elems[queue[0]], []*rows.VecBuilder{out}); err != nil {
			return err
		}
	}
	return nil
}

// ordered computes an ordered aggregate of each frame, once per different frame.
func (k *call) ordered(p *partition, f *agg.Func, out *rows.VecBuilder) error {
	elems := k.elements(p, f)
	var last *rows.Vec
	lastLo, lastHi := -1, -1
	for i := range p.len() {
		lo, hi := p.frame(k.frame, i)
		if lo != lastLo || hi != lastHi {
			b := rows.NewVecBuilder(k.RetType, 1)
			if err := k.finalOrdered(p, f, elems[lo:hi], b); err != nil {
				return err
			}
			last, lastLo, lastHi = b.Finish(), lo, hi
		}
		out.AppendFrom(last, 0)
	}
	return nil
}

// finalOrdered computes the aggregate of a frame's elements. They stay in the order of the frame,
// which is what array_agg and string_agg show.
func (k *call) finalOrdered(p *partition, f *agg.Func, frame [][]byte, out *rows.VecBuilder) error {
	elems := slices.DeleteFunc(slices.Clone(frame), func(e []byte) bool { return e == nil })
	cols := f.Elem.Builders(len(elems))
	for _, e := range elems {
		if err := f.Elem.Decode(e, cols); err != nil {
			return err
		}
	}
	vecs := make([]*rows.Vec, len(cols))
	for i, c := range cols {
		vecs[i] = c.Finish()
	}
	at := -1
	next := func() ([]types.Datum, int64, bool) {
		if at++; at >= len(elems) {
			return nil, 0, false
		}
		row := make([]types.Datum, len(vecs))
		for i, v := range vecs {
			row[i] = v.Datum(at)
		}
		return row, 1, true
	}
	return f.Spec.FinalOrdered(p.fn, int64(len(elems)), next, out)
}
