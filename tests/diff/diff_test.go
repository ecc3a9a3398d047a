package diff

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tidemill/tests/kit"
)

// seed is the one in TIDEMILL_SEED or a fresh one; every test prints it.
func seed(t *testing.T) uint64 {
	s := uint64(time.Now().UnixNano())
	if env := os.Getenv("TIDEMILL_SEED"); env != "" {
		var err error
		if s, err = strconv.ParseUint(env, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TIDEMILL_SEED=%d", s)
	return s
}

// round is one set of views driven through random changes.
type round struct {
	t       *testing.T
	g       *gen
	server  *kit.Server
	ours    *pgx.Conn
	pg      *pgx.Conn // nil = without PostgreSQL
	queries []query
	log     []string
}

func (r *round) fatalf(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf("%s\n\nchanges:\n%s", fmt.Sprintf(format, args...), strings.Join(r.log, ";\n"))
}

// both runs a statement in both systems. They must agree on whether it works.
func (r *round) both(sql string) {
	r.t.Helper()
	r.log = append(r.log, sql)
	_, oerr := kit.TryExec(r.ours, sql)
	if r.pg == nil {
		if oerr != nil {
			r.fatalf("%v in %s", oerr, sql)
		}
		return
	}
	_, perr := kit.TryExec(r.pg, sql)
	if (oerr == nil) != (perr == nil) {
		r.fatalf("ours: %v\nPostgreSQL: %v\n%s", oerr, perr, sql)
	}
}

// compare checks every view against the ad hoc answer, PostgreSQL's, and VERIFY.
func (r *round) compare() {
	r.t.Helper()
	for i, q := range r.queries {
		name := fmt.Sprintf("v%d", i)
		view := r.rows(r.ours, "SELECT * FROM "+name, q)
		adhoc := r.rows(r.ours, q.ours, q)
		if !slices.EqualFunc(view, adhoc, sameRow) {
			r.fatalf("%s\nview:\n  %s\nad hoc:\n  %s", q.ours, strings.Join(view, "\n  "), strings.Join(adhoc, "\n  "))
		}
		if diff, err := kit.TryRows(r.ours, "VERIFY MATERIALIZED VIEW "+name); err != nil || len(diff) > 0 {
			r.fatalf("VERIFY of %s: %v %v", q.ours, err, diff)
		}
		if r.pg == nil {
			continue
		}
		if want := r.rows(r.pg, q.pg, q); !slices.EqualFunc(view, want, sameRow) {
			r.fatalf("%s\nview:\n  %s\nPostgreSQL:\n  %s", q.ours, strings.Join(view, "\n  "), strings.Join(want, "\n  "))
		}
	}
}

// rows asks for a query's sorted rows in canonical form.
func (r *round) rows(c *pgx.Conn, sql string, q query) []string {
	r.t.Helper()
	rows, err := kit.TryRows(c, sql)
	if err != nil {
		r.fatalf("%v\n%s\nview definition: %s", err, sql, q.ours)
	}
	for i, line := range rows {
		cells := strings.Split(line, "|")
		for k := range cells {
			cells[k] = canonical(cells[k])
		}
		rows[i] = strings.Join(cells, "|")
	}
	slices.Sort(rows)
	return rows
}

// canonical strips the trailing zeros of a number: the display scale of a numeric aggregate depends
// on rows that may be gone, which a maintained sum cannot know; the value does not.
func canonical(cell string) string {
	if cell == "" || strings.Trim(cell, "0123456789.-+eE") != "" {
		return cell
	}
	if strings.Contains(cell, ".") && !strings.ContainsAny(cell, "eE") {
		cell = strings.TrimRight(strings.TrimRight(cell, "0"), ".")
	}
	if cell == "-0" {
		return "0"
	}
	return cell
}

// sameRow compares rows of canonical cells. Long fractions, which floats and quotients have, need to
// agree in 12 digits only, because PostgreSQL's sums of floats depend on the order of rows.
func sameRow(a, b string) bool {
	if a == b {
		return true
	}
	return slices.EqualFunc(strings.Split(a, "|"), strings.Split(b, "|"), sameCell)
}

func sameCell(a, b string) bool {
	if a == b {
		return true
	}
	if !long(a) && !long(b) {
		return false
	}
	x, err := strconv.ParseFloat(a, 64)
	if err != nil {
		return false
	}
	y, err := strconv.ParseFloat(b, 64)
	return err == nil && math.Abs(x-y) <= 1e-12*max(math.Abs(x), math.Abs(y))
}

func long(cell string) bool {
	return strings.ContainsAny(cell, "eE") || len(cell) > 15 && strings.Contains(cell, ".")
}

// run drives views views through epochs rounds of random changes, with a restart in the middle.
func run(t *testing.T, g *gen, pg *pgx.Conn, views, epochs int, args ...string) {
	s := kit.Start(t, args...)
	r := &round{t: t, g: g, server: s, ours: s.Conn(), pg: pg}
	for _, ddl := range tables {
		r.both(ddl)
	}
	for range 10 {
		r.both(g.change())
	}
	for i := range views {
		q := g.query()
		r.queries = append(r.queries, q)
		r.log = append(r.log, fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS %s", i, q.ours))
		if _, err := kit.TryExec(r.ours, r.log[len(r.log)-1]); err != nil {
			r.fatalf("%v\n%s", err, q.ours)
		}
		if i%4 == 0 {
			r.both(g.change())
		}
	}
	for e := range epochs {
		for range 1 + g.r.IntN(8) {
			r.both(g.change())
		}
		if e == epochs/2 {
			r.log = append(r.log, "-- restart")
			s.Restart()
			r.ours = s.Conn()
		}
		r.compare()
	}
}

// TestViewsEqualAdHoc needs no service: incremental answers equal batch answers of the same engine.
func TestViewsEqualAdHoc(t *testing.T) {
	s := seed(t)
	for i := range 3 {
		g := newGen(s + uint64(i))
		run(t, g, nil, 12, 6, "--workers", g.pick("1", "2", "4"))
	}
}
