package diff

import (
	"fmt"
	"strings"
)

// gen draws schemas, rows and queries.
type gen struct {
	r *dice
	// features counts what the drawn queries use; a run in which one stays at zero proves less.
	features map[string]int
	labels   []string // of the enum
}

func newGen(seed uint64) *gen {
	return &gen{r: newDice(seed), features: map[string]int{}, labels: []string{"sad", "ok", "happy"}}
}

func (g *gen) pick(list ...string) string { return list[g.r.IntN(len(list))] }
func (g *gen) chance(percent int) bool    { return g.r.IntN(100) < percent }

// The types and tables. Both systems get the same DDL. Small value ranges make keys collide.
var tables = []string{
	`CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')`,
	`CREATE TYPE spot AS (x int, tag text, mo mood)`,
	`CREATE TABLE t (id int PRIMARY KEY, a int, b bigint, n numeric(12,2), f double precision, s text, ts timestamp, flag boolean,
		mo mood, sp spot)`,
	`CREATE TABLE u (id int PRIMARY KEY, a int, k int, v bigint, s text, ts timestamp)`,
	`CREATE TABLE bag (a int, s text, n numeric)`,
	`CREATE INDEX ON t (a, s)`,
	`CREATE INDEX ON t (mo DESC, a)`,
	`CREATE INDEX ON t (sp)`,
	`CREATE INDEX ON t (n DESC, id)`,
	`CREATE INDEX ON u (k DESC NULLS LAST, v)`,
	`CREATE INDEX ON bag (a)`,
}

// value draws a literal of the type class.
func (g *gen) value(class string) string {
	if g.chance(20) {
		return "NULL"
	}
	switch class {
	case "small":
		return fmt.Sprint(g.r.IntN(7) - 2)
	case "big":
		return g.pick("0", "1", "-1", "1000000007", "4000000000", fmt.Sprint(g.r.IntN(50)))
	case "numeric":
		return g.pick("0", "1.50", "1.5", "-2.25", "99999.99", "0.01", fmt.Sprintf("%d.%02d", g.r.IntN(20), g.r.IntN(100)))
	case "float":
		return g.pick("0", "0.5", "-1.25", "1e10", "3", "1e-5", "'-0'")
	case "text":
		return g.pick("''", "'a'", "'b'", "'B'", "'ab'", "'a b'", "'ä'", "'x%'", "'quo''te'")
	case "time":
		return fmt.Sprintf("'2024-02-%02d %02d:%02d:%02d'", 28+g.r.IntN(2), g.r.IntN(3)+21, g.r.IntN(60), g.r.IntN(60))
	case "bool":
		return g.pick("true", "false")
	case "mood":
		return "'" + g.pick(g.labels...) + "'"
	case "spot":
		return fmt.Sprintf("ROW(%s, %s, %s)", g.value("small"), g.pick("NULL", "'a'", "'b c'", "''"), g.value("mood"))
	}
	panic(class)
}

var rowClasses = map[string][]string{
	"t":   {"small", "big", "numeric", "float", "text", "time", "bool", "mood", "spot"},
	"u":   {"small", "small", "big", "text", "time"},
	"bag": {"small", "text", "numeric"},
}

