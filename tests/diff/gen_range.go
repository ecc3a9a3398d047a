package diff

import "fmt"

// ranges draws a condition that bounds the distance of a column of t and one of u.
func (g *gen) ranges() string {
	g.features["range"]++
	return g.pick(
		"t.ts BETWEEN u.ts - INTERVAL '40 minutes' AND u.ts + INTERVAL '15 minutes'",
		"u.ts >= t.ts AND u.ts < t.ts + INTERVAL '1 hour'",
		"t.a BETWEEN u.a - 1 AND u.a + 1", "t.a + 1 >= u.k AND t.a < u.k + 2", "t.id BETWEEN u.id - 10 AND u.id",
		"t.a < u.k", "t.ts > u.ts + INTERVAL '20 minutes'", "t.n >= u.k", "t.f <= u.v", "t.b > u.v - 3",
		"t.ts <= u.ts AND t.ts > u.ts - INTERVAL '1 day' AND t.id <> u.id", "t.ts - INTERVAL '1 month' < u.ts AND t.ts > u.ts")
}

// rangeQuery draws a join over a range, with equalities or without, or a subquery that becomes one.
func (g *gen) rangeQuery() query {
	on := g.ranges()
	if g.chance(65) {
		on = g.pick("t.a = u.a", "t.s = u.s", "t.a = u.k AND t.s IS NOT DISTINCT FROM u.s") + " AND " + on
	}
	if g.chance(35) {
		return same(fmt.Sprintf("SELECT t.id, t.ts FROM t WHERE %sEXISTS (SELECT 1 FROM u WHERE %s)", g.pick("", "NOT "), on))
	}
	kind := g.pick("JOIN", "LEFT JOIN", "RIGHT JOIN")
	return same(fmt.Sprintf("SELECT t.id, u.id AS uid, t.ts, u.k FROM t %s u ON %s", kind, on))
}
