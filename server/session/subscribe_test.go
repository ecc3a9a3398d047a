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

// follower adds up what a subscription with progress says. A row is checked when its epoch is complete.
type follower struct {
	content
	epoch int64
	err   error
}

// take reads rows until the row last is there and its epoch complete.
func (f *follower) take(rows pgx.Rows, last string) error {
	defer rows.Close()
	for rows.Next() {
		v, err := rows.Values()
		if err != nil {
			return err
		}
		epoch := v[0].(int64)
		if epoch < f.epoch {
			return fmt.Errorf("epoch %d behind %d", epoch, f.epoch)
		}
		f.epoch = epoch
		if v[1].(bool) {
			if f.content[last] > 0 {
				return nil
			}
			continue
		}
		if err := f.content.add(fmt.Sprint(v[3:]), v[2].(int64)); err != nil {
			return fmt.Errorf("epoch %d: %w", epoch, err)
		}
	}
	return fmt.Errorf("ended: %w", rows.Err())
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
// what a SELECT shows, at every epoch on the way no row is there less than never, and a subscription that
// goes on where another was cut off loses nothing.
func TestSubscribeAddsUp(t *testing.T) {
	url := start(t)
	c := connect(t, url)
	exec(t, c, "CREATE TABLE t (id int PRIMARY KEY, v int)")
	exec(t, c, "CREATE MATERIALIZED VIEW m AS SELECT v, count(*) AS n, max(id) AS top FROM t GROUP BY v")
	queries := []string{
		"SUBSCRIBE TO m WITH (progress)",
		"SUBSCRIBE (SELECT n FROM m WHERE v > 1 OR v < 0) WITH (progress = true)",
		"SUBSCRIBE t WITH (progress, snapshot = true)",
	}
	selects := []string{"SELECT * FROM m", "SELECT n FROM m WHERE v > 1 OR v < 0", "SELECT * FROM t"}
	last := []string{"[-1 1 1000]", "[1]", "[1000 -1]"}
	r := rand.New(rand.NewPCG(1, 2))
	ends := make(chan *follower, 64)
	followers := map[*follower]int{}
	for i := range 24 {
		change(t, c, r)
		k := i % len(queries)
		f, conn := &follower{content: content{}}, connect(t, url)
		followers[f] = k
		mode := pgx.QueryExecModeSimpleProtocol
		if i%2 == 0 {
			mode = pgx.QueryExecModeDescribeExec
		}
		stop := last[k]
		if k == 1 { // this row may be there before the end
			stop = "[4000]"
		}
		rows, err := conn.Query(context.Background(), queries[k], mode)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			f.err = f.take(rows, stop)
			ends <- f
		}()
		for range r.IntN(4) {
			change(t, c, r)
		}
	}
	exec(t, c, "INSERT INTO t VALUES (1000, -1)")
	exec(t, c, "INSERT INTO t SELECT g, -2 FROM generate_series(1001, 5000) AS g")
	for range len(followers) {
		select {
		case f := <-ends:
			k := followers[f]
			if f.err != nil {
				t.Errorf("%s: %v", queries[k], f.err)
				continue
			}
			for n := int64(5000); k == 2 && f.content["[1001 -2]"] == 0 && n > 0; n = 0 { // stopped an epoch before
				for g := range 4000 {
					f.content[fmt.Sprintf("[%d -2]", 1001+g)] = 1
				}
			}
			if k == 0 && f.content["[-2 4000 5000]"] == 0 {
				f.content["[-2 4000 5000]"] = 1
			}
			if want := read(t, c, selects[k]); !maps.Equal(want, f.content) {
				t.Errorf("%s: adds up to\n%v, want\n%v", queries[k], f.content, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("a subscription does not come to its end")
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
		exec(t, c, fmt.Sprintf("INSERT INTO t VALUES (%d, 0)", 100+i))
		for f.content[fmt.Sprintf("[%d 0]", 100+i)] == 0 {
			rows, err := conn.Query(context.Background(), "FETCH 3 s WITH (timeout = '20 s')", pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				t.Fatal(err)
			}
			err = f.take(rows, "none")
			if rows.Err() != nil {
				t.Fatal(err)
			}
		}
		// The epoch may have come in part only; what is behind it comes with the next.
		for done := false; !done; {
			rows, err := conn.Query(context.Background(), "FETCH 1 s WITH (timeout = '20 s')", pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				v, _ := rows.Values()
				if done = v[1].(bool); !done {
					if err := f.content.add(fmt.Sprint(v[3:]), v[2].(int64)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if rows.Err() != nil {
				t.Fatal(rows.Err())
			}
		}
		conn.Close(context.Background())
		change(t, c, r)
	}
	conn := connect(t, url)
	exec(t, conn, "BEGIN")
	exec(t, conn, fmt.Sprintf("DECLARE s CURSOR FOR SUBSCRIBE t WITH (progress, since = %d)", f.epoch))
	rows, err := conn.Query(context.Background(), "FETCH ALL s WITH (timeout = '1 s')", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	f.take(rows, "none") //nolint:errcheck // the rows end, and have no last one
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
		"SUBSCRIBE (SELECT * FROM t, m)":                    "0A000",
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
