package engine

import (
	"context"
	"strings"

	"tidemill/catalog"
	"tidemill/planner"
	"tidemill/server/auth"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// Define runs a statement that changes the catalog and returns when the effect is durable.
func (e *Engine) Define(ctx context.Context, c *Caller, stmt ast.Statement) error {
	switch s := stmt.(type) {
	case *ast.CreateTable:
		if s.AsQuery != nil {
			return e.createTableAs(ctx, c, s)
		}
		return e.define(ctx, func() error { return e.createTable(c, s) })
	case *ast.CreateSource:
		return e.createSource(ctx, c, s)
	case *ast.CreateView:
		if !s.Materialized {
			return e.define(ctx, func() error { return e.createView(c, s) })
		}
		return e.createMaterialized(ctx, c, s)
	case *ast.CreateSink:
		return e.define(ctx, func() error { return e.createSink(c, s) })
	case *ast.CreateSchema:
		return e.define(ctx, func() error { return e.createSchema(c, s) })
	case *ast.CreateType:
		return e.define(ctx, func() error { return e.createType(c, s) })
	case *ast.Drop:
		return e.define(ctx, func() error { return e.drop(c, s) })
	case *ast.Alter:
		return e.alterAny(ctx, c, s)
	case *ast.CreateSequence:
		return e.define(ctx, func() error { return e.createSequence(c, s) })
	case *ast.Comment:
		return e.define(ctx, func() error { return e.comment(c, s) })
	case *ast.CreateRole:
		return e.define(ctx, func() error { return e.createRole(s) })
	case *ast.AlterRole:
		return e.define(ctx, func() error { return e.alterRole(s) })
	case *ast.CreateIndex:
		return e.createIndex(ctx, c, s)
	case *ast.Grant:
		return sqlerr.Unsupported("GRANT and REVOKE are not supported yet")
	}
	return sqlerr.Unsupported("this statement is not supported")
}

// notice sends a NOTICE to the client.
func (c *Caller) notice(code sqlerr.Code, format string, args ...any) {
	if c.Notice != nil {
		c.Notice("NOTICE", string(code), sqlerr.New(code, format, args...).Message)
	}
}

// place resolves the name of an object to be created. skip says that it exists and IF NOT EXISTS was
// given.
func (e *Engine) place(cat *catalog.Snapshot, c *Caller, name []string, ifNotExists bool) (schema, base string, skip bool, err error) {
	base = name[len(name)-1]
	switch len(name) {
	case 1:
		for _, s := range c.SearchPath {
			if cat.HasSchema(s) {
				schema = s
				break
			}
		}
		if schema == "" {
			return "", "", false, sqlerr.New(sqlerr.InvalidSchemaName, "no schema has been selected to create in")
		}
	case 2:
		schema = name[0]
	default:
		if name[0] != catalog.DefaultDatabase {
			return "", "", false, sqlerr.Unsupported("cross-database references are not implemented: %q", strings.Join(name, "."))
		}
		schema = name[1]
	}
	if ifNotExists && cat.ByName(schema, base) != nil {
		c.notice(sqlerr.DuplicateTable, "relation %q already exists, skipping", base)
		return schema, base, true, nil
	}
	return schema, base, false, cat.CheckNewName(schema, base)
}

// newObject fills in what all new objects have in common and takes an id.
func (e *Engine) newObject(c *Caller, kind catalog.Kind, schema, name string) *catalog.Object {
	cat := e.catalogNow().WithIDs(1, 0)
	e.pending.catalog = cat
	return &catalog.Object{
		Format: catalog.Format, ID: cat.NextID - 1, Schema: schema, Name: name, Kind: kind, Owner: c.User,
		Created: e.cfg.Now().UTC(), Definition: c.Text, SearchPath: c.SearchPath, State: catalog.Running,
	}
}

// newTable takes a store table id.
func (e *Engine) newTable() uint32 {
	cat := e.catalogNow().WithIDs(0, 1)
	e.pending.catalog = cat
	return cat.NextTable - 1
}

// put makes o part of the pending catalog.
func (e *Engine) put(o *catalog.Object) { e.pending.catalog = e.catalogNow().WithObject(o) }

// plannerContext is the binder's view of the catalog for a statement of c.
func (e *Engine) plannerContext(cat *catalog.Snapshot, c *Caller) *planner.Context {
	p := &planner.Context{Catalog: cat, SearchPath: c.SearchPath, Env: c.Env, User: c.User}
	if e.cfg.System != nil {
		p.System = e.cfg.System
	}
	return p
}

func (e *Engine) createSchema(c *Caller, s *ast.CreateSchema) error {
	cat := e.catalogNow()
	if cat.HasSchema(s.Name) || s.Name == "pg_catalog" || s.Name == "information_schema" {
		if s.IfNotExists {
			c.notice(sqlerr.DuplicateSchema, "schema %q already exists, skipping", s.Name)
			return nil
		}
		return sqlerr.New(sqlerr.DuplicateSchema, "schema %q already exists", s.Name)
	}
	if err := checkSchemaName(cat, s.Name); err != nil {
		return err
	}
	e.pending.catalog = cat.WithSchema(s.Name)
	return nil
}

func (e *Engine) createRole(s *ast.CreateRole) error {
	cat := e.catalogNow()
	if cat.Role(s.Name) != nil {
		return sqlerr.New(sqlerr.DuplicateObject, "role %q already exists", s.Name)
	}
	r := catalog.Role{Name: s.Name}
	if err := setRole(&r, &s.Options); err != nil {
		return err
	}
	e.pending.catalog = cat.WithRole(r)
	return nil
}

func (e *Engine) alterRole(s *ast.AlterRole) error {
	cat := e.catalogNow()
	old := cat.Role(s.Name)
	if old == nil {
		return sqlerr.New(sqlerr.UndefinedObject, "role %q does not exist", s.Name)
	}
	r := *old
	if err := setRole(&r, &s.Options); err != nil {
		return err
	}
	e.pending.catalog = cat.WithRole(r)
	return nil
}

// setRole applies role options. Passwords are kept as SCRAM verifiers only.
func setRole(r *catalog.Role, o *ast.RoleOptions) error {
	if o.Login != nil {
		r.Login = *o.Login
	}
	if o.Superuser != nil {
		r.Superuser = *o.Superuser
	}
	if o.PasswordNull {
		r.Verifier = ""
	}
	if o.Password != nil {
		v, err := auth.MakeVerifier(*o.Password, 0)
		if err != nil {
			return err
		}
		r.Verifier = v
	}
	return nil
}

// alterLate lets the table of late rows follow its relation's name, schema and owner.
func (e *Engine) alterLate(o *catalog.Object) error {
	if o.Watermark == nil {
		return nil
	}
	old := e.catalogNow().ByID(o.Watermark.Late)
	late := *old
	late.Schema, late.Name, late.Owner = o.Schema, o.Name+lateSuffix, o.Owner
	if late.Schema != old.Schema || late.Name != old.Name {
		if err := e.catalogNow().CheckNewName(late.Schema, late.Name); err != nil {
			return err
		}
	}
	e.put(&late)
	return nil
}
