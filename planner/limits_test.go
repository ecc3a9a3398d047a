package planner_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
)

// TestLimits plans statements that are as large as the parser lets through, or larger: they must end
// with a plan or an error, soon.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	stmts, err := parse.Parse("CREATE TABLE t (id int PRIMARY KEY, a int, b text)")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.create(stmts[0].Stmt); err != nil {
		t.Fatal(err)
	}
	joins, ctes := "SELECT count(*) AS id FROM t t0", "WITH c0 AS (SELECT id FROM t)"
	for i := 1; i < 30; i++ {
		joins += fmt.Sprintf(" JOIN t t%d ON t%d.id = t%d.a", i, i, i-1)
	}
	for level := range 7 { // 210 joins, by nesting
		joins = fmt.Sprintf("SELECT count(*) AS id FROM (%s) d%d", joins, level)
		for i := range 30 {
			joins += fmt.Sprintf(" JOIN t l%d_%d ON l%d_%d.id = d%d.id", level, i, level, i, level)
		}
	}
	for i := 1; i < 40; i++ {
		ctes += fmt.Sprintf(", c%d AS (SELECT x.id FROM c%d x JOIN c%d y USING (id))", i, i-1, i-1)
	}
	comma := "SELECT count(*) FROM " + "t q0"
	where := " WHERE q0.id = 1"
	for i := 1; i < 30; i++ {
		comma += fmt.Sprintf(", t q%d", i)
		where += fmt.Sprintf(" AND q%d.id = q%d.a", i, (i*7)%i)
	}
	cases := map[string]string{
		"joins":  joins,
		"ctes":   ctes + " SELECT * FROM c39",
		"comma":  comma + where,
		"or":     "SELECT * FROM t WHERE a = 1" + strings.Repeat(" OR a = 2", 150),
		"plus":   "SELECT 1" + strings.Repeat("+1", 150),
		"unions": "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 90),
		"in":     "SELECT * FROM t WHERE a IN (1" + strings.Repeat(", 2", 5000) + ")",
		"values": "SELECT * FROM (VALUES (1)" + strings.Repeat(", (2)", 3000) + ") v",
		"nested": strings.Repeat("SELECT * FROM (", 150) + "SELECT * FROM t" + strings.Repeat(") x", 150),
		"exists": "SELECT 1 FROM t WHERE " + strings.Repeat("EXISTS (SELECT 1 FROM t WHERE ", 60) + "true" + strings.Repeat(")", 60),
	}
	for name, sql := range cases {
		t.Run(name, func(t *testing.T) {
			stmts, err := parse.Parse(sql)
			if err != nil {
				t.Skip(err)
			}
			sel := stmts[0].Stmt.(*ast.Query).Select
			start := time.Now()
			for _, view := range []bool{false, true} {
				var q *planner.Query
				if view {
					q, err = planner.PlanView(w.context(), sel, nil)
				} else {
					q, err = planner.PlanQuery(w.context(), sel)
				}
				if err != nil {
					if c := sqlerr.As(err).Code; c == sqlerr.Internal {
						t.Error(err)
					}
					t.Log(err)
					continue
				}
				t.Log(len(q.Plan.Nodes), "nodes")
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %v", d)
			}
			t.Log(time.Since(start))
		})
	}
}

// BenchmarkPlan is the cost of planning a point query, without parsing.
func BenchmarkPlan(b *testing.B) {
	w := newWorld(nil)
	stmts, err := parse.Parse("CREATE TABLE t (id int PRIMARY KEY, a int, b text); SELECT a, b FROM t WHERE id = $1")
	if err != nil {
		b.Fatal(err)
	}
	if err := w.create(stmts[0].Stmt); err != nil {
		b.Fatal(err)
	}
	sel := stmts[1].Stmt.(*ast.Query).Select
	q, err := planner.PlanQuery(w.context(), sel)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			if _, err := planner.PlanQuery(w.context(), sel); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bind", func(b *testing.B) {
		for b.Loop() {
			if _, err := planner.BindParams(q.Plan, intArgs(3)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
