package query

import (
	"strings"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/sqlerr"
)

// fromList writes the comma-separated table expressions of FROM.
func (d *desugar) fromList() {
	joins := 0
	d.list("tables", func() {
		start := len(d.out)
		// Brackets keep the TiDB parser from moving the joins of one element across the comma.
		if d.joined(&joins) {
			d.wrap(start, "(")
			d.raw(")")
		}
		d.countJoin(&joins)
	})
}

func (d *desugar) countJoin(joins *int) {
	if *joins++; *joins > d.c.Limits.Joins {
		d.c.Fail(sqlerr.New(sqlerr.StatementTooComplex, "too many joins").
			WithHint("At most %d are allowed in one FROM clause.", d.c.Limits.Joins).At(d.c.Pos()))
	}
}

// joined writes one table expression with the joins after it and tells whether there were any.
// Every join becomes LEFT JOIN … ON, whose nesting is Postgres's own: a qualified join waits for its
// ON or USING while joins inside its right side close first.
func (d *desugar) joined(joins *int) bool {
	d.table(joins)
	var open []*joinNote
	var openPos []int
	some := false
	for d.c.Err == nil {
		pos := d.c.Pos()
		if n := d.joinWords(); n != nil {
			some = true
			d.countJoin(joins)
			d.raw(" LEFT JOIN ")
			d.table(joins)
			if n.kind == "cross" || n.natural {
				d.raw(" ON pg_join(")
				d.mark(pos, n)
				d.raw(")")
			} else {
				open, openPos = append(open, n), append(openPos, pos)
			}
			continue
		}
		if len(open) == 0 {
			return some
		}
		n, pos := open[len(open)-1], openPos[len(open)-1]
		open, openPos = open[:len(open)-1], openPos[:len(openPos)-1]
		d.joinCondition(n, pos)
	}
	return some
}

// joinCondition writes ON cond or USING (columns).
func (d *desugar) joinCondition(n *joinNote, pos int) {
	d.raw(" ON pg_join(")
	d.mark(pos, n)
	if strings.HasPrefix(n.kind, "asof") && d.isMatchCondition() {
		n.match = true
		d.c.Next()
		d.c.ExpectPunct("(")
		d.enter()
		d.raw(",")
		d.expr(lvNone)
		d.leave()
		d.c.ExpectPunct(")")
	}
	switch {
	case n.match && !d.c.IsAny("on", "using"):
	case d.c.Accept("on"):
		d.raw(",")
		d.expr(lvNone)
	case d.c.Accept("using"):
		n.using = d.c.ColIDs()
		if d.c.Is("as") {
			d.c.Unsupported(d.c.Pos(), "an alias for JOIN USING is not supported")
		}
	default:
		d.c.Unexpected()
	}
	d.raw(")")
}

// joinWords reads [NATURAL] [INNER|LEFT|RIGHT|FULL [OUTER]|CROSS|ASOF [LEFT]] JOIN, or nothing.
func (d *desugar) joinWords() *joinNote {
	n := &joinNote{kind: "inner"}
	switch {
	case d.c.Accept("cross"):
		n.kind = "cross"
	case d.isAsof():
		d.c.Next()
		n.kind = "asof"
		if d.c.Accept("left") {
			n.kind = "asof left"
			d.c.Accept("outer")
		} else {
			d.c.Accept("inner")
		}
	case d.c.IsAny("natural", "inner", "left", "right", "full", "join"):
		n.natural = d.c.Accept("natural")
		if kind := d.c.AcceptAny("left", "right", "full"); kind != "" {
			n.kind = kind
			d.c.Accept("outer")
		} else {
			d.c.Accept("inner")
		}
	default:
		return nil
	}
	d.c.Expect("join")
	return n
}

// startsClause tells whether a word that could be an alias is the first of what may follow instead.
func (d *desugar) startsClause() bool {
	return d.isAsof() || d.isMatchCondition() || d.isMatchRecognize() || d.endsQuery()
}

// isMatchCondition tells whether MATCH_CONDITION (…) is next and not an alias.
func (d *desugar) isMatchCondition() bool {
	return d.c.Is("match_condition") && d.c.At(1).IsPunct("(")
}

