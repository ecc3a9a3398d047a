//go:build services

package kill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tidemill/tests/kit"
	"tidemill/tests/services"
)

// timedQueries are asked of views that emit on window close and, in PostgreSQL's words, of the rows that
// were not late. By their column time, called t there, the rows that close the test are left out.
var timedQueries = []struct{ view, time, query, postgres string }{
	{"windows", "window_end", `SELECT k, count(*) AS n, sum(x) AS s, window_end FROM TUMBLE(e, ts, INTERVAL '1 second') GROUP BY k, window_end`,
		`SELECT k, count(*), sum(x), date_bin('1 second', ts, '1970-01-01') + INTERVAL '1 second' AS t FROM e GROUP BY 1, 4`},
	{"sessions", "window_end", `SELECT k, count(*) AS n, window_start, window_end FROM SESSION(e PARTITION BY k, ts, INTERVAL '400 milliseconds') GROUP BY k, window_start, window_end`,
		`SELECT k, count(*), min(ts), max(ts) + INTERVAL '400 milliseconds' AS t FROM (
			SELECT k, ts, count(*) FILTER (WHERE fresh) OVER (PARTITION BY k ORDER BY ts, id) AS session FROM (
				SELECT k, ts, id, coalesce(ts - lag(ts) OVER (PARTITION BY k ORDER BY ts, id) >= INTERVAL '400 milliseconds', true) AS fresh FROM e) AS f) AS s
		GROUP BY k, session`},
	{"near", "ts", `SELECT e.id, r.rate, e.ts FROM e LEFT JOIN rates r ON e.k = r.k AND r.ts BETWEEN e.ts - INTERVAL '300 milliseconds' AND e.ts + INTERVAL '200 milliseconds'`,
		`SELECT e.id, r.rate, e.ts AS t FROM e LEFT JOIN rates r ON e.k = r.k AND r.ts BETWEEN e.ts - INTERVAL '300 milliseconds' AND e.ts + INTERVAL '200 milliseconds'`},
	{"priced", "ts", `SELECT e.id, r.rate, e.ts FROM e LEFT JOIN rates FOR SYSTEM_TIME AS OF e.ts AS r ON e.k = r.k`,
		`SELECT e.id, r.rate, e.ts AS t FROM e LEFT JOIN LATERAL (SELECT rate FROM rates WHERE rates.k = e.k AND rates.ts <= e.ts ORDER BY rates.ts DESC LIMIT 1) AS r ON true`},
}

