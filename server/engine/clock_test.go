package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// manual is a clock that a test moves.
type manual struct{ us atomic.Int64 }

func newManual(text string) *manual {
	at, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	m := &manual{}
	m.us.Store(at.UnixMicro())
	return m
}

func (m *manual) Now() time.Time          { return time.UnixMicro(m.us.Load()).UTC() }
func (m *manual) advance(d time.Duration) { m.us.Add(d.Microseconds()) }

// move advances the clock and waits for the epoch of the new time.
func (d *db) move(m *manual, by time.Duration) {
	d.Helper()
	m.advance(by)
	d.wake()
	want := m.us.Load()
	want -= want % time.Second.Microseconds()
	d.until("the epoch of the new time", func() bool {
		snap := d.Store().Snapshot()
		defer snap.Close()
		now, err := readNow(snap)
		return err == nil && now == want
	})
}

func onClock(m *manual) func(*Config) {
	return func(c *Config) { c.Now = m.Now }
}

// TestTemporalFilter lets rows arrive and expire while nothing else happens, over restarts.
func TestTemporalFilter(t *testing.T) {
	m := newManual("2024-03-01 10:00:00")
	d := open(t, onClock(m))
	d.run("CREATE TABLE t (id int PRIMARY KEY, at timestamptz, v int)",
		"CREATE MATERIALIZED VIEW recent AS SELECT id FROM t WHERE at > now() - INTERVAL '1 hour' AND at <= now()",
		"CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n, sum(v) AS s FROM t WHERE at + INTERVAL '1 hour' > now() AND NOT at > now()",
		"CREATE MATERIALIZED VIEW chained AS SELECT t.id, t.v FROM recent JOIN t ON t.id = recent.id",
		"CREATE MATERIALIZED VIEW plain AS SELECT count(*) AS n FROM t",
		`INSERT INTO t VALUES (1, '2024-03-01 09:30+00', 1), (2, '2024-03-01 10:00+00', 2), (3, '2024-03-01 10:20+00', 4),
			(4, '2024-03-01 08:00+00', 8), (5, 'infinity', 16), (6, '-infinity', 32), (7, NULL, 64), (8, '2024-03-01 09:00+00', 128)`)
	expect := func(ids, total string) {
		t.Helper()
		if got := strings.Join(d.query("SELECT id FROM recent"), " "); got != ids {
			t.Errorf("at %v: rows %s, want %s", m.Now(), got, ids)
		}
		if got := strings.Join(d.query("SELECT id FROM chained"), " "); got != ids {
			t.Errorf("at %v: joined rows %s, want %s", m.Now(), got, ids)
		}
		if got := d.one("SELECT * FROM total"); got != total {
			t.Errorf("at %v: total %s, want %s", m.Now(), got, total)
		}
		d.verify("recent", "total", "chained", "plain")
	}
	expect("1 2", "2 3")
	d.move(m, 20*time.Minute)
	expect("1 2 3", "3 7")
	d.restart()
	expect("1 2 3", "3 7")
	d.run("DELETE FROM t WHERE id = 2", "UPDATE t SET v = 100 WHERE id = 4")
	expect("1 3", "2 5")
	d.move(m, 10*time.Minute)
	expect("3", "1 4")
	d.run("UPDATE t SET at = '2024-03-01 10:29+00' WHERE id IN (1, 4)")
	expect("1 3 4", "3 105")
	d.stop()
	m.advance(59 * time.Minute) // downtime
	d.start()
	d.move(m, time.Second)
	expect("", "0 NULL")
}

// TestIdleWithoutClock checks that only views that depend on the time make epochs.
func TestIdleWithoutClock(t *testing.T) {
	m := newManual("2024-03-01 10:00:00")
	d := open(t, onClock(m))
	d.run("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)", "CREATE MATERIALIZED VIEW plain AS SELECT count(*) AS n FROM t")
	before := d.Store().Epoch()
	m.advance(time.Minute)
	d.wake()
	time.Sleep(20 * time.Millisecond)
	if after := d.Store().Epoch(); after != before {
		t.Errorf("an idle engine went from epoch %d to %d", before, after)
	}
	d.run("CREATE MATERIALIZED VIEW late AS SELECT id FROM t WHERE at < now()")
	d.move(m, time.Minute)
	d.run("DROP MATERIALIZED VIEW late")
	before = d.Store().Epoch()
	m.advance(time.Minute)
	d.wake()
	time.Sleep(20 * time.Millisecond)
	if after := d.Store().Epoch(); after != before {
		t.Errorf("after the drop the engine went from epoch %d to %d", before, after)
	}
}

