package json

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"tidemill/connector/format"
)

// maxDepth bounds nesting; the record's object is level 1.
const maxDepth = 64

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stringEnd returns the position of the quote that ends the string whose first character is at i, and
// whether there are backslashes before it. The first position that is no JSON is returned with -1.
func stringEnd(s []byte, i int) (end int, escaped bool, bad int) {
	for {
		i = plainEnd(s, i)
		if i >= len(s) {
			return -1, escaped, len(s)
		}
		switch s[i] {
		case '"':
			return i, escaped, 0
		case '\\':
			escaped = true
			n := escapeLen(s[i:])
			if n == 0 {
				return -1, true, i
			}
			i += n
		default:
			return -1, escaped, i // a control character
		}
	}
}

// plainEnd returns the first position from i on with a quote, a backslash or a control character.
func plainEnd(s []byte, i int) int {
	for i+8 <= len(s) {
		x := binary.LittleEndian.Uint64(s[i:])
		q := x ^ ones*'"'
		b := x ^ ones*'\\'
		m := ((q - ones) &^ q) | ((b - ones) &^ b) | ((x - ones*0x20) &^ x)
		if m &= highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= 0x20 {
		i++
	}
	return i
}

// escapeLen returns the length of the escape at the start of s, 0 when it is none.
func escapeLen(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads \uXXXX at the start of s.
func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends s, whose escapes stringEnd has checked, with the escapes resolved. It returns the
// position of a surrogate without its partner, or -1.
func unescape(dst, s []byte) (out []byte, lone int) {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		if s[i+1] != 'u' {
			dst = append(dst, unescaped[s[i+1]])
			i += 2
			continue
		}
		r, _ := hex4(s[i:])
		n := 6
		if r >= 0xd800 && r < 0xe000 {
			low, ok := hex4(s[i+6:])
			if r >= 0xdc00 || !ok || low < 0xdc00 || low >= 0xe000 {
				return dst, i
			}
			r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
			n = 12
		}
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst, -1
}

var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// survey looks at the whole record once: does it have backslashes or control characters, and bytes
// outside ASCII?
func survey(s []byte) (plain, ascii bool) {
	var special, high uint64
	for len(s) >= 16 {
		x, y := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
		bx, by := x^ones*'\\', y^ones*'\\'
		special |= (bx-ones)&^bx | (x-ones*0x20)&^x | (by-ones)&^by | (y-ones*0x20)&^y
		high |= x | y
		s = s[16:]
	}
	plain, ascii = special&highs == 0, high&highs == 0
	for _, c := range s {
		plain = plain && c != '\\' && c >= 0x20
		ascii = ascii && c < 0x80
	}
	return plain, ascii
}

// space passes white space.
func space(s []byte, i int) int {
	if i < len(s) && s[i] > ' ' {
		return i
	}
	return spaces(s, i)
}

func spaces(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// skip returns the position after the value at s[i]. When there is no value it returns -1, the
// position of the fault, and what is wrong.
func skip(s []byte, i, depth int) (end, bad int, reason string) {
	if i >= len(s) {
		return -1, len(s), errEnd
	}
	switch c := s[i]; c {
	case '"':
		end, _, bad := stringEnd(s, i+1)
		if end < 0 {
			return -1, bad, stringFault(s, bad)
		}
		return end + 1, 0, ""
	case '{', '[':
		return skipNested(s, i, depth+1)
	case 't', 'f', 'n':
		if n := literal(s, i); n > 0 {
			return i + n, 0, ""
		}
	default:
		if c == '-' || c-'0' <= 9 {
			if end := format.NumberEnd(s, i); end > 0 {
				return end, 0, ""
			}
			return -1, i, "not a number of JSON"
		}
	}
	return -1, i, "expected a value, found " + found(s, i)
}

func skipNested(s []byte, i, depth int) (end, bad int, reason string) {
	if depth > maxDepth {
		return -1, i, "nested deeper than 64 levels"
	}
	object := s[i] == '{'
	closing := byte(']')
	if object {
		closing = '}'
	}
	i = space(s, i+1)
	if i < len(s) && s[i] == closing {
		return i + 1, 0, ""
	}
	for {
		if object {
			var bad int
			if i, bad, reason = skipKey(s, i); i < 0 {
				return -1, bad, reason
			}
		}
		if i, bad, reason = skip(s, i, depth); i < 0 {
			return -1, bad, reason
		}
		i = space(s, i)
		switch {
		case i >= len(s):
			return -1, i, errEnd
		case s[i] == closing:
			return i + 1, 0, ""
		case s[i] != ',':
			return -1, i, "expected ',' or '" + string(rune(closing)) + "', found " + found(s, i)
		}
		i = space(s, i+1)
	}
}

// skipKey passes a key and its colon.
func skipKey(s []byte, i int) (next, bad int, reason string) {
	if i >= len(s) {
		return -1, i, errEnd
	}
	if s[i] != '"' {
		return -1, i, "expected a key, found " + found(s, i)
	}
	end, _, bad := stringEnd(s, i+1)
	if end < 0 {
		return -1, bad, stringFault(s, bad)
	}
	i = space(s, end+1)
	if i >= len(s) || s[i] != ':' {
		return -1, i, "expected ':', found " + found(s, i)
	}
	return space(s, i+1), 0, ""
}

// literal returns the length of true, false or null at s[i], else 0.
func literal(s []byte, i int) int {
	switch {
	case has(s, i, "true"), has(s, i, "null"):
		return 4
	case has(s, i, "false"):
		return 5
	}
	return 0
}

func has(s []byte, i int, word string) bool {
	return len(s)-i >= len(word) && string(s[i:i+len(word)]) == word
}

const errEnd = "the record ends here, it is cut off"

func stringFault(s []byte, i int) string {
	switch {
	case i >= len(s):
		return errEnd
	case s[i] == '\\':
		return "not an escape of JSON"
	default:
		return "control character in a string"
	}
}

// found describes the character at s[i] for error messages.
func found(s []byte, i int) string {
	if i >= len(s) {
		return "the end of the record"
	}
	switch c := s[i]; {
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '-' || c-'0' <= 9:
		return "a number"
	case has(s, i, "true"), has(s, i, "false"):
		return "a boolean"
	case has(s, i, "null"):
		return "null"
	default:
		r, _ := utf8.DecodeRune(s[i:])
		return "'" + string(r) + "'"
	}
}
