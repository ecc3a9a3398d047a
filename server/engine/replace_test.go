package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// definitions are what the view is replaced by in turn.
var definitions = []string{
	"SELECT k, sum(v) AS total FROM t GROUP BY k",
	"SELECT k, sum(v * 2) AS total FROM t WHERE v > 1 GROUP BY k",
	"SELECT k, count(*)::numeric AS total FROM a GROUP BY k",
	"SELECT k, max(total)::numeric AS total FROM young GROUP BY k",
}

func replaceText(n int) string {
	return "CREATE OR REPLACE MATERIALIZED VIEW r AS " + definitions[n%len(definitions)]
}

// TestReplaceAtAnyWrite replaces a view that another view and an index hang on, over and over, while
// rows change, and crashes at random writes of the store. After each crash the view has the one
// definition or the other, whole, and what reads it agrees.
func TestReplaceAtAnyWrite(t *testing.T) {
	crashes := 40
	if s := os.Getenv("TIDEMILL_CRASHES"); s != "" {
		crashes, _ = strconv.Atoi(s)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	feed := fmt.Sprintf("replace-%d", seed)
	f := newFeed(feed, 1000)
	mem, next, row := vfs.NewCrashableMem(), 0, 0
	for n := range crashes + 1 {
		at := 1 + rng.Int64N(1<<rng.IntN(12))
		if n == crashes {
			at = 1 << 60
		}
		c := newCrasher(mem, []int{0, 50, 100}[rng.IntN(3)], at, rng)
		d := &db{TB: t, fs: c.fs(), cfg: Config{Workers: 1 + rng.IntN(3), Check: true, SyncInterval: 2e6, MemoryLimit: 1 << 30}}
		if err := d.tryStart(); err != nil {
			t.Fatalf("crash %d: open: %v", n, err)
		}
		for _, text := range []string{
			"CREATE TABLE IF NOT EXISTS t (id bigint, k bigint, v bigint)",
			"CREATE SOURCE IF NOT EXISTS a " + feedColumns + " WITH (connector = 'testfeed', feed = '" + feed + "')",
			"CREATE MATERIALIZED VIEW IF NOT EXISTS r AS " + definitions[0],
			"CREATE MATERIALIZED VIEW IF NOT EXISTS above AS SELECT count(*) AS n, sum(total) AS total FROM r",
			"CREATE INDEX IF NOT EXISTS r_total ON r (total)",
			"CREATE MATERIALIZED VIEW IF NOT EXISTS young AS SELECT k, v AS total FROM t WHERE v < 5",
		} {
			if _, err := d.try(text); err != nil {
				t.Fatalf("crash %d: %s: %v", n, text, err)
			}
		}
		d.verify("r", "above")
		last := n == crashes
		for i := 0; !c.crashed.Load() && !(last && i == 12); i++ {
			row++
			d.mayFail(c, fmt.Sprintf("INSERT INTO t SELECT %d + g, g %% 7, (g * %d) %% 11 FROM generate_series(1, 20) AS g", row*100, row))
			d.mayFail(c, replaceText(next))
			if next++; next%3 == 0 {
				d.mayFail(c, fmt.Sprintf("DELETE FROM t WHERE id < %d", row*100-500))
			}
		}
		if last {
			c.crashed.Store(true)
			d.verify("r", "above")
			f.set(func() { f.ended = true }) // else a SELECT over the source waits for more
			if got, want := d.query("SELECT k, total FROM r"), d.query("SELECT k, total FROM ("+definitions[(next-1)%len(definitions)]+") AS x"); !slices.Equal(got, want) {
				t.Errorf("the view has %v, want %v", got, want)
			}
			if got, want := d.one("SELECT count(*) FROM r WHERE total >= 0"), d.one("SELECT count(*) FROM r WHERE total + 0 >= 0"); got != want {
				t.Errorf("the index has %s rows, want %s", got, want)
			}
		}
		d.stop()
		mem = c.clone
	}
}

// mayFail runs a statement that the crash may interrupt.
func (d *db) mayFail(c *crasher, text string) {
	d.Helper()
	if _, err := d.try(text); err != nil && !c.crashed.Load() {
		d.Fatalf("%s: %v", text, err)
	}
}
