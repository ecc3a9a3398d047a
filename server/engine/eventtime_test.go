package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// timedSource is a source over a feed with a watermark; rows of a partition are 10 ms apart.
func timedSource(name, feed, more string) string {
	s := strings.Replace(source(name, feed), "at timestamp", "at timestamp, WATERMARK FOR at AS at - INTERVAL '1 second'", 1)
	return strings.Replace(s, "feed = ", more+"feed = ", 1)
}

const closedView = ` AS SELECT window_end, count(*) AS n FROM TUMBLE(s, at, INTERVAL '1 second') GROUP BY window_end`

// TestWatermarkOfPartitions has partitions of different speed, one that turns up late, restarts in
// between and a view that is created afterwards.
func TestWatermarkOfPartitions(t *testing.T) {
	f := newFeed("partitions", 2000)
	f.set(func() { f.have["1"] = 500 })
	d := open(t)
	d.run(timedSource("s", "partitions", ""),
		"CREATE MATERIALIZED VIEW closed"+closedView+" EMIT ON WINDOW CLOSE",
		"CREATE MATERIALIZED VIEW every"+closedView)
	closed := func(want string) {
		t.Helper()
		d.until("closed windows are "+want, func() bool { return d.one("SELECT count(*) || ' ' || coalesce(sum(n), 0) FROM closed") == want })
		d.verify("closed", "every")
	}
	closed("3 600") // partition 1 has come to 4.99 s
	d.restart()
	closed("3 600")
	f.set(func() { f.have["0"], f.have["1"] = 3000, 2500 })
	closed("23 4600")
	f.set(func() { f.have["2"] = 1000 }) // up to 9.99 s: all of it is late
	d.until("late rows are kept", func() bool { return d.one("SELECT count(*) FROM s_late WHERE part = '2'") == "1000" })
	closed("23 4600")
	d.restart()
	d.run("CREATE MATERIALIZED VIEW second"+closedView+" EMIT ON WINDOW CLOSE", "CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n FROM s")
	d.until("the new views have caught up", func() bool {
		return d.one("SELECT n FROM total") == "5500" && d.one("SELECT sum(n) FROM second") == "4600"
	})
	d.verify("closed", "every", "second", "total")
	// Unread for a while, the source goes on where it was.
	d.run("DROP MATERIALIZED VIEW closed", "DROP MATERIALIZED VIEW every", "DROP MATERIALIZED VIEW second", "DROP MATERIALIZED VIEW total",
		"CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n FROM s")
	d.until("it is read again", func() bool { return d.one("SELECT n FROM total") == "5500" })
	if got := d.one("SELECT count(*) FROM s_late"); got != "1000" {
		t.Errorf("%s late rows", got)
	}
	d.verify("total")
}

// TestIdlePartition lets a partition without rows drop out.
func TestIdlePartition(t *testing.T) {
	f := newFeed("idle", 1000)
	f.set(func() { f.have["1"] = 100 })
	d := open(t)
	d.run(timedSource("s", "idle", "watermark_idle_timeout = '100 milliseconds', "),
		"CREATE MATERIALIZED VIEW closed"+closedView+" EMIT ON WINDOW CLOSE")
	d.until("all is read", func() bool { return d.status("s").Rows == 1100 })
	time.Sleep(300 * time.Millisecond) // both are idle: the watermark stays
	f.set(func() { f.have["0"] = 1100 })
	d.until("the watermark is that of the other partition", func() bool { return d.one("SELECT count(*) FROM closed") == "9" })
	d.restart()
	f.set(func() { f.have["0"] = 1200 })
	d.until("it is still idle after a restart", func() bool { return d.one("SELECT count(*) FROM closed") == "10" })
	d.verify("closed")
}

// TestStateIsBounded reads a long stream and looks at the state that is left.
func TestStateIsBounded(t *testing.T) {
	const n = 60_000
	newFeed("long", n)
	d := open(t)
	d.run(timedSource("s", "long", ""),
		"CREATE MATERIALIZED VIEW grouped WITH (require_bounded_state = true) AS SELECT date_trunc('second', at) AS sec, k, count(*) AS n FROM s GROUP BY sec, k",
		"CREATE MATERIALIZED VIEW pairs WITH (require_bounded_state = true) AS SELECT DISTINCT a.at, b.k FROM s a JOIN s b ON a.at = b.at AND a.i = b.i",
		"CREATE MATERIALIZED VIEW top WITH (require_bounded_state = true) AS SELECT sec, v FROM (SELECT date_trunc('second', at) AS sec, v, row_number() OVER (PARTITION BY date_trunc('second', at) ORDER BY v) AS r FROM s) x WHERE r <= 3")
	d.until("all is read", func() bool {
		return d.one("SELECT sum(n) FROM grouped") == fmt.Sprint(n) && d.one("SELECT count(*) FROM pairs") == fmt.Sprint(n)
	})
	for _, v := range []string{"grouped", "pairs", "top"} {
		if got := d.status(v).StateRows; got > 5000 {
			t.Errorf("%s keeps %d entries of %d rows", v, got, n)
		}
	}
	d.verify("grouped", "pairs", "top")
}
