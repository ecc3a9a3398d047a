package parse

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/parse/query"
	"tidemill/sql/sqlerr"
)

// Limits bound what one message of SQL may hold.
type Limits = lex.Limits

// DefaultLimits are the limits that Parse applies.
var DefaultLimits = lex.DefaultLimits

// Parsed is one statement of a text.
type Parsed struct {
	Stmt   ast.Statement
	Text   string // this statement's text, trimmed of blanks and comments around it
	Offset int    // characters before Text in the whole text
	Params int    // highest $n, 0 when there is none

	noParam *sqlerr.Error
}

// NoParams refuses a statement that has parameters where nobody gives their values. The error's
// position counts in the statement's text.
func (p *Parsed) NoParams() error {
	if p.noParam == nil {
		return nil
	}
	return p.noParam
}

// Parse reads all statements of text, which semicolons separate; empty ones are skipped. If one is
// wrong nothing is returned but its error, whose position counts in the whole text.
func Parse(text string) ([]Parsed, error) { return ParseLimited(text, DefaultLimits) }

// ParseLimited is Parse with other limits.
func ParseLimited(text string, lim Limits) ([]Parsed, error) {
	toks, err := lex.Scan(text, lim)
	if err != nil {
		return nil, err
	}
	var out []Parsed
	for from := 0; from < len(toks); {
		end := from
		for toks[end].Kind != lex.EOF && !toks[end].IsPunct(";") {
			end++
		}
		if end > from {
			one, err := parseOne(text, toks, from, end, lim)
			if err != nil {
				return nil, err
			}
			out = append(out, one)
		}
		from = end + 1
	}
	return out, nil
}

// parseOne reads the statement in toks[from:end].
func parseOne(text string, toks []lex.Token, from, end int, lim Limits) (Parsed, error) {
	// Positions are made relative to the statement; base brings those of errors back.
	base := toks[from].Pos - 1
	for i := from; i <= end; i++ {
		toks[i].Pos -= base
		if err := toks[i].Err; err != nil && err.Position > 0 {
			err.Position -= base
		}
	}
	p := &parser{Cursor: lex.NewCursor(text, toks, from, end, lim)}
	stmt := p.statement()
	if !p.Done() {
		p.Unexpected()
	}
	if p.Err != nil {
		return Parsed{}, shift(p.Err, base)
	}
	out := Parsed{
		Stmt:   stmt,
		Text:   text[toks[from].Start:toks[end-1].End],
		Offset: base,
		Params: p.Params,
	}
	if t := p.FirstParam; t != nil {
		out.noParam = sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%s", t.Text).At(t.Pos)
	}
	return out, nil
}

func shift(err *sqlerr.Error, base int) *sqlerr.Error {
	if err.Position > 0 {
		err.Position += base
	}
	return err
}

// ParseQuery reads a stored query.
func ParseQuery(text string) (*ast.Select, error) { return parseWhole(text, query.Select) }

// ParseExpr reads a stored expression.
func ParseExpr(text string) (ast.Expr, error) { return parseWhole(text, query.Expr) }

// ParseType reads a type name.
func ParseType(text string) (ast.TypeName, error) { return parseWhole(text, query.Type) }

// parseWhole reads one thing that takes the whole text.
func parseWhole[T any](text string, read func(*lex.Cursor) T) (T, error) {
	var zero T
	toks, err := lex.Scan(text, DefaultLimits)
	if err != nil {
		return zero, err
	}
	c := lex.NewCursor(text, toks, 0, len(toks)-1, DefaultLimits)
	out := read(c)
	if !c.Done() {
		c.Unexpected()
	}
	if c.Err != nil {
		return zero, c.Err
	}
	return out, nil
}

// QuoteIdent returns name as an identifier that reads back as the same name.
func QuoteIdent(name string) string { return lex.QuoteIdent(name) }

// QuoteLiteral returns text as a string constant that reads back as the same text.
func QuoteLiteral(text string) string { return lex.QuoteLiteral(text) }
