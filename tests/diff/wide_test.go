//go:build services

package diff

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/tests/kit"
	"tidemill/tests/services"
)

// TestWide draws schemas, rows and queries over the whole language for a few seconds, from seeds that
// stay the same: what new ones find is for the soak run.
func TestWide(t *testing.T) {
	if os.Getenv("TIDEMILL_SEED") == "" {
		t.Setenv("TIDEMILL_SEED", "1")
	}
	widely(t, 15*time.Second)
}

// TestSoakWide is the same for as long as TIDEMILL_SOAK says.
func TestSoakWide(t *testing.T) { widely(t, soak(t)) }

func soak(t *testing.T) time.Duration {
	d, err := time.ParseDuration(os.Getenv("TIDEMILL_SOAK"))
	if err != nil {
		t.Skip("set TIDEMILL_SOAK to a duration, or run make soak")
	}
	return d
}

// tally counts what a run has seen.
type tally struct {
	seeds, rounds, views, statements, failures, kills, restarts, replaced int
	shapes, features                                                      map[string]int
}

func widely(t *testing.T, length time.Duration) {
	pg := services.StartPostgres(t)
	s := seed(t)
	sum := &tally{shapes: map[string]int{}, features: map[string]int{}}
	end := time.Now().Add(length)
	for i := uint64(0); i < 1 || time.Now().Before(end); i++ {
		t.Run(fmt.Sprint(s+i), func(t *testing.T) {
			conn := kit.Connect(t, pg.ConnString())
			newWideRound(t, s+i, conn, sum).run()
		})
		if t.Failed() {
			break
		}
		sum.seeds++
	}
	t.Logf("%d seeds ran clean: %d rounds, %d views of %d shapes, %d statements (%d failed in both), %d restarts, %d kills, %d views replaced, %d features",
		sum.seeds, sum.rounds, sum.views, len(sum.shapes), sum.statements, sum.failures, sum.restarts, sum.kills, sum.replaced, len(sum.features))
	if os.Getenv("TIDEMILL_FEATURES") != "" {
		for _, f := range slices.Sorted(maps.Keys(sum.features)) {
			t.Logf("%6d %s", sum.features[f], f)
		}
	}
}

// host is a Tidemill that can be restarted with another number of workers, in this process, where
// invariants are checked, or as a process, which can be killed too.
type host interface {
	Conn() *pgx.Conn
	RestartWith(args ...string)
}

// wideRound is one schema with its views.
type wideRound struct {
	t     *testing.T
	w     *wide
	host  host
	proc  *kit.Process
	ours  *pgx.Conn
	pg    *pgx.Conn
	zone  string
	views []wideView
	log   []string
	sum   *tally
	// failing tells that a view fails in PostgreSQL on the present rows.
	failing bool
}

type wideView struct {
	name    string
	classes []string
	text    string
	reads   bool // other views
}

func newWideRound(t *testing.T, seed uint64, pg *pgx.Conn, sum *tally) *wideRound {
	w := newWide(seed)
	r := &wideRound{t: t, w: w, pg: pg, sum: sum, zone: w.pick("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")}
	workers := w.workers()
	if w.chance(25) {
		r.proc = kit.StartProcess(t, workers...)
		r.host = r.proc
	} else {
		r.host = kit.Start(t, workers...)
	}
	kit.Exec(t, pg, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "SET statement_timeout = '1s'", "SET timezone = '"+r.zone+"'")
	r.connect()
	return r
}

func (w *wide) workers() []string { return []string{"--workers", w.pick("1", "2", "3", "4")} }

func (r *wideRound) connect() {
	r.t.Helper()
	r.ours = r.host.Conn()
	kit.Exec(r.t, r.ours, "SET timezone = '"+r.zone+"'", "SET statement_timeout = '60s'")
}

func (r *wideRound) fatalf(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf("%s\n\nSET timezone = '%s';\n%s;", fmt.Sprintf(format, args...), r.zone, strings.Join(r.log, ";\n"))
}

