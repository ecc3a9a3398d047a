package planner_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemill/catalog"
	_ "tidemill/exec/op/all"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	_ "tidemill/sql/fn/all"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// world is the catalog that a test file builds up.
type world struct {
	t    *testing.T
	cat  *catalog.Snapshot
	off  map[string]bool
	sys  planner.System
	path []string
}

func newWorld(t *testing.T) *world {
	return &world{t: t, cat: catalog.New(), off: map[string]bool{}, path: []string{"public"}}
}

func (w *world) context() *planner.Context {
	return &planner.Context{Catalog: w.cat, SearchPath: w.path, System: w.sys, User: "tidemill",
		Env: types.Env{Lookup: stubLookup{}}}
}

// create runs DDL far enough for planning.
func (w *world) create(st ast.Statement) error {
	switch st := st.(type) {
	case *ast.CreateTable:
		o := &catalog.Object{Name: st.Name[len(st.Name)-1], Kind: catalog.Table}
		if err := planner.TableFromAST(w.context(), st, o); err != nil {
			return err
		}
		o.Storage = storage(o.PrimaryKey)
		return w.add(st.Name, o)
	case *ast.CreateSource:
		cols, pk, err := planner.SourceFromAST(w.context(), st)
		if err != nil {
			return err
		}
		return w.add(st.Name, &catalog.Object{Kind: catalog.Source, Columns: cols, PrimaryKey: pk,
			Visible: len(cols), AppendOnly: pk == nil})
	case *ast.CreateView:
		return w.view(st)
	}
	return fmt.Errorf("test cannot create %T", st)
}

func storage(pk []int) *catalog.Storage {
	if pk == nil {
		return &catalog.Storage{Kind: "bag"}
	}
	return &catalog.Storage{Kind: "keyed", Key: pk}
}

func (w *world) view(st *ast.CreateView) error {
	o := &catalog.Object{Kind: catalog.View, Query: st.QueryText, SearchPath: w.path}
	if st.Materialized {
		q, err := planner.Options{Off: w.off}.PlanView(w.context(), st.Query, st.Columns)
		if err != nil {
			return err
		}
		o.Kind, o.Visible = catalog.MaterializedView, q.Plan.Visible
		o.AppendOnly, o.Storage = q.Plan.AppendOnly, storage(q.Plan.Key)
		for i, f := range q.Plan.Nodes[q.Plan.Root].Schema {
			if i < len(q.Columns) {
				f = q.Columns[i].Field
			}
			o.Columns = append(o.Columns, catalog.Column{Field: f})
		}
		return w.add(st.Name, o)
	}
	q, err := planner.PlanQuery(w.context(), st.Query)
	if err != nil {
		return err
	}
	for i, c := range q.Columns {
		f := c.Field
		if i < len(st.Columns) {
			f.Name = st.Columns[i]
		}
		o.Columns = append(o.Columns, catalog.Column{Field: f})
	}
	o.Visible = len(o.Columns)
	return w.add(st.Name, o)
}

func (w *world) add(name []string, o *catalog.Object) error {
	o.ID, o.Schema, o.Name = w.cat.NextID, "public", name[len(name)-1]
	w.cat = w.cat.WithObject(o)
	return nil
}

func describe(err error) string {
	e := sqlerr.As(err)
	s := fmt.Sprintf("ERROR %s at %d: %s\n", e.Code, e.Position, e.Message)
	if e.Detail != "" {
		s += "DETAIL: " + e.Detail + "\n"
	}
	if e.Hint != "" {
		s += "HINT: " + e.Hint + "\n"
	}
	return s
}

func columns(cols []planner.Column) string {
	parts := make([]string, len(cols))
	for i, c := range cols {
		parts[i] = c.Name + " " + c.Type.String()
	}
	return strings.Join(parts, ", ")
}

func paramTypes(ts []types.Type) string {
	parts := make([]string, len(ts))
	for i, t := range ts {
		parts[i] = fmt.Sprintf("$%d %s", i+1, t)
	}
	return strings.Join(parts, ", ")
}

