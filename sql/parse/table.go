package parse

import (
	"strconv"

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
	pos := p.Pos()
	c := ast.Constraint{Pos: ast.Pos(pos)}
	if p.Accept("constraint") {
		c.Name = p.ColID()
	}
	at := p.Pos()
	switch {
	case p.Accept("primary", "key"):
		c.Kind, c.Columns = "primary key", p.ColIDs()
		if p.Accept("include") {
			p.ColIDs()
		}
		p.indexTablespace()
		p.primaryKey(t, c)
	case p.Accept("check"):
		c.Kind, c.Expr = "check", p.checkExpr()
	case p.Accept("unique"):
		p.nullsDistinct()
		c.Kind, c.Columns = "unique", p.ColIDs()
		if p.Is("include") {
			p.Unsupported(p.Pos(), "UNIQUE … INCLUDE is not supported")
		}
		p.indexTablespace()
	case p.Is("foreign"):
		p.references(at)
	case p.Is("like"):
		p.likeTable(t)
		return
	case p.Is("exclude"):
		p.Unsupported(at, "%s in CREATE TABLE is not supported", upper(p.Peek().Text))
	default:
		p.Unexpected()
	}
	t.Constraints = append(t.Constraints, c)
	p.constraintTiming()
}

// likeTable reads LIKE table [INCLUDING | EXCLUDING what]….
func (p *parser) likeTable(t *ast.CreateTable) {
	l := ast.LikeTable{Pos: p.pos(), Including: map[string]bool{}, At: len(t.Columns)}
	p.Expect("like")
	l.Pos = p.pos()
	l.Table = p.Name()
	kinds := []string{"defaults", "constraints", "indexes", "identity", "generated", "comments", "statistics", "storage", "compression"}
	for p.Err == nil && p.IsAny("including", "excluding") {
		on := p.Next().Text == "including"
		switch what := p.AcceptAny(append(kinds, "all")...); what {
		case "":
			p.Unexpected()
		case "all":
			for _, k := range kinds {
				l.Including[k] = on
			}
		default:
			l.Including[what] = on
		}
	}
	t.Likes = append(t.Likes, l)
}

// primaryKey makes c the table's primary key, of which there is one at most.
func (p *parser) primaryKey(t *ast.CreateTable, c ast.Constraint) {
	if t.PrimaryKey != nil {
		p.Fail(sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table \"%s\" are not allowed", last(t.Name)).At(c.Position()))
	}
	t.PrimaryKey = c.Columns
}

// checkExpr reads the rest of CHECK (…).
func (p *parser) checkExpr() ast.Expr {
	p.ExpectPunct("(")
	e := p.expr()
	p.ExpectPunct(")")
	p.Accept("no", "inherit")
	p.Accept("not", "valid")
	return e
}

func (p *parser) nullsDistinct() {
	if p.Is("nulls", "not", "distinct") {
		p.Unsupported(p.Pos(), "UNIQUE NULLS NOT DISTINCT is not supported")
	}
	p.Accept("nulls", "distinct")
}

// references refuses foreign keys.
func (p *parser) references(pos int) {
	if p.Err == nil {
		p.Fail(sqlerr.Unsupported("foreign keys are not supported").At(pos).
			WithHint("Leave REFERENCES out. A view with a LEFT JOIN finds the rows that refer to nothing."))
	}
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
	for at := p.Pos(); p.Err == nil && p.columnConstraint(t, &c); at = p.Pos() {
		p.oneSourceOfValues(t, &c, at)
	}
	t.Columns = append(t.Columns, c)
}

// oneSourceOfValues refuses a column with two of DEFAULT, an identity and a generation expression; pos
// is where the second stands.
func (p *parser) oneSourceOfValues(t *ast.CreateTable, c *ast.ColumnDef, pos int) {
	var what []string
	if c.Default != nil || c.Serial {
		what = append(what, "default")
	}
	if c.Identity != "" {
		what = append(what, "identity")
	}
	if c.Generated != nil {
		what = append(what, "generation expression")
	}
	if len(what) > 1 && p.Err == nil {
		p.Fail(sqlerr.New(sqlerr.SyntaxError, "both %s and %s specified for column \"%s\" of table \"%s\"", what[0], what[1], c.Name, last(t.Name)).At(pos))
	}
}

