package types

import (
	"math"
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"tidemill/sql/sqlerr"
)

// The functions here follow Postgres's rules for the scale of a result (about 16 significant
// digits, never fewer fractional digits than the arguments have) and compute the value itself with
// apd or big.Int at a precision that makes the last digit right.

func toApd(a []byte) *apd.Decimal {
	c, s := loadBig(a)
	d := new(apd.Decimal)
	d.Negative = c.Sign() < 0
	d.Coeff.SetMathBigInt(c.Abs(c))
	d.Exponent = int32(-s)
	return d
}

// fromApd appends d rounded half away from zero to the given scale.
func fromApd(dst []byte, d *apd.Decimal, scale int) ([]byte, error) {
	c := d.Coeff.MathBigInt()
	if d.Negative {
		c.Neg(c)
	}
	from := -int(d.Exponent)
	if from < 0 {
		if -from > numIntDigitsMax {
			return dst, numOverflow()
		}
		c.Mul(c, bigPow10(-from))
		from = 0
	}
	return storeChecked(dst, roundBig(c, from, scale), scale)
}

func apdContext(digits int) *apd.Context {
	c := apd.BaseContext.WithPrecision(uint32(max(digits, 20)))
	c.Traps = 0
	c.MaxExponent, c.MinExponent = apd.MaxExponent, apd.MinExponent
	return c
}

func clampScale(s int) int { return min(max(s, 0), numDisplayMax) }

// NumericSqrt appends the square root.
func NumericSqrt(dst, a []byte) ([]byte, error) {
	if NumericIsNaN(a) {
		return append(dst, numNaN), nil
	}
	if NumericSign(a) < 0 {
		return dst, sqlerr.New(sqlerr.InvalidArgumentForPower, "cannot take square root of a negative number")
	}
	if numSpecial(a) {
		return append(dst, a...), nil
	}
	c, s := loadBig(a)
	w, _ := leadGroup(c, s)
	sweight := (w+1)*2 - 1
	rs := clampScale(max(numMinSigDigits-sweight, s))
	// floor(sqrt(x·10^2(rs+1))) has one digit more than wanted; roundBig drops it.
	e := 2*(rs+1) - s
	if e < 0 {
		c.Quo(c, bigPow10(-e))
	} else {
		c.Mul(c, bigPow10(e))
	}
	c.Sqrt(c)
	return storeChecked(dst, roundBig(c, rs+1, rs), rs)
}

// NumericExp appends e^a.
func NumericExp(dst, a []byte) ([]byte, error) {
	if numSpecial(a) {
		if a[0] == numNegInf {
			return appendSmall(dst, 0, 0), nil
		}
		return append(dst, a...), nil
	}
	val := NumericToFloat64(a) * 0.434294481903252
	val = min(max(val, -2000), 2000)
	rs := clampScale(max(numMinSigDigits-int(val), NumericScale(a)))
	if x := NumericToFloat64(a); x > 310000 {
		return dst, numOverflow()
	} else if x < -6000*2.302585092994046 {
		return storeBig(dst, new(big.Int), rs), nil
	}
	out := new(apd.Decimal)
	if _, err := apdContext(rs+int(max(NumericToFloat64(a)*0.4343, 0))+12).Exp(out, toApd(a)); err != nil {
		return dst, numOverflow()
	}
	return fromApd(dst, out, rs)
}

// lnWeight is Postgres's estimate_ln_dweight: the decimal weight of ln(a).
func lnWeight(a []byte) int {
	if NumericSign(a) <= 0 {
		return 0
	}
	lo, hi := NumericFromBig(nil, big.NewInt(9), 1), NumericFromBig(nil, big.NewInt(11), 1)
	if NumericCmp(a, lo) >= 0 && NumericCmp(a, hi) <= 0 {
		// ln(a) is about a-1 near 1.
		x, err := NumericSub(nil, a, NumericFromInt64(nil, 1))
		if err != nil || NumericSign(x) == 0 {
			return 0
		}
		c, s := loadBig(x)
		w, f := leadGroup(c, s)
		return w*4 + int(math.Log10(float64(f)))
	}
	c, s := loadBig(a)
	digits := new(big.Int).Abs(c)
	w, _ := leadGroup(c, s)
	// Up to two leading groups, as Postgres takes them.
	nd := bigDigits(digits)
	lead := (nd - 1 - s) - 4*w + 1 + 4
	if nd > lead {
		digits.Quo(digits, bigPow10(nd-lead))
	} else {
		digits.Mul(digits, bigPow10(lead-nd))
	}
	lnVar := math.Log(float64(digits.Int64())) + float64((w-1)*4)*math.Ln10
	return int(math.Log10(math.Abs(lnVar)))
}

