package query

import (
	"strconv"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
)

// simpleTypes are the SQL-standard type words that need no more than another spelling.
var simpleTypes = map[string]string{
	"int": "int4", "integer": "int4", "smallint": "int2", "bigint": "int8", "real": "float4",
	"boolean": "bool", "decimal": "numeric", "dec": "numeric", "numeric": "numeric",
	"varchar": "varchar",
}

// isTypeWord tells whether t starts a type that has its own syntax.
func isTypeWord(t *lex.Token) bool {
	if t.Kind != lex.Word {
		return false
	}
	switch t.Text {
	case "float", "double", "bit", "character", "char", "nchar", "national", "time", "timestamp", "interval":
		return true
	}
	return simpleTypes[t.Text] != ""
}

// Type reads a type name with its modifiers and array dimensions.
func Type(c *lex.Cursor) ast.TypeName {
	t := scalarType(c)
	if c.Accept("array") {
		t.Dims = 1
		if c.AcceptPunct("[") {
			c.Integer()
			c.ExpectPunct("]")
		}
		return t
	}
	for c.AcceptPunct("[") {
		t.Dims++
		if c.Peek().Kind == lex.Integer {
			c.Next()
		}
		c.ExpectPunct("]")
	}
	return t
}

// scalarType reads a type name without array dimensions.
func scalarType(c *lex.Cursor) ast.TypeName {
	tok := c.Peek()
	t := ast.TypeName{Pos: ast.Pos(tok.Pos)}
	if c.Is("setof") {
		c.Unsupported(tok.Pos, "SETOF types are not supported")
		return t
	}
	if !isTypeWord(tok) || tok.Text == "double" && !c.At(1).Is("precision") {
		return genericType(c, t)
	}
	c.Next()
	switch tok.Text {
	case "double":
		c.Expect("precision")
		t.Name = []string{"float8"}
	case "float":
		t.Name = []string{floatName(c, typeMods(c, nil))}
	case "bit":
		t.Name = []string{"bit"}
		if c.Accept("varying") {
			t.Name = []string{"varbit"}
			t.Mods = typeMods(c, nil)
		} else {
			t.Mods = typeMods(c, []int{1})
		}
	case "national":
		if c.AcceptAny("character", "char") == "" {
			c.Unexpected()
		}
		charType(c, &t)
	case "character", "char", "nchar":
		charType(c, &t)
	case "time", "timestamp":
		t.Name = []string{tok.Text}
		t.Mods = typeMods(c, nil)
		if c.Accept("with", "time", "zone") {
			t.Name = []string{tok.Text + "tz"}
		} else {
			c.Accept("without", "time", "zone")
		}
	case "interval":
		t.Name = []string{"interval"}
		if t.Mods = typeMods(c, nil); t.Mods == nil {
			intervalFields(c, &t)
		}
	default:
		t.Name = []string{simpleTypes[tok.Text]}
		if tok.Text == "varchar" || t.Name[0] == "numeric" {
			t.Mods = typeMods(c, nil)
		}
	}
	return t
}

// charType reads the rest of CHARACTER [VARYING] [(n)].
func charType(c *lex.Cursor, t *ast.TypeName) {
	if c.Accept("varying") {
		t.Name = []string{"varchar"}
		t.Mods = typeMods(c, nil)
		return
	}
	t.Name = []string{"bpchar"}
	t.Mods = typeMods(c, []int{1})
}

// floatName picks the type that FLOAT(p) means.
func floatName(c *lex.Cursor, mods []int) string {
	if len(mods) > 0 && mods[0] <= 24 {
		return "float4"
	}
	return "float8"
}

// intervalFields reads DAY TO SECOND(3) and the like.
func intervalFields(c *lex.Cursor, t *ast.TypeName) {
	from := c.AcceptAny("year", "month", "day", "hour", "minute", "second")
	if from == "" {
		return
	}
	t.Fields = from
	last := from
	if from != "month" && from != "second" && c.Accept("to") {
		last = c.AcceptAny("month", "hour", "minute", "second")
		if last == "" || (last == "month") != (from == "year") || fieldRank[last] <= fieldRank[from] {
			c.Seek(c.Index() - 1)
			c.Unexpected()
		}
		t.Fields += " to " + last
	}
	if last == "second" {
		t.Mods = typeMods(c, nil)
	}
}

var fieldRank = map[string]int{"year": 0, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5}

// genericType reads a type by name: text, "char", s.t, my_type(3).
func genericType(c *lex.Cursor, t ast.TypeName) ast.TypeName {
	if !c.Peek().IsTypeFunc() {
		c.Unexpected()
		return t
	}
	t.Name = []string{c.Next().Text}
	for c.AcceptPunct(".") {
		t.Name = append(t.Name, c.Label())
	}
	t.Mods = typeMods(c, nil)
	return t
}

// typeMods reads (n [, n …]), or returns none when there is no bracket.
func typeMods(c *lex.Cursor, none []int) []int {
	if !c.IsPunct("(") {
		return none
	}
	c.Next()
	var mods []int
	for {
		sign := 1
		if c.AcceptOp("-") {
			sign = -1
		}
		pos := c.Pos()
		n, err := strconv.Atoi(c.Integer())
		if err != nil && c.Err == nil {
			c.Fail(lex.TooMany("digits in a type modifier", 18, pos))
		}
		mods = append(mods, sign*n)
		if len(mods) > 16 {
			c.Unexpected()
		}
		if !c.AcceptPunct(",") {
			break
		}
	}
	c.ExpectPunct(")")
	return mods
}
