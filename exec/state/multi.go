package state

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"tidemill/sql/rows"
)

// Multi is a hash multimap from key bytes to weighted rows: per key a Z-set of rows. Each row also
// carries a counter for its user, such as the number of matches in an outer join.
//
// Hashes are as for Map. A Multi belongs to one goroutine. No row costs a Go pointer.
type Multi struct {
	arena   arena
	keys    index
	rows    index // rows of long chains, by key and row
	n       int
	dirty   []uint32 // rows
	durable *durable
	log     multiLog
	scratch []byte
	visited int64
	touched int // keeps the compiler from leaving out the loads of Touch; means nothing
}

// A key's record and a row's record are
//
//	0 u32 units, 4 u32 tag, 8 u32 flags<<24 | key length, 12 u32 vnode<<24,
//	16 u32 first row, 20 u32 rows, 24 i64 weight of all rows, 32 u32 deleted rows, 40 key
//
//	0 u32 units, 4 u32 tag of key and row, 8 u32 flags<<24 | row length, 12 u32 key's record,
//	16 u32 next, 20 u32 previous, 24 i64 weight, 32 i64 aux, 40 row
//
// The rows of a key form a chain. When it gets long its rows are put in an index too, and stay there
// until the key is gone. A key whose rows were all deleted since the last Flush stays until then.
const (
	keyHeader = 40
	rowHeader = 40

	keyIndexed = entOutside // a key's flag: its rows are in the index

	chainMax = 4 // rows of a key that are searched one by one
)

func get64(b []byte, at int) int64    { return int64(binary.LittleEndian.Uint64(b[at:])) }
func put64(b []byte, at int, v int64) { binary.LittleEndian.PutUint64(b[at:], uint64(v)) }

func (m *Multi) findKey(tag uint32, key []byte) uint32 {
	m.visited++
	if m.keys.n == 0 {
		return 0
	}
	p, i := m.keys.part(tag)
	slots := p.slots
	mask := uint32(len(slots) - 1)
	for {
		s := slots[i&mask]
		if s == 0 {
			return 0
		}
		if uint32(s>>32) == tag {
			rec := m.arena.at(uint32(s))
			if int(get32(rec, 8)&lenMask) == len(key) && sameKey(rec[keyHeader:], key) {
				return uint32(s)
			}
		}
		i++
	}
}

// rowTag mixes the hash of a row with its key's, so that equal rows under many keys do not meet.
func rowTag(keyTag uint32, row []byte) uint32 {
	return uint32(xxhash.Sum64(row)>>16) ^ keyTag*0x9E3779B1
}

func sameRow(rec, row []byte) bool {
	return int(get32(rec, 8)&lenMask) == len(row) && string(rec[rowHeader:rowHeader+len(row)]) == string(row)
}

// findRow returns the record of row under the key at kref.
func (m *Multi) findRow(kref, tag uint32, row []byte) uint32 {
	krec := m.arena.at(kref)
	if get32(krec, 8)&keyIndexed == 0 {
		for ref := get32(krec, 16); ref != 0; {
			rec := m.arena.at(ref)
			if get32(rec, 4) == tag && sameRow(rec, row) {
				return ref
			}
			ref = get32(rec, 16)
		}
		return 0
	}
	p, i := m.rows.part(tag)
	mask := uint32(len(p.slots) - 1)
	for {
		s := p.slots[i&mask]
		if s == 0 {
			return 0
		}
		if uint32(s>>32) == tag {
			if rec := m.arena.at(uint32(s)); get32(rec, 12) == kref && sameRow(rec, row) {
				return uint32(s)
			}
		}
		i++
	}
}