// NumericLn appends the natural logarithm.
func NumericLn(dst, a []byte) ([]byte, error) {
	if NumericIsNaN(a) {
		return append(dst, numNaN), nil
	}
	if err := logDomain(a); err != nil {
		return dst, err
	}
	if numSpecial(a) {
		return append(dst, a...), nil
	}
	rs := clampScale(max(numMinSigDigits-lnWeight(a), NumericScale(a)))
	out, err := lnApd(a, rs+8)
	if err != nil {
		return dst, numOverflow()
	}
	return fromApd(dst, out, rs)
}

func logDomain(a []byte) error {
	switch NumericSign(a) {
	case 0:
		return sqlerr.New(sqlerr.InvalidArgumentForLog, "cannot take logarithm of zero")
	case -1:
		return sqlerr.New(sqlerr.InvalidArgumentForLog, "cannot take logarithm of a negative number")
	}
	return nil
}

// lnApd computes ln(a) right to the given number of fractional digits.
func lnApd(a []byte, fraction int) (*apd.Decimal, error) {
	out := new(apd.Decimal)
	if NumericCmp(a, NumericFromInt64(nil, 1)) == 0 {
		return out, nil
	}
	_, err := apdContext(fraction+16).Ln(out, toApd(a))
	return out, err
}

// NumericLog appends the logarithm of a to the given base.
func NumericLog(dst, base, a []byte) ([]byte, error) {
	if NumericIsNaN(base) || NumericIsNaN(a) {
		return append(dst, numNaN), nil
	}
	if err := logDomain(base); err != nil {
		return dst, err
	}
	if err := logDomain(a); err != nil {
		return dst, err
	}
	switch {
	case numSpecial(base) && numSpecial(a):
		return append(dst, numNaN), nil
	case numSpecial(a):
		return append(dst, a...), nil
	case numSpecial(base):
		return appendSmall(dst, 0, 0), nil
	}
	rs := numMinSigDigits - (lnWeight(a) - lnWeight(base))
	rs = clampScale(max(rs, NumericScale(base), NumericScale(a)))
	lb, err := lnApd(base, rs+30)
	if err != nil {
		return dst, numOverflow()
	}
	la, err := lnApd(a, rs+30)
	if err != nil {
		return dst, numOverflow()
	}
	if lb.IsZero() {
		return dst, divByZero()
	}
	out := new(apd.Decimal)
	if _, err := apdContext(rs+30).Quo(out, la, lb); err != nil {
		return dst, numOverflow()
	}
	return fromApd(dst, out, rs)
}

// NumericLog10 appends the decimal logarithm.
func NumericLog10(dst, a []byte) ([]byte, error) {
	return NumericLog(dst, NumericFromInt64(nil, 10), a)
}

// NumericPower appends a^b.
func NumericPower(dst, a, b []byte) ([]byte, error) {
	if numSpecial(a) || numSpecial(b) {
		return powerSpecial(dst, a, b)
	}
	sa, sb := NumericSign(a), NumericSign(b)
	if sa == 0 && sb < 0 {
		return dst, sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	}
	whole := NumericCmp(b, NumericTrunc(nil, b, 0)) == 0
	if sa < 0 && !whole {
		return dst, sqlerr.New(sqlerr.InvalidArgumentForPower,
			"a negative number raised to a non-integer power yields a complex result")
	}
	if whole {
		if e, err := NumericToInt64(b); err == nil && e == int64(int32(e)) {
			return powerInt(dst, a, int(e))
		}
	}
	if sa == 0 {
		return storeBig(dst, new(big.Int), numMinSigDigits), nil
	}
	odd := whole && NumericSign(mustMod2(b)) != 0
	abs := NumericAbs(nil, a)
	x := NumericToFloat64(b)
	lnA, err := lnApd(abs, 40)
	if err != nil {
		return dst, numOverflow()
	}
	lf, _ := lnA.Float64()
	val := x * lf
	if math.Abs(val) > 2000*3.01 {
		if val > 0 {
			return dst, numOverflow()
		}
		return storeBig(dst, new(big.Int), numDisplayMax), nil
	}
	val *= 0.434294481903252
	rs := clampScale(max(numMinSigDigits-int(val), NumericScale(a), NumericScale(b)))
	digits := rs + int(math.Abs(val)) + 24
	lnA, err = lnApd(abs, digits)
	if err != nil {
		return dst, numOverflow()
	}
	ctx, out := apdContext(digits+16), new(apd.Decimal)
	if _, err = ctx.Mul(out, lnA, toApd(b)); err == nil {
		_, err = ctx.Exp(out, out)
	}
	if err != nil {
		return dst, numOverflow()
	}
	out.Negative = sa < 0 && odd
	return fromApd(dst, out, rs)
}

