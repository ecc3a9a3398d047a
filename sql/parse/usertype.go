package parse

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/query"
)

// createType reads CREATE TYPE name AS ENUM (labels) or AS (fields).
func (p *parser) createType(pos ast.Pos) ast.Statement {
	p.Expect("type")
	t := &ast.CreateType{Pos: pos, Name: p.Name()}
	if !p.Accept("as") {
		p.Unsupported(p.Pos(), "CREATE TYPE of a base type is not supported")
		return nil
	}
	switch {
	case p.Accept("range"):
		p.Unsupported(p.Pos(), "CREATE TYPE … AS RANGE is not supported")
		return nil
	case p.Accept("enum"):
		t.Enum = true
		p.ExpectPunct("(")
		for !p.IsPunct(")") {
			t.Labels = append(t.Labels, p.Str())
			if !p.AcceptPunct(",") {
				break
			}
			if p.IsPunct(")") {
				p.Unexpected()
			}
		}
	default:
		p.ExpectPunct("(")
		for !p.IsPunct(")") {
			t.Fields = append(t.Fields, p.attribute())
			if !p.AcceptPunct(",") {
				break
			}
			if p.IsPunct(")") {
				p.Unexpected()
			}
		}
	}
	p.ExpectPunct(")")
	return t
}

// attribute reads a field of a composite type.
func (p *parser) attribute() ast.ColumnDef {
	d := ast.ColumnDef{Pos: p.pos(), Name: p.ColID()}
	d.Type = query.Type(p.Cursor)
	if p.Accept("collate") {
		p.Name()
	}
	return d
}

// typeAction reads what ALTER TYPE does.
func (p *parser) typeAction(a *ast.Alter) {
	switch {
	case p.Accept("add", "value"):
		a.Action, a.IfExists = "add value", p.ifNotExists()
		a.Args = []string{p.Str()}
		if where := p.AcceptAny("before", "after"); where != "" {
			a.Args = append(a.Args, where, p.Str())
		}
	case p.Accept("rename", "value"):
		a.Action, a.Args = "rename value", []string{p.Str()}
		p.Expect("to")
		a.Args = append(a.Args, p.Str())
	case p.Accept("rename", "attribute"):
		a.Action, a.Args = "rename attribute", []string{p.ColID()}
		p.Expect("to")
		a.Args = append(a.Args, p.ColID())
		p.cascade()
	case p.Accept("rename", "to"):
		a.Action, a.Args = "rename", []string{p.ColID()}
	case p.Accept("set", "schema"):
		a.Action, a.Args = "set schema", []string{p.ColID()}
	case p.Accept("owner", "to"):
		a.Action, a.Args = "owner", []string{p.roleName()}
	case p.Accept("add", "attribute"):
		d := p.attribute()
		a.Action, a.Column = "add attribute", &d
		p.cascade()
	case p.Accept("drop", "attribute"):
		a.Action, a.IfExists = "drop attribute", p.ifExists()
		a.Args = []string{p.ColID()}
		p.cascade()
	case p.Accept("alter", "attribute"):
		d := ast.ColumnDef{Pos: p.pos(), Name: p.ColID()}
		p.Accept("set", "data")
		p.Expect("type")
		d.Type = query.Type(p.Cursor)
		a.Action, a.Column = "alter attribute", &d
		p.cascade()
	default:
		p.Unexpected()
	}
}
