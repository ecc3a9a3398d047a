package diff

import "fmt"

// correlated draws a condition between t and the alias in, an equality or not.
func (g *gen) correlated(in string) string {
	eq := fmt.Sprintf("%s.a = t.a", in)
	if in == "u" {
		eq = g.pick(eq, "u.k = t.a", "u.id = t.id", "u.a IS NOT DISTINCT FROM t.a")
	}
	ne := g.pick(in+".a > t.a", in+".a <> t.a", in+".s < t.s COLLATE \"C\"", "coalesce("+in+".a, t.id) = t.a", "(t.flag OR "+in+".a = t.a)")
	switch {
	case g.chance(45):
		return eq
	case g.chance(50):
		g.features["correlated residual"]++
		return eq + " AND " + ne
	}
	g.features["correlated inequality"]++
	return ne
}

// inner draws a subquery with one integer column that reads t.
func (g *gen) inner() string {
	cond := g.correlated("u")
	return g.pick(
		"SELECT u.k FROM u WHERE "+cond,
		"SELECT u.a FROM u WHERE "+cond+" AND u.v > 0",
		"SELECT max(u.k) FROM u WHERE "+cond,
		"SELECT min(u.id) FROM u WHERE "+cond+" GROUP BY u.s",
		"SELECT DISTINCT u.k FROM u WHERE "+cond,
		"SELECT u.k FROM u WHERE "+cond+" UNION ALL SELECT b.a FROM bag b WHERE "+g.correlated("b"),
		"SELECT u.k FROM u WHERE "+cond+" EXCEPT SELECT b.a FROM bag b WHERE "+g.correlated("b"),
		"SELECT u.k FROM u WHERE "+cond+" ORDER BY u.k, u.id LIMIT 2",
		"SELECT coalesce(b.a, u.k) FROM u LEFT JOIN bag b ON b.a = u.k AND "+g.correlated("b")+" WHERE "+cond,
		"SELECT u.k FROM u WHERE "+cond+" AND EXISTS (SELECT 1 FROM bag b WHERE b.a = u.k AND "+g.correlated("b")+")",
		"SELECT u.k FROM u WHERE u.v > (SELECT avg(b.n) FROM bag b WHERE b.a = u.a AND "+g.correlated("b")+") OR "+cond)
}

// truth draws a condition over t with a subquery.
func (g *gen) truth() string {
	x := g.pick("t.a", "t.id", "t.a + 1", "t.a", "2")
	form := g.pick("in", "notin", "any", "all", "exists", "notexists", "scalar")
	g.features["subquery "+form]++
	op := g.pick("=", "<>", "<", "<=", ">", ">=")
	switch form {
	case "in":
		return fmt.Sprintf("%s IN (%s)", x, g.inner())
	case "notin":
		return fmt.Sprintf("%s NOT IN (%s)", x, g.inner())
	case "any":
		return fmt.Sprintf("%s %s ANY (%s)", x, op, g.inner())
	case "all":
		return fmt.Sprintf("%s %s ALL (%s)", x, op, g.inner())
	case "exists":
		return fmt.Sprintf("EXISTS (%s)", g.inner())
	case "notexists":
		return fmt.Sprintf("NOT EXISTS (%s)", g.inner())
	}
	return fmt.Sprintf("%s %s (%s)", x, op, g.single())
}

// single draws a subquery that gives at most one row.
func (g *gen) single() string {
	cond := g.correlated("u")
	return g.pick(
		"SELECT count(*) FROM u WHERE "+cond,
		"SELECT sum(u.k) FROM u WHERE "+cond,
		"SELECT count(DISTINCT u.k) + count(*) FROM u WHERE "+cond,
		"SELECT u.k FROM u WHERE "+cond+" ORDER BY u.k DESC NULLS LAST, u.id LIMIT 1",
		"SELECT u.v FROM u WHERE u.id = t.id",
		"SELECT max(x.c) FROM (SELECT u.s, count(*) AS c FROM u WHERE "+cond+" GROUP BY u.s) AS x",
		"SELECT count(*) FROM u LEFT JOIN bag b ON b.a = u.k WHERE "+cond)
}

// correlatedQuery draws a query with subqueries in one of the places where they may stand.
func (g *gen) correlatedQuery() query {
	switch g.r.IntN(8) {
	case 0:
		return same("SELECT t.id FROM t WHERE " + g.truth())
	case 1:
		return same("SELECT t.id FROM t WHERE " + g.truth() + g.pick(" AND ", " OR ") + g.truth())
	case 2:
		return same("SELECT t.id, " + g.truth() + " AS c FROM t")
	case 3:
		return same("SELECT t.id, (" + g.single() + ") AS c FROM t")
	case 4:
		return same("SELECT t.a, count(*) AS c FROM t GROUP BY t.a HAVING " +
			g.pick("count(*) > (SELECT count(*) FROM u WHERE u.a = t.a)", "t.a IN (SELECT u.k FROM u WHERE u.v > t.a)",
				"sum(t.b) >= ALL (SELECT u.v FROM u WHERE u.k = t.a)"))
	case 5:
		g.features["subquery on"]++
		kind := g.pick("JOIN", "LEFT JOIN", "RIGHT JOIN")
		return same(fmt.Sprintf("SELECT t.id, x.id AS xid FROM t %s u x ON t.a = x.a AND %s", kind,
			g.pick("EXISTS (SELECT 1 FROM bag b WHERE b.a = x.k AND b.a >= t.a)",
				"t.id > (SELECT count(*) FROM bag b WHERE b.a = x.k OR b.s = t.s)",
				"x.k NOT IN (SELECT b.a FROM bag b WHERE b.s = t.s)")))
	case 6:
		g.features["array subquery"]++
		return same("SELECT t.id, ARRAY(SELECT u.id FROM u WHERE " + g.correlated("u") + " ORDER BY u.v DESC NULLS LAST, u.id) AS l FROM t")
	}
	return g.lateralQuery()
}

// lateralQuery draws a lateral join.
func (g *gen) lateralQuery() query {
	g.features["lateral"]++
	cond := g.correlated("u")
	sub := g.pick(
		"SELECT u.id AS i, u.k AS j FROM u WHERE "+cond+" ORDER BY u.v DESC NULLS LAST, u.id LIMIT 2",
		"SELECT count(*) AS i, max(u.k) AS j FROM u WHERE "+cond,
		"SELECT u.k AS i, count(*) AS j FROM u WHERE "+cond+" GROUP BY u.k",
		"SELECT u.k AS i, b.a AS j FROM u LEFT JOIN bag b ON b.a = u.k AND b.s = t.s WHERE "+cond,
		"SELECT x AS i, t.id + x AS j FROM generate_series(1, abs(t.a)) AS x",
		"SELECT u.id AS i, t.a + u.k AS j FROM u WHERE "+cond)
	if g.chance(40) {
		return same("SELECT t.id, l.i, l.j FROM t, LATERAL (" + sub + ") AS l")
	}
	return same("SELECT t.id, l.i, l.j FROM t LEFT JOIN LATERAL (" + sub + ") AS l ON " + g.pick("true", "l.i > 1", "l.j IS DISTINCT FROM t.a"))
}