// Add adds w to the weight of row under key and returns the weights before and after. At zero the
// entry disappears, and ref is 0.
func (m *Multi) Add(hash uint64, key, row []byte, w int64) (before, after int64, ref Ref) {
	tag := tagOf(hash)
	kref := m.findKey(tag, key)
	if w == 0 {
		if kref != 0 {
			if r := m.findRow(kref, rowTag(tag, row), row); r != 0 {
				before = m.Weight(Ref(r))
				return before, before, Ref(r)
			}
		}
		return 0, 0, 0
	}
	rt, r := rowTag(tag, row), uint32(0)
	if kref == 0 {
		kref = m.addKey(hash, key)
	} else {
		r = m.findRow(kref, rt, row)
	}
	if r == 0 {
		r = m.addRow(kref, rt, row)
	}
	krec, rec := m.arena.at(kref), m.arena.at(r)
	before = get64(rec, 24)
	after = before + w
	put64(rec, 24, after)
	put64(krec, 24, get64(krec, 24)+w)
	switch {
	case after == 0 && m.log.on:
		panic(logRetraction())
	case after == 0:
		m.deleteRow(kref, r)
		return before, 0, 0
	case before == 0 && m.log.on && m.durable != nil:
		m.log.add(uint8(hash>>56), key, row, w)
	default:
		m.markDirty(r, rec)
	}
	return before, after, Ref(r)
}

// TouchBlock is how many hashes Touch takes at most.
const TouchBlock = batchBlock

// Touch brings the keys with the given hashes and their first rows into the processor's cache: their
// loads overlap, those of one lookup after the other do not. It pays for blocks of lookups in a table
// that is larger than the cache, and does nothing in a smaller one.
func (m *Multi) Touch(hashes []uint64) {
	if m.keys.n <= cachedMax {
		return
	}
	var slots [TouchBlock]uint64
	m.keys.touch(hashes, slots[:len(hashes)])
	firsts, n := slots[:0], 0 // overwrites slots that have been looked at
	for i, h := range hashes {
		if s := slots[i]; s != 0 && uint32(s>>32) == tagOf(h) {
			firsts = append(firsts, uint64(get32(m.arena.at(uint32(s)), 16)))
		}
	}
	for _, ref := range firsts {
		if ref != 0 {
			n += int(m.arena.at(uint32(ref))[4])
		}
	}
	m.touched = n
}

func (m *Multi) addKey(hash uint64, key []byte) uint32 {
	if len(key) > lenMask {
		panic(keyTooLong(len(key)))
	}
	ref := m.arena.alloc(keyHeader + max(len(key), 8))
	rec := m.arena.at(ref)
	put32(rec, 4, tagOf(hash))
	put32(rec, 8, uint32(len(key))|entKey)
	put32(rec, 12, uint32(hash>>56)<<24)
	copy(rec[keyHeader:], key)
	m.keys.insert(tagOf(hash), ref)
	return ref
}

func (m *Multi) addRow(kref, tag uint32, row []byte) uint32 {
	if len(row) > lenMask {
		panic(keyTooLong(len(row)))
	}
	ref := m.arena.alloc(rowHeader + len(row))
	rec, krec := m.arena.at(ref), m.arena.at(kref)
	put32(rec, 4, tag)
	put32(rec, 8, uint32(len(row)))
	put32(rec, 12, kref)
	copy(rec[rowHeader:], row)
	if first := get32(krec, 16); first != 0 {
		put32(rec, 16, first)
		put32(m.arena.at(first), 20, ref)
	}
	put32(krec, 16, ref)
	count := get32(krec, 20) + 1
	put32(krec, 20, count)
	m.n++
	switch word := get32(krec, 8); {
	case word&keyIndexed != 0:
		m.rows.insert(tag, ref)
	case count > chainMax:
		put32(krec, 8, word|keyIndexed)
		for r := ref; r != 0; {
			rr := m.arena.at(r)
			m.rows.insert(get32(rr, 4), r)
			r = get32(rr, 16)
		}
	}
	return ref
}

