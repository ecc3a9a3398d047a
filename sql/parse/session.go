package parse

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/parse/query"
)

// begin reads BEGIN [WORK | TRANSACTION] and START TRANSACTION with modes.
func (p *parser) begin() ast.Statement {
	t := &ast.Transaction{Pos: p.pos(), Kind: "begin"}
	if p.Next().Text == "start" {
		p.Expect("transaction")
	} else {
		p.AcceptAny("work", "transaction")
	}
	t.Modes = p.modes(false)
	return t
}

// modes reads transaction modes, with or without commas between them.
func (p *parser) modes(needed bool) []string {
	var list []string
	for p.Err == nil {
		switch {
		case p.Accept("isolation", "level"):
			level := p.AcceptAny("serializable", "repeatable", "read")
			switch level {
			case "repeatable":
				p.Expect("read")
				level = "repeatable read"
			case "read":
				kind := p.AcceptAny("committed", "uncommitted")
				if kind == "" {
					p.Unexpected()
				}
				level = "read " + kind
			case "":
				p.Unexpected()
			}
			list = append(list, "isolation level "+level)
		case p.Accept("read", "only"):
			list = append(list, "read only")
		case p.Accept("read", "write"):
			list = append(list, "read write")
		case p.Accept("deferrable"):
			list = append(list, "deferrable")
		case p.Accept("not", "deferrable"):
			list = append(list, "not deferrable")
		default:
			if needed && list == nil || p.At(-1).IsPunct(",") {
				p.Unexpected()
			}
			return list
		}
		p.AcceptPunct(",")
	}
	return list
}

func (p *parser) commit() ast.Statement {
	t := &ast.Transaction{Pos: p.pos(), Kind: "commit"}
	p.Next()
	p.endOfTransaction(t)
	return t
}

// rollback reads ROLLBACK | ABORT [WORK | TRANSACTION] and ROLLBACK TO [SAVEPOINT] name.
func (p *parser) rollback() ast.Statement {
	t := &ast.Transaction{Pos: p.pos(), Kind: "rollback"}
	abort := p.Next().Text == "abort"
	p.endOfTransaction(t)
	if !abort && len(t.Modes) == 0 && p.Accept("to") {
		t.Kind = "rollback to"
		if p.Is("savepoint") && p.At(1).IsColID() {
			p.Next()
		}
		t.Name = p.ColID()
	}
	return t
}

// endOfTransaction reads [WORK | TRANSACTION] [AND [NO] CHAIN].
func (p *parser) endOfTransaction(t *ast.Transaction) {
	if p.Is("prepared") {
		p.Unsupported(p.Pos(), "two-phase commit is not supported")
	}
	p.AcceptAny("work", "transaction")
	if !p.Accept("and") {
		return
	}
	if p.Accept("no") {
		p.Expect("chain")
		return
	}
	p.Expect("chain")
	t.Modes = []string{"and chain"}
}

// savepoint reads SAVEPOINT name and RELEASE [SAVEPOINT] name.
func (p *parser) savepoint() ast.Statement {
	t := &ast.Transaction{Pos: p.pos(), Kind: p.Next().Text}
	if t.Kind == "release" && p.Is("savepoint") && p.At(1).IsColID() {
		p.Next()
	}
	t.Name = p.ColID()
	return t
}

// prepare reads PREPARE name [(types)] AS statement.
func (p *parser) prepare() ast.Statement {
	s := &ast.Prepare{Pos: p.pos()}
	p.Expect("prepare")
	if p.Is("transaction") && p.At(1).Kind == lex.String {
		p.Unsupported(p.Pos(), "two-phase commit is not supported")
	}
	s.Name = p.ColID()
	if p.AcceptPunct("(") {
		for {
			s.Types = append(s.Types, query.Type(p.Cursor))
			if !p.AcceptPunct(",") {
				break
			}
		}
		p.ExpectPunct(")")
	}
	p.Expect("as")
	from := p.Index()
	if !query.IsQuery(p.Cursor) && !p.IsAny("insert", "update", "delete", "merge") {
		p.Unexpected()
	}
	s.Statement = p.nested()
	if p.Err == nil {
		s.Text = p.Text(from, p.Index())
	}
	return s
}

