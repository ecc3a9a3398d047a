package diff

import (
	"fmt"
	"slices"
	"strings"
)

// wide draws schemas over all types, and typed queries of any form. Where PostgreSQL has to be asked
// in other words, a text holds both as «ours¦PostgreSQL's».
type wide struct {
	*gen
	relations []relation
	extremes  bool
	next      int // names drawn so far
	size      int // of the query so far
	used      map[string]bool
	reads     map[string]bool // relations that the query reads
}

// relation is a table or a view.
type relation struct {
	name string
	cols []column // ref is the bare name
	key  bool
	view bool
}

// mark notes a feature of the query that is drawn.
func (w *wide) mark(feature string) {
	w.used[feature] = true
}

func (w *wide) alias(prefix string) string {
	w.next++
	return fmt.Sprintf("%s%d", prefix, w.next)
}

// sides splits a text with alternatives.
func sides(text string) query {
	var ours, pg strings.Builder
	for {
		before, rest, found := strings.Cut(text, "«")
		ours.WriteString(before)
		pg.WriteString(before)
		if !found {
			return query{ours.String(), pg.String()}
		}
		// Alternatives do not nest.
		alt, after, _ := strings.Cut(rest, "»")
		a, b, _ := strings.Cut(alt, "¦")
		ours.WriteString(a)
		pg.WriteString(b)
		text = after
	}
}

// top draws a whole query with columns of the classes, named c0, c1, ….
func (w *wide) top(names []string) string {
	w.next, w.size, w.used, w.reads = 0, 0, map[string]bool{}, map[string]bool{}
	return w.query(names, nil, 3)
}

// query draws a query whose columns are called c0, c1, ….
func (w *wide) query(names []string, outer []column, depth int) string {
	sorted := !slices.ContainsFunc(names, func(n string) bool { return classOf(n).unsorted })
	form := w.r.IntN(11)
	if depth <= 0 || w.size > 50 {
		form = w.r.IntN(2)
	}
	if !sorted && form >= 4 && form <= 7 {
		form = 0
	}
	switch form {
	case 2, 3:
		return w.grouped(names, outer, depth)
	case 4:
		return w.setOperation(names, outer, depth)
	case 5:
		w.mark("distinct")
		return "SELECT DISTINCT" + strings.TrimPrefix(w.plain(names, outer, depth, true), "SELECT")
	case 6:
		return w.firstRows(names, outer, depth)
	case 7:
		return w.distinctOn(names, outer, depth)
	case 8:
		return w.windowed(names, outer, depth)
	case 9:
		return w.with(names, outer, depth)
	case 10:
		if w.chance(30) {
			return w.values(names, outer, depth)
		}
		return w.windowed(names, outer, depth)
	}
	return w.plain(names, outer, depth, false)
}

// items draws the select list.
func (w *wide) items(s *scope, names []string, depth int) string {
	var out []string
	for i, n := range names {
		out = append(out, fmt.Sprintf("%s AS c%d", w.expr(s, n, depth), i))
	}
	return strings.Join(out, ", ")
}

func (w *wide) where(s *scope, percent, depth int) string {
	if !w.chance(percent) {
		return ""
	}
	cond := w.expr(s, "bool", depth)
	if i := slices.IndexFunc(s.cols, func(c column) bool { return c.class == "ts" && !c.computed }); i >= 0 && w.chance(10) {
		w.mark("temporal filter")
		cond += fmt.Sprintf(" AND %s %s", s.cols[i].ref, w.pick("< now()", "> now() - INTERVAL '700 years'", "<= localtimestamp", "+ INTERVAL '3 hours' > localtimestamp"))
	}
	return " WHERE " + cond
}

// plain draws SELECT … FROM … WHERE.
func (w *wide) plain(names []string, outer []column, depth int, distinct bool) string {
	from, cols := w.from(outer, depth)
	s := &scope{cols: cols, outer: outer}
	items := w.items(s, names, depth)
	if i := slices.Index(names, "int4"); i >= 0 && !distinct && w.chance(6) {
		w.mark("set-returning item")
		plain := *s
		plain.plain = true
		parts := make([]string, len(names))
		for k, n := range names {
			parts[k] = fmt.Sprintf("%s AS c%d", w.expr(&plain, n, 1), k)
		}
		parts[i] = fmt.Sprintf("%s AS c%d", w.fill(s, w.pick("generate_series(1, least({int4}, 3))", "unnest({ints})", "generate_series(0, 4, 2)"), "int4", 1), i)
		items = strings.Join(parts, ", ")
	}
	return "SELECT " + items + " FROM " + from + w.where(s, 55, depth)
}

