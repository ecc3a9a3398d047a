package types

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"

	"tidemill/sql/sqlerr"
)

// scaleUp64 returns c × 10^n when it fits.
func scaleUp64(c int64, n int) (int64, bool) {
	if n >= 19 {
		return 0, c == 0
	}
	hi, lo := bits.Mul64(absU64(c), pow10u[n])
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if c < 0 {
		return -int64(lo), true
	}
	return int64(lo), true
}

// align64 brings two small values to the greater of their scales.
func align64(x int64, sx int, y int64, sy int) (int64, int64, int, bool) {
	ok := true
	switch {
	case sx < sy:
		x, ok = scaleUp64(x, sy-sx)
		return x, y, sy, ok
	case sy < sx:
		y, ok = scaleUp64(y, sx-sy)
	}
	return x, y, sx, ok
}

func alignBig(a, b []byte) (x, y *big.Int, scale int) {
	x, sx := loadBig(a)
	y, sy := loadBig(b)
	switch {
	case sx < sy:
		return x.Mul(x, bigPow10(sy-sx)), y, sy
	case sy < sx:
		y.Mul(y, bigPow10(sx-sy))
	}
	return x, y, sx
}

// NumericAdd appends a+b.
func NumericAdd(dst, a, b []byte) ([]byte, error) {
	if x, sx, ok := numSmall(a); ok {
		if y, sy, ok := numSmall(b); ok {
			if x, y, s, ok := align64(x, sx, y, sy); ok {
				if z := x + y; (z > x) == (y > 0) {
					return appendSmall(dst, z, s), nil
				}
			}
		}
	}
	if numSpecial(a) || numSpecial(b) {
		return addSpecial(dst, a, b, false), nil
	}
	x, y, s := alignBig(a, b)
	return storeChecked(dst, x.Add(x, y), s)
}

// NumericSub appends a-b.
func NumericSub(dst, a, b []byte) ([]byte, error) {
	if x, sx, ok := numSmall(a); ok {
		if y, sy, ok := numSmall(b); ok {
			if x, y, s, ok := align64(x, sx, y, sy); ok {
				if z := x - y; (z < x) == (y > 0) {
					return appendSmall(dst, z, s), nil
				}
			}
		}
	}
	if numSpecial(a) || numSpecial(b) {
		return addSpecial(dst, a, b, true), nil
	}
	x, y, s := alignBig(a, b)
	return storeChecked(dst, x.Sub(x, y), s)
}

func addSpecial(dst, a, b []byte, sub bool) []byte {
	if NumericIsNaN(a) || NumericIsNaN(b) {
		return append(dst, numNaN)
	}
	sb := NumericSign(b)
	if sub {
		sb = -sb
	}
	switch {
	case numSpecial(a) && numSpecial(b) && NumericSign(a) != sb:
		return append(dst, numNaN)
	case numSpecial(a):
		return append(dst, a...)
	}
	return NumericInf(dst, sb)
}

// NumericMul appends a×b, exact: its scale is the sum of the scales.
func NumericMul(dst, a, b []byte) ([]byte, error) {
	if x, sx, ok := numSmall(a); ok {
		if y, sy, ok := numSmall(b); ok && sx+sy <= numSmallScaleMax {
			hi, lo := bits.Mul64(absU64(x), absU64(y))
			if hi == 0 && lo <= math.MaxInt64 {
				z := int64(lo)
				if (x < 0) != (y < 0) {
					z = -z
				}
				return appendSmall(dst, z, sx+sy), nil
			}
		}
	}
	if numSpecial(a) || numSpecial(b) {
		s := NumericSign(a) * NumericSign(b)
		if NumericIsNaN(a) || NumericIsNaN(b) || s == 0 {
			return append(dst, numNaN), nil
		}
		return NumericInf(dst, s), nil
	}
	x, sx := loadBig(a)
	y, sy := loadBig(b)
	return storeChecked(dst, x.Mul(x, y), sx+sy)
}

