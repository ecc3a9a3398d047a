package diff

import (
	"fmt"
	"strings"
)

// cumulateQuery draws an aggregation over growing windows.
func (g *gen) cumulateQuery(key, aggs string) query {
	g.features["cumulate"]++
	step := g.pick("20 minutes", "30 minutes")
	sel := func(from string) string {
		return fmt.Sprintf("SELECT %sw.window_start, w.window_end, %s FROM %s GROUP BY %sw.window_start, w.window_end", key, aggs, from, key)
	}
	return query{
		ours: sel(fmt.Sprintf("CUMULATE(t, ts, INTERVAL '%s', INTERVAL '1 hour') AS w", step)),
		pg: sel(fmt.Sprintf(`(SELECT *, date_trunc('hour', ts) AS window_start, generate_series(
			date_bin('%[1]s', ts, '1970-01-01') + INTERVAL '%[1]s', date_trunc('hour', ts) + INTERVAL '1 hour', '%[1]s') AS window_end
			FROM t WHERE ts IS NOT NULL) AS w`, step)),
	}
}

// sessionQuery draws sessions: aggregated by session, by more, or as they are.
func (g *gen) sessionQuery() query {
	g.features["session"]++
	gap := g.pick("1 minute", "5 minutes", "20 minutes", "1 hour")
	key := g.pick("", "a", "s", "flag", "a, flag")
	part, by, order := "", "", ""
	if key != "" {
		part, by, order = fmt.Sprintf(" PARTITION BY (%s)", key), "PARTITION BY "+key+" ", "PARTITION BY "+key+", session"
	} else {
		order = "PARTITION BY session"
	}
	ours := fmt.Sprintf("SESSION(t%s, ts, INTERVAL '%s') AS w", part, gap)
	pg := fmt.Sprintf(`(SELECT *, min(ts) OVER (%[1]s) AS window_start, max(ts) OVER (%[1]s) + INTERVAL '%[2]s' AS window_end
		FROM (SELECT *, sum(fresh) OVER (%[3]sORDER BY ts) AS session FROM (SELECT *,
		CASE WHEN ts - lag(ts) OVER (%[3]sORDER BY ts) < INTERVAL '%[2]s' THEN 0 ELSE 1 END AS fresh FROM t WHERE ts IS NOT NULL) AS x) AS y) AS w`,
		order, gap, by)
	where := ""
	if g.chance(25) {
		where = " WHERE " + g.pick("w.a > 0", "w.s = 'a'", "w.window_start > '2024-02-28 22:00'")
	}
	if g.chance(25) {
		sql := "SELECT w.id, w.n, w.window_start, w.window_end FROM %s" + where
		return query{ours: fmt.Sprintf(sql, ours), pg: fmt.Sprintf(sql, pg)}
	}
	group := []string{"w.window_start", "w.window_end"}
	if g.chance(30) {
		group = group[g.r.IntN(2):][:1]
	}
	if key != "" {
		for _, k := range strings.Split(key, ", ") {
			if g.chance(90) {
				group = append(group, "w."+k)
			}
		}
	}
	if g.chance(15) {
		group = append(group, "w.id")
	}
	list := strings.Join(group, ", ")
	sql := fmt.Sprintf("SELECT %s, %s FROM %%s%s GROUP BY %s", list, g.aggs("w"), where, list)
	return query{ours: fmt.Sprintf(sql, ours), pg: fmt.Sprintf(sql, pg)}
}
