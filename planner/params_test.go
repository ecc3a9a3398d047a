package planner_test

import (
	"strings"
	"testing"

	"tidemill/exec/plan"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/types"
)

// TestBindParams replaces parameters in every place where they can stand: expressions, limits, key
// look-ups, VALUES rows and nested plans.
func TestBindParams(t *testing.T) {
	w := newWorld(t)
	stmts, err := parse.Parse(`CREATE TABLE t (id int PRIMARY KEY, a int, b text);
		SELECT a + $1 FROM t WHERE id = $2 ORDER BY a LIMIT $3 OFFSET $4;
		INSERT INTO t VALUES ($1, $2, $3), (1, 2, 'x');
		SELECT id, (SELECT x.b FROM t x WHERE x.a > t.a + $1 LIMIT $2) FROM t`)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.create(stmts[0].Stmt); err != nil {
		t.Fatal(err)
	}
	q, err := planner.PlanQuery(w.context(), stmts[1].Stmt.(*ast.Query).Select)
	if err != nil {
		t.Fatal(err)
	}
	bound := mustBind(t, q.Plan, intArgs(5, 7, 3, 1))
	text := strings.Join(planner.Explain(&planner.Query{Plan: bound, Names: q.Names}, false), "\n")
	for _, want := range []string{"(a + 5)", "limit: 3 offset 1", "(id = 7)", "by key"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var lookup int64
	for _, l := range leaves(t, bound) {
		lookup = l.Scan.Access.Eq[0][0].I
	}
	if lookup != 7 {
		t.Errorf("lookup of %d", lookup)
	}
	if _, err := planner.BindParams(q.Plan, intArgs(5, 7, -1, 0)); err == nil || !strings.Contains(err.Error(), "LIMIT must not be negative") {
		t.Errorf("negative limit: %v", err)
	}
	d, err := planner.PlanDML(w.context(), stmts[2].Stmt)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{world: w}
	q.Plan = mustBind(t, d.Query.Plan, append(intArgs(8, 9), types.TextDatum("y")))
	got, err := m.query(q)
	if err != nil || strings.Join(got, ";") != "8|9|y;1|2|x" {
		t.Errorf("insert: %v %v", got, err)
	}
	nested, err := planner.PlanQuery(w.context(), stmts[3].Stmt.(*ast.Query).Select)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range mustBind(t, nested.Plan, intArgs(1, 1)).Nodes {
		if strings.Contains(string(n.Config), `"param"`) {
			t.Errorf("a parameter is left in %s %s", n.Op, n.Config)
		}
	}
}

func mustBind(t *testing.T, p *plan.Plan, args []types.Datum) *plan.Plan {
	t.Helper()
	out, err := planner.BindParams(p, args)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func leaves(t *testing.T, p *plan.Plan) []plan.Leaf {
	t.Helper()
	out, err := p.Leaves()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func intArgs(vs ...int64) []types.Datum {
	var out []types.Datum
	for _, v := range vs {
		out = append(out, types.IntDatum(types.Int8, v))
	}
	return out
}
