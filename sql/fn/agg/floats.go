package agg

import (
	"math"
	"math/big"
	"math/bits"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// The accumulator of float sums is exact: a wide number in units of 2^-1074, of which only the
// window of words in use is kept (two or three for values of similar size), and counters for what
// is not finite. It is rounded once, when it is read.
//
//	flags u8 (1 = counters follow), first word of the window u8, count of finite arguments i64,
//	[NaN, Infinity, -Infinity counts, i64 each], words
//
// The sum of squares, in units of 2^-2148, is a second accumulator of the same form.
const (
	floatSpecials   = 1
	floatHead       = 10
	floatSpecialLen = 24

	unitExp = 1074 // the sum counts 2^-1074, the least float
)

func floatBody(st []byte) int {
	if st[0]&floatSpecials != 0 {
		return floatHead + floatSpecialLen
	}
	return floatHead
}

// addFloat adds w times f.
func addFloat(st []byte, f float64, w int64) []byte {
	if len(st) == 0 {
		st = append(st, make([]byte, floatHead)...)
	}
	if f-f != 0 {
		return floatTidy(addFloatSpecial(st, f, w))
	}
	n := addInt(st[2:], w)
	if f != 0 {
		b := math.Float64bits(f)
		mant, exp := int64(b&(1<<52-1)), int(b>>52&0x7FF)
		if exp > 0 {
			mant, exp = mant|1<<52, exp-1
		}
		if b>>63 != 0 {
			mant = -mant
		}
		hi, lo := mul128(mant, w)
		st = addShifted(st, lo, hi, signWord(hi), exp)
	}
	if n == 0 {
		return floatTidy(st)
	}
	return st
}

// addSquare adds w times f² to a sum of squares; f is finite.
func addSquare(st []byte, f float64, w int64) []byte {
	if len(st) == 0 {
		st = append(st, make([]byte, floatHead)...)
	}
	n := addInt(st[2:], w)
	if f != 0 {
		b := math.Float64bits(f)
		mant, exp := b&(1<<52-1), int(b>>52&0x7FF)
		if exp > 0 {
			mant, exp = mant|1<<52, exp-1
		}
		hi, lo := bits.Mul64(mant, mant)
		x0, x1, x2 := mul192(hi, lo, w)
		st = addShifted(st, x0, x1, x2, 2*exp)
	}
	if n == 0 {
		return floatTidy(st)
	}
	return st
}

// addShifted adds a signed three-word number shifted left by exp bits.
func addShifted(st []byte, x0, x1, x2 uint64, exp int) []byte {
	word, shift := exp>>6, uint(exp&63)
	x := [4]uint64{x0, x1, x2, signWord(x2)}
	if shift != 0 {
		x = [4]uint64{x0 << shift, x1<<shift | x0>>(64-shift), x2<<shift | x1>>(64-shift), uint64(int64(x2) >> (64 - shift))}
	}
	n := 4
	for n > 1 && x[n-1] == signWord(x[n-2]) {
		n--
	}
	st = floatWindow(st, word, word+n)
	if top, grow := addWide(st[floatBody(st):], word-int(st[1]), x[:n]...); grow {
		st = le.AppendUint64(st, top)
	}
	return floatTrim(st)
}

// floatWindow makes the window reach from word lo to before word hi.
func floatWindow(st []byte, lo, hi int) []byte {
	body := floatBody(st)
	n := (len(st) - body) / 8
	if n == 0 {
		st[1] = byte(lo)
		return append(st, make([]byte, (hi-lo)*8)...)
	}
	if below := int(st[1]) - lo; below > 0 {
		st = append(st, make([]byte, below*8)...)
		copy(st[body+below*8:], st[body:len(st)-below*8])
		clear(st[body : body+below*8])
		st[1] = byte(lo)
		n += below
	}
	for ext := signWord(load(st[body:], n-1)); int(st[1])+n < hi; n++ {
		st = le.AppendUint64(st, ext)
	}
	return st
}

// floatTrim drops words at the top that only repeat the sign.
func floatTrim(st []byte) []byte {
	words := st[floatBody(st):]
	n := len(words) / 8
	for n > 1 && load(words, n-1) == signWord(load(words, n-2)) {
		n--
	}
	return st[:len(st)-len(words)+n*8]
}

func addFloatSpecial(st []byte, f float64, w int64) []byte {
	if st[0]&floatSpecials == 0 {
		out := append(append([]byte(nil), st[:floatHead]...), make([]byte, floatSpecialLen)...)
		out[0] |= floatSpecials
		st = append(out, st[floatHead:]...)
	}
	at := floatHead
	if f == f {
		if at += 8; f < 0 {
			at += 8
		}
	}
	addInt(st[at:], w)
	return st
}

// floatTidy drops what is zero; nothing is left of a sum from which everything was taken out.
func floatTidy(st []byte) []byte {
	body := floatBody(st)
	if body > floatHead && isZero(st[floatHead:body]) {
		st = append(st[:floatHead], st[body:]...)
		st[0] &^= floatSpecials
		body = floatHead
	}
	if isZero(st[body:]) {
		st = st[:body]
	}
	if len(st) == floatHead && loadInt(st[2:]) == 0 {
		return st[:0]
	}
	return st
}

func mergeFloat(a, b []byte) []byte {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return append(a, b...)
	}
	addInt(a[2:], loadInt(b[2:]))
	if b[0]&floatSpecials != 0 {
		for i, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			a = addFloatSpecial(a, f, loadInt(b[floatHead+i*8:]))
		}
	}
	words := b[floatBody(b):]
	if n := len(words) / 8; n > 0 {
		x := make([]uint64, n)
		for i := range x {
			x[i] = load(words, i)
		}
		lo := int(b[1])
		a = floatWindow(a, lo, lo+n)
		if top, grow := addWide(a[floatBody(a):], lo-int(a[1]), x...); grow {
			a = le.AppendUint64(a, top)
		}
		a = floatTrim(a)
	}
	return floatTidy(a)
}

