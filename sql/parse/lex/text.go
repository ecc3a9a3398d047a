package lex

import (
	"strings"
	"unicode/utf8"

	"tidemill/sql/sqlerr"
)

// continued tells whether a string that closes before byte i goes on after white space that holds
// a newline (SQL's adjacent literals), and returns the offset after the next opening quote.
func (s *scanner) continued(i int) (int, bool) {
	newline := false
	for i < len(s.src) {
		switch {
		case s.src[i] == '\n' || s.src[i] == '\r':
			newline = true
			i++
		case isSpace(s.src[i]):
			i++
		case newline && strings.HasPrefix(s.src[i:], "--"):
			i += lineLen(s.src[i:])
		case s.src[i] == '\'' && newline:
			return i + 1, true
		default:
			return 0, false
		}
	}
	return 0, false
}

// raw reads the parts of a string whose first quote is at open and joins them. Doubled quotes are
// left to unescape when keep is set. It returns the content and the offset after the string.
func (s *scanner) raw(start, open int, backslash bool, what string) (string, int, bool) {
	var parts strings.Builder
	i := open + 1
	from := i
	for i < len(s.src) {
		switch {
		case backslash && s.src[i] == '\\' && i+1 < len(s.src):
			i += 2
		case s.src[i] != '\'':
			i++
		case i+1 < len(s.src) && s.src[i+1] == '\'':
			if backslash {
				// Stays doubled so that unescaping can tell it from the end.
				i += 2
				continue
			}
			parts.WriteString(s.src[from : i+1])
			i += 2
			from = i
		default:
			parts.WriteString(s.src[from:i])
			next, more := s.continued(i + 1)
			if !more {
				return parts.String(), i + 1, true
			}
			i, from = next, next
		}
	}
	s.fail(start, s.src[start:], "unterminated %s", what)
	return "", 0, false
}

// quoted reads '…' whose quote is at open; the token starts at start.
func (s *scanner) quoted(start, open int) {
	if text, end, ok := s.raw(start, open, false, "quoted string"); ok {
		s.add(String, start, end, text)
	}
}

// bits reads B'…' and X'…'; the digits are judged when the value is made.
func (s *scanner) bits() {
	start, what := s.i, "bit string literal"
	prefix := s.src[start] &^ 0x20
	if prefix == 'X' {
		what = "hexadecimal string literal"
	}
	if text, end, ok := s.raw(start, start+1, false, what); ok {
		s.add(Bits, start, end, string(prefix)+"'"+text+"'")
	}
}

// quotedIdent reads "…" whose quote is at open.
func (s *scanner) quotedIdent(start, open int, unicode bool) {
	var b strings.Builder
	i := open + 1
	for {
		n := strings.IndexByte(s.src[i:], '"')
		if n < 0 {
			s.fail(start, s.src[start:], "unterminated quoted identifier")
			return
		}
		b.WriteString(s.src[i : i+n])
		i += n + 1
		if i >= len(s.src) || s.src[i] != '"' {
			break
		}
		b.WriteByte('"')
		i++
	}
	text := b.String()
	if text == "" {
		s.fail(start, s.src[start:i], "zero-length delimited identifier")
		return
	}
	if unicode {
		var ok bool
		if text, i, ok = s.uescape(text, start, i); !ok {
			return
		}
	}
	s.add(Quoted, start, i, Truncate(text))
}

// unicodeString reads U&'…' [UESCAPE 'c'].
func (s *scanner) unicodeString() {
	start := s.i
	text, end, ok := s.raw(start, start+2, false, "quoted string")
	if !ok {
		return
	}
	if text, end, ok = s.uescape(text, start, end); ok {
		s.add(String, start, end, text)
	}
}

// uescape decodes the escapes of a U& literal that ends at end, after looking for UESCAPE.
func (s *scanner) uescape(text string, start, end int) (string, int, bool) {
	esc := byte('\\')
	i := end
	for i < len(s.src) && isSpace(s.src[i]) {
		i++
	}
	const word = "uescape"
	if len(s.src) >= i+len(word) && Fold(s.src[i:i+len(word)]) == word {
		i += len(word)
		for i < len(s.src) && isSpace(s.src[i]) {
			i++
		}
		if i+2 >= len(s.src) || s.src[i] != '\'' || s.src[i+2] != '\'' || !validEscape(s.src[i+1]) {
			s.fail(i, s.src[i:min(i+3, len(s.src))], "invalid Unicode escape character")
			return "", 0, false
		}
		esc, end = s.src[i+1], i+3
	}
	out, ok := decodeUnicode(text, esc)
	if !ok {
		s.err = sqlerr.New(sqlerr.SyntaxError, "invalid Unicode escape").At(s.pos(start)).
			WithHint(`Unicode escapes must be \XXXX or \+XXXXXX.`)
	}
	return out, end, ok
}

func validEscape(c byte) bool {
	hex := isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
	return !hex && c != '+' && c != '\'' && c != '"' && !isSpace(c) && c < 0x80
}

// decodeUnicode replaces \XXXX and \+XXXXXX, joining surrogate pairs.
func decodeUnicode(text string, esc byte) (string, bool) {
	if strings.IndexByte(text, esc) < 0 {
		return text, true
	}
	var b strings.Builder
	high := rune(0)
	for i := 0; i < len(text); {
		if text[i] != esc {
			if high != 0 {
				return "", false
			}
			b.WriteByte(text[i])
			i++
			continue
		}
		if i+1 < len(text) && text[i+1] == esc {
			if high != 0 {
				return "", false
			}
			b.WriteByte(esc)
			i += 2
			continue
		}
		digits, from := 4, i+1
		if from < len(text) && text[from] == '+' {
			digits, from = 6, from+1
		}
		r, ok := hexRune(text, from, digits)
		if !ok || !putRune(&b, r, &high) {
			return "", false
		}
		i = from + digits
	}
	return b.String(), high == 0
}

// hexRune reads n hexadecimal digits of text at from.
func hexRune(text string, from, n int) (rune, bool) {
	if from+n > len(text) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(text[from : from+n]) {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// putRune writes r, keeping a first surrogate in high until its partner comes.
func putRune(b *strings.Builder, r rune, high *rune) bool {
	switch {
	case 0xD800 <= r && r < 0xDC00:
		if *high != 0 {
			return false
		}
		*high = r
		return true
	case 0xDC00 <= r && r < 0xE000:
		if *high == 0 {
			return false
		}
		r = (*high-0xD800)<<10 + (r - 0xDC00) + 0x10000
		*high = 0
	case *high != 0 || r == 0 || r > utf8.MaxRune:
		return false
	}
	b.WriteRune(r)
	return true
}
