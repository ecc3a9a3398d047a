//go:build services

package functions

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/sql/types"
	"tidemill/tests/kit"
	"tidemill/tests/services"
)

// TestFunctionsEqualPostgres compares a share of all signatures, another one with each seed.
func TestFunctionsEqualPostgres(t *testing.T) { compare(t, 6) }

// TestSoakFunctions compares all of them, with more calls, for as long as TIDEMILL_SOAK says.
func TestSoakFunctions(t *testing.T) {
	soak(t)
	compare(t, 25)
}

// soak skips a soak test outside of soak runs.
func soak(t *testing.T) {
	if _, err := time.ParseDuration(os.Getenv("TIDEMILL_SOAK")); err != nil {
		t.Skip("set TIDEMILL_SOAK to a duration, or run make soak")
	}
}

// length is how long a test may draw: what TIDEMILL_SOAK says, or the given time.
func length(t *testing.T, gate time.Duration) time.Duration {
	if strings.HasPrefix(t.Name(), "TestSoak") {
		d, _ := time.ParseDuration(os.Getenv("TIDEMILL_SOAK")) // checked by the test
		return d
	}
	return gate
}

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

// bench is the pair of servers.
type bench struct {
	t        *testing.T
	ours, pg *pgx.Conn
	bad      int
	excused  int
}

// mismatches bounds what one run reports.
const mismatchesMax = 300

func compare(t *testing.T, calls int) {
	seed := seed(t)
	b := &bench{t: t, ours: kit.Start(t).Conn(), pg: postgres(t)}
	named := map[string]bool{}
	for _, n := range kit.Rows(t, b.pg, "SELECT proname FROM pg_proc UNION SELECT oprname FROM pg_operator") {
		named[n] = true
	}
	end := time.Now().Add(length(t, time.Minute))
	done := 0
	for round := uint64(0); round == 0 || time.Now().Before(end); round++ {
		zone := []string{"America/New_York", "UTC", "Australia/Lord_Howe", "Asia/Kolkata", "Europe/Dublin"}[(seed+round)%5]
		for _, c := range []*pgx.Conn{b.ours, b.pg} {
			kit.Exec(t, c, "SET timezone = "+quote(zone), "SET client_min_messages = error", "SET statement_timeout = '10s'")
		}
		list := signatures(seed+round, named)
		s := seed + round
		slices.SortFunc(list, func(x, y signature) int { // another order with each seed
			return int(x.random(s).Int64N(1<<40) - y.random(s).Int64N(1<<40))
		})
		for _, sig := range list {
			if time.Now().After(end) || b.bad > mismatchesMax {
				break
			}
			if only := os.Getenv("TIDEMILL_ONLY"); only != "" && !strings.HasPrefix(sig.String(), only) {
				continue
			}
			b.signature(sig, s, calls)
			done++
		}
		if b.bad > 0 {
			break
		}
	}
	t.Logf("%d signatures, %d mismatches, %d excused", done, b.bad, b.excused)
}

// postgres is a database with Unicode's character classes and the order of code points, as here.
func postgres(t *testing.T) *pgx.Conn {
	pg := services.StartPostgres(t)
	c := kit.Connect(t, pg.ConnString())
	name := "functions"
	kit.Exec(t, c, "CREATE DATABASE "+name+" TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'")
	cfg := c.Config().Copy()
	t.Cleanup(func() { kit.Exec(t, c, "DROP DATABASE "+name+" WITH (FORCE)") })
	cfg.Database = name
	u, err := pgx.ConnectConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close(context.Background()) })
	return u
}

// answer is what a server says to a query: columns' types, rows, or an error.
type answer struct {
	types []uint32
	rows  []string
	err   string
}

func ask(c *pgx.Conn, sql string, format int16) answer {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res := c.PgConn().ExecParams(ctx, sql, nil, nil, nil, []int16{format}).Read()
	var a answer
	if res.Err != nil {
		var pe *pgconn.PgError
		if !errors.As(res.Err, &pe) {
			return answer{err: res.Err.Error()}
		}
		return answer{err: pe.Code + " " + pe.Message}
	}
	for _, f := range res.FieldDescriptions {
		a.types = append(a.types, f.DataTypeOID)
	}
	for _, r := range res.Rows {
		var line strings.Builder
		for i, v := range r {
			if i > 0 {
				line.WriteByte('|')
			}
			switch {
			case v == nil:
				line.WriteString("NULL")
			case format == 1:
				fmt.Fprintf(&line, "%x", v)
			default:
				line.Write(v)
			}
		}
		a.rows = append(a.rows, line.String())
	}
	return a
}

// both asks both servers at once.
func (b *bench) both(ours, pg string, format int16) (o, p answer) {
	ch := make(chan answer)
	go func() { ch <- ask(b.pg, pg, format) }()
	o = ask(b.ours, ours, format)
	return o, <-ch
}

func (b *bench) mismatch(sql string, o, p answer) {
	if excused(sql) {
		b.excused++
		return
	}
	b.bad++
	show := func(a answer) string {
		if a.err != "" {
			return "error " + a.err
		}
		return fmt.Sprintf("%v %q", a.types, a.rows)
	}
	if len(o.rows) == len(p.rows) && len(o.rows) > 1 && slices.Equal(o.types, p.types) {
		var x, y answer
		for i := range o.rows { // those that differ are enough
			if o.rows[i] != p.rows[i] && !close(o.rows[i], p.rows[i]) {
				x.rows, y.rows = append(x.rows, o.rows[i]), append(y.rows, p.rows[i])
			}
		}
		o, p = x, y
	}
	b.t.Errorf("%s\n  got  %s\n  want %s", sql, show(o), show(p))
}

