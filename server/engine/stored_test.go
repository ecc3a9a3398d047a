package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tidemill/catalog"
	"tidemill/exec/state"
)

const storedRows = 400

// writeStored makes the data directory of testdata: all kinds of operators and storage with their
// state, a source in the middle, a sink whose log is not delivered, failed rows, names and roles.
func writeStored(t *testing.T, dir string) {
	newFeed("stored", storedRows).chunk = 50
	newDest("stored").before = func() error { return fmt.Errorf("not yet") }
	store, err := state.Open(state.Options{Dir: dir, MemTableBytes: 64 << 10}) // has tables, and a log
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(Config{Store: store, Workers: 2, Check: true})
	if err != nil {
		t.Fatal(err)
	}
	d := &db{TB: t, Engine: e}
	defer d.stop()
	for _, name := range []string{"x", "y"} {
		d.run("CREATE TABLE "+name+" (id int PRIMARY KEY, a int, b int, c int, at timestamp)",
			fmt.Sprintf(`INSERT INTO %s SELECT g, g * 7 %% 12, g * 5 %% 9, nullif(g * 3 %% 8, 0), timestamp '2024-01-01' + g * interval '1 second'
				FROM generate_series(1, 60) g`, name))
	}
	d.run("CREATE MATERIALIZED VIEW agg AS " + operatorViews["agg"])
	for name, query := range operatorViews {
		if name != "agg" {
			d.run("CREATE MATERIALIZED VIEW " + name + " AS " + query)
		}
	}
	d.run("CREATE TABLE bag (t text, n numeric(10,2), d date, j jsonb)", "INSERT INTO bag VALUES ('ä', 1.50, '2024-02-29', '{\"a\": 1}'), (NULL, NULL, NULL, NULL)",
		source("s", "stored"),
		"CREATE MATERIALIZED VIEW fromsource AS SELECT k, count(*) AS n, max(v) AS top FROM s GROUP BY k",
		"CREATE MATERIALIZED VIEW logged AS SELECT i, v, at FROM s WHERE v > 100",
		"CREATE MATERIALIZED VIEW errs AS SELECT id, 10 / a AS q FROM x",
		"CREATE VIEW plain AS SELECT a, b FROM x", "CREATE MATERIALIZED VIEW onplain AS SELECT a, count(*) AS n FROM plain GROUP BY a",
		"CREATE SINK out FROM fromsource WITH (connector = 'testdest', dest = 'stored')",
		"CREATE ROLE someone LOGIN", "CREATE SCHEMA other", "COMMENT ON TABLE x IS 'kept'")
	d.until("the source is read", func() bool { return d.one("SELECT sum(n) FROM fromsource") == fmt.Sprint(storedRows) })
	d.run("UPDATE x SET a = a + 1 WHERE id % 3 = 1", "DELETE FROM y WHERE id % 5 = 1")
}

// TestStoredByEarlierVersion opens the data directory in testdata, which an earlier build has written,
// and goes on with it. When a change makes this test fail, earlier directories do not open any more:
// give the changed form a new format number and read both. TIDEMILL_WRITE_STORED=1 writes a new
// directory beside those there are.
func TestStoredByEarlierVersion(t *testing.T) {
	if os.Getenv("TIDEMILL_WRITE_STORED") != "" {
		writeStored(t, filepath.Join("testdata", "stored", time.Now().UTC().Format("20060102-150405")))
	}
	dirs, err := filepath.Glob("testdata/stored/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no directories in testdata/stored", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			mine := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(mine, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			f := newFeed("stored", storedRows)
			to := newDest("stored")
			for _, workers := range []int{3, 2} {
				e, err := Open(Config{Dir: mine, Workers: workers, Check: true})
				if err != nil {
					t.Fatal(err)
				}
				d := &db{TB: t, Engine: e}
				var views []string
				for _, o := range d.Catalog().Objects() {
					if o.Kind == catalog.MaterializedView {
						views = append(views, o.Name)
					}
				}
				if len(views) < 20 {
					t.Fatalf("%d views", len(views))
				}
				d.verify(views...)
				f.set(func() { f.have["0"] += 100 })
				d.run("UPDATE x SET b = b + 1 WHERE id % 4 = 1", "DELETE FROM y WHERE id % 7 = 1",
					fmt.Sprintf("INSERT INTO x SELECT g, 1, 2, 3, timestamp '2024-01-02' FROM generate_series(%d, %d) g", 1000*workers, 1000*workers+9))
				d.until("the source goes on", func() bool { return d.one("SELECT sum(n) FROM fromsource") == fmt.Sprint(f.have["0"]) })
				d.verify(views...)
				d.until("the sink delivers", func() bool { return strings.Join(to.lines(), "\n") == d.one("SELECT * FROM fromsource") })
				d.stop()
			}
		})
	}
}

