package parse

import (
	"tidemill/sql/ast"
)

// create reads CREATE and finds out what is created.
func (p *parser) create() ast.Statement {
	pos, from := p.pos(), p.Index()
	p.Expect("create")
	replace := p.Accept("or", "replace")
	temp := false
	if p.IsAny("global", "local") && (p.At(1).Is("temp") || p.At(1).Is("temporary")) {
		p.Next()
	}
	if p.AcceptAny("temp", "temporary") != "" {
		temp = true
	} else {
		p.Accept("unlogged")
	}
	switch {
	case p.Is("table") && !replace:
		return p.createTable(pos, temp)
	case p.Is("view"), p.Is("recursive", "view"), p.Is("materialized") && !temp:
		return p.createView(pos, from, replace, temp)
	case p.Is("sequence") && !replace:
		p.Next()
		q := &ast.CreateSequence{Pos: pos, Temp: temp, IfNotExists: p.ifNotExists(), Name: p.Name()}
		q.Options = *p.sequenceOptions()
		return q
	case replace || temp:
		return p.refuseKind("CREATE")
	case p.Accept("source"):
		return p.createSource(pos)
	case p.Accept("sink"):
		return p.createSink(pos)
	case p.Accept("schema"):
		return p.createSchema(pos)
	case p.Is("index"), p.Is("unique", "index"):
		return p.createIndex(pos)
	case p.Is("type"):
		return p.createType(pos)
	case p.Is("role"), p.Is("user") && !p.At(1).Is("mapping"), p.Is("group"):
		return p.createRole(pos)
	}
	return p.refuseKind("CREATE")
}

// otherKinds are the objects that Postgres has and Tidemill has not, by their first word.
var otherKinds = []string{
	"function", "procedure", "aggregate", "operator", "domain", "sequence", "extension", "trigger",
	"rule", "policy", "database", "tablespace", "cast", "collation", "conversion", "foreign", "server",
	"language", "publication", "subscription", "statistics", "text", "event", "access", "transform",
	"constraint", "trusted", "procedural", "default", "user", "connection", "secret", "routine", "owned",
	"large", "system",
}

// refuseKind words the refusal of CREATE, DROP and ALTER for kinds that are not carried.
func (p *parser) refuseKind(verb string) ast.Statement {
	if p.IsAny(otherKinds...) {
		p.Unsupported(p.Pos(), "%s %s is not supported", verb, upper(p.Peek().Text))
	} else {
		p.Unexpected()
	}
	return nil
}

// createView reads CREATE [OR REPLACE] [TEMP] [MATERIALIZED] VIEW; from is the token of CREATE.
func (p *parser) createView(pos ast.Pos, from int, replace, temp bool) ast.Statement {
	v := &ast.CreateView{Pos: pos, OrReplace: replace, Temp: temp}
	if p.Is("recursive") {
		p.Unsupported(p.Pos(), "CREATE RECURSIVE VIEW is not supported")
		return nil
	}
	v.Materialized = p.Accept("materialized")
	p.Expect("view")
	v.IfNotExists = p.ifNotExists()
	v.Name = p.Name()
	if p.IsPunct("(") {
		v.Columns = p.ColIDs()
	}
	if v.Materialized && p.Accept("using") {
		p.ColID()
	}
	if p.Accept("with") {
		v.Options = p.options()
	}
	if v.Materialized && p.Accept("tablespace") {
		p.ColID()
	}
	p.Expect("as")
	v.Query, v.QueryText = p.sel()
	v.NoData = p.withData(v.Materialized)
	if !v.Materialized && p.Is("with") {
		p.Unsupported(p.Pos(), "WITH CHECK OPTION is not supported")
	}
	if p.Err == nil {
		v.Text = p.Text(from, p.Index())
	}
	return v
}

// withData reads WITH [NO] DATA and tells whether it said NO.
func (p *parser) withData(allowed bool) bool {
	if !allowed || p.Accept("with", "data") {
		return false
	}
	return p.Accept("with", "no", "data")
}

func (p *parser) createSchema(pos ast.Pos) ast.Statement {
	s := &ast.CreateSchema{Pos: pos, IfNotExists: p.ifNotExists()}
	if p.Accept("authorization") {
		s.Name = p.roleName()
	} else {
		s.Name = p.ColID()
		if p.Accept("authorization") {
			p.roleName()
		}
	}
	if p.IsAny("create", "grant") {
		p.Unsupported(p.Pos(), "CREATE SCHEMA with schema elements is not supported")
	}
	return s
}

