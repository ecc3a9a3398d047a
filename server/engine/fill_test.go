package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tidemill/catalog"
	"tidemill/sql/sqlerr"
)

// updater changes all rows of t in small statements until it is stopped.
func updater(d *db) (stop func()) {
	e := d.Engine
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-end:
				return
			default:
			}
			if _, err := tryOn(context.Background(), e, fmt.Sprintf("UPDATE t SET v = v + 1, g = (g + 3) %% 10 WHERE id %% 97 = %d", i%97)); err != nil {
				d.Errorf("update: %v", err)
				return
			}
		}
	})
	return func() { close(end); wg.Wait() }
}

const fillTable = "CREATE TABLE t (id int PRIMARY KEY, g int, v int)"

// TestFillFromChangingTable creates views, one on the other, while every row of the table changes.
func TestFillFromChangingTable(t *testing.T) {
	n := 200_000
	if raceEnabled || testing.Short() {
		n = 20_000
	}
	d := open(t, func(c *Config) { c.Check = n < 100_000 })
	d.run(fillTable)
	d.fill(0, n)
	stop := updater(d)
	var wg sync.WaitGroup
	for _, text := range []string{
		"CREATE MATERIALIZED VIEW per AS SELECT g, count(*) AS n, sum(v) AS total, max(id) AS top FROM t GROUP BY g",
		"CREATE MATERIALIZED VIEW copy AS SELECT id % 1000 AS m, v FROM t",
		"CREATE MATERIALIZED VIEW self AS SELECT a.id, b.v FROM t a JOIN t b ON a.id = b.id AND a.g < 2",
	} {
		wg.Go(func() {
			if _, err := d.try(text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
	wg.Wait()
	d.run("CREATE MATERIALIZED VIEW onview AS SELECT m, sum(v) AS total FROM copy GROUP BY m",
		"CREATE MATERIALIZED VIEW onkeyed AS SELECT n % 10 AS d, count(*) AS c FROM per GROUP BY n % 10")
	stop()
	d.verify("per", "copy", "self", "onview", "onkeyed")
	if got := d.one("SELECT sum(n) FROM per"); got != fmt.Sprint(n) {
		t.Errorf("%s of %d rows", got, n)
	}
}

// fillRestartRows are several chunks, without the race detector.
var fillRestartRows = map[bool]int{false: 150_000, true: 20_000}[raceEnabled]

// TestFillRestart stops the engine in the middle of backfills from a table, a view that fills itself,
// and a source.
func TestFillRestart(t *testing.T) {
	f := newFeed("restart", 3000)
	d := open(t)
	d.run(fillTable, source("s", "restart"), "CREATE MATERIALIZED VIEW main_ AS SELECT k, count(*) AS n FROM s GROUP BY k")
	d.fill(0, fillRestartRows)
	d.until("the main reader has read", func() bool { return d.one("SELECT sum(n) FROM main_") == "3000" })
	f.set(func() { f.chunk = 0 })
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, text := range []string{
		"CREATE MATERIALIZED VIEW copy AS SELECT id, g, v FROM t",
		"CREATE MATERIALIZED VIEW second AS SELECT k, max(v) AS top, count(*) AS n FROM s GROUP BY k",
	} {
		wg.Go(func() { tryOn(ctx, d.Engine, text) }) //nolint:errcheck // given up below
	}
	d.until("both views exist", func() bool { return len(d.Catalog().Objects()) == 5 })
	wg.Go(func() {
		tryOn(ctx, d.Engine, "CREATE MATERIALIZED VIEW oncopy AS SELECT g, sum(v) AS total FROM copy GROUP BY g")
	}) //nolint:errcheck // given up below
	d.until("three views exist", func() bool { return len(d.Catalog().Objects()) == 6 })
	running := func(name string) bool { return d.Catalog().ByName("public", name).State == catalog.Running }
	if running("second") {
		t.Error("the fill from the source is over already")
	}
	for range 3 {
		d.restart()
		d.run("UPDATE t SET v = v + 1 WHERE id % 1009 = 1")
		f.set(func() { f.have["0"], f.chunk = f.have["0"]+10, 1 })
		time.Sleep(5 * time.Millisecond)
		if _, err := d.try("SELECT * FROM second"); err == nil && !running("second") {
			t.Error("a view is readable before it is filled")
		}
	}
	cancel()
	wg.Wait()
	f.set(func() { f.chunk = 100 })
	for _, name := range []string{"copy", "second", "oncopy"} {
		d.until(name+" is filled", func() bool { return running(name) })
	}
	d.until("all is read", func() bool { return d.one("SELECT sum(n) FROM second") == fmt.Sprint(f.have["0"]) })
	d.verify("copy", "second", "oncopy", "main_")
}

// TestFillOnFilling checks that a view is not ready before the one that it reads.
func TestFillOnFilling(t *testing.T) {
	f := newFeed("filling", 1000)
	d := open(t)
	d.run(source("s", "filling"), "CREATE MATERIALIZED VIEW main_ AS SELECT k, count(*) AS n FROM s GROUP BY k")
	d.until("the main reader has read", func() bool { return d.one("SELECT sum(n) FROM main_") == "1000" })
	f.set(func() { f.chunk = 0 }) // the backfill stands still
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tryOn(ctx, d.Engine, "CREATE MATERIALIZED VIEW low AS SELECT k, sum(v) AS n FROM s GROUP BY k")
	}) //nolint:errcheck // given up below
	d.until("low exists", func() bool { return d.Catalog().ByName("public", "low") != nil })
	wg.Go(func() { tryOn(ctx, d.Engine, "CREATE MATERIALIZED VIEW high AS SELECT count(*) AS n FROM low") }) //nolint:errcheck // given up below
	d.until("high exists", func() bool { return d.Catalog().ByName("public", "high") != nil })
	time.Sleep(20 * time.Millisecond)
	if got := d.Catalog().ByName("public", "high").State; got != catalog.Creating {
		t.Errorf("high is %s while low is being filled", got)
	}
	f.set(func() { f.chunk = 100 })
	d.until("high is filled", func() bool { return d.Catalog().ByName("public", "high").State == catalog.Running })
	cancel()
	wg.Wait()
	d.verify("low", "high")
}

// TestDropDuringFill drops views and the source under a backfill.
func TestDropDuringFill(t *testing.T) {
	f := newFeed("dropped", 5000)
	d := open(t)
	before := runtime.NumGoroutine()
	for _, drop := range []string{"DROP MATERIALIZED VIEW second", "DROP SOURCE s CASCADE"} {
		f.set(func() { f.chunk = 100 })
		d.run(strings.Replace(source("s", "dropped"), "SOURCE", "SOURCE IF NOT EXISTS", 1),
			"CREATE MATERIALIZED VIEW IF NOT EXISTS main_ AS SELECT k, count(*) AS n FROM s GROUP BY k")
		d.until("the main reader has read", func() bool { return d.one("SELECT sum(n) FROM main_") == "5000" })
		f.set(func() { f.chunk = 1 })
		failed := make(chan error, 1)
		go func() {
			_, err := d.try("CREATE MATERIALIZED VIEW second AS SELECT k, v FROM s WHERE v < 500")
			failed <- err
		}()
		d.until("second exists", func() bool { return d.Catalog().ByName("public", "second") != nil })
		d.run(drop)
		if err := <-failed; err == nil || !strings.Contains(err.Error(), "dropped") {
			t.Errorf("%s: CREATE says %v", drop, err)
		}
	}
	if len(d.Catalog().Objects()) != 0 || len(d.fills) != 0 || len(d.sources) != 0 {
		t.Errorf("left over: %v %v %v", d.Catalog().Objects(), d.fills, d.sources)
	}
	d.until("the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	if n := storedKeys(d, 2); n > 0 {
		t.Errorf("%d keys are left in the store", n)
	}
}

// TestFillFails checks that a backfill which cannot go on takes back the statement, says why, and
// leaves the rest alone.
func TestFillFails(t *testing.T) {
	f := newFeed("failing", 1000)
	d := open(t)
	d.run(source("s", "failing"), "CREATE MATERIALIZED VIEW main_ AS SELECT k, count(*) AS n FROM s GROUP BY k")
	d.until("the main reader has read", func() bool { return d.one("SELECT sum(n) FROM main_") == "1000" })
	f.set(func() { f.fail = errors.New("the disk is on fire") })
	_, err := d.try("CREATE MATERIALIZED VIEW second AS SELECT k, v FROM s")
	if err == nil || !strings.Contains(err.Error(), "on fire") {
		t.Errorf("CREATE says %v", err)
	}
	if d.Catalog().ByName("public", "second") != nil {
		t.Error("the view is still there")
	}
	d.until("the status says it", func() bool { return strings.Contains(d.status("s").Message, "on fire") })
	steps := d.Metrics().Steps.Load()
	time.Sleep(50 * time.Millisecond)
	if n := d.Metrics().Steps.Load() - steps; n > 1 {
		t.Errorf("%d epochs with a source that has failed", n)
	}
	if got := d.one("SELECT sum(n) FROM main_"); got != "1000" {
		t.Errorf("main_ has %s rows", got)
	}

	// One that is interrupted and cannot be read after a restart.
	f.set(func() { f.fail, f.chunk = nil, 0 })
	d.restart()
	ctx, cancel := context.WithCancel(context.Background())
	cancelled := make(chan struct{})
	go func() {
		tryOn(ctx, d.Engine, "CREATE MATERIALIZED VIEW third AS SELECT k, v FROM s") //nolint:errcheck // given up
		close(cancelled)
	}()
	d.until("third exists", func() bool { return d.Catalog().ByName("public", "third") != nil })
	cancel()
	<-cancelled
	d.stop()
	f.set(func() { f.unread = errors.New("no such file") })
	d.start()
	d.until("third has failed", func() bool { return d.Catalog().ByName("public", "third").State == catalog.Failed })
	if _, err := d.try("SELECT * FROM third"); sqlerr.As(err) == nil || sqlerr.As(err).Code != sqlerr.ObjectNotInPrerequisite {
		t.Errorf("reading it says %v", err)
	}
	if _, err := d.try("CREATE MATERIALIZED VIEW onthird AS SELECT * FROM third"); err == nil {
		t.Error("a view can be made over one that has stopped")
	}
	d.run("DROP MATERIALIZED VIEW third")
}

// TestWiderSource adds views that need more columns while rows arrive: none may be lost or doubled,
// and what is bad in any column is reported once.
func TestWiderSource(t *testing.T) {
	f := newFeed("wide", 0)
	d := open(t)
	d.run(badSource("s", "wide"))
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-end:
				return
			default:
				f.set(func() {
					f.have["0"] += 13
					if i%4 == 0 { // partitions appear
						f.have[fmt.Sprint(i/50)] += 7
					}
				})
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	cols := []string{"k", "v", "i", "at"}
	for i, c := range cols {
		time.Sleep(5 * time.Millisecond)
		d.run(fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS SELECT %s AS x, part, count(*) AS n FROM s GROUP BY %s, part", i, c, c))
	}
	d.run("CREATE MATERIALIZED VIEW vbad AS SELECT count(*) AS n, sum(poison) AS s FROM s")
	d.restart()
	close(end)
	wg.Wait()
	sum, bad := int64(0), int64(0)
	for _, n := range f.have {
		sum, bad = sum+n, bad+n/100
	}
	d.until("all is read", func() bool { return d.one("SELECT n FROM vbad") == fmt.Sprint(sum-bad) })
	d.verify("vbad")
	r, err := d.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if list, err := r.SourceErrors(); err != nil || int64(len(list)) != bad {
		t.Errorf("%d bad records are reported (%v), want %d", len(list), err, bad)
	}
}

// TestRecreated drops the last view of a source and makes another in one turn of the loop: the new
// one reads everything, also after a restart.
func TestRecreated(t *testing.T) {
	f := newFeed("recreated", 1000)
	d := open(t)
	d.run(source("s", "recreated"))
	for i := range 5 {
		name := fmt.Sprintf("v%d", i)
		d.run("CREATE MATERIALIZED VIEW " + name + " AS SELECT k, count(*) AS n FROM s GROUP BY k")
		d.until("all is read", func() bool { return d.one("SELECT sum(n) FROM "+name) == "1000" })
		d.restart()
		if got := d.one("SELECT sum(n) FROM " + name); got != "1000" {
			t.Fatalf("%s rows after the restart", got)
		}
		d.verify(name)
		if i == 3 { // what failed leaves a position behind
			f.set(func() { f.ended = true })
			d.circuit.Flow(d.Catalog().ByName("public", name).ID).Stop(errors.New("stopped by the test"))
			d.run("CREATE TABLE wake (a int)")
			d.until("it has failed", func() bool { return d.Catalog().ByName("public", name).State == catalog.Failed })
			d.restart()
			f.set(func() { f.chunk = 0 })
			d.run("CREATE MATERIALIZED VIEW v9 AS SELECT k, count(*) AS n FROM s GROUP BY k")
			f.set(func() { f.chunk = 100 })
			d.restart()
			d.until("all is read", func() bool { return d.one("SELECT sum(n) FROM v9") == "1000" })
			d.verify("v9")
			d.run("DROP MATERIALIZED VIEW v9")
		}
		d.run("DROP MATERIALIZED VIEW " + name)
	}
}

// storedKeys counts the keys in all spaces but the first ones: those of the store and the catalog.
func storedKeys(d *db, least byte) (n int) {
	d.Helper()
	snap := d.Store().Snapshot()
	defer snap.Close()
	if err := snap.Scan([]byte{least}, nil, false, func(k, _ []byte) (bool, error) { n++; return true, nil }); err != nil {
		d.Fatal(err)
	}
	return n
}
