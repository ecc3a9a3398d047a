package query

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/sqlerr"
)

// query writes a query expression: WITH, SELECT blocks and set operations, and the clauses after.
func (d *desugar) query() {
	if d.c.Is("with") {
		d.with()
	}
	d.setExpr()
	d.tail()
}

// with writes WITH [RECURSIVE] name [(columns)] AS [[NOT] MATERIALIZED] (query), ….
func (d *desugar) with() {
	d.c.Expect("with")
	d.raw("WITH ")
	if d.c.Accept("recursive") {
		d.raw("RECURSIVE ")
	}
	d.list("WITH queries", d.cte)
	d.raw(" ")
	if d.c.IsAny("insert", "update", "delete", "merge") {
		d.c.Unsupported(d.c.Pos(), "WITH before %s is not supported", d.c.Peek().Text)
	}
}

func (d *desugar) cte() {
	n := &ast.CTE{Pos: ast.Pos(d.c.Pos())}
	n.Name = d.c.ColID()
	if d.c.IsPunct("(") {
		n.Columns = d.c.ColIDs()
	}
	d.c.Expect("as")
	if d.c.Is("not", "materialized") || d.c.Is("materialized") {
		m := !d.c.Accept("not")
		d.c.Expect("materialized")
		n.Materialized = &m
	}
	if d.c.IsPunct("(") && (d.c.At(1).Is("insert") || d.c.At(1).Is("update") || d.c.At(1).Is("delete") || d.c.At(1).Is("merge")) {
		d.c.Unsupported(int(n.Pos), "WITH clause containing a data-modifying statement must be at the top level")
	}
	d.ident(int(n.Pos), n)
	d.raw(" AS ")
	d.subquery()
	if d.c.Is("search") || d.c.Is("cycle") {
		d.c.Unsupported(d.c.Pos(), "the %s clause of WITH is not supported", d.c.Peek().Text)
	}
}

// setExpr writes SELECT blocks and bracketed queries joined by UNION, INTERSECT and EXCEPT.
func (d *desugar) setExpr() {
	for arms := 1; ; arms++ {
		d.arm()
		op := d.c.AcceptAny("union", "intersect", "except")
		if op == "" {
			return
		}
		if arms >= d.c.Limits.SetArms {
			d.c.Fail(sqlerr.New(sqlerr.StatementTooComplex, "too many arms of UNION, INTERSECT or EXCEPT").
				WithHint("At most %d are allowed.", d.c.Limits.SetArms).At(d.c.At(-1).Pos))
		}
		d.raw(map[string]string{"union": " UNION ", "intersect": " INTERSECT ", "except": " EXCEPT "}[op])
		if d.c.Accept("all") {
			d.raw("ALL ")
		} else {
			d.c.Accept("distinct")
		}
	}
}

// arm writes one SELECT block, VALUES list, TABLE name or bracketed query.
func (d *desugar) arm() {
	t := d.c.Peek()
	switch {
	case t.IsPunct("("):
		// Carried inside the marker, so that each arm is one plain SELECT to the TiDB grammar, whose
		// own rules for WITH and ORDER BY around brackets are MySQL's.
		d.raw("SELECT pg_q(")
		d.mark(t.Pos, &selectNote{wrapped: true})
		d.raw(",")
		d.subquery()
		d.raw(")")
	case t.Is("select"):
		d.block()
	case t.Is("values"):
		d.values()
	case t.Is("table"):
		d.c.Next()
		n := &ast.TableName{Pos: ast.Pos(d.c.Pos())}
		n.Name = d.relation()
		d.raw("SELECT pg_q(")
		d.mark(t.Pos, &selectNote{})
		d.raw("),")
		d.star(t.Pos)
		d.raw(" FROM ")
		d.ident(int(n.Pos), n)
	default:
		d.c.Unexpected()
	}
}

func (d *desugar) star(pos int) {
	d.raw("pg_star(")
	d.mark(pos, &ast.Star{Pos: ast.Pos(pos)})
	d.raw(")")
}

// values writes VALUES (…), (…) as a SELECT whose marker holds the rows.
func (d *desugar) values() {
	pos := d.c.Pos()
	d.c.Expect("values")
	d.raw("SELECT pg_q(")
	d.mark(pos, &selectNote{values: true})
	d.raw(",")
	d.list("VALUES rows", func() {
		d.raw("pg_row(")
		d.mark(d.c.Pos(), nil)
		d.enter()
		d.c.ExpectPunct("(")
		d.raw(",")
		d.list("columns", func() { d.expr(lvNone) })
		d.c.ExpectPunct(")")
		d.leave()
		d.raw(")")
	})
	d.raw(")")
}

