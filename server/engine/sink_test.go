package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tidemill/connector"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// dest is the destination of a sink under a test's control. It keeps the epoch with the data.
type dest struct {
	mu       sync.Mutex
	content  map[string]int64
	epoch    uint64
	writes   int
	closed   int
	names    map[string]bool
	before   func() error // called before the data is taken
	after    func() error // called after it: the sink sees a failure of what has happened
	unopened error
	hang     chan struct{} // not nil: Write waits for it
}

var dests sync.Map

func newDest(name string) *dest {
	d := &dest{content: map[string]int64{}, names: map[string]bool{}}
	dests.Store(name, d)
	return d
}

func (d *dest) lines() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for k, w := range d.content {
		for range w {
			out = append(out, k)
		}
		if w < 0 {
			out = append(out, fmt.Sprintf("%d of %s", w, k))
		}
	}
	slices.Sort(out)
	return out
}

func init() {
	connector.Register(connector.Spec{
		Name: "testdest", Options: []connector.Option{{Name: "dest", Required: true}}, Guarantee: connector.ExactlyOnce,
		OpenWriter: func(c *connector.WriterConfig) (connector.Writer, error) {
			v, _ := dests.Load(c.Options.Get("dest"))
			d := v.(*dest)
			d.mu.Lock()
			defer d.mu.Unlock()
			d.names[c.Name] = true
			return &destWriter{d}, d.unopened
		},
	})
}

type destWriter struct{ d *dest }

func (w *destWriter) Committed(context.Context) (uint64, error) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	return w.d.epoch, nil
}

func (w *destWriter) Close() error {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.d.closed++
	return nil
}

func (w *destWriter) Write(ctx context.Context, epoch uint64, deltas []*rows.Batch) error {
	d := w.d
	d.mu.Lock()
	hang := d.hang
	d.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.before != nil {
		if err := d.before(); err != nil {
			return err
		}
	}
	if epoch <= d.epoch {
		return fmt.Errorf("epoch %d after %d", epoch, d.epoch)
	}
	d.epoch = epoch
	d.writes++
	for _, b := range deltas {
		for i, line := range texts(b) {
			if d.content[line] += b.Weight(b.Row(i)); d.content[line] == 0 {
				delete(d.content, line)
			}
		}
	}
	if d.after != nil {
		return d.after()
	}
	return nil
}

// TestSinkExactlyOnce delivers through failures before and after the destination has the data, through
// restarts and crashes.
func TestSinkExactlyOnce(t *testing.T) {
	to := newDest("exact")
	rng := rand.New(rand.NewPCG(5, 6))
	flaky := func() error {
		if rng.IntN(3) == 0 {
			return errors.New("no answer")
		}
		return nil
	}
	to.before, to.after = flaky, flaky
	mem := vfs.NewCrashableMem()
	d := openOn(t, mem)
	d.run(fillTable, "CREATE MATERIALIZED VIEW per AS SELECT g, count(*) AS n, sum(v) AS total FROM t GROUP BY g",
		"CREATE SINK out FROM per WITH (connector = 'testdest', dest = 'exact')")
	for i := range 30 {
		d.fill(i*100, i*100+50)
		d.run(fmt.Sprintf("UPDATE t SET v = v + 1 WHERE g = %d", i%10))
		switch i % 10 {
		case 4:
			d.restart()
		case 9: // a crash
			to.mu.Lock() // nothing is delivered between the crash and the end of the old engine
			left := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
			to.before = func() error { return errors.New("crashed") }
			to.mu.Unlock()
			d.stop()
			to.mu.Lock()
			to.before = flaky
			to.mu.Unlock()
			mem = left
			d.fs = mem
			d.start()
		}
	}
	to.mu.Lock()
	to.before, to.after = nil, nil
	to.mu.Unlock()
	d.until("all is delivered", func() bool { return slices.Equal(to.lines(), d.query("SELECT * FROM per")) })
	if len(to.names) != 1 {
		t.Errorf("the sink had the names %v", to.names)
	}
	id := d.Catalog().ByName("public", "out").ID
	d.until("the log is cut", func() bool { return sinkLog(d, id) == 0 })
	to.mu.Lock()
	closed := to.closed
	to.mu.Unlock()
	d.run("DROP SINK out")
	d.until("the writer is closed", func() bool { to.mu.Lock(); defer to.mu.Unlock(); return to.closed > closed })
}

