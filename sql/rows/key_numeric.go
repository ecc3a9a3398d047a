package rows

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"math/bits"

	"tidemill/sql/types"
)

// The key form of numeric: a class byte in the order of the classes, and for finite values other
// than zero the magnitude as 0.d1d2d3… × 10^e: e + 2^23 as 3 bytes big endian, then the digits in
// groups of 19, each 8 bytes big endian (the last filled up with zeros on its right) and followed
// by 1 when another group comes, else 0. For negative values all that follows the class is inverted.
const (
	numKeyNegInf = iota
	numKeyNeg
	numKeyZero
	numKeyPos
	numKeyPosInf
	numKeyNaN

	numKeyExpBias = 1 << 23
	numKeyDigits  = 19
)

var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

var bigGroup = new(big.Int).SetUint64(pow10[numKeyDigits])

// digits64 counts the decimal digits of v; 0 has none.
func digits64(v uint64) int {
	n := bits.Len64(v) * 1233 >> 12
	if v >= pow10[n] {
		n++
	}
	if v == 0 {
		return 0
	}
	return n
}

func appendKeyNumeric(dst, s []byte) []byte {
	if c, scale, ok := numericSmall(s); ok {
		return appendKeySmall(dst, c, scale)
	}
	if types.NumericIsNaN(s) {
		return append(dst, numKeyNaN)
	}
	sign := types.NumericSign(s)
	if types.NumericIsInf(s) {
		if sign < 0 {
			return append(dst, numKeyNegInf)
		}
		return append(dst, numKeyPosInf)
	}
	if sign == 0 {
		return append(dst, numKeyZero)
	}
	return appendKeyBig(dst, s, sign)
}

func appendKeySmall(dst []byte, c int64, scale int) []byte {
	if c == 0 {
		return append(dst, numKeyZero)
	}
	u, class, flip := uint64(c), byte(numKeyPos), uint64(0)
	if c < 0 {
		u, class, flip = -u, numKeyNeg, ^uint64(0)
	}
	n := digits64(u)
	exp := uint32(n-scale+numKeyExpBias) ^ uint32(flip)
	dst = append(dst, class, byte(exp>>16), byte(exp>>8), byte(exp))
	dst = binary.BigEndian.AppendUint64(dst, u*pow10[numKeyDigits-n]^flip)
	return append(dst, byte(flip))
}

func appendKeyBig(dst, s []byte, sign int) []byte {
	coef, scale, _ := types.NumericBig(s)
	digits := new(big.Int).Abs(coef).Append(nil, 10)
	exp := len(digits) - scale + numKeyExpBias
	digits = bytes.TrimRight(digits, "0")
	if len(digits) == 0 {
		return append(dst, numKeyZero)
	}
	class := byte(numKeyPos)
	if sign < 0 {
		class = numKeyNeg
	}
	dst = append(dst, class)
	start := len(dst)
	dst = append(dst, byte(exp>>16), byte(exp>>8), byte(exp))
	for len(digits) > 0 {
		group, n := uint64(0), min(len(digits), numKeyDigits)
		for _, d := range digits[:n] {
			group = group*10 + uint64(d-'0')
		}
		dst = binary.BigEndian.AppendUint64(dst, group*pow10[numKeyDigits-n])
		digits = digits[n:]
		more := byte(0)
		if len(digits) > 0 {
			more = 1
		}
		dst = append(dst, more)
	}
	if sign < 0 {
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

// decodeKeyNumeric appends the value without trailing fractional zeros.
func decodeKeyNumeric(dst, key []byte, mask byte) (out, rest []byte, ok bool) {
	if len(key) == 0 {
		return dst, nil, false
	}
	class := key[0] ^ mask
	key = key[1:]
	switch class {
	case numKeyNegInf:
		return types.NumericInf(dst, -1), key, true
	case numKeyPosInf:
		return types.NumericInf(dst, 1), key, true
	case numKeyNaN:
		return types.NumericNaN(dst), key, true
	case numKeyZero:
		return types.NumericFromInt64(dst, 0), key, true
	case numKeyNeg:
		mask = ^mask
	case numKeyPos:
	default:
		return dst, nil, false
	}
	if len(key) < 12 {
		return dst, nil, false
	}
	exp := (int(key[0]^mask)<<16 | int(key[1]^mask)<<8 | int(key[2]^mask)) - numKeyExpBias
	coef, n := new(big.Int), 0
	key = key[3:]
	for more := byte(1); more == 1; {
		if len(key) < 9 {
			return dst, nil, false
		}
		coef.Mul(coef, bigGroup)
		coef.Add(coef, new(big.Int).SetUint64(keyWord(key, mask)))
		n += numKeyDigits
		more = key[8] ^ mask
		key = key[9:]
	}
	if class == numKeyNeg {
		coef.Neg(coef)
	}
	return canonicalNumeric(dst, coef, n-exp), key, true
}

// canonicalNumeric appends coef × 10^-scale with the smallest scale ≥ 0.
func canonicalNumeric(dst []byte, coef *big.Int, scale int) []byte {
	if scale < 0 {
		coef.Mul(coef, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-scale)), nil))
		scale = 0
	}
	ten, r, q := big.NewInt(10), new(big.Int), new(big.Int)
	for scale > 0 {
		if q.QuoRem(coef, ten, r); r.Sign() != 0 {
			break
		}
		coef, q = q, coef
		scale--
	}
	return types.NumericFromBig(dst, coef, scale)
}

// numericSmall reads the small form that types documents, without a call per value.
func numericSmall(s []byte) (coef int64, scale int, ok bool) {
	if len(s) != 9 || s[0] > 127 {
		return 0, 0, false
	}
	return int64(binary.LittleEndian.Uint64(s[1:])), int(s[0]), true
}
