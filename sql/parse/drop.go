package parse

import "tidemill/sql/ast"

// objectKinds are the kinds that DROP, COMMENT and SHOW CREATE know, in the spelling of the tree.
// Longer ones come first.
var objectKinds = [][]string{
	{"materialized", "view"}, {"table"}, {"source"}, {"view"}, {"sink"}, {"schema"}, {"index"}, {"role"},
	{"user"}, {"group"}, {"connection"}, {"secret"}, {"type"}, {"function"}, {"sequence"},
}

// kind reads an object kind, or "".
func (p *parser) kind() string {
	for _, words := range objectKinds {
		if !p.Accept(words...) {
			continue
		}
		switch words[0] {
		case "materialized":
			return "materialized view"
		case "user", "group":
			return "role"
		}
		return words[0]
	}
	return ""
}

// drop reads DROP kind [IF EXISTS] names [CASCADE | RESTRICT].
func (p *parser) drop() ast.Statement {
	d := &ast.Drop{Pos: p.pos()}
	p.Expect("drop")
	if p.Is("user", "mapping") {
		return p.refuseKind("DROP")
	}
	if d.Kind = p.kind(); d.Kind == "" {
		return p.refuseKind("DROP")
	}
	if d.Kind == "index" {
		p.Accept("concurrently")
	}
	d.IfExists = p.ifExists()
	for {
		d.NamePos = append(d.NamePos, p.Pos())
		if d.Kind == "role" {
			d.Names = append(d.Names, []string{p.roleName()})
		} else {
			d.Names = append(d.Names, p.Name())
		}
		if d.Kind == "function" && p.IsPunct("(") {
			p.skipGroup()
		}
		if !p.AcceptPunct(",") {
			break
		}
	}
	d.Cascade = p.cascade()
	return d
}

// comment reads COMMENT ON kind name IS 'text' | NULL.
func (p *parser) comment() ast.Statement {
	c := &ast.Comment{Pos: p.pos()}
	p.Expect("comment", "on")
	switch {
	case p.Accept("column"):
		c.Kind = "column"
	case p.Accept("database"):
		c.Kind = "database"
	case p.Accept("constraint"):
		c.Kind = "constraint"
	default:
		if c.Kind = p.kind(); c.Kind == "" {
			return p.refuseKind("COMMENT ON")
		}
	}
	c.Name = p.Name()
	if c.Kind == "function" && p.IsPunct("(") {
		p.skipGroup()
	}
	if c.Kind == "constraint" {
		p.Expect("on")
		if p.Is("domain") && p.At(1).IsColID() {
			p.Unsupported(p.Pos(), "COMMENT ON CONSTRAINT … ON DOMAIN is not supported")
		}
		c.Name = append(p.Name(), c.Name...)
	}
	p.Expect("is")
	if !p.Accept("null") {
		text := p.Str()
		c.Text = &text
	}
	return c
}