// change draws one statement that changes a table. ids are reused so that updates and deletes hit.
func (g *gen) change() string {
	if len(g.labels) < 12 && g.chance(4) {
		return g.addLabel()
	}
	table := g.pick("t", "t", "u", "u", "bag")
	id := g.r.IntN(40)
	switch {
	case g.chance(50):
		return g.insert(table, id)
	case g.chance(50):
		if table == "bag" {
			return fmt.Sprintf("DELETE FROM bag WHERE a = %s", g.value("small"))
		}
		return fmt.Sprintf("DELETE FROM %s WHERE id %s %d", table, g.pick("=", "=", "=", ">"), id+g.r.IntN(12))
	}
	switch table {
	case "t":
		return g.pick(
			fmt.Sprintf("UPDATE t SET a = %s, n = %s WHERE id = %d", g.value("small"), g.value("numeric"), id),
			fmt.Sprintf("UPDATE t SET s = %s, ts = %s WHERE a = %s", g.value("text"), g.value("time"), g.value("small")),
			fmt.Sprintf("UPDATE t SET mo = %s, sp.x = %s WHERE id %% 4 = %d", g.value("mood"), g.value("small"), g.r.IntN(4)),
			fmt.Sprintf("UPDATE t SET sp.mo = mo, sp.tag = s WHERE id = %d", id),
			fmt.Sprintf("UPDATE t SET b = b + 1, f = f / 2 WHERE id < %d", id/3),
			fmt.Sprintf("UPDATE t SET flag = NOT flag, f = %s WHERE id %% 3 = %d", g.value("float"), g.r.IntN(3)))
	case "u":
		return g.pick(
			fmt.Sprintf("UPDATE u SET a = %s WHERE id = %d", g.value("small"), id),
			fmt.Sprintf("UPDATE u SET k = %s, v = %s WHERE id %% 2 = %d", g.value("small"), g.value("big"), g.r.IntN(2)))
	}
	return fmt.Sprintf("UPDATE bag SET n = %s WHERE s = %s", g.value("numeric"), g.value("text"))
}

// addLabel puts a label between those of the enum while views sort and group by it.
func (g *gen) addLabel() string {
	g.features["add value"]++
	next, at := fmt.Sprintf("l%d", len(g.labels)), g.pick(g.labels...)
	g.labels = append(g.labels, next)
	return fmt.Sprintf("ALTER TYPE mood ADD VALUE '%s' %s '%s'", next, g.pick("BEFORE", "BEFORE", "AFTER"), at)
}

func (g *gen) insert(table string, id int) string {
	n := 1 + g.r.IntN(4)
	var rows []string
	for i := range n {
		var vals []string
		if table != "bag" {
			vals = append(vals, fmt.Sprint(id+i*50))
		}
		for _, c := range rowClasses[table] {
			vals = append(vals, g.value(c))
		}
		rows = append(rows, "("+strings.Join(vals, ", ")+")")
	}
	sql := fmt.Sprintf("INSERT INTO %s VALUES %s", table, strings.Join(rows, ", "))
	if table != "bag" {
		// Free the keys first: which of them are taken is not known here.
		del := fmt.Sprintf("DELETE FROM %s WHERE id IN (", table)
		for i := range n {
			if i > 0 {
				del += ", "
			}
			del += fmt.Sprint(id + i*50)
		}
		sql = del + ");\n" + sql
	}
	return sql
}

// query is a drawn query: its text for Tidemill and for PostgreSQL, which has no TUMBLE and HOP.
type query struct{ ours, pg string }

func same(sql string) query { return query{sql, sql} }

// query draws a query that a materialized view can be made of.
func (g *gen) query() query {
	forms := []struct {
		name string
		make func() query
	}{
		{"filter", g.filterQuery}, {"group", g.groupQuery}, {"grouping", g.groupingQuery}, {"global", g.globalQuery}, {"join", g.joinQuery},
		{"joingroup", g.joinGroupQuery}, {"union", g.unionQuery}, {"distinct", g.distinctQuery},
		{"topn", g.topnQuery}, {"window", g.windowQuery}, {"subquery", g.subQuery}, {"threeway", g.threeWay},
		{"over", g.overQuery}, {"rank", g.rankQuery},
		{"correlated", g.correlatedQuery}, {"correlated", g.correlatedQuery}, {"asof", g.asofQuery}, {"range", g.rangeQuery},
		{"recursive", g.recursive},
	}
	f := forms[g.r.IntN(len(forms))]
	g.features[f.name]++
	return f.make()
}

