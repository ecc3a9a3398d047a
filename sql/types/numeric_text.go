package types

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"strconv"
	"strings"

	"tidemill/sql/sqlerr"
)

// NumericParse appends the value of s, written as Postgres's numeric input accepts it.
func NumericParse(dst []byte, s string) ([]byte, error) {
	var buf [64]byte
	out, ok := numericParse(dst, append(buf[:0], s...), false)
	if ok {
		return out, nil
	}
	if !numericLooksValid(s) {
		return dst, badSyntax("numeric", s)
	}
	return dst, numOverflow()
}

// numericParse reads sign, digits, fraction and exponent. ok is false when the text is not a
// number or outgrows the format. trim drops the trailing fractional zeros that the text has (floats).
func numericParse(dst, s []byte, trim bool) (out []byte, ok bool) {
	s = bytes.Trim(s, " \t\n\r\v\f")
	neg := false
	rest := s
	if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
		neg = rest[0] == '-'
		rest = rest[1:]
	}
	var coef uint64
	digits, scale, i, point, fits := 0, 0, 0, false, true
	for ; i < len(rest); i++ {
		c := rest[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		if coef > (1<<63-10)/10 {
			fits = false
		}
		coef = coef*10 + uint64(c-'0')
		digits++
		if point {
			scale++
		}
	}
	if digits == 0 {
		return numericParseSpecial(dst, s)
	}
	mantissa := rest[:i]
	exp := 0
	if i < len(rest) {
		if rest[i]|0x20 != 'e' {
			return dst, false
		}
		e, err := strconv.ParseInt(string(rest[i+1:]), 10, 32)
		if err != nil || e > 1<<30 || e < -1<<30 {
			return dst, false
		}
		exp = int(e)
	}
	if trim {
		for point && scale > 0 && fits && coef%10 == 0 {
			coef /= 10
			scale--
		}
	}
	if exp == 0 && fits && scale <= numSmallScaleMax {
		c := int64(coef)
		if neg {
			c = -c
		}
		return appendSmall(dst, c, scale), true
	}
	return numericParseBig(dst, mantissa, neg, scale, exp)
}

func numericParseBig(dst, mantissa []byte, neg bool, scale, exp int) ([]byte, bool) {
	digits := make([]byte, 0, len(mantissa))
	for _, c := range mantissa {
		if c != '.' {
			digits = append(digits, c)
		}
	}
	digits = bytes.TrimLeft(digits, "0")
	scale -= exp
	if len(digits)-scale > numIntDigitsMax && len(digits) > 0 {
		return dst, false
	}
	coef := new(big.Int)
	if len(digits) > 0 {
		coef.SetString(string(digits), 10)
	}
	if neg {
		coef.Neg(coef)
	}
	if scale < 0 {
		if len(digits) > 0 {
			coef.Mul(coef, bigPow10(-scale))
		}
		scale = 0
	}
	if scale > numScaleMax {
		if scale-len(digits) > numScaleMax {
			coef.SetInt64(0)
		} else {
			coef = roundBig(coef, scale, numScaleMax)
		}
		scale = numScaleMax
	}
	return storeBig(dst, coef, scale), true
}

func numericParseSpecial(dst, s []byte) ([]byte, bool) {
	switch string(bytes.ToLower(s)) {
	case "nan":
		return append(dst, numNaN), true
	case "infinity", "inf", "+infinity", "+inf":
		return append(dst, numPosInf), true
	case "-infinity", "-inf":
		return append(dst, numNegInf), true
	}
	return dst, false
}

// numericLooksValid tells an overflowing number from text that is none.
func numericLooksValid(s string) bool {
	if strings.Trim(s, "0123456789+-.eE"+spaces) != "" {
		return false
	}
	_, err := strconv.ParseFloat(strings.Trim(s, spaces), 64)
	if err == nil {
		return true
	}
	ne, ok := err.(*strconv.NumError)
	return ok && ne.Err == strconv.ErrRange
}

// NumericAppendText appends the value as Postgres prints it.
func NumericAppendText(dst, a []byte) []byte {
	if c, s, ok := numSmall(a); ok {
		return appendSmallText(dst, c, s)
	}
	if numSpecial(a) {
		switch a[0] {
		case numNaN:
			return append(dst, "NaN"...)
		case numNegInf:
			return append(dst, "-Infinity"...)
		}
		return append(dst, "Infinity"...)
	}
	coef, s := loadBig(a)
	if coef.Sign() < 0 {
		dst = append(dst, '-')
		coef.Neg(coef)
	}
	return appendPointed(dst, coef.Append(nil, 10), s)
}

func appendSmallText(dst []byte, c int64, s int) []byte {
	if c < 0 {
		dst = append(dst, '-')
	}
	if s == 0 {
		return strconv.AppendUint(dst, absU64(c), 10)
	}
	var buf [20]byte
	return appendPointed(dst, strconv.AppendUint(buf[:0], absU64(c), 10), s)
}