// TestNewerPlan refuses a plan that a newer build has stored, without changing anything.
func TestNewerPlan(t *testing.T) {
	d := open(t)
	d.run(fillTable, "CREATE MATERIALIZED VIEW per AS SELECT g, count(*) AS n FROM t GROUP BY g")
	plans := map[string]string{`"version":1`: `"version":3`, `"op":"hashagg","format":1`: `"op":"hashagg","format":9`, `"op":"hashagg"`: `"op":"unheard"`}
	for from, to := range plans {
		change := func(from, to string) {
			err := d.submit(t.Context(), func() error {
				o := *d.catalogNow().ByName("public", "per")
				if !strings.Contains(string(o.Plan), from) {
					t.Errorf("the plan has no %s", from)
				}
				o.Plan = []byte(strings.Replace(string(o.Plan), from, to, 1))
				d.put(&o)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		change(from, to)
		d.stop()
		for range 2 {
			if err := d.tryStart(); err == nil || !strings.Contains(err.Error(), "public.per") {
				t.Fatalf("%s: %v", to, err)
			} else {
				t.Log(err)
			}
		}
		d.Engine = nil
		// Take it back, as the newer build would find it.
		e, err := newEngine(d.withStore())
		if err != nil {
			t.Fatal(err)
		}
		snap := e.store.Snapshot()
		cat, _, err := readCatalog(snap)
		snap.Close()
		if err != nil {
			t.Fatal(err)
		}
		o := *cat.ByName("public", "per")
		o.Plan = []byte(strings.Replace(string(o.Plan), to, from, 1))
		c := e.store.NewCommit(e.store.Epoch() + 1)
		if err := writeCatalog(c.Writer(0), cat.WithObject(&o), cat); err != nil {
			t.Fatal(err)
		}
		if err := c.Apply(true); err != nil {
			t.Fatal(err)
		}
		if err := e.store.Close(); err != nil {
			t.Fatal(err)
		}
		d.start()
		d.verify("per")
	}
}

// TestIdle checks that an engine without input does nothing.
func TestIdle(t *testing.T) {
	newFeed("idle", 100)
	newDest("idle")
	d := open(t, func(c *Config) { c.SyncInterval = 100 * time.Millisecond })
	d.run(fillTable, source("s", "idle"), "CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n FROM s GROUP BY k",
		"CREATE SINK out FROM v WITH (connector = 'testdest', dest = 'idle')")
	d.fill(0, 100)
	time.Sleep(600 * time.Millisecond)
	epoch, steps, cpu := d.Store().Epoch(), d.Metrics().Steps.Load(), cpuTime(t)
	time.Sleep(500 * time.Millisecond)
	if e, s := d.Store().Epoch(), d.Metrics().Steps.Load(); e != epoch || s != steps {
		t.Errorf("%d epochs, %d steps", e-epoch, s-steps)
	}
	used := cpuTime(t) - cpu
	t.Logf("%v of processor time in 500ms", used)
	if used > 50*time.Millisecond && !raceEnabled {
		t.Errorf("%v of processor time in 500ms", used)
	}
}

func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestManyViews opens a catalog with many views. TIDEMILL_VIEWS sets their number.
func TestManyViews(t *testing.T) {
	n := 200
	if s := os.Getenv("TIDEMILL_VIEWS"); s != "" {
		fmt.Sscan(s, &n)
	}
	d := open(t, func(c *Config) { c.Check = false })
	d.run(fillTable)
	d.fill(0, 100)
	start := time.Now()
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				text := fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS SELECT g, count(*) AS n, sum(v + %d) AS s FROM t GROUP BY g", i, i)
				if _, err := d.try(text); err != nil {
					t.Errorf("%s: %v", text, err)
				}
			}
		})
	}
	wg.Wait()
	created := time.Since(start)
	start = time.Now()
	d.run("INSERT INTO t VALUES (1000, 1, 1)")
	insert := time.Since(start)
	d.stop()
	start = time.Now()
	d.start()
	opened := time.Since(start)
	start = time.Now()
	d.Statuses()
	t.Logf("%d views: created in %v, opened in %v, an INSERT that all see takes %v, Statuses %v", n, created, opened, insert, time.Since(start))
	d.verify("v0", fmt.Sprintf("v%d", n-1))
	start = time.Now()
	d.run("DROP TABLE t CASCADE")
	t.Logf("dropped in %v", time.Since(start))
	if left := storedKeys(d, 2); left != 0 {
		t.Errorf("%d keys are left", left)
	}
}
