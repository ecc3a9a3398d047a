package session

import (
	"context"

	"tidemill/catalog"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// explain is EXPLAIN of a query, a DML statement or CREATE MATERIALIZED VIEW.
func (s *Session) explain(x *ast.Explain) (*result, error) {
	verbose := false
	for _, o := range x.Options {
		on, ok := parseBool(o.Value)
		if !ok && o.Name != "format" {
			return nil, sqlerr.New(sqlerr.SyntaxError, "%s requires a Boolean value", o.Name)
		}
		switch o.Name {
		case "verbose":
			verbose = on
		case "analyze":
			if on {
				return nil, sqlerr.Unsupported("EXPLAIN ANALYZE is not supported yet")
			}
		case "format":
			if upper(o.Value) != "TEXT" {
				return nil, sqlerr.Unsupported("EXPLAIN (FORMAT %s) is not supported", upper(o.Value)).At(o.Position())
			}
		case "costs", "settings", "generic_plan", "buffers", "wal", "timing", "summary": // there is nothing to show
		default:
			return nil, sqlerr.New(sqlerr.SyntaxError, "unrecognized EXPLAIN option %q", o.Name).At(o.Position())
		}
	}
	p, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer p.release()
	lines, err := s.explainLines(p, x.Statement, verbose)
	if err != nil {
		return nil, err
	}
	var list [][]string
	for _, l := range lines {
		list = append(list, []string{l})
	}
	return textRows(textColumns("QUERY PLAN"), "EXPLAIN", list), nil
}

func (s *Session) explainLines(p *pin, stmt ast.Statement, verbose bool) ([]string, error) {
	c := s.plannerContext(p, nil)
	switch x := stmt.(type) {
	case *ast.Query:
		if planner.Modifies(x.Select) {
			d, err := planner.PlanDML(c, x)
			return explainDML(d, err, verbose)
		}
		q, err := planner.PlanQuery(c, x.Select)
		if err != nil {
			return nil, err
		}
		return planner.Explain(q, verbose), nil
	case *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge:
		d, err := planner.PlanDML(c, stmt)
		return explainDML(d, err, verbose)
	case *ast.Declare:
		return s.explainLines(p, &ast.Query{Pos: x.Pos, Select: x.Query}, verbose)
	case *ast.Execute:
		st, err := s.statement(x.Name)
		if err != nil {
			return nil, err
		}
		return s.explainLines(p, st.stmt, verbose)
	case *ast.CreateView:
		return s.explainView(c, x, verbose)
	}
	return nil, sqlerr.Unsupported("EXPLAIN of this statement is not supported")
}

// explainDML tells what a statement that modifies does, and then what the statements of its WITH do.
func explainDML(d *planner.DML, err error, verbose bool) ([]string, error) {
	if err != nil {
		return nil, err
	}
	var out []string
	if d.Table != nil {
		out = append(out, map[string]string{"insert": "Insert", "update": "Update", "delete": "Delete", "merge": "Merge"}[d.Kind]+" on "+d.Table.Name)
	}
	for _, l := range planner.Explain(d.Query, verbose) {
		if d.Table != nil {
			l = "  " + l
		}
		out = append(out, l)
	}
	for _, w := range d.With {
		lines, err := explainDML(w, nil, verbose)
		if err != nil {
			return nil, err
		}
		out = append(append(out, "WITH"), indented(lines)...)
	}
	return out, nil
}

func indented(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = "  " + l
	}
	return out
}

// verifyLines bounds the differences that VERIFY lists.
const verifyLines = 100

// verify is VERIFY MATERIALIZED VIEW: no rows means that the view equals its definition.
func (s *Session) verify(ctx context.Context, x *ast.Verify) (*result, error) {
	p, err := s.pin()
	if err != nil {
		return nil, err
	}
	o, err := s.relation(p, x.Name, x.Position())
	p.release()
	if err != nil {
		return nil, err
	}
	if o.Kind != catalog.MaterializedView {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "%q is not a materialized view", o.Name).At(x.Position())
	}
	lines, err := s.m.Engine.Verify(ctx, o, verifyLines)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		s.notify("NOTICE", sqlerr.New(sqlerr.SuccessfulCompletion, "materialized view %q equals its definition", o.Name))
	} else {
		s.warn(sqlerr.DataCorrupted, "materialized view %q differs from its definition", o.Name)
	}
	var list [][]string
	for _, l := range lines {
		list = append(list, []string{l})
	}
	return textRows(textColumns("difference"), "VERIFY", list), nil
}

// explainView shows the plan that a view would run.
func (s *Session) explainView(c *planner.Context, x *ast.CreateView, verbose bool) ([]string, error) {
	plan := planner.PlanQuery
	if x.Materialized {
		plan = func(c *planner.Context, q *ast.Select) (*planner.Query, error) {
			return planner.PlanView(c, q, x.Columns)
		}
	}
	q, err := plan(c, x.Query)
	if err != nil {
		return nil, err
	}
	return planner.Explain(q, verbose), nil
}
