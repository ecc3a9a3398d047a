package planner_test

import (
	"strings"
	"testing"

	"tidemill/catalog"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// scaling are views in whose single group, partition or key n rows meet. What a change of one row of
// the table changes costs must hardly grow with n. The row is one in the middle that moves, one that
// comes behind all others (append), or the first one that goes (first).
var scaling = []struct{ name, change, query string }{
	{"sum", "t", "SELECT k, count(*), sum(v), avg(v) FROM t GROUP BY k"},
	{"min", "t", "SELECT k, min(v), max(v) FROM t GROUP BY k"},
	{"count distinct", "t", "SELECT k, count(DISTINCT v), sum(DISTINCT v) FROM t GROUP BY k"},
	{"percentile", "t", "SELECT k, percentile_cont(0.5) WITHIN GROUP (ORDER BY v), percentile_disc(0.9) WITHIN GROUP (ORDER BY v DESC) FROM t GROUP BY k"},
	{"mode", "t", "SELECT k, mode() WITHIN GROUP (ORDER BY v) FROM t GROUP BY k"},
	{"hypothetical", "t", "SELECT k, rank(50) WITHIN GROUP (ORDER BY v), dense_rank(50) WITHIN GROUP (ORDER BY v) FROM t GROUP BY k"},
	{"first", "t", "SELECT k, first(v ORDER BY ts), last(v ORDER BY ts) FROM t GROUP BY k"},
	{"global", "t", "SELECT count(*), max(v) FROM t"},
	{"grouping sets", "t", "SELECT k, count(*), max(v) FROM t GROUP BY ROLLUP (k)"},
	{"tumble", "t", "SELECT window_start, max(v) FROM TUMBLE(t, ts, INTERVAL '1000 days') GROUP BY window_start"},
	{"hop", "t", "SELECT window_start, max(v) FROM HOP(t, ts, INTERVAL '500 days', INTERVAL '1000 days') GROUP BY window_start"},
	{"session groups", "t", "SELECT k, window_start, window_end, count(*), max(v) FROM SESSION(t PARTITION BY k, ts, INTERVAL '1 hour') GROUP BY k, window_start, window_end"},
	{"top", "t", "SELECT id, v FROM t ORDER BY v, id LIMIT 5"},
	{"row_number first", "t", "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY k ORDER BY v, id) AS r FROM t) AS x WHERE r <= 3"},
	{"rank first", "t", "SELECT id FROM (SELECT id, rank() OVER (PARTITION BY k ORDER BY v) AS r FROM t) AS x WHERE r <= 3"},
	{"distinct on", "t", "SELECT DISTINCT ON (k) k, id, v FROM t ORDER BY k, v, id"},
	{"with ties", "t", "SELECT id, v FROM t ORDER BY v FETCH FIRST 3 ROWS WITH TIES"},
	{"lag", "t", "SELECT id, v - lag(v) OVER (PARTITION BY k ORDER BY v, id), lead(v, 2) OVER (PARTITION BY k ORDER BY v, id) FROM t"},
	{"rows frame", "t", "SELECT id, sum(v) OVER (PARTITION BY k ORDER BY v, id ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING) FROM t"},
	{"range frame", "t", "SELECT id, max(v) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN 5 PRECEDING AND 5 FOLLOWING) FROM t"},
	{"groups frame", "t", "SELECT id, min(v) OVER (PARTITION BY k ORDER BY v GROUPS BETWEEN 2 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) FROM t"},
	{"nth_value", "t", "SELECT id, nth_value(v, 2) OVER (PARTITION BY k ORDER BY v, id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM t"},
	{"unique join", "t", "SELECT t.id, u.v FROM t JOIN u ON t.id = u.id"},
	{"left join", "t", "SELECT t.id, u.id AS uid FROM t LEFT JOIN u ON t.k = u.v"},
	{"full join", "t", "SELECT t.id, u.id AS uid FROM t FULL JOIN u ON t.id = u.id AND t.k = u.k"},
	{"semi join", "u", "SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k)"},
	{"anti join", "u", "SELECT t.id FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k)"},
	{"in", "u", "SELECT t.id FROM t WHERE t.k IN (SELECT u.k FROM u)"},
	{"not in", "u", "SELECT t.id FROM t WHERE t.k NOT IN (SELECT u.k FROM u)"},
	{"scalar subquery", "t", "SELECT t.id, (SELECT max(u.v) FROM u WHERE u.k = t.k) AS m FROM t"},
	{"range join", "t", "SELECT t.id, u.id AS uid FROM t JOIN u ON t.k = u.k AND u.v BETWEEN t.v - 3 AND t.v + 3"},
	{"range left join", "u", "SELECT t.id, u.id AS uid FROM t LEFT JOIN u ON t.k = u.k AND u.v BETWEEN t.v - 3 AND t.v + 3"},
	{"range semi join", "u", "SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE t.k = u.k AND u.v BETWEEN t.v - 3 AND t.v + 3)"},
	{"asof", "t", "SELECT t.id, u.v FROM t ASOF JOIN u ON t.k = u.k AND t.v >= u.v"},
	{"asof right", "u", "SELECT t.id, u.v FROM t ASOF LEFT JOIN u ON t.k = u.k AND t.v >= u.v"},
	{"distinct", "t", "SELECT DISTINCT k, v FROM t"},
	{"distinct equal", "t", "SELECT DISTINCT k FROM t"},
	{"except", "u", "SELECT k, v FROM t EXCEPT SELECT k, v FROM u"},
	{"intersect all", "u", "SELECT k, v FROM t INTERSECT ALL SELECT k, v FROM u"},
	{"union", "t", "SELECT k, v FROM t UNION SELECT k, v FROM u"},
	{"recursive", "t", "WITH RECURSIVE r AS (SELECT id, v, 0 AS d FROM t WHERE v % 10 = 0 UNION ALL SELECT u.id, u.v, d + 1 FROM r JOIN u ON u.v = r.v + 1 WHERE d < 3) SELECT * FROM r"},
	{"set-returning", "t", "SELECT t.id, g FROM t, generate_series(1, 2) AS g"},
	{"groups above a join", "t", "SELECT u.k, count(*), max(t.v) FROM t JOIN u ON t.id = u.id GROUP BY u.k"},
	{"min that goes", "t first", "SELECT k, min(v), first(id ORDER BY v) FROM t GROUP BY k"},
	{"top that goes", "t first", "SELECT id, v FROM t ORDER BY v, id LIMIT 5"},
	{"first that goes", "t first", "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY k ORDER BY v, id) AS r FROM t) AS x WHERE r <= 3"},
	{"number at the end", "t append", "SELECT id, row_number() OVER (PARTITION BY k ORDER BY v, id), rank() OVER (PARTITION BY k ORDER BY v) FROM t"},
	{"running sum at the end", "t append", "SELECT id, sum(v) OVER (PARTITION BY k ORDER BY v, id), max(v) OVER (ORDER BY v, id) FROM t"},
	{"first_value", "t", "SELECT id, first_value(v) OVER (PARTITION BY k ORDER BY v, id) FROM t"},
	{"last_value", "t", "SELECT id, last_value(v) OVER (PARTITION BY k ORDER BY v, id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM t"},
	{"running max that stays", "t", "SELECT id, max(ts) OVER (PARTITION BY k ORDER BY v DESC, id) FROM t"},
	{"session rows", "t", "SELECT id, window_start, window_end FROM SESSION(t PARTITION BY k, ts, INTERVAL '1 hour')"},
	{"semi join left", "t", "SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k)"},
	{"not in left", "t", "SELECT t.id FROM t WHERE t.k NOT IN (SELECT u.k FROM u)"},
	{"exists or", "t", "SELECT t.id FROM t WHERE t.v = 1 OR EXISTS (SELECT 1 FROM u WHERE u.k = t.k)"},
	{"lateral top", "t", "SELECT t.id, x.v FROM t CROSS JOIN LATERAL (SELECT u.v FROM u WHERE u.k = t.k ORDER BY u.v LIMIT 2) AS x"},
	{"join of aggregates", "t", "SELECT a.k, a.m, b.c FROM (SELECT k, max(v) AS m FROM t GROUP BY k) AS a JOIN (SELECT k, count(*) AS c FROM u GROUP BY k) AS b ON a.k = b.k"},
	{"intersect", "t", "SELECT k FROM t INTERSECT SELECT k FROM u"},
	{"except all", "t", "SELECT k FROM t EXCEPT ALL SELECT k FROM u"},
	{"limit offset", "t", "SELECT id FROM t ORDER BY v, id LIMIT 3 OFFSET 4"},
	{"temporal", "t", "SELECT k, count(*) FROM t WHERE ts < now() - INTERVAL '1 day' GROUP BY k"},
	{"latest of groups", "t", "SELECT max(m) FROM (SELECT v % 100 AS g, max(id) AS m FROM t GROUP BY v % 100) AS x"},
}

// TestWorkOfOneChange counts entries of state that are visited and rows that are passed on, for
// changes of one row among n and among 16 n. Ordered structures let it grow by a constant at most.
func TestWorkOfOneChange(t *testing.T) {
	w := newWorld(t)
	m := &memory{world: w, data: map[uint32]*rows.Batch{}}
	for _, ddl := range []string{"CREATE TABLE t (id int PRIMARY KEY, k int, v int, ts timestamp)", "CREATE TABLE u (id int PRIMARY KEY, k int, v int, ts timestamp)"} {
		stmts, err := parse.Parse(ddl)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.create(stmts[0].Stmt); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range scaling {
		t.Run(c.name, func(t *testing.T) {
			table, where, _ := strings.Cut(c.change, " ")
			small, large := workOf(t, m, c.query, table, where, 500), workOf(t, m, c.query, table, where, 8000)
			t.Logf("%d per change among 500, %d among 8000", small, large)
			if large > 3*small+50 {
				t.Errorf("work per change grows from %d to %d while the rows grow sixteenfold:\n%s", small, large, c.query)
			}
		})
	}
}

// workOf is the greatest work that a change of one row costs, after n rows have come to each table.
func workOf(t *testing.T, m *memory, query, table, where string, n int) int64 {
	t.Helper()
	stmts, err := parse.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	sel := stmts[0].Stmt.(*ast.Query).Select
	view, err := planner.PlanView(m.context(), sel, numbered(sel))
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRunner(view.Plan)
	if err != nil {
		t.Fatal(err)
	}
	object := map[string]*catalog.Object{}
	for _, o := range m.cat.Objects() {
		object[o.Name] = o
	}
	row := func(b *rows.Builder, id, v int, weight int64) {
		b.Cols[0].AppendInt(int64(id))
		b.Cols[1].AppendInt(1)
		b.Cols[2].AppendInt(int64(v))
		b.Cols[3].AppendInt(int64(v) * 60 * types.MicrosPerSecond)
		b.EndRow(weight)
	}
	first := make([]int, n) // by place: id
	load := map[uint32]*rows.Batch{}
	for _, name := range []string{"t", "u"} {
		b := rows.NewBuilder(object[name].Fields(), n)
		for i := range n {
			row(b, i, i*7919%n*2, 1)
			first[i*7919%n] = i
		}
		load[object[name].ID] = b.Finish()
	}
	if err := r.epoch(1, load); err != nil {
		t.Fatal(err)
	}
	worst := int64(0)
	for i := range 40 {
		before := r.work()
		b := rows.NewBuilder(object[table].Fields(), 2)
		switch at := n/3 + i; where {
		case "append":
			row(b, n+i, (n+i)*2, 1)
		case "first": // the first is no more
			row(b, first[i], i*2, -1)
		default: // a row in the middle moves to a place between others
			row(b, at, at*7919%n*2, -1)
			row(b, at, (n/2+i*5)*2+1, 1)
		}
		if err := r.epoch(uint64(i+2), map[uint32]*rows.Batch{object[table].ID: b.Finish()}); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, r.work()-before)
	}
	return worst
}

// work is the sum of all that the operators have visited and emitted.
func (r *runner) work() int64 {
	sum := r.emitted
	for _, t := range r.tables {
		sum += t.Visited()
	}
	return sum
}
