package lex

import (
	"strings"

	"tidemill/sql/sqlerr"
)

// Cursor walks the tokens of one statement. Its first error sticks: from then on it stands at an
// end of input, so that a recursive-descent parser unwinds without testing every step.
type Cursor struct {
	Src    string
	Limits Limits
	Err    *sqlerr.Error
	// Params is the highest $n met so far, FirstParam the token of the first.
	Params     int
	FirstParam *Token

	// TakeInto lets the outermost SELECT have an INTO clause, whose table is Into then.
	TakeInto bool
	Into     []string

	toks   []Token
	i, end int
	from   int
	eof    Token
	// ended tells that the statement ends with the text and not at a semicolon.
	ended bool
}

// NewCursor returns a cursor over toks[from:end]; toks[end] must be the EOF or the semicolon that
// ends the statement.
func NewCursor(src string, toks []Token, from, end int, lim Limits) *Cursor {
	last := toks[end]
	c := &Cursor{Src: src, Limits: lim, toks: toks, i: from, from: from, end: end, ended: last.Kind == EOF}
	c.eof = last
	c.eof.Kind, c.eof.Text = EOF, ""
	return c
}

// Peek returns the current token.
func (c *Cursor) Peek() *Token { return c.At(0) }

// At returns the token n places ahead (or behind); beyond the statement it is EOF.
func (c *Cursor) At(n int) *Token { return c.Tok(c.i + n) }

// Tok returns token i of the statement.
func (c *Cursor) Tok(i int) *Token {
	if c.Err != nil || i < 0 || i >= c.end {
		return &c.eof
	}
	return &c.toks[i]
}

// Index returns the index of the current token, for Seek.
func (c *Cursor) Index() int { return c.i }

// Seek goes back (or forward) to token i.
func (c *Cursor) Seek(i int) { c.i = i }

// Next returns the current token and steps over it.
func (c *Cursor) Next() *Token {
	t := c.Peek()
	if c.i < c.end {
		c.i++
	}
	return t
}

// Pos returns the character position of the current token.
func (c *Cursor) Pos() int { return c.Peek().Pos }

// Done tells whether the cursor is at the end of the statement or has failed.
func (c *Cursor) Done() bool { return c.Peek().Kind == EOF }

// Is tells whether the next tokens are the given unquoted words.
func (c *Cursor) Is(words ...string) bool {
	for n, w := range words {
		if !c.At(n).Is(w) {
			return false
		}
	}
	return true
}

// IsAny tells whether the current token is one of the given unquoted words.
func (c *Cursor) IsAny(words ...string) bool {
	t := c.Peek()
	if t.Kind != Word {
		return false
	}
	for _, w := range words {
		if t.Text == w {
			return true
		}
	}
	return false
}

// Accept steps over the given words if they are next.
func (c *Cursor) Accept(words ...string) bool {
	if !c.Is(words...) {
		return false
	}
	c.i += len(words)
	return true
}

// AcceptAny steps over the current token if it is one of words and returns it, or "".
func (c *Cursor) AcceptAny(words ...string) string {
	if !c.IsAny(words...) {
		return ""
	}
	return c.Next().Text
}

// Expect steps over the given words or fails with a syntax error at the first that differs.
func (c *Cursor) Expect(words ...string) {
	for _, w := range words {
		if !c.Accept(w) {
			c.Unexpected()
			return
		}
	}
}

// IsPunct tells whether the current token is the punctuation p.
func (c *Cursor) IsPunct(p string) bool { return c.Peek().IsPunct(p) }

// AcceptPunct steps over the punctuation p if it is next.
func (c *Cursor) AcceptPunct(p string) bool {
	if c.IsPunct(p) {
		c.i++
		return true
	}
	return false
}

// ExpectPunct steps over p or fails.
func (c *Cursor) ExpectPunct(p string) {
	if !c.AcceptPunct(p) {
		c.Unexpected()
	}
}

// IsOp tells whether the current token is the operator op.
func (c *Cursor) IsOp(op string) bool { return c.Peek().IsOp(op) }

// AcceptOp steps over the operator op if it is next.
func (c *Cursor) AcceptOp(op string) bool {
	if c.IsOp(op) {
		c.i++
		return true
	}
	return false
}

// Fail sets the error unless there is one already.
func (c *Cursor) Fail(err *sqlerr.Error) {
	if c.Err == nil {
		c.Err = err
	}
}

// Unexpected fails with Postgres's syntax error at the current token.
func (c *Cursor) Unexpected() { c.UnexpectedAt(c.i) }

// UnexpectedAt fails with Postgres's syntax error at token i.
func (c *Cursor) UnexpectedAt(i int) {
	if c.Err == nil {
		c.Err = c.syntaxError(c.Tok(i))
	}
}

func (c *Cursor) syntaxError(t *Token) *sqlerr.Error {
	if t.Kind == Bad {
		return t.Err
	}
	if t.Kind == EOF && c.ended {
		return sqlerr.New(sqlerr.SyntaxError, "syntax error at end of input").At(t.Pos)
	}
	return sqlerr.New(sqlerr.SyntaxError, "syntax error at or near \"%s\"", clip(c.Src[t.Start:t.End])).At(t.Pos)
}

// SyntaxErrorAt returns the syntax error for the token at character position pos.
func (c *Cursor) SyntaxErrorAt(pos int) *sqlerr.Error {
	for i := c.from; i < c.end; i++ {
		if c.toks[i].Pos == pos {
			return c.syntaxError(&c.toks[i])
		}
	}
	return sqlerr.New(sqlerr.SyntaxError, "syntax error").At(pos)
}

// Unsupported fails with 0A000 at pos.
func (c *Cursor) Unsupported(pos int, format string, args ...any) {
	c.Fail(sqlerr.Unsupported(format, args...).At(pos))
}

// ColID reads a name that may stand for a column, table or alias.
func (c *Cursor) ColID() string {
	if !c.Peek().IsColID() {
		c.Unexpected()
		return ""
	}
	return c.Next().Text
}

// Label reads a name that may be any keyword.
func (c *Cursor) Label() string {
	if !c.Peek().IsLabel() {
		c.Unexpected()
		return ""
	}
	return c.Next().Text
}

// Name reads a possibly qualified name.
func (c *Cursor) Name() []string {
	parts := []string{c.ColID()}
	for c.AcceptPunct(".") {
		parts = append(parts, c.Label())
	}
	return parts
}

// Names reads name [, name …].
func (c *Cursor) Names() [][]string {
	list := [][]string{c.Name()}
	for c.AcceptPunct(",") {
		list = append(list, c.Name())
	}
	return list
}

// ColIDs reads ( name [, name …] ).
func (c *Cursor) ColIDs() []string {
	c.ExpectPunct("(")
	list := []string{c.ColID()}
	for c.AcceptPunct(",") {
		list = append(list, c.ColID())
	}
	c.ExpectPunct(")")
	return list
}

// Str reads a string constant.
func (c *Cursor) Str() string {
	if c.Peek().Kind != String {
		c.Unexpected()
		return ""
	}
	return c.Next().Text
}

// Integer reads an integer constant and returns its digits.
func (c *Cursor) Integer() string {
	if c.Peek().Kind != Integer {
		c.Unexpected()
		return ""
	}
	return c.Next().Text
}

// Text returns the source text from token from up to (not including) token to, trimmed.
func (c *Cursor) Text(from, to int) string {
	if from >= to || to <= 0 {
		return ""
	}
	return strings.TrimSpace(c.Src[c.toks[from].Start:c.toks[to-1].End])
}