// appendPointed appends digits with the last s of them behind the decimal point.
func appendPointed(dst, digits []byte, s int) []byte {
	if s == 0 {
		return append(dst, digits...)
	}
	if n := len(digits) - s; n > 0 {
		dst = append(dst, digits[:n]...)
		dst = append(dst, '.')
		return append(dst, digits[n:]...)
	}
	dst = append(dst, '0', '.')
	for i := len(digits); i < s; i++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// The sign words of the binary form.
const (
	numWirePos    = 0x0000
	numWireNeg    = 0x4000
	numWireNaN    = 0xC000
	numWirePosInf = 0xD000
	numWireNegInf = 0xF000
)

// numericAppendBinary appends Postgres's wire form: base-10000 digits with weight, sign and scale.
func numericAppendBinary(dst, a []byte) []byte {
	be := binary.BigEndian
	if numSpecial(a) {
		sign, scale := uint16(numWirePosInf), byte(0x20) // what PostgreSQL sends for infinities
		switch a[0] {
		case numNaN:
			sign, scale = numWireNaN, 0
		case numNegInf:
			sign = numWireNegInf
		}
		return append(be.AppendUint16(append(dst, 0, 0, 0, 0), sign), 0, scale)
	}
	d := groupsOf(a)
	dst = be.AppendUint16(dst, uint16(len(d.groups)))
	dst = be.AppendUint16(dst, uint16(int16(d.weight)))
	sign := uint16(numWirePos)
	if d.neg {
		sign = numWireNeg
	}
	dst = be.AppendUint16(dst, sign)
	dst = be.AppendUint16(dst, uint16(d.scale))
	for _, g := range d.groups {
		dst = be.AppendUint16(dst, g)
	}
	return dst
}

// NumericStoredSize is the length of the value as PostgreSQL stores it, which ids of JSON objects count.
func NumericStoredSize(a []byte) int {
	if numSpecial(a) {
		return 6
	}
	d := groupsOf(a)
	head := 8 // length word, sign and scale, weight
	if d.scale <= 63 && d.weight >= -64 && d.weight <= 63 {
		head = 6
	}
	return head + 2*len(d.groups)
}

// numGroups is a finite value in Postgres's own representation.
type numGroups struct {
	neg    bool
	weight int // of the first group, in groups
	scale  int
	groups []uint16 // without leading and trailing zero groups
}

func groupsOf(a []byte) numGroups {
	coef, scale := loadBig(a)
	g := numGroups{neg: coef.Sign() < 0, scale: scale}
	if coef.Sign() == 0 {
		return g
	}
	digits := new(big.Int).Abs(coef).Append(nil, 10)
	intDigits := len(digits) - scale // may be negative
	// Pad so that groups of four line up with the decimal point.
	lead := ((-intDigits)%4 + 4) % 4
	padded := append(bytes.Repeat([]byte{'0'}, lead), digits...)
	for len(padded)%4 != 0 {
		padded = append(padded, '0')
	}
	g.weight = (intDigits+lead)/4 - 1
	for i := 0; i < len(padded); i += 4 {
		v := uint16(padded[i]-'0')*1000 + uint16(padded[i+1]-'0')*100 + uint16(padded[i+2]-'0')*10 + uint16(padded[i+3]-'0')
		g.groups = append(g.groups, v)
	}
	for len(g.groups) > 0 && g.groups[0] == 0 {
		g.groups = g.groups[1:]
		g.weight--
	}
	for n := len(g.groups); n > 0 && g.groups[n-1] == 0; n-- {
		g.groups = g.groups[:n-1]
	}
	return g
}

// numericParseBinary reads the wire form and appends the in-column form.
func numericParseBinary(dst, b []byte) ([]byte, error) {
	be := binary.BigEndian
	if len(b) < 8 {
		return dst, badBinary("numeric")
	}
	n, weight := int(be.Uint16(b)), int(int16(be.Uint16(b[2:])))
	sign, scale := be.Uint16(b[4:]), int(be.Uint16(b[6:]))
	switch sign {
	case numWireNaN:
		return append(dst, numNaN), nil
	case numWirePosInf:
		return append(dst, numPosInf), nil
	case numWireNegInf:
		return append(dst, numNegInf), nil
	case numWirePos, numWireNeg:
	default:
		return dst, sqlerr.New(sqlerr.InvalidBinaryRepresent, "invalid sign in external \"numeric\" value")
	}
	if scale > numScaleMax {
		return dst, sqlerr.New(sqlerr.InvalidBinaryRepresent, "invalid scale in external \"numeric\" value")
	}
	if len(b) != 8+2*n {
		return dst, badBinary("numeric")
	}
	digits := make([]byte, 0, n*4+1)
	digits = append(digits, '0')
	for i := range n {
		v := be.Uint16(b[8+2*i:])
		if v > 9999 {
			return dst, sqlerr.New(sqlerr.InvalidBinaryRepresent, "invalid digit in external \"numeric\" value")
		}
		digits = append(digits, byte('0'+v/1000), byte('0'+v/100%10), byte('0'+v/10%10), byte('0'+v%10))
	}
	coef, _ := new(big.Int).SetString(string(digits), 10)
	if sign == numWireNeg {
		coef.Neg(coef)
	}
	// The digits carry 10000^(weight-n+1); bring them to the display scale (surplus digits are cut).
	from := (n - 1 - weight) * 4
	if n == 0 {
		from = 0
	}
	if from > scale {
		coef.Quo(coef, bigPow10(from-scale))
	} else {
		coef.Mul(coef, bigPow10(scale-from))
	}
	return storeChecked(dst, coef, scale)
}
