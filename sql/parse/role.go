package parse

import (
	"strconv"
	"strings"

	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// createRole reads CREATE ROLE | USER | GROUP; a user may log in unless the options say otherwise.
func (p *parser) createRole(pos ast.Pos) ast.Statement {
	r := &ast.CreateRole{Pos: pos}
	user := p.Next().Text == "user"
	p.ifNotExists()
	r.Name = p.roleName()
	r.Options = p.roleOptions()
	if user && r.Options.Login == nil {
		yes := true
		r.Options.Login = &yes
	}
	return r
}

// alterRole reads ALTER ROLE name followed by options, RENAME TO, SET or RESET.
func (p *parser) alterRole(pos ast.Pos) ast.Statement {
	p.Next()
	name := "all"
	if !p.Accept("all") {
		name = p.roleName()
	}
	if p.Is("add", "user") || p.Is("drop", "user") {
		p.Unsupported(p.Pos(), "ALTER GROUP … USER is not supported")
		p.Err.WithHint("Use GRANT role TO user.")
	}
	if p.IsAny("rename", "set", "reset", "in") {
		a := &ast.Alter{Pos: pos, Kind: "role", Name: []string{name}}
		switch {
		case p.Accept("rename"):
			p.Expect("to")
			a.Action, a.Args = "rename", []string{p.ColID()}
		case p.Is("in"):
			p.Unsupported(p.Pos(), "ALTER ROLE … IN DATABASE is not supported")
		default:
			p.alterSetting(&a.AlterAction)
		}
		return a
	}
	return &ast.AlterRole{Pos: pos, Name: name, Options: p.roleOptions()}
}

// roleOptions reads [WITH] LOGIN, PASSWORD '…' and the rest.
func (p *parser) roleOptions() ast.RoleOptions {
	var o ast.RoleOptions
	p.Accept("with")
	flag := func(set **bool, v bool) { *set = &v }
	for !p.Done() {
		t := p.Peek()
		switch {
		case p.Accept("login"), p.Accept("nologin"):
			flag(&o.Login, t.Text == "login")
		case p.Accept("superuser"), p.Accept("nosuperuser"):
			flag(&o.Superuser, t.Text == "superuser")
		case p.IsAny("encrypted", "password"):
			p.Accept("encrypted")
			p.Expect("password")
			if p.Accept("null") {
				o.PasswordNull = true
				break
			}
			pw := p.Str()
			o.Password = &pw
		case p.Accept("connection", "limit"):
			o.ConnLimit = p.signedInt()
		case p.IsAny("createdb", "nocreatedb", "createrole", "nocreaterole", "inherit", "noinherit"):
			// Rights that Tidemill derives from SUPERUSER; the words are accepted for pg_dumpall.
			p.Next()
		case p.IsAny("replication", "noreplication", "bypassrls", "nobypassrls", "valid", "in", "role", "admin", "user", "sysid"):
			p.Unsupported(t.Pos, "role option %s is not supported", upper(t.Text))
		default:
			p.Unexpected()
		}
	}
	return o
}

// signedInt reads an integer with an optional sign.
func (p *parser) signedInt() *int {
	pos, sign := p.Pos(), ""
	if p.AcceptOp("-") {
		sign = "-"
	}
	n, err := strconv.Atoi(sign + p.Integer())
	if err != nil {
		p.Fail(sqlerr.New(sqlerr.NumericValueOutOfRange, "integer out of range").At(pos))
	}
	return &n
}

// grant reads GRANT … TO … and REVOKE … FROM ….
func (p *parser) grant() ast.Statement {
	g := &ast.Grant{Pos: p.pos(), Revoke: p.Is("revoke")}
	p.Next()
	if g.Revoke && p.IsAny("grant", "admin") && p.At(1).Is("option") {
		p.Unsupported(p.Pos(), "REVOKE GRANT OPTION FOR is not supported")
	}
	for {
		pos := p.Pos()
		g.Privileges = append(g.Privileges, p.Label())
		if p.IsPunct("(") {
			p.Unsupported(pos, "column privileges are not supported")
		}
		if !p.AcceptPunct(",") {
			break
		}
	}
	if g.Privileges[0] == "all" {
		p.Accept("privileges")
	}
	g.Kind = "role"
	if p.Accept("on") {
		p.grantObjects(g)
	}
	if g.Revoke {
		p.Expect("from")
	} else {
		p.Expect("to")
	}
	for {
		p.Accept("group")
		g.Roles = append(g.Roles, p.roleName())
		if !p.AcceptPunct(",") {
			break
		}
	}
	if p.Is("with") {
		p.Unsupported(p.Pos(), "GRANT … WITH GRANT OPTION is not supported")
	}
	if p.Accept("granted", "by") {
		p.roleName()
	}
	if g.Revoke {
		p.cascade()
	}
	return g
}

// grantObjects reads the objects of GRANT … ON.
func (p *parser) grantObjects(g *ast.Grant) {
	g.Kind = "table"
	switch {
	case p.Accept("all"):
		what := p.AcceptAny("tables", "views", "sources", "sinks", "sequences", "functions", "procedures", "routines")
		if what == "" && p.Accept("materialized", "views") {
			what = "materialized views"
		}
		if what == "" {
			p.Unexpected()
		}
		p.Expect("in", "schema")
		g.Kind = "all " + what + " in schema"
	case p.Accept("materialized", "view"):
		g.Kind = "materialized view"
	case p.IsAny("procedure", "routine", "domain", "tablespace", "parameter") && isObjectStart(p), p.Is("large", "object"), p.Is("foreign"):
		p.Unsupported(p.Pos(), "GRANT on this kind of object is not supported")
	case !p.At(1).IsPunct(".") && !p.At(1).IsPunct(","):
		kinds := "table view source sink schema database connection secret sequence function type language"
		if w := p.Peek(); w.IsColID() || w.Is("table") {
			if strings.Contains(" "+kinds+" ", " "+w.Text+" ") && isObjectStart(p) {
				g.Kind = p.Next().Text
			}
		}
	}
	for {
		g.Names = append(g.Names, p.Name())
		if p.IsPunct("(") {
			p.skipGroup()
		}
		if !p.AcceptPunct(",") {
			return
		}
	}
}

// isObjectStart tells whether the word after the current one is a name, so that the current one is a
// kind and not itself the object.
func isObjectStart(p *parser) bool {
	t := p.At(1)
	return t.IsColID() && !t.Is("to") && !t.Is("from")
}
