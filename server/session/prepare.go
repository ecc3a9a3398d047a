package session

import (
	"context"
	"strings"

	"tidemill/planner"
	"tidemill/server/engine"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func upper(s string) string { return strings.ToUpper(s) }

// prepareStatement is SQL's PREPARE.
func (s *Session) prepareStatement(text string, x *ast.Prepare) error {
	if s.prepared[x.Name] != nil {
		return sqlerr.New(sqlerr.DuplicatePreparedStatement, "prepared statement %q already exists", x.Name)
	}
	if !plannable(x.Statement) {
		return sqlerr.New(sqlerr.SyntaxError, "PREPARE takes SELECT, INSERT, UPDATE, DELETE or VALUES")
	}
	st := &statement{name: x.Name, stmt: x.Statement, text: x.Text, source: text, fromSQL: true}
	r, err := s.m.Engine.Reader()
	if err != nil {
		return err
	}
	c := &planner.Context{Catalog: r.Catalog, SearchPath: s.vars.effectivePath(r.Catalog, s.user)}
	r.Close()
	for _, t := range x.Types {
		typ, err := planner.TypeFromAST(c, t)
		if err != nil {
			return err
		}
		st.given = append(st.given, typ)
	}
	return s.prepare(st)
}

// executeStatement is SQL's EXECUTE.
func (s *Session) executeStatement(ctx context.Context, p *portal, x *ast.Execute) (*result, error) {
	st, err := s.statement(x.Name)
	if err != nil {
		return nil, err
	}
	inner := &portal{st: st, formats: p.formats}
	defer inner.close()
	if err := s.resolve(inner); err != nil {
		return nil, err
	}
	if len(x.Args) != len(st.params) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "wrong number of parameters for prepared statement %q", x.Name).
			WithDetail("Expected %d parameters but got %d.", len(st.params), len(x.Args))
	}
	if inner.params, err = s.arguments(ctx, x.Args, st.params); err != nil {
		return nil, err
	}
	return nil, s.run(ctx, inner, 0)
}

// arguments evaluates the arguments of EXECUTE.
func (s *Session) arguments(ctx context.Context, args []ast.Expr, want []types.Type) ([]types.Datum, error) {
	if len(args) == 0 {
		return nil, nil
	}
	sel := &ast.Select{}
	for i, a := range args {
		t := want[i]
		name := typeNameOf(t)
		if t.ID == types.Array && t.Elem != nil {
			name = typeNameOf(*t.Elem)
			name.Dims = 1
		}
		sel.Items = append(sel.Items, ast.SelectItem{Expr: &ast.Cast{Pos: ast.Pos(a.Position()), Expr: a, Type: name}})
	}
	pn, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer pn.release()
	q, err := planner.PlanQuery(s.plannerContext(pn, nil), sel)
	if err != nil {
		return nil, err
	}
	out := make([]types.Datum, len(args))
	err = pn.Run(s.withSession(ctx), &engine.Run{Plan: q.Plan, Fn: s.fnCtx(pn.Catalog), Out: func(b *rows.Batch) error {
		for i := range out {
			d := b.Cols[i].Datum(b.Row(0))
			d.S = append([]byte(nil), d.S...)
			d.Type = want[i]
			out[i] = d
		}
		return nil
	}})
	return out, err
}

// typeNameOf is a type as a statement would name it wherever the search path leads.
func typeNameOf(t types.Type) ast.TypeName {
	if u := types.UserOf(t.Ref); t.Ref != 0 && u != nil {
		return ast.TypeName{Name: []string{u.Schema, u.Name}}
	}
	return ast.TypeName{Name: []string{t.Name()}}
}

// deallocate is DEALLOCATE.
func (s *Session) deallocate(x *ast.Deallocate) (string, error) {
	if x.Name == "" {
		clear(s.prepared)
		return "DEALLOCATE ALL", nil
	}
	if _, err := s.statement(x.Name); err != nil {
		return "", err
	}
	delete(s.prepared, x.Name)
	return "DEALLOCATE", nil
}