// TestClockGoesBack checks that the time of views does not.
func TestClockGoesBack(t *testing.T) {
	m := newManual("2024-03-01 10:00:00")
	d := open(t, onClock(m))
	d.run("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)", "CREATE MATERIALIZED VIEW past AS SELECT id FROM t WHERE at <= now()",
		"INSERT INTO t VALUES (1, '2024-03-01 09:59:30+00')")
	m.advance(-time.Minute)
	d.run("INSERT INTO t VALUES (2, '2024-03-01 09:59:45+00')")
	d.verify("past")
	d.restart()
	d.run("INSERT INTO t VALUES (3, '2024-03-01 10:00:00+00'), (4, '2024-03-01 10:00:01+00')")
	if got := d.one("SELECT count(*) FROM past"); got != "3" {
		t.Errorf("%s rows", got)
	}
	d.verify("past")
}

// TestTemporalRandom drives views of many forms through random changes, ticks and restarts with other
// numbers of workers, and compares them with their definitions at the epoch's time.
func TestTemporalRandom(t *testing.T) {
	views := []string{
		"SELECT id, v FROM t WHERE at > now() - INTERVAL '1 minute'",
		"SELECT v, count(*) AS n, min(at) AS lo FROM t WHERE at BETWEEN now() - INTERVAL '2 minutes' AND now() + INTERVAL '30 seconds' GROUP BY v",
		"SELECT at, v FROM bag WHERE at < now() AND v <> 1",
		"SELECT v FROM bag WHERE at >= current_timestamp - INTERVAL '90 seconds'",
		"SELECT a.id, b.id AS other FROM t a JOIN t b ON a.v = b.v AND a.id < b.id AND a.at > now() WHERE b.at > now() - INTERVAL '1 minute'",
		"SELECT a.id, b.id AS other FROM t a LEFT JOIN (SELECT * FROM t WHERE at > now() - INTERVAL '1 minute') b ON a.v = b.v AND a.id <> b.id",
		"SELECT v, max(at) AS last FROM t GROUP BY v HAVING max(at) > now() - INTERVAL '1 minute'",
		"SELECT id FROM t WHERE EXISTS (SELECT 1 FROM bag WHERE bag.v = t.v AND bag.at > now())",
		"SELECT window_start, count(*) AS n FROM TUMBLE(t, at, INTERVAL '20 seconds') WHERE window_end > now() GROUP BY window_start",
		"SELECT id FROM t WHERE at::date = current_date",
		"SELECT id FROM t WHERE extract(epoch FROM at)::bigint * 1000 > extract(epoch FROM now())::bigint * 1000 - 60000",
		"SELECT id, at FROM t WHERE at < now() ORDER BY at DESC LIMIT 3",
		"SELECT DISTINCT v FROM bag WHERE date_trunc('minute', at) <= date_trunc('minute', now())",
	}
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := newManual("2024-03-01 23:57:00")
		d := open(t, onClock(m))
		d.run("CREATE TABLE t (id int PRIMARY KEY, at timestamptz, v int)", "CREATE TABLE bag (at timestamptz, v int)")
		var names []string
		change := func() {
			at := m.Now().Add(time.Duration(r.IntN(300)-150) * time.Second).Format("2006-01-02 15:04:05Z07")
			switch r.IntN(5) {
			case 0:
				d.run(fmt.Sprintf("DELETE FROM t WHERE v = %d", r.IntN(6)), fmt.Sprintf("DELETE FROM bag WHERE v = %d", r.IntN(6)))
			case 1:
				d.run(fmt.Sprintf("UPDATE t SET at = '%s' WHERE id %% 3 = %d", at, r.IntN(3)))
			case 2:
				d.run(fmt.Sprintf("INSERT INTO bag VALUES ('%s', %d), ('%s', %d), (NULL, 1)", at, r.IntN(6), at, r.IntN(6)))
			default:
				id := r.IntN(40)
				d.run(fmt.Sprintf("DELETE FROM t WHERE id = %d", id), fmt.Sprintf("INSERT INTO t VALUES (%d, '%s', %d)", id, at, r.IntN(6)))
			}
		}
		for range 20 {
			change()
		}
		for i, v := range views {
			names = append(names, fmt.Sprintf("v%d", i))
			d.run(fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS %s", i, v))
		}
		for range 12 {
			for range r.IntN(6) {
				change()
			}
			switch r.IntN(3) {
			case 0:
				d.move(m, time.Duration(1+r.IntN(60))*time.Second)
			case 1:
				m.advance(time.Duration(r.IntN(5000)) * time.Millisecond)
			}
			if r.IntN(4) == 0 {
				d.stop()
				d.cfg.Workers = 1 + r.IntN(4)
				d.start()
			}
			d.verify(names...)
		}
		d.stop()
	}
}
