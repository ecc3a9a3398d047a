package lex

import (
	"strings"
	"unicode/utf8"

	"tidemill/sql/sqlerr"
)

// escaped reads E'…' with C-style backslash escapes.
func (s *scanner) escaped() {
	start := s.i
	raw, end, ok := s.raw(start, start+1, true, "quoted string")
	if !ok {
		return
	}
	text, err := decodeEscapes(raw)
	if err != nil {
		s.err = err.At(s.pos(start))
		return
	}
	s.add(String, start, end, text)
}

var simpleEscapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// decodeEscapes undoes the escapes of an E'…' string. Quotes arrive doubled or after a backslash.
func decodeEscapes(raw string) (string, *sqlerr.Error) {
	if strings.IndexByte(raw, '\\') < 0 && strings.IndexByte(raw, '\'') < 0 {
		return raw, nil
	}
	var b strings.Builder
	high := rune(0)
	for i := 0; i < len(raw); {
		c := raw[i]
		unicode := c == '\\' && i+1 < len(raw) && (raw[i+1] == 'u' || raw[i+1] == 'U')
		if high != 0 && !unicode {
			return "", badSurrogate()
		}
		switch {
		case c == '\'':
			b.WriteByte(c)
			i += 2
		case c != '\\' || i+1 >= len(raw):
			b.WriteByte(c)
			i++
		case unicode:
			n := 4
			if raw[i+1] == 'U' {
				n = 8
			}
			r, ok := hexRune(raw, i+2, n)
			if !ok {
				return "", sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid Unicode escape").
					WithHint(`Unicode escapes must be \uXXXX or \UXXXXXXXX.`)
			}
			if !putRune(&b, r, &high) {
				return "", badSurrogate()
			}
			i += 2 + n
		default:
			i += 1 + byteEscape(&b, raw[i+1:])
		}
	}
	if high != 0 {
		return "", badSurrogate()
	}
	// \x and octal escapes can make any bytes.
	if err := checkEncoding(b.String()); err != nil {
		return "", sqlerr.As(err)
	}
	return b.String(), nil
}

func badSurrogate() *sqlerr.Error {
	return sqlerr.New(sqlerr.SyntaxError, "invalid Unicode surrogate pair")
}

// byteEscape writes the character that the escape after a backslash stands for and returns the
// number of bytes it takes.
func byteEscape(b *strings.Builder, rest string) int {
	c := rest[0]
	if r, ok := simpleEscapes[c]; ok {
		b.WriteByte(r)
		return 1
	}
	if c == 'x' {
		v, n := byte(0), 1
		for n < len(rest) && n < 3 {
			d, ok := hexDigit(rest[n])
			if !ok {
				break
			}
			v, n = v<<4|d, n+1
		}
		if n > 1 {
			b.WriteByte(v)
			return n
		}
	}
	if '0' <= c && c <= '7' {
		v, n := byte(0), 0
		for n < len(rest) && n < 3 && '0' <= rest[n] && rest[n] <= '7' {
			v, n = v<<3|(rest[n]-'0'), n+1
		}
		b.WriteByte(v)
		return n
	}
	_, n := utf8.DecodeRuneInString(rest)
	b.WriteString(rest[:n])
	return n
}

// dollar reads $n, or a dollar-quoted string.
func (s *scanner) dollar(next byte) {
	start := s.i
	if isDigit(next) {
		end := start + 1
		for end < len(s.src) && isDigit(s.src[end]) {
			end++
		}
		if end < len(s.src) && isIdentStart(s.src[end]) {
			s.fail(start, s.src[start:s.identEnd(end)], "trailing junk after parameter")
			return
		}
		s.add(Param, start, end, s.src[start+1:end])
		return
	}
	tag := start + 1
	for tag < len(s.src) && isIdentPart(s.src[tag]) && s.src[tag] != '$' {
		tag++
	}
	if tag >= len(s.src) || s.src[tag] != '$' {
		s.add(Punct, start, start+1, "$")
		return
	}
	quote := s.src[start : tag+1]
	n := strings.Index(s.src[tag+1:], quote)
	if n < 0 {
		s.fail(start, s.src[start:], "unterminated dollar-quoted string")
		return
	}
	s.add(String, start, tag+1+n+len(quote), s.src[tag+1:tag+1+n])
}

// identEnd returns the offset after the identifier at i.
func (s *scanner) identEnd(i int) int {
	for i < len(s.src) && isIdentPart(s.src[i]) {
		i++
	}
	return i
}
