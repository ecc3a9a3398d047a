package types

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"strconv"

	"tidemill/sql/sqlerr"
)

// The in-column form of numeric is one of
//
//	small     s c c c c c c c c   s = display scale 0…127, c = int64 coefficient, little endian
//	big       0x80 s s m…         positive: display scale as uint16 LE, magnitude big endian
//	          0x81 s s m…         negative
//	special   0xF0 | 0xF1 | 0xF2  -Infinity, Infinity, NaN
//
// and means coefficient × 10^-scale. A value that fits the small form is always in it, so a value
// with its display scale has exactly one encoding; NumericCanonical takes the display scale out too
// and makes equal values equal bytes. Functions take encoded values and append the encoded result
// to dst; they do not allocate while both operands and the result are small.
const (
	numBigPos        = 0x80
	numBigNeg        = 0x81
	numNegInf        = 0xF0
	numPosInf        = 0xF1
	numNaN           = 0xF2
	numSmallScaleMax = 127
	numSmallLen      = 9

	numScaleMax     = 16383  // display scale that numeric can store
	numIntDigitsMax = 131072 // digits before the decimal point
	numDisplayMax   = 1000   // display scale that division and functions choose at most
	numMinSigDigits = 16
)

var pow10u = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

var big10 = big.NewInt(10)

func numOverflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
}

// numSmall decodes the small form.
func numSmall(a []byte) (coef int64, scale int, ok bool) {
	if len(a) != numSmallLen || a[0] > numSmallScaleMax {
		return 0, 0, false
	}
	return int64(binary.LittleEndian.Uint64(a[1:])), int(a[0]), true
}

func appendSmall(dst []byte, coef int64, scale int) []byte {
	dst = append(dst, byte(scale))
	return binary.LittleEndian.AppendUint64(dst, uint64(coef))
}

// numSpecial tells whether a is NaN or an infinity.
func numSpecial(a []byte) bool { return len(a) == 1 }

// loadBig decodes a finite value.
func loadBig(a []byte) (coef *big.Int, scale int) {
	if c, s, ok := numSmall(a); ok {
		return big.NewInt(c), s
	}
	coef = new(big.Int)
	if len(a) < 3 {
		return coef, 0
	}
	coef.SetBytes(a[3:])
	if a[0] == numBigNeg {
		coef.Neg(coef)
	}
	return coef, int(binary.LittleEndian.Uint16(a[1:]))
}

// storeBig appends a finite value whose scale is valid.
func storeBig(dst []byte, coef *big.Int, scale int) []byte {
	if scale <= numSmallScaleMax && coef.IsInt64() {
		return appendSmall(dst, coef.Int64(), scale)
	}
	tag := byte(numBigPos)
	if coef.Sign() < 0 {
		tag = numBigNeg
	}
	dst = append(dst, tag, byte(scale), byte(scale>>8))
	return append(dst, coef.Bytes()...)
}

// storeChecked is storeBig for results that may have outgrown the format.
func storeChecked(dst []byte, coef *big.Int, scale int) ([]byte, error) {
	if scale > numScaleMax {
		coef = roundBig(coef, scale, numScaleMax)
		scale = numScaleMax
	}
	// 3.32 bits per digit: only values near the limit are worth an exact count.
	if coef.BitLen() > 435000 && bigDigits(coef)-scale > numIntDigitsMax {
		return dst, numOverflow()
	}
	return storeBig(dst, coef, scale), nil
}

// bigDigits counts the decimal digits of |x|; 0 has none.
func bigDigits(x *big.Int) int {
	if x.Sign() == 0 {
		return 0
	}
	if x.IsInt64() {
		return u64Digits(absU64(x.Int64()))
	}
	n := int(float64(x.BitLen()-1)*0.30102999566398120) + 1
	if new(big.Int).Abs(x).Cmp(bigPow10(n)) >= 0 {
		n++
	}
	return n
}

func bigPow10(n int) *big.Int {
	if n < len(pow10u) {
		return new(big.Int).SetUint64(pow10u[n])
	}
	return new(big.Int).Exp(big10, big.NewInt(int64(n)), nil)
}

func absU64(v int64) uint64 {
	if v < 0 {
		return uint64(-v)
	}
	return uint64(v)
}

func u64Digits(v uint64) int {
	if v == 0 {
		return 0
	}
	n := bits.Len64(v) * 1233 >> 12
	if v >= pow10u[n] {
		n++
	}
	return n
}

// roundBig changes the scale of a coefficient, rounding halves away from zero.
func roundBig(coef *big.Int, from, to int) *big.Int {
	if to >= from {
		if to == from {
			return coef
		}
		return new(big.Int).Mul(coef, bigPow10(to-from))
	}
	return divRound(coef, bigPow10(from-to))
}