// isAsof tells whether ASOF starts a join and is not an alias.
func (d *desugar) isAsof() bool {
	return d.c.Is("asof", "join") || d.c.Is("asof", "inner", "join") ||
		d.c.Is("asof", "left", "join") || d.c.Is("asof", "left", "outer", "join")
}

// table writes one element of FROM without joins.
func (d *desugar) table(joins *int) {
	t, start := d.c.Peek(), len(d.out)
	lateral := d.c.Accept("lateral")
	switch {
	case d.isQuery(d.c.Index()):
		n := &ast.Derived{Pos: ast.Pos(t.Pos), Lateral: lateral}
		d.subquery()
		d.derivedAlias(n)
	case d.c.IsPunct("(") && !lateral:
		d.bracketed(joins)
	case d.c.Is("rows", "from") && d.c.At(2).IsPunct("("), d.c.Is("table") && d.c.At(1).IsPunct("("):
		d.tableFunc(lateral)
	case d.c.IsAny("xmltable", "json_table") && d.c.At(1).IsPunct("("):
		d.c.Unsupported(t.Pos, "%s is not supported", d.c.Src[d.c.Peek().Start:d.c.Peek().End])
	case d.c.IsAny("cast", "treat") && d.c.At(1).IsPunct("("):
		d.c.Unsupported(t.Pos, "%s in FROM is not supported", d.c.Src[t.Start:t.End])
	case d.isFunction():
		d.tableFunc(lateral)
	case lateral:
		d.c.Name()
		d.c.Unexpected()
	default:
		d.tableName()
	}
	if d.c.Is("tablesample") {
		d.c.Unsupported(d.c.Pos(), "TABLESAMPLE is not supported")
	}
	for d.isMatchRecognize() {
		d.matchRecognize(start)
	}
}

// bracketed writes (a JOIN b …) [AS alias]; a bracket around a single table is no Postgres.
func (d *desugar) bracketed(joins *int) {
	start, pos := len(d.out), d.c.Pos()
	d.c.ExpectPunct("(")
	d.enter()
	inner := d.c.IsPunct("(") && !d.isQuery(d.c.Index())
	d.raw("(")
	some := d.joined(joins)
	d.raw(")")
	d.leave()
	if !some && !inner {
		d.c.Unexpected()
	}
	d.c.ExpectPunct(")")
	alias, columns := d.alias()
	if alias == "" {
		return
	}
	// The alias hides the names inside, as that of SELECT * FROM (a JOIN b …) does.
	q := d.add(pos, &selectNote{})
	star := d.add(pos, &ast.Star{Pos: ast.Pos(pos)})
	d.wrap(start, "(SELECT pg_q(@"+q+"),pg_star(@"+star+") FROM ")
	d.raw(") AS ")
	d.ident(pos, &ast.Derived{Pos: ast.Pos(pos), Alias: alias, Columns: columns})
}

// relation reads [ONLY] name [*].
func (d *desugar) relation() []string {
	if d.c.Accept("only") {
		if d.c.AcceptPunct("(") {
			name := d.c.Name()
			d.c.ExpectPunct(")")
			return name
		}
		return d.c.Name()
	}
	name := d.c.Name()
	d.c.AcceptOp("*")
	return name
}

// tableName writes a relation with its alias and FOR SYSTEM_TIME AS OF.
func (d *desugar) tableName() {
	n := &ast.TableName{Pos: ast.Pos(d.c.Pos())}
	n.Name = d.relation()
	start := len(d.out)
	asOf := d.asOf()
	n.Alias, n.Columns = d.alias()
	asOf = asOf || d.asOf()
	if asOf {
		d.wrap(start, "(SELECT pg_from(")
		d.raw(")) AS ")
	}
	d.ident(int(n.Pos), n)
}

// asOf writes the expression of FOR SYSTEM_TIME AS OF, if that is next.
func (d *desugar) asOf() bool {
	if !d.c.Accept("for", "system_time", "as", "of") {
		return false
	}
	d.expr(lvNone)
	return true
}

