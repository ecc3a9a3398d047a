package state

import (
	"encoding/binary"
	"math/bits"

	"tidemill/exec/mem"
	"tidemill/sql/sqlerr"
)

// arena hands out records in memory that holds no pointers: chunks of bytes, addressed by 32-bit
// references in units of 8 bytes. The garbage collector sees one object per chunk.
//
// A record starts with its length in units; the top bits of that word mark records that are free.
// Freed records are kept in lists by size and used again for the same size.
type arena struct {
	chunks [][]byte
	next   uint32 // first unused unit of the last chunk
	room   uint32 // units of the last chunk
	last   uint32 // index of the last chunk
	bytes  int64  // memory of all chunks
	free   []uint32
	ledger *ledger
}

const (
	unitShift  = 3
	chunkShift = 17 // units per chunk: 1 MiB
	chunkUnits = 1 << chunkShift
	chunkMask  = chunkUnits - 1

	recFree   = 1 << 31
	unitsMask = 1<<28 - 1

	firstChunkUnits = 64 // 512 bytes; the first chunk doubles until it is full size
)

// ledger counts the memory of a provider's tables and remembers when the account refused more.
type ledger struct {
	acct *mem.Account
	used int64
	err  error
}

// grow counts n more bytes. A refusal is kept for the flow to find; the table goes on, because the
// operator in the middle of a batch cannot.
func (l *ledger) grow(n int64) {
	if l == nil || n == 0 {
		return
	}
	if err := l.acct.Grow(n); err != nil {
		if l.err == nil {
			l.err = err
		}
		return
	}
	l.used += n
}

func (l *ledger) shrink(n int64) {
	if l == nil {
		return
	}
	// What was refused was not counted, so never give back more than was taken.
	n = min(n, l.used)
	l.acct.Shrink(n)
	l.used -= n
}

// at returns the memory from the record at ref to the end of its chunk.
func (a *arena) at(ref uint32) []byte {
	return a.chunks[ref>>chunkShift][(ref&chunkMask)<<unitShift:]
}

// exactClasses is the number of sizes, in units, that have a free list of their own. Above, eight
// sizes share each doubling.
const exactClasses = 32

// classOf returns the list of a size and the size that records of that list have.
func classOf(units uint32) (class int, rounded uint32) {
	if units <= exactClasses {
		return int(units), units
	}
	e := bits.Len32(units - 1) // 2^(e-1) < units ≤ 2^e
	step := uint32(1) << (e - 4)
	steps := (units + step - 1) / step // 9 … 16
	return exactClasses + (e-6)*8 + int(steps-8), steps * step
}

// alloc returns a zeroed record of at least size bytes, its length set.
func (a *arena) alloc(size int) uint32 {
	class, units := classOf(uint32((size + 7) >> unitShift))
	if class < len(a.free) && a.free[class] != 0 {
		ref := a.free[class]
		rec := a.at(ref)
		a.free[class] = binary.LittleEndian.Uint32(rec[4:])
		clear(rec[:units<<unitShift])
		binary.LittleEndian.PutUint32(rec, units)
		return ref
	}
	if a.next+units > a.room {
		a.extend(units)
	}
	ref := a.last<<chunkShift + a.next
	a.next += units
	binary.LittleEndian.PutUint32(a.at(ref), units)
	return ref
}

// extend makes room for a record of the given size behind next.
func (a *arena) extend(units uint32) {
	if len(a.chunks) == 0 {
		a.next = 1 // reference 0 means none
	}
	if len(a.chunks) == 0 || len(a.chunks) == 1 && a.next+units <= chunkUnits {
		room := max(a.room*2, firstChunkUnits)
		for room < a.next+units && room < chunkUnits {
			room *= 2
		}
		c := make([]byte, room<<unitShift)
		if len(a.chunks) == 1 {
			copy(c, a.chunks[0])
			a.chunks[0] = c
		} else {
			a.chunks = append(a.chunks, c)
		}
		a.grow(int64(room-a.room) << unitShift)
		a.room = room
		if a.next+units <= room {
			return
		}
	}
	if len(a.chunks) >= 1<<(32-chunkShift) {
		panic(sqlerr.New(sqlerr.OutOfMemory, "a state table has reached its limit of 32 GiB in one worker"))
	}
	if a.next < a.room {
		// The rest of the chunk becomes a free record, so that each can step over it.
		binary.LittleEndian.PutUint32(a.at(a.last<<chunkShift+a.next), recFree|(a.room-a.next))
	}
	room := max(units, chunkUnits)
	a.last, a.next, a.room = uint32(len(a.chunks)), 0, room
	a.chunks = append(a.chunks, make([]byte, room<<unitShift))
	for k := uint32(chunkUnits); k < room; k += chunkUnits {
		// A record longer than a chunk takes the addresses of several.
		a.chunks = append(a.chunks, nil)
	}
	a.grow(int64(room) << unitShift)
}

// release frees the record at ref.
func (a *arena) release(ref uint32) {
	rec := a.at(ref)
	units := binary.LittleEndian.Uint32(rec) & unitsMask
	class, _ := classOf(units)
	for class >= len(a.free) {
		a.free = append(a.free, 0)
	}
	binary.LittleEndian.PutUint32(rec, recFree|units)
	binary.LittleEndian.PutUint32(rec[4:], a.free[class])
	a.free[class] = ref
}

// capacity returns the length of the record at ref in bytes.
func (a *arena) capacity(ref uint32) int {
	return int(binary.LittleEndian.Uint32(a.at(ref))&unitsMask) << unitShift
}

// each calls f with every record that is not free, in the order of memory, until f returns false.
// f may free the record it is called with.
func (a *arena) each(f func(ref uint32, rec []byte) bool) {
	for i, c := range a.chunks {
		p, end := uint32(0), uint32(len(c)>>unitShift)
		if i == 0 {
			p = 1
		}
		if uint32(i) == a.last {
			end = a.next
		}
		for p < end {
			rec := c[p<<unitShift:]
			units := binary.LittleEndian.Uint32(rec)
			if units&recFree == 0 && !f(uint32(i)<<chunkShift+p, rec) {
				return
			}
			p += units & unitsMask
		}
	}
}

func (a *arena) grow(n int64) {
	a.bytes += n
	a.ledger.grow(n)
}

// reset frees everything.
func (a *arena) reset() {
	a.ledger.shrink(a.bytes)
	*a = arena{ledger: a.ledger}
}
