package state

import (
	"crypto/sha256"
	"encoding/binary"

	"tidemill/sql/rows"
)

// The stored form of an entry of a Multi. After the fixed prefix the key is
//
//	uvarint key length, key, rowInline, row
//	uvarint key length, key, rowDigest, SHA-256 of the row
//
// and the value is varint weight, varint aux, and after a digest the row.
const (
	rowInline = 0
	rowDigest = 1

	rowInlineMax = 512 // longer rows do not go into the key
)

// Flush writes the entries that have changed since the last Flush.
func (m *Multi) Flush(w *CommitWriter) error {
	if m.durable == nil {
		return nil
	}
	m.log.flush(m.durable, w)
	if len(m.dirty) == 0 {
		return w.err
	}
	set := m.durable.set
	set.Reset()
	var head [binary.MaxVarintLen64]byte
	for k, ref := range m.dirty {
		rec := m.arena.at(ref)
		word, kref := get32(rec, 8), get32(rec, 12)
		krec := m.arena.at(kref)
		if k == 0 {
			m.checkHash(krec)
		}
		gone := word&entDeleted != 0
		if !gone || word&entStored != 0 {
			n := int(get32(krec, 8) & lenMask)
			row := m.Row(Ref(ref))
			kind := []byte{rowInline}
			if len(row) > rowInlineMax {
				sum := sha256.Sum256(row)
				kind, row = []byte{rowDigest}, sum[:]
			}
			vnode := uint16(get32(krec, 12) >> 24)
			id := uint64(ref)
			if gone {
				id = deleted
			}
			set.Add(vnode, id, binary.AppendUvarint(head[:0], uint64(n)), krec[keyHeader:keyHeader+n], kind, row)
		}
		if !gone {
			put32(rec, 8, word&^entDirty|entStored)
			continue
		}
		m.arena.release(ref)
		put32(krec, 32, get32(krec, 32)-1)
		m.dropKey(kref)
	}
	m.durable.write(w, m.stored)
	m.dirty = trim(m.dirty)
	if m.n == 0 {
		m.Reset()
	}
	return w.err
}

// stored makes the stored value of an entry.
func (m *Multi) stored(ref uint64) []byte {
	rec := m.arena.at(uint32(ref))
	m.scratch = binary.AppendVarint(m.scratch[:0], get64(rec, 24))
	m.scratch = binary.AppendVarint(m.scratch, get64(rec, 32))
	if row := m.Row(Ref(ref)); len(row) > rowInlineMax {
		m.scratch = append(m.scratch, row...)
	}
	return m.scratch
}

// Load replaces the content by the stored entries of the virtual nodes that vnodes accepts.
func (m *Multi) Load(snap *Snap, vnodes func(uint16) bool) error {
	m.Reset()
	d := m.durable
	if d == nil {
		return nil
	}
	m.durable = nil // what is loaded is not dirty
	defer func() { m.durable = d }()
	err := d.load(snap, vnodes, func(vnode uint16, stored, value []byte) error {
		klen, k := binary.Uvarint(stored)
		w, i := binary.Varint(value)
		aux, j := binary.Varint(value[max(i, 0):])
		if k <= 0 || i <= 0 || j <= 0 || klen >= uint64(len(stored)-k) {
			return corrupt("state table %d has a malformed entry %x", d.id, stored)
		}
		key, row := stored[k:k+int(klen)], stored[k+int(klen)+1:]
		if stored[k+int(klen)] == rowDigest {
			row = value[i+j:]
		}
		_, _, ref := m.Add(WithVNode(rows.HashKey(key), vnode), key, row, w)
		if ref == 0 {
			return corrupt("state table %d has the entry %x twice or with weight 0", d.id, stored)
		}
		rec := m.arena.at(uint32(ref))
		put64(rec, 32, aux)
		put32(rec, 8, get32(rec, 8)|entStored)
		return nil
	})
	if err != nil {
		return err
	}
	return m.loadLog(snap, d, vnodes)
}
