package diff

import (
	"fmt"
	"slices"
	"strings"
)

func newWide(seed uint64) *wide {
	w := &wide{gen: newGen(seed), used: map[string]bool{}, reads: map[string]bool{}}
	w.extremes = w.chance(25)
	return w
}

// schema draws tables over all types and indexes on them.
func (w *wide) schema() []string {
	var out []string
	for i := range 2 + w.r.IntN(2) {
		r := relation{name: fmt.Sprintf("t%d", i), key: w.chance(75)}
		var defs []string
		if r.key {
			r.cols = append(r.cols, column{ref: "id", class: "int4", notNull: true})
			defs = append(defs, "id int PRIMARY KEY")
		}
		for k, n := range append([]string{"int4", "text", w.pick("ts", "num", "int8")}, w.classesOf(1+w.r.IntN(5))...) {
			c := column{ref: fmt.Sprintf("%s_%d", n, k), class: n, notNull: w.chance(10)}
			r.cols = append(r.cols, c)
			def := c.ref + " " + w.pick(classOf(n).declared...)
			if c.notNull {
				def += " NOT NULL"
			}
			defs = append(defs, def)
		}
		out = append(out, fmt.Sprintf("CREATE TABLE %s (%s)", r.name, strings.Join(defs, ", ")))
		w.relations = append(w.relations, r)
	}
	for range w.r.IntN(3) {
		out = append(out, w.index())
	}
	return out
}

// index draws CREATE INDEX on a table.
func (w *wide) index() string {
	r := w.anyTable()
	cols := sortedColumns(r.cols)
	var list []string
	for range 1 + w.r.IntN(2) {
		list = append(list, cols[w.r.IntN(len(cols))].ref+w.pick("", " DESC", " NULLS FIRST"))
	}
	return fmt.Sprintf("CREATE INDEX ON %s (%s)", r.name, strings.Join(list, ", "))
}

// anyTable draws one of the tables.
func (w *wide) anyTable() relation {
	tables := slices.Clone(w.relations)
	tables = slices.DeleteFunc(tables, func(r relation) bool { return r.view })
	return tables[w.r.IntN(len(tables))]
}

// change draws a statement that changes a table. It may fail, in both systems alike.
func (w *wide) change() string {
	r := w.anyTable()
	s := &scope{plain: true}
	for _, c := range r.cols {
		s.cols = append(s.cols, column{ref: c.ref, class: c.class})
	}
	w.size = 40
	switch {
	case w.chance(55):
		return w.insertRows(r)
	case w.chance(40):
		return fmt.Sprintf("DELETE FROM %s WHERE %s", r.name, w.expr(s, "bool", 1)+" AND "+w.expr(s, "bool", 1))
	case w.chance(3):
		return "TRUNCATE " + r.name
	}
	var sets []string
	first := 0
	if r.key {
		first = 1
	}
	i := first + w.r.IntN(len(r.cols)-first)
	for _, c := range r.cols[i:min(i+1+w.r.IntN(2), len(r.cols))] {
		v := w.stored(c)
		if w.chance(40) {
			v = w.expr(s, c.class, 1)
		}
		sets = append(sets, c.ref+" = "+v)
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s", r.name, strings.Join(sets, ", "), w.expr(s, "bool", 1))
}

func (w *wide) insertRows(r relation) string {
	var lines []string
	id := w.r.IntN(30)
	for i := range 1 + w.r.IntN(4) {
		var cells []string
		for k, c := range r.cols {
			if r.key && k == 0 {
				cells = append(cells, fmt.Sprint(id+i*31))
				continue
			}
			cells = append(cells, w.stored(c))
		}
		lines = append(lines, "("+strings.Join(cells, ", ")+")")
	}
	sql := fmt.Sprintf("INSERT INTO %s VALUES %s", r.name, strings.Join(lines, ", "))
	if r.key && w.chance(80) {
		sql += " ON CONFLICT (id) DO NOTHING"
	}
	return sql
}

// definition draws a materialized view's query.
func (w *wide) definition() (names []string, text string) {
	names = w.classesOf(1 + w.r.IntN(4))
	return names, w.pinned(names)
}

// pinned is a query whose columns have exactly the classes' types, as CREATE OR REPLACE demands.
func (w *wide) pinned(names []string) string {
	text := w.top(names)
	if !slices.ContainsFunc(names, func(n string) bool { return n == "num" || n == "varchar" || n == "char" }) {
		return text
	}
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = fmt.Sprintf("c%d", i)
		switch n {
		case "num":
			list[i] = fmt.Sprintf("c%d + 0 AS c%d", i, i)
		case "varchar", "char":
			list[i] = fmt.Sprintf("c%d::%s(9) AS c%d", i, n, i)
		}
	}
	return fmt.Sprintf("SELECT %s FROM (%s) AS top", strings.Join(list, ", "), text)
}

// shape names the features of the query drawn last, without the expressions in it.
func (w *wide) shape() string {
	var out []string
	for f := range w.used {
		if !strings.HasPrefix(f, "expr:") {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// broken spoils a query in one place: a word goes, comes twice, or becomes another.
func (w *wide) broken(sql string) string {
	words := strings.Fields(sql)
	i := w.r.IntN(len(words))
	switch w.r.IntN(4) {
	case 0:
		words = slices.Delete(words, i, i+1)
	case 1:
		words = slices.Insert(words, i, words[i])
	case 2:
		words[i] = words[w.r.IntN(len(words))]
	default:
		words[i] = w.pick("NULL", "'x'", "1", "nothing", "t0", "sum(1)", "true", "1.5", "''", "count(*)", "*", "NOT", "AS", "int", "(SELECT 1)")
	}
	return strings.Join(words, " ")
}
