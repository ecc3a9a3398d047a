package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// KeySorter puts keys into the order of the store, which is what makes large commits cheap. Reuse one
// from commit to commit.
//
// It sorts by eight bytes at a time: all keys by virtual node and the first seven, then every run of
// keys that are equal so far by the next eight, and so on. Large runs are sorted by radix, in which
// bytes that are the same in all of them, of which the keys of a table have many, cost nothing.
type KeySorter struct {
	keys  []byte
	ents  []sortEnt
	words []sortWord
	other []sortWord // working space of the radix sort
	order []sortEnt  // that of Sort
}

type sortEnt struct {
	off   int // of the key in keys
	klen  uint32
	vnode uint16
	ref   uint64
}

// sortWord is eight bytes of a key, and its place in ents.
type sortWord struct {
	word uint64
	at   uint32
}

const (
	sortRunMax   = 24  // keys up to which whole keys are compared at once
	sortRadixMin = 512 // keys from which radix sort pays

	sorterKeepBytes = 64 << 20 // what Reset leaves; a key takes 80 bytes beside itself
)

// Reset empties the sorter.
func (s *KeySorter) Reset() {
	if cap(s.keys)+80*cap(s.ents) > sorterKeepBytes {
		*s = KeySorter{}
	}
	s.keys, s.ents = s.keys[:0], s.ents[:0]
}

// Add adds a key, the concatenation of parts, with a reference to what it belongs to.
func (s *KeySorter) Add(vnode uint16, ref uint64, parts ...[]byte) {
	e := sortEnt{off: len(s.keys), vnode: vnode, ref: ref}
	for _, p := range parts {
		s.keys = append(s.keys, p...)
	}
	e.klen = uint32(len(s.keys) - e.off)
	s.ents = append(s.ents, e)
}

// Sort orders the keys by virtual node, key and reference.
func (s *KeySorter) Sort() {
	n := len(s.ents)
	if n <= sortRunMax {
		slices.SortFunc(s.ents, s.compare)
		return
	}
	s.words, s.other = slices.Grow(s.words[:0], n)[:n], slices.Grow(s.other[:0], n)[:n]
	for i := range s.ents {
		e := &s.ents[i]
		s.words[i] = sortWord{uint64(e.vnode)<<56 | wordAt(s.key(e), 0)>>8, uint32(i)}
	}
	s.sortRun(0, n, 7)
	s.order = slices.Grow(s.order[:0], n)[:n]
	for i, w := range s.words {
		s.order[i] = s.ents[w.at]
	}
	s.ents, s.order = s.order, s.ents
}

// wordAt returns the eight bytes of key from a position on, zeros after its end.
func wordAt(key []byte, at int) uint64 {
	if at+8 <= len(key) {
		return binary.BigEndian.Uint64(key[at:])
	}
	var word [8]byte
	if at < len(key) {
		copy(word[:], key[at:])
	}
	return binary.BigEndian.Uint64(word[:])
}

// sortRun sorts words from i to end, which hold the eight bytes of their keys that end before depth;
// the bytes before those are the same.
func (s *KeySorter) sortRun(i, end, depth int) {
	s.sortWords(i, end)
	for i < end {
		run := i + 1
		for run < end && s.words[run].word == s.words[i].word {
			run++
		}
		s.nextWord(i, run, depth)
		i = run
	}
}

// nextWord sorts words whose keys are the same before depth by what follows.
func (s *KeySorter) nextWord(i, end, depth int) {
	if end-i > sortRunMax {
		for more := true; more; depth += 8 {
			more = false
			for k := i; k < end; k++ {
				w := &s.words[k]
				e := &s.ents[w.at]
				w.word = wordAt(s.key(e), depth)
				more = more || int(e.klen) > depth
			}
			if s.words[i].word != s.words[end-1].word || s.varying(i, end) != 0 {
				s.sortRun(i, end, depth+8)
				return
			}
		}
	}
	if end-i > 1 {
		slices.SortFunc(s.words[i:end], func(a, b sortWord) int { return s.compare(s.ents[a.at], s.ents[b.at]) })
	}
}

// varying has the bits set in which the words differ.
func (s *KeySorter) varying(i, end int) (bits uint64) {
	first := s.words[i].word
	for _, w := range s.words[i:end] {
		bits |= w.word ^ first
	}
	return bits
}

// sortWords sorts words by word, by radix from the last byte that differs to the first.
func (s *KeySorter) sortWords(i, end int) {
	if end-i < sortRadixMin {
		slices.SortFunc(s.words[i:end], func(a, b sortWord) int { return cmp.Compare(a.word, b.word) })
		return
	}
	from, to := s.words[i:end], s.other[i:end]
	differ := s.varying(i, end)
	for shift := 0; shift < 64; shift += 8 {
		if byte(differ>>shift) == 0 {
			continue
		}
		var at [256]int
		for _, w := range from {
			at[byte(w.word>>shift)]++
		}
		sum := 0
		for b, n := range at {
			at[b] = sum
			sum += n
		}
		for _, w := range from {
			b := byte(w.word >> shift)
			to[at[b]] = w
			at[b]++
		}
		from, to = to, from
	}
	if &from[0] != &s.words[i] {
		copy(s.words[i:end], from)
	}
}

func (s *KeySorter) compare(a, b sortEnt) int {
	if c := cmp.Compare(a.vnode, b.vnode); c != 0 {
		return c
	}
	if c := bytes.Compare(s.key(&a), s.key(&b)); c != 0 {
		return c
	}
	return cmp.Compare(a.ref, b.ref)
}

func (s *KeySorter) key(e *sortEnt) []byte { return s.keys[e.off : e.off+int(e.klen)] }

// Len returns the number of keys.
func (s *KeySorter) Len() int { return len(s.ents) }

// At returns key i.
func (s *KeySorter) At(i int) (vnode uint16, key []byte, ref uint64) {
	e := &s.ents[i]
	return e.vnode, s.key(e), e.ref
}

// RunEnd returns the end of the run of equal keys in the same virtual node that begins at i.
func (s *KeySorter) RunEnd(i int) int {
	e := &s.ents[i]
	for i++; i < len(s.ents); i++ {
		n := &s.ents[i]
		if n.vnode != e.vnode || n.klen != e.klen || !bytes.Equal(s.key(n), s.key(e)) {
			break
		}
	}
	return i
}
