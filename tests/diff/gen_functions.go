package diff

import "fmt"

// recursive draws WITH RECURSIVE over the tables, bounded in depth because their references run in
// circles.
func (g *gen) recursive() query {
	step := g.pick("u.a = r.a", "u.k = r.a", "u.a = r.a AND u.v > 0", "u.id = r.id + 1")
	term := g.pick(
		"SELECT u.id, u.k, d + 1 FROM r JOIN u ON %s WHERE d < 2",
		"SELECT u.id, u.k, d + 1 FROM u JOIN r ON %s WHERE d < 2 AND u.s IS NOT NULL",
		"SELECT r.id + 1, u.k, d + 1 FROM r LEFT JOIN u ON %s WHERE d < 2",
		"SELECT r.id + 1, r.a, d + 1 FROM r WHERE d < 2 AND EXISTS (SELECT 1 FROM u WHERE %s)")
	out := g.pick("*", "d, count(*) AS c, sum(id) AS s", "id, max(d) AS m")
	group := map[string]string{"d, count(*) AS c, sum(id) AS s": " GROUP BY d", "id, max(d) AS m": " GROUP BY id"}[out]
	return same(fmt.Sprintf("WITH RECURSIVE r (id, a, d) AS (SELECT t.id, t.a, 0 FROM t WHERE %s UNION ALL %s) SELECT %s FROM r%s",
		g.pick("t.id < 5", "t.a = 1 AND t.id < 20", "t.flag AND t.id < 10"), fmt.Sprintf(term, step), out, group))
}
