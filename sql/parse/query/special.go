package query

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
)

// rule writes an operand that starts with a certain keyword.
type rule func(d *desugar, t *lex.Token) (indirect bool)

// keywordRule returns the rule for a keyword that starts an operand of its own syntax, or nil. It is
// a switch and not a map because rules refer back to it.
func keywordRule(word string) rule {
	switch word {
	case "case":
		return (*desugar).caseExpr
	case "cast":
		return (*desugar).cast
	case "array":
		return (*desugar).array
	case "row":
		return (*desugar).row
	case "exists":
		return bracketed((*desugar).exists)
	case "null", "true", "false", "default":
		return (*desugar).word
	case "current_date", "current_role", "current_user", "session_user", "user", "current_catalog",
		"current_schema":
		return (*desugar).valueFunction
	case "current_time", "current_timestamp", "localtime", "localtimestamp":
		return (*desugar).clockFunction
	case "coalesce", "nullif", "greatest", "least", "grouping":
		return bracketed((*desugar).plainCall)
	case "extract":
		return bracketed((*desugar).extract)
	case "position":
		return bracketed((*desugar).position)
	case "substring":
		return bracketed((*desugar).substring)
	case "overlay":
		return bracketed((*desugar).overlay)
	case "trim":
		return bracketed((*desugar).trim)
	case "normalize":
		return bracketed((*desugar).normalize)
	case "collation":
		return (*desugar).collationFor
	case "treat", "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlparse", "xmlpi", "xmlroot",
		"xmlserialize":
		return bracketed((*desugar).unsupported)
	case "unique":
		return (*desugar).unsupported
	}
	return nil
}

// bracketed makes r apply only before a bracket; elsewhere the keyword is a name.
func bracketed(r rule) rule {
	return func(d *desugar, t *lex.Token) bool {
		if !d.c.At(1).IsPunct("(") {
			return d.name()
		}
		return r(d, t)
	}
}

func (d *desugar) unsupported(t *lex.Token) bool {
	d.c.Unsupported(t.Pos, "%s is not supported", d.c.Src[t.Start:t.End])
	return false
}

func (d *desugar) exists(t *lex.Token) bool {
	d.c.Next()
	d.boxed("pg_exists(", t.Pos)
	return false
}

// word writes NULL, TRUE, FALSE and DEFAULT.
func (d *desugar) word(t *lex.Token) bool {
	d.c.Next()
	switch t.Text {
	case "null":
		d.leaf(literal(t.Pos, ast.LitNull, ""))
	case "default":
		d.leaf(&ast.Default{Pos: ast.Pos(t.Pos)})
	default:
		d.leaf(literal(t.Pos, ast.LitBool, t.Text))
	}
	return false
}

// open starts a call of a plain function with the given name; close ends it.
func (d *desugar) open(pos int, name string) {
	d.enter()
	d.ident(pos, &ast.Call{Pos: ast.Pos(pos), Name: []string{name}})
	d.raw("(")
}

func (d *desugar) close() {
	d.raw(")")
	d.leave()
}

// valueFunction writes CURRENT_USER and its kin, which take no brackets.
func (d *desugar) valueFunction(t *lex.Token) bool {
	if t.Text == "current_schema" && (d.c.At(1).IsPunct("(") || d.c.At(1).IsPunct(".")) {
		return d.name()
	}
	d.c.Next()
	d.open(t.Pos, t.Text)
	d.close()
	return false
}

// clockFunction writes CURRENT_TIMESTAMP [(precision)] and its kin.
func (d *desugar) clockFunction(t *lex.Token) bool {
	d.c.Next()
	d.open(t.Pos, t.Text)
	if d.c.AcceptPunct("(") {
		if d.c.Peek().Kind != lex.Integer {
			d.c.Unexpected()
		}
		d.constant(d.c.Next(), ast.LitInt)
		d.c.ExpectPunct(")")
	}
	d.close()
	return false
}

// plainCall writes COALESCE(…) and its kin, keywords whose arguments are plain.
func (d *desugar) plainCall(t *lex.Token) bool {
	d.c.Next()
	d.c.Next()
	d.open(t.Pos, t.Text)
	d.list("arguments", func() { d.expr(lvNone) })
	d.close()
	d.c.ExpectPunct(")")
	return false
}

// extract writes EXTRACT(field FROM x) as extract('field', x).
func (d *desugar) extract(t *lex.Token) bool {
	d.c.Next()
	d.c.Next()
	d.enter()
	d.ident(t.Pos, &ast.Call{Pos: ast.Pos(t.Pos), Name: []string{"pg_catalog", "extract"}})
	d.raw("(")
	field := d.c.Peek()
	if field.Kind != lex.Word && field.Kind != lex.Quoted && field.Kind != lex.String {
		d.c.Unexpected()
	}
	d.c.Next()
	d.leaf(literal(field.Pos, ast.LitString, lex.Fold(field.Text)))
	d.c.Expect("from")
	d.raw(",")
	d.expr(lvNone)
	d.close()
	d.c.ExpectPunct(")")
	return false
}