// run drives the round.
func (r *wideRound) run() {
	for _, ddl := range r.w.schema() {
		r.both(ddl)
	}
	for range 6 {
		r.both(r.w.change())
	}
	for range 7 {
		r.addView()
		if r.w.chance(30) {
			r.both(r.w.change())
		}
	}
	for range 4 {
		for range 1 + r.w.r.IntN(6) {
			r.both(r.w.change())
		}
		r.disturb()
		r.compare()
		r.sum.rounds++
	}
	for range 6 {
		r.adhoc(r.w.top(r.w.classesOf(1+r.w.r.IntN(3))), true)
		if text := r.w.top(r.w.classesOf(1 + r.w.r.IntN(2))); !strings.Contains(text, "«") {
			r.adhoc(r.w.broken(text), false)
		}
	}
}

// disturb restarts or kills the server, replaces a view or adds an index, or does nothing.
func (r *wideRound) disturb() {
	w := r.w
	switch w.r.IntN(6) {
	case 1, 2:
		if r.proc != nil && w.chance(60) {
			r.log = append(r.log, "-- kill")
			r.proc.Kill()
			r.proc.StartWith(w.workers()...)
			r.sum.kills++
		} else {
			r.log = append(r.log, "-- restart")
			r.host.RestartWith(w.workers()...)
			r.sum.restarts++
		}
		r.connect()
	case 3:
		r.replace(w.r.IntN(len(r.views)))
	case 4:
		r.both(w.index())
	}
}

// addView makes a materialized view, in PostgreSQL a plain one.
func (r *wideRound) addView() {
	r.t.Helper()
	classes, text := r.w.definition()
	v := wideView{name: fmt.Sprintf("v%d", len(r.views)), classes: classes, text: text, reads: r.readsViews()}
	q := sides(text)
	if !r.define("CREATE MATERIALIZED VIEW "+v.name+" AS "+q.ours, "CREATE VIEW "+v.name+" AS "+q.pg) {
		return
	}
	r.views = append(r.views, v)
	r.sum.views++
	r.sum.shapes[r.w.shape()]++
	for f := range r.w.used {
		r.sum.features[f]++
	}
	r.w.relations = append(r.w.relations, relation{name: v.name, cols: columns("", classes), view: true})
}

func (r *wideRound) readsViews() bool {
	for n := range r.w.reads {
		if strings.HasPrefix(n, "v") {
			return true
		}
	}
	return false
}

// define runs a definition in both. What PostgreSQL or we do not support is left out.
func (r *wideRound) define(ours, pg string) bool {
	r.t.Helper()
	r.sum.statements++
	_, perr := kit.TryExec(r.pg, "BEGIN; "+pg+"; ROLLBACK")
	if perr != nil {
		kit.TryExec(r.pg, "ROLLBACK") //nolint:errcheck // ends the failed block
	}
	r.log = append(r.log, ours)
	_, oerr := kit.TryExec(r.ours, ours)
	if code(oerr) != code(perr) && code(oerr) != "0A000" && code(perr) != "0A000" {
		r.fatalf("definition\nours: %v\nPostgreSQL: %v\n%s", oerr, perr, ours)
	}
	if code(oerr) == "0A000" {
		r.sum.features["refused: "+oerr.Error()]++
	}
	if oerr != nil || perr != nil {
		r.log = r.log[:len(r.log)-1]
		r.sum.failures++
		if oerr == nil {
			r.fatalf("PostgreSQL does not support what we do: %v\n%s", perr, ours)
		}
		return false
	}
	if _, err := kit.TryExec(r.pg, pg); err != nil {
		r.fatalf("%v", err)
	}
	return true
}

// replace gives a view another definition.
func (r *wideRound) replace(i int) {
	r.t.Helper()
	v := &r.views[i]
	hidden := slices.Clone(r.w.relations)
	r.w.relations = slices.DeleteFunc(slices.Clone(r.w.relations), func(x relation) bool { return x.view && x.name >= v.name })
	text := r.w.pinned(v.classes)
	r.w.relations = hidden
	reads := r.readsViews()
	q := sides(text)
	if r.define("CREATE OR REPLACE MATERIALIZED VIEW "+v.name+" AS "+q.ours, "CREATE OR REPLACE VIEW "+v.name+" AS "+q.pg) {
		v.text, v.reads = text, reads
		r.sum.replaced++
	}
}