// floatTotal is what an accumulator says.
type floatTotal struct {
	n, nan, posInf, negInf int64
	words                  []byte
	first                  int // word at which words begins
}

func totalFloat(st []byte) floatTotal {
	if len(st) == 0 {
		return floatTotal{}
	}
	t := floatTotal{n: loadInt(st[2:]), words: st[floatBody(st):], first: int(st[1])}
	if st[0]&floatSpecials != 0 {
		t.nan, t.posInf, t.negInf = loadInt(st[floatHead:]), loadInt(st[floatHead+8:]), loadInt(st[floatHead+16:])
	}
	return t
}

func (t *floatTotal) count() int64 { return t.n + t.nan + t.posInf + t.negInf }

// special returns the sum that the special values force.
func (t *floatTotal) special() (float64, bool) {
	switch {
	case t.nan != 0 || t.posInf != 0 && t.negInf != 0:
		return math.NaN(), true
	case t.posInf != 0:
		return math.Inf(1), true
	case t.negInf != 0:
		return math.Inf(-1), true
	}
	return 0, false
}

// big returns the sum in units of 2^-1074.
func (t *floatTotal) big() *big.Int {
	x := wideBig(t.words)
	return x.Lsh(x, uint(t.first*64))
}

// round returns the sum as the nearest float with so many bits of mantissa, ties to even.
func (t *floatTotal) round(mantBits, minExp int) float64 {
	n := len(t.words) / 8
	if n == 0 {
		return 0
	}
	var space [40]uint64
	w := space[:0]
	neg := load(t.words, n-1)>>63 != 0
	borrow := uint64(0)
	for i := range n {
		x := load(t.words, i)
		if neg {
			x, borrow = bits.Sub64(0, x, borrow)
		}
		w = append(w, x)
	}
	for n > 0 && w[n-1] == 0 {
		n--
	}
	if n == 0 {
		return 0
	}
	length := n*64 - bits.LeadingZeros64(w[n-1])
	// Bits below drop are rounded away; a float cannot count less than 2^minExp.
	drop := max(length-mantBits, minExp+unitExp-t.first*64)
	if drop > length {
		return 0
	}
	mant := w[0] // all of it when nothing is dropped
	if drop > 0 {
		mant = bitsAt(w[:n], drop)
		half := w[(drop-1)>>6]>>(uint(drop-1)&63)&1 != 0
		if half && (mant&1 != 0 || anyBelow(w, drop-1)) {
			mant++
		}
	}
	drop = max(drop, 0)
	f := math.Ldexp(float64(mant), drop+t.first*64-unitExp)
	if neg {
		f = -f
	}
	return f
}

// bitsAt returns the bits of w from bit at up; they fit one word.
func bitsAt(w []uint64, at int) uint64 {
	i, s := at>>6, uint(at&63)
	if i >= len(w) {
		return 0
	}
	x := w[i] >> s
	if s > 0 && i+1 < len(w) {
		x |= w[i+1] << (64 - s)
	}
	return x
}

// anyBelow tells whether a bit below bit at is set.
func anyBelow(w []uint64, at int) bool {
	for i := range at >> 6 {
		if w[i] != 0 {
			return true
		}
	}
	return w[at>>6]&(1<<(uint(at)&63)-1) != 0
}

var errOverflow = sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")

// value returns the sum rounded for type t.
func (t *floatTotal) value(ty types.Type) (float64, error) {
	if f, ok := t.special(); ok {
		return f, nil
	}
	f := 0.0
	if ty.ID == types.Float4 {
		if f = t.round(24, -149); math.Abs(f) > math.MaxFloat32 {
			return 0, errOverflow
		}
	} else {
		f = t.round(53, -unitExp)
	}
	if math.IsInf(f, 0) {
		return 0, errOverflow
	}
	return f, nil
}
