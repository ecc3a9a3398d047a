package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestJourney is the shortest way through everything.
func TestJourney(t *testing.T) {
	newFeed("journey", 1000)
	d := open(t)
	d.run("CREATE TABLE t (id int PRIMARY KEY, g int, v int)",
		source("s", "journey"),
		"CREATE MATERIALIZED VIEW per AS SELECT g, count(*) AS n, sum(v) AS total FROM t GROUP BY g",
		"CREATE MATERIALIZED VIEW hot AS SELECT k, count(*) AS n, max(v) AS top FROM s GROUP BY k",
		"CREATE MATERIALIZED VIEW both_ AS SELECT per.g, per.n, hot.top FROM per JOIN hot ON per.g = hot.k")
	d.fill(0, 100)
	d.run("UPDATE t SET v = v + 1 WHERE g = 3", "DELETE FROM t WHERE id < 5")
	d.until("the source is read", func() bool { return d.one("SELECT sum(n) FROM hot") == "1000" })
	d.verify("per", "hot", "both_")
	d.restart()
	d.fill(100, 200)
	d.verify("per", "hot", "both_")
	if got := d.one("SELECT sum(n) FROM per"); got != "195" {
		t.Errorf("%s rows", got)
	}
}

// TestChecksUnderPipelining changes many keys in each of many epochs, so that an epoch is still being
// applied when the next one is computed and checked.
func TestChecksUnderPipelining(t *testing.T) {
	const n, chunk = 50_000, 5_000
	f := newFeed("pipelined", 0)
	f.chunk = chunk
	memtable = 256 << 10
	defer func() { memtable = 4 << 20 }()
	slow := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".sst") {
			time.Sleep(10 * time.Millisecond) // until the store makes commits wait
		}
		return nil
	}))
	d := openOn(t, slow, func(c *Config) { c.StepRows = chunk })
	d.run(source("s", "pipelined"), "CREATE MATERIALIZED VIEW v AS SELECT i % 4999 AS g, count(*) AS n, max(v) AS top FROM s GROUP BY i % 4999")
	f.set(func() { f.have["0"], f.ended = n, true })
	d.until("the source is read", func() bool { return d.Drained() || d.Err() != nil })
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	d.verify("v")
}