func (p *parser) createIndex(pos ast.Pos) ast.Statement {
	x := &ast.CreateIndex{Pos: pos, Unique: p.Accept("unique")}
	p.Expect("index")
	p.Accept("concurrently")
	x.IfNotExists = p.ifNotExists()
	if x.IfNotExists || !p.Is("on") {
		x.Name = p.ColID()
	}
	p.Expect("on")
	p.Accept("only")
	x.Table = p.Name()
	if p.Accept("using") {
		p.ColID()
	}
	p.ExpectPunct("(")
	for {
		x.Columns = append(x.Columns, p.indexElement())
		if !p.AcceptPunct(",") {
			break
		}
	}
	p.ExpectPunct(")")
	if p.Accept("include") {
		x.Include = p.ColIDs()
	}
	if p.Accept("nulls") {
		p.Accept("not")
		p.Expect("distinct")
	}
	if p.Accept("with") {
		p.options()
	}
	if p.Accept("tablespace") {
		p.ColID()
	}
	if p.Accept("where") {
		x.Where = p.expr()
	}
	return x
}

// indexKey reads a column, a function call or a bracketed expression, with its collation.
func (p *parser) indexKey() ast.Expr {
	var e ast.Expr
	pos := p.pos()
	switch {
	case p.Is("nulls", "first"), p.Is("nulls", "last"):
		p.Unexpected()
	case p.AcceptPunct("("):
		e = p.expr()
		p.ExpectPunct(")")
	case p.At(1).IsPunct("("), p.At(1).IsPunct("."):
		e = p.expr()
		switch e.(type) {
		case *ast.Call, *ast.Collate:
		default:
			p.Unexpected()
		}
	default:
		e = &ast.ColumnRef{Pos: pos, Parts: []string{p.ColID()}}
	}
	if at := p.pos(); p.Accept("collate") {
		e = &ast.Collate{Pos: at, Expr: e, Name: p.Name()}
	}
	return e
}

// indexElement reads expr [operator class] [ASC | DESC] [NULLS …]. Operator classes choose an index
// method's ordering in Postgres; there is one ordering here, so they are accepted and dropped.
func (p *parser) indexElement() ast.OrderItem {
	it := ast.OrderItem{Expr: p.indexKey()}
	if p.Peek().IsColID() && !p.Is("nulls") {
		p.Name()
		if p.IsPunct("(") {
			p.options()
		}
	}
	it.Desc = p.AcceptAny("asc", "desc") == "desc"
	if p.Accept("nulls") {
		first := p.AcceptAny("first", "last")
		if first == "" {
			p.Unexpected()
		}
		nulls := first == "first"
		it.NullsFirst = &nulls
	}
	return it
}

// createSource reads CREATE SOURCE name [(columns)] and its clauses in any order.
func (p *parser) createSource(pos ast.Pos) ast.Statement {
	s := &ast.CreateSource{Pos: pos, IfNotExists: p.ifNotExists(), Name: p.Name()}
	if p.IsPunct("(") {
		var t ast.CreateTable
		p.tableElements(&t)
		s.Columns, s.PrimaryKey, s.Watermarks = t.Columns, t.PrimaryKey, t.Watermarks
		for _, c := range t.Constraints {
			if c.Kind != "primary key" {
				p.Unsupported(c.Position(), "%s constraints on a source are not supported", upper(c.Kind))
			}
		}
	}
	for p.Err == nil {
		switch {
		case p.Is("include"):
			s.Include = append(s.Include, p.include())
		case p.Is("with") && s.Options == nil:
			p.Next()
			s.Options = p.options()
		case p.Is("format") && s.Format == nil:
			s.Format = p.format()
		default:
			return s
		}
	}
	return s
}

func (p *parser) include() ast.IncludeColumn {
	c := ast.IncludeColumn{Pos: p.pos()}
	p.Expect("include")
	c.What = p.Label()
	if p.Accept("as") {
		c.As = p.ColID()
	}
	return c
}

// createSink reads CREATE SINK name FROM relation | AS query, with its clauses in any order.
func (p *parser) createSink(pos ast.Pos) ast.Statement {
	s := &ast.CreateSink{Pos: pos, IfNotExists: p.ifNotExists(), Name: p.Name()}
	if p.Accept("from") {
		s.From = p.Name()
	} else {
		p.Expect("as")
		s.Query, s.QueryText = p.sel()
	}
	for p.Err == nil {
		switch {
		case p.Is("with") && s.Options == nil:
			p.Next()
			s.Options = p.options()
		case p.Is("format") && s.Format == nil:
			s.Format = p.format()
		default:
			return s
		}
	}
	return s
}