// divRound returns x/y rounded half away from zero.
func divRound(x, y *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	r.Abs(r).Lsh(r, 1)
	if r.CmpAbs(y) >= 0 {
		if (x.Sign() < 0) != (y.Sign() < 0) {
			q.Sub(q, big.NewInt(1))
		} else {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

// NumericFromInt64 appends v.
func NumericFromInt64(dst []byte, v int64) []byte { return appendSmall(dst, v, 0) }

// NumericNaN appends NaN.
func NumericNaN(dst []byte) []byte { return append(dst, numNaN) }

// NumericInf appends Infinity, or -Infinity for a negative sign.
func NumericInf(dst []byte, sign int) []byte {
	if sign < 0 {
		return append(dst, numNegInf)
	}
	return append(dst, numPosInf)
}

// NumericFromBig appends coef × 10^-scale; scale must be in 0…16383.
func NumericFromBig(dst []byte, coef *big.Int, scale int) []byte { return storeBig(dst, coef, scale) }

// NumericBig returns the value as coefficient and scale; ok is false for NaN and infinities.
func NumericBig(a []byte) (coef *big.Int, scale int, ok bool) {
	if numSpecial(a) {
		return nil, 0, false
	}
	coef, scale = loadBig(a)
	return coef, scale, true
}

// NumericFromFloat64 appends v as Postgres's cast from double precision does: 15 significant digits.
func NumericFromFloat64(dst []byte, v float64) []byte { return numFromFloat(dst, v, 15) }

// NumericFromFloat32 appends v as Postgres's cast from real does: 6 significant digits.
func NumericFromFloat32(dst []byte, v float64) []byte { return numFromFloat(dst, v, 6) }

func numFromFloat(dst []byte, v float64, digits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, numNaN)
	case math.IsInf(v, 0):
		return NumericInf(dst, int(math.Copysign(1, v)))
	}
	var buf [32]byte
	out, _ := numericParse(dst, strconv.AppendFloat(buf[:0], v, 'g', digits, 64), true)
	return out
}

// NumericIsNaN tells whether a is NaN.
func NumericIsNaN(a []byte) bool { return len(a) == 1 && a[0] == numNaN }

// NumericIsInf tells whether a is one of the infinities.
func NumericIsInf(a []byte) bool { return len(a) == 1 && a[0] != numNaN }

// NumericSign returns -1, 0 or 1; NaN gives 1 because it sorts last.
func NumericSign(a []byte) int {
	if c, _, ok := numSmall(a); ok {
		switch {
		case c < 0:
			return -1
		case c > 0:
			return 1
		}
		return 0
	}
	if len(a) > 0 && (a[0] == numBigNeg || a[0] == numNegInf) {
		return -1
	}
	return 1
}

// NumericScale returns the display scale; 0 for NaN and infinities.
func NumericScale(a []byte) int {
	switch {
	case len(a) == numSmallLen && a[0] <= numSmallScaleMax:
		return int(a[0])
	case len(a) < 3:
		return 0
	}
	return int(binary.LittleEndian.Uint16(a[1:]))
}

// NumericCanonical appends a without trailing fractional zeros: equal values give equal bytes.
func NumericCanonical(dst, a []byte) []byte {
	if c, s, ok := numSmall(a); ok {
		if c == 0 {
			return appendSmall(dst, 0, 0)
		}
		for s > 0 && c%10 == 0 {
			c /= 10
			s--
		}
		return appendSmall(dst, c, s)
	}
	if numSpecial(a) {
		return append(dst, a...)
	}
	coef, s := loadBig(a)
	if coef.Sign() == 0 {
		return appendSmall(dst, 0, 0)
	}
	r, q := new(big.Int), new(big.Int)
	for s > 0 {
		if q.QuoRem(coef, big10, r); r.Sign() != 0 {
			break
		}
		coef, q = q, coef
		s--
	}
	return storeBig(dst, coef, s)
}

// NumericToInt64 rounds half away from zero. Its errors name bigint, as Postgres's cast does.
func NumericToInt64(a []byte) (int64, error) { return numericToInt(a, "bigint") }

// numericToInt is NumericToInt64 with the target's name for the errors.
func numericToInt(a []byte, target string) (int64, error) {
	if c, s, ok := numSmall(a); ok {
		if s == 0 {
			return c, nil
		}
		if s < len(pow10u) {
			return divRound64(c, pow10u[s]), nil
		}
		return 0, nil
	}
	if numSpecial(a) {
		what := "infinity"
		if a[0] == numNaN {
			what = "NaN"
		}
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert %s to %s", what, target)
	}
	coef, s := loadBig(a)
	coef = roundBig(coef, s, 0)
	if !coef.IsInt64() {
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", target)
	}
	return coef.Int64(), nil
}

// divRound64 divides by a power of ten, rounding half away from zero.
func divRound64(c int64, d uint64) int64 {
	u := absU64(c)
	q, r := u/d, u%d
	if r >= d-r {
		q++
	}
	if c < 0 {
		return -int64(q)
	}
	return int64(q)
}

var pow10f = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
	1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// NumericToFloat64 returns the nearest float64.
func NumericToFloat64(a []byte) float64 {
	if c, s, ok := numSmall(a); ok && s < len(pow10f) && c < 1<<53 && c > -1<<53 {
		return float64(c) / pow10f[s] // both exact, so the quotient is correctly rounded
	}
	if numSpecial(a) {
		switch a[0] {
		case numNaN:
			return math.NaN()
		case numNegInf:
			return math.Inf(-1)
		}
		return math.Inf(1)
	}
	var buf [64]byte
	f, _ := strconv.ParseFloat(string(NumericAppendText(buf[:0], a)), 64)
	return f
}

// NumericFromScaled appends v × 10^-scale; scale must be in 0…127.
func NumericFromScaled(dst []byte, v int64, scale int) []byte { return appendSmall(dst, v, scale) }