// alias reads [AS] name [(columns)].
func (d *desugar) alias() (name string, columns []string) {
	if !d.c.Accept("as") && (!d.c.Peek().IsColID() || d.startsClause()) {
		return "", nil
	}
	name = d.c.ColID()
	if d.c.IsPunct("(") {
		columns = d.c.ColIDs()
	}
	return name, columns
}

// derivedAlias writes the alias of a sub-query, which Postgres 16 no longer demands.
func (d *desugar) derivedAlias(n *ast.Derived) {
	n.Alias, n.Columns = d.alias()
	d.raw(" AS ")
	d.ident(int(n.Pos), n)
}

// isFunction tells whether a function call and not a table name is next.
func (d *desugar) isFunction() bool {
	t := d.c.Peek()
	if t.Kind == lex.Word && functionWord(t.Text) && (t.Class != lex.ColName || d.c.At(1).IsPunct("(")) {
		return true
	}
	if !t.IsColID() && !t.IsTypeFunc() {
		return false
	}
	i := 1
	for d.c.At(i).IsPunct(".") {
		i += 2
	}
	return d.c.At(i).IsPunct("(")
}

// functionWord tells whether the keyword is a function of its own syntax.
func functionWord(w string) bool {
	switch w {
	case "case", "array", "row", "exists", "null", "true", "false", "default", "unique", "cast", "treat":
		return false
	}
	return keywordRule(w) != nil
}

// tableFunc writes f(…) or ROWS FROM (f(…), …) with ordinality and alias.
func (d *desugar) tableFunc(lateral bool) {
	n := &ast.TableFunc{Pos: ast.Pos(d.c.Pos()), Lateral: lateral}
	d.raw("(SELECT pg_from(")
	if d.c.Is("table") { // TABLE(f(…)), as SQL:2016 writes functions of relations
		d.c.Next()
		d.enter()
		d.c.ExpectPunct("(")
		d.function()
		d.c.ExpectPunct(")")
		d.leave()
	} else if d.c.Accept("rows", "from") {
		d.enter()
		d.c.ExpectPunct("(")
		d.list("functions", func() {
			d.function()
			var defs []ast.ColumnDef
			if d.c.Accept("as") {
				defs = d.columnDefs()
			}
			n.CallDefs = append(n.CallDefs, defs)
		})
		d.c.ExpectPunct(")")
		d.leave()
	} else {
		d.function()
	}
	d.raw(")) AS ")
	n.Ordinality = d.c.Accept("with", "ordinality")
	d.funcAlias(n)
	d.ident(int(n.Pos), n)
}

// function writes one function call and nothing else.
func (d *desugar) function() {
	t := d.c.Peek()
	if !t.IsLabel() {
		d.c.Unexpected()
	}
	d.plain = true
	d.primary()
	d.plain = false
}

// funcAlias reads AS (definitions), [AS] alias (definitions) or [AS] alias (columns).
func (d *desugar) funcAlias(n *ast.TableFunc) {
	as := d.c.Accept("as")
	if as && d.c.IsPunct("(") {
		n.ColumnDefs = d.columnDefs()
		return
	}
	if !as && (!d.c.Peek().IsColID() || d.startsClause()) {
		return
	}
	n.Alias = d.c.ColID()
	if !d.c.IsPunct("(") {
		return
	}
	if after := d.c.At(2); after.IsPunct(",") || after.IsPunct(")") {
		n.Columns = d.c.ColIDs()
	} else {
		n.ColumnDefs = d.columnDefs()
	}
}

// columnDefs reads (name type, …).
func (d *desugar) columnDefs() []ast.ColumnDef {
	d.c.ExpectPunct("(")
	var defs []ast.ColumnDef
	for {
		def := ast.ColumnDef{Pos: ast.Pos(d.c.Pos())}
		def.Name = d.c.ColID()
		def.Type = Type(d.c)
		if d.c.Accept("collate") {
			d.c.Name()
		}
		defs = append(defs, def)
		if !d.c.AcceptPunct(",") {
			break
		}
	}
	d.c.ExpectPunct(")")
	return defs
}
