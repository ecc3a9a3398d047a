package parse

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/parse/query"
)

// alterKinds are the kinds that ALTER knows besides roles.
var alterKinds = [][]string{
	{"materialized", "view"}, {"table"}, {"source"}, {"view"}, {"sink"}, {"schema"}, {"index"}, {"sequence"},
	{"database"}, {"type"}, {"connection"}, {"secret"},
}

// alter reads ALTER kind name action, ….
func (p *parser) alter() ast.Statement {
	pos := p.pos()
	p.Expect("alter")
	if p.IsAny("role", "user", "group") && !p.At(1).Is("mapping") {
		return p.alterRole(pos)
	}
	if p.Accept("system") {
		a := &ast.Alter{Pos: pos, Kind: "system"}
		p.alterSetting(&a.AlterAction)
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
		if a.Kind == "sequence" && p.alterSequence(a) {
			return a
		}
		if a.Kind == "type" {
			p.typeAction(a)
			if p.IsPunct(",") {
				p.Unsupported(p.Pos(), "several actions in one ALTER TYPE are not supported")
			}
			return a
		}
		p.action(a, &a.AlterAction)
		for p.Err == nil && listed(a.Action) && p.AcceptPunct(",") {
			var more ast.AlterAction
			p.action(a, &more)
			if !listed(more.Action) && p.Err == nil {
				p.Seek(p.Index() - 1)
				p.Unexpected()
			}
			a.More = append(a.More, more)
		}
		return a
	}
	return p.refuseKind("ALTER")
}

// listed tells whether an action may stand in a list of several.
func listed(action string) bool {
	switch action {
	case "rename", "rename column", "rename constraint", "set schema", "swap", "pause", "resume", "refresh schema":
		return false
	}
	return true
}

// action reads one thing that ALTER does.
func (p *parser) action(a *ast.Alter, x *ast.AlterAction) {
	x.At = p.pos()
	switch {
	case p.Accept("rename", "to"):
		x.Action, x.Args = "rename", []string{p.ColID()}
	case p.Accept("rename", "constraint"):
		x.Action, x.Args = "rename constraint", []string{p.ColID()}
		p.Expect("to")
		x.Args = append(x.Args, p.ColID())
	case p.Accept("rename"):
		p.Accept("column")
		x.Action, x.Args = "rename column", []string{p.ColID()}
		p.Expect("to")
		x.Args = append(x.Args, p.ColID())
	case p.Accept("set", "schema"):
		x.Action, x.Args = "set schema", []string{p.ColID()}
	case p.Accept("owner", "to"):
		x.Action, x.Args = "owner", []string{p.roleName()}
	case p.Accept("swap", "with"):
		x.Action, x.Args = "swap", p.Name()
	case p.Accept("set", "without", "cluster"), p.Accept("set", "logged"), p.Accept("set", "unlogged"):
		x.Action = "nothing"
	case p.Accept("cluster", "on"), p.Accept("validate", "constraint"):
		x.Action, x.Args = "nothing", []string{p.ColID()}
	case p.Is("set"), p.Is("reset"):
		p.alterSetting(x)
	case p.Accept("add"):
		p.addToTable(a, x)
	case p.Accept("drop"):
		p.dropFromTable(x)
	case p.Accept("alter"):
		p.alterColumn(x)
	case p.IsAny("pause", "resume"):
		x.Action = p.Next().Text
	case p.Accept("refresh", "schema"):
		x.Action = "refresh schema"
	case p.IsAny("enable", "disable", "replica", "inherit", "no", "attach", "detach", "force", "depends", "of", "not", "options"):
		p.Unsupported(p.Pos(), "ALTER … %s is not supported", upper(p.Peek().Text))
	default:
		p.Unexpected()
	}
}

// alterSetting reads SET (options), SET name = value, RESET (names), RESET name.
func (p *parser) alterSetting(a *ast.AlterAction) {
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
	if p.IsAny("tablespace", "without") || p.Is("access", "method") {
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

// addToTable reads what follows ADD: a constraint or a column.
func (p *parser) addToTable(a *ast.Alter, x *ast.AlterAction) {
	t := ast.CreateTable{Name: a.Name}
	if p.IsAny("constraint", "primary", "unique", "check", "foreign", "exclude") {
		x.Action = "add constraint"
		p.tableConstraint(&t)
		x.Constraints = t.Constraints
		p.Accept("not", "valid")
		return
	}
	p.Accept("column")
	x.Action = "add column"
	x.IfThere = p.ifNotExists()
	p.columnDef(&t)
	if p.Err == nil {
		x.Column, x.Constraints = &t.Columns[0], t.Constraints
	}
}

// dropFromTable reads what follows DROP.
func (p *parser) dropFromTable(x *ast.AlterAction) {
	x.Action = "drop column"
	if p.Accept("constraint") {
		x.Action = "drop constraint"
	} else {
		p.Accept("column")
	}
	x.IfThere = p.ifExists()
	x.Args = []string{p.ColID()}
	x.Cascade = p.cascade()
}

// alterColumn reads what follows ALTER [COLUMN].
func (p *parser) alterColumn(a *ast.AlterAction) {
	if p.Is("constraint") {
		p.Unsupported(p.Pos(), "ALTER … ALTER CONSTRAINT is not supported")
	}
	p.Accept("column")
	if p.Peek().Kind == lex.Integer {
		p.Unsupported(p.Pos(), "naming a column by its number is not supported")
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
		if p.Accept("using") {
			a.Using = p.expr()
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
	case p.Accept("drop", "identity"):
		a.Action, a.IfThere = "drop identity", p.ifExists()
	case p.Accept("drop", "expression"):
		a.Action, a.IfThere = "drop expression", p.ifExists()
	case p.Accept("add", "generated"):
		a.Action = "add identity"
		p.generated(c)
		if c.Identity == "" && p.Err == nil {
			p.Unsupported(int(a.At), "ALTER COLUMN … ADD GENERATED … STORED is not supported")
		}
	case p.Accept("set", "statistics"), p.Accept("set", "storage"), p.Accept("set", "compression"):
		a.Action = "column storage"
		p.AcceptOp("-")
		p.Next()
	case p.Is("set", "("), p.Is("set") && p.At(1).IsPunct("("), p.Is("reset") && p.At(1).IsPunct("("):
		a.Action = "column storage"
		p.Next()
		p.options()
	case p.IsAny("set", "restart"):
		a.Action = "alter identity"
		p.identityOptions(a)
	default:
		p.Unexpected()
	}
}

// identityOptions reads SET GENERATED …, SET option and RESTART, one or several.
func (p *parser) identityOptions(a *ast.AlterAction) {
	a.Sequence = &ast.SequenceOptions{}
	for p.Err == nil && p.IsAny("set", "restart") {
		if p.Accept("set", "generated") {
			a.Column.Identity = "always"
			if !p.Accept("always") {
				p.Expect("by", "default")
				a.Column.Identity = "by default"
			}
			continue
		}
		p.Accept("set")
		if !p.sequenceOption(a.Sequence) {
			p.Unexpected()
		}
	}
}

// alterSequence reads the options of ALTER SEQUENCE; false when something else follows.
func (p *parser) alterSequence(a *ast.Alter) bool {
	o := &ast.SequenceOptions{}
	at := p.pos()
	if !p.sequenceOption(o) {
		return false
	}
	for p.Err == nil && p.sequenceOption(o) {
	}
	a.AlterAction = ast.AlterAction{At: at, Action: "sequence", Sequence: o}
	return true
}