// leadGroup returns the weight (in groups of four digits) and the value of the leading base-10000
// digit of a coefficient: what Postgres's scale rules for division look at.
func leadGroup(coef *big.Int, scale int) (weight, first int) {
	if coef.Sign() == 0 {
		return 0, 0
	}
	nd := bigDigits(coef)
	exp := nd - 1 - scale
	weight = exp >> 2 // floor division
	want := exp - 4*weight + 1
	top := new(big.Int).Abs(coef)
	if nd > want {
		top.Quo(top, bigPow10(nd-want))
	} else {
		top.Mul(top, bigPow10(want-nd))
	}
	return weight, int(top.Int64())
}

func leadGroup64(c int64, scale int) (weight, first int) {
	if c == 0 {
		return 0, 0
	}
	u := absU64(c)
	nd := u64Digits(u)
	exp := nd - 1 - scale
	weight = exp >> 2
	want := exp - 4*weight + 1
	if nd > want {
		return weight, int(u / pow10u[nd-want])
	}
	return weight, int(u * pow10u[want-nd])
}

// divScale is Postgres's select_div_scale: at least 16 significant digits in the quotient.
func divScale(w1, f1, s1, w2, f2, s2 int) int {
	q := w1 - w2
	if f1 <= f2 {
		q--
	}
	return min(max(numMinSigDigits-q*4, s1, s2, 0), numDisplayMax)
}

func divByZero() error { return sqlerr.New(sqlerr.DivisionByZero, "division by zero") }

// NumericDiv appends a/b with the scale that Postgres chooses, rounded half away from zero.
func NumericDiv(dst, a, b []byte) ([]byte, error) {
	if numSpecial(a) || numSpecial(b) {
		return divSpecial(dst, a, b)
	}
	x, sx, ok1 := numSmall(a)
	y, sy, ok2 := numSmall(b)
	if ok1 && ok2 {
		if y == 0 {
			return dst, divByZero()
		}
		w1, f1 := leadGroup64(x, sx)
		w2, f2 := leadGroup64(y, sy)
		rs := divScale(w1, f1, sx, w2, f2, sy)
		if hi, lo, ok := div128(x, y, rs+sy-sx); ok {
			return append128(dst, hi, lo, (x < 0) != (y < 0), rs), nil
		}
	}
	bx, sx := loadBig(a)
	by, sy := loadBig(b)
	if by.Sign() == 0 {
		return dst, divByZero()
	}
	w1, f1 := leadGroup(bx, sx)
	w2, f2 := leadGroup(by, sy)
	rs := divScale(w1, f1, sx, w2, f2, sy)
	return storeChecked(dst, divBig(bx, sx, by, sy, rs), rs)
}

// divBig returns x/y rounded to scale rs as a coefficient.
func divBig(x *big.Int, sx int, y *big.Int, sy, rs int) *big.Int {
	if e := rs + sy - sx; e >= 0 {
		x = new(big.Int).Mul(x, bigPow10(e))
	} else {
		y = new(big.Int).Mul(y, bigPow10(-e))
	}
	return divRound(x, y)
}

// div128 returns |x| × 10^e / |y| rounded half away from zero, when it fits.
func div128(x, y int64, e int) (hi, lo uint64, ok bool) {
	ux, uy := absU64(x), absU64(y)
	if e > 19 && e < 39 { // 10^e takes two steps
		h, l := bits.Mul64(ux, pow10u[e-19])
		if h != 0 {
			return 0, 0, false
		}
		ux, e = l, 19
	}
	if e < 0 || e >= len(pow10u) {
		return 0, 0, false
	}
	hi, lo = bits.Mul64(ux, pow10u[e])
	hi, r := hi/uy, hi%uy
	lo, r = bits.Div64(r, lo, uy)
	if r >= uy-r {
		var carry uint64
		lo, carry = bits.Add64(lo, 1, 0)
		hi += carry
	}
	return hi, lo, true
}

