package format

import (
	"fmt"
	"math"
)

// smallInt reads the common shape of integers, up to 18 digits; false means: look closer.
func smallInt(s []byte) (int64, bool) {
	neg := false
	if len(s) > 0 && s[0] == '-' {
		neg, s = true, s[1:]
	}
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	var v int64
	for _, c := range s {
		if c -= '0'; c > 9 {
			return 0, false
		}
		v = v*10 + int64(c)
	}
	if neg {
		v = -v
	}
	return v, true
}

// isNumber tells whether s is a number in JSON's grammar.
func isNumber(s []byte) bool { return len(s) > 0 && NumberEnd(s, 0) == len(s) }

// NumberEnd returns the position after the JSON number that starts at s[i], or -1 when there is none.
func NumberEnd(s []byte, i int) int {
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i >= len(s) {
		return -1
	}
	if s[i] == '0' {
		i++
	} else {
		start := i
		i = digits(s, i)
		if i == start {
			return -1
		}
	}
	if i < len(s) && s[i] == '.' {
		end := digits(s, i+1)
		if end == i+1 {
			return -1
		}
		i = end
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		end := digits(s, i)
		if end == i {
			return -1
		}
		i = end
	}
	if i < len(s) && s[i]-'0' <= 9 {
		return -1 // a leading zero
	}
	return i
}

func digits(s []byte, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}

// decimal is a number taken apart: ± digits · 10^exp, no leading or trailing zeros in digits.
type decimal struct {
	neg    bool
	digits []byte
	exp    int
}

const maxExp = 1 << 30

func parseDecimal(s []byte) (d decimal) {
	if len(s) > 0 && s[0] == '-' {
		d.neg, s = true, s[1:]
	}
	d.digits = make([]byte, 0, len(s))
	frac := false
	for i, c := range s {
		switch {
		case c == '.':
			frac = true
		case c|0x20 == 'e':
			d.exp += parseExp(s[i+1:])
			return d.trimmed()
		default:
			d.digits = append(d.digits, c)
			if frac {
				d.exp--
			}
		}
	}
	return d.trimmed()
}

func parseExp(s []byte) int {
	neg := false
	e := 0
	for _, c := range s {
		switch {
		case c == '-':
			neg = true
		case c != '+':
			e = min(e*10+int(c-'0'), maxExp)
		}
	}
	if neg {
		return -e
	}
	return e
}

func (d decimal) trimmed() decimal {
	for len(d.digits) > 0 && d.digits[0] == '0' {
		d.digits = d.digits[1:]
	}
	for len(d.digits) > 0 && d.digits[len(d.digits)-1] == '0' {
		d.digits = d.digits[:len(d.digits)-1]
		d.exp++
	}
	return d
}

// int64 returns the value, which must be integral.
func (d decimal) int64() (int64, bool) {
	if len(d.digits) == 0 {
		return 0, true
	}
	if d.exp < 0 || len(d.digits)+d.exp > 19 {
		return 0, false
	}
	var v uint64
	for i := range len(d.digits) + d.exp {
		v *= 10
		if i < len(d.digits) {
			v += uint64(d.digits[i] - '0')
		}
	}
	switch {
	case d.neg && v <= 1<<63:
		return -int64(v), true
	case !d.neg && v <= math.MaxInt64:
		return int64(v), true
	}
	return 0, false
}

// rounded returns the value rounded to a whole number, half away from zero.
func (d decimal) rounded() (int64, bool) {
	if d.exp >= 0 || len(d.digits) == 0 {
		return d.int64()
	}
	keep := len(d.digits) + d.exp
	if keep < 0 {
		return 0, true
	}
	up := d.digits[keep] >= '5'
	v, ok := decimal{neg: d.neg, digits: d.digits[:keep]}.trimmed().int64()
	if ok && up {
		if d.neg {
			v--
		} else {
			v++
		}
	}
	return v, ok
}

// integer reads a number in JSON's grammar that must be integral, such as 1.0 or 12e3.
func integer(s []byte) (int64, error) {
	d := parseDecimal(s)
	if d.exp < 0 && len(d.digits) > 0 {
		return 0, fmt.Errorf("%s is not a whole number", shown(s))
	}
	v, ok := d.int64()
	if !ok {
		return 0, fmt.Errorf("%s is out of range for bigint", shown(s))
	}
	return v, nil
}
