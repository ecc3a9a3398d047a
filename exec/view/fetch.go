package view

import (
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// KeyOf encodes the storage keys of all physical rows of b: the key columns of a Keyed relation, the
// whole row of a Bag, or the columns of an index. They are what Raw, Fetch and Weights take.
func (v *View) KeyOf(b *rows.Batch, buf *rows.KeyBuf) {
	if v.def.Order != nil {
		buf.Data, buf.Off = buf.Data[:0], append(buf.Off[:0], 0)
		for i := range b.N {
			buf.Data = v.appendOrder(buf.Data, b, i)
			buf.Off = append(buf.Off, int32(len(buf.Data)))
		}
		return
	}
	if v.def.Kind == Keyed {
		rows.EncodeKeys(v.keyCols(b), nil, b.N, buf)
		return
	}
	v.codec.AppendRows(b.Cols, nil, b.N, buf)
}

// Encode appends the stored form of row i of b.
func (v *View) Encode(dst []byte, b *rows.Batch, i int) []byte { return v.codec.Append(dst, b.Cols, i) }

// Raw calls f with the stored value under each of the keys, in no particular order; i is the key's
// number, value is valid until f returns and nil when there is none.
func (v *View) Raw(snap *state.Snap, keys []string, f func(i int, value []byte) error) error {
	if v.def.Order != nil {
		return v.rawOrdered(snap, keys, f)
	}
	var s state.KeySorter
	var key []byte
	for i, k := range keys {
		vnode := rows.VNode(rows.HashKey([]byte(k)))
		key = append(key[:0], k...)
		if v.def.Kind == Bag {
			key, vnode = bagKey(key[:0], []byte(k))
		}
		s.Add(vnode, uint64(i), key)
	}
	s.Sort()
	full := make([][]byte, s.Len())
	for i := range full {
		vnode, k, _ := s.At(i)
		full[i] = append(v.prefix(vnode), k...)
	}
	return snap.MultiGet(full, func(i int, value []byte, found bool) error {
		_, _, ref := s.At(i)
		if !found {
			value = nil
		}
		return f(int(ref), value)
	})
}

// rawOrdered is Raw for a unique index: an entry has the relation's key behind the index columns.
func (v *View) rawOrdered(snap *state.Snap, keys []string, f func(i int, value []byte) error) error {
	var row []byte
	for i, k := range keys {
		var found *rows.Batch
		r, err := v.newReader(nil, func(b *rows.Batch) error { found = b; return nil })
		if err != nil {
			return err
		}
		lower := append(v.prefix(0), k...)
		err = snap.Scan(lower, state.PrefixEnd(lower), false, func(key, value []byte) (bool, error) {
			err := r.add(key, value)
			return r.rows == 0, err
		})
		if err == nil {
			err = r.flush()
		}
		if err != nil {
			return err
		}
		var value []byte
		if found != nil {
			row = v.codec.Append(row[:0], found.Cols, 0)
			value = row
		}
		if err := f(i, value); err != nil {
			return err
		}
	}
	return nil
}

// Fetch returns the stored rows of a Keyed relation or unique index under the keys: at[i] is the row of b that key i
// has, −1 for none.
func (v *View) Fetch(snap *state.Snap, keys []string) (b *rows.Batch, at []int32, err error) {
	if v.def.Kind != Keyed && v.def.Order == nil {
		return nil, nil, v.violation("has no key")
	}
	out := rows.NewBuilder(v.def.Schema, 0)
	at = make([]int32, len(keys))
	err = v.Raw(snap, keys, func(i int, value []byte) error {
		if at[i] = -1; value == nil {
			return nil
		}
		at[i] = int32(out.Len())
		if err := v.codec.Decode(value, out.Cols); err != nil {
			return err
		}
		out.EndRow(1)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return out.Finish(), at, nil
}

// Weights returns how often a Bag has each of the encoded rows.
func (v *View) Weights(snap *state.Snap, keys []string) ([]int64, error) {
	if v.def.Kind != Bag {
		return nil, v.violation("is not a bag")
	}
	out := make([]int64, len(keys))
	err := v.Raw(snap, keys, func(i int, value []byte) error {
		if value == nil {
			return nil
		}
		w, _, err := state.Weight(value)
		out[i] = w
		return err
	})
	return out, err
}
