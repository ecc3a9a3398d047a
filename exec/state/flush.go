package state

import "encoding/binary"

// durable is what ties a table to its stored form; nil for a table of a batch query.
type durable struct {
	space Space
	id    TableID
	set   *KeySorter // shared by the tables of a provider
}

// deleted is the reference of a key that Flush deletes; what it sets has another.
const deleted = 0

// write sorts the collected changes and writes them. When a key was both deleted and set again, the
// new value is all that counts.
func (d *durable) write(w *CommitWriter, value func(ref uint64) []byte) {
	d.set.Sort()
	prefix := AppendPrefix(nil, d.space, d.id, 0, PrefixNone)
	for i := 0; i < d.set.Len(); {
		end := d.set.RunEnd(i)
		vnode, key, ref := d.set.At(end - 1)
		binary.BigEndian.PutUint16(prefix[5:], vnode)
		if ref == deleted {
			w.DeleteParts(prefix, key)
		} else {
			w.SetParts(prefix, key, value(ref))
		}
		i = end
	}
}

// SetParts is Set of the key prefix+key.
func (w *CommitWriter) SetParts(prefix, key, value []byte) {
	op := w.b.SetDeferred(len(prefix)+len(key), len(value))
	copy(op.Key[copy(op.Key, prefix):], key)
	copy(op.Value, value)
	w.keep(op.Finish())
}

// DeleteParts is Delete of the key prefix+key.
func (w *CommitWriter) DeleteParts(prefix, key []byte) {
	op := w.b.DeleteDeferred(len(prefix) + len(key))
	copy(op.Key[copy(op.Key, prefix):], key)
	w.keep(op.Finish())
}

// MergeParts is Merge of the key prefix+key.
func (w *CommitWriter) MergeParts(prefix, key, operand []byte) {
	op := w.b.MergeDeferred(len(prefix)+len(key), len(operand))
	copy(op.Key[copy(op.Key, prefix):], key)
	copy(op.Value, operand)
	w.keep(op.Finish())
}

// load calls f with the stored entries of the virtual nodes that vnodes accepts. key is without the
// fixed prefix. Neighbouring virtual nodes are read in one scan.
func (d *durable) load(snap *Snap, vnodes func(uint16) bool, f func(vnode uint16, key, value []byte) error) error {
	for v := uint16(0); v < VNodes; v++ {
		if !vnodes(v) {
			continue
		}
		lower, upper := VNodeSpan(d.space, d.id, v)
		for v+1 < VNodes && vnodes(v+1) {
			v++
			_, upper = VNodeSpan(d.space, d.id, v)
		}
		err := snap.Scan(lower, upper, false, func(k, val []byte) (bool, error) {
			if len(k) < HeaderLen {
				return false, corrupt("state table %d has the malformed key %x", d.id, k)
			}
			return true, f(KeyVNode(k), k[HeaderLen:], val)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