// position writes POSITION(a IN b) as position(b, a), the order of Postgres's own function.
func (d *desugar) position(t *lex.Token) bool {
	d.c.Next()
	d.c.Next()
	d.open(t.Pos, "position")
	start := len(d.out)
	d.restrict()
	d.c.Expect("in")
	mid := len(d.out)
	d.restrict()
	if d.c.Err == nil {
		needle := string(d.out[start:mid])
		haystack := string(d.out[mid:])
		d.out = append(d.out[:start], haystack+","+needle...)
	}
	d.close()
	d.c.ExpectPunct(")")
	return false
}

// substring writes SUBSTRING(x FROM a FOR b), SUBSTRING(x SIMILAR p ESCAPE e) and the plain call.
func (d *desugar) substring(t *lex.Token) bool {
	d.c.Next()
	d.c.Next()
	d.open(t.Pos, "substring")
	d.expr(lvLike)
	switch {
	case d.c.Accept("similar"):
		d.raw(",")
		d.expr(lvLike)
		d.c.Expect("escape")
		d.raw(",")
		d.expr(lvLike)
	case d.c.Is("from"), d.c.Is("for"):
		d.fromFor(t.Pos)
	default:
		for d.c.AcceptPunct(",") {
			d.raw(",")
			d.expr(lvNone)
		}
	}
	d.close()
	d.c.ExpectPunct(")")
	return false
}

// fromFor writes the arguments of FROM a [FOR b], FOR b FROM a, or FOR b alone, which is from 1 and takes
// b for an integer: so PostgreSQL's grammar has it.
func (d *desugar) fromFor(pos int) {
	if d.c.Accept("from") {
		d.raw(",")
		d.expr(lvNone)
		if d.c.Accept("for") {
			d.raw(",")
			d.expr(lvNone)
		}
		return
	}
	d.c.Expect("for")
	start := len(d.out)
	d.raw(",")
	d.expr(lvNone)
	if d.c.Accept("from") {
		mid := len(d.out)
		d.raw(",")
		d.expr(lvNone)
		from := string(d.out[mid:])
		d.out = d.out[:mid]
		d.wrap(start, from)
		return
	}
	d.wrap(start+1, "pg_cast(")
	d.raw(",")
	d.mark(pos, ast.TypeName{Pos: ast.Pos(pos), Name: []string{"int4"}})
	d.raw(")")
	d.wrap(start, ",'"+d.add(pos, literal(pos, ast.LitInt, "1"))+"'")
}

// overlay writes OVERLAY(x PLACING y FROM a [FOR b]).
func (d *desugar) overlay(t *lex.Token) bool {
	d.c.Next()
	d.c.Next()
	d.open(t.Pos, "overlay")
	d.expr(lvNone)
	if d.c.Accept("placing") {
		d.raw(",")
		d.expr(lvNone)
		d.c.Expect("from")
		d.raw(",")
		d.expr(lvNone)
		if d.c.Accept("for") {
			d.raw(",")
			d.expr(lvNone)
		}
	} else {
		for d.c.AcceptPunct(",") {
			d.raw(",")
			d.expr(lvNone)
		}
	}
	d.close()
	d.c.ExpectPunct(")")
	return false
}

// trim writes TRIM([BOTH|LEADING|TRAILING] [chars] FROM x) as btrim, ltrim or rtrim(x [, chars]).
func (d *desugar) trim(t *lex.Token) bool {
	d.c.Next()
	d.c.Next()
	name := "btrim"
	switch d.c.AcceptAny("both", "leading", "trailing") {
	case "leading":
		name = "ltrim"
	case "trailing":
		name = "rtrim"
	}
	d.open(t.Pos, name)
	start := len(d.out)
	if d.c.Accept("from") {
		d.list("arguments", func() { d.expr(lvNone) })
	} else {
		d.expr(lvNone)
		mid := len(d.out)
		switch {
		case d.c.Accept("from"):
			d.list("arguments", func() { d.expr(lvNone) })
			chars := string(d.out[start:mid])
			subject := string(d.out[mid:])
			d.out = append(d.out[:start], subject+","+chars...)
		case d.c.AcceptPunct(","):
			d.raw(",")
			d.list("arguments", func() { d.expr(lvNone) })
		}
	}
	d.close()
	d.c.ExpectPunct(")")
	return false
}

// normalize writes NORMALIZE(x [, NFC]) with the form as a string.
func (d *desugar) normalize(t *lex.Token) bool {
	d.c.Next()
	d.c.Next()
	d.open(t.Pos, "normalize")
	d.expr(lvNone)
	if d.c.AcceptPunct(",") {
		pos := d.c.Pos()
		form := d.c.AcceptAny("nfc", "nfd", "nfkc", "nfkd")
		if form == "" {
			d.c.Unexpected()
		}
		d.raw(",")
		d.leaf(literal(pos, ast.LitString, form))
	}
	d.close()
	d.c.ExpectPunct(")")
	return false
}

// collationFor writes COLLATION FOR (x) as pg_collation_for(x).
func (d *desugar) collationFor(t *lex.Token) bool {
	if !d.c.At(1).Is("for") {
		return d.name()
	}
	d.c.Next()
	d.c.Next()
	d.c.ExpectPunct("(")
	d.open(t.Pos, "pg_collation_for")
	d.expr(lvNone)
	d.close()
	d.c.ExpectPunct(")")
	return false
}
