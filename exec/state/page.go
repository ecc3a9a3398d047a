package state

import (
	"bytes"
	"encoding/binary"
)

// page is a node of an Ordered: 4 KiB that hold entries sorted by key.
//
//	0 u16 entries, 2 u16 lowest byte in use by entries, 4 u16 bytes of removed entries,
//	6 u8 kind, 7 u8 dirty, 8 u32 previous leaf, 12 u32 next leaf, 16 u16 offset of each entry
//
// Entries grow down from the end:
//
//	0 u16 key length, 2 u16 value length, 4 u8 vnode, 5 u8 flags, 6 key, value
//
// An entry of an inner page has the number of a child page, 4 bytes, as its value, in a counted table
// after the sum of the weights below it, 8 bytes; its key is not
// greater than any key below the child, and the first entry's key is empty. An entry too long for a
// page has the flag entLong and instead of its key a reference to a record in the arena:
// 0 u32 units, 4 u32 key length, 8 u32 value length, 12 key, value.
type page []byte

const (
	pageSize   = 4096
	pageHeader = 16
	entHeader  = 6
	inlineMax  = 900 // key and value together

	kindLeaf  = 0
	kindInner = 1

	pgDirty  = 1 // an entry's flags
	pgStored = 2
	pgLong   = 4
)

func (p page) get16(at int) int    { return int(binary.LittleEndian.Uint16(p[at:])) }
func (p page) put16(at int, v int) { binary.LittleEndian.PutUint16(p[at:], uint16(v)) }

func (p page) init(kind byte) {
	clear(p[:pageHeader])
	p[6] = kind
	p.put16(2, pageSize)
}

func (p page) count() int       { return p.get16(0) }
func (p page) leaf() bool       { return p[6] == kindLeaf }
func (p page) prev() uint32     { return get32(p, 8) }
func (p page) next() uint32     { return get32(p, 12) }
func (p page) setPrev(v uint32) { put32(p, 8, v) }
func (p page) setNext(v uint32) { put32(p, 12, v) }

// entry returns entry i from its header to the end of the page.
func (p page) entry(i int) []byte { return p[p.get16(pageHeader+2*i):] }

// entryLen returns the length of an entry in its page.
func entryLen(e []byte) int {
	return entHeader + int(binary.LittleEndian.Uint16(e)) + int(binary.LittleEndian.Uint16(e[2:]))
}

// free returns the bytes that another entry and its offset may take, after compaction if need be.
func (p page) free() int { return p.get16(2) - pageHeader - 2*p.count() + p.get16(4) }

// used returns the bytes that the entries and their offsets take.
func (p page) used() int { return pageSize - pageHeader - p.free() }

// insert puts a copy of an encoded entry at position i. There must be room for it.
func (p page) insert(i int, e []byte) {
	if n := p.count(); p.get16(2)-pageHeader-2*n < len(e)+2 {
		p.compact()
	}
	n := p.count()
	at := p.get16(2) - len(e)
	copy(p[at:], e)
	p.put16(2, at)
	slots := p[pageHeader : pageHeader+2*(n+1)]
	copy(slots[2*(i+1):], slots[2*i:2*n])
	p.put16(pageHeader+2*i, at)
	p.put16(0, n+1)
}

// remove takes entry i out.
func (p page) remove(i int) {
	n := p.count()
	p.put16(4, p.get16(4)+entryLen(p.entry(i)))
	slots := p[pageHeader : pageHeader+2*n]
	copy(slots[2*i:], slots[2*(i+1):])
	p.put16(0, n-1)
}

// compact moves the entries together at the end of the page.
func (p page) compact() {
	var old [pageSize]byte
	copy(old[:], p)
	at := pageSize
	for i := range p.count() {
		e := page(old[:]).entry(i)
		e = e[:entryLen(e)]
		at -= len(e)
		copy(p[at:], e)
		p.put16(pageHeader+2*i, at)
	}
	p.put16(2, at)
	p.put16(4, 0)
}

// child returns the page that entry i of an inner page points to.
func (p page) child(i int) uint32 {
	e := p.entry(i)
	return get32(e, entryLen(e)-4)
}

// middle returns the position that divides the entries into halves of about the same length.
func (p page) middle() int {
	half, n := p.used()/2, p.count()
	for i := range n {
		if half -= entryLen(p.entry(i)) + 2; half <= 0 {
			return i + 1
		}
	}
	return n
}

// moveTo appends the entries from position i on to another page of the same kind.
func (p page) moveTo(q page, i int) {
	for k := i; k < p.count(); k++ {
		e := p.entry(k)
		q.insert(q.count(), e[:entryLen(e)])
	}
	for p.count() > i {
		p.remove(p.count() - 1)
	}
	q[7] |= p[7]
}

// keyAt returns the key of entry i.
func (o *Ordered) keyAt(p page, i int) []byte { return o.entryKey(p.entry(i)) }

func (o *Ordered) entryKey(e []byte) []byte {
	if e[5]&pgLong != 0 {
		rec := o.arena.at(get32(e, entHeader))
		return rec[longHeader : longHeader+int(get32(rec, 4))]
	}
	return e[entHeader : entHeader+int(binary.LittleEndian.Uint16(e))]
}

// entryValue returns the value of a leaf's entry.
func (o *Ordered) entryValue(e []byte) []byte {
	if e[5]&pgLong != 0 {
		rec := o.arena.at(get32(e, entHeader))
		at := longHeader + int(get32(rec, 4))
		end := at + int(get32(rec, 8))
		return rec[at:end:end]
	}
	at, end := entHeader+int(binary.LittleEndian.Uint16(e)), entryLen(e)
	return e[at:end:end]
}

const longHeader = 12

// makeEntry encodes an entry into o.scratch. child is nil for leaves.
func (o *Ordered) makeEntry(vnode uint16, flags byte, key, value, child []byte) []byte {
	e := append(o.scratch[:0], 0, 0, 0, 0, byte(vnode), flags)
	if len(key)+len(value) > inlineMax {
		ref := o.arena.alloc(longHeader + len(key) + len(value))
		rec := o.arena.at(ref)
		put32(rec, 4, uint32(len(key)))
		put32(rec, 8, uint32(len(value)))
		copy(rec[longHeader+copy(rec[longHeader:], key):], value)
		e[5] |= pgLong
		e = binary.LittleEndian.AppendUint32(e, ref)
		binary.LittleEndian.PutUint16(e, 4)
	} else {
		e = append(append(e, key...), value...)
		binary.LittleEndian.PutUint16(e, uint16(len(key)))
	}
	e = append(e, child...)
	binary.LittleEndian.PutUint16(e[2:], uint16(len(e)-entHeader-int(binary.LittleEndian.Uint16(e))))
	o.scratch = e
	return e
}

// dropEntry frees what entry i holds outside of the page and removes it.
func (o *Ordered) dropEntry(p page, i int) {
	if e := p.entry(i); e[5]&pgLong != 0 {
		o.arena.release(get32(e, entHeader))
	}
	p.remove(i)
}

// search returns the position of the first entry whose key is not less than key.
func (o *Ordered) search(p page, key []byte) (i int, found bool) {
	lo, hi := 0, p.count()
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := bytes.Compare(o.keyAt(p, mid), key); {
		case c < 0:
			lo = mid + 1
		case c > 0:
			hi = mid
		default:
			return mid, true
		}
	}
	return lo, false
}

// descend returns the position of the child of an inner page that key belongs below.
func (o *Ordered) descend(p page, key []byte) int {
	lo, hi := 1, p.count() // the first key is less than all
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if bytes.Compare(o.keyAt(p, mid), key) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}
