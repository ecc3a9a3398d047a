package state

import (
	"encoding/binary"
	"slices"

	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// Ref names an entry of a table. It stays valid until the entry is deleted; 0 names none.
type Ref uint32

// Map is a hash table from key bytes to value bytes that can be changed in place.
//
// A hash must be rows.HashKey of the key, whose top eight bits are its virtual node; WithVNode may
// have replaced those. A Map belongs to one goroutine. No entry costs a Go pointer.
type Map struct {
	arena   arena
	idx     index
	dirty   []uint32
	durable *durable
	// touched keeps the compiler from leaving out the loads of touch. Its value means nothing.
	touched uint32
	visited int64
}

// A record is
//
//	0 u32 units, 4 u32 tag, 8 u32 flags<<24 | key length, 12 u32 vnode<<24 | value length,
//	16 key, padded to 8 bytes, value
//
// A value that has outgrown its record is in a record of its own: 0 u32 units, 4 u32 flags, 8 bytes;
// in place of the value stand its reference and length.
const (
	mapHeader = 16
	lenMask   = 1<<24 - 1

	entDirty   = 1 << 24 // the record is in the dirty list
	entStored  = 1 << 25 // the store has the key
	entDeleted = 1 << 26 // deleted; the record waits for the next Flush
	entOutside = 1 << 27 // the value is in a record of its own
	entBlob    = 1 << 28 // the record is such a value
	entKey     = 1 << 29 // Multi: the record is a key

	blobHeader = 16
)

func get32(b []byte, at int) uint32    { return binary.LittleEndian.Uint32(b[at:]) }
func put32(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }

func pad8(n int) int { return (n + 7) &^ 7 }

// sameKey compares a record's key bytes, which begin rec, with key.
func sameKey(rec, key []byte) bool {
	n := len(key)
	if n < 8 {
		return string(rec[:n]) == string(key)
	}
	if binary.LittleEndian.Uint64(rec) != binary.LittleEndian.Uint64(key) {
		return false
	}
	if n <= 16 {
		return binary.LittleEndian.Uint64(rec[n-8:]) == binary.LittleEndian.Uint64(key[n-8:])
	}
	return string(rec[8:n]) == string(key[8:])
}

func (m *Map) find(tag uint32, key []byte) uint32 {
	if m.idx.n == 0 {
		return 0
	}
	p, i := m.idx.part(tag)
	slots := p.slots
	mask := uint32(len(slots) - 1)
	for {
		s := slots[i&mask]
		if s == 0 {
			return 0
		}
		if uint32(s>>32) == tag {
			rec := m.arena.at(uint32(s))
			if int(get32(rec, 8)&lenMask) == len(key) && sameKey(rec[mapHeader:], key) {
				return uint32(s)
			}
		}
		i++
	}
}

// Find returns the entry with the given key.
func (m *Map) Find(hash uint64, key []byte) (Ref, bool) {
	m.visited++
	ref := m.find(tagOf(hash), key)
	return Ref(ref), ref != 0
}

// Upsert returns the entry with the given key. When there was none it adds one whose value is size
// zero bytes.
func (m *Map) Upsert(hash uint64, key []byte, size int) (ref Ref, added bool) {
	m.visited++
	if r := m.find(tagOf(hash), key); r != 0 {
		return Ref(r), false
	}
	return Ref(m.add(hash, key, size)), true
}

// add makes an entry whose key is known to be new.
func (m *Map) add(hash uint64, key []byte, size int) uint32 {
	if len(key) > lenMask {
		panic(keyTooLong(len(key)))
	}
	at := mapHeader + pad8(len(key))
	inline := max(size, 8)
	if size > lenMask {
		inline = 8
	}
	ref := m.arena.alloc(at + inline)
	rec := m.arena.at(ref)
	tag := tagOf(hash)
	put32(rec, 4, tag)
	put32(rec, 8, uint32(len(key)))
	put32(rec, 12, uint32(hash>>56)<<24)
	copy(rec[mapHeader:], key)
	m.idx.insert(tag, ref)
	if size <= lenMask {
		put32(rec, 12, get32(rec, 12)|uint32(size))
	} else {
		m.outside(ref, size)
	}
	m.markDirty(ref, m.arena.at(ref))
	return ref
}

func keyTooLong(n int) error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "key of %d bytes is too long", n).
		WithDetail("Grouping, joining and ordering take values up to %d bytes together.", lenMask)
}