// setOperation draws a tree of set operations.
func (w *wide) setOperation(names []string, outer []column, depth int) string {
	part := func() string {
		q := w.query(names, outer, depth-1)
		return "(" + q + ")"
	}
	out := part()
	for range 1 + w.r.IntN(2) {
		op := w.pick("UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL")
		w.mark(op)
		out += " " + op + " " + part()
		if w.chance(30) {
			out = "(" + out + ")"
		}
	}
	return out
}

// positions is an ORDER BY of all n columns, in a drawn direction.
func (w *wide) positions(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(i+1) + w.pick("", " DESC", " NULLS FIRST", " DESC NULLS LAST")
	}
	w.shuffle(list)
	return " ORDER BY " + strings.Join(list, ", ")
}

func (w *wide) shuffle(list []string) {
	for i := range list {
		j := i + w.r.IntN(len(list)-i)
		list[i], list[j] = list[j], list[i]
	}
}

// firstRows draws LIMIT, OFFSET and WITH TIES over a whole order.
func (w *wide) firstRows(names []string, outer []column, depth int) string {
	inner := w.query(names, outer, depth-1)
	q := fmt.Sprintf("SELECT * FROM (%s) AS %s", inner, w.alias("f"))
	if w.chance(30) {
		w.mark("with ties")
		return q + " ORDER BY " + fmt.Sprint(1+w.r.IntN(len(names))) + w.pick("", " DESC", " NULLS FIRST") +
			fmt.Sprintf(" FETCH FIRST %d ROWS WITH TIES", 1+w.r.IntN(4))
	}
	w.mark("limit")
	return q + w.positions(len(names)) + w.pick(" LIMIT 3", " LIMIT 1", " LIMIT 5 OFFSET 2", " OFFSET 1", " FETCH FIRST 2 ROWS ONLY", " LIMIT 0")
}

func (w *wide) distinctOn(names []string, outer []column, depth int) string {
	w.mark("distinct on")
	inner := w.query(names, outer, depth-1)
	order := []string{}
	for i := range names {
		order = append(order, fmt.Sprintf("c%d", i))
	}
	w.shuffle(order)
	on := order[:1+w.r.IntN(len(order))]
	list := make([]string, len(order))
	for i, c := range order {
		list[i] = c + w.pick("", " DESC", " NULLS FIRST")
	}
	return fmt.Sprintf("SELECT DISTINCT ON (%s) * FROM (%s) AS %s ORDER BY %s", strings.Join(on, ", "), inner, w.alias("d"), strings.Join(list, ", "))
}

// with draws common table expressions, read once or twice, recursive or not.
func (w *wide) with(names []string, outer []column, depth int) string {
	name := w.alias("w")
	if w.chance(30) {
		return w.recursiveQuery(name, names, outer, depth)
	}
	w.mark("with")
	inner := w.classesOf(1 + w.r.IntN(3))
	def := w.query(inner, outer, depth-1)
	cols := columns("", inner)
	w.relations = append(w.relations, relation{name: name, cols: cols, view: true})
	defer w.forget(name)
	hint := w.pick("", "", "MATERIALIZED ", "NOT MATERIALIZED ")
	return fmt.Sprintf("WITH %s AS %s(%s) %s", name, hint, def, w.query(names, outer, depth-1))
}

// forget takes a common table expression away.
func (w *wide) forget(name string) {
	w.relations = slices.DeleteFunc(w.relations, func(r relation) bool { return r.name == name })
	delete(w.reads, name)
}