// append128 appends a value whose coefficient has up to 128 bits.
func append128(dst []byte, hi, lo uint64, neg bool, scale int) []byte {
	if hi == 0 && lo <= math.MaxInt64 && scale <= numSmallScaleMax {
		c := int64(lo)
		if neg {
			c = -c
		}
		return appendSmall(dst, c, scale)
	}
	if neg && hi == 0 && lo == 1<<63 && scale <= numSmallScaleMax {
		return appendSmall(dst, math.MinInt64, scale)
	}
	tag := byte(numBigPos)
	if neg && hi|lo != 0 {
		tag = numBigNeg
	}
	dst = append(dst, tag, byte(scale), byte(scale>>8))
	var buf [16]byte
	binary.BigEndian.PutUint64(buf[:], hi)
	binary.BigEndian.PutUint64(buf[8:], lo)
	return append(dst, bytes.TrimLeft(buf[:], "\x00")...)
}

func divSpecial(dst, a, b []byte) ([]byte, error) {
	switch {
	case NumericIsNaN(a) || NumericIsNaN(b):
		return append(dst, numNaN), nil
	case numSpecial(a) && numSpecial(b):
		return append(dst, numNaN), nil
	case numSpecial(b):
		return appendSmall(dst, 0, 0), nil
	}
	s := NumericSign(b)
	if s == 0 {
		return dst, divByZero()
	}
	return NumericInf(dst, s*NumericSign(a)), nil
}

// NumericDivTrunc appends the integer quotient a/b, cut towards zero: div(a, b).
func NumericDivTrunc(dst, a, b []byte) ([]byte, error) {
	if numSpecial(a) || numSpecial(b) {
		return divSpecial(dst, a, b)
	}
	x, y, _ := alignBig(a, b)
	if y.Sign() == 0 {
		return dst, divByZero()
	}
	return storeChecked(dst, x.Quo(x, y), 0)
}

// NumericMod appends the remainder of a/b; it has the sign of a.
func NumericMod(dst, a, b []byte) ([]byte, error) {
	if numSpecial(a) || numSpecial(b) {
		switch {
		case NumericIsNaN(a) || NumericIsNaN(b):
			return append(dst, numNaN), nil
		case NumericSign(b) == 0:
			return dst, divByZero()
		case numSpecial(a):
			return append(dst, numNaN), nil
		}
		return append(dst, a...), nil
	}
	if x, sx, ok := numSmall(a); ok {
		if y, sy, ok := numSmall(b); ok {
			if y == 0 {
				return dst, divByZero()
			}
			if x, y, s, ok := align64(x, sx, y, sy); ok {
				if y == -1 { // MinInt64 % -1 traps on some machines
					return appendSmall(dst, 0, s), nil
				}
				return appendSmall(dst, x%y, s), nil
			}
		}
	}
	x, y, s := alignBig(a, b)
	if y.Sign() == 0 {
		return dst, divByZero()
	}
	return storeBig(dst, x.Rem(x, y), s), nil
}

// NumericNeg appends -a.
func NumericNeg(dst, a []byte) []byte {
	if c, s, ok := numSmall(a); ok && c != math.MinInt64 {
		return appendSmall(dst, -c, s)
	}
	if numSpecial(a) {
		if a[0] == numNaN {
			return append(dst, numNaN)
		}
		return NumericInf(dst, -NumericSign(a))
	}
	c, s := loadBig(a)
	return storeBig(dst, c.Neg(c), s)
}

// NumericAbs appends |a|.
func NumericAbs(dst, a []byte) []byte {
	if NumericSign(a) < 0 {
		return NumericNeg(dst, a)
	}
	return append(dst, a...)
}

// NumericCmp compares by value: -Infinity < finite < Infinity < NaN, and NaN = NaN.
func NumericCmp(a, b []byte) int {
	if x, sx, ok := numSmall(a); ok {
		if y, sy, ok := numSmall(b); ok {
			if x, y, _, ok := align64(x, sx, y, sy); ok {
				return cmp.Compare(x, y)
			}
			if sa, sb := cmp.Compare(x, 0), cmp.Compare(y, 0); sa != sb {
				return cmp.Compare(sa, sb)
			}
		}
	}
	if numSpecial(a) || numSpecial(b) {
		return cmp.Compare(specialRank(a), specialRank(b))
	}
	x, y, _ := alignBig(a, b)
	return x.Cmp(y)
}

