package agg

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// A wide number is a two's complement integer of 64-bit words, least significant first, kept as
// little endian bytes inside an accumulator. Sums in it are exact, so that adding and taking out
// again leaves no trace; it grows by a word when it would overflow.

var le = binary.LittleEndian

func load(s []byte, word int) uint64     { return le.Uint64(s[word*8:]) }
func store(s []byte, word int, x uint64) { le.PutUint64(s[word*8:], x) }

func loadInt(s []byte) int64         { return int64(le.Uint64(s)) }
func addInt(s []byte, x int64) int64 { x += loadInt(s); le.PutUint64(s, uint64(x)); return x }

// signWord returns the word that extends x.
func signWord(x uint64) uint64 { return uint64(int64(x) >> 63) }

// mul128 returns the signed product as two words.
func mul128(a, b int64) (hi, lo uint64) {
	hi, lo = bits.Mul64(uint64(a), uint64(b))
	hi -= uint64(a>>63)&uint64(b) + uint64(b>>63)&uint64(a)
	return hi, lo
}

// add128 adds a signed two-word number to the two words of s, which are known to have room.
func add128(s []byte, hi, lo uint64) {
	l, c := bits.Add64(le.Uint64(s), lo, 0)
	h, _ := bits.Add64(le.Uint64(s[8:]), hi, c)
	le.PutUint64(s, l)
	le.PutUint64(s[8:], h)
}

// addWide adds the words x, a signed number, to s from word p on; s reaches at least as far as x.
// When the sum needs one more word, it returns that word.
func addWide(s []byte, p int, x ...uint64) (word uint64, grow bool) {
	n := len(s) / 8
	before, ext := signWord(load(s, n-1)), signWord(x[len(x)-1])
	carry := uint64(0)
	for i := p; i < n; i++ {
		y := ext
		if k := i - p; k < len(x) {
			y = x[k]
		} else if carry == ext&1 {
			break // nothing changes from here up
		}
		var r uint64
		r, carry = bits.Add64(load(s, i), y, carry)
		store(s, i, r)
	}
	after := signWord(load(s, n-1))
	return before, before == ext && after != before
}

// wideBig returns s as a big number.
func wideBig(s []byte) *big.Int {
	n := len(s)
	if n == 0 {
		return new(big.Int)
	}
	be := make([]byte, n)
	for i, b := range s {
		be[n-1-i] = b
	}
	x := new(big.Int).SetBytes(be)
	if be[0]&0x80 != 0 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(n*8)))
	}
	return x
}

// appendWide appends x in as many words as it needs, at least least.
func appendWide(dst []byte, x *big.Int, least int) []byte {
	words := max(least, x.BitLen()/64+1)
	y := x
	if x.Sign() < 0 {
		y = new(big.Int).Add(x, new(big.Int).Lsh(big.NewInt(1), uint(words*64)))
	}
	be := y.FillBytes(make([]byte, words*8))
	for i := len(be) - 1; i >= 0; i-- {
		dst = append(dst, be[i])
	}
	return dst
}

// isZero tells whether all bytes are 0.
func isZero(s []byte) bool {
	for _, b := range s {
		if b != 0 {
			return false
		}
	}
	return true
}
