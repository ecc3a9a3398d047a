package diff

import "fmt"

// asofQuery draws an ASOF join and what PostgreSQL is asked instead. Which of several right rows with
// the same time is taken is open, so only the time of the match is shown, unless the time is a key.
func (g *gen) asofQuery() query {
	l, r := "t.ts", "u.ts"
	on := g.pick("t.a = u.a", "t.a = u.k", "t.a = u.a AND t.s = u.s", "t.a IS NOT DISTINCT FROM u.a", "true")
	show := "u.ts AS c0, u.ts - t.ts AS c1"
	if g.chance(40) {
		l, r = g.pick("t.a", "t.b"), "u.id"
		show = "u.id AS c0, u.v AS c1, u.s AS c2"
	}
	cmp := g.pick(">=", ">", "<=", "<")
	g.features["asof "+cmp]++
	dir := "DESC"
	if cmp[0] == '<' {
		dir = "ASC"
	}
	more := ""
	if g.chance(30) {
		more = " AND " + g.pick("u.v > 0", "t.n > 1", "u.s IS NOT NULL AND t.flag")
	}
	end := ""
	if g.chance(30) {
		end = " WHERE " + g.pick("t.a > 0", "u.ts IS NOT NULL", "t.s IS NOT NULL")
	}
	left, lateral := "", "JOIN"
	if g.chance(50) {
		left, lateral = "LEFT ", "LEFT JOIN"
	}
	return query{
		ours: fmt.Sprintf("SELECT t.id, %s FROM t ASOF %sJOIN u ON %s AND %s %s %s%s%s", show, left, on, l, cmp, r, more, end),
		pg: fmt.Sprintf("SELECT t.id, %s FROM t %s LATERAL (SELECT * FROM u WHERE %s AND %s %s %s%s ORDER BY %s %s LIMIT 1) AS u ON true%s",
			show, lateral, on, l, cmp, r, more, r, dir, end),
	}
}
