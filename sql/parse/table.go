package parse

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/parse/query"
	"tidemill/sql/sqlerr"
)

// createTable reads CREATE TABLE after the words that may stand before TABLE.
func (p *parser) createTable(pos ast.Pos, temp bool) ast.Statement {
	t := &ast.CreateTable{Pos: pos, Temp: temp}
	p.Expect("table")
	t.IfNotExists = p.ifNotExists()
	t.Name = p.Name()
	switch {
	case p.IsPunct("(") && p.plainColumns():
		// CREATE TABLE t (a, b) AS query names the columns of the query.
		for _, name := range p.ColIDs() {
			t.Columns = append(t.Columns, ast.ColumnDef{Name: name})
		}
		if !p.IsAny("as", "with", "on", "using", "tablespace") {
			p.Unexpected()
		}
	case p.IsPunct("("):
		p.tableElements(t)
	case p.IsAny("of", "partition"):
		p.Unsupported(p.Pos(), "CREATE TABLE %s is not supported", upper(p.Peek().Text))
	case !p.IsAny("as", "with", "format", "using", "on", "tablespace"):
		p.ExpectPunct("(")
	}
	for p.Err == nil && p.tableClause(t) {
	}
	if p.Accept("as") {
		if p.Is("execute") {
			p.Unsupported(p.Pos(), "CREATE TABLE AS EXECUTE is not supported")
		}
		t.AsQuery, _ = p.sel()
		t.NoData = p.withData(true)
	}
	return t
}

// plainColumns tells whether the bracket holds bare column names: (a, b).
func (p *parser) plainColumns() bool {
	return p.At(1).IsColID() && (p.At(2).IsPunct(",") || p.At(2).IsPunct(")"))
}

// tableClause reads one clause after the columns.
func (p *parser) tableClause(t *ast.CreateTable) bool {
	switch {
	case p.Is("inherits"), p.Is("partition", "by"), p.Is("include"):
		p.Unsupported(p.Pos(), "%s in CREATE TABLE is not supported", upper(p.Peek().Text))
	case p.Is("with") && p.At(1).IsPunct("(") && t.Options == nil:
		p.Next()
		t.Options = p.options()
	case p.Accept("with"):
		p.ExpectPunct("(")
	case p.Accept("without", "oids"):
	case p.Accept("using"), p.Accept("tablespace"):
		p.ColID()
	case p.Accept("on", "commit"):
		if p.Is("drop") {
			p.Unsupported(p.Pos(), "ON COMMIT DROP is not supported")
		}
		if !p.Accept("preserve", "rows") {
			p.Expect("delete", "rows")
		}
	case p.Is("format") && t.Format == nil:
		t.Format = p.format()
	default:
		return false
	}
	return true
}

// tableElements reads the bracket of columns, constraints and watermarks.
func (p *parser) tableElements(t *ast.CreateTable) {
	p.ExpectPunct("(")
	if p.AcceptPunct(")") {
		return
	}
	for {
		p.tableElement(t)
		if len(t.Columns) > p.Limits.Columns {
			p.Fail(sqlerr.New(sqlerr.TooManyColumns, "tables can have at most %d columns", p.Limits.Columns).At(p.Pos()))
		}
		if !p.AcceptPunct(",") {
			break
		}
	}
	p.ExpectPunct(")")
}

func (p *parser) tableElement(t *ast.CreateTable) {
	switch {
	case p.Is("watermark", "for"):
		w := ast.Watermark{Pos: p.pos()}
		p.Next()
		p.Next()
		w.Column = p.ColID()
		p.Expect("as")
		w.Expr = p.expr()
		t.Watermarks = append(t.Watermarks, w)
	case p.IsAny("constraint", "primary", "unique", "check", "foreign", "like") || p.Is("exclude") && !p.At(1).IsTypeFunc():
		p.tableConstraint(t)
	default:
		p.columnDef(t)
	}
}

// tableConstraint reads PRIMARY KEY (…), UNIQUE (…) or CHECK (…).
func (p *parser) tableConstraint(t *ast.CreateTable) {
	if p.Accept("constraint") {
		p.ColID()
	}
	pos := p.Pos()
	switch {
	case p.Accept("primary", "key"):
		if t.PrimaryKey != nil {
			p.Fail(sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table \"%s\" are not allowed", last(t.Name)).At(pos))
		}
		t.PrimaryKey = p.ColIDs()
		if p.Accept("include") {
			p.ColIDs()
		}
		p.indexTablespace()
	case p.Accept("check"):
		p.ExpectPunct("(")
		t.Checks = append(t.Checks, p.expr())
		p.ExpectPunct(")")
		p.Accept("no", "inherit")
		p.Accept("not", "valid")
	case p.Is("unique"):
		p.Unsupported(pos, "table-level UNIQUE constraints are not supported")
	case p.IsAny("foreign", "exclude", "like"):
		p.Unsupported(pos, "%s in CREATE TABLE is not supported", upper(p.Peek().Text))
	default:
		p.Unexpected()
	}
	p.constraintTiming()
}