func (p *parser) execute() ast.Statement {
	s := &ast.Execute{Pos: p.pos()}
	p.Expect("execute")
	s.Name = p.ColID()
	if p.AcceptPunct("(") {
		s.Args = query.Exprs(p.Cursor)
		p.ExpectPunct(")")
	}
	return s
}

func (p *parser) deallocate() ast.Statement {
	s := &ast.Deallocate{Pos: p.pos()}
	p.Expect("deallocate")
	if p.Is("prepare") && !p.At(1).IsPunct(";") && p.At(1).Kind != lex.EOF {
		p.Next()
	}
	if !p.Accept("all") {
		s.Name = p.ColID()
	}
	return s
}

// declare reads DECLARE name CURSOR FOR query | SUBSCRIBE ….
func (p *parser) declare() ast.Statement {
	s := &ast.Declare{Pos: p.pos()}
	p.Expect("declare")
	s.Name = p.ColID()
	for p.Err == nil && !p.Is("cursor") {
		switch {
		case p.Accept("binary"):
			s.Binary = true
		case p.Accept("scroll"):
			s.Scroll = true
		case p.Accept("no", "scroll"), p.Accept("insensitive"), p.Accept("asensitive"):
		default:
			p.Unexpected()
		}
	}
	p.Expect("cursor")
	switch {
	case p.Accept("with", "hold"):
		s.Hold = true
	default:
		p.Accept("without", "hold")
	}
	p.Expect("for")
	if p.Is("subscribe") {
		s.Changes = p.changes()
		return s
	}
	s.Query, _ = p.sel()
	return s
}

// fetch reads FETCH and MOVE [direction] [FROM | IN] name [WITH (options)].
func (p *parser) fetch() ast.Statement {
	f := &ast.Fetch{Pos: p.pos(), Move: p.Is("move"), Direction: "next", Count: 1}
	p.Next()
	named := false
	switch {
	case p.endsFetch():
		// A cursor may be called next or all.
		named = true
	case p.Accept("all"):
		f.Direction, f.Count = "forward", -1
	case p.IsAny("next", "prior", "first", "last"):
		f.Direction = p.Next().Text
	case p.IsAny("absolute", "relative"):
		f.Direction = p.Next().Text
		f.Count = int64(*p.signedInt())
	case p.IsAny("forward", "backward"):
		f.Direction = p.Next().Text
		if p.Accept("all") {
			f.Count = -1
		} else if p.startsInt() {
			p.fetchCount(f)
		}
	case p.startsInt():
		f.Direction = "forward"
		p.fetchCount(f)
	}
	if !named {
		p.AcceptAny("from", "in")
	}
	f.Name = p.ColID()
	if p.Accept("with") {
		f.Options = p.options()
	}
	return f
}

// endsFetch tells whether only a cursor's name is left.
func (p *parser) endsFetch() bool {
	return p.Peek().IsColID() && (p.At(1).Kind == lex.EOF || p.At(1).Text == "with" && p.At(2).IsPunct("("))
}

func (p *parser) startsInt() bool { return p.Peek().Kind == lex.Integer || p.IsOp("-") || p.IsOp("+") }

// fetchCount reads a count; a negative one turns the direction.
func (p *parser) fetchCount(f *ast.Fetch) {
	p.AcceptOp("+")
	f.Count = int64(*p.signedInt())
	if f.Count >= 0 {
		return
	}
	f.Count = -f.Count
	if f.Direction == "forward" {
		f.Direction = "backward"
	} else {
		f.Direction = "forward"
	}
}

func (p *parser) close() ast.Statement {
	s := &ast.CloseCursor{Pos: p.pos()}
	p.Expect("close")
	if !p.Accept("all") {
		s.Name = p.ColID()
	}
	return s
}