// batchBlock is how many keys UpsertBatch looks at ahead.
const batchBlock = 64

// cachedMax is the number of entries up to which looking ahead costs more than it gains.
const cachedMax = 8192

// UpsertBatch upserts the keys data[offs[i]:offs[i+1]] with hashes[i] for all i < len(hashes), into
// refs[i] and, unless added is nil, added[i]. It is faster than one at a time once the table is
// larger than the processor's cache.
func (m *Map) UpsertBatch(hashes []uint64, data []byte, offs []int32, size int, refs []Ref, added []bool) {
	m.visited += int64(len(hashes))
	var slots [batchBlock]uint64
	for start := 0; start < len(hashes); start += batchBlock {
		end := min(start+batchBlock, len(hashes))
		if m.idx.n > cachedMax {
			m.touch(hashes[start:end], slots[:end-start])
		}
		for i := start; i < end; i++ {
			key := data[offs[i]:offs[i+1]]
			ref := m.find(tagOf(hashes[i]), key)
			if ref == 0 {
				ref = m.add(hashes[i], key, size)
				if added != nil {
					added[i] = true
				}
			} else if added != nil {
				added[i] = false
			}
			refs[i] = Ref(ref)
		}
	}
}

// touch brings slots and records of the given hashes into the cache.
func (m *Map) touch(hashes []uint64, slots []uint64) {
	m.idx.touch(hashes, slots)
	sum := uint32(0)
	for i, s := range slots {
		if s != 0 && uint32(s>>32) == tagOf(hashes[i]) {
			sum += get32(m.arena.at(uint32(s)), 4)
		}
	}
	m.touched = sum
}

// Key returns the key of an entry, a view.
func (m *Map) Key(ref Ref) []byte {
	rec := m.arena.at(uint32(ref))
	n := int(get32(rec, 8) & lenMask)
	return rec[mapHeader : mapHeader+n : mapHeader+n]
}

// VNode returns the virtual node of an entry.
func (m *Map) VNode(ref Ref) uint16 { return uint16(get32(m.arena.at(uint32(ref)), 12) >> 24) }

// Value returns the value of an entry, to be read or changed in place until the next Upsert or
// SetValue. Whoever changes it calls MarkDirty. It begins at a multiple of 8 bytes.
func (m *Map) Value(ref Ref) []byte {
	rec := m.arena.at(uint32(ref))
	word := get32(rec, 8)
	at := mapHeader + pad8(int(word&lenMask))
	if word&entOutside != 0 {
		n := int(get32(rec, at+4))
		blob := m.arena.at(get32(rec, at))
		return blob[blobHeader : blobHeader+n : blobHeader+n]
	}
	n := int(get32(rec, 12) & lenMask)
	return rec[at : at+n : at+n]
}

// SetValue replaces the value of an entry by a copy of value, which may have another length.
func (m *Map) SetValue(ref Ref, value []byte) {
	m.resize(uint32(ref), len(value))
	copy(m.Value(ref), value)
	m.MarkDirty(ref)
}

// resize gives an entry room for a value of n bytes; the bytes are unspecified.
func (m *Map) resize(ref uint32, n int) {
	rec := m.arena.at(ref)
	word := get32(rec, 8)
	at := mapHeader + pad8(int(word&lenMask))
	if word&entOutside != 0 {
		blob := get32(rec, at)
		if room := m.arena.capacity(blob) - blobHeader; n <= room && n*4 >= room {
			put32(rec, at+4, uint32(n))
			return
		}
		m.arena.release(blob)
		put32(rec, 8, word&^entOutside)
	}
	if n <= m.arena.capacity(ref)-at && n <= lenMask {
		put32(rec, 12, get32(rec, 12)&^lenMask|uint32(n))
		return
	}
	m.outside(ref, n)
}

// outside puts the value, n bytes, into a record of its own with some room to grow.
func (m *Map) outside(ref uint32, n int) {
	blob := m.arena.alloc(blobHeader + n + n/8)
	put32(m.arena.at(blob), 8, entBlob)
	rec := m.arena.at(ref)
	word := get32(rec, 8)
	at := mapHeader + pad8(int(word&lenMask))
	put32(rec, 8, word|entOutside)
	put32(rec, at, blob)
	put32(rec, at+4, uint32(n))
}

