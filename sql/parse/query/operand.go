package query

import (
	"strconv"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/sqlerr"
)

// primary writes one operand without operators. It tells whether subscripts and field selection may
// follow: only after names, parameters and brackets, as in Postgres.
func (d *desugar) primary() (indirect bool) {
	t := d.c.Peek()
	switch t.Kind {
	case lex.Integer:
		d.constant(d.c.Next(), ast.LitInt)
	case lex.Numeric:
		d.constant(d.c.Next(), ast.LitNumeric)
	case lex.String:
		if d.c.Src[t.Start]|0x20 == 'n' { // N'…' is of the type that CHAR names
			d.castLiteral(t.Pos, ast.TypeName{Pos: ast.Pos(t.Pos), Name: []string{"bpchar"}})
			return false
		}
		d.constant(d.c.Next(), ast.LitString)
	case lex.Bits:
		d.constant(d.c.Next(), ast.LitBit)
	case lex.Param:
		d.param(d.c.Next())
		return true
	case lex.Punct:
		if t.Text != "(" {
			d.c.Unexpected()
			return false
		}
		return d.paren()
	case lex.Word:
		if d.match && (t.Text == "running" || t.Text == "final") && d.c.At(1).Kind == lex.Word && d.c.At(2).IsPunct("(") {
			d.rows = d.c.Next().Text
			return d.name()
		}
		if rule := keywordRule(t.Text); rule != nil {
			return rule(d, t)
		}
		if isTypeWord(t) && d.typedLiteral() {
			return false
		}
		return d.name()
	case lex.Quoted:
		return d.name()
	default:
		d.c.Unexpected()
	}
	return false
}