// scalar draws an expression over alias t (table t) or u with its output alias.
func (g *gen) scalarT(t string) string {
	return g.pick(
		t+".a", t+".b", t+".n", t+".f", t+".s", t+".ts", t+".flag", t+".id",
		t+".a + 1", t+".b * 2", t+".n - 0.5", t+".n * "+t+".a", "-"+t+".a",
		"coalesce("+t+".a, 0)", "length("+t+".s)", t+".s || '!'",
		"CASE WHEN "+t+".a > 1 THEN 'hi' WHEN "+t+".a IS NULL THEN NULL ELSE 'lo' END",
		t+".a IS NULL", t+".ts + INTERVAL '1 hour'", "date_trunc('hour', "+t+".ts)",
		"nullif("+t+".a, 1)", "abs("+t+".a)", "round("+t+".n, 1)", t+".a::text", t+".n::int",
		"greatest("+t+".a, 1)", t+".b % 5", "substring("+t+".s, 1, 1)",
		t+".mo", t+".sp", "("+t+".sp).mo", "("+t+".sp).x + 1", t+".mo::text", "to_jsonb("+t+".sp)", t+".sp IS NULL", "greatest("+t+".mo, 'ok')",
		t+".a::bigint * "+t+".b", "extract(hour FROM "+t+".ts)")
}

func (g *gen) condT(t string) string {
	return g.pick(
		t+".a > 0", t+".a = 1", t+".a <> 2", t+".a IS NULL", t+".a IS NOT NULL", t+".n >= 1.5", t+".f < 1",
		t+".s = 'a'", t+".s LIKE 'a%'", t+".s <> ''", t+".flag", "NOT "+t+".flag", t+".flag IS NOT TRUE",
		t+".a IN (1, 2, 3)", t+".a NOT IN (1, NULL)", t+".a BETWEEN 0 AND 2",
		t+".mo > 'sad'", t+".mo IN ('ok', 'happy')", "("+t+".sp).mo = "+t+".mo", t+".sp IS NOT NULL", t+".sp > ROW(1, 'a', 'ok')::spot",
		t+".a > 0 AND "+t+".s IS NOT NULL", t+".a = 1 OR "+t+".n > 2", t+".a IS DISTINCT FROM 1",
		t+".ts > '2024-02-29 00:00:00'", t+".ts < now()", t+".ts >= localtimestamp - INTERVAL '200 years' AND "+t+".a > 0",
		"current_date < "+t+".ts + INTERVAL '300 years'", t+".b % 2 = 0", "(t.a + 1) * 2 > 3")
}

func (g *gen) filterQuery() query {
	n := 1 + g.r.IntN(4)
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf("%s AS c%d", g.scalarT("t"), i))
	}
	return same(fmt.Sprintf("SELECT %s FROM t WHERE %s", strings.Join(items, ", "), g.condT("t")))
}

// agg draws an aggregate call over alias t.
func (g *gen) agg(t string) string {
	a := g.plainAgg(t)
	if g.chance(45) {
		a = g.richAgg(t)
	}
	if !strings.HasPrefix(a, "round(") && g.chance(25) {
		g.features["filterclause"]++
		a += " FILTER (WHERE " + g.pick(t+".a > 0", t+".s = 'a'", t+".flag") + ")"
	}
	return a
}

func (g *gen) plainAgg(t string) string {
	return g.pick(
		"count(*)", "count("+t+".a)", "sum("+t+".a)", "sum("+t+".b)", "sum("+t+".n)", "avg("+t+".a)",
		"avg("+t+".n)", "min("+t+".a)", "max("+t+".a)", "min("+t+".s)", "max("+t+".s)", "min("+t+".ts)",
		"max("+t+".n)", "min("+t+".f)", "max("+t+".f)", "sum("+t+".f)", "count(DISTINCT "+t+".a)",
		"count(DISTINCT "+t+".s)", "sum(DISTINCT "+t+".a)", "bool_and("+t+".flag)", "bool_or("+t+".flag)",
		"min("+t+".mo)", "max("+t+".mo)", "max(("+t+".sp).mo)", "count(DISTINCT "+t+".sp)", "count(DISTINCT "+t+".mo)",
		"avg(DISTINCT "+t+".b)")
}