func mustMod2(b []byte) []byte {
	m, _ := NumericMod(nil, b, NumericFromInt64(nil, 2))
	return m
}

// powerInt is Postgres's power_var_int.
func powerInt(dst, a []byte, e int) ([]byte, error) {
	f := 0.0
	if NumericSign(a) != 0 {
		c, s := loadBig(a)
		nd := bigDigits(c)
		c.Abs(c)
		if nd > 17 {
			c.Quo(c, bigPow10(nd-17))
			s -= nd - 17
		}
		ff, _ := new(big.Float).SetInt(c).Float64()
		f = float64(e) * (math.Log10(ff) - float64(s))
	}
	if f > (0x7fff+1)*4 {
		return dst, numOverflow()
	}
	rs := clampScale(max(numMinSigDigits, NumericScale(a)))
	if f+1 < -float64(rs) {
		return storeBig(dst, new(big.Int), rs), nil
	}
	coef, s := loadBig(a)
	digits := rs + int(math.Abs(f)) + 24
	if e < 0 {
		p, ps := powExact(coef, s, -e, digits)
		return storeChecked(dst, divBig(big.NewInt(1), 0, p, ps, rs), rs)
	}
	p, ps := powExact(coef, s, e, digits)
	return storeChecked(dst, roundBig(p, ps, rs), rs)
}

// powExact raises coef·10^-scale to e >= 0 by squaring, keeping about the given number of digits.
func powExact(coef *big.Int, scale, e, digits int) (*big.Int, int) {
	out, os := big.NewInt(1), 0
	base, bs := new(big.Int).Set(coef), scale
	trim := func(x *big.Int, s int) (*big.Int, int) {
		if n := bigDigits(x) - digits; n > 0 {
			n = min(n, s)
			if n > 0 {
				return roundBig(x, s, s-n), s - n
			}
		}
		return x, s
	}
	for e > 0 {
		if e&1 == 1 {
			out, os = trim(new(big.Int).Mul(out, base), os+bs)
		}
		if e >>= 1; e > 0 {
			base, bs = trim(new(big.Int).Mul(base, base), 2*bs)
		}
	}
	return out, os
}

// powerSpecial follows POSIX pow() as numeric_power does.
func powerSpecial(dst, a, b []byte) ([]byte, error) {
	one := NumericFromInt64(nil, 1)
	switch {
	case NumericIsNaN(a):
		if !NumericIsNaN(b) && NumericSign(b) == 0 {
			return append(dst, one...), nil
		}
		return append(dst, numNaN), nil
	case NumericIsNaN(b):
		if NumericCmp(a, one) == 0 {
			return append(dst, one...), nil
		}
		return append(dst, numNaN), nil
	}
	sa, sb := NumericSign(a), NumericSign(b)
	if sa == 0 && sb < 0 {
		return dst, sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	}
	whole := numSpecial(b) || NumericCmp(b, NumericTrunc(nil, b, 0)) == 0
	if sa < 0 && !whole {
		return dst, sqlerr.New(sqlerr.InvalidArgumentForPower,
			"a negative number raised to a non-integer power yields a complex result")
	}
	if NumericCmp(a, one) == 0 || sb == 0 {
		return append(dst, one...), nil
	}
	if sa == 0 {
		return appendSmall(dst, 0, 0), nil
	}
	if numSpecial(b) {
		c := NumericCmp(NumericAbs(nil, a), one)
		switch {
		case c == 0:
			return append(dst, one...), nil
		case (c > 0) == (sb > 0):
			return append(dst, numPosInf), nil
		}
		return appendSmall(dst, 0, 0), nil
	}
	if sb < 0 {
		return appendSmall(dst, 0, 0), nil
	}
	if sa < 0 && NumericSign(mustMod2(b)) != 0 {
		return append(dst, numNegInf), nil
	}
	return append(dst, numPosInf), nil
}
