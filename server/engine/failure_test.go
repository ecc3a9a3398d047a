package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"tidemill/catalog"
	"tidemill/exec/view"
	"tidemill/sql/sqlerr"
)

func code(err error) sqlerr.Code {
	if e := sqlerr.As(err); e != nil {
		return e.Code
	}
	return ""
}

// TestMemoryLimit lets one view outgrow the memory: it stops with what reads it, gives its memory back,
// and everything else goes on, also after a restart.
func TestMemoryLimit(t *testing.T) {
	d := open(t, func(c *Config) { c.MemoryLimit = 6 << 20 })
	d.run(fillTable, "CREATE MATERIALIZED VIEW small AS SELECT g, count(*) AS n FROM t GROUP BY g",
		"CREATE MATERIALIZED VIEW big AS SELECT id, v, count(*) AS n, max(g) AS m FROM t GROUP BY id, v",
		"CREATE MATERIALIZED VIEW onbig AS SELECT count(*) AS n FROM big")
	state := func(name string) catalog.State { return d.Catalog().ByName("public", name).State }
	rows := 0
	for ; rows < 400_000 && state("big") == catalog.Running; rows += 4000 {
		d.fill(rows, rows+4000)
	}
	if state("big") != catalog.Failed || state("onbig") != catalog.Failed || state("small") != catalog.Running {
		t.Fatalf("after %d rows: big %s, onbig %s, small %s", rows, state("big"), state("onbig"), state("small"))
	}
	if reason := d.status("big").Message; !strings.Contains(reason, "out of memory") {
		t.Errorf("the status says %q", reason)
	}
	if used := d.budget.Used(); used > 1<<20 {
		t.Errorf("%d bytes are still accounted for", used)
	}
	if got := d.one("SELECT n FROM onbig"); got != fmt.Sprint(rows-4000) {
		t.Errorf("the last good content has %s rows, want %d", got, rows-4000)
	}
	if _, err := d.Verify(context.Background(), d.Catalog().ByName("public", "big"), 1); code(err) != sqlerr.ObjectNotInPrerequisite {
		t.Errorf("VERIFY says %v", err)
	}
	d.restart()
	d.fill(rows, rows+10)
	if got := d.one("SELECT sum(n) FROM small"); got != fmt.Sprint(rows+10) {
		t.Errorf("small has %s rows, want %d", got, rows+10)
	}
	d.verify("small")
	d.run("DROP MATERIALIZED VIEW big CASCADE")

	// State that fitted and does not after a restart stops its view, and not the server.
	d.cfg.MemoryLimit = 1 << 30
	d.restart()
	d.run("CREATE MATERIALIZED VIEW big AS SELECT id, v, count(*) AS n FROM t GROUP BY id, v",
		"CREATE MATERIALIZED VIEW onbig AS SELECT count(*) AS n FROM big")
	d.cfg.MemoryLimit = 2 << 20
	d.restart()
	d.run("CREATE TABLE other (a int)")
	if state("big") != catalog.Failed || state("onbig") != catalog.Failed || state("small") != catalog.Running {
		t.Errorf("after the restart: big %s, onbig %s, small %s", state("big"), state("onbig"), state("small"))
	}
	d.verify("small")
}

// TestOnErrorFail stops a view at the first row that fails, and leaves the others alone.
func TestOnErrorFail(t *testing.T) {
	d := open(t)
	d.run(fillTable)
	d.fill(1, 10)
	d.run("CREATE MATERIALIZED VIEW strict WITH (on_error = 'fail') AS SELECT id, 10 / id AS q FROM t",
		"CREATE MATERIALIZED VIEW lax AS SELECT id, 10 / id AS q FROM t")
	d.run("INSERT INTO t VALUES (0, 0, 0)")
	if st := d.status("strict"); st.Object.State != catalog.Failed || !strings.Contains(st.Message, "division by zero") {
		t.Errorf("strict is %s: %s", st.Object.State, st.Message)
	}
	d.verify("lax")
	_, err := d.try("CREATE MATERIALIZED VIEW never WITH (on_error = 'fail') AS SELECT id, 10 / id AS q FROM t")
	if code(err) != sqlerr.DivisionByZero || d.Catalog().ByName("public", "never") != nil {
		t.Errorf("CREATE says %v", err)
	}
	d.run("DELETE FROM t WHERE id = 0")
	r, _ := d.Reader()
	defer r.Close()
	if list, err := r.ViewErrors(); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
}

