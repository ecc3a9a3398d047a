package diff

import (
	"fmt"
	"slices"
	"strings"
)

// table draws a relation under a new alias, now and then as windows of time.
func (w *wide) table(outer []column) (string, []column) {
	r := w.relations[w.r.IntN(len(w.relations))]
	w.reads[r.name] = true
	a := w.alias("r")
	var cols []column
	for _, c := range r.cols {
		cols = append(cols, column{ref: a + "." + c.ref, class: c.class})
	}
	i := slices.IndexFunc(r.cols, func(c column) bool { return c.class == "ts" })
	if i < 0 || !w.chance(20) || strings.HasPrefix(r.name, "w") {
		return r.name + " AS " + a, cols
	}
	text, kind := w.timeWindows(r, r.cols[i].ref)
	w.mark(kind)
	cols = append(cols, column{ref: a + ".window_start", class: "ts"}, column{ref: a + ".window_end", class: "ts"})
	return text + " AS " + a, cols
}

// timeWindows draws TUMBLE, HOP, CUMULATE or SESSION over a relation and what stands for it in PostgreSQL.
// Infinite times have no windows there.
func (w *wide) timeWindows(r relation, ts string) (text, kind string) {
	finite := fmt.Sprintf("isfinite(%s)", ts)
	rel := r.name
	if w.extremes {
		return w.pick(rel, rel), "no window"
	}
	bin := func(size string) string { return fmt.Sprintf("date_bin('%s', %s, '1970-01-01')", size, ts) }
	switch w.r.IntN(4) {
	case 0:
		size := w.pick("10 minutes", "1 hour", "37 minutes")
		return fmt.Sprintf("«TUMBLE(%s, %s, INTERVAL '%s')¦(SELECT *, %s AS window_start, %s + INTERVAL '%s' AS window_end FROM %s WHERE %s)»",
			rel, ts, size, bin(size), bin(size), size, rel, finite), "TUMBLE"
	case 1:
		slide, size, n := "10 minutes", "30 minutes", 2
		if w.chance(50) {
			slide, size, n = "20 minutes", "50 minutes", 2
		}
		start := fmt.Sprintf("%s - i * INTERVAL '%s'", bin(slide), slide)
		return fmt.Sprintf("«HOP(%s, %s, INTERVAL '%s', INTERVAL '%s')¦(SELECT x.*, %s AS window_start, %s + INTERVAL '%s' AS window_end FROM %s AS x, generate_series(0, %d) AS i WHERE %s AND %s < %s + INTERVAL '%s')»",
			rel, ts, slide, size, start, start, size, rel, n, finite, ts, start, size), "HOP"
	case 2:
		return fmt.Sprintf("«CUMULATE(%s, %s, INTERVAL '20 minutes', INTERVAL '1 hour')¦(SELECT *, date_trunc('hour', %[2]s) AS window_start, generate_series(%[3]s + INTERVAL '20 minutes', date_trunc('hour', %[2]s) + INTERVAL '1 hour', '20 minutes') AS window_end FROM %[1]s WHERE %[4]s)»",
			rel, ts, bin("20 minutes"), finite), "CUMULATE"
	}
	gap := w.pick("5 minutes", "20 minutes", "1 hour")
	part, by := "", ""
	if i := slices.IndexFunc(r.cols, func(c column) bool { return c.class == "int4" || c.class == "text" }); i >= 0 && w.chance(60) {
		part, by = fmt.Sprintf(" PARTITION BY %s", r.cols[i].ref), r.cols[i].ref+", "
	}
	var names []string
	for _, c := range r.cols {
		names = append(names, c.ref)
	}
	over := "ORDER BY " + ts
	if by != "" {
		over = "PARTITION BY " + strings.TrimSuffix(by, ", ") + " " + over
	}
	return fmt.Sprintf(`«SESSION(%[1]s%[2]s, %[3]s, INTERVAL '%[4]s')¦(SELECT %[5]s, min(%[3]s) OVER (PARTITION BY %[6]ssession) AS window_start, max(%[3]s) OVER (PARTITION BY %[6]ssession) + INTERVAL '%[4]s' AS window_end FROM (SELECT *, sum(fresh) OVER (%[7]s) AS session FROM (SELECT *, CASE WHEN %[3]s - lag(%[3]s) OVER (%[7]s) < INTERVAL '%[4]s' THEN 0 ELSE 1 END AS fresh FROM %[1]s WHERE %[8]s) AS y) AS y)»`,
		rel, part, ts, gap, strings.Join(names, ", "), by, over, finite), "SESSION"
}

// source draws one item of FROM.
func (w *wide) source(outer []column, depth int) (string, []column) {
	if depth > 0 && w.size < 40 && w.chance(20) {
		names := w.classesOf(1 + w.r.IntN(3))
		sub := w.query(names, nil, depth-1)
		a := w.alias("q")
		w.mark("derived table")
		return fmt.Sprintf("(%s) AS %s", sub, a), columns(a+".", names)
	}
	return w.table(outer)
}

// from draws the FROM clause and the columns it gives.
func (w *wide) from(outer []column, depth int) (string, []column) {
	text, cols := w.source(outer, depth)
	for w.size < 45 && w.chance(35) {
		w.size += 8
		text, cols = w.join(text, cols, outer, depth)
	}
	return text, cols
}

func (w *wide) join(text string, left, outer []column, depth int) (string, []column) {
	switch {
	case w.chance(14):
		return w.lateral(text, left, outer, depth)
	case w.chance(10):
		return w.tableFunction(text, left, outer)
	case w.chance(12) && !strings.Contains(text, " JOIN "):
		if t, cols, ok := w.using(text, left); ok {
			return t, cols
		}
	}
	right, rcols := w.source(outer, depth-1)
	kind := w.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "JOIN")
	w.mark(kind)
	on := w.joinCondition(left, rcols, kind)
	return fmt.Sprintf("%s %s %s ON %s", text, kind, right, on), append(slices.Clone(left), rcols...)
}

