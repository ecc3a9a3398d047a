package state

// index finds records by hash: open addressing over slots that hold 32 bits of the hash (the tag) and
// the record's reference. Growing needs the slots only, never the records. A big index is cut into
// parts that grow one at a time, so that no single insertion takes long.
type index struct {
	parts  []indexPart
	shift  uint8 // a tag's part is tag>>shift
	bits   uint8 // log2 of the number of parts
	n      int
	ledger *ledger
}

// indexPart is a linear-probing table. The home of a tag is the top bits of what follows the part
// number, so slots are nearly sorted by tag and doubling copies in order.
type indexPart struct {
	slots []uint64 // tag<<32 | ref; 0 = empty
	shift uint8    // 32 − log2(len(slots))
	n     int
}

const (
	partsMin    = 8       // slots of the smallest part
	splitAt     = 1 << 16 // entries at which the index is cut
	splitBits   = 6
	loadNum     = 3 // an index part is at most loadNum/loadDen full
	loadDen     = 4
	bytesInSlot = 8
)

// tagOf takes the bits of a hash that an index uses: not the virtual node's, of which a worker has
// only some.
func tagOf(hash uint64) uint32 { return uint32(hash >> 24) }

func slotOf(tag, ref uint32) uint64 { return uint64(tag)<<32 | uint64(ref) }

// part returns the part and the slot where the search for tag begins. The index must not be empty.
func (x *index) part(tag uint32) (p *indexPart, home uint32) {
	p = &x.parts[uint64(tag)>>x.shift]
	return p, tag << x.bits >> p.shift
}

// insert adds a record. The caller has made sure that its key is not there.
func (x *index) insert(tag, ref uint32) {
	if x.parts == nil {
		x.parts, x.shift = make([]indexPart, 1), 32
		x.parts[0].shift = 32 - 3
		x.parts[0].slots = make([]uint64, partsMin)
		x.ledger.grow(partsMin * bytesInSlot)
	}
	p, _ := x.part(tag)
	if (p.n+1)*loadDen > len(p.slots)*loadNum {
		if x.bits == 0 && x.n >= splitAt {
			x.split()
			x.insert(tag, ref)
			return
		}
		x.resize(p, len(p.slots)*2)
	}
	p.place(tag<<x.bits>>p.shift, slotOf(tag, ref))
	p.n++
	x.n++
}

func (p *indexPart) place(i uint32, slot uint64) {
	mask := uint32(len(p.slots) - 1)
	for p.slots[i] != 0 {
		i = (i + 1) & mask
	}
	p.slots[i] = slot
}

func (x *index) resize(p *indexPart, size int) {
	old := p.slots
	p.slots = make([]uint64, size)
	for p.shift = 32; size > 1; size >>= 1 {
		p.shift--
	}
	for _, s := range old {
		if s != 0 {
			p.place(uint32(s>>32)<<x.bits>>p.shift, s)
		}
	}
	x.ledger.grow(int64(len(p.slots)-len(old)) * bytesInSlot)
}

// split cuts the only part into 1<<splitBits.
func (x *index) split() {
	old := x.parts[0].slots
	x.bits, x.shift = splitBits, 32-splitBits
	x.parts = make([]indexPart, 1<<splitBits)
	size := len(old) * 2 >> splitBits
	for i := range x.parts {
		x.resize(&x.parts[i], size)
	}
	x.ledger.shrink(int64(len(old)) * bytesInSlot)
	x.n = 0
	for _, s := range old {
		if s != 0 {
			x.insert(uint32(s>>32), uint32(s))
		}
	}
}

// remove takes a record out.
func (x *index) remove(tag, ref uint32) {
	p, i := x.part(tag)
	mask, want := uint32(len(p.slots)-1), slotOf(tag, ref)
	for p.slots[i] != want {
		if p.slots[i] == 0 {
			panic("state: index has lost a record")
		}
		i = (i + 1) & mask
	}
	// Close the gap: move back what may stand earlier.
	for j := (i + 1) & mask; p.slots[j] != 0; j = (j + 1) & mask {
		home := uint32(p.slots[j]>>32) << x.bits >> p.shift
		if (j-home)&mask >= (j-i)&mask {
			p.slots[i] = p.slots[j]
			i = j
		}
	}
	p.slots[i] = 0
	p.n--
	x.n--
}

// touch loads the first slots that the searches for hashes will look at, and returns what it saw so
// that the loads are not left out. Independent loads overlap; those of a search do not.
func (x *index) touch(hashes []uint64, slots []uint64) {
	if x.n == 0 {
		clear(slots)
		return
	}
	for i, h := range hashes {
		p, home := x.part(tagOf(h))
		slots[i] = p.slots[home]
	}
}

func (x *index) sizeBytes() (n int64) {
	for i := range x.parts {
		n += int64(len(x.parts[i].slots)) * bytesInSlot
	}
	return n
}

func (x *index) reset() {
	x.ledger.shrink(x.sizeBytes())
	*x = index{ledger: x.ledger}
}