// param notes $n and keeps the highest number.
func (d *desugar) param(t *lex.Token) {
	n, err := strconv.Atoi(t.Text)
	switch {
	case err != nil || n > d.c.Limits.Params:
		d.c.Fail(sqlerr.New(sqlerr.ProgramLimitExceeded, "parameter number too large").
			WithHint("At most %d are allowed.", d.c.Limits.Params).At(t.Pos))
	case n == 0:
		d.c.Fail(sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $0").At(t.Pos))
	}
	if d.c.Params = max(d.c.Params, n); d.c.FirstParam == nil {
		d.c.FirstParam = t
	}
	d.leaf(&ast.Param{Pos: ast.Pos(t.Pos), N: n})
}

// isQuery tells whether the bracket at token i holds a query and not an expression.
func (d *desugar) isQuery(i int) bool {
	if !d.c.Tok(i).IsPunct("(") {
		return false
	}
	first := d.c.Tok(i + 1)
	switch {
	case first.Is("select") || first.Is("with") || first.Is("table"):
		return true
	case first.Is("values"):
		return d.c.Tok(i + 2).IsPunct("(")
	case first.IsPunct("(") && first.Match > 0 && d.isQuery(i+1):
		after := d.c.Tok(first.Match + 1)
		if after.IsPunct(")") {
			return true
		}
		switch after.Text {
		case "union", "intersect", "except", "order", "limit", "offset", "fetch", "for":
			return after.Kind == lex.Word
		}
	}
	return false
}

// subquery writes (query) for the bracket that is next.
func (d *desugar) subquery() {
	d.c.ExpectPunct("(")
	d.enter()
	d.raw("(")
	d.query()
	d.raw(")")
	d.leave()
	d.c.ExpectPunct(")")
}

// paren writes (query), (expr), or the row (expr, expr, …).
func (d *desugar) paren() bool {
	t := d.c.Peek()
	if d.isQuery(d.c.Index()) {
		d.raw("pg_pos(")
		d.mark(t.Pos, nil)
		d.raw(",")
		d.subquery()
		d.raw(")")
		return true
	}
	d.enter()
	d.c.Next()
	start := len(d.out)
	d.expr(lvNone)
	if d.c.AcceptPunct(",") {
		d.wrap(start, "pg_row(@"+d.add(t.Pos, nil)+",")
		d.raw(",")
		d.list("row elements", func() { d.expr(lvNone) })
	} else {
		d.wrap(start, "(")
	}
	d.raw(")")
	d.leave()
	d.c.ExpectPunct(")")
	return true
}

// typedLiteral writes a constant such as TIMESTAMP(3) '…', if one is next.
func (d *desugar) typedLiteral() bool {
	from, pos := d.c.Index(), d.c.Pos()
	typ, ok := d.tryType()
	if !ok || d.c.Peek().Kind != lex.String {
		d.c.Seek(from)
		return false
	}
	if !d.c.At(-1).IsPunct(")") && (typ.Name[0] == "bpchar" || typ.Name[0] == "bit") {
		typ.Mods = nil // CHAR 'abc' keeps its length, unlike CAST('abc' AS CHAR)
	}
	d.castLiteral(pos, typ)
	return true
}

// tryType reads a type name without letting a failure stick: what looks like a type may be a name.
func (d *desugar) tryType() (ast.TypeName, bool) {
	typ := scalarType(d.c)
	if d.c.Err == nil {
		return typ, true
	}
	d.c.Err = nil
	return typ, false
}

// castLiteral writes type 'string'; the type has been read.
func (d *desugar) castLiteral(pos int, typ ast.TypeName) {
	d.raw("pg_cast(")
	d.constant(d.c.Next(), ast.LitString)
	if len(typ.Name) == 1 && typ.Name[0] == "interval" && typ.Mods == nil {
		intervalFields(d.c, &typ)
	}
	d.raw(",")
	d.mark(pos, typ)
	d.raw(")")
}

// name writes a column reference, t.*, a function call, or a typed constant.
func (d *desugar) name() (indirect bool) {
	t := d.c.Peek()
	if !t.IsColID() && !t.IsTypeFunc() {
		d.c.Unexpected()
		return false
	}
	from := d.c.Index()
	d.c.Next()
	parts := []string{t.Text}
	for d.c.IsPunct(".") {
		d.c.Next()
		if d.c.AcceptOp("*") {
			d.raw("pg_star(")
			d.mark(t.Pos, &ast.Star{Pos: ast.Pos(t.Pos), Table: parts})
			d.raw(")")
			return false
		}
		parts = append(parts, d.c.Label())
	}
	next := d.c.Peek()
	switch {
	case next.IsPunct("(") && d.c.Tok(next.Match+1).Kind == lex.String && next.Match > 0:
		// type(mods) 'string'
		d.c.Seek(from)
		d.castLiteral(t.Pos, scalarType(d.c))
	case next.IsPunct("("):
		if len(parts) == 1 && !t.IsTypeFunc() {
			d.c.Unexpected()
			return false
		}
		d.call(parts, t.Pos)
	case next.Kind == lex.String && (len(parts) > 1 || t.IsTypeFunc()):
		d.castLiteral(t.Pos, ast.TypeName{Pos: ast.Pos(t.Pos), Name: parts})
	case !t.IsColID():
		d.c.Unexpected()
	default:
		d.ident(t.Pos, &ast.ColumnRef{Pos: ast.Pos(t.Pos), Parts: parts})
		return true
	}
	return false
}

// array writes ARRAY[…] or ARRAY(query).
func (d *desugar) array(t *lex.Token) bool {
	d.c.Next()
	if d.c.IsPunct("(") {
		d.boxed("pg_arrayq(", t.Pos)
		return false
	}
	d.arrayList(t.Pos)
	return false
}

// boxed writes a marker function around (query).
func (d *desugar) boxed(marker string, pos int) {
	d.raw(marker)
	d.mark(pos, nil)
	d.raw(",")
	if !d.isQuery(d.c.Index()) {
		d.c.ExpectPunct("(")
		d.c.Unexpected()
	}
	d.subquery()
	d.raw(")")
}

// arrayList writes the bracket of ARRAY[…]; brackets directly inside are further dimensions.
func (d *desugar) arrayList(pos int) {
	d.enter()
	d.c.ExpectPunct("[")
	d.raw("pg_array(")
	d.mark(pos, nil)
	if !d.c.IsPunct("]") {
		d.raw(",")
		d.list("array elements", func() {
			if d.c.IsPunct("[") {
				d.arrayList(d.c.Pos())
			} else {
				d.expr(lvNone)
			}
		})
	}
	d.raw(")")
	d.c.ExpectPunct("]")
	d.leave()
}

// caseExpr writes CASE, which the TiDB grammar has in the same form.
func (d *desugar) caseExpr(t *lex.Token) bool {
	d.c.Next()
	d.enter()
	d.raw("pg_pos(")
	d.mark(t.Pos, nil)
	d.raw(",CASE ")
	if !d.c.Is("when") {
		d.expr(lvNone)
	}
	for n := 0; d.c.Accept("when") || n == 0; n++ {
		if n == 0 && !d.c.At(-1).Is("when") {
			d.c.Unexpected()
			break
		}
		if n > d.c.Limits.ListItems {
			d.c.Fail(lex.TooMany("WHEN clauses", d.c.Limits.ListItems, d.c.Pos()))
		}
		d.raw(" WHEN ")
		d.expr(lvNone)
		d.c.Expect("then")
		d.raw(" THEN ")
		d.expr(lvNone)
	}
	if d.c.Accept("else") {
		d.raw(" ELSE ")
		d.expr(lvNone)
	}
	d.c.Expect("end")
	d.raw(" END)")
	d.leave()
	return false
}

// cast writes CAST(x AS type).
func (d *desugar) cast(t *lex.Token) bool {
	d.c.Next()
	d.enter()
	d.c.ExpectPunct("(")
	d.raw("pg_cast(")
	d.expr(lvNone)
	d.c.Expect("as")
	typ := Type(d.c)
	d.raw(",")
	d.mark(t.Pos, typ)
	d.raw(")")
	d.c.ExpectPunct(")")
	d.leave()
	return false
}

// row writes ROW(…), which may be empty.
func (d *desugar) row(t *lex.Token) bool {
	if !d.c.At(1).IsPunct("(") {
		return d.name()
	}
	d.c.Next()
	d.c.Next()
	d.enter()
	d.raw("pg_row(")
	d.mark(t.Pos, rowNote{})
	if !d.c.IsPunct(")") {
		d.raw(",")
		d.list("row elements", func() { d.expr(lvNone) })
	}
	d.raw(")")
	d.c.ExpectPunct(")")
	d.leave()
	return false
}