// TestViolation lets a dataflow make what its view cannot hold: it stops with what reads it and keeps its
// last good content; everything else goes on, also after a restart.
func TestViolation(t *testing.T) {
	d := open(t)
	d.run(fillTable)
	d.fill(0, 100)
	d.run("CREATE MATERIALIZED VIEW v AS SELECT g, count(*) AS n FROM t GROUP BY g",
		"CREATE MATERIALIZED VIEW onv AS SELECT sum(n) AS total FROM v",
		"CREATE MATERIALIZED VIEW other AS SELECT g, count(*) AS n FROM t GROUP BY g")
	def := d.views[d.Catalog().ByName("public", "v").ID].Def()
	def.Key = []int{1} // the counts, of which many groups have the same
	broken, err := view.New(def)
	if err != nil {
		t.Fatal(err)
	}
	before := d.one("SELECT count(*) FROM v")
	d.views[d.Catalog().ByName("public", "v").ID] = broken
	d.fill(100, 200)
	for range 2 {
		for name, want := range map[string]catalog.State{"v": catalog.Failed, "onv": catalog.Failed, "other": catalog.Running} {
			if st := d.status(name); st.Object.State != want {
				t.Errorf("%s is %s: %s", name, st.Object.State, st.Message)
			}
		}
		if got := d.one("SELECT sum(n) FROM other"); got != "200" {
			t.Errorf("other has %s rows", got)
		}
		d.verify("other")
		d.restart()
	}
	if msg := d.status("v").Message; !strings.Contains(msg, "under one key") {
		t.Errorf("the status says %q", msg)
	}
	if got := d.one("SELECT count(*) FROM v"); got != before {
		t.Errorf("v has %s rows instead of %s", got, before)
	}
	d.run("DROP MATERIALIZED VIEW v CASCADE", "CREATE MATERIALIZED VIEW v AS SELECT g, count(*) AS n FROM t GROUP BY g")
	d.verify("v")
}

// TestLongErrorRows diverts rows that are too long to be shown: each leaves when it is retracted.
func TestLongErrorRows(t *testing.T) {
	d := open(t)
	d.run("CREATE TABLE t (id int PRIMARY KEY, s text)", "CREATE MATERIALIZED VIEW v AS SELECT id, s::int AS n FROM t")
	for i := range 3 {
		d.run(fmt.Sprintf("INSERT INTO t VALUES (%d, repeat('ä', 9000) || '%d')", i, i))
	}
	count := func() (n int) {
		r, err := d.Reader()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		list, err := r.ViewErrors()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.Count != 1 || e.Code != "22P02" || len(e.Row) > maxErrorRow+100 {
				t.Errorf("%d of %s, %d bytes", e.Count, e.Code, len(e.Row))
			}
		}
		return len(list)
	}
	if n := count(); n != 3 {
		t.Errorf("%d errors", n)
	}
	d.run("DELETE FROM t WHERE id = 1")
	if n := count(); n != 2 {
		t.Errorf("%d errors after the deletion", n)
	}
}

