// Package touch keeps what an operator touched in the current epoch.
//
// A Set numbers distinct byte keys 0, 1, 2, … in the order of their first appearance; the operator
// keeps what it needs per key (weights before and after, accumulators) in slices of its own under
// these numbers. The set is emptied at the end of the epoch and its buffers are used again. It holds
// no pointers per key: an arena with the key bytes and an open-addressing table of numbers.
package touch

import "bytes"

// Set is a set of byte keys. The zero Set is empty and ready.
type Set struct {
	slots  []uint32 // number+1 of the key, 0 = free; length is a power of two
	hashes []uint64
	ends   []int // key i is arena[ends[i-1]:ends[i]]
	arena  []byte
}

// keepBytesMax bounds the buffers that an emptied set keeps after an unusually large epoch.
const keepBytesMax = 16 << 20

// Upsert returns the number of key, which it adds when it is new.
func (s *Set) Upsert(hash uint64, key []byte) (i int, added bool) {
	if 4*len(s.hashes) >= 3*len(s.slots) {
		s.grow()
	}
	mask := uint64(len(s.slots) - 1)
	for p := spread(hash) & mask; ; p = (p + 1) & mask {
		n := s.slots[p]
		if n == 0 {
			s.slots[p] = uint32(len(s.hashes) + 1)
			s.hashes = append(s.hashes, hash)
			s.arena = append(s.arena, key...)
			s.ends = append(s.ends, len(s.arena))
			return len(s.hashes) - 1, true
		}
		if i := int(n - 1); s.hashes[i] == hash && bytes.Equal(s.Key(i), key) {
			return i, false
		}
	}
}

// Find returns the number of key.
func (s *Set) Find(hash uint64, key []byte) (i int, ok bool) {
	if len(s.slots) == 0 {
		return 0, false
	}
	mask := uint64(len(s.slots) - 1)
	for p := spread(hash) & mask; ; p = (p + 1) & mask {
		n := s.slots[p]
		if n == 0 {
			return 0, false
		}
		if i := int(n - 1); s.hashes[i] == hash && bytes.Equal(s.Key(i), key) {
			return i, true
		}
	}
}

// Key returns the key with number i, valid until the next Upsert of a new key.
func (s *Set) Key(i int) []byte {
	if i == 0 {
		return s.arena[:s.ends[0]]
	}
	return s.arena[s.ends[i-1]:s.ends[i]]
}

// Hash returns the hash with which key i was added.
func (s *Set) Hash(i int) uint64 { return s.hashes[i] }

// Len returns the number of keys.
func (s *Set) Len() int { return len(s.hashes) }

// Bytes returns the length of all keys together.
func (s *Set) Bytes() int { return len(s.arena) }

// Reset empties the set.
func (s *Set) Reset() {
	if len(s.slots)*4+cap(s.arena) > keepBytesMax {
		*s = Set{}
		return
	}
	if len(s.hashes)*8 < len(s.slots) { // few keys in a large table: free their slots only
		mask := uint64(len(s.slots) - 1)
		for _, h := range s.hashes {
			for p := spread(h) & mask; s.slots[p] != 0; p = (p + 1) & mask {
				s.slots[p] = 0
			}
		}
	} else {
		clear(s.slots)
	}
	s.hashes, s.ends, s.arena = s.hashes[:0], s.ends[:0], s.arena[:0]
}

func (s *Set) grow() {
	n := max(64, 2*len(s.slots))
	s.slots = make([]uint32, n)
	mask := uint64(n - 1)
	for i, h := range s.hashes {
		p := spread(h) & mask
		for s.slots[p] != 0 {
			p = (p + 1) & mask
		}
		s.slots[p] = uint32(i + 1)
	}
}

// spread makes the low bits depend on all bits of the hash.
func spread(h uint64) uint64 { return h * 0x9E3779B97F4A7C15 >> 32 }