func (g *gen) aggs(t string) string {
	var items []string
	for i := range 1 + g.r.IntN(4) {
		items = append(items, fmt.Sprintf("%s AS x%d", g.agg(t), i))
	}
	return strings.Join(items, ", ")
}

func (g *gen) groupQuery() query {
	key := g.pick("t.a", "t.s", "t.a, t.s", "t.flag", "t.a % 2", "date_trunc('hour', t.ts)", "coalesce(t.s, '-')", "t.f", "t.n", "t.mo", "t.sp", "t.mo, t.a")
	var named []string
	for i, k := range strings.Split(key, ", ") {
		if strings.Contains(key, "(") {
			named = []string{key + " AS k0"}
			break
		}
		named = append(named, fmt.Sprintf("%s AS k%d", k, i))
	}
	sql := fmt.Sprintf("SELECT %s, %s FROM t", strings.Join(named, ", "), g.aggs("t"))
	if g.chance(40) {
		sql += " WHERE " + g.condT("t")
	}
	sql += " GROUP BY " + key
	if g.chance(30) {
		g.features["having"]++
		sql += " HAVING " + g.pick("count(*) > 1", "sum(t.a) > 0", "max(t.n) IS NOT NULL", "count(DISTINCT t.s) = 1")
	}
	return same(sql)
}

func (g *gen) globalQuery() query {
	sql := "SELECT " + g.aggs("t") + " FROM t"
	if g.chance(50) {
		sql += " WHERE " + g.condT("t")
	}
	return same(sql)
}