// columnType reads the type; serial types become integers that a sequence fills.
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
	c.Serial, c.NotNull = true, true
	return t
}

// columnConstraint reads one constraint of a column.
func (p *parser) columnConstraint(t *ast.CreateTable, c *ast.ColumnDef) bool {
	k := ast.Constraint{Pos: p.pos(), Columns: []string{c.Name}}
	if p.Accept("constraint") {
		k.Name = p.ColID()
	}
	pos := p.Pos()
	switch {
	case p.Accept("not", "null"):
		c.NotNull = true
	case p.Accept("null"):
	case p.Accept("primary", "key"):
		c.PrimaryKey, c.NotNull = true, true
		p.indexTablespace()
		k.Kind = "primary key"
		p.primaryKey(t, k)
		t.Constraints = append(t.Constraints, k)
	case p.Accept("unique"):
		p.nullsDistinct()
		p.indexTablespace()
		k.Kind = "unique"
		t.Constraints = append(t.Constraints, k)
	case p.Accept("compression"), p.Accept("storage"):
		// How bytes lie on disk is not the user's to choose here.
		if !p.Accept("default") {
			p.ColID()
		}
	case p.Accept("default"):
		if c.Default != nil || c.Serial {
			p.Fail(sqlerr.New(sqlerr.SyntaxError, "multiple default values specified for column \"%s\" of table \"%s\"", c.Name, last(t.Name)).At(pos))
		}
		c.Default = query.Restricted(p.Cursor)
	case p.Accept("check"):
		k.Kind, k.Expr = "check", p.checkExpr()
		t.Constraints = append(t.Constraints, k)
	case p.Accept("generated"):
		p.generated(c)
	case p.Accept("as"):
		c.Generated = p.expr()
	case p.Is("references"):
		p.references(pos)
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
		if p.AcceptPunct("(") {
			c.Sequence = p.sequenceOptions()
			p.ExpectPunct(")")
		}
		return
	}
	if kind != "always" {
		p.Unexpected()
	}
	p.ExpectPunct("(")
	c.Generated = p.expr()
	p.ExpectPunct(")")
	if p.Is("virtual") {
		p.Unsupported(p.Pos(), "virtual generated columns are not supported")
	}
	p.Expect("stored")
}

// sequenceOptions reads START WITH n, INCREMENT BY n and their relatives.
func (p *parser) sequenceOptions() *ast.SequenceOptions {
	o := &ast.SequenceOptions{}
	for p.Err == nil && p.sequenceOption(o) {
	}
	return o
}

// sequenceOption reads one option of a sequence; false when there is none.
func (p *parser) sequenceOption(o *ast.SequenceOptions) bool {
	yes, no := true, false
	switch {
	case p.Accept("start"):
		p.Accept("with")
		o.Start = p.bigInt()
	case p.Accept("restart"):
		p.Accept("with")
		if o.RestartHere = true; p.Peek().Kind == lex.Integer || p.Peek().IsOp("-") || p.Peek().IsOp("+") {
			o.Restart = p.bigInt()
		}
	case p.Accept("increment"):
		p.Accept("by")
		o.Step = p.bigInt()
	case p.Accept("minvalue"):
		o.Min = p.bigInt()
	case p.Accept("maxvalue"):
		o.Max = p.bigInt()
	case p.Accept("cache"):
		p.bigInt()
	case p.Accept("cycle"):
		o.Cycle = &yes
	case p.Accept("no", "minvalue"):
		o.NoMin = true
	case p.Accept("no", "maxvalue"):
		o.NoMax = true
	case p.Accept("no", "cycle"):
		o.Cycle = &no
	case p.Accept("as"):
		t := query.Type(p.Cursor)
		o.Type = &t
	case p.Accept("owned", "by", "none"):
		o.OwnedBy = []string{"none"}
	case p.Accept("owned", "by"):
		o.OwnedBy = p.Name()
	default:
		return false
	}
	return true
}

// bigInt reads an integer with an optional sign.
func (p *parser) bigInt() *int64 {
	sign := ""
	if p.AcceptOp("-") {
		sign = "-"
	} else {
		p.AcceptOp("+")
	}
	pos := p.Pos()
	text := sign + p.Integer()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && p.Err == nil {
		p.Fail(sqlerr.New("22003", "value \"%s\" is out of range for type bigint", text).At(pos))
	}
	return &n
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