// joinCondition draws equalities with a residual, or a comparison.
func (w *wide) joinCondition(left, right []column, kind string) string {
	on := ""
	var pairs []string
	for _, l := range left {
		for _, r := range right {
			if l.class == r.class && !classOf(l.class).unsorted {
				pairs = append(pairs, l.ref+" = "+r.ref)
			}
		}
	}
	s := &scope{cols: append(slices.Clone(left), right...), plain: w.chance(80)}
	switch {
	case len(pairs) > 0 && (w.chance(85) || kind == "FULL JOIN"):
		on = w.pick(pairs...)
		if w.chance(25) {
			on += " AND " + w.pick(pairs...)
		}
	case len(pairs) > 0:
		w.mark("range join")
		return strings.Replace(w.pick(pairs...), " = ", w.pick(" < ", " >= ", " <> "), 1)
	default:
		w.mark("join by expressions")
		n := w.pick("int4", "text")
		on = w.leaf(&scope{cols: left}, n) + " = " + w.leaf(&scope{cols: right}, n)
	}
	if w.chance(30) {
		w.mark("residual of " + kind)
		on += " AND " + w.expr(s, "bool", 1)
	}
	return on
}

// using draws JOIN USING and NATURAL JOIN of tables that share column names.
func (w *wide) using(text string, left []column) (string, []column, bool) {
	right, rcols := w.table(nil)
	var shared, all []string
	for _, l := range left {
		name := l.ref[strings.IndexByte(l.ref, '.')+1:]
		for _, r := range rcols {
			if r.ref[strings.IndexByte(r.ref, '.')+1:] == name {
				if all = append(all, name); l.class == r.class && !classOf(l.class).unsorted {
					shared = append(shared, name)
				}
			}
		}
	}
	if len(shared) == 0 || strings.Contains(text, "(") {
		return "", nil, false
	}
	kind := w.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
	cols := append(slices.Clone(left), rcols...)
	merged := func(name string) {
		i := slices.IndexFunc(left, func(c column) bool { return strings.HasSuffix(c.ref, "."+name) })
		cols = append(cols, column{ref: name, class: left[i].class, computed: true})
	}
	if len(all) == len(shared) && len(all) <= 2 && w.chance(50) {
		w.mark("NATURAL " + kind)
		for _, n := range shared {
			merged(n)
		}
		return fmt.Sprintf("%s NATURAL %s %s", text, kind, right), cols, true
	}
	n := w.pick(shared...)
	merged(n)
	w.mark("USING " + kind)
	return fmt.Sprintf("%s %s %s USING (%s)", text, kind, right, n), cols, true
}

// lateral draws a join with a subquery that sees the left side.
func (w *wide) lateral(text string, left, outer []column, depth int) (string, []column) {
	w.mark("lateral")
	names := w.classesOf(1 + w.r.IntN(2))
	sub := w.query(names, append(slices.Clone(left), outer...), min(depth-1, 1))
	a := w.alias("l")
	cols := columns(a+".", names)
	if w.chance(50) || len(outer) > 0 {
		return fmt.Sprintf("%s CROSS JOIN LATERAL (%s) AS %s", text, sub, a), append(slices.Clone(left), cols...)
	}
	on := "true"
	if w.chance(30) {
		on = w.expr(&scope{cols: append(slices.Clone(left), cols...), plain: true}, "bool", 1)
	}
	return fmt.Sprintf("%s LEFT JOIN LATERAL (%s) AS %s ON %s", text, sub, a, on), append(slices.Clone(left), cols...)
}

// tableFunction draws a set-returning function of the left side.
func (w *wide) tableFunction(text string, left, outer []column) (string, []column) {
	w.mark("table function")
	s := &scope{cols: left, outer: outer, plain: true}
	a := w.alias("g")
	var call string
	var cols []column
	switch w.r.IntN(6) {
	case 0:
		call, cols = fmt.Sprintf("generate_series(1, least(%s, 3)) AS %s (x)", w.leaf(s, "int4"), a), []column{{ref: a + ".x", class: "int4"}}
	case 1:
		call, cols = fmt.Sprintf("unnest(%s) WITH ORDINALITY AS %s (x, o)", w.leaf(s, "ints"), a), []column{{ref: a + ".x", class: "int4"}, {ref: a + ".o", class: "int8"}}
	case 2:
		call, cols = fmt.Sprintf("jsonb_path_query(%s, '$.*') AS %s (x)", w.leaf(s, "jsonb"), a), []column{{ref: a + ".x", class: "jsonb"}}
	case 3:
		call, cols = fmt.Sprintf("string_to_table(%s, 'b') WITH ORDINALITY AS %s (x, o)", w.leaf(s, "text"), a), []column{{ref: a + ".x", class: "text"}, {ref: a + ".o", class: "int8"}}
	case 4:
		call, cols = fmt.Sprintf("ROWS FROM (unnest(%s), generate_series(1, 2)) AS %s (x, y)", w.leaf(s, "texts"), a), []column{{ref: a + ".x", class: "text"}, {ref: a + ".y", class: "int4"}}
	default:
		call, cols = fmt.Sprintf("generate_series(%s, %s, INTERVAL '20 minutes') AS %s (x)", "TIMESTAMP '2024-02-29 00:00'", "TIMESTAMP '2024-02-29 01:00'", a), []column{{ref: a + ".x", class: "ts"}}
	}
	return text + " CROSS JOIN " + call, append(slices.Clone(left), cols...)
}
