package badinput

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/tests/kit"
)

// world is a server under test with an unrelated view whose beat must go on.
type world struct {
	*kit.Server
	t     *testing.T
	c     *pgx.Conn
	beats int
	idle  int // goroutines of the server at rest
}

// newWorld starts a server. At the end of the test it must still beat, and be at rest.
func newWorld(t *testing.T, args ...string) *world {
	t.Helper()
	w := &world{t: t, Server: kit.Start(t, args...)}
	w.c = w.Conn()
	kit.Exec(t, w.c,
		"CREATE TABLE beat (id bigint PRIMARY KEY)",
		"CREATE MATERIALIZED VIEW beats AS SELECT count(*) AS n, max(id) AS hi FROM beat")
	w.beat(t)
	w.idle = runtime.NumGoroutine()
	t.Cleanup(func() {
		if !t.Failed() || w.Err() == nil {
			w.beat(t)
			w.atRest(t)
		}
	})
	return w
}

// beat checks, over a connection of its own, that the server answers and the unrelated view moves.
func (w *world) beat(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, w.DSN())
	if err != nil {
		t.Fatalf("the server does not accept connections any more: %v\n%s", err, stacks())
	}
	defer c.Close(ctx)
	w.beats++
	if _, err := c.Exec(ctx, "INSERT INTO beat VALUES ($1)", w.beats); err != nil {
		t.Fatalf("the unrelated table does not take rows any more: %v\n%s", err, stacks())
	}
	var n, hi int
	if err := c.QueryRow(ctx, "SELECT n, hi FROM beats").Scan(&n, &hi); err != nil || n != w.beats || hi != w.beats {
		t.Fatalf("the unrelated view does not move any more: %d rows up to %d after %d: %v", n, hi, w.beats, err)
	}
}

// atRest checks that the goroutines of what the test did have ended.
func (w *world) atRest(t *testing.T) {
	t.Helper()
	const slack = 12 // connections kept by the test, compactions
	end := time.Now().Add(8 * time.Second)
	for runtime.NumGoroutine() > w.idle+slack {
		if time.Now().After(end) {
			t.Errorf("%d goroutines, %d at the start\n%s", runtime.NumGoroutine(), w.idle, stacks())
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func stacks() string {
	var b strings.Builder
	pprof.Lookup("goroutine").WriteTo(&b, 1) //nolint:errcheck // memory
	if b.Len() > 12<<10 {
		return b.String()[:12<<10]
	}
	return b.String()
}

// exec runs statements that must succeed.
func (w *world) exec(statements ...string) {
	w.t.Helper()
	for _, s := range statements {
		if _, err := kit.TryExec(w.c, s); err != nil {
			w.t.Fatalf("%v\n%.300s", err, s)
		}
	}
}

// rows runs a query that must succeed.
func (w *world) rows(query string) []string {
	w.t.Helper()
	return kit.Rows(w.t, w.c, query)
}

// want compares a query's rows, joined by commas.
func (w *world) want(query, want string) {
	w.t.Helper()
	if got := strings.Join(w.rows(query), ","); got != want {
		w.t.Errorf("%s:\n got %s\nwant %s", query, got, want)
	}
}

// soon waits until a query gives the rows, joined by commas.
func (w *world) soon(query, want string) {
	w.t.Helper()
	kit.Eventually(w.t, 15*time.Second, func() error {
		rows, err := kit.TryRows(w.c, query)
		if err != nil {
			return err
		}
		if got := strings.Join(rows, ","); got != want {
			return fmt.Errorf("%s: got %s, want %s", query, got, want)
		}
		return nil
	})
}

// fails runs a text that must fail with a code and a part of the message.
func (w *world) fails(sql, code, part string) {
	w.t.Helper()
	_, err := kit.TryExec(w.c, sql)
	e := pgError(err)
	if e == nil || e.Code != code || !strings.Contains(e.Message, part) {
		w.t.Errorf("%.200s\n got %v\nwant %s %s", sql, err, code, part)
	}
}

// pgError finds the server's error; nil when there is none.
func pgError(err error) *pgconn.PgError {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// bounded runs f and fails when it takes too long or the heap grows too much meanwhile.
func bounded(t *testing.T, limit time.Duration, bytes uint64, f func()) {
	t.Helper()
	runtime.GC()
	base := heap()
	peak := base
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				peak = max(peak, heap())
			}
		}
	}()
	start := time.Now()
	f()
	took := time.Since(start)
	close(stop)
	<-done
	if took > limit {
		t.Errorf("took %v, limit %v", took.Round(time.Millisecond), limit)
	}
	if peak-base > bytes {
		t.Errorf("the heap grew by %d MiB, limit %d MiB", (peak-base)>>20, bytes>>20)
	}
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
