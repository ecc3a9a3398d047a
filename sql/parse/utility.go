package parse

import (
	"strings"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/parse/query"
	"tidemill/sql/sqlerr"
)

// explain reads EXPLAIN [ANALYZE] [VERBOSE] | (options) statement.
func (p *parser) explain() ast.Statement {
	e := &ast.Explain{Pos: p.pos()}
	p.Expect("explain")
	if p.IsPunct("(") && !query.IsQuery(p.Cursor) {
		e.Options = p.wordOptions()
	} else {
		for _, word := range []string{"analyze", "analyse", "verbose"} {
			if pos := p.pos(); p.Accept(word) {
				e.Options = append(e.Options, ast.Option{Pos: pos, Name: strings.Replace(word, "analyse", "analyze", 1), Value: "true"})
			}
		}
	}
	if !query.IsQuery(p.Cursor) && !p.IsAny("insert", "update", "delete", "merge", "declare", "create", "execute", "subscribe") {
		p.Unexpected()
		return e
	}
	e.Statement = p.nested()
	return e
}

// wordOptions reads (name [value], …), the form of EXPLAIN, COPY and VACUUM. An option without a
// value is true.
func (p *parser) wordOptions() []ast.Option {
	p.ExpectPunct("(")
	var list []ast.Option
	for {
		o := ast.Option{Pos: p.pos(), Name: p.Label(), Value: "true"}
		switch {
		case p.IsPunct(",") || p.IsPunct(")"):
		case p.IsPunct("("):
			o.Value = strings.Join(p.ColIDs(), ",")
		case p.AcceptOp("*"):
			o.Value = "*"
		default:
			o.Value = p.optionValue()
		}
		list = append(list, o)
		if !p.AcceptPunct(",") {
			break
		}
	}
	p.ExpectPunct(")")
	return list
}

// copy reads COPY in its new and old spellings.
func (p *parser) copy() ast.Statement {
	s := &ast.Copy{Pos: p.pos()}
	p.Expect("copy")
	if pos := p.pos(); p.Is("binary") && p.At(1).IsColID() {
		p.Next()
		s.Options = append(s.Options, ast.Option{Pos: pos, Name: "format", Value: "binary"})
	}
	if p.IsPunct("(") {
		p.Next()
		if p.IsAny("insert", "update", "delete", "merge") {
			p.Unsupported(p.Pos(), "COPY (%s …) is not supported", upper(p.Peek().Text))
		}
		if p.Is("subscribe") {
			s.Changes = p.changes()
		} else {
			s.Query, _ = p.sel()
		}
		p.ExpectPunct(")")
		p.Expect("to")
	} else {
		s.Table = p.Name()
		if p.IsPunct("(") {
			s.Columns = p.ColIDs()
		}
		if s.From = p.Accept("from"); !s.From {
			p.Expect("to")
		}
	}
	p.copyFile(s)
	p.copyOptions(s)
	if p.Is("where") {
		p.Unsupported(p.Pos(), "COPY FROM … WHERE is not supported")
	}
	return s
}

// copyFile reads STDIN or STDOUT, which mean the same: the client.
func (p *parser) copyFile(s *ast.Copy) {
	pos := p.Pos()
	switch {
	case p.AcceptAny("stdin", "stdout") != "":
	case p.Is("program"), p.Peek().Kind == lex.String:
		p.Fail(sqlerr.Unsupported("COPY with a file or program of the server is not supported").
			WithHint("Use COPY … FROM STDIN or TO STDOUT, or psql's \\copy.").At(pos))
	default:
		p.Unexpected()
	}
}

// copyOptions reads [WITH] (new options) or the old option words.
func (p *parser) copyOptions(s *ast.Copy) {
	add := func(pos ast.Pos, name, value string) {
		s.Options = append(s.Options, ast.Option{Pos: pos, Name: name, Value: value})
	}
	pos := p.pos()
	if !p.Is("where") && p.Accept("using") || p.Is("delimiters") {
		p.Expect("delimiters")
		add(pos, "delimiter", p.Str())
	}
	p.Accept("with")
	if p.IsPunct("(") {
		s.Options = append(s.Options, p.wordOptions()...)
		return
	}
	for p.Err == nil {
		pos := p.pos()
		switch word := p.AcceptAny("binary", "csv", "freeze", "header", "delimiter", "null", "quote", "escape", "encoding"); word {
		case "":
			if !p.Accept("force") {
				return
			}
			p.forceOption(pos, add)
		case "binary", "csv":
			add(pos, "format", word)
		case "freeze", "header":
			add(pos, word, "true")
		default:
			p.Accept("as")
			add(pos, word, p.Str())
		}
	}
}

// forceOption reads FORCE QUOTE columns | *, FORCE [NOT] NULL columns.
func (p *parser) forceOption(pos ast.Pos, add func(ast.Pos, string, string)) {
	name := "force_quote"
	if !p.Accept("quote") {
		name = "force_null"
		if p.Accept("not") {
			name = "force_not_null"
		}
		p.Expect("null")
	}
	if p.AcceptOp("*") {
		add(pos, name, "*")
		return
	}
	cols := []string{p.ColID()}
	for p.AcceptPunct(",") {
		cols = append(cols, p.ColID())
	}
	add(pos, name, strings.Join(cols, ","))
}

func (p *parser) discard() ast.Statement {
	s := &ast.Discard{Pos: p.pos()}
	p.Expect("discard")
	s.What = p.AcceptAny("all", "plans", "sequences", "temp", "temporary")
	switch s.What {
	case "":
		p.Unexpected()
	case "temporary":
		s.What = "temp"
	}
	return s
}

// listen reads LISTEN, UNLISTEN and NOTIFY.
func (p *parser) listen() ast.Statement {
	s := &ast.Listen{Pos: p.pos(), Kind: p.Next().Text}
	if s.Kind == "unlisten" && p.AcceptOp("*") {
		return s
	}
	s.Channel = p.ColID()
	if s.Kind == "notify" && p.AcceptPunct(",") {
		s.Payload = p.Str()
	}
	return s
}

func (p *parser) verify() ast.Statement {
	s := &ast.Verify{Pos: p.pos()}
	p.Expect("verify", "materialized", "view")
	s.Name = p.Name()
	return s
}

func (p *parser) subscribe() ast.Statement { return p.changes() }

// changes reads SUBSCRIBE [TO] relation | query | (query) [WITH (options)].
func (p *parser) changes() *ast.Subscribe {
	s := &ast.Subscribe{Pos: p.pos()}
	p.Expect("subscribe")
	if p.Is("to") {
		p.Next()
	}
	if query.IsQuery(p.Cursor) {
		s.Query, _ = p.sel()
	} else {
		s.Name = p.Name()
	}
	if p.Accept("with") {
		s.Options = p.options()
	}
	return s
}