// TestSinkCrash crashes the engine at random writes while it delivers: the destination and the view
// agree in the end.
func TestSinkCrash(t *testing.T) {
	rng := rand.New(rand.NewPCG(rand.Uint64(), 6))
	to := newDest("crash")
	mem := vfs.NewCrashableMem()
	id := 0
	for n := range 25 {
		at := 20 + rng.Int64N(200)
		if n == 24 {
			at = 1 << 60
		}
		c := newCrasher(mem, []int{0, 50, 100}[n%3], at, rng)
		d := &db{TB: t, fs: c.fs(), cfg: Config{Workers: 2, Check: true, SyncInterval: time.Millisecond, MemoryLimit: 1 << 30}}
		// Nothing reaches the destination after the crash.
		to.mu.Lock()
		to.before = func() error {
			if c.crashed.Load() {
				return errors.New("crashed")
			}
			return nil
		}
		to.mu.Unlock()
		d.start()
		d.run("CREATE TABLE IF NOT EXISTS t (id int, g int)",
			"CREATE MATERIALIZED VIEW IF NOT EXISTS per AS SELECT g, count(*) AS n FROM t GROUP BY g",
			"CREATE SINK IF NOT EXISTS out FROM per WITH (connector = 'testdest', dest = 'crash')")
		if n == 24 {
			d.until("all is delivered", func() bool { return slices.Equal(to.lines(), d.query("SELECT * FROM per")) })
		}
		for ; n < 24 && !c.crashed.Load(); id++ {
			if _, err := d.try(fmt.Sprintf("INSERT INTO t VALUES (%d, %d)", id, id%7)); err != nil {
				t.Fatal(err)
			}
		}
		d.stop()
		mem = c.clone
	}
}

// TestSlowSink checks that a destination which hangs holds up neither views nor Close, and that one
// which cannot be opened does not keep the server from starting.
func TestSlowSink(t *testing.T) {
	to := newDest("slow")
	to.hang = make(chan struct{})
	d := open(t)
	d.run(fillTable, "CREATE SINK out AS SELECT id, v FROM t WITH (connector = 'testdest', dest = 'slow')",
		"CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM t")
	start := time.Now()
	for i := range 20 {
		d.fill(i*10, i*10+10)
	}
	if got := d.one("SELECT n FROM n"); got != "200" || time.Since(start) > 5*time.Second {
		t.Errorf("%s rows after %v", got, time.Since(start))
	}
	start = time.Now()
	to.mu.Lock()
	to.unopened = errors.New("no route to host")
	to.mu.Unlock()
	d.restart()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the restart took %v", took)
	}
	d.until("the status says it", func() bool { return strings.Contains(d.status("out").Message, "no route") })
	to.mu.Lock()
	to.unopened, to.hang = nil, nil
	to.mu.Unlock()
	d.until("all is delivered", func() bool { return len(to.lines()) == 200 })
	d.until("the status is well", func() bool { return d.status("out").Message == "" })
}

// TestSinkAhead refuses to go on when the destination holds what this database has not reached.
func TestSinkAhead(t *testing.T) {
	to := newDest("ahead")
	d := open(t)
	d.run(fillTable, "CREATE SINK out AS SELECT id, v FROM t WITH (connector = 'testdest', dest = 'ahead')")
	d.fill(0, 10)
	d.until("all is delivered", func() bool { return len(to.lines()) == 10 })
	d.stop()
	to.epoch += 3
	d.start()
	for i := range 10 {
		d.fill(10+i, 11+i)
	}
	d.until("the status says it", func() bool { return strings.Contains(d.status("out").Message, "had not reached") })
	if n := len(to.lines()); n != 10 {
		t.Errorf("%d rows were delivered", n)
	}
}

// sinkLog counts the entries of a sink's log.
func sinkLog(d *db, id uint32) (n int) {
	d.Helper()
	snap := d.Store().Snapshot()
	defer snap.Close()
	lower, upper := state.TableSpan(state.SpaceSinkLog, state.TableID(id))
	if err := snap.Scan(lower, upper, false, func(_, _ []byte) (bool, error) { n++; return true, nil }); err != nil {
		d.Fatal(err)
	}
	return n
}
