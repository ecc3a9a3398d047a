package lex

import (
	"strings"
	"unicode/utf8"

	"tidemill/sql/sqlerr"
)

// scanner cuts text into tokens. The first error stops it.
type scanner struct {
	src   string
	i     int // byte offset of the next character
	toks  []Token
	lim   Limits
	stack []int         // indexes of the open brackets
	err   *sqlerr.Error // of the text; reported when the parser gets there
	limit *sqlerr.Error // a limit; reported at once

	// posByte and posChar remember one known pair, so that counting characters stays linear.
	posByte, posChar int
}

// Scan cuts text into tokens, pairs brackets and ends with an EOF token. Text that cannot be read
// becomes a Bad token, because the parser may find another error before it; only text that must not
// be parsed at all is refused here.
func Scan(text string, lim Limits) ([]Token, error) {
	if len(text) > lim.TextBytes {
		return nil, lim.TooLong(len(text))
	}
	if err := checkEncoding(text); err != nil {
		return nil, err
	}
	s := &scanner{src: text, lim: lim, toks: make([]Token, 0, len(text)/4+4)}
	for s.err == nil && s.limit == nil {
		s.skipBlank()
		if s.err != nil || s.i >= len(s.src) {
			break
		}
		s.token()
	}
	if s.limit != nil {
		return nil, s.limit
	}
	if s.err != nil {
		s.add(Bad, s.i, len(s.src), "").Err = s.err
	}
	s.add(EOF, len(s.src), len(s.src), "")
	return s.toks, nil
}

// checkEncoding refuses what a Postgres database in UTF8 refuses: NUL and malformed sequences.
func checkEncoding(text string) error {
	bad := strings.IndexByte(text, 0)
	if bad < 0 && utf8.ValidString(text) {
		return nil
	}
	if bad < 0 {
		for i, r := range text {
			if r == utf8.RuneError {
				if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
					bad = i
					break
				}
			}
		}
	}
	return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x%02x`, text[bad])
}

// pos returns the 1-based character position of byte offset b; offsets may only grow, except that
// asking again for an earlier one costs a recount.
func (s *scanner) pos(b int) int {
	if b < s.posByte {
		s.posByte, s.posChar = 0, 0
	}
	s.posChar += utf8.RuneCountInString(s.src[s.posByte:b])
	s.posByte = b
	return s.posChar + 1
}

// add appends a token that ends at end and moves there.
func (s *scanner) add(kind Kind, start, end int, text string) *Token {
	s.toks = append(s.toks, Token{Kind: kind, Text: text, Start: start, End: end, Pos: s.pos(start)})
	s.i = end
	return &s.toks[len(s.toks)-1]
}

// fail reports a syntax error of the scanner in Postgres's form; near is the text it points at.
func (s *scanner) fail(start int, near, format string, args ...any) {
	if s.err == nil {
		s.i = start
		s.err = sqlerr.New(sqlerr.SyntaxError, format+" at or near \"%s\"", append(args, clip(near))...).At(s.pos(start))
	}
}

// clip keeps error messages from repeating a megabyte of text.
func clip(near string) string {
	const most = 1000
	if len(near) <= most {
		return near
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(near[cut]) {
		cut--
	}
	return near[:cut]
}

// skipBlank passes over white space and comments.
func (s *scanner) skipBlank() {
	for s.i < len(s.src) {
		switch c := s.src[s.i]; {
		case isSpace(c):
			s.i++
		case strings.HasPrefix(s.src[s.i:], "--"):
			s.i += lineLen(s.src[s.i:])
		case strings.HasPrefix(s.src[s.i:], "/*"):
			if !s.skipComment() {
				return
			}
		default:
			return
		}
	}
}

// skipComment passes over a comment, which may nest.
func (s *scanner) skipComment() bool {
	start, level := s.i, 0
	for s.i+1 < len(s.src) {
		switch s.src[s.i : s.i+2] {
		case "/*":
			level++
			s.i += 2
		case "*/":
			level--
			s.i += 2
			if level == 0 {
				return true
			}
		default:
			s.i++
		}
	}
	s.fail(start, s.src[start:], "unterminated /* comment")
	return false
}

func lineLen(text string) int {
	if n := strings.IndexAny(text, "\r\n"); n >= 0 {
		return n
	}
	return len(text)
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isIdentStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func isIdentPart(c byte) bool { return isIdentStart(c) || isDigit(c) || c == '$' }

// token reads one token at s.i.
func (s *scanner) token() {
	c := s.src[s.i]
	var next byte
	if s.i+1 < len(s.src) {
		next = s.src[s.i+1]
	}
	switch {
	case isIdentStart(c):
		s.word(c, next)
	case isDigit(c) || c == '.' && isDigit(next):
		s.number()
	case c == '\'':
		s.quoted(s.i, s.i)
	case c == '"':
		s.quotedIdent(s.i, s.i, false)
	case c == '$':
		s.dollar(next)
	case strings.IndexByte("()[]{},;.:", c) >= 0:
		s.punct(c, next)
	case strings.IndexByte("~!@#^&|`?+-*/%<>=", c) >= 0:
		s.operator()
	default:
		_, n := utf8.DecodeRuneInString(s.src[s.i:])
		s.fail(s.i, s.src[s.i:s.i+n], "syntax error")
	}
}

