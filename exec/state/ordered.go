package state

import (
	"bytes"
	"encoding/binary"
)

// Ordered is a sorted table from key bytes to value bytes: a B+tree of pages that hold no pointers.
// It belongs to one goroutine. Each entry is stored under the virtual node it was put with, which
// does not take part in the order; a key must always come with the same one.
type Ordered struct {
	chunks   [][]byte // pages, pagesPerChunk in each; page 0 is not used
	npages   uint32
	freePage uint32 // list of free pages by their next
	root     uint32
	depth    int // inner levels
	n        int
	bytes    int64

	counted bool // inner entries hold the weight of what is below them, see Counted

	arena   arena // long entries
	scratch []byte

	durable *durable
	dirty   []uint32 // pages with dirty entries
	gone    []byte   // deleted keys that the store has: vnode u8, length u32, key
	ngone   int
	ledger  *ledger
	visited int64
}

const (
	pagesPerChunk = 256
	maxDepth      = 16
)

// step is a place on the way from the root to a leaf.
type step struct {
	page uint32
	i    int
}

type path struct {
	steps [maxDepth]step
	n     int
}

func (o *Ordered) page(id uint32) page {
	at := (id % pagesPerChunk) * pageSize
	return o.chunks[id/pagesPerChunk][at : at+pageSize : at+pageSize]
}

func (o *Ordered) newPage(kind byte) uint32 {
	if id := o.freePage; id != 0 {
		p := o.page(id)
		o.freePage = p.next()
		p.init(kind)
		return id
	}
	if o.npages == 0 {
		o.npages = 1
	}
	if int(o.npages) >= len(o.chunks)*pagesPerChunk || int(o.npages%pagesPerChunk)*pageSize >= len(o.chunks[len(o.chunks)-1]) {
		o.morePages()
	}
	id := o.npages
	o.npages++
	o.page(id).init(kind)
	return id
}

// morePages makes room for another page. The first chunk doubles until it is full size.
func (o *Ordered) morePages() {
	switch last := len(o.chunks) - 1; {
	case last < 0:
		o.chunks = append(o.chunks, make([]byte, 2*pageSize))
		o.grow(2 * pageSize)
	case last == 0 && len(o.chunks[0]) < pagesPerChunk*pageSize:
		c := make([]byte, 2*len(o.chunks[0]))
		o.grow(int64(copy(c, o.chunks[0])))
		o.chunks[0] = c
	default:
		o.chunks = append(o.chunks, make([]byte, pagesPerChunk*pageSize))
		o.grow(pagesPerChunk * pageSize)
	}
}

func (o *Ordered) grow(n int64) {
	o.bytes += n
	o.ledger.grow(n)
}

func (o *Ordered) dropPage(id uint32) {
	p := o.page(id)
	p.init(kindLeaf)
	p.setNext(o.freePage)
	o.freePage = id
}

// leafOf walks to the leaf where key is or belongs and records the way when at is not nil.
func (o *Ordered) leafOf(key []byte, at *path) (uint32, page) {
	o.visited++
	id := o.root
	if at != nil {
		at.n = 0
	}
	for {
		p := o.page(id)
		if p.leaf() {
			return id, p
		}
		i := o.descend(p, key)
		if at != nil {
			at.steps[at.n] = step{id, i}
			at.n++
		}
		id = p.child(i)
	}
}

// Get returns the value under key, a view that is valid until the table changes.
func (o *Ordered) Get(key []byte) (value []byte, ok bool) {
	if o.root == 0 {
		return nil, false
	}
	_, p := o.leafOf(key, nil)
	i, found := o.search(p, key)
	if !found {
		return nil, false
	}
	return o.entryValue(p.entry(i)), true
}

// Put stores a copy of value under key.
func (o *Ordered) Put(vnode uint16, key, value []byte) {
	var at path
	id, p := o.first(key, &at)
	i, found := o.search(p, key)
	if !found {
		o.insert(&at, id, i, o.makeEntry(vnode, pgDirty, key, value, nil))
		o.n++
		return
	}
	e := p.entry(i)
	if e[4] == byte(vnode) {
		if old := o.entryValue(e); len(old) == len(value) {
			copy(old, value)
			o.markDirty(id, p, e)
			return
		}
	}
	flags := e[5]&^pgLong | pgDirty
	if e[4] != byte(vnode) && flags&pgStored != 0 {
		o.bury(e)
		flags &^= pgStored
	}
	o.dropEntry(p, i)
	o.insert(&at, id, i, o.makeEntry(vnode, flags, key, value, nil))
}

// first walks to the leaf of key in a table that may be empty.
func (o *Ordered) first(key []byte, at *path) (uint32, page) {
	if o.root == 0 {
		o.root = o.newPage(kindLeaf)
	}
	return o.leafOf(key, at)
}

// AddWeight adds w to the weight under key, 8 bytes little endian, and returns the weights before and
// after. At zero the entry disappears.
func (o *Ordered) AddWeight(vnode uint16, key []byte, w int64) (before, after int64) {
	var at path
	id, p := o.first(key, &at)
	i, found := o.search(p, key)
	if !found {
		if w != 0 {
			var buf [8]byte
			binary.LittleEndian.PutUint64(buf[:], uint64(w))
			o.addAbove(&at, w)
			o.insert(&at, id, i, o.makeEntry(vnode, pgDirty, key, buf[:], nil))
			o.n++
		}
		return 0, w
	}
	e := p.entry(i)
	v := o.entryValue(e)
	before = get64(v, 0)
	after = before + w
	if after == 0 {
		o.deleteAt(&at, id, i)
		return before, 0
	}
	put64(v, 0, after)
	o.markDirty(id, p, e)
	o.addAbove(&at, w)
	return before, after
}

