package examples

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tidemill/sql/fn"
	"tidemill/tests/kit"
)

// TestExamples executes each example as a client does and compares with the result that its spec shows.
func TestExamples(t *testing.T) {
	c := kit.Start(t).Conn()
	kit.Exec(t, c, "SET timezone = 'UTC'")
	n := 0
	seen := map[fn.Example]bool{}
	each(func(name string, list []fn.Example) {
		for _, e := range list {
			if seen[e] {
				continue
			}
			seen[e] = true
			n++
			if got := answer(c, e.SQL); got != want(e.Result) {
				t.Errorf("%s: %s\n got  %q\n want %q", name, e.SQL, got, want(e.Result))
			}
		}
	})
	if n < 300 {
		t.Errorf("only %d examples: is the registry filled?", n)
	}
}

// TestViewsOfExamples asks a maintained view for each example too, where the language lets a view ask it:
// the answer of a view is the answer of its query.
func TestViewsOfExamples(t *testing.T) {
	c := kit.Start(t).Conn()
	kit.Exec(t, c, "SET timezone = 'UTC'")
	views := 0
	each(func(name string, list []fn.Example) {
		for _, e := range list {
			_, err := kit.TryExec(c, "CREATE MATERIALIZED VIEW example (result) AS "+e.SQL)
			if err != nil {
				continue // session functions, several columns
			}
			views++
			if got := answer(c, "SELECT * FROM example"); sorted(got) != sorted(want(e.Result)) {
				t.Errorf("%s: view of %s\n got  %q\n want %q", name, e.SQL, got, want(e.Result))
			}
			kit.Exec(t, c, "DROP MATERIALIZED VIEW example")
		}
	})
	if views < 200 {
		t.Errorf("only %d examples could be views", views)
	}
}

// each visits everything that is registered.
func each(f func(name string, list []fn.Example)) {
	for _, s := range fn.Scalars() {
		f(s.Name, s.Examples)
	}
	for _, a := range fn.Aggregates() {
		f(a.Name, a.Examples)
	}
	for _, s := range fn.Tables() {
		f(s.Name, s.Examples)
	}
}

// answer is what psql would print: a line per row.
func answer(c *pgx.Conn, sql string) string {
	rows, err := kit.TryRows(c, sql)
	if err != nil {
		return err.Error()
	}
	return strings.Join(rows, "\n")
}

// want is an example's result as answer writes it.
func want(result string) string {
	if result == "" {
		return "NULL"
	}
	return result
}

func sorted(lines string) string {
	list := strings.Split(lines, "\n")
	for i := range list {
		for k := i; k > 0 && list[k] < list[k-1]; k-- {
			list[k], list[k-1] = list[k-1], list[k]
		}
	}
	return strings.Join(list, "\n")
}
