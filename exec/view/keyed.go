package view

import (
	"bytes"
	"encoding/binary"

	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// A row of a delta is referred to by the number of its batch and its own.
func rowRef(batch, row int) uint64 { return uint64(batch)<<32 | uint64(uint32(row)) }

func deref(deltas []*rows.Batch, ref uint64) (*rows.Batch, int) {
	return deltas[ref>>32], int(uint32(ref))
}

// sortKeyed collects the rows of the deltas by their key.
func (v *View) sortKeyed(deltas []*rows.Batch) {
	v.sort.Reset()
	if v.def.Order != nil {
		v.sortOrdered(deltas)
		return
	}
	var buf rows.KeyBuf
	for bi, b := range deltas {
		rows.EncodeKeys(v.keyCols(b), b.Sel, b.N, &buf)
		for k := range b.Len() {
			i := b.Row(k)
			if b.Weight(i) == 0 {
				continue
			}
			key := buf.Data[buf.Off[k]:buf.Off[k+1]]
			v.sort.Add(rows.VNode(rows.HashKey(key)), rowRef(bi, i), key)
		}
	}
	v.sort.Sort()
}

// applyKeyed writes per key what remains of its changes: the new row, or a deletion. Nothing is written
// if there is a violation. It returns by how many rows the content has grown.
func (v *View) applyKeyed(w *state.CommitWriter, deltas []*rows.Batch) (grown int64, err error) {
	v.sortKeyed(deltas)
	var snap *state.Snap
	if v.def.Check {
		snap = w.Snapshot()
		defer snap.Close()
	}
	prefix := v.prefix(0)
	v.nets = v.nets[:0]
	for i := 0; i < v.sort.Len(); {
		end := v.sort.RunEnd(i)
		vnode, key, _ := v.sort.At(i)
		net, err := v.net(deltas, i, end)
		if err != nil {
			return 0, err
		}
		if v.def.Check {
			binary.BigEndian.PutUint16(prefix[5:], vnode)
			if err := v.checkKeyed(snap, append(prefix, key...), deltas, &net); err != nil {
				return 0, err
			}
		}
		net.at = i
		v.nets = append(v.nets, net)
		i = end
	}
	for _, net := range v.nets {
		vnode, key, _ := v.sort.At(net.at)
		grown += net.sum
		binary.BigEndian.PutUint16(prefix[5:], vnode)
		switch {
		case net.added != noRow:
			b, r := deref(deltas, net.added)
			v.row = v.codec.Append(v.row[:0], b.Cols, r)
			w.SetParts(prefix, key, v.row)
		case net.removed != noRow:
			w.DeleteParts(prefix, key)
		}
	}
	return grown, nil
}

const noRow = ^uint64(0)

// netChange is what the changes of one key come to.
type netChange struct {
	at             int    // in the sorter
	added, removed uint64 // row references, or noRow
	sum            int64
}

// net adds up the changes i to end of the sorter, which share a key. At most one row may remain added
// and one removed.
func (v *View) net(deltas []*rows.Batch, i, end int) (netChange, error) {
	n := netChange{added: noRow, removed: noRow}
	if end-i == 1 {
		_, _, ref := v.sort.At(i)
		b, r := deref(deltas, ref)
		return n, v.note(&n, b.Weight(r), ref)
	}
	if end-i == 2 {
		// The usual update: the old row out, another in.
		_, _, r0 := v.sort.At(i)
		_, _, r1 := v.sort.At(i + 1)
		b0, i0 := deref(deltas, r0)
		b1, i1 := deref(deltas, r1)
		w0, w1 := b0.Weight(i0), b1.Weight(i1)
		v.rowBufs[0] = v.codec.Append(v.rowBufs[0][:0], b0.Cols, i0)
		v.rowBufs[1] = v.codec.Append(v.rowBufs[1][:0], b1.Cols, i1)
		if bytes.Equal(v.rowBufs[0], v.rowBufs[1]) {
			return n, v.note(&n, w0+w1, r1)
		}
		if err := v.note(&n, w0, r0); err != nil {
			return n, err
		}
		return n, v.note(&n, w1, r1)
	}
	return v.netMany(deltas, i, end)
}

// netMany is net for keys that change more than twice in an epoch.
func (v *View) netMany(deltas []*rows.Batch, i, end int) (netChange, error) {
	n := netChange{added: noRow, removed: noRow}
	type total struct {
		w   int64
		ref uint64
	}
	totals := make(map[string]*total)
	var order []*total
	for ; i < end; i++ {
		_, _, ref := v.sort.At(i)
		b, r := deref(deltas, ref)
		v.row = v.codec.Append(v.row[:0], b.Cols, r)
		t := totals[string(v.row)]
		if t == nil {
			t = &total{ref: ref}
			totals[string(v.row)] = t
			order = append(order, t)
		}
		t.w += b.Weight(r)
	}
	for _, t := range order {
		if err := v.note(&n, t.w, t.ref); err != nil {
			return n, err
		}
	}
	return n, nil
}

// note adds the net weight w of one row.
func (v *View) note(n *netChange, w int64, ref uint64) error {
	n.sum += w
	switch {
	case w == 0:
	case w == 1 && n.added == noRow:
		n.added = ref
	case w == -1 && n.removed == noRow:
		n.removed = ref
	case w > 0:
		return v.violation("two rows are added under one key")
	default:
		return v.violation("two rows are removed under one key")
	}
	return nil
}

func (v *View) checkKeyed(snap *state.Snap, key []byte, deltas []*rows.Batch, n *netChange) error {
	old, found, err := snap.Get(key)
	if err != nil {
		return err
	}
	if n.removed != noRow {
		b, r := deref(deltas, n.removed)
		v.row = v.codec.Append(v.row[:0], b.Cols, r)
		if !found || !bytes.Equal(old, v.row) {
			return v.violation("retraction of a row that is not there: %s", rows.FormatRow(b, r))
		}
		return nil
	}
	if n.added != noRow && found {
		b, r := deref(deltas, n.added)
		return v.violation("second row under the key of %s", rows.FormatRow(b, r))
	}
	return nil
}
