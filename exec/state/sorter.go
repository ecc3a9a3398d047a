package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// KeySorter puts keys into the order of the store, which is what makes large commits cheap. Reuse one
// from commit to commit.
type KeySorter struct {
	keys []byte
	ents []sortEnt
}

// sortEnt is one key. hi and lo hold the virtual node and the first 15 bytes of the key, which decide
// nearly all comparisons.
type sortEnt struct {
	hi, lo uint64
	off    int // of the key in keys
	klen   int
	ref    uint64
}

// Reset empties the sorter.
func (s *KeySorter) Reset() {
	if cap(s.keys) > 32<<20 {
		*s = KeySorter{}
	}
	s.keys, s.ents = s.keys[:0], s.ents[:0]
}

// Add adds a key, the concatenation of parts, with a reference to what it belongs to.
func (s *KeySorter) Add(vnode uint16, ref uint64, parts ...[]byte) {
	e := sortEnt{off: len(s.keys), ref: ref}
	for _, p := range parts {
		s.keys = append(s.keys, p...)
	}
	key := s.keys[e.off:]
	e.klen = len(key)
	var head [16]byte
	head[0] = byte(vnode)
	copy(head[1:], key)
	e.hi, e.lo = binary.BigEndian.Uint64(head[:]), binary.BigEndian.Uint64(head[8:])
	s.ents = append(s.ents, e)
}

// Sort orders the keys by virtual node, key and reference.
func (s *KeySorter) Sort() {
	slices.SortFunc(s.ents, func(a, b sortEnt) int {
		if a.hi != b.hi {
			return cmp.Compare(a.hi, b.hi)
		}
		if a.lo != b.lo {
			return cmp.Compare(a.lo, b.lo)
		}
		if c := bytes.Compare(s.key(&a), s.key(&b)); c != 0 {
			return c
		}
		return cmp.Compare(a.ref, b.ref)
	})
}

func (s *KeySorter) key(e *sortEnt) []byte { return s.keys[e.off : e.off+e.klen] }

// Len returns the number of keys.
func (s *KeySorter) Len() int { return len(s.ents) }

// At returns key i.
func (s *KeySorter) At(i int) (vnode uint16, key []byte, ref uint64) {
	e := &s.ents[i]
	return uint16(e.hi >> 56), s.key(e), e.ref
}

// RunEnd returns the end of the run of equal keys in the same virtual node that begins at i.
func (s *KeySorter) RunEnd(i int) int {
	e := &s.ents[i]
	for i++; i < len(s.ents); i++ {
		n := &s.ents[i]
		if n.hi != e.hi || n.lo != e.lo || !bytes.Equal(s.key(n), s.key(e)) {
			break
		}
	}
	return i
}
