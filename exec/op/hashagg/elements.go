package hashagg

import (
	"encoding/binary"
	"math"

	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// foldElements adds rows to the elements of a call whose result is computed from them.
func (h *hashagg) foldElements(call int, f *agg.Func, in *rows.Batch, rs *agg.Rows) {
	args := f.Columns()
	elemArgs := args
	if f.Class == agg.Place {
		elemArgs = nil // an element is the ORDER BY columns alone
	}
	for k, r := range rs.Row {
		if !f.Spec.KeepNulls && len(args) > 0 && args[0].IsNull(int(r)) {
			continue
		}
		slot := rs.Slot[k]
		h.stale[int(slot)*h.staleCalls+call] = true
		vnode := rows.VNode(h.touched.hashes[slot])
		group := h.entryKey(h.groups.Key(h.refs[slot]), byte(call))
		n := len(group)
		h.key = f.Elem.Append(group, elemArgs, in.Cols, int(r))
		if d := h.addElement(f, vnode, n, rs.W[k]); d != 0 {
			f.AddTotal(rs.Group[k], d)
		}
	}
}

// addElement adds w to the weight of the element in h.key, whose first n bytes name group and call, and
// returns by how much the call's total changes.
func (h *hashagg) addElement(f *agg.Func, vnode uint16, n int, w int64) int64 {
	switch {
	case f.Class == agg.Ranked || f.Class == agg.Place && !f.Spec.CountsValues:
		h.ranked.AddWeight(vnode, h.key, w)
		return w
	case f.Class == agg.Place:
		before, after := h.multiset.AddWeight(vnode, h.key, w)
		d := sign(after) - sign(before)
		if d != 0 {
			h.ranked.AddWeight(vnode, h.key, d)
		}
		return d
	case f.Class == agg.Modal:
		h.multiset.AddWeight(vnode, h.key, w)
		h.addMode(f, vnode, n, w)
		return w
	}
	before, after := h.multiset.AddWeight(vnode, h.key, w)
	if f.Distinct {
		return sign(after) - sign(before)
	}
	return after - before
}

// The two kinds of entries of the table modes.
const (
	modeWeight = 0
	modeRank   = 1
)

// addMode adds w to the weight of the value in h.key and moves it to its place by frequency.
func (h *hashagg) addMode(f *agg.Func, vnode uint16, n int, w int64) {
	value := f.Elem.Key(h.key[n:])
	head := append(h.modeKey[:0], h.key[:n]...)
	h.modeKey = append(append(head, modeWeight), value...)
	before, after := h.modes.AddWeight(vnode, h.modeKey, w)
	for _, x := range []struct{ weight, d int64 }{{before, -1}, {after, 1}} {
		if x.weight > 0 {
			h.modeKey = binary.BigEndian.AppendUint64(append(head, modeRank), math.MaxInt64-uint64(x.weight))
			h.modeKey = append(h.modeKey, value...)
			h.modes.AddWeight(vnode, h.modeKey, x.d)
		}
	}
}

// results computes the calls of a group whose elements have changed and puts the results into its tails.
func (h *hashagg) results(c *op.Ctx, slot int, fixed []byte, tails [][]byte) error {
	if h.staleCalls == 0 {
		return nil
	}
	for i, f := range h.set.Funcs {
		if !f.FromTable() || !h.stale[slot*h.staleCalls+i] {
			continue
		}
		tail := &tails[f.Tail]
		*tail = (*tail)[:0]
		prefix := h.entryKey(h.groups.Key(h.refs[slot]), byte(i))
		if f.First {
			cur := newCursor(h.multiset, f, prefix)
			if elem, _, ok := cur.elem(); ok {
				*tail = append(*tail, elem...)
			}
			if cur.err != nil {
				return cur.err
			}
			continue
		}
		b := rows.NewVecBuilder(h.out[len(h.Keys)+i].Type, 1)
		if err := h.result(c, f, f.Total(fixed), prefix, b); err == errBroken {
			return err
		} else if err != nil {
			*tail = agg.AppendErrorCell(*tail, err)
		} else {
			*tail = agg.AppendCell(*tail, b.Finish(), 0)
		}
	}
	return nil
}

// result appends the result of a call over total elements, which stand behind prefix.
func (h *hashagg) result(c *op.Ctx, f *agg.Func, total int64, prefix []byte, out *rows.VecBuilder) error {
	c.Fn.Direct = f.At
	switch f.Class {
	case agg.Place:
		key := append(append([]byte(nil), prefix...), f.Hypo...)
		base := h.ranked.Rank(prefix)
		f.Spec.FinalPlace(h.ranked.Rank(key)-base, h.ranked.Rank(state.PrefixEnd(key))-base, total, out)
		return nil
	case agg.Modal:
		return h.mode(f, total, prefix, out)
	case agg.Ranked:
		base := int64(0)
		if total > 0 {
			base = h.ranked.Rank(prefix)
		}
		return f.Spec.FinalRanked(c.Fn, total, func(place int64) (types.Datum, error) {
			if f.Desc {
				place = total - 1 - place
			}
			key, _, ok := h.ranked.At(base + place)
			if !ok || len(key) < len(prefix) {
				return types.Datum{}, errBroken
			}
			return value(f, key[len(prefix):])
		}, out)
	}
	cur := newCursor(h.multiset, f, prefix)
	if err := f.Spec.FinalOrdered(c.Fn, total, cur.next, out); err != nil {
		return err
	}
	if cur.err != nil {
		return errBroken
	}
	return nil
}

// mode appends the most frequent value of a group.
func (h *hashagg) mode(f *agg.Func, total int64, prefix []byte, out *rows.VecBuilder) error {
	if total <= 0 {
		out.AppendNull()
		return nil
	}
	lower := append(append([]byte(nil), prefix...), modeRank)
	head := len(lower) + 8
	var found []byte
	take := func(key, _ []byte) bool {
		found = append(found, key...)
		return false
	}
	h.modes.Ascend(lower, state.PrefixEnd(lower), take)
	if f.Desc && len(found) >= head {
		lower, found = append([]byte(nil), found[:head]...), found[:0]
		h.modes.Descend(lower, state.PrefixEnd(lower), take) // the greatest of the most frequent
	}
	if len(found) < head {
		return errBroken
	}
	lower = append(append([]byte(nil), prefix...), found[head:]...)
	found = found[:0]
	h.multiset.Ascend(lower, state.PrefixEnd(lower), take)
	if len(found) < len(prefix) {
		return errBroken
	}
	d, err := value(f, found[len(prefix):])
	if err == nil {
		out.AppendDatum(d)
	}
	return err
}

// value decodes an element of one argument.
func value(f *agg.Func, elem []byte) (types.Datum, error) {
	b := f.Elem.Builders(1)
	if err := f.Elem.Decode(elem, b); err != nil {
		return types.Datum{}, errBroken
	}
	return b[0].Finish().Datum(0), nil
}