// MarkDirty says that the value of an entry has been changed in place.
func (m *Map) MarkDirty(ref Ref) { m.markDirty(uint32(ref), m.arena.at(uint32(ref))) }

func (m *Map) markDirty(ref uint32, rec []byte) {
	if word := get32(rec, 8); word&entDirty == 0 && m.durable != nil {
		put32(rec, 8, word|entDirty)
		m.dirty = append(m.dirty, ref)
	}
}

// Delete removes an entry.
func (m *Map) Delete(ref Ref) {
	rec := m.arena.at(uint32(ref))
	m.idx.remove(get32(rec, 4), uint32(ref))
	if word := get32(rec, 8); m.durable != nil && word&(entDirty|entStored) != 0 {
		m.markDirty(uint32(ref), rec)
		put32(rec, 8, get32(rec, 8)|entDeleted)
		return
	}
	m.freeRecord(uint32(ref))
}

func (m *Map) freeRecord(ref uint32) {
	rec := m.arena.at(ref)
	if word := get32(rec, 8); word&entOutside != 0 {
		m.arena.release(get32(rec, mapHeader+pad8(int(word&lenMask))))
	}
	m.arena.release(ref)
}

// Each calls f with every entry, in no order, until f returns false. f may change values and delete
// the entry it is called with; it must not add any.
func (m *Map) Each(f func(Ref) bool) {
	m.arena.each(func(ref uint32, rec []byte) bool {
		m.visited++
		return get32(rec, 8)&(entBlob|entDeleted) != 0 || f(Ref(ref))
	})
}

// Visited returns how many entries have been looked up or walked over, the measure of work.
func (m *Map) Visited() int64 { return m.visited }

// Len returns the number of entries.
func (m *Map) Len() int { return m.idx.n }

// SizeBytes returns the memory that the table holds.
func (m *Map) SizeBytes() int64 {
	return m.arena.bytes + m.idx.sizeBytes() + int64(cap(m.dirty))*4
}

// Dirty returns the number of entries that the next Flush will write or delete.
func (m *Map) Dirty() int { return len(m.dirty) }

// Flush writes the entries that have changed since the last Flush.
func (m *Map) Flush(w *CommitWriter) error {
	if m.durable == nil || len(m.dirty) == 0 {
		return nil
	}
	set := m.durable.set
	set.Reset()
	for k, ref := range m.dirty {
		rec := m.arena.at(ref)
		word := get32(rec, 8)
		n := int(word & lenMask)
		key := rec[mapHeader : mapHeader+n]
		vnode := uint16(get32(rec, 12) >> 24)
		if k == 0 && tagOf(WithVNode(rows.HashKey(key), vnode)) != get32(rec, 4) {
			panic("state: Map was given a hash that is not rows.HashKey of its key")
		}
		switch {
		case word&entDeleted == 0:
			set.Add(vnode, uint64(ref), key)
			put32(rec, 8, word&^entDirty|entStored)
		case word&entStored != 0:
			set.Add(vnode, deleted, key)
			m.freeRecord(ref)
		default:
			m.freeRecord(ref)
		}
	}
	m.durable.write(w, func(ref uint64) []byte { return m.Value(Ref(ref)) })
	m.dirty = trim(m.dirty)
	if m.idx.n == 0 {
		m.arena.reset()
		m.idx.reset()
	}
	return w.err
}

// trim empties a list and gives its memory back when it was unusually long.
func trim(list []uint32) []uint32 {
	if cap(list) > 1<<20 {
		return nil
	}
	return list[:0]
}

// Load replaces the content by the stored entries of the virtual nodes that vnodes accepts.
func (m *Map) Load(snap *Snap, vnodes func(uint16) bool) error {
	m.Reset()
	if m.durable == nil {
		return nil
	}
	return m.durable.load(snap, vnodes, func(vnode uint16, key, value []byte) error {
		d := m.durable
		m.durable = nil // not dirty
		ref := m.add(WithVNode(rows.HashKey(key), vnode), key, len(value))
		m.durable = d
		copy(m.Value(Ref(ref)), value)
		rec := m.arena.at(ref)
		put32(rec, 8, get32(rec, 8)|entStored)
		return nil
	})
}

// Reset forgets everything in memory; the store keeps what it has.
func (m *Map) Reset() {
	m.arena.reset()
	m.idx.reset()
	m.dirty = slices.Clip(m.dirty[:0])
}
