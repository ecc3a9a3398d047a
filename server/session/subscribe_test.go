package session_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// content is a multiset of rows.
type content map[string]int64

func (c content) add(row string, n int64) error {
	if c[row] += n; c[row] == 0 {
		delete(c, row)
	} else if c[row] < 0 {
		return fmt.Errorf("row %s is there %d times", row, c[row])
	}
	return nil
}

// read returns the rows of a query.
func read(t *testing.T, c *pgx.Conn, sql string) content {
	t.Helper()
	rows, err := c.Query(context.Background(), sql)
	if err != nil {
		t.Fatal(err)
	}
	out := content{}
	for rows.Next() {
		v, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		out[fmt.Sprint(v)]++
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return out
}

// follower adds up what a subscription with progress says.
type follower struct {
	content
	epoch int64
	whole bool // all changes up to epoch have come
	err   error
}

// take reads rows, until their end or, if last is not "", until this row is there and its epoch complete.
// It does not close rows.
func (f *follower) take(rows pgx.Rows, last string) error {
	for rows.Next() {
		v, err := rows.Values()
		if err != nil {
			return err
		}
		epoch := v[0].(int64)
		if epoch < f.epoch {
			return fmt.Errorf("epoch %d behind %d", epoch, f.epoch)
		}
		f.epoch, f.whole = epoch, v[1].(bool)
		if f.whole {
			if last != "" && f.content[last] > 0 {
				return nil
			}
			continue
		}
		if err := f.content.add(fmt.Sprint(v[3:]), v[2].(int64)); err != nil {
			return fmt.Errorf("epoch %d: %w", epoch, err)
		}
	}
	if last != "" && rows.Err() == nil {
		return fmt.Errorf("ended without %s", last)
	}
	return rows.Err()
}

// fetch takes the rows of one FETCH.
func (f *follower) fetch(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	rows, err := conn.Query(context.Background(), sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if err := f.take(rows, ""); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, c *pgx.Conn, r *rand.Rand) {
	id, v := r.IntN(40), r.IntN(5)
	switch r.IntN(4) {
	case 0:
		exec(t, c, fmt.Sprintf("DELETE FROM t WHERE id %% 7 = %d", v))
	case 1:
		exec(t, c, fmt.Sprintf("UPDATE t SET v = v + 1 WHERE id > %d", id))
	default:
		exec(t, c, fmt.Sprintf("INSERT INTO t VALUES (%d, %d) ON CONFLICT (id) DO UPDATE SET v = excluded.v", id, v))
	}
}

// TestSubscribeAddsUp starts subscriptions of all forms while rows change: what each has told adds up to
// what a SELECT shows, and on the way no row is taken away that was not there.
func TestSubscribeAddsUp(t *testing.T) {
	url := start(t)
	c := connect(t, url)
	exec(t, c, "CREATE TABLE t (id int PRIMARY KEY, v int)")
	exec(t, c, "CREATE MATERIALIZED VIEW m AS SELECT v, count(*) AS n, max(id) AS top FROM t GROUP BY v")
	exec(t, c, "CREATE MATERIALIZED VIEW h AS SELECT count(*) AS n, v < 0 AS neg FROM t GROUP BY v") // its key is hidden
	cases := []struct{ subscribe, query, last string }{                                              // last comes with the last change alone
		{"SUBSCRIBE TO m WITH (progress)", "SELECT * FROM m", "[-1 1 1000]"},
		{
			"SUBSCRIBE (SELECT n, v < 0 AS neg FROM m WHERE v > 1 OR v < 0) WITH (progress = true)",
			"SELECT n, v < 0 FROM m WHERE v > 1 OR v < 0", "[1 true]",
		},
		{"SUBSCRIBE h WITH (progress)", "SELECT * FROM h", "[1 true]"},
		{"SUBSCRIBE t WITH (progress, snapshot = true)", "SELECT * FROM t", "[1000 -1]"},
	}
	r := rand.New(rand.NewPCG(1, 2))
	ends := make(chan *follower, 64)
	followers := map[*follower]int{}
	for i := range 24 {
		change(t, c, r)
		k := i % len(cases)
		f, conn := &follower{content: content{}}, connect(t, url)
		followers[f] = k
		mode := pgx.QueryExecModeSimpleProtocol
		if i%2 == 0 {
			mode = pgx.QueryExecModeDescribeExec
		}
		// rows.Close would read on to the end that never comes: canceling is what ends a subscription.
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		rows, err := conn.Query(ctx, cases[k].subscribe, mode)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			f.err = f.take(rows, cases[k].last)
			cancel()
			rows.Close()
			ends <- f
		}()
		for range r.IntN(4) {
			change(t, c, r)
		}
	}
	exec(t, c, "INSERT INTO t VALUES (1000, -1)")
	for range len(followers) {
		f := <-ends
		x := cases[followers[f]]
		if f.err != nil {
			t.Errorf("%s: %v", x.subscribe, f.err)
		} else if want := read(t, c, x.query); !maps.Equal(want, f.content) {
			t.Errorf("%s: adds up to\n%v, want\n%v", x.subscribe, f.content, want)
		}
	}
}

// TestSubscribeGoesOn cuts a subscription off again and again, and takes it up behind the last epoch.
func TestSubscribeGoesOn(t *testing.T) {
	url := start(t)
	c := connect(t, url)
	exec(t, c, "CREATE TABLE t (id int PRIMARY KEY, v int)")
	r := rand.New(rand.NewPCG(3, 4))
	f := &follower{content: content{}}
	for i := range 12 {
		conn := connect(t, url)
		option := ""
		if i > 0 {
			option = ", since = " + strconv.FormatInt(f.epoch, 10)
		}
		exec(t, conn, "BEGIN")
		exec(t, conn, "DECLARE s CURSOR FOR SUBSCRIBE t WITH (progress"+option+")")
		for range 1 + r.IntN(5) {
			change(t, c, r)
		}
		exec(t, c, fmt.Sprintf("INSERT INTO t VALUES (%d, -1)", 100+i))
		change(t, c, r)
		row, n := fmt.Sprintf("[%d -1]", 100+i), 0
		for seen := false; !seen || !f.whole; n++ {
			if n == 1000 {
				t.Fatalf("row %s does not come", row)
			}
			f.fetch(t, conn, "FETCH 1 s WITH (timeout = '20 s')")
			seen = seen || f.content[row] > 0
		}
		conn.Close(context.Background())
		change(t, c, r)
	}
	conn := connect(t, url)
	exec(t, conn, "BEGIN")
	exec(t, conn, fmt.Sprintf("DECLARE s CURSOR FOR SUBSCRIBE t WITH (progress, since = %d)", f.epoch))
	exec(t, c, "INSERT INTO t VALUES (1000, -1)")
	for n := 0; f.content["[1000 -1]"] == 0 || !f.whole; n++ {
		if n == 100 {
			t.Fatal("the last row does not come")
		}
		f.fetch(t, conn, "FETCH ALL s WITH (timeout = '20 s')")
	}
	if want := read(t, c, "SELECT * FROM t"); !maps.Equal(want, f.content) {
		t.Errorf("adds up to\n%v, want\n%v", f.content, want)
	}
	if got := code(conn, "DECLARE x CURSOR FOR SUBSCRIBE t WITH (since = 1000000)"); got != "55000" {
		t.Errorf("an epoch to come: %s, want 55000", got)
	}
}

// TestSubscribeCopy reads COPY (SUBSCRIBE …) TO STDOUT until the relation is dropped.
func TestSubscribeCopy(t *testing.T) {
	url := start(t)
	c, conn := connect(t, url), connect(t, url)
	exec(t, c, "CREATE TABLE t (id int PRIMARY KEY, v text)")
	exec(t, c, "INSERT INTO t VALUES (1, 'a')")
	pr, pw := io.Pipe()
	go func() {
		_, err := conn.PgConn().CopyTo(context.Background(), pw, "COPY (SUBSCRIBE (SELECT upper(v) AS u FROM t)) TO STDOUT (FORMAT csv, HEADER)")
		pw.CloseWithError(err)
	}()
	lines := bufio.NewScanner(pr)
	next := func() string {
		if !lines.Scan() {
			t.Fatalf("no more lines: %v", lines.Err())
		}
		_, rest, _ := strings.Cut(lines.Text(), ",")
		return rest
	}
	for _, want := range []string{"tidemill_diff,u", "1,A"} {
		if got := next(); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	exec(t, c, "UPDATE t SET v = 'b'")
	exec(t, c, "UPDATE t SET v = 'B'") // nothing changes in the subscription
	exec(t, c, "INSERT INTO t VALUES (2, 'c')")
	for _, want := range []string{"-1,A", "1,B", "1,C"} {
		if got := next(); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	exec(t, c, "DROP TABLE t")
	if lines.Scan() || codeOf(lines.Err()) != "42P01" {
		t.Errorf("after DROP: %q, %v", lines.Text(), lines.Err())
	}
}

func TestSubscribeEnds(t *testing.T) {
	url := start(t)
	c := connect(t, url)
	exec(t, c, "CREATE TABLE t (id int PRIMARY KEY, v int)")
	exec(t, c, "CREATE MATERIALIZED VIEW m AS SELECT v FROM t")
	exec(t, c, "CREATE VIEW plain AS SELECT v + 1 AS w FROM m WHERE v > 0")
	follow := func(sql string) <-chan error {
		conn, end := connect(t, url), make(chan error, 1)
		rows, err := conn.Query(context.Background(), sql, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for rows.Next() {
			}
			end <- rows.Err()
		}()
		return end
	}
	replaced := follow("SUBSCRIBE TO plain")
	exec(t, c, "INSERT INTO t VALUES (1, 1)")
	exec(t, c, "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT v FROM t WHERE v <> 3")
	if err := <-replaced; codeOf(err) != "55000" {
		t.Errorf("replaced: %v", err)
	}
	failing := follow("SUBSCRIBE (SELECT 10 / v FROM m)")
	exec(t, c, "INSERT INTO t VALUES (2, 0)")
	if err := <-failing; codeOf(err) != "22012" {
		t.Errorf("division: %v", err)
	}
	conn := connect(t, url)
	exec(t, conn, "SET statement_timeout = 200")
	if got := code(conn, "SUBSCRIBE t"); got != "57014" {
		t.Errorf("statement_timeout: %s", got)
	}
	for sql, want := range map[string]string{
		"SUBSCRIBE (SELECT count(*) FROM t)":                "0A000",
		"SUBSCRIBE (SELECT id FROM t, m)":                   "0A000",
		"SUBSCRIBE (SELECT * FROM pg_class)":                "0A000",
		"SUBSCRIBE nowhere":                                 "42P01",
		"SUBSCRIBE t WITH (snapshot = 7)":                   "42601",
		"SUBSCRIBE t WITH (since = now)":                    "22023",
		"SUBSCRIBE t WITH (since = 1)":                      "55000",
		"SUBSCRIBE t WITH (since = 1, snapshot)":            "22023",
		"DECLARE c CURSOR WITH HOLD FOR SUBSCRIBE t":        "",
		"FETCH ALL c WITH (timeout = 'long')":               "22023",
		"FETCH ALL c WITH (patience = '1 s')":               "42601",
		"DECLARE d CURSOR WITH HOLD FOR SELECT 1":           "",
		"EXPLAIN SUBSCRIBE t":                               "0A000",
		"COPY (SUBSCRIBE (SELECT max(v) FROM t)) TO STDOUT": "0A000",
	} {
		if strings.HasPrefix(sql, "FETCH") {
			continue
		}
		if got := code(c, sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	for sql, want := range map[string]string{
		"FETCH ALL c WITH (timeout = 'long')": "22023",
		"FETCH ALL c WITH (patience = '1 s')": "42601",
		"FETCH ALL d WITH (timeout = '1 s')":  "42809",
	} {
		if got := code(c, sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
}