func (g *gen) join() string {
	kind := g.pick("JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
	g.features[kind]++
	on := g.pick("t.a = u.a", "t.a = u.k", "t.a = u.a AND t.s = u.s", "t.id = u.id", "t.b = u.v", "t.mo = CASE u.k WHEN 1 THEN 'ok'::mood WHEN 2 THEN 'sad' END")
	// PostgreSQL cannot run a FULL JOIN with a residual that is not hashable; the others get some.
	if kind != "FULL JOIN" && g.chance(35) {
		g.features["residual"]++
		on += " AND " + g.pick("t.n > u.k", "t.id < u.id", "u.s <> 'a'", "t.ts <= u.ts", "t.flag")
	}
	return fmt.Sprintf("t %s u ON %s", kind, on)
}

func (g *gen) joinQuery() query {
	sql := fmt.Sprintf("SELECT t.id AS tid, u.id AS uid, %s AS c0, u.v AS v FROM %s", g.scalarT("t"), g.join())
	if g.chance(30) {
		sql += " WHERE " + g.pick("t.a > 0", "u.k IS NULL", "u.v > 1", "t.s IS NOT NULL", "coalesce(t.a, u.k) > 0")
	}
	return same(sql)
}

func (g *gen) joinGroupQuery() query {
	return same(fmt.Sprintf("SELECT u.k AS k, count(*) AS c, %s FROM %s GROUP BY u.k", g.aggs("t"), g.join()))
}

func (g *gen) unionQuery() query {
	op := g.pick("UNION ALL", "UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL")
	g.features[op]++
	return same(fmt.Sprintf("SELECT a, s FROM t WHERE %s %s SELECT %s FROM %s", g.condT("t"), op, "a, s", g.pick("u", "bag")))
}

func (g *gen) distinctQuery() query {
	return same("SELECT DISTINCT " + g.pick("a", "s", "a, s", "a % 2 AS m, s", "flag, a", "n", "f", "mo", "sp", "mo, a") + " FROM t")
}

func (g *gen) topnQuery() query {
	return same(fmt.Sprintf("SELECT id, a, n, s FROM t ORDER BY %s, id LIMIT %d%s",
		g.pick("a", "a DESC", "n DESC NULLS LAST", "s COLLATE \"C\"", "f", "ts DESC", "a NULLS FIRST", "mo", "mo DESC", "sp", "mo NULLS FIRST, sp DESC"), 1+g.r.IntN(6), g.pick("", "", " OFFSET 2")))
}

// windowQuery draws aggregations over windows with their PostgreSQL counterparts.
func (g *gen) windowQuery() query {
	if g.chance(50) {
		return g.sessionQuery()
	}
	aggs := g.aggs("w")
	key := g.pick("", "w.a, ")
	if g.chance(50) {
		g.features["tumble"]++
		size := g.pick("10 minutes", "1 hour", "37 minutes")
		sel := func(from string) string {
			return fmt.Sprintf("SELECT %sw.window_start, w.window_end, %s FROM %s GROUP BY %sw.window_start, w.window_end", key, aggs, from, key)
		}
		return query{
			ours: sel(fmt.Sprintf("TUMBLE(t, ts, INTERVAL '%s') AS w", size)),
			pg: sel(fmt.Sprintf(`(SELECT *, date_bin('%[1]s', ts, '1970-01-01') AS window_start,
				date_bin('%[1]s', ts, '1970-01-01') + INTERVAL '%[1]s' AS window_end FROM t WHERE ts IS NOT NULL) AS w`, size)),
		}
	}
	g.features["hop"]++
	if g.chance(40) {
		return g.cumulateQuery(key, aggs)
	}
	slide, size, n := "10 minutes", "30 minutes", 3
	switch g.r.IntN(3) {
	case 0:
		slide, size, n = "1 hour", "2 hours", 2
	case 1:
		slide, size, n = "20 minutes", "50 minutes", 3
	}
	sel := func(from string) string {
		return fmt.Sprintf("SELECT %sw.window_start, %s FROM %s GROUP BY %sw.window_start", key, aggs, from, key)
	}
	return query{
		ours: sel(fmt.Sprintf("HOP(t, ts, INTERVAL '%s', INTERVAL '%s') AS w", slide, size)),
		pg: sel(fmt.Sprintf(`(SELECT t.*, date_bin('%[1]s', ts, '1970-01-01') - i * INTERVAL '%[1]s' AS window_start
			FROM t, generate_series(0, %[2]d) AS i WHERE ts IS NOT NULL AND ts < date_bin('%[1]s', ts, '1970-01-01') - i * INTERVAL '%[1]s' + INTERVAL '%[3]s') AS w`, slide, n-1, size)),
	}
}

func (g *gen) subQuery() query {
	return same(g.pick(
		"SELECT x.k, x.c + 1 AS c FROM (SELECT a AS k, count(*) AS c FROM t GROUP BY a) AS x WHERE x.c > 1",
		"SELECT c, count(*) AS n FROM (SELECT a, count(*) AS c FROM t GROUP BY a) AS x GROUP BY c",
		"SELECT t.id, t.a FROM t WHERE t.a IN (SELECT u.k FROM u WHERE u.v > 0)",
		"SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)",
		"SELECT t.id FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.id <> t.id)",
		"WITH x AS (SELECT a, sum(b) AS sb FROM t GROUP BY a) SELECT x.a, x.sb, u.v FROM x JOIN u ON u.a = x.a",
		"SELECT m, count(*) AS c FROM (SELECT max(n) AS m FROM t GROUP BY s) AS x GROUP BY m"))
}

func (g *gen) threeWay() query {
	return same(g.pick(
		"SELECT t.id, u.id AS uid, b.n FROM t JOIN u ON t.a = u.a JOIN bag b ON b.a = u.k",
		"SELECT t.id, u.id AS uid, b.s FROM t LEFT JOIN u ON t.a = u.a LEFT JOIN bag b ON b.a = u.k",
		"SELECT x.id, y.id AS other FROM t x JOIN t y ON x.a = y.a AND x.id < y.id",
		"SELECT u.k, count(b.a) AS c, max(t.n) AS m FROM t JOIN u ON t.id = u.id LEFT JOIN bag b ON b.a = t.a GROUP BY u.k"))
}