// same tells whether the answers agree, but for the last digits of floats and the order of rows.
func same(o, p answer, sorted bool) bool {
	if strings.HasPrefix(p.err, "57014") || strings.HasPrefix(p.err, "42883") && o.err == "" {
		return true // takes too long there, or is more than PostgreSQL has
	}
	if o.err != p.err || !slices.Equal(o.types, p.types) || len(o.rows) != len(p.rows) {
		return false
	}
	or, pr := o.rows, p.rows
	if sorted {
		or, pr = slices.Sorted(slices.Values(or)), slices.Sorted(slices.Values(pr))
	}
	for i := range or {
		if or[i] != pr[i] && !close(or[i], pr[i]) {
			return false
		}
	}
	return true
}

// close tells whether two lines differ in the last digits of floats only: transcendental functions
// differ between C libraries too.
func close(a, b string) bool {
	x, y := strings.FieldsFunc(a, separates), strings.FieldsFunc(b, separates)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] == y[i] {
			continue
		}
		f, err1 := strconv.ParseFloat(x[i], 64)
		g, err2 := strconv.ParseFloat(y[i], 64)
		if err1 != nil || err2 != nil || !strings.ContainsAny(x[i]+y[i], ".e") || math.Abs(f-g) > 1e-14*math.Abs(f) {
			return false
		}
	}
	return true
}

func separates(r rune) bool { return strings.ContainsRune("|{},", r) }

// signature compares one signature: call by call, as a column in both formats, and in a view.
func (b *bench) signature(s signature, seed uint64, calls int) {
	r := s.random(seed)
	if s.kind == aggregate {
		b.aggregate(s, r, calls)
		return
	}
	var fine [][]string
	bad := b.bad
	for range calls {
		args := s.draw(r)
		sql := "SELECT " + s.sql(args)
		if s.kind == table {
			sql = "SELECT * FROM " + s.sql(args)
		}
		o, p := b.both(sql, sql, 0)
		if !same(o, p, false) {
			if b.mismatch(sql, o, p); b.bad > bad+2 {
				return
			}
		}
		if p.err == "" && s.kind != table {
			fine = append(fine, args)
		} else if strings.HasPrefix(p.err, "42") && len(s.args) < 3 {
			return // there is no such call: once is enough
		}
	}
	if len(fine) > 1 && b.bad == bad {
		b.column(s, fine)
	}
}

// column compares the calls that work as a column.
func (b *bench) column(s signature, calls [][]string) {
	cols, names, exprs := []string{"id int"}, []string{"id"}, []string{}
	for i, t := range s.args {
		if i == s.pathArg() {
			exprs = append(exprs, calls[0][i])
			continue
		}
		n := fmt.Sprintf("c%d", i)
		cols, names, exprs = append(cols, n+" "+typeSQL(t)), append(names, n), append(exprs, n)
	}
	var values []string
	for k, c := range calls {
		row := []string{fmt.Sprint(k)}
		for i, v := range c {
			if i != s.pathArg() {
				row = append(row, v)
			}
		}
		values = append(values, "("+strings.Join(row, ", ")+")")
	}
	list := "(VALUES " + strings.Join(values, ", ") + ") AS v (" + strings.Join(names, ", ") + ")"
	want := "SELECT id, " + s.sql(exprs) + " AS r FROM " + list + " ORDER BY id"
	if p := ask(b.pg, want, 0); p.err != "" {
		return // the path of the first row fails on another
	}
	from := list
	if _, err := kit.TryExec(b.ours, "CREATE TABLE f ("+strings.Join(cols, ", ")+")"); err == nil {
		defer kit.Exec(b.t, b.ours, "DROP TABLE f CASCADE")
		kit.Exec(b.t, b.ours, "INSERT INTO f VALUES "+strings.Join(values, ", "))
		from = "f"
	}
	got := "SELECT id, " + s.sql(exprs) + " AS r FROM " + from + " ORDER BY id"
	for format := range int16(2) {
		o, p := b.both(got, want, format)
		if format == 1 && strings.HasPrefix(p.err, "42883") { // no binary form
			continue
		}
		if !same(o, p, false) && !(format == 1 && s.inexact()) {
			b.mismatch(fmt.Sprintf("format %d: %s", format, want), o, p)
			return
		}
	}
	if from != "f" {
		return
	}
	view := "CREATE MATERIALIZED VIEW fv AS SELECT id, " + s.sql(exprs) + " AS r FROM f"
	if _, err := kit.TryExec(b.ours, view); err != nil {
		var pe *pgconn.PgError
		if errors.As(err, &pe) && (pe.Code == "0A000" || pe.Code == "42P16") {
			return // depends on the session, or no type of a column
		}
		b.mismatch(view, answer{err: err.Error()}, answer{})
		return
	}
	kit.Exec(b.t, b.ours, "DELETE FROM f", "INSERT INTO f VALUES "+strings.Join(values, ", "))
	if o, p := b.both("SELECT id, r FROM fv ORDER BY id", want, 0); !same(o, p, false) {
		b.mismatch("view: "+want, o, p)
	}
}

// inexact tells that the result may differ in its last bit, which the binary form cannot tell from
// a difference.
func (s signature) inexact() bool {
	return slices.ContainsFunc(s.args, func(t types.Type) bool { return t.ID == types.Float8 || t.ID == types.Float4 || t.ID == types.Array })
}