// code is the SQLSTATE of an error, "" = none.
func code(err error) string {
	if err == nil {
		return ""
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return err.Error()
}

// both runs a statement in both; they agree on success or SQLSTATE.
func (r *wideRound) both(sql string) {
	r.t.Helper()
	r.sum.statements++
	_, perr := kit.TryExec(r.pg, sql)
	if code(perr) == "57014" { // changes take the time they need
		_, perr = kit.TryExec(r.pg, "SET statement_timeout = 0; "+sql+"; SET statement_timeout = '1s'")
	}
	_, oerr := kit.TryExec(r.ours, sql)
	if code(perr) != code(oerr) {
		r.fatalf("ours: %v\nPostgreSQL: %v\n%s", oerr, perr, sql)
	}
	if perr != nil {
		r.sum.failures++
		return
	}
	r.log = append(r.log, sql)
}

// compare checks every view against PostgreSQL, the ad hoc answer and VERIFY.
func (r *wideRound) compare() {
	r.t.Helper()
	r.failing = false
	for _, v := range r.views {
		want, perr := rowsOf(r.pg, "SELECT * FROM "+v.name)
		if code(perr) == "57014" { // too slow there
			r.failing = true
			continue
		}
		// Where PostgreSQL's view fails ours leaves the failing rows out, and what reads it differs.
		if v.reads && r.failing {
			continue
		}
		r.failing = r.failing || perr != nil
		got, err := rowsOf(r.ours, "SELECT * FROM "+v.name)
		if err != nil {
			r.fatalf("view: %v\n%s", err, v.text)
		}
		if perr == nil && !slices.EqualFunc(got, want, sameRow) {
			r.fatalf("%s\nview:\n  %s\nPostgreSQL:\n  %s", sides(v.text).ours, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
		if diff, err := kit.TryRows(r.ours, "VERIFY MATERIALIZED VIEW "+v.name); err != nil || len(diff) > 0 {
			r.fatalf("VERIFY of %s: %v %v", v.text, err, diff)
		}
		if !v.reads {
			r.adhoc(v.text, true)
		}
	}
}

// adhoc asks both. Rows are compared if the query has one answer only.
func (r *wideRound) adhoc(text string, decided bool) {
	r.t.Helper()
	r.sum.statements++
	q := sides(text)
	want, perr := rowsOf(r.pg, q.pg)
	if code(perr) == "57014" || r.failing && r.readsViews() {
		return
	}
	got, oerr := rowsOf(r.ours, q.ours)
	if code(oerr) == "0A000" || code(perr) == "0A000" {
		return
	}
	if code(oerr) != code(perr) && (!r.readsViews() || perr == nil) {
		r.fatalf("ad hoc\nours: %v\nPostgreSQL: %v\n%s", oerr, perr, q.ours)
	}
	if perr != nil {
		r.sum.failures++
		return
	}
	if decided && oerr == nil && !slices.EqualFunc(got, want, sameRow) {
		r.fatalf("%s\nad hoc:\n  %s\nPostgreSQL:\n  %s", q.ours, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

var months = regexp.MustCompile(`^(?:(-?\d+) years?)? ?(?:(-?\d+) mons?)? ?(?:(-?\d+) days?)?( ?-?\d\d:\d\d:\d\d(?:\.\d+)?)?$`)

// wholeDays writes an interval's months as days: which of equal intervals stands for a group is open.
func wholeDays(cell string) string {
	m := months.FindStringSubmatch(cell)
	if m == nil || m[1]+m[2]+m[3] == "" {
		return cell
	}
	days := 0
	for i, factor := range []int{360, 30, 1} {
		n, _ := strconv.Atoi(m[i+1]) // 0 where there is none
		days += n * factor
	}
	return fmt.Sprintf("%d days%s", days, m[4])
}

// rowsOf asks for a query's sorted rows in canonical form.
func rowsOf(c *pgx.Conn, sql string) ([]string, error) {
	rows, err := kit.TryRows(c, sql)
	if err != nil {
		return nil, err
	}
	for i, line := range rows {
		cells := strings.Split(line, "|")
		for k := range cells {
			// How far a char(n) is padded in a group is open too.
			cells[k] = strings.TrimRight(wholeDays(canonical(cells[k])), " ")
		}
		rows[i] = strings.Join(cells, "|")
	}
	slices.Sort(rows)
	return rows, nil
}
