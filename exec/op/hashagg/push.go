package hashagg

import (
	"encoding/binary"
	"fmt"
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

func (h *hashagg) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	n := in.Len()
	if n == 0 {
		return nil
	}
	h.work += n
	h.lookup(in, n)
	if h.merge && slices.Min(h.rows.W) < 0 {
		return fmt.Errorf("hashagg: a partial aggregate was retracted")
	}
	h.set.Ready(in)
	for i, f := range h.set.Funcs {
		switch rs := f.Filtered(in, &h.rows, &h.filtered); {
		case h.merge:
			h.set.MergeRows(f, rs, h.tails)
		case f.FromTable():
			h.foldElements(i, f, in, rs)
		case f.Distinct:
			h.set.Fold(c.Fn, f, h.transitions(byte(i), f, rs), h.tails)
		default:
			h.set.Fold(c.Fn, f, rs, h.tails)
		}
	}
	_, err := c.TakeErrs(in)
	return err
}

// globalHash puts the one group of an aggregate without keys on virtual node 0.
var globalHash = state.WithVNode(rows.HashKey(nil), 0)

// lookup finds the groups of all rows, adds to their hidden count(*) and fills h.rows.
func (h *hashagg) lookup(in *rows.Batch, n int) {
	for i, k := range h.Keys {
		h.keyCols[i] = in.Cols[k]
	}
	rows.EncodeKeys(h.keyCols, in.Sel, in.N, &h.keys)
	h.hash = h.hash[:0]
	if h.global {
		for range n {
			h.hash = append(h.hash, globalHash)
		}
	} else {
		h.hash = rows.HashKeys(h.hash, &h.keys)
		h.placer.Rows(h.hash, h.Dist, in.Cols, in.Sel, in.N)
	}
	if cap(h.ref) < n {
		h.ref, h.added = make([]state.Ref, n), make([]bool, n)
	}
	h.ref, h.added = h.ref[:n], h.added[:n]
	size := headSize + h.set.FixedSize
	h.groups.UpsertBatch(h.hash, h.keys.Data, h.keys.Off, size, h.ref, h.added)

	rs := &h.rows
	rs.Fill(h.selection(in), in.W)
	for k, ref := range h.ref {
		v := h.groups.Value(ref)
		mark := binary.LittleEndian.Uint32(v)
		if mark == 0 {
			mark = h.touch(ref, h.hash[k], v, h.added[k])
		}
		w := rs.W[k]
		if h.merge {
			w *= in.Cols[h.Count].I[rs.Row[k]]
		}
		binary.LittleEndian.PutUint64(v[countAt:], binary.LittleEndian.Uint64(v[countAt:])+uint64(w))
		rs.Group[k], rs.Slot[k] = v[headSize:size:size], int32(mark-1)
	}
}

// selection returns the batch's rows as a list.
func (h *hashagg) selection(in *rows.Batch) []int32 {
	if in.Sel != nil {
		return in.Sel
	}
	for i := len(h.identity); i < in.N; i++ {
		h.identity = append(h.identity, int32(i))
	}
	return h.identity[:in.N]
}

// touch enters a group into the epoch's list, with a copy of its value, and marks it.
func (h *hashagg) touch(ref state.Ref, hash uint64, v []byte, added bool) (mark uint32) {
	at := -1
	if !added {
		at = len(h.images)
		h.images = append(h.images, v...)
	}
	h.groups.MarkDirty(ref)
	h.refs, h.before, h.touched.hashes = append(h.refs, ref), append(h.before, at), append(h.touched.hashes, hash)
	for range h.staleCalls {
		h.stale = append(h.stale, added)
	}
	mark = uint32(len(h.refs))
	binary.LittleEndian.PutUint32(v, mark)

	tails := v[headSize+h.set.FixedSize:]
	for range h.set.Tails {
		var tail []byte
		if !added {
			tail, tails = cutTail(tails)
		}
		h.tails = reuse(h.tails, tail)
	}
	return mark
}

// reuse appends a copy of tail to list, in the buffer that an earlier epoch left there.
func reuse(list [][]byte, tail []byte) [][]byte {
	if len(list) < cap(list) {
		list = list[:len(list)+1]
		last := &list[len(list)-1]
		*last = append((*last)[:0], tail...)
		return list
	}
	return append(list, append([]byte(nil), tail...))
}

// cutTail reads the first of a value's tails.
func cutTail(b []byte) (tail, rest []byte) {
	n, s := binary.Uvarint(b)
	if s <= 0 || uint64(len(b)-s) < n {
		return nil, nil // no tails written yet
	}
	return b[s : s+int(n)], b[s+int(n):]
}

// entryKey makes the key of a row's value in the tables distinct and multiset, without the value.
func (h *hashagg) entryKey(group []byte, call byte) []byte {
	h.key = append(append(h.key[:0], group...), call)
	return h.key
}

// transitions adds rows to the weights of a DISTINCT call's values, and returns the rows with which
// a value appeared (+1) or disappeared (−1).
func (h *hashagg) transitions(call byte, f *agg.Func, rs *agg.Rows) *agg.Rows {
	args := f.Columns()
	h.changed.Reset()
	for k, r := range rs.Row {
		slot := rs.Slot[k]
		key := h.entryKey(h.groups.Key(h.refs[slot]), call)
		for _, v := range args {
			key = rows.AppendKey(key, v, int(r))
		}
		h.key = key
		hash := state.WithVNode(rows.HashKey(key), rows.VNode(h.touched.hashes[slot]))
		ref, _ := h.distinct.Upsert(hash, key, 8)
		v := h.distinct.Value(ref)
		before := int64(binary.LittleEndian.Uint64(v))
		after := before + rs.W[k]
		if after == 0 {
			h.distinct.Delete(ref)
		} else {
			binary.LittleEndian.PutUint64(v, uint64(after))
			h.distinct.MarkDirty(ref)
		}
		if d := sign(after) - sign(before); d != 0 {
			h.changed.Add(rs, k, d)
		}
	}
	return &h.changed
}

// sign is 1 for positive weights, else 0.
func sign(w int64) int64 {
	if w > 0 {
		return 1
	}
	return 0
}