// TestKillEventTime kills the server while rows with event time come in, some of them too late, and starts
// it with another number of workers each time. Every row that was acknowledged must be there once, among
// those on time or the late ones, and what was emitted on window close must be PostgreSQL's answer over the
// rows on time. A bounded source goes on meanwhile and closes at its end.
func TestKillEventTime(t *testing.T) {
	postgres := services.StartPostgres(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	const generated = 300_000
	p := kit.StartProcess(t, "--workers", "2")
	c := p.Conn()
	kit.Exec(t, c,
		"CREATE TABLE e (id bigint PRIMARY KEY, k int, ts timestamp, x int, WATERMARK FOR ts AS ts - INTERVAL '500 milliseconds')",
		"CREATE TABLE rates (k int, ts timestamp, rate int, PRIMARY KEY (k, ts), WATERMARK FOR ts AS ts - INTERVAL '500 milliseconds')",
		fmt.Sprintf("CREATE SOURCE g (id bigint, ts timestamp, WATERMARK FOR ts AS ts - INTERVAL '1 second') WITH (connector = 'datagen', number.of.rows = '%d', rows.per.second = '60000', fields.id.kind = 'sequence', fields.ts.step = '10')", generated),
		"CREATE MATERIALIZED VIEW ended AS SELECT window_end, count(*) AS n FROM TUMBLE(g, ts, INTERVAL '1 second') GROUP BY window_end EMIT ON WINDOW CLOSE")
	for _, q := range timedQueries {
		kit.Exec(t, c, "CREATE MATERIALIZED VIEW "+q.view+" WITH (require_bounded_state = true) AS "+q.query+" EMIT ON WINDOW CLOSE")
	}
	w := &timedWriter{r: r, at: time.Date(2024, 3, 1, 10, 0, 0, 0, time.UTC)}
	for range 6 {
		w.until(t, p.DSN(), time.Duration(150+r.IntN(600))*time.Millisecond, p.Kill)
		p.StartWith("--workers", fmt.Sprint(1+r.IntN(4)))
		c = p.Conn()
		got := kit.Rows(t, c, "SELECT count(*), count(DISTINCT id), coalesce(max(id), 0) FROM (SELECT id FROM e UNION ALL SELECT id FROM e_late) AS x")[0]
		var n, d, hi int64
		if _, err := fmt.Sscanf(got, "%d|%d|%d", &n, &d, &hi); err != nil {
			t.Fatal(err)
		}
		if n != d || n != hi || n < w.acked || n > w.acked+timedBatch {
			t.Fatalf("there are %s rows, acknowledged were %d", got, w.acked)
		}
		w.acked = n
	}
	if late := kit.Rows(t, c, "SELECT count(*) FROM e_late")[0]; late == "0" {
		t.Error("no row was late")
	}
	const end = "2030-01-01"
	for range 2 { // all that is open closes
		kit.Exec(t, c, fmt.Sprintf("INSERT INTO e VALUES (%d, 0, '%s', 0)", w.acked+1, end), fmt.Sprintf("INSERT INTO rates VALUES (%d, '%s', 0)", w.acked, end))
		w.acked++
	}
	ctx := context.Background()
	pg, err := pgx.Connect(ctx, postgres.ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Close(ctx)
	kit.Exec(t, pg, "CREATE TABLE e (id bigint, k int, ts timestamp, x int)", "CREATE TABLE rates (k int, ts timestamp, rate int)")
	for table, cols := range map[string][]string{"e": {"id", "k", "ts", "x"}, "rates": {"k", "ts", "rate"}} {
		rows, err := c.Query(ctx, "SELECT "+strings.Join(cols, ", ")+" FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pg.CopyFrom(ctx, pgx.Identifier{table}, cols, rows); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	for _, q := range timedQueries {
		want := kit.Rows(t, pg, "SELECT * FROM ("+q.postgres+") AS q WHERE t < '"+end+"'")
		got := kit.Rows(t, c, "SELECT * FROM "+q.view+" WHERE "+q.time+" < '"+end+"'")
		if !slices.Equal(sorted(got), sorted(want)) || len(want) == 0 {
			t.Errorf("%s has %d rows, PostgreSQL %d; first: %v and %v", q.view, len(got), len(want), first(got), first(want))
		}
		if diff := kit.Rows(t, c, "VERIFY MATERIALIZED VIEW "+q.view); len(diff) > 0 {
			t.Errorf("VERIFY of %s: %v", q.view, diff)
		}
	}
	kit.Eventually(t, time.Minute, func() error {
		rows, err := kit.TryRows(c, "SELECT sum(n) FROM ended")
		if err != nil || rows[0] != fmt.Sprint(generated) {
			return fmt.Errorf("%v of %d generated rows are closed: %w", rows, generated, err)
		}
		return nil
	})
	if diff := kit.Rows(t, c, "VERIFY MATERIALIZED VIEW ended"); len(diff) > 0 {
		t.Errorf("VERIFY of ended: %v", diff)
	}
}

const timedBatch = 20

// timedWriter inserts rows whose times are about 25 ms apart and up to a second out of order.
type timedWriter struct {
	r     *rand.Rand
	at    time.Time
	acked int64
	rate  int
}

func (w *timedWriter) time() string {
	w.at = w.at.Add(time.Duration(w.r.IntN(50)) * time.Millisecond)
	back := time.Duration(0)
	if w.r.IntN(3) == 0 {
		back = time.Duration(w.r.IntN(1000)) * time.Millisecond
	}
	return w.at.Add(-back).Format("2006-01-02 15:04:05.000")
}

// until inserts until the time is over, then kills the server in the middle.
func (w *timedWriter) until(t *testing.T, dsn string, length time.Duration, kill func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	killed := make(chan struct{})
	time.AfterFunc(length, func() {
		kill()
		close(killed)
	})
	for {
		w.rate++
		rate := fmt.Sprintf("INSERT INTO rates VALUES (%d, '%s', %d) ON CONFLICT DO NOTHING", w.r.IntN(4), w.time(), w.rate)
		if _, err := c.Exec(ctx, rate); err != nil {
			break
		}
		var values []string
		for i := range int64(timedBatch) {
			values = append(values, fmt.Sprintf("(%d, %d, '%s', %d)", w.acked+1+i, w.r.IntN(4), w.time(), w.r.IntN(100)))
		}
		if _, err := c.Exec(ctx, "INSERT INTO e VALUES "+strings.Join(values, ", ")); err != nil {
			break
		}
		w.acked += timedBatch
	}
	<-killed
}
