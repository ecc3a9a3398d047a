package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// operatorViews has a view for every kind of operator with state, and for each way in which one is
// placed: by its key, by fewer columns, by the same in another order, all in one place.
var operatorViews = map[string]string{
	"agg":        "SELECT a, count(*) AS n, sum(b) AS s, min(c) AS lo, max(c) AS hi FROM x GROUP BY a",
	"aggtwice":   "SELECT a, b, count(*) AS n FROM (SELECT a, b, c, count(*) AS n FROM x GROUP BY a, b, c) q GROUP BY a, b",
	"aggfewer":   "SELECT a, b, max(n) AS n FROM (SELECT a, b, count(*) AS n, max(c) AS c FROM x GROUP BY a, b) q GROUP BY a, b",
	"aggdist":    "SELECT a, count(DISTINCT b) AS d, sum(DISTINCT c) AS s, string_agg(DISTINCT b::text, ',' ORDER BY b::text) AS l FROM x GROUP BY a",
	"aggafter":   "SELECT b, a, min(n) AS n FROM (SELECT a, b, n FROM (SELECT a, count(*) AS n, max(b) AS b FROM x GROUP BY a) p) q GROUP BY b, a",
	"global":     "SELECT count(*) AS n, sum(b) AS s, min(c) AS lo FROM x",
	"globaltwo":  "SELECT n % 3 AS r, count(*) AS k FROM (SELECT count(*) AS n FROM x) q GROUP BY n % 3",
	"distinct_":  "SELECT DISTINCT a, b FROM x",
	"distaft":    "SELECT DISTINCT n, a FROM (SELECT a, count(*) AS n FROM x GROUP BY a) q",
	"distone":    "SELECT DISTINCT n, s FROM (SELECT count(*) AS n, sum(a) AS s FROM x) q",
	"joined":     "SELECT x.a, x.b, y.c FROM x JOIN y ON x.a = y.a",
	"leftjoin":   "SELECT x.a, x.c, y.b FROM x LEFT JOIN y ON x.a = y.a AND x.b = y.b",
	"fulljoin":   "SELECT x.a, x.c, y.c AS d FROM x FULL JOIN y ON x.b = y.b AND x.c = y.c",
	"joinagg":    "SELECT p.a, p.b, p.n, y.c FROM (SELECT a, b, count(*) AS n FROM x GROUP BY a, b) p JOIN y ON p.b = y.b AND p.a = y.a",
	"joinfewer":  "SELECT p.a, p.n, y.c FROM (SELECT a, count(*) AS n, max(b) AS b FROM x GROUP BY a) p JOIN y ON p.b = y.b AND p.a = y.a",
	"joinagg2":   "SELECT p.a, p.n, q.n AS m FROM (SELECT a, count(*) AS n FROM x GROUP BY a) p LEFT JOIN (SELECT a, count(*) AS n FROM y GROUP BY a) q ON p.a = q.a",
	"aggjoin":    "SELECT x.a, x.c, count(*) AS n, max(y.b) AS b FROM x JOIN y ON x.a = y.a GROUP BY x.a, x.c",
	"cross_":     "SELECT p.n, y.a FROM (SELECT count(*) AS n FROM x) p CROSS JOIN y",
	"nonequi":    "SELECT p.n, q.m FROM (SELECT a, count(*) AS n FROM x GROUP BY a) p JOIN (SELECT a, count(*) AS m FROM y GROUP BY a) q ON p.n > q.m",
	"semi":       "SELECT a, c FROM x WHERE a IN (SELECT b FROM y)",
	"anti":       "SELECT a, c FROM x WHERE NOT EXISTS (SELECT 1 FROM y WHERE y.a = x.a AND y.b = x.b)",
	"notin_":     "SELECT a, c FROM x WHERE a NOT IN (SELECT c FROM y WHERE c IS NOT NULL)",
	"asof_":      "SELECT x.a, x.c, y.c AS d FROM x ASOF LEFT JOIN y ON x.a = y.a AND x.at >= y.at",
	"asoffewer":  "SELECT p.a, p.n, y.c FROM (SELECT a, count(*) AS n, max(b) AS b FROM x GROUP BY a) p ASOF JOIN y ON p.b = y.b AND p.a = y.a AND p.n < y.c",
	"interval_":  "SELECT x.id AS x, y.id AS y FROM x LEFT JOIN y ON x.a = y.a AND y.at BETWEEN x.at - interval '5 minutes' AND x.at",
	"interfewer": "SELECT p.a, p.n, y.c FROM (SELECT a, count(*) AS n, max(b) AS b FROM x GROUP BY a) p FULL JOIN y ON p.b = y.b AND p.a = y.a AND p.n < y.c",
	"unioned":    "SELECT a, b FROM x UNION SELECT b, a FROM y",
	"unionall":   "SELECT a, count(*) AS n FROM (SELECT a FROM x UNION ALL SELECT b FROM y) q GROUP BY a",
	"intersect_": "SELECT a, b FROM x INTERSECT SELECT a, b FROM y",
	"except_":    "SELECT a, b FROM x EXCEPT ALL SELECT b, a FROM y",
	"topn":       "SELECT a, b, c FROM x ORDER BY c DESC, a, b LIMIT 7 OFFSET 2",
	"topper":     "SELECT a, b, c FROM (SELECT *, row_number() OVER (PARTITION BY a ORDER BY c, b) AS r FROM x) q WHERE r <= 2",
	"topaft":     "SELECT a, b, n FROM (SELECT *, row_number() OVER (PARTITION BY b, a ORDER BY n) AS r FROM (SELECT a, b, c, count(*) AS n FROM x GROUP BY a, b, c) p) q WHERE r <= 1",
	"topfew":     "SELECT a, n FROM (SELECT *, row_number() OVER (PARTITION BY b, a ORDER BY n) AS r FROM (SELECT a, max(b) AS b, count(*) AS n FROM x GROUP BY a) p) q WHERE r <= 1",
	"hopped":     "SELECT window_start, a % 4 AS g, count(*) AS n, max(c) AS hi FROM hop(x, at, interval '1 minute', interval '3 minutes') GROUP BY window_start, a % 4",
	"matches":    "SELECT * FROM x MATCH_RECOGNIZE (PARTITION BY a ORDER BY at, id MEASURES FIRST(id) AS f, LAST(id) AS l, sum(up.c) AS s, MATCH_NUMBER() AS n AFTER MATCH SKIP TO NEXT ROW PATTERN (s0 up+ down?) DEFINE up AS c > PREV(c), down AS c < FIRST(c))",
	"matchfewer": "SELECT * FROM (SELECT a, b, c, count(*) AS n FROM x GROUP BY a, b, c) AS p MATCH_RECOGNIZE (PARTITION BY b, a ORDER BY c, n MEASURES LAST(c) AS l, sum(n) AS s PATTERN (s0 up*) DEFINE up AS n >= PREV(n))",
	"sessions":   "SELECT window_start, a, b, count(*) AS n, max(c) AS hi FROM session(x, at, interval '20 seconds', b, a) GROUP BY window_start, a, b",
	"sessioned":  "SELECT window_end, id, a FROM session(x, at, interval '2 seconds', a)",
	"timed":      "SELECT a, b, at FROM x WHERE at > now() - interval '200 years'",
	"exploded":   "SELECT g, count(*) AS n FROM x, generate_series(1, x.a % 3) AS g GROUP BY g",
	"valued":     "SELECT v.n, count(x.a) AS c FROM (VALUES (1), (2), (3)) v(n) LEFT JOIN x ON x.a = v.n GROUP BY v.n",
	"onview":     "SELECT n % 5 AS g, count(*) AS k, max(hi) AS hi FROM agg GROUP BY n % 5",
}

