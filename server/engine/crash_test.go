package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// crasher is a file system that takes a copy of what a crash would leave at the n-th write.
type crasher struct {
	mem     *vfs.MemFS
	keep    int // percent of what is not synced that survives
	rng     *rand.Rand
	left    atomic.Int64
	crashed atomic.Bool
	clone   *vfs.MemFS
	done    chan struct{}
}

func newCrasher(mem *vfs.MemFS, keep int, at int64, rng *rand.Rand) *crasher {
	c := &crasher{mem: mem, keep: keep, rng: rng, done: make(chan struct{})}
	c.left.Store(at)
	return c
}

func (c *crasher) fs() vfs.FS {
	return errorfs.Wrap(c.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && c.left.Add(-1) == 0 {
			c.clone = c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.keep, RNG: c.rng})
			c.crashed.Store(true)
			close(c.done)
		}
		return nil
	}))
}

// crashViews have an operator each, over the two feeds and over the table that statements change.
var crashViews = []struct{ name, query string }{
	{"grouped", "SELECT k, count(*) AS n, sum(v) AS total, min(v) AS low, count(DISTINCT v % 5) AS d FROM a GROUP BY k"},
	{"joined", "SELECT a.k, a.i, b.v FROM a JOIN b ON a.i = b.i WHERE a.v < 300"},
	{"windowed", "SELECT window_start, k % 3 AS g, sum(v) AS total FROM tumble(a, at, interval '1 second') GROUP BY window_start, k % 3"},
	{"sessions", "SELECT k, window_start, window_end, count(*) AS n, sum(v) AS total FROM session(a, at, interval '2 seconds', k) GROUP BY k, window_start, window_end"},
	{"timed", "SELECT i, v FROM a WHERE at > now() - interval '200 years' AND at < now() - interval '1 second'"},
	{"top", "SELECT i, v FROM a ORDER BY v DESC, i LIMIT 10"},
	{"logged", "SELECT i, v FROM a WHERE v > 800"},
	{"stacked", "SELECT total % 7 AS g, count(*) AS n FROM grouped GROUP BY total % 7"},
	{"tabled", "SELECT k, count(*) AS n, max(v) AS top FROM t GROUP BY k"},
	{"mixed", "SELECT t.k, t.v, grouped.n FROM t LEFT JOIN grouped ON t.k = grouped.k"},
}

func crashDDL(name string) []string {
	list := []string{
		"CREATE TABLE IF NOT EXISTS t (id bigint, k bigint, v bigint)",
		strings.Replace(source("a", name+"-a"), "SOURCE", "SOURCE IF NOT EXISTS", 1),
		strings.Replace(source("b", name+"-b"), "SOURCE", "SOURCE IF NOT EXISTS", 1),
	}
	for _, v := range crashViews {
		list = append(list, "CREATE MATERIALIZED VIEW IF NOT EXISTS "+v.name+" AS "+v.query)
	}
	list = append(list, "CREATE INDEX IF NOT EXISTS t_k ON t (k)", "CREATE INDEX IF NOT EXISTS grouped_n ON grouped (n DESC)")
	return list
}

const crashRows = 6000

// crashSession is the life of one database through many crashes.
type crashSession struct {
	t     *testing.T
	name  string
	rng   *rand.Rand
	next  int
	acked map[int]bool // inserted for sure; false = deleted for sure
	open  map[int]bool // the outcome is unknown
	ddl   map[string]bool
}

// insert adds and deletes rows of t until the crash and notes what was acknowledged before it.
func (s *crashSession) insert(d *db, c *crasher) {
	for !c.crashed.Load() {
		s.next++
		text := fmt.Sprintf("INSERT INTO t VALUES (%d, %d, %d)", s.next, s.next%20, s.next%7)
		id, present := s.next, true
		if victim := s.next - 40; s.next%5 == 0 && s.acked[victim] {
			id, present = victim, false
			text = fmt.Sprintf("DELETE FROM t WHERE id = %d", victim)
		}
		_, err := d.try(text)
		if c.crashed.Load() || err != nil {
			s.open[id] = true
			delete(s.acked, id)
			return
		}
		s.acked[id] = present
	}
}

// check compares t with what was acknowledged.
func (s *crashSession) check(d *db, when string) {
	s.t.Helper()
	for _, q := range [][2]string{ // by an index, and by a scan
		{"SELECT count(*) FROM t WHERE k >= 0", "SELECT count(*) FROM t WHERE k + 0 >= 0"},
		{"SELECT sum(total) FROM grouped WHERE n > 0", "SELECT sum(total) FROM grouped WHERE n + 0 > 0"},
	} {
		if got, want := d.one(q[0]), d.one(q[1]); got != want {
			s.t.Errorf("%s: %s gives %s, want %s", when, q[0], got, want)
		}
	}
	have := map[int]int{}
	for _, line := range d.query("SELECT id FROM t") {
		id, _ := strconv.Atoi(line)
		have[id]++
	}
	for id, present := range s.acked {
		if want := map[bool]int{true: 1}[present]; have[id] != want {
			s.t.Errorf("%s: acknowledged row %d is there %d times, want %d", when, id, have[id], want)
		}
	}
	for id := range have {
		if _, ok := s.acked[id]; !ok && (!s.open[id] || have[id] != 1) {
			s.t.Errorf("%s: row %d is there %d times", when, id, have[id])
		}
	}
}

