package planner_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemill/exec/batch"
	"tidemill/exec/mem"
	"tidemill/exec/plan"
	"tidemill/planner"
	"tidemill/planner/rewrite"
	"tidemill/sql/ast"
	"tidemill/sql/fn"
	"tidemill/sql/parse"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// memory is a database of rows in memory.
type memory struct {
	*world
	data map[uint32]*rows.Batch
}

// Scan reads an object's columns; pinned key columns narrow it as a storage read would.
func (m *memory) Scan(_ context.Context, s *plan.Scan, f func(*rows.Batch) error) error {
	all := m.data[s.Object]
	if all == nil {
		return nil
	}
	out := &rows.Batch{N: all.N}
	for _, c := range s.Cols {
		out.Cols = append(out.Cols, all.Cols[c])
	}
	if s.Access != nil {
		key := m.cat.ByID(s.Object).Storage.Key
		out.Sel = []int32{}
		for i := range all.N {
			if meets(s.Access, key, all, i) {
				out.Sel = append(out.Sel, int32(i))
			}
		}
	}
	return f(out)
}

// meets tells whether a row lies in the ranges of a read by the storage key.
func meets(a *plan.Access, key []int, b *rows.Batch, i int) bool {
	same := func(col int, d types.Datum) bool {
		v := b.Cols[col]
		return !v.IsNull(i) && string(rows.AppendKey(nil, v, i)) == string(rows.AppendKey(nil, rows.Const(d, 1), 0))
	}
	for k, values := range a.Eq {
		if !slices.ContainsFunc(values, func(d types.Datum) bool { return same(key[k], d) }) {
			return false
		}
	}
	if a.Low == nil && a.High == nil {
		return true
	}
	have := b.Cols[key[len(a.Eq)]].Datum(i)
	return !have.Null && (a.Low == nil || types.Compare(have, a.Low.Value) >= 0) && (a.High == nil || types.Compare(have, a.High.Value) <= 0)
}

// run executes a plan and returns its rows as text.
func (m *memory) query(q *planner.Query) ([]string, error) {
	var out []string
	err := m.execute(q, func(b *rows.Batch) {
		for k := range b.Len() {
			i := b.Row(k)
			cells := make([]string, q.Plan.Visible)
			for c := range cells {
				if d := b.Cols[c].Datum(i); d.Null {
					cells[c] = "NULL"
				} else {
					cells[c] = string(types.AppendText(nil, d, nil))
				}
			}
			for range b.Weight(i) {
				out = append(out, strings.Join(cells, "|"))
			}
		}
	})
	return out, err
}

func (m *memory) execute(q *planner.Query, f func(*rows.Batch)) error {
	budget := mem.NewBudget("test", 1<<30)
	p, err := planner.BindParams(q.Plan, nil)
	if err != nil {
		return err
	}
	return batch.Run(context.Background(), &batch.Query{Plan: p, Scanner: m, Fn: &fn.Ctx{}, Mem: budget.Account("q"),
		Out: func(b *rows.Batch) error { f(b); return nil }})
}

func (m *memory) insert(st *ast.Insert) error {
	d, err := planner.PlanDML(m.context(), st)
	if err != nil {
		return err
	}
	b := rows.NewBuilder(d.Table.Fields(), 0)
	if old := m.data[d.Table.ID]; old != nil {
		for i := range old.N {
			b.AppendRow(old, i, 1)
		}
	}
	err = m.execute(d.Query, func(in *rows.Batch) {
		for k := range in.Len() {
			b.AppendRow(in, in.Row(k), 1)
		}
	})
	m.data[d.Table.ID] = b.Finish()
	return err
}

// settings are the sets of rules under which every query must give the same rows.
func settings() []map[string]bool {
	out := []map[string]bool{{}, {"share": true}}
	all := map[string]bool{"share": true}
	for _, r := range rewrite.Rules {
		if !r.Needed {
			out = append(out, map[string]bool{r.Name: true})
			all[r.Name] = true
		}
	}
	return append(out, all)
}

