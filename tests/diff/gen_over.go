package diff

import (
	"fmt"
	"strings"
)

// overQuery draws window functions over random windows and frames. Where the order has ties, only
// functions that do not depend on the order of peers are drawn.
func (g *gen) overQuery() query {
	var items, names []string
	for i := range 1 + g.r.IntN(3) {
		w := g.overWindow()
		call := g.overCall(w)
		if len(names) < 2 && g.chance(25) {
			g.features["namedwindow"]++
			names = append(names, fmt.Sprintf("w%d AS (%s)", i, w.text))
			items = append(items, fmt.Sprintf("%s OVER w%d AS x%d", call, i, i))
			continue
		}
		items = append(items, fmt.Sprintf("%s OVER (%s) AS x%d", call, w.text, i))
	}
	sql := "SELECT id, " + strings.Join(items, ", ") + " FROM t"
	if g.chance(25) {
		sql += " WHERE " + g.condT("t")
	}
	if len(names) > 0 {
		sql += " WINDOW " + strings.Join(names, ", ")
	}
	return same(sql)
}

// overSpec is a window definition.
type overSpec struct {
	text   string
	unique bool // no two rows are equal in order
	framed bool
}

func (g *gen) overWindow() overSpec {
	var w overSpec
	parts := []string{g.pick("", "", "PARTITION BY a", "PARTITION BY s", "PARTITION BY flag", "PARTITION BY a, flag", "PARTITION BY id % 3")}
	col := g.pick("a", "b", "n", "f", "ts", "id", `s COLLATE "C"`)
	order := col + g.pick("", "", " DESC") + g.pick("", "", " NULLS FIRST", " NULLS LAST")
	mode := g.pick("", "rows", "range", "groups")
	offsets := map[string]string{"a": "1", "b": "10", "n": "1.5", "f": "2", "ts": "'45 minutes'", "id": "4"}
	switch {
	case mode == "range" && offsets[col] != "":
		g.features["range offset"]++
		parts = append(parts, "ORDER BY "+order, g.overFrame("RANGE", offsets[col], g.pick("", "", "0")))
		w.framed = true
	case mode == "groups":
		g.features["groups frame"]++
		parts = append(parts, "ORDER BY "+order, g.overFrame("GROUPS", g.pick("0", "1", "2"), "1"))
		w.framed = true
	case mode == "rows":
		g.features["rows frame"]++
		parts = append(parts, "ORDER BY "+order+", id", g.overFrame("ROWS", g.pick("0", "1", "3"), "2"))
		w.unique, w.framed = true, true
	case g.chance(50):
		parts = append(parts, "ORDER BY "+order+", id")
		w.unique = true
	case g.chance(70):
		parts = append(parts, "ORDER BY "+order)
		w.unique = col == "id"
	}
	w.text = strings.TrimSpace(strings.Join(parts, " "))
	return w
}

// overFrame draws a frame with offsets of the given texts; an empty second one is the first again.
func (g *gen) overFrame(mode, off, other string) string {
	if other == "" || mode == "RANGE" && other == "0" && strings.HasPrefix(off, "'") {
		other = off
	}
	type bound struct {
		text string
		at   int
	}
	bounds := []bound{
		{"UNBOUNDED PRECEDING", 0}, {off + " PRECEDING", 1}, {"CURRENT ROW", 2}, {other + " FOLLOWING", 3}, {"UNBOUNDED FOLLOWING", 4},
	}
	lo, hi := bounds[g.r.IntN(4)], bounds[1+g.r.IntN(4)]
	if lo.at > hi.at {
		lo, hi = bounds[hi.at], bounds[lo.at]
	}
	frame := fmt.Sprintf("%s BETWEEN %s AND %s", mode, lo.text, hi.text)
	if g.chance(30) {
		g.features["exclude"]++
		frame += " EXCLUDE " + g.pick("CURRENT ROW", "GROUP", "TIES", "NO OTHERS")
	}
	return frame
}

func (g *gen) overCall(w overSpec) string {
	aggs := func() string {
		a := g.pick("count(*)", "count(a)", "sum(a)", "sum(b)", "sum(n)", "sum(f)", "avg(a)", "avg(n)", "min(a)", "max(b)", "min(s)", "max(n)",
			"min(ts)", "max(f)", "bool_and(flag)", "bool_or(flag)")
		if g.chance(20) {
			a += " FILTER (WHERE " + g.pick("a > 0", "s = 'a'", "flag") + ")"
		}
		return a
	}
	if !w.unique {
		if g.chance(60) {
			return aggs()
		}
		return g.pick("rank()", "dense_rank()", "percent_rank()", "cume_dist()")
	}
	if g.chance(40) {
		return aggs()
	}
	f := g.pick("row_number()", "rank()", "dense_rank()", "percent_rank()", "cume_dist()", "ntile(3)", "lag(a)", "lead(s)", "lag(n, 2)",
		"lead(b, 2, 7)", "lag(a, -1)", "lag(id, a)", "lead(id, a, 0)", "first_value(s)", "last_value(a)", "nth_value(n, 2)", "first_value(id)",
		"array_agg(a)", "string_agg(s, ',')")
	g.features[f]++
	return f
}

// rankQuery draws conditions on numberings, which keep the first rows only.
func (g *gen) rankQuery() query {
	part := g.pick("", "PARTITION BY a ", "PARTITION BY s ")
	order := g.pick("n DESC, id", "ts, id", "b NULLS FIRST, id", `s COLLATE "C", id DESC`)
	cond := g.pick("= 1", "<= 2", "< 3", "BETWEEN 2 AND 3", "<= 0", "> 1 AND x.r <= 3")
	name := "row_number"
	if g.chance(50) {
		name, order = g.pick("rank", "dense_rank"), g.pick("a", "n DESC", "b", "flag")
	}
	out := g.pick("x.id, x.a", "x.id, x.r")
	if g.chance(25) {
		g.features["distinct on"]++
		return same(fmt.Sprintf("SELECT DISTINCT ON (a) a, id, n FROM t ORDER BY a, %s",
			g.pick("n DESC, id", "ts, id", `s COLLATE "C", id DESC`)))
	}
	if g.chance(25) {
		g.features["with ties"]++
		return same(fmt.Sprintf("SELECT id, a, n FROM t ORDER BY %s FETCH FIRST %d ROWS WITH TIES",
			g.pick("a", "n DESC", "flag NULLS FIRST", "b DESC NULLS LAST, a"), 1+g.r.IntN(4)))
	}
	g.features[name+" bound"]++
	return same(fmt.Sprintf("SELECT %s FROM (SELECT *, %s() OVER (%sORDER BY %s) AS r FROM t) AS x WHERE x.r %s", out, name, part, order, cond))
}
