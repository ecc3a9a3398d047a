package planner_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// stubSystem has the columns of PostgreSQL 15's catalogue relations and no rows.
type stubSystem struct{}

var stubRelations = sync.OnceValue(func() map[string]types.Schema {
	text, err := os.ReadFile("testdata/pg15_relations.txt")
	if err != nil {
		panic(err)
	}
	out := map[string]types.Schema{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		words := strings.Fields(line)
		var s types.Schema
		for _, w := range words[2:] {
			name, typ, _ := strings.Cut(w, ":")
			notNull := strings.HasSuffix(typ, "!")
			typ = strings.TrimSuffix(typ, "!")
			if typ == "char" {
				typ = `"char"`
			}
			t, err := types.ByName(typ, nil, 0)
			switch {
			case typ == "_char" || typ == "anyarray":
				t = types.ArrayOf(types.T(types.Text))
			case err != nil:
				t = types.T(types.Text)
			}
			s = append(s, types.Field{Name: name, Type: t, NotNull: notNull})
		}
		out[words[0]+"."+words[1]] = s
	}
	return out
})

func (stubSystem) Lookup(schema, name string) (uint32, types.Schema, bool) {
	if schema == "" {
		schema = "pg_catalog"
	}
	s, ok := stubRelations()[schema+"."+name]
	return 1000, s, ok
}

// corpus reads a file of statements between lines of dashes.
func corpus(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n----\n")
}

// TestPsql binds what psql 15 sends for its backslash commands.
func TestPsql(t *testing.T) {
	w := newWorld(t)
	w.sys = stubSystem{}
	bound := 0
	all := corpus(t, "../sql/parse/testdata/corpus/psql15.sql")
	for _, sql := range all {
		stmts, err := parse.Parse(sql)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
			continue
		}
		for _, s := range stmts {
			q, ok := s.Stmt.(*ast.Query)
			if !ok {
				bound++
				continue
			}
			if _, err := planner.PlanQuery(w.context(), q.Select); err != nil {
				e := sqlerr.As(err)
				t.Errorf("%v at %d (%q)\n%s", err, e.Position, around(sql, e.Position), sql)
				continue
			}
			bound++
		}
	}
	t.Logf("%d of %d statements planned", bound, len(all))
}

func around(s string, pos int) string {
	r := []rune(s)
	if pos < 1 || pos > len(r) {
		return ""
	}
	return string(r[pos-1 : min(pos+40, len(r))])
}
