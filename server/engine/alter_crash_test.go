package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tidemill/sql/types"
)

// TestAlterAtAnyWrite stops while a table is written anew, at any write: what was answered is there after
// that, what was not is there as a whole or not at all, and the table's rows and view are right.
func TestAlterAtAnyWrite(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	mem, rows := vfs.NewCrashableMem(), 0
	kept, wanted := types.Int8, types.Int8 // the column's type: as last answered, as last asked for
	for n := range 30 {
		at := 1 + rng.Int64N(1<<rng.IntN(11))
		if n == 29 {
			at = 1 << 60
		}
		c := newCrasher(mem, []int{0, 50, 100}[rng.IntN(3)], at, rng)
		d := &db{TB: t, fs: c.fs(), cfg: Config{Workers: 1 + rng.IntN(3), Check: true, SyncInterval: 2e6, MemoryLimit: 1 << 30}}
		if err := d.tryStart(); err != nil {
			t.Fatalf("crash %d: open: %v", n, err)
		}
		d.run("CREATE TABLE IF NOT EXISTS t (id bigint PRIMARY KEY, k bigint, w bigint, UNIQUE (w))",
			"CREATE MATERIALIZED VIEW IF NOT EXISTS per AS SELECT k, count(*) AS n FROM t GROUP BY k")
		d.verify("per")
		o := d.cat.Load().ByName("public", "t")
		if got := o.Columns[2].Type.ID; got != kept && got != wanted {
			t.Fatalf("crash %d: the column has type %v, want %v or %v", n, got, kept, wanted)
		} else if len(o.Scratch) > 0 {
			t.Errorf("crash %d: scratch tables are left", n)
		} else {
			kept = got
		}
		if got := d.one("SELECT count(*) FROM t WHERE w::text = (id * 3)::text"); got != d.one("SELECT count(*) FROM t") {
			t.Errorf("crash %d: the column is right in %s rows", n, got)
		}
		for i := 0; !c.crashed.Load() && i < 12; i++ {
			value, alter := "g * 3", "ALTER TABLE t ALTER COLUMN w TYPE text USING w::text"
			wanted = types.Text
			if kept == types.Text {
				value, alter = "(g * 3)::text", "ALTER TABLE t ALTER COLUMN w TYPE bigint USING w::bigint"
				wanted = types.Int8
			}
			d.mayFail(c, fmt.Sprintf("INSERT INTO t SELECT g, g %% 7, %s FROM generate_series(%d, %d) AS g", value, rows, rows+19))
			rows += 20
			if c.crashed.Load() {
				wanted = kept
				break
			}
			if _, err := d.try(alter); err == nil && !c.crashed.Load() {
				kept = wanted
			} else if !c.crashed.Load() {
				t.Fatalf("%s: %v", alter, err)
			}
		}
		if n == 29 {
			c.crashed.Store(true)
			d.verify("per")
		}
		d.stop()
		if c.clone != nil {
			mem = c.clone
		}
	}
}