// deleteRow takes a row out of its chain, and out of memory unless the store still has it.
func (m *Multi) deleteRow(kref, ref uint32) {
	rec, krec := m.arena.at(ref), m.arena.at(kref)
	next, prev := get32(rec, 16), get32(rec, 20)
	if next != 0 {
		put32(m.arena.at(next), 20, prev)
	}
	if prev != 0 {
		put32(m.arena.at(prev), 16, next)
	} else {
		put32(krec, 16, next)
	}
	put32(krec, 20, get32(krec, 20)-1)
	m.n--
	if get32(krec, 8)&keyIndexed != 0 {
		m.rows.remove(get32(rec, 4), ref)
	}
	if m.durable == nil || get32(rec, 8)&(entDirty|entStored) == 0 {
		m.arena.release(ref)
		m.dropKey(kref)
		return
	}
	m.markDirty(ref, rec)
	put32(rec, 8, get32(rec, 8)|entDeleted)
	put32(krec, 32, get32(krec, 32)+1)
}

// dropKey frees a key that has no rows and no deleted rows that wait for Flush.
func (m *Multi) dropKey(kref uint32) {
	krec := m.arena.at(kref)
	if get32(krec, 20) == 0 && get32(krec, 32) == 0 {
		m.keys.remove(get32(krec, 4), kref)
		m.arena.release(kref)
	}
}

func (m *Multi) markDirty(ref uint32, rec []byte) {
	if word := get32(rec, 8); word&entDirty == 0 && m.durable != nil {
		put32(rec, 8, word|entDirty)
		m.dirty = append(m.dirty, ref)
	}
}

// Find returns the entry of row under key.
func (m *Multi) Find(hash uint64, key, row []byte) (Ref, bool) {
	kref := m.findKey(tagOf(hash), key)
	if kref == 0 {
		return 0, false
	}
	ref := m.findRow(kref, rowTag(tagOf(hash), row), row)
	return Ref(ref), ref != 0
}

// Each calls f with the rows under key, in no order, until f returns false. row is a view. f may set
// aux counters; it must not add.
func (m *Multi) Each(hash uint64, key []byte, f func(ref Ref, row []byte, w int64) bool) {
	kref := m.findKey(tagOf(hash), key)
	if kref == 0 {
		return
	}
	for ref := get32(m.arena.at(kref), 16); ref != 0; {
		m.visited++
		rec := m.arena.at(ref)
		n := int(get32(rec, 8) & lenMask)
		if !f(Ref(ref), rec[rowHeader:rowHeader+n:rowHeader+n], get64(rec, 24)) {
			return
		}
		ref = get32(rec, 16)
	}
}

// First returns the first of the rows under key in Each's order, or 0; Next the one after ref, or 0.
func (m *Multi) First(hash uint64, key []byte) Ref {
	kref := m.findKey(tagOf(hash), key)
	if kref == 0 {
		return 0
	}
	return Ref(get32(m.arena.at(kref), 16))
}

// Next returns the row after ref in its chain, or 0.
func (m *Multi) Next(ref Ref) Ref {
	m.visited++
	return Ref(get32(m.arena.at(uint32(ref)), 16))
}

// EachEntry calls f with all entries of all keys, in no order, until f returns false.
func (m *Multi) EachEntry(f func(ref Ref, key, row []byte, w int64) bool) {
	m.arena.each(func(ref uint32, rec []byte) bool {
		m.visited++
		if get32(rec, 8)&(entKey|entDeleted) != 0 {
			return true
		}
		return f(Ref(ref), m.Key(Ref(ref)), m.Row(Ref(ref)), get64(rec, 24))
	})
}

// KeyWeight returns the sum of the weights of the rows under key.
func (m *Multi) KeyWeight(hash uint64, key []byte) int64 {
	if kref := m.findKey(tagOf(hash), key); kref != 0 {
		return get64(m.arena.at(kref), 24)
	}
	return 0
}

// KeyRows returns the number of different rows under key.
func (m *Multi) KeyRows(hash uint64, key []byte) int {
	if kref := m.findKey(tagOf(hash), key); kref != 0 {
		return int(get32(m.arena.at(kref), 20))
	}
	return 0
}