// indexTablespace reads USING INDEX TABLESPACE name, which changes nothing here.
func (p *parser) indexTablespace() {
	if p.Accept("with") {
		p.options()
	}
	if p.Accept("using", "index", "tablespace") {
		p.ColID()
	}
}

// constraintTiming reads [NOT] DEFERRABLE and INITIALLY …, which change nothing here.
func (p *parser) constraintTiming() {
	for p.Err == nil {
		switch {
		case p.Accept("deferrable"), p.Accept("not", "deferrable"):
		case p.Accept("initially", "deferred"), p.Accept("initially", "immediate"):
		default:
			return
		}
	}
}

// columnDef reads a column with its constraints.
func (p *parser) columnDef(t *ast.CreateTable) {
	c := ast.ColumnDef{Pos: p.pos(), Name: p.ColID()}
	c.Type = p.columnType(&c)
	if p.Accept("collate") {
		p.Name()
	}
	for p.Err == nil && p.columnConstraint(&c) {
	}
	if c.PrimaryKey {
		if t.PrimaryKey != nil {
			p.Fail(sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table \"%s\" are not allowed", last(t.Name)).At(int(c.Pos)))
		}
		t.PrimaryKey = []string{c.Name}
	}
	t.Columns = append(t.Columns, c)
}

// columnType reads the type; serial types become integers with an identity.
func (p *parser) columnType(c *ast.ColumnDef) ast.TypeName {
	t := query.Type(p.Cursor)
	if len(t.Name) != 1 {
		return t
	}
	switch t.Name[0] {
	case "serial", "serial4":
		t.Name[0] = "int4"
	case "bigserial", "serial8":
		t.Name[0] = "int8"
	case "smallserial", "serial2":
		t.Name[0] = "int2"
	default:
		return t
	}
	c.Identity, c.NotNull = "by default", true
	return t
}

// columnConstraint reads one constraint of a column.
func (p *parser) columnConstraint(c *ast.ColumnDef) bool {
	if p.Accept("constraint") {
		p.ColID()
	}
	pos := p.Pos()
	switch {
	case p.Accept("not", "null"):
		c.NotNull = true
	case p.Accept("null"):
	case p.Accept("primary", "key"):
		c.PrimaryKey, c.NotNull = true, true
		p.indexTablespace()
	case p.Accept("unique"):
		c.Unique = true
		if p.Is("nulls") {
			p.Unsupported(p.Pos(), "UNIQUE NULLS NOT DISTINCT is not supported")
		}
		p.indexTablespace()
	case p.Accept("compression"), p.Accept("storage"):
		// How bytes lie on disk is not the user's to choose here.
		if !p.Accept("default") {
			p.ColID()
		}
	case p.Accept("default"):
		if c.Default != nil {
			p.Fail(sqlerr.New(sqlerr.SyntaxError, "multiple default values specified for column \"%s\"", c.Name).At(pos))
		}
		c.Default = p.expr()
	case p.Accept("check"):
		p.ExpectPunct("(")
		check := p.expr()
		if c.Check != nil && check != nil {
			check = &ast.Binary{Pos: ast.Pos(pos), Op: "and", Left: c.Check, Right: check}
		}
		c.Check = check
		p.ExpectPunct(")")
		p.Accept("no", "inherit")
	case p.Accept("generated"):
		p.generated(c)
	case p.Accept("as"):
		c.Generated = p.expr()
	case p.Is("references"):
		p.Unsupported(pos, "REFERENCES in CREATE TABLE is not supported")
	case p.IsAny("deferrable", "initially") || p.Is("not", "deferrable"):
		p.constraintTiming()
	case p.Accept("not"):
		p.Unexpected()
	default:
		return false
	}
	return true
}

// generated reads ALWAYS AS (expr) STORED or ALWAYS | BY DEFAULT AS IDENTITY.
func (p *parser) generated(c *ast.ColumnDef) {
	kind := "always"
	if !p.Accept("always") {
		p.Expect("by", "default")
		kind = "by default"
	}
	p.Expect("as")
	if p.Accept("identity") {
		c.Identity, c.NotNull = kind, true
		if p.IsPunct("(") {
			p.skipGroup()
		}
		return
	}
	if kind != "always" {
		p.Unexpected()
	}
	p.ExpectPunct("(")
	c.Generated = p.expr()
	p.ExpectPunct(")")
	p.AcceptAny("stored", "virtual")
}

// skipGroup steps over a bracket and what is in it.
func (p *parser) skipGroup() {
	t := p.Peek()
	if !t.IsPunct("(") || t.Match == 0 {
		// Reports the end of input, where the partner is missing.
		for !p.Done() && p.Peek().Kind != lex.Bad {
			p.Next()
		}
		p.Unexpected()
		return
	}
	p.Seek(t.Match + 1)
}

func last(name []string) string {
	if len(name) == 0 {
		return ""
	}
	return name[len(name)-1]
}