// WeightOf reads the weight that AddWeight keeps as an entry's value.
func WeightOf(value []byte) int64 { return get64(value, 0) }

// Delete removes the entry under key and tells whether there was one.
func (o *Ordered) Delete(_ uint16, key []byte) bool {
	if o.root == 0 {
		return false
	}
	var at path
	id, p := o.leafOf(key, &at)
	i, found := o.search(p, key)
	if found {
		o.deleteAt(&at, id, i)
	}
	return found
}

func (o *Ordered) markDirty(id uint32, p page, e []byte) {
	if o.durable == nil {
		return
	}
	e[5] |= pgDirty
	o.dirtyPage(id, p)
}

func (o *Ordered) dirtyPage(id uint32, p page) {
	if p[7] == 0 && o.durable != nil {
		p[7] = 1
		o.dirty = append(o.dirty, id)
	}
}

// bury remembers a deleted entry's key for the next Flush.
func (o *Ordered) bury(e []byte) {
	key := o.entryKey(e)
	o.gone = append(o.gone, e[4])
	o.gone = binary.LittleEndian.AppendUint32(o.gone, uint32(len(key)))
	o.gone = append(o.gone, key...)
	o.ngone++
}

// insert puts an entry at position i of a leaf and splits pages on the way up as needed.
func (o *Ordered) insert(at *path, id uint32, i int, e []byte) {
	p := o.page(id)
	for {
		if p.free() >= len(e)+2 {
			p.insert(i, e)
			if p.leaf() {
				o.dirtyPage(id, p)
			}
			return
		}
		right, sep := o.split(id, i, e)
		if at.n == 0 {
			o.raiseRoot(id, right, sep)
			return
		}
		at.n--
		up := at.steps[at.n]
		p = o.page(up.page)
		o.recount(p, up.i, id)
		id, i = up.page, up.i+1
		e = o.makeEntry(0, 0, sep, nil, o.childRef(right))
	}
}

// split divides page id in two while it inserts an entry at position i, and returns the new right
// page and a copy of the key that separates them.
func (o *Ordered) split(id uint32, i int, e []byte) (right uint32, sep []byte) {
	right = o.newPage(o.page(id)[6])
	p, q := o.page(id), o.page(right)
	n := p.count()
	cut := p.middle()
	if i == n && p.next() == 0 {
		cut = n // appended in order: leave the page full
	}
	p.moveTo(q, cut)
	switch {
	case i >= cut && (i > cut || cut == n):
		q.insert(i-cut, e)
	case p.free() >= len(e)+2:
		p.insert(i, e)
	default:
		q.insert(0, e) // i == cut
	}
	if p.leaf() {
		o.link(id, right)
	}
	q[7] = 0
	if p.leaf() {
		o.dirtyPage(id, p)
		o.dirtyPage(right, q)
	}
	sep = o.keyAt(q, 0)
	if q.leaf() {
		// The shortest key that still separates.
		last := o.keyAt(p, p.count()-1)
		common := 0
		for common < len(last) && last[common] == sep[common] {
			common++
		}
		return right, bytes.Clone(sep[:common+1])
	}
	sep = bytes.Clone(sep)
	o.emptyFirstKey(q)
	return right, sep
}

// link puts leaf right behind leaf id.
func (o *Ordered) link(id, right uint32) {
	p, q := o.page(id), o.page(right)
	next := p.next()
	q.setPrev(id)
	q.setNext(next)
	if next != 0 {
		o.page(next).setPrev(right)
	}
	p.setNext(right)
}

// emptyFirstKey makes the first entry of an inner page one without a key.
func (o *Ordered) emptyFirstKey(p page) {
	child := bytes.Clone(innerValue(p.entry(0)))
	o.dropEntry(p, 0)
	p.insert(0, o.makeEntry(0, 0, nil, nil, child))
}

func (o *Ordered) raiseRoot(left, right uint32, sep []byte) {
	root := o.newPage(kindInner)
	p := o.page(root)
	p.insert(0, o.makeEntry(0, 0, nil, nil, o.childRef(left)))
	p.insert(1, o.makeEntry(0, 0, sep, nil, o.childRef(right)))
	o.root = root
	o.depth++
}

// Visited returns how many entries have been looked up or walked over, the measure of work.
func (o *Ordered) Visited() int64 { return o.visited }

// Len returns the number of entries.
func (o *Ordered) Len() int { return o.n }

// SizeBytes returns the memory that the table holds.
func (o *Ordered) SizeBytes() int64 {
	return o.bytes + o.arena.bytes + int64(cap(o.dirty))*4 + int64(cap(o.gone))
}

// Reset forgets everything in memory; the store keeps what it has.
func (o *Ordered) Reset() {
	o.ledger.shrink(o.bytes)
	o.arena.reset()
	*o = Ordered{arena: o.arena, durable: o.durable, ledger: o.ledger, counted: o.counted}
}