// word reads an identifier, a keyword, or a string with a prefix letter.
func (s *scanner) word(c, next byte) {
	switch c {
	case 'e', 'E', 'n', 'N':
		if next == '\'' {
			if c|0x20 == 'e' {
				s.escaped()
			} else {
				s.quoted(s.i, s.i+1)
			}
			return
		}
	case 'b', 'B', 'x', 'X':
		if next == '\'' {
			s.bits()
			return
		}
	case 'u', 'U':
		if next == '&' && s.i+2 < len(s.src) {
			switch s.src[s.i+2] {
			case '\'':
				s.unicodeString()
				return
			case '"':
				s.quotedIdent(s.i, s.i+2, true)
				return
			}
		}
	}
	start, end := s.i, s.i+1
	for end < len(s.src) && isIdentPart(s.src[end]) {
		end++
	}
	text := Truncate(Fold(s.src[start:end]))
	t := s.add(Word, start, end, text)
	k := keywords[text]
	t.Class, t.AsLabel = k.class, k.asLabel
}

// Fold lower-cases ASCII letters and leaves the rest alone, as Postgres does in a UTF8 database.
func Fold(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; 'A' <= c && c <= 'Z' {
			b := []byte(name)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] |= 0x20
				}
			}
			return string(b)
		}
	}
	return name
}

// Truncate cuts a name to 63 bytes at a character boundary.
func Truncate(name string) string {
	const most = 63
	if len(name) <= most {
		return name
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut]
}

// punct reads punctuation and keeps the bracket stack.
func (s *scanner) punct(c, next byte) {
	switch {
	case c == '.' && next == '.', c == ':' && (next == ':' || next == '='):
		s.add(Punct, s.i, s.i+2, s.src[s.i:s.i+2])
		return
	}
	t := s.add(Punct, s.i, s.i+1, s.src[s.i:s.i+1])
	at := len(s.toks) - 1
	switch c {
	case '(', '[':
		s.stack = append(s.stack, at)
		if len(s.stack) > s.lim.Depth {
			s.limit = s.lim.TooDeep(t.Pos)
		}
	case ')', ']':
		open := byte('(')
		if c == ']' {
			open = '['
		}
		n := len(s.stack)
		if n == 0 || s.src[s.toks[s.stack[n-1]].Start] != open {
			// Left unpaired: the parser words the error, because an earlier one may come first.
			s.stack = s.stack[:0]
			return
		}
		s.toks[s.stack[n-1]].Match, t.Match = at, s.stack[n-1]
		s.stack = s.stack[:n-1]
	case ';':
		// A statement cannot end inside brackets; what was open stays unpaired.
		s.stack = s.stack[:0]
	}
}