// life opens the database, lets it work, crashes it, and so on; the last time it may finish.
func (s *crashSession) life(crashes int, want map[string][]string) {
	mem := vfs.NewCrashableMem()
	fa, fb := newFeed(s.name+"-a", 0), newFeed(s.name+"-b", 0)
	for n := range crashes + 1 {
		last := n == crashes
		at := int64(1) << 60
		if !last {
			at = 1 + s.rng.Int64N(1<<s.rng.IntN(10))
		}
		keep := []int{0, 50, 100}[s.rng.IntN(3)]
		when := fmt.Sprintf("%s, crash %d at write %d, %d%% kept", s.name, n, at, keep)
		c := newCrasher(mem, keep, at, s.rng)
		d := &db{TB: s.t, fs: c.fs(), cfg: Config{Workers: 1 + s.rng.IntN(3), Check: true, SyncInterval: 2e6, MemoryLimit: 1 << 30}}
		err := d.tryStart()
		if err != nil {
			s.t.Fatalf("%s: open: %v", when, err)
		}
		for text := range s.ddl {
			name := strings.Fields(text)[5]
			if strings.Contains(text, "MATERIALIZED") {
				name = strings.Fields(text)[6]
			}
			if d.Catalog().ByName("public", name) == nil {
				s.t.Fatalf("%s: the acknowledged %s is gone", when, name)
			}
		}
		var wg sync.WaitGroup
		stop := make(chan struct{})
		wg.Go(func() { // rows come in while everything happens
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-c.done:
					return
				default:
				}
				f := []*feed{fa, fb}[i%2]
				f.set(func() { f.have["0"] = min(f.have["0"]+17, crashRows) })
			}
		})
		for _, text := range crashDDL(s.name) {
			if _, err := d.try(text); err != nil {
				s.t.Fatalf("%s: %s: %v", when, text, err)
			}
			if !c.crashed.Load() {
				s.ddl[text] = true
			}
		}
		if n > 0 {
			s.check(d, when)
		}
		if last {
			c.crashed.Store(true)
			for _, f := range []*feed{fa, fb} {
				f.set(func() { f.have["0"], f.ended = crashRows, true })
			}
			d.until("the feeds are read", d.Drained)
			for _, v := range crashViews {
				if got := d.query("SELECT * FROM " + v.name); want[v.name] != nil && !slices.Equal(got, want[v.name]) {
					s.t.Errorf("%s: %s has %d rows, want %d, or others", when, v.name, len(got), len(want[v.name]))
				}
			}
			d.verify(viewNames()...)
		} else {
			s.insert(d, c)
			if !c.crashed.Load() {
				<-c.done
			}
		}
		close(stop)
		wg.Wait()
		d.stop()
		mem = c.clone
	}
}

func viewNames() []string {
	var out []string
	for _, v := range crashViews {
		out = append(out, v.name)
	}
	return out
}

// TestCrashAtAnyWrite is R1 for the whole engine: sources, all kinds of views and statements, crashed
// at random writes of the store. TIDEMILL_CRASHES sets the number of crashes.
func TestCrashAtAnyWrite(t *testing.T) {
	total := 120
	if s := os.Getenv("TIDEMILL_CRASHES"); s != "" {
		total, _ = strconv.Atoi(s)
	}
	// What the views over the feeds come to without a crash.
	for _, n := range []string{"calm-a", "calm-b"} {
		newFeed(n, crashRows).set(func() {})
	}
	calm := open(t)
	calm.run(crashDDL("calm")...)
	calm.until("the feeds are read", func() bool {
		return calm.one("SELECT sum(n) FROM grouped") == fmt.Sprint(crashRows) && calm.status("b").Position == fmt.Sprintf(`{"0":"%d"}`, crashRows)
	})
	want := map[string][]string{}
	for _, v := range crashViews {
		if v.name != "tabled" && v.name != "mixed" {
			want[v.name] = calm.query("SELECT * FROM " + v.name)
		}
	}
	calm.verify(viewNames()...)
	const lives = 10
	for n := 0; n*lives < total && !t.Failed(); n++ {
		seed := rand.Uint64()
		s := &crashSession{
			t: t, name: fmt.Sprintf("life-%d", seed), rng: rand.New(rand.NewPCG(seed, 1)),
			acked: map[int]bool{}, open: map[int]bool{}, ddl: map[string]bool{},
		}
		s.life(lives, want)
	}
}
