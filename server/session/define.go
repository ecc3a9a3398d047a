package session

import (
	"context"
	"strings"

	"tidemill/server/auth"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// define runs a statement that changes the catalog. It takes effect at once, in a block too.
func (s *Session) define(ctx context.Context, st *statement) (string, error) {
	if st.bare != nil {
		return "", st.bare
	}
	tag := definitionTag(st.stmt)
	if s.block.readOnly {
		return "", readOnly(tag)
	}
	if err := s.nothingPending(ctx, tag); err != nil {
		return "", err
	}
	r, err := s.m.Engine.Reader()
	if err != nil {
		return "", err
	}
	snap := r.Catalog
	r.Close()
	s.snap = snap
	stmt, err := s.withVerifier(st.stmt)
	if err != nil {
		return "", err
	}
	if err := s.m.Engine.Define(ctx, s.caller(snap, st.text), stmt); err != nil {
		return "", err
	}
	s.took(tag)
	return s.filledTag(stmt, snap.Version, tag)
}

// withVerifier replaces a password by its verifier before the statement goes anywhere.
func (s *Session) withVerifier(stmt ast.Statement) (ast.Statement, error) {
	change := func(o ast.RoleOptions) (ast.RoleOptions, error) {
		if o.Password == nil {
			return o, nil
		}
		iterations := 0
		if s.m.Config != nil {
			iterations = s.m.Config.ScramIterations
		}
		v, err := auth.MakeVerifier(*o.Password, iterations)
		o.Password = &v
		return o, err
	}
	var err error
	switch x := stmt.(type) {
	case *ast.CreateRole:
		c := *x
		c.Options, err = change(x.Options)
		return &c, err
	case *ast.AlterRole:
		c := *x
		c.Options, err = change(x.Options)
		return &c, err
	}
	return stmt, nil
}

// filledTag is SELECT n for what was created from a query, as in Postgres.
func (s *Session) filledTag(stmt ast.Statement, before uint64, tag string) (string, error) {
	var name []string
	switch x := stmt.(type) {
	case *ast.CreateTable:
		if x.AsQuery == nil {
			return tag, nil
		}
		name = x.Name
	case *ast.CreateView:
		if !x.Materialized {
			return tag, nil
		}
		name = x.Name
	default:
		return tag, nil
	}
	r, err := s.m.Engine.Reader()
	if err != nil {
		return tag, nil //nolint:nilerr // it has been created
	}
	defer r.Close()
	o := r.Catalog.Resolve(s.vars.effectivePath(r.Catalog, s.user), name)
	if o == nil || r.Catalog.Version == before { // IF NOT EXISTS
		return tag, nil
	}
	n, err := r.Count(o)
	if err != nil {
		return tag, nil //nolint:nilerr // it has been created
	}
	return "SELECT " + itoa(n), nil
}

func definitionTag(stmt ast.Statement) string {
	switch x := stmt.(type) {
	case *ast.CreateTable:
		if x.AsQuery != nil {
			return map[bool]string{false: "CREATE TABLE AS", true: "SELECT INTO"}[x.Into]
		}
		return "CREATE TABLE"
	case *ast.CreateSource:
		return "CREATE SOURCE"
	case *ast.CreateView:
		if x.Materialized {
			return "CREATE MATERIALIZED VIEW"
		}
		return "CREATE VIEW"
	case *ast.CreateSink:
		return "CREATE SINK"
	case *ast.CreateSequence:
		return "CREATE SEQUENCE"
	case *ast.CreateSchema:
		return "CREATE SCHEMA"
	case *ast.CreateIndex:
		return "CREATE INDEX"
	case *ast.CreateType:
		return "CREATE TYPE"
	case *ast.CreateRole:
		return "CREATE ROLE"
	case *ast.AlterRole:
		return "ALTER ROLE"
	case *ast.Drop:
		return "DROP " + strings.ToUpper(x.Kind)
	case *ast.Alter:
		return "ALTER " + strings.ToUpper(x.Kind)
	case *ast.Comment:
		return "COMMENT"
	case *ast.Grant:
		word := "GRANT"
		if x.Revoke {
			word = "REVOKE"
		}
		if x.Kind == "role" {
			word += " ROLE"
		}
		return word
	}
	return ""
}

// relation finds an object that a statement names.
func (s *Session) relation(p *pin, name []string, pos int) (*object, error) {
	o := p.Catalog.Resolve(s.vars.effectivePath(p.Catalog, s.user), name)
	if o == nil {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(name, ".")).At(pos)
	}
	return o, nil
}
