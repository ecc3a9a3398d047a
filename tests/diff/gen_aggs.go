package diff

import (
	"fmt"
	"strings"
)

// richAgg draws an aggregate call over alias t (table t) beyond the plain ones: lists, ordered and
// hypothetical sets, statistics, JSON, bits, with DISTINCT and ORDER BY inside.
func (g *gen) richAgg(t string) string {
	g.features["richagg"]++
	a := g.pick(
		"percentile_cont(%s) WITHIN GROUP (ORDER BY T.a)", "percentile_cont(%s) WITHIN GROUP (ORDER BY T.f DESC)",
		"percentile_disc(%s) WITHIN GROUP (ORDER BY T.n)", "percentile_disc(%s) WITHIN GROUP (ORDER BY T.s DESC)",
		"percentile_disc(%s) WITHIN GROUP (ORDER BY T.ts)", "percentile_cont(ARRAY[0, %s, 1]) WITHIN GROUP (ORDER BY T.b)",
		"mode() WITHIN GROUP (ORDER BY T.a)", "mode() WITHIN GROUP (ORDER BY T.s DESC)", "mode() WITHIN GROUP (ORDER BY T.n)",
		"rank(1) WITHIN GROUP (ORDER BY T.a)", "dense_rank(1) WITHIN GROUP (ORDER BY T.a DESC)",
		"percent_rank(1, 'a') WITHIN GROUP (ORDER BY T.a NULLS FIRST, T.s DESC)", "cume_dist(2) WITHIN GROUP (ORDER BY T.n)",
		"string_agg(T.s, ',' ORDER BY T.s DESC, T.id)", "string_agg(DISTINCT T.s, '-' ORDER BY T.s)", "array_agg(T.a ORDER BY T.id)",
		"array_agg(DISTINCT T.a ORDER BY T.a DESC NULLS LAST)", "json_agg(T.s ORDER BY T.id DESC)", "jsonb_agg(T.n ORDER BY T.id)",
		"jsonb_object_agg(coalesce(T.s, '-'), T.a ORDER BY T.id)", "bit_and(T.a)", "bit_or(T.id)", "bit_xor(T.b)", "every(T.a > 0)",
		"stddev(T.a)", "var_pop(T.n)", "stddev_pop(DISTINCT T.a)", "variance(T.id)", "regr_count(T.a, T.n)", "regr_avgx(T.id, T.a)",
		"round(corr(T.a, T.id)::numeric, 8)", "round(covar_samp(T.a, T.id)::numeric, 8)", "round(regr_slope(T.id, T.a)::numeric, 8)",
		"round(regr_r2(T.a, T.id)::numeric, 8)", "round(regr_syy(T.a, T.id)::numeric, 6)", "count(DISTINCT (T.a, T.s))", "min(T.flag::int)")
	if strings.Contains(a, "%s") {
		a = fmt.Sprintf(a, g.pick("0", "0.25", "0.5", "0.9", "1"))
	}
	return strings.ReplaceAll(a, "T.", t+".")
}

// groupingQuery draws GROUPING SETS in its forms, empty sets and duplicates included.
func (g *gen) groupingQuery() query {
	sets := g.pick("ROLLUP (t.a, t.s)", "CUBE (t.a, t.s)", "ROLLUP ((t.a, t.s))", "GROUPING SETS ((t.a), (t.s), (t.a))",
		"GROUPING SETS ((t.a, t.s), (), ())", "t.a, ROLLUP (t.s)", "t.s, CUBE (t.a)", "ROLLUP (t.s), ROLLUP (t.a)",
		"DISTINCT ROLLUP (t.a), CUBE (t.a, t.s)", "GROUPING SETS (ROLLUP (t.a), CUBE (t.s))")
	sql := fmt.Sprintf("SELECT t.a AS k0, t.s AS k1, GROUPING(t.a, t.s) AS g, %s FROM t", g.aggs("t"))
	if g.chance(40) {
		sql += " WHERE " + g.condT("t")
	}
	sql += " GROUP BY " + sets
	if g.chance(30) {
		sql += " HAVING " + g.pick("count(*) > 1", "GROUPING(t.a) = 1", "t.a IS NULL", "sum(t.a) > 0 OR t.s = 'a'")
	}
	return same(sql)
}