// TestWorkersChange changes the number of workers at restarts; all views stay right.
func TestWorkersChange(t *testing.T) {
	d := open(t, func(c *Config) { c.Workers = 1 })
	for _, name := range []string{"x", "y"} {
		d.run("CREATE TABLE " + name + " (id int PRIMARY KEY, a int, b int, c int, at timestamp)")
	}
	r := rand.New(rand.NewPCG(3, 4))
	next := 0
	change := func(n int) {
		for range n {
			name := string("xy"[r.IntN(2)])
			switch r.IntN(6) {
			case 0:
				d.run(fmt.Sprintf("DELETE FROM %s WHERE id %% 23 = %d", name, r.IntN(23)))
			case 1:
				d.run(fmt.Sprintf("UPDATE %s SET a = (a + 1) %% 12, c = c + 1 WHERE id %% 17 = %d", name, r.IntN(17)))
			default:
				d.run(fmt.Sprintf(`INSERT INTO %s SELECT g, (g * 7 %% 12), (g * 5 %% 9), nullif(g * 3 %% 8, 0), timestamp '2024-01-01' + g * interval '1 second'
					FROM generate_series(%d, %d) g`, name, next, next+20))
				next += 21
			}
		}
	}
	change(10)
	d.run("CREATE MATERIALIZED VIEW agg AS " + operatorViews["agg"])
	names := []string{"agg"}
	for name, query := range operatorViews {
		if name == "agg" {
			continue
		}
		if _, err := d.try("CREATE MATERIALIZED VIEW " + name + " AS " + query); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		names = append(names, name)
	}
	for _, workers := range []int{1, 4, 2, 3, 1} {
		d.stop()
		d.cfg.Workers = workers
		d.start()
		change(8)
		d.verify(names...)
		if t.Failed() {
			t.Fatalf("with %d workers", workers)
		}
	}
}