// TestResults runs queries over small tables with all rules and with each rule off; the rows must be
// those that PostgreSQL gives. The expected rows were recorded with TIDEMILL_TEST_PG set to the
// socket directory of a PostgreSQL server; when it is set they are compared again.
func TestResults(t *testing.T) {
	datadriven.Walk(t, "testdata/results", func(t *testing.T, path string) {
		m := &memory{world: newWorld(t), data: map[uint32]*rows.Batch{}}
		m.sys = stubSystem{}
		var setup strings.Builder
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			stmts, err := parse.Parse(d.Input)
			if err != nil {
				return describe(err)
			}
			if d.Cmd == "setup" {
				setup.WriteString(d.Input + ";\n")
				for _, s := range stmts {
					if ins, ok := s.Stmt.(*ast.Insert); ok {
						err = m.insert(ins)
					} else {
						err = m.create(s.Stmt)
					}
					if err != nil {
						return describe(err)
					}
				}
				return ""
			}
			var out strings.Builder
			for _, s := range stmts {
				got := m.check(t, d, s)
				if len(stmts) > 1 {
					out.WriteString("-- " + strings.Join(strings.Fields(s.Text), " ") + "\n")
				}
				out.WriteString(got)
				comparePG(t, setup.String(), s.Text, got, d)
			}
			return out.String()
		})
	})
}

// check runs one query under all settings.
func (m *memory) check(t *testing.T, d *datadriven.TestData, s parse.Parsed) string {
	q := s.Stmt.(*ast.Query)
	ordered := len(q.Select.OrderBy) > 0
	first := ""
	for i, off := range settings() {
		text := m.rowsOf(off, q, ordered)
		if i == 0 {
			first = text
		} else if text != first && !(strings.HasPrefix(text, "ERROR") && strings.HasPrefix(first, "ERROR")) {
			d.Fatalf(t, "rules off %v change the result of\n%s\nfrom\n%sto\n%s", off, s.Text, first, text)
		}
	}
	return first
}

func (m *memory) rowsOf(off map[string]bool, q *ast.Query, ordered bool) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprintf("PANIC %v\n", r)
		}
	}()
	plan, err := planner.Options{Off: off}.PlanQuery(m.context(), q.Select)
	if err != nil {
		return describe(err)
	}
	got, err := m.query(plan)
	if err != nil {
		return describe(err)
	}
	if !ordered {
		sort.Strings(got)
	}
	if len(got) == 0 {
		return "(no rows)\n"
	}
	return strings.Join(got, "\n") + "\n"
}

// comparePG runs the query in PostgreSQL.
func comparePG(t *testing.T, setup, query, got string, d *datadriven.TestData) {
	dir := os.Getenv("TIDEMILL_TEST_PG")
	if d.HasArg("nopg") {
		return
	}
	if dir == "" {
		return
	}
	script := "begin; create schema x; set search_path = x; set timezone = 'UTC';\n" + setup + "\\echo ====\n" + query + ";\nrollback;"
	cmd := exec.Command("psql", "-h", dir, "-U", "postgres", "-XqAt", "-F", "|", "-P", "null=NULL", "-v", "VERBOSITY=sqlstate")
	cmd.Stdin = strings.NewReader(script)
	raw, _ := cmd.CombinedOutput()
	_, text, _ := strings.Cut(string(raw), "====\n")
	if strings.HasPrefix(text, "ERROR") {
		code := strings.TrimSpace(strings.TrimPrefix(strings.Split(text, "\n")[0], "ERROR:"))
		if !strings.HasPrefix(got, "ERROR "+code) {
			t.Errorf("%s: PostgreSQL says error %s, we say\n%s%s", d.Pos, code, got, query)
		}
		return
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if text == "" {
		lines = []string{"(no rows)"}
	}
	ours := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if !strings.Contains(strings.ToUpper(query), "ORDER BY") {
		sort.Strings(lines)
	}
	want := append([]string(nil), lines...)
	sort.Strings(want)
	have := append([]string(nil), ours...)
	sort.Strings(have)
	if strings.Join(want, "\n") != strings.Join(have, "\n") {
		t.Errorf("%s: %s\nPostgreSQL:\n%s\nours:\n%s", d.Pos, query, strings.Join(lines, "\n"), got)
	}
}
