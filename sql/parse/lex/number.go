package lex

import (
	"math/big"
	"strings"
)

// digits returns the offset after the digits at i that ok accepts; single underscores may stand
// between digits.
func (s *scanner) digits(i int, ok func(byte) bool) int {
	for i < len(s.src) {
		switch {
		case ok(s.src[i]):
			i++
		case s.src[i] == '_' && i+1 < len(s.src) && ok(s.src[i+1]):
			i += 2
		default:
			return i
		}
	}
	return i
}

// number reads an integer or a decimal number.
func (s *scanner) number() {
	start := s.i
	if s.radix() {
		return
	}
	i := s.digits(start, isDigit)
	kind := Integer
	// 1..2 is the integer 1 before a range, not a number with a point.
	if i < len(s.src) && s.src[i] == '.' && !(i+1 < len(s.src) && s.src[i+1] == '.') {
		kind = Numeric
		i++
		if i < len(s.src) && isDigit(s.src[i]) {
			i = s.digits(i, isDigit)
		}
	}
	if i < len(s.src) && s.src[i]|0x20 == 'e' {
		j := i + 1
		if j < len(s.src) && (s.src[j] == '+' || s.src[j] == '-') {
			j++
		}
		if j < len(s.src) && isDigit(s.src[j]) {
			kind, i = Numeric, s.digits(j, isDigit)
		}
	}
	s.addNumber(kind, start, i, s.src[start:i])
}

// addNumber appends the number unless a letter follows it directly.
func (s *scanner) addNumber(kind Kind, start, end int, text string) {
	if end < len(s.src) && isIdentStart(s.src[end]) {
		s.fail(start, s.src[start:s.identEnd(end)], "trailing junk after numeric literal")
		return
	}
	s.add(kind, start, end, strings.ReplaceAll(text, "_", ""))
}

// radix reads 0x…, 0o… and 0b… integers, which become decimal.
func (s *scanner) radix() bool {
	if s.src[s.i] != '0' || s.i+2 >= len(s.src) {
		return false
	}
	base, ok := 0, isDigit
	switch s.src[s.i+1] | 0x20 {
	case 'x':
		base, ok = 16, func(c byte) bool { _, hex := hexDigit(c); return hex }
	case 'o':
		base, ok = 8, func(c byte) bool { return '0' <= c && c <= '7' }
	case 'b':
		base, ok = 2, func(c byte) bool { return c == '0' || c == '1' }
	default:
		return false
	}
	start := s.i
	from := start + 2
	if s.src[from] == '_' {
		from++
	}
	end := s.digits(from, ok)
	// A very long literal would cost quadratic time to convert; no integer type holds it anyway.
	const most = 1000
	if end == from || end-from > most {
		s.fail(start, clip(s.src[start:end]), "invalid integer literal")
		return true
	}
	n, _ := new(big.Int).SetString(strings.ReplaceAll(s.src[from:end], "_", ""), base)
	s.addNumber(Integer, start, end, n.String())
	return true
}

// operator reads the longest run of operator characters and then gives back what Postgres's rules
// do not allow at its end.
func (s *scanner) operator() {
	const chars = "~!@#^&|`?+-*/%<>="
	end := s.i
	for end < len(s.src) && strings.IndexByte(chars, s.src[end]) >= 0 {
		end++
	}
	text := s.src[s.i:end]
	// A comment starts inside the run.
	if n := strings.Index(text, "--"); n >= 0 {
		text = text[:n]
	}
	if n := strings.Index(text, "/*"); n >= 0 {
		text = text[:n]
	}
	// An operator may end in + or - only if it also holds one of these characters; otherwise the
	// sign belongs to the operand after it (a=-1).
	for len(text) > 1 && (text[len(text)-1] == '+' || text[len(text)-1] == '-') &&
		!strings.ContainsAny(text[:len(text)-1], "~!@#^&|`?%") {
		text = text[:len(text)-1]
	}
	end = s.i + len(text)
	switch {
	case strings.Contains(text, "`"):
		s.fail(s.i, text, "syntax error")
	case text == "=>":
		s.add(Punct, s.i, end, text)
	case text == "!=":
		s.add(Op, s.i, end, "<>")
	case len(text) >= 64:
		s.fail(s.i, text, "operator too long")
	default:
		s.add(Op, s.i, end, text)
	}
}
