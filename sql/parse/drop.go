package parse

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/parse/query"
)

// objectKinds are the kinds that DROP, COMMENT and SHOW CREATE know, in the spelling of the tree.
// Longer ones come first.
var objectKinds = [][]string{
	{"materialized", "view"}, {"table"}, {"source"}, {"view"}, {"sink"}, {"schema"}, {"index"}, {"role"},
	{"user"}, {"group"}, {"connection"}, {"secret"}, {"type"}, {"function"},
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

// alterKinds are the kinds that ALTER knows besides roles.
var alterKinds = [][]string{
	{"materialized", "view"}, {"table"}, {"source"}, {"view"}, {"sink"}, {"schema"}, {"index"}, {"database"}, {"type"},
	{"connection"}, {"secret"},
}

// alter reads ALTER kind name action.
func (p *parser) alter() ast.Statement {
	pos := p.pos()
	p.Expect("alter")
	if p.IsAny("role", "user", "group") && !p.At(1).Is("mapping") {
		return p.alterRole(pos)
	}
	if p.Accept("system") {
		a := &ast.Alter{Pos: pos, Kind: "system"}
		p.alterSetting(a)
		return a
	}
	for _, words := range alterKinds {
		if !p.Accept(words...) {
			continue
		}
		a := &ast.Alter{Pos: pos, Kind: words[0]}
		if words[0] == "materialized" {
			a.Kind = "materialized view"
		}
		a.IfExists = p.ifExists()
		if p.Is("all", "in", "tablespace") {
			p.Unsupported(p.Pos(), "ALTER … ALL IN TABLESPACE is not supported")
		}
		p.Accept("only")
		a.Name = p.Name()
		p.AcceptOp("*")
		if a.Kind == "type" {
			p.typeAction(a)
		} else {
			p.action(a)
		}
		if p.IsPunct(",") {
			p.Unsupported(p.Pos(), "several actions in one ALTER are not supported")
		}
		return a
	}
	return p.refuseKind("ALTER")
}

// action reads what ALTER does.
func (p *parser) action(a *ast.Alter) {
	switch {
	case p.Accept("rename", "to"):
		a.Action, a.Args = "rename", []string{p.ColID()}
	case p.Is("rename", "constraint"):
		p.Unsupported(p.Pos(), "ALTER … RENAME CONSTRAINT is not supported")
	case p.Accept("rename"):
		p.Accept("column")
		a.Action = "rename column"
		a.Args = []string{p.ColID()}
		p.Expect("to")
		a.Args = append(a.Args, p.ColID())
	case p.Accept("set", "schema"):
		a.Action, a.Args = "set schema", []string{p.ColID()}
	case p.Accept("owner", "to"):
		a.Action, a.Args = "owner", []string{p.roleName()}
	case p.Accept("swap", "with"):
		a.Action, a.Args = "swap", p.Name()
	case p.Is("set"), p.Is("reset"):
		p.alterSetting(a)
	case p.Accept("add"):
		p.addColumn(a)
	case p.Accept("drop"):
		p.dropColumn(a)
	case p.Accept("alter"):
		p.alterColumn(a)
	case p.IsAny("pause", "resume"):
		a.Action = p.Next().Text
	case p.Accept("refresh", "schema"):
		a.Action = "refresh schema"
	case p.IsAny("enable", "disable", "validate", "cluster", "replica", "inherit", "no", "attach", "detach", "force", "depends", "of", "not", "options"):
		p.Unsupported(p.Pos(), "ALTER … %s is not supported", upper(p.Peek().Text))
	default:
		p.Unexpected()
	}
}

// alterSetting reads SET (options), SET name = value, RESET (names), RESET name.
func (p *parser) alterSetting(a *ast.Alter) {
	pos := p.pos()
	if p.Accept("reset") {
		a.Action = "reset"
		switch {
		case p.IsPunct("("):
			for _, o := range p.options() {
				a.Args = append(a.Args, o.Name)
			}
		case p.Accept("all"):
			a.Args = []string{"all"}
		default:
			a.Args = []string{p.optionName()}
		}
		return
	}
	p.Expect("set")
	a.Action = "set"
	if p.IsPunct("(") {
		a.Options = p.options()
		return
	}
	if p.IsAny("logged", "unlogged", "tablespace", "without") || p.Is("access", "method") {
		p.Unsupported(p.Pos(), "ALTER … SET %s is not supported", upper(p.Peek().Text))
		return
	}
	s := &ast.Set{}
	p.setting(s)
	if s.Value == nil {
		a.Action, a.Args = "reset", []string{s.Name}
		return
	}
	a.Options = []ast.Option{{Pos: pos, Name: s.Name, Value: *s.Value}}
}

func (p *parser) addColumn(a *ast.Alter) {
	if p.IsAny("constraint", "primary", "unique", "check", "foreign", "exclude") {
		p.Unsupported(p.Pos(), "ALTER … ADD CONSTRAINT is not supported")
		return
	}
	p.Accept("column")
	a.Action = "add column"
	if p.ifNotExists() {
		a.Args = []string{"if not exists"}
	}
	t := ast.CreateTable{Name: a.Name}
	p.columnDef(&t)
	if p.Err == nil {
		a.Column, a.Constraints = &t.Columns[0], t.Constraints
	}
}

func (p *parser) dropColumn(a *ast.Alter) {
	if p.Is("constraint") {
		p.Unsupported(p.Pos(), "ALTER … DROP CONSTRAINT is not supported")
		return
	}
	p.Accept("column")
	a.Action = "drop column"
	exists := p.ifExists()
	a.Args = []string{p.ColID()}
	if exists {
		a.Args = append(a.Args, "if exists")
	}
	if p.cascade() {
		a.Args = append(a.Args, "cascade")
	}
}

// alterColumn reads ALTER [COLUMN] c TYPE t | SET/DROP DEFAULT | SET/DROP NOT NULL.
func (p *parser) alterColumn(a *ast.Alter) {
	p.Accept("column")
	if p.Is("constraint") || p.Peek().Kind == lex.Integer {
		p.Unsupported(p.Pos(), "this form of ALTER is not supported")
	}
	c := &ast.ColumnDef{Pos: p.pos(), Name: p.ColID()}
	a.Column, a.Args = c, []string{c.Name}
	switch {
	case p.Accept("type"), p.Accept("set", "data", "type"):
		a.Action = "alter column type"
		c.Type = query.Type(p.Cursor)
		if p.Accept("collate") {
			p.Name()
		}
		if p.Is("using") {
			p.Unsupported(p.Pos(), "ALTER COLUMN … USING is not supported")
		}
	case p.Accept("set", "default"):
		a.Action = "set default"
		c.Default = p.expr()
	case p.Accept("drop", "default"):
		a.Action = "drop default"
	case p.Accept("set", "not", "null"):
		a.Action = "set not null"
	case p.Accept("drop", "not", "null"):
		a.Action = "drop not null"
	case p.IsAny("set", "drop", "reset", "add", "restart"):
		p.Unsupported(p.Pos(), "this form of ALTER COLUMN is not supported")
	default:
		p.Unexpected()
	}
}
