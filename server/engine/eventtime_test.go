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

// TestJoinStateIsBounded joins a long stream with another by distances, versions, windows and sessions,
// and looks at the state that is left while it goes on.
func TestJoinStateIsBounded(t *testing.T) {
	n := int64(30_000)
	left, right := newFeed("long left", n), newFeed("long right", n)
	d := open(t)
	d.run(timedSource("s", "long left", ""), timedSource("r", "long right", ""))
	const near = "s.at BETWEEN r.at - INTERVAL '1500 milliseconds' AND r.at + INTERVAL '500 milliseconds'"
	views := map[string]string{
		"near":     "SELECT count(*) AS n FROM s JOIN r ON s.k = r.k AND " + near,
		"lefts":    "SELECT count(*) AS n, count(r.i) AS m FROM s LEFT JOIN r ON s.k = r.k AND s.v < r.v AND " + near,
		"fulls":    "SELECT count(*) AS n, count(r.i) AS m FROM s FULL JOIN r ON s.k = r.k AND s.v < r.v AND " + near,
		"semi":     "SELECT count(*) AS n FROM s WHERE EXISTS (SELECT 1 FROM r WHERE s.k = r.k AND s.v < r.v AND " + near + ")",
		"grouped":  "SELECT count(*) AS n FROM s JOIN (SELECT date_trunc('second', at) AS sec, k, count(*) AS c FROM r GROUP BY 1, 2) AS r ON s.k = r.k AND s.at >= r.sec AND s.at < r.sec + INTERVAL '1 second'",
		"versions": "SELECT count(*) AS n, sum(r.v) AS v FROM s JOIN r FOR SYSTEM_TIME AS OF s.at AS r ON s.k = r.k",
		"windows":  "SELECT count(*) AS n FROM TUMBLE(s, at, INTERVAL '1 second') AS s JOIN TUMBLE(r, at, INTERVAL '1 second') AS r ON s.window_start = r.window_start AND s.window_end = r.window_end AND s.k = r.k",
		"sessions": "SELECT k, window_end, count(*) AS n FROM SESSION(s PARTITION BY k, at, INTERVAL '500 milliseconds') GROUP BY k, window_start, window_end EMIT ON WINDOW CLOSE",
		"ranked":   "SELECT window_end, i, rank() OVER (PARTITION BY window_end ORDER BY v) AS place FROM TUMBLE(s, at, INTERVAL '1 second') EMIT ON WINDOW CLOSE",
	}
	for name, q := range views {
		d.run("CREATE MATERIALIZED VIEW " + name + " WITH (require_bounded_state = true) AS " + q)
	}
	read := func() bool { return int64(d.status("s").Rows) == n && int64(d.status("r").Rows) == n }
	d.until("all is read", read)
	for name := range views {
		d.until("state of "+name+" is dropped", func() bool {
			if d.status(name).StateRows < 7500 {
				return true
			}
			// A sweep comes with rows: one source may have run far ahead of the other until the end.
			if read() {
				n += 1000
				left.set(func() { left.have["0"] = n })
				right.set(func() { right.have["0"] = n })
			}
			return false
		})
		d.until("all is read", read)
		d.verify(name)
	}
	if got := d.one("SELECT n FROM versions"); got != fmt.Sprint(n) {
		t.Errorf("%s rows with a version", got)
	}
}

// TestEndOfSource closes what is open when a source has been read in full, in this and the next life.
func TestEndOfSource(t *testing.T) {
	f := newFeed("ends", 1000)
	d := open(t)
	d.run(timedSource("s", "ends", "allowed_lateness = '1 second', "),
		"CREATE MATERIALIZED VIEW closed"+closedView+" EMIT ON WINDOW CLOSE",
		"CREATE MATERIALIZED VIEW sessions AS SELECT window_end, count(*) AS n FROM SESSION(s, at, INTERVAL '1 second') GROUP BY window_end EMIT ON WINDOW CLOSE")
	d.until("all but the last second is closed", func() bool { return d.one("SELECT sum(n) FROM closed") == "800" })
	f.set(func() { f.ended = true })
	d.until("all is closed", func() bool {
		return d.one("SELECT sum(n) FROM closed") == "1000" && d.one("SELECT sum(n) FROM sessions") == "1000"
	})
	d.verify("closed", "sessions")
	d.restart()
	d.run("CREATE MATERIALIZED VIEW later" + closedView + " EMIT ON WINDOW CLOSE")
	d.until("a new view is closed too", func() bool { return d.one("SELECT sum(n) FROM later") == "1000" })
	d.verify("closed", "sessions", "later")
}

// TestFarAhead lets rows with times in the future not move the watermark.
func TestFarAhead(t *testing.T) {
	m := newManual("2024-03-01 12:00:00")
	d := open(t, onClock(m))
	d.run("CREATE TABLE s (id int, at timestamp, WATERMARK FOR at AS at) WITH (watermark_max_ahead = '1 minute')",
		"CREATE MATERIALIZED VIEW n AS SELECT at, id FROM s EMIT ON WINDOW CLOSE",
		"INSERT INTO s VALUES (1, '2024-03-01 11:59:00'), (2, '2099-01-01')",
		"INSERT INTO s VALUES (3, '2024-03-01 12:00:30'), (4, '2024-03-01 11:59:30')")
	if got := fmt.Sprint(d.query("SELECT id FROM n ORDER BY id")); got != "[1 4]" {
		t.Errorf("closed rows %s", got)
	}
	if got := d.one("SELECT count(*) FROM s_late"); got != "0" {
		t.Errorf("%s late rows", got)
	}
	d.verify("n")
}
