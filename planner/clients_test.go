package planner_test

import (
	"testing"

	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
)

// TestClients binds what drivers and BI tools send. Their own tables do not exist here, so a missing
// relation is fine; a catalogue query must plan.
func TestClients(t *testing.T) {
	w := newWorld(t)
	w.sys = stubSystem{}
	all := corpus(t, "../sql/parse/testdata/corpus/clients.sql")
	planned := 0
	for _, sql := range all {
		stmts, err := parse.Parse(sql)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
			continue
		}
		for _, s := range stmts {
			q, ok := s.Stmt.(*ast.Query)
			if !ok {
				continue
			}
			if _, err := planner.PlanQuery(w.context(), q.Select); err != nil {
				e := sqlerr.As(err)
				if e.Code == sqlerr.UndefinedTable {
					continue
				}
				t.Logf("%v at %d (%q)\n%s", err, e.Position, around(sql, e.Position), sql)
				continue
			}
			planned++
		}
	}
	t.Logf("%d of %d planned", planned, len(all))
}