// recursiveQuery draws WITH RECURSIVE, bounded in depth.
func (w *wide) recursiveQuery(name string, names []string, outer []column, depth int) string {
	w.mark("recursive")
	cols := []column{{ref: "a", class: "int4"}, {ref: "t", class: "text"}, {ref: "d", class: "int4"}}
	t, tcols := w.table(nil)
	base := &scope{cols: tcols, plain: true}
	start := fmt.Sprintf("SELECT %s, %s, 0 FROM %s%s", w.expr(base, "int4", 1), w.expr(base, "text", 1), t, w.where(base, 60, 1))
	u, ucols := w.table(nil)
	self := []column{{ref: name + ".a", class: "int4"}, {ref: name + ".t", class: "text"}, {ref: name + ".d", class: "int4"}}
	step := &scope{cols: append(ucols, self...), plain: true}
	term := fmt.Sprintf("SELECT %s, %s, d + 1 FROM %s JOIN %s ON %s = %s WHERE d < 2", w.expr(step, "int4", 1), w.expr(step, "text", 1),
		name, u, w.leaf(&scope{cols: ucols}, "int4"), name+".a")
	w.relations = append(w.relations, relation{name: name, cols: cols, view: true})
	defer w.forget(name)
	return fmt.Sprintf("WITH RECURSIVE %s (a, t, d) AS (%s UNION ALL %s) %s", name, start, term, w.query(names, outer, depth-1))
}

func (w *wide) values(names []string, outer []column, depth int) string {
	w.mark("values")
	s := &scope{outer: outer}
	var lines []string
	for range 1 + w.r.IntN(3) {
		var cells []string
		for _, n := range names {
			cells = append(cells, w.expr(s, n, min(depth, 1)))
		}
		lines = append(lines, "("+strings.Join(cells, ", ")+")")
	}
	list := make([]string, len(names))
	for i := range list {
		list[i] = fmt.Sprintf("c%d", i)
	}
	return fmt.Sprintf("SELECT * FROM (VALUES %s) AS %s (%s)", strings.Join(lines, ", "), w.alias("v"), strings.Join(list, ", "))
}

// classesOf draws n classes, the common ones more often.
func (w *wide) classesOf(n int) []string {
	out := make([]string, n)
	for i := range out {
		if out[i] = w.pick("int4", "text", "int8", "num", "ts", "int4"); w.chance(40) {
			out[i] = w.pick(anyClass...)
		}
	}
	return out
}

// columns are c0, c1, … of the classes, behind the prefix.
func columns(prefix string, names []string) []column {
	out := make([]column, len(names))
	for i, n := range names {
		out[i] = column{ref: fmt.Sprintf("%sc%d", prefix, i), class: n}
	}
	return out
}

// subqueryCondition draws EXISTS, IN, ANY and ALL.
func (w *wide) subqueryCondition(s *scope, depth int) string {
	if s.plain || w.size > 40 {
		return w.leaf(s, "bool")
	}
	form := w.pick("EXISTS", "NOT EXISTS", "IN", "NOT IN", "ANY", "ALL", "row IN")
	w.mark("subquery " + form)
	n := w.pick("int4", "int4", "text", "num", "ts", w.pick(sortedClass...))
	inner := min(depth, 1)
	switch form {
	case "EXISTS", "NOT EXISTS":
		return fmt.Sprintf("%s (%s)", form, w.query(w.classesOf(1), s.below(), inner))
	case "IN", "NOT IN":
		return fmt.Sprintf("%s %s (%s)", w.expr(s, n, 0), form, w.query([]string{n}, s.below(), inner))
	case "row IN":
		return fmt.Sprintf("(%s, %s) %s (%s)", w.expr(s, n, 0), w.expr(s, "int4", 0), w.pick("IN", "NOT IN"), w.query([]string{n, "int4"}, s.below(), inner))
	}
	return fmt.Sprintf("%s %s %s (%s)", w.expr(s, n, 0), w.pick("=", "<>", "<", ">="), form, w.query([]string{n}, s.below(), inner))
}

// scalarSubquery draws a subquery of one row: an aggregate or the first row.
func (w *wide) scalarSubquery(s *scope, name string, depth int) string {
	if s.plain || w.size > 40 {
		return w.leaf(s, name)
	}
	w.mark("subquery scalar")
	if w.chance(40) && !classOf(name).unsorted {
		return fmt.Sprintf("(%s ORDER BY 1 LIMIT 1)", w.plain([]string{name}, s.below(), min(depth, 1), true))
	}
	from, cols := w.from(s.below(), min(depth, 1))
	in := &scope{cols: cols, outer: s.below(), plain: true}
	a := w.aggregate(in, name)
	if a == "" {
		return w.leaf(s, name)
	}
	return fmt.Sprintf("(SELECT %s FROM %s%s)", a, from, w.where(&scope{cols: cols, outer: s.below()}, 60, 1))
}