func specialRank(a []byte) int {
	if !numSpecial(a) {
		return 1
	}
	switch a[0] {
	case numNegInf:
		return 0
	case numPosInf:
		return 2
	}
	return 3
}

type roundMode uint8

const (
	roundHalfAway roundMode = iota
	roundTrunc
	roundCeil
	roundFloor
)

// NumericRound appends a rounded half away from zero to scale fractional digits; a negative scale
// rounds before the decimal point.
func NumericRound(dst, a []byte, scale int) []byte { return numericRound(dst, a, scale, roundHalfAway) }

// NumericTrunc appends a cut to scale fractional digits.
func NumericTrunc(dst, a []byte, scale int) []byte { return numericRound(dst, a, scale, roundTrunc) }

// NumericCeil appends a rounded up to scale fractional digits.
func NumericCeil(dst, a []byte, scale int) []byte { return numericRound(dst, a, scale, roundCeil) }

// NumericFloor appends a rounded down to scale fractional digits.
func NumericFloor(dst, a []byte, scale int) []byte { return numericRound(dst, a, scale, roundFloor) }

func numericRound(dst, a []byte, scale int, mode roundMode) []byte {
	if numSpecial(a) {
		return append(dst, a...)
	}
	scale = min(max(scale, -numIntDigitsMax), numScaleMax)
	if c, s, ok := numSmall(a); ok && scale >= 0 && scale <= numSmallScaleMax {
		if scale == s {
			return append(dst, a...)
		}
		if scale > s {
			if up, ok := scaleUp64(c, scale-s); ok {
				return appendSmall(dst, up, scale)
			}
		} else if s-scale < 19 {
			return appendSmall(dst, cut64(c, pow10u[s-scale], mode), scale)
		}
	}
	coef, s := loadBig(a)
	if scale >= s {
		out, err := storeChecked(dst, roundBig(coef, s, scale), scale)
		if err != nil {
			return append(dst, a...)
		}
		return out
	}
	d := bigPow10(s - scale)
	q := cutBig(coef, d, mode)
	if scale < 0 {
		q.Mul(q, bigPow10(-scale))
		scale = 0
	}
	return storeBig(dst, q, scale)
}

func cut64(c int64, d uint64, mode roundMode) int64 {
	if mode == roundHalfAway {
		return divRound64(c, d)
	}
	q, r := c/int64(d), c%int64(d)
	switch {
	case mode == roundCeil && r > 0:
		q++
	case mode == roundFloor && r < 0:
		q--
	}
	return q
}

func cutBig(c, d *big.Int, mode roundMode) *big.Int {
	if mode == roundHalfAway {
		return divRound(c, d)
	}
	q, r := new(big.Int).QuoRem(c, d, new(big.Int))
	switch {
	case mode == roundCeil && r.Sign() > 0:
		q.Add(q, big.NewInt(1))
	case mode == roundFloor && r.Sign() < 0:
		q.Sub(q, big.NewInt(1))
	}
	return q
}

// NumericFit appends a coerced to numeric(precision, scale).
func NumericFit(dst, a []byte, precision, scale int) ([]byte, error) {
	if numSpecial(a) {
		if NumericIsNaN(a) {
			return append(dst, a...), nil
		}
		return dst, sqlerr.New(sqlerr.NumericValueOutOfRange, "numeric field overflow").WithDetail(
			"A field with precision %d, scale %d cannot hold an infinite value.", precision, scale)
	}
	base := len(dst)
	dst = NumericRound(dst, a, scale)
	digits := 0
	if c, _, ok := numSmall(dst[base:]); ok {
		digits = u64Digits(absU64(c))
	} else {
		c, _ := loadBig(dst[base:])
		digits = bigDigits(c)
	}
	if digits-max(scale, 0) > precision-scale && digits > 0 {
		limit := "1"
		if n := precision - scale; n != 0 {
			limit = "10^" + itoa(n)
		}
		return dst[:base], sqlerr.New(sqlerr.NumericValueOutOfRange, "numeric field overflow").WithDetail(
			"A field with precision %d, scale %d must round to an absolute value less than %s.",
			precision, scale, limit)
	}
	return dst, nil
}
