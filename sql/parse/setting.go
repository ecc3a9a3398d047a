package parse

import (
	"strings"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
)

// set reads SET in all its forms.
func (p *parser) set() ast.Statement {
	s := &ast.Set{Pos: p.pos()}
	p.Expect("set")
	switch {
	case p.Accept("session", "characteristics", "as", "transaction"):
		return &ast.Transaction{Pos: s.Pos, Kind: "set transaction", Name: "session", Modes: p.modes(true)}
	case p.Is("transaction", "snapshot"):
		p.Unsupported(p.Pos(), "SET TRANSACTION SNAPSHOT is not supported")
		return nil
	case p.Accept("transaction"):
		return &ast.Transaction{Pos: s.Pos, Kind: "set transaction", Modes: p.modes(true)}
	case p.Accept("constraints"):
		p.setConstraints()
		return &ast.NoOp{Pos: s.Pos, Tag: "SET CONSTRAINTS"}
	case p.Accept("local"):
		s.Local = true
		if p.Accept("transaction") {
			return &ast.Transaction{Pos: s.Pos, Kind: "set transaction", Modes: p.modes(true)}
		}
	case p.Is("session") && !p.At(1).Is("authorization"):
		if next := p.At(1); next.IsColID() && !next.Is("to") {
			p.Next()
		}
	}
	p.setting(s)
	return s
}

// setting reads name = value, and the settings that have a syntax of their own.
func (p *parser) setting(s *ast.Set) {
	switch {
	case p.Accept("time", "zone"):
		s.Name = "timezone"
		p.zone(s)
	case p.Accept("names"):
		s.Name = "client_encoding"
		if p.Peek().Kind == lex.String {
			p.value(s, p.Str())
		} else {
			p.Accept("default")
		}
	case p.Is("schema") && p.At(1).Kind == lex.String:
		p.Next()
		s.Name = "search_path"
		p.value(s, lex.QuoteIdent(p.Str()))
	case p.Is("role") && !p.assigned(1):
		p.Next()
		s.Name = "role"
		p.value(s, p.word())
	case p.Accept("session", "authorization"):
		s.Name = "session_authorization"
		if !p.Accept("default") {
			p.value(s, p.word())
		}
	case p.Is("xml", "option"):
		p.Unsupported(p.Pos(), "SET XML OPTION is not supported")
	default:
		s.Name = p.settingName()
		if !p.AcceptOp("=") {
			p.Expect("to")
		}
		p.values(s)
	}
}

// assigned tells whether the token n places ahead is = or TO.
func (p *parser) assigned(n int) bool { return p.At(n).IsOp("=") || p.At(n).Is("to") }

func (p *parser) value(s *ast.Set, v string) { s.Value = &v }

// word reads a name or a string.
func (p *parser) word() string {
	if p.Peek().Kind == lex.String {
		return p.Next().Text
	}
	return p.roleName()
}

// settingName reads a setting's name; custom ones have dots.
func (p *parser) settingName() string {
	name := p.ColID()
	for p.AcceptPunct(".") {
		name += "." + p.ColID()
	}
	return lex.Fold(name)
}

// values reads value [, value …] or DEFAULT.
func (p *parser) values(s *ast.Set) {
	if p.Accept("default") {
		return
	}
	var list []string
	for {
		v := p.settingValue()
		if s.Name == "search_path" {
			// A list of names: each keeps its case and blanks when it is read back.
			v = lex.QuoteIdent(v)
		}
		list = append(list, v)
		if !p.AcceptPunct(",") {
			break
		}
	}
	p.value(s, strings.Join(list, ", "))
}

// settingValue reads a string, a signed number, a name or a boolean word.
func (p *parser) settingValue() string {
	t := p.Peek()
	switch {
	case t.Kind == lex.Word && (t.IsColID() || t.IsTypeFunc() || t.Text == "true" || t.Text == "false" || t.Text == "on"):
		return p.Next().Text
	case t.Kind == lex.Word:
		p.Unexpected()
		return ""
	}
	return p.optionValue()
}

// zone reads the value of TIME ZONE.
func (p *parser) zone(s *ast.Set) {
	switch {
	case p.AcceptAny("local", "default") != "":
	case p.Is("interval"):
		p.Next()
		v := p.Str()
		if p.Accept("hour") {
			p.Expect("to", "minute")
		}
		p.value(s, "INTERVAL "+lex.QuoteLiteral(v))
	default:
		p.value(s, p.settingValue())
	}
}

// reset reads RESET name | ALL.
func (p *parser) reset() ast.Statement {
	s := &ast.Set{Pos: p.pos()}
	p.Expect("reset")
	s.Name = p.namedSetting()
	return s
}

// namedSetting reads the name in SHOW and RESET, with the spellings that have blanks.
func (p *parser) namedSetting() string {
	switch {
	case p.Accept("all"):
		return "all"
	case p.Accept("time", "zone"):
		return "timezone"
	case p.Accept("transaction", "isolation", "level"):
		return "transaction_isolation"
	case p.Accept("session", "authorization"):
		return "session_authorization"
	}
	return p.settingName()
}

// lists are the plural forms of SHOW.
var lists = [][]string{
	{"materialized", "views"}, {"tables"}, {"sources"}, {"views"}, {"sinks"}, {"schemas"}, {"databases"},
	{"jobs"}, {"indexes"}, {"functions"}, {"connections"}, {"secrets"}, {"roles"}, {"users"}, {"cursors"},
}

// show reads SHOW setting and the lists of objects.
func (p *parser) show() ast.Statement {
	s := &ast.Show{Pos: p.pos()}
	p.Expect("show")
	for _, words := range lists {
		if p.Accept(words...) {
			s.What = strings.Join(words, " ")
			if p.AcceptAny("from", "in") != "" {
				s.Name = p.Name()
			}
			s.Like = p.like()
			return s
		}
	}
	switch {
	case p.Accept("columns"):
		s.What = "columns from"
		if p.AcceptAny("from", "in") == "" {
			p.Unexpected()
		}
		s.Name = p.Name()
		s.Like = p.like()
	case p.Accept("create"):
		kind := p.kind()
		if kind == "" {
			p.Unexpected()
		}
		s.What, s.Name = "create "+kind, p.Name()
	default:
		s.What = p.namedSetting()
	}
	return s
}

func (p *parser) like() string {
	if p.Accept("like") {
		return p.Str()
	}
	return ""
}

func (p *parser) describe() ast.Statement {
	d := &ast.Describe{Pos: p.pos()}
	p.Expect("describe")
	p.kind()
	d.Name = p.Name()
	return d
}