// run executes a test command on one statement.
func (w *world) run(cmd string, stmt ast.Statement, verbose bool) (string, error) {
	o := planner.Options{Off: w.off}
	switch st := stmt.(type) {
	case *ast.Query:
		var q *planner.Query
		var err error
		if cmd == "view" || cmd == "place" {
			q, err = o.PlanView(w.context(), st.Select, nil)
		} else {
			q, err = o.PlanQuery(w.context(), st.Select)
		}
		if err != nil {
			return "", err
		}
		if err := q.Plan.Check(); err != nil {
			return "", err
		}
		if cmd == "types" {
			return columns(q.Columns) + "\n" + ifSome("params: ", paramTypes(q.Params)), nil
		}
		if cmd == "place" {
			return places(q), nil
		}
		return strings.Join(planner.Explain(q, verbose), "\n") + "\n", nil
	case *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge:
		d, err := planner.PlanDML(w.context(), st)
		return w.dml(cmd, d, err, verbose)
	}
	return "", fmt.Errorf("test cannot run %T", stmt)
}

// places tells for each operator with state how its rows reach it and what its configuration says of
// the virtual nodes they are on (exec/op/place).
func places(q *planner.Query) string {
	var out strings.Builder
	for _, n := range q.Plan.Nodes {
		var cfg map[string]json.RawMessage
		if n.Op == "scan" || json.Unmarshal(n.Config, &cfg) != nil || cfg["dist"] == nil {
			continue
		}
		fmt.Fprintf(&out, "%s:", n.Op)
		for _, in := range n.Inputs {
			fmt.Fprintf(&out, " %s%v", in.Exchange, in.Keys)
		}
		fmt.Fprintf(&out, " dist %s\n", cfg["dist"])
	}
	return out.String()
}

func ifSome(label, s string) string {
	if s == "" {
		return ""
	}
	return label + s + "\n"
}

func exprsOf(c *planner.Calc) []*expr.Expr {
	if c == nil {
		return nil
	}
	return c.Exprs
}

func (w *world) dml(cmd string, d *planner.DML, err error, verbose bool) (string, error) {
	if err != nil {
		return "", err
	}
	out := d.Kind + " " + d.Table.Name + ": " + columns(d.Query.Columns) + "\n"
	out += ifSome("params: ", paramTypes(d.Params))
	for i, e := range exprsOf(d.Returning) {
		out += "returning " + d.ReturningCols[i].Name + " " + d.ReturningCols[i].Type.String() + " = " + e.String() + "\n"
	}
	if oc := d.OnConflict; oc != nil {
		out += fmt.Sprintf("on conflict %v update=%v\n", oc.Constraints, oc.Update)
		for i, e := range exprsOf(oc.Values) {
			out += fmt.Sprintf("  set %d = %s\n", oc.Set[i], e)
		}
		for _, e := range exprsOf(oc.Where) {
			out += "  where " + e.String() + "\n"
		}
	}
	if cmd == "types" {
		return out, nil
	}
	return out + strings.Join(planner.Explain(d.Query, verbose), "\n") + "\n", nil
}

// TestGolden runs the files of testdata. Commands: ddl, plan, view (incremental), place (where state is
// kept), types (result and parameter types). Each takes several statements; arguments: verbose, off=(rule, …).
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		w := newWorld(t)
		w.sys = stubSystem{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			w.off = map[string]bool{}
			for _, a := range d.CmdArgs {
				if a.Key == "off" {
					for _, v := range a.Vals {
						w.off[v] = true
					}
				}
			}
			stmts, err := parse.Parse(d.Input)
			if err != nil {
				return describe(err)
			}
			var out strings.Builder
			for i, s := range stmts {
				if len(stmts) > 1 && d.Cmd != "ddl" {
					if i > 0 {
						out.WriteString("\n")
					}
					out.WriteString("-- " + strings.Join(strings.Fields(s.Text), " ") + "\n")
				}
				var text string
				var err error
				if d.Cmd == "ddl" {
					err = w.create(s.Stmt)
				} else {
					text, err = w.run(d.Cmd, s.Stmt, d.HasArg("verbose"))
				}
				if err != nil {
					text = describe(err)
				}
				out.WriteString(text)
			}
			return out.String()
		})
	})
}
