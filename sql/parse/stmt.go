package parse

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/parse/query"
)

// parser reads one statement.
type parser struct {
	*lex.Cursor
	depth int // EXPLAIN, PREPARE and their kin around the current statement
}

// pos returns the current position for a node.
func (p *parser) pos() ast.Pos { return ast.Pos(p.Pos()) }

// expr reads an expression.
func (p *parser) expr() ast.Expr { return query.Expr(p.Cursor) }

// sel reads a query and returns its text too.
func (p *parser) sel() (*ast.Select, string) {
	from := p.Index()
	s := query.Select(p.Cursor)
	if p.Err != nil {
		return nil, ""
	}
	return s, p.Text(from, p.Index())
}

// readers maps the first word of a statement to what reads the rest. It is filled by init because
// EXPLAIN and PREPARE refer back to it.
var readers map[string]func(*parser) ast.Statement

func init() {
	readers = map[string]func(*parser) ast.Statement{
		"select": (*parser).query, "values": (*parser).query, "table": (*parser).query, "with": (*parser).with,
		"create": (*parser).create, "drop": (*parser).drop, "alter": (*parser).alter,
		"comment": (*parser).comment, "grant": (*parser).grant, "revoke": (*parser).grant,
		"insert": (*parser).insert, "update": (*parser).update, "delete": (*parser).delete,
		"truncate": (*parser).truncate, "merge": (*parser).merge,
		"explain": (*parser).explain, "show": (*parser).show, "describe": (*parser).describe,
		"set": (*parser).set, "reset": (*parser).reset,
		"begin": (*parser).begin, "start": (*parser).begin, "commit": (*parser).commit, "end": (*parser).commit,
		"rollback": (*parser).rollback, "abort": (*parser).rollback,
		"savepoint": (*parser).savepoint, "release": (*parser).savepoint,
		"prepare": (*parser).prepare, "execute": (*parser).execute, "deallocate": (*parser).deallocate,
		"declare": (*parser).declare, "fetch": (*parser).fetch, "move": (*parser).fetch, "close": (*parser).close,
		"copy": (*parser).copy, "discard": (*parser).discard,
		"listen": (*parser).listen, "unlisten": (*parser).listen, "notify": (*parser).listen,
		"verify": (*parser).verify, "subscribe": (*parser).subscribe,
		"vacuum": (*parser).noOp, "analyze": (*parser).noOp, "analyse": (*parser).noOp, "lock": (*parser).lock,
		"checkpoint": (*parser).noOp, "reindex": (*parser).noOp, "cluster": (*parser).noOp, "refresh": (*parser).noOp,
		"flush": (*parser).noOp,
		"do":    (*parser).unsupported, "call": (*parser).unsupported, "load": (*parser).load,
		"import": (*parser).unsupported, "reassign": (*parser).unsupported, "security": (*parser).unsupported,
	}
}

// statement reads one statement.
func (p *parser) statement() ast.Statement {
	t := p.Peek()
	if t.IsPunct("(") {
		return p.query()
	}
	read := readers[t.Text]
	if t.Kind != lex.Word || read == nil {
		p.Unexpected()
		return nil
	}
	return read(p)
}

// nested reads the statement inside EXPLAIN, PREPARE and COPY.
func (p *parser) nested() ast.Statement {
	if p.depth++; p.depth > 3 {
		p.Unexpected()
		return nil
	}
	defer func() { p.depth-- }()
	return p.statement()
}

func (p *parser) query() ast.Statement {
	q := &ast.Query{Pos: p.pos()}
	p.TakeInto = p.depth == 0
	q.Select = query.Select(p.Cursor)
	if p.TakeInto = false; p.Into != nil {
		return &ast.CreateTable{Pos: q.Pos, Name: p.Into, AsQuery: q.Select, Into: true}
	}
	return q
}

// unsupported refuses a statement that Postgres has and Tidemill has not.
func (p *parser) unsupported() ast.Statement {
	t := p.Peek()
	p.Unsupported(t.Pos, "%s is not supported", upper(t.Text))
	return nil
}

// load refuses LOAD 'library'; anything else after LOAD is no Postgres.
func (p *parser) load() ast.Statement {
	if p.At(1).Kind != lex.String {
		p.Next()
		p.Unexpected()
	}
	return p.unsupported()
}

func upper(word string) string {
	b := []byte(word)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 0x20
		}
	}
	return string(b)
}

// ifNotExists reads IF NOT EXISTS; ifExists reads IF EXISTS.
func (p *parser) ifNotExists() bool { return p.Accept("if", "not", "exists") }
func (p *parser) ifExists() bool    { return p.Accept("if", "exists") }

// cascade reads CASCADE or RESTRICT, the default.
func (p *parser) cascade() bool { return p.AcceptAny("cascade", "restrict") == "cascade" }

// roleName reads a role, which may be CURRENT_USER and the like.
func (p *parser) roleName() string {
	if w := p.AcceptAny("current_user", "session_user", "current_role", "user"); w != "" {
		return w
	}
	return p.ColID()
}

// options reads (name [= value], …).
func (p *parser) options() []ast.Option {
	p.ExpectPunct("(")
	var list []ast.Option
	if p.AcceptPunct(")") {
		return nil
	}
	for {
		o := ast.Option{Pos: p.pos(), Name: p.optionName()}
		if p.AcceptOp("=") {
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

// optionName reads a name with dots, or a string.
func (p *parser) optionName() string {
	if p.Peek().Kind == lex.String {
		return p.Next().Text
	}
	name := p.Label()
	for p.AcceptPunct(".") {
		name += "." + p.Label()
	}
	return name
}

// optionValue reads a string, number or word and returns its text.
func (p *parser) optionValue() string {
	t := p.Peek()
	switch t.Kind {
	case lex.String, lex.Integer, lex.Numeric, lex.Word, lex.Quoted:
		v := p.Next().Text
		for t.Kind == lex.Word && p.AcceptPunct(".") {
			v += "." + p.Label()
		}
		return v
	case lex.Op:
		if t.Text != "-" && t.Text != "+" {
			break
		}
		if k := p.At(1).Kind; k != lex.Integer && k != lex.Numeric {
			break
		}
		p.Next()
		if t.Text == "-" {
			return "-" + p.Next().Text
		}
		return p.Next().Text
	}
	p.Unexpected()
	return ""
}

// format reads FORMAT envelope ENCODE encoding [(options)].
func (p *parser) format() *ast.Format {
	f := &ast.Format{Pos: p.pos()}
	p.Expect("format")
	f.Envelope = p.Label()
	p.Expect("encode")
	f.Encoding = p.Label()
	if p.IsPunct("(") {
		f.Options = p.options()
	}
	return f
}