// block writes SELECT … FROM … WHERE … GROUP BY … HAVING … WINDOW ….
func (d *desugar) block() {
	n := &selectNote{}
	d.raw("SELECT pg_q(")
	d.mark(d.c.Pos(), n)
	d.c.Expect("select")
	if d.c.Accept("distinct") {
		n.distinct = true
		if d.c.Accept("on") {
			d.c.ExpectPunct("(")
			d.raw(",")
			d.enter()
			d.list("DISTINCT ON expressions", func() { d.expr(lvNone) })
			d.leave()
			d.c.ExpectPunct(")")
		}
	} else {
		d.c.Accept("all")
	}
	d.raw(")")
	if n.distinct || d.startsItem() {
		d.raw(",")
		d.list("select items", d.item)
	}
	d.into()
	// The TiDB grammar wants FROM before GROUP BY and HAVING; an unnamed table stands for none.
	d.raw(" FROM ")
	if d.c.Accept("from") {
		d.fromList()
	} else {
		d.ident(0, nil)
	}
	if d.c.Accept("where") {
		d.raw(" WHERE ")
		d.expr(lvNone)
	}
	if d.c.Accept("group", "by") {
		d.groupBy()
	}
	d.having()
}

// startsItem tells whether a select item is next; Postgres allows an empty list.
func (d *desugar) startsItem() bool {
	t := d.c.Peek()
	if t.Kind == lex.EOF || t.IsPunct(")") {
		return false
	}
	return !d.c.IsAny("from", "where", "group", "having", "window", "order", "limit", "offset", "fetch",
		"for", "union", "intersect", "except", "into") && !d.c.Is("emit", "on", "window", "close")
}

// item writes one select item with its alias.
func (d *desugar) item() {
	t := d.c.Peek()
	if t.IsOp("*") {
		d.c.Next()
		d.star(t.Pos)
		return
	}
	d.expr(lvNone)
	t = d.c.Peek()
	switch {
	case d.c.Accept("as"):
		t = d.c.Peek()
		d.raw(" AS ")
		d.ident(t.Pos, aliasNote(d.c.Label()))
	case t.IsBareLabel() && !d.endsQuery():
		d.c.Next()
		d.raw(" AS ")
		d.ident(t.Pos, aliasNote(t.Text))
	}
}

// endsQuery tells whether an unreserved word starts a clause after the query, not an alias.
func (d *desugar) endsQuery() bool {
	return d.c.Is("emit", "on", "window", "close") ||
		d.c.Is("format") && d.c.At(2).Is("encode")
}

// into reads the INTO clause of an outermost SELECT. INTO OUTFILE 'x' is a syntax error.
func (d *desugar) into() {
	if !d.c.Is("into") {
		return
	}
	d.c.Next()
	d.c.AcceptAny("temporary", "temp", "unlogged")
	d.c.Accept("table")
	pos := d.c.Pos()
	name := d.c.Name()
	if d.c.Peek().Kind == lex.String {
		d.c.Unexpected()
	}
	if !d.c.TakeInto || d.depth > 0 || d.c.Into != nil {
		d.c.Fail(sqlerr.New(sqlerr.SyntaxError, "SELECT ... INTO is not allowed here").At(pos))
	}
	d.c.Into = name
}

// having writes HAVING and the WINDOW definitions in one marker call.
func (d *desugar) having() {
	if !d.c.Is("having") && !d.c.Is("window") {
		return
	}
	d.raw(" HAVING pg_tail(")
	d.mark(d.c.Pos(), nil)
	if d.c.Accept("having") {
		d.raw(",pg_cond(")
		d.expr(lvNone)
		d.raw(")")
	}
	if d.c.Accept("window") {
		d.raw(",")
		d.list("windows", func() {
			n := &overNote{}
			d.raw("pg_over(")
			d.mark(d.c.Pos(), n)
			n.name = d.c.ColID()
			d.c.Expect("as")
			n.window.Pos = ast.Pos(d.c.Pos())
			d.window(n)
			d.raw(")")
		})
	}
	d.raw(")")
}

// groupBy writes the grouping elements.
func (d *desugar) groupBy() {
	d.raw(" GROUP BY ")
	if pos := d.c.Pos(); d.c.Accept("distinct") {
		d.raw("pg_group(")
		d.mark(pos, groupNote("distinct"))
		d.raw("),")
	} else {
		d.c.Accept("all")
	}
	d.list("grouping elements", d.groupItem)
}

// groupItem writes an expression, (), ROLLUP (…), CUBE (…) or GROUPING SETS (…).
func (d *desugar) groupItem() {
	t := d.c.Peek()
	switch {
	case t.IsPunct("(") && d.c.At(1).IsPunct(")"):
		d.c.Next()
		d.c.Next()
		d.raw("pg_group(")
		d.mark(t.Pos, groupNote("empty"))
		d.raw(")")
	case (t.Is("rollup") || t.Is("cube")) && d.c.At(1).IsPunct("("):
		d.c.Next()
		d.groupSets(t.Pos, t.Text)
	case d.c.Accept("grouping", "sets"):
		d.groupSets(t.Pos, "sets")
	default:
		d.expr(lvNone)
	}
}

func (d *desugar) groupSets(pos int, kind string) {
	d.raw("pg_group(")
	d.mark(pos, groupNote(kind))
	d.raw(",")
	d.enter()
	d.c.ExpectPunct("(")
	d.list("grouping sets", d.groupItem)
	d.c.ExpectPunct(")")
	d.leave()
	d.raw(")")
}