// TestStatementsTogether runs statements that fail beside others in the same epochs.
func TestStatementsTogether(t *testing.T) {
	d := open(t)
	d.run(fillTable, "CREATE MATERIALIZED VIEW per AS SELECT g, count(*) AS n FROM t GROUP BY g")
	var wg sync.WaitGroup
	var inserted atomic.Int64
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				switch {
				case w == 0:
					name := fmt.Sprintf("w%d", i%3)
					d.try("CREATE MATERIALIZED VIEW " + name + " AS SELECT g, max(v) AS m FROM t GROUP BY g") //nolint:errcheck // may exist
					d.try("DROP MATERIALIZED VIEW " + name)                                                   //nolint:errcheck // may not exist
					d.try("CREATE SINK bad FROM t WITH (connector = 'file')")                                 //nolint:errcheck // fails
				case w == 1:
					d.try("CREATE TABLE u (a int); DROP TABLE u; DROP TABLE t; DROP SCHEMA public") //nolint:errcheck // the last ones fail
				default: // everybody wants the same keys
					_, err := d.try(fmt.Sprintf("INSERT INTO t SELECT g, g, 0 FROM generate_series(%d, %d) g", i*2, i*2+1))
					if err == nil {
						inserted.Add(2)
					} else if code(err) != sqlerr.UniqueViolation {
						t.Errorf("INSERT says %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	if got := d.one("SELECT count(*), count(DISTINCT id) FROM t"); got != "50 50" || inserted.Load() != 50 {
		t.Errorf("%s rows, %d acknowledged", got, inserted.Load())
	}
	d.verify("per")
	if n := len(d.circuit.Flows()); n != 1 {
		t.Errorf("%d dataflows", n)
	}
	d.restart()
	d.verify("per")
}

// TestCloseUnderLoad closes the engine under everything that may be going on, and leaves nothing behind.
func TestCloseUnderLoad(t *testing.T) {
	f := newFeed("load", 1<<40)
	f.chunk = 500
	before := runtime.NumGoroutine()
	d := open(t)
	newDest("load")
	d.run(fillTable, source("s", "load"))
	d.fill(0, 3_000)
	for range 4 {
		d.run("CREATE MATERIALIZED VIEW IF NOT EXISTS hot AS SELECT k, count(*) AS n FROM s GROUP BY k",
			"CREATE SINK IF NOT EXISTS out FROM hot WITH (connector = 'testdest', dest = 'load')")
		var wg sync.WaitGroup
		e := d.Engine
		for _, text := range []string{
			"INSERT INTO t SELECT max(id) + 1, 1, 1 FROM t", "SELECT a.v, count(*) FROM t a, t b, t c GROUP BY a.v",
			"CREATE MATERIALIZED VIEW fill AS SELECT k, v FROM s", "SELECT count(*) FROM s", "UPDATE t SET v = v + 1",
		} {
			for range 2 {
				wg.Go(func() {
					for range 1000 {
						_, err := tryOn(context.Background(), e, text)
						e.Statuses()
						if code(err) == sqlerr.AdminShutdown {
							return
						}
					}
				})
			}
		}
		time.Sleep(20 * time.Millisecond)
		start := time.Now()
		d.stop()
		if took := time.Since(start); took > 8*time.Second {
			t.Errorf("close took %v", took)
		}
		wg.Wait()
		d.start()
		d.run("DROP MATERIALIZED VIEW IF EXISTS fill")
	}
	d.stop()
	if !waitFor(func() bool { return runtime.NumGoroutine() <= before }) {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines are left of %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
	}
}

// TestStoreFailure fails a sync of the log: nothing is acknowledged any more, the engine ends, every
// call says so, and the directory holds what was acknowledged.
func TestStoreFailure(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var broken atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.HasSuffix(op.Path, ".log") {
			return errors.New("the disk is gone")
		}
		return nil
	}))
	d := &db{TB: t, fs: fs, cfg: Config{Workers: 2, Check: true, SyncInterval: time.Millisecond, MemoryLimit: 1 << 30}}
	d.start()
	d.run(fillTable, "CREATE MATERIALIZED VIEW per AS SELECT g, count(*) AS n FROM t GROUP BY g")
	d.fill(0, 10)
	broken.Store(true)
	if _, err := d.try("INSERT INTO t VALUES (100, 1, 1)"); err == nil {
		t.Error("an INSERT is acknowledged")
	}
	select {
	case <-d.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the engine goes on")
	}
	if d.Err() == nil {
		t.Error("the engine has no error")
	}
	if _, err := d.try("SELECT * FROM t"); code(err) != sqlerr.CannotConnectNow {
		t.Errorf("SELECT says %v", err)
	}
	if _, err := d.try("CREATE TABLE u (a int)"); err == nil {
		t.Error("a table can be created")
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := d.Close(); err == nil {
		t.Error("Close says nothing")
	}
	d = openOn(t, left)
	if got := d.one("SELECT count(*) FROM t"); got != "10" {
		t.Errorf("%s rows", got)
	}
	d.verify("per")
}