// Row returns the row of an entry, a view.
func (m *Multi) Row(ref Ref) []byte {
	rec := m.arena.at(uint32(ref))
	n := int(get32(rec, 8) & lenMask)
	return rec[rowHeader : rowHeader+n : rowHeader+n]
}

// Key returns the key that an entry is under, a view.
func (m *Multi) Key(ref Ref) []byte {
	krec := m.arena.at(get32(m.arena.at(uint32(ref)), 12))
	n := int(get32(krec, 8) & lenMask)
	return krec[keyHeader : keyHeader+n : keyHeader+n]
}

// Weight returns the weight of an entry.
func (m *Multi) Weight(ref Ref) int64 { return get64(m.arena.at(uint32(ref)), 24) }

// Aux returns the counter of an entry, at first 0.
func (m *Multi) Aux(ref Ref) int64 { return get64(m.arena.at(uint32(ref)), 32) }

// SetAux sets the counter of an entry. It is stored with it.
func (m *Multi) SetAux(ref Ref, v int64) {
	rec := m.arena.at(uint32(ref))
	if get64(rec, 32) != v {
		put64(rec, 32, v)
		m.markDirty(uint32(ref), rec)
	}
}

// Visited returns how many rows have been looked up or walked over, the measure of work.
func (m *Multi) Visited() int64 { return m.visited }

// Len returns the number of entries: different rows under different keys.
func (m *Multi) Len() int { return m.n }

// SizeBytes returns the memory that the table holds.
func (m *Multi) SizeBytes() int64 {
	return m.arena.bytes + m.keys.sizeBytes() + m.rows.sizeBytes() + int64(cap(m.dirty))*4 + m.log.sizeBytes()
}

// Dirty returns the number of entries that the next Flush will write or delete.
func (m *Multi) Dirty() int { return len(m.dirty) + m.log.n }

// Reset forgets everything in memory; the store keeps what it has.
func (m *Multi) Reset() {
	m.arena.reset()
	m.keys.reset()
	m.rows.reset()
	m.n = 0
	m.dirty = slices.Clip(m.dirty[:0])
	m.log.discard()
}

func (m *Multi) checkHash(krec []byte) {
	n := int(get32(krec, 8) & lenMask)
	hash := WithVNode(rows.HashKey(krec[keyHeader:keyHeader+n]), uint16(get32(krec, 12)>>24))
	if tagOf(hash) != get32(krec, 4) {
		panic("state: Multi was given a hash that is not rows.HashKey of its key")
	}
}

// DeleteRows removes the rows that gone accepts. The table must not keep a log.
func (m *Multi) DeleteRows(gone func(row []byte) bool) {
	if m.log.on {
		panic(logRetraction())
	}
	var list []Ref
	m.EachEntry(func(ref Ref, _, row []byte, _ int64) bool {
		if gone(row) {
			list = append(list, ref)
		}
		return true
	})
	for _, ref := range list {
		rec := m.arena.at(uint32(ref))
		kref := get32(rec, 12)
		krec := m.arena.at(kref)
		put64(krec, 24, get64(krec, 24)-get64(rec, 24))
		put64(rec, 24, 0)
		m.deleteRow(kref, uint32(ref))
	}
}

// DeleteKeys removes all rows of the keys that gone accepts. The table must not keep a log.
func (m *Multi) DeleteKeys(gone func(key []byte) bool) {
	if m.log.on {
		panic(logRetraction())
	}
	var list []uint32
	m.arena.each(func(ref uint32, rec []byte) bool {
		if word := get32(rec, 8); word&entKey != 0 && get32(rec, 20) > 0 && gone(rec[keyHeader:keyHeader+int(word&lenMask)]) {
			list = append(list, ref)
		}
		return true
	})
	for _, kref := range list {
		put64(m.arena.at(kref), 24, 0)
		for ref := get32(m.arena.at(kref), 16); ref != 0; {
			next := get32(m.arena.at(ref), 16)
			m.deleteRow(kref, ref)
			ref = next
		}
	}
}
