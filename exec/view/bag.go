package view

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// The key of a Bag's row is bagInline and the encoded row, or for a long one bagDigest and the
// SHA-256 of it; then the row follows the weight in the value.
const (
	bagInline = 0
	bagDigest = 1

	bagInlineMax = 512
)

// bagKey appends the key of an encoded row behind the fixed prefix and tells its virtual node.
func bagKey(dst, row []byte) (key []byte, vnode uint16) {
	vnode = rows.VNode(rows.HashKey(row))
	if len(row) > bagInlineMax {
		sum := sha256.Sum256(row)
		return append(append(dst, bagDigest), sum[:]...), vnode
	}
	return append(append(dst, bagInline), row...), vnode
}

// applyBag adds the weights of the deltas to the stored ones.
func (v *View) applyBag(w *state.CommitWriter, epoch uint64, deltas []*rows.Batch) (grown int64, err error) {
	if err := v.sweep(w); err != nil {
		return 0, err
	}
	v.epoch = epoch
	v.sort.Reset()
	for bi, b := range deltas {
		for k := range b.Len() {
			i := b.Row(k)
			if b.Weight(i) == 0 {
				continue
			}
			v.row = v.codec.Append(v.row[:0], b.Cols, i)
			var vnode uint16
			if v.def.Order != nil {
				v.key, _ = bagKey(v.appendOrder(v.key[:0], b, i), v.row)
			} else {
				v.key, vnode = bagKey(v.key[:0], v.row)
			}
			v.sort.Add(vnode, rowRef(bi, i), v.key)
		}
	}
	v.sort.Sort()
	var snap *state.Snap
	if v.def.Check {
		snap = w.Snapshot()
		defer snap.Close()
	}
	prefix := v.prefix(0)
	for i := 0; i < v.sort.Len(); {
		end := v.sort.RunEnd(i)
		vnode, key, first := v.sort.At(i)
		var sum int64
		for ; i < end; i++ {
			_, _, ref := v.sort.At(i)
			b, r := deref(deltas, ref)
			sum += b.Weight(r)
		}
		if sum == 0 {
			continue
		}
		grown += sum
		binary.BigEndian.PutUint16(prefix[5:], vnode)
		b, r := deref(deltas, first)
		if v.def.Check {
			if err := v.checkBag(snap, append(prefix, key...), sum, b, r); err != nil {
				return 0, err
			}
		}
		v.row = state.AppendWeight(v.row[:0], sum)
		if key[0] == bagDigest || v.def.Order != nil {
			v.row = v.codec.Append(v.row, b.Cols, r)
		}
		w.MergeParts(prefix, key, v.row)
		if sum < 0 {
			v.zeros.note(vnode, key)
		}
	}
	return grown, nil
}

// zeros are keys whose weight may have come to zero. Merging does not remove them, so Apply looks at
// them in a later epoch.
type zeros struct {
	mu   sync.Mutex
	keys state.KeySorter
}

const (
	zerosMin = 2048    // worth a look
	zerosMax = 1 << 18 // more are forgotten; a scan finds them again
)

func (z *zeros) note(vnode uint16, key []byte) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.keys.Len() < zerosMax {
		z.keys.Add(vnode, 0, key)
	}
}

// sweep deletes keys of weight zero. It goes by a snapshot that has all earlier changes of the
// relation, and comes before the merges of its own commit.
func (v *View) sweep(w *state.CommitWriter) error {
	z := &v.zeros
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.keys.Len() < zerosMin && !v.def.Check {
		return nil
	}
	snap := w.Snapshot()
	defer snap.Close()
	if snap.Epoch() < v.epoch {
		return nil
	}
	z.keys.Sort()
	var keys [][]byte
	for i := 0; i < z.keys.Len(); i = z.keys.RunEnd(i) {
		vnode, key, _ := z.keys.At(i)
		keys = append(keys, append(v.prefix(vnode), key...))
	}
	z.keys.Reset()
	return snap.MultiGet(keys, func(i int, value []byte, found bool) error {
		if !found {
			return nil
		}
		weight, _, err := state.Weight(value)
		if err == nil && weight == 0 {
			w.Delete(keys[i])
		}
		return err
	})
}

func (v *View) checkBag(snap *state.Snap, key []byte, sum int64, b *rows.Batch, r int) error {
	value, found, err := snap.Get(key)
	if err != nil {
		return err
	}
	var old int64
	if found {
		if old, _, err = state.Weight(value); err != nil {
			return err
		}
	}
	if old+sum < 0 {
		return v.violation("the weight of %s goes from %d to %d", rows.FormatRow(b, r), old, old+sum)
	}
	return nil
}
