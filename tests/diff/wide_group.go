package diff

import (
	"fmt"
	"slices"
	"strings"
)

// aggregates are templates of aggregate calls by the class they give. {@C} is of the class itself, and
// lists are in the order of their elements.
var aggregates = map[string][]string{
	"int8": {"count(*)", "count({~})", "count(DISTINCT {<})", "sum({int4})", "sum({int2})", "sum(DISTINCT {int4})", "count(DISTINCT ({int4}, {text}))", "regr_count({float8}, {float8})",
		"rank(1) WITHIN GROUP (ORDER BY {int4})", "dense_rank('a'::text) WITHIN GROUP (ORDER BY {text} DESC)", "bit_and({int8})", "bit_xor({int8})"},
	"num":      {"sum({num})", "sum({int8})", "round(avg({int4}), 6)", "round(avg({num}), 6)", "sum(DISTINCT {num})", "round(avg(DISTINCT {int8}), 4)", "round(stddev({int4}), 6)", "round(var_pop({num}), 6)", "round(variance({int8}), 6)", "round(stddev_pop({int2}), 6)"},
	"float8":   {"sum({float8})", "avg({float8})", "percentile_cont(0.5) WITHIN GROUP (ORDER BY {float8})", "percentile_cont(0.25) WITHIN GROUP (ORDER BY {int4} DESC)", "cume_dist(2) WITHIN GROUP (ORDER BY {int4})", "percent_rank(1) WITHIN GROUP (ORDER BY {int4})"},
	"float4":   {"sum({float4})"},
	"bool":     {"bool_and({bool})", "bool_or({bool})", "every({bool})"},
	"text":     {"string_agg({@text}, ',' ORDER BY {@})", "string_agg(DISTINCT {@text}, '-' ORDER BY {@} DESC)"},
	"ints":     {"array_agg({@int4} ORDER BY {@})", "array_agg(DISTINCT {@int4} ORDER BY {@} DESC NULLS LAST)"},
	"texts":    {"array_agg({@text} ORDER BY {@} DESC)"},
	"jsonb":    {"jsonb_agg({@int4} ORDER BY {@})", "jsonb_agg({@text} ORDER BY {@} NULLS FIRST)", "jsonb_object_agg(coalesce({@text}, '-'), 1)"},
	"json":     {"json_agg({@int4} ORDER BY {@} DESC)"},
	"int4":     {"bit_or({int4})", "bit_and({int4})"},
	"interval": {"justify_interval(sum({interval}))"},
}

var aggregatesSorted = []string{"min({C})", "max({C})"}
var aggregatesOrdered = []string{"mode() WITHIN GROUP (ORDER BY {C})", "percentile_disc(0.5) WITHIN GROUP (ORDER BY {C})", "percentile_disc(0.9) WITHIN GROUP (ORDER BY {C} DESC)", "(array_agg({@C} ORDER BY {@}))[1]"}

// aggregate draws an aggregate call of a class, "" = there is none.
func (w *wide) aggregate(s *scope, name string) string {
	list := slices.Clone(aggregates[name])
	c := classOf(name)
	if !c.noMin && !c.unsorted {
		list = append(list, aggregatesSorted...)
	}
	if !c.unsorted && name != "ints" && name != "texts" {
		list = append(list, aggregatesOrdered...)
	}
	if len(list) == 0 {
		return ""
	}
	t := w.pick(list...)
	w.mark("agg:" + t)
	in := *s
	in.plain, in.over, in.group = in.plain || w.chance(80), false, nil
	call := w.fill(&in, t, name, 1)
	if w.chance(15) && !strings.HasSuffix(t, "]") && !strings.HasPrefix(t, "round") && !strings.HasPrefix(t, "justify") {
		w.mark("filter clause")
		call += " FILTER (WHERE " + w.expr(&in, "bool", 1) + ")"
	}
	return call
}

// grouping draws FROM, WHERE and GROUP BY and the scope above.
func (w *wide) grouping(outer []column, depth int) (string, *scope, string) {
	from, cols := w.from(outer, depth)
	below := &scope{cols: cols, outer: outer}
	tail := w.where(below, 30, depth)
	s := &scope{outer: outer, group: below}
	n := w.r.IntN(3)
	var keys []string
	for range n {
		if fit := sortedColumns(cols); len(fit) > 0 && w.chance(70) {
			c := fit[w.r.IntN(len(fit))]
			s.cols = append(s.cols, c)
			keys = append(keys, c.ref)
			continue
		}
		plain := *below
		plain.plain, plain.outer = true, nil
		name := w.pick("int4", "text", "bool", "ts", "date")
		k := w.expr(&plain, name, 1)
		if !strings.ContainsAny(k, ".") { // a constant is no key
			continue
		}
		keys = append(keys, k)
		s.cols = append(s.cols, column{ref: k, class: name, computed: true})
	}
	switch {
	case len(keys) == 0:
		w.mark("global")
	case w.chance(25) && !slices.ContainsFunc(s.cols, func(c column) bool { return c.computed }):
		tail += " GROUP BY " + w.groupingSets(keys)
		s.cols = append(s.cols, column{ref: fmt.Sprintf("grouping(%s)", w.pick(keys...)), class: "int4", computed: true})
	default:
		w.mark(fmt.Sprintf("group by %d", len(keys)))
		tail += " GROUP BY " + strings.Join(keys, ", ")
	}
	return from, s, tail
}

func (w *wide) groupingSets(keys []string) string {
	all := strings.Join(keys, ", ")
	form := w.pick("ROLLUP", "CUBE", "SETS", "mixed", "nested")
	w.mark("grouping " + form)
	switch form {
	case "ROLLUP", "CUBE":
		return fmt.Sprintf("%s (%s)", form, all)
	case "SETS":
		return fmt.Sprintf("GROUPING SETS ((%s), (%s), ())", all, keys[0])
	case "mixed":
		return fmt.Sprintf("%s, ROLLUP (%s)", keys[0], all)
	}
	return fmt.Sprintf("GROUPING SETS (CUBE (%s), (%s), ROLLUP (%s))", all, keys[len(keys)-1], keys[0])
}

func sortedColumns(cols []column) []column {
	var out []column
	for _, c := range cols {
		if !classOf(c.class).unsorted {
			out = append(out, c)
		}
	}
	return out
}

// grouped draws a query with GROUP BY or without keys.
func (w *wide) grouped(names []string, outer []column, depth int) string {
	from, s, tail := w.grouping(outer, depth)
	items := w.items(s, names, min(depth, 1))
	if len(s.cols) == 0 { // not grouped without an aggregate
		tail += " HAVING count(*) >= 0"
	} else if w.chance(30) {
		w.mark("having")
		tail += " HAVING " + w.expr(s, "bool", 1)
	}
	return "SELECT " + items + " FROM " + from + tail
}

// windowed draws window functions over a FROM clause or over groups.
func (w *wide) windowed(names []string, outer []column, depth int) string {
	w.mark("windowed")
	if w.chance(25) {
		from, s, tail := w.grouping(outer, depth)
		if len(s.cols) > 0 {
			w.mark("over groups")
			s.over = true
			return "SELECT " + w.items(s, names, 1) + " FROM " + from + tail
		}
		return w.grouped(names, outer, depth)
	}
	from, cols := w.from(outer, depth)
	s := &scope{cols: cols, outer: outer}
	where := w.where(s, 30, 1)
	s.over = true
	return "SELECT " + w.items(s, names, 2) + " FROM " + from + where
}

// calls are window functions by class that depend on the order of all rows, and those that peers share.
var calls = map[string][]string{
	"int8": {"row_number()", "rank()", "dense_rank()"}, "int4": {"ntile(3)", "ntile(2)"}, "float8": {"percent_rank()", "cume_dist()"},
}
var callsAny = []string{"lag({C})", "lead({C}, 2)", "lag({C}, 1, {C})", "first_value({C})", "last_value({C})", "nth_value({C}, 2)", "lead({C}, {int4})"}
var callsPeers = map[string][]string{
	"int8": {"rank()", "dense_rank()", "count(*)", "count({~})", "sum({int4})"}, "float8": {"percent_rank()", "cume_dist()", "sum({float8})", "avg({float8})"},
	"num": {"sum({num})", "round(avg({int4}) OVER W, 6)", "sum({int8})"}, "bool": {"bool_and({bool})", "bool_or({bool})"}, "int4": {"bit_or({int4})"},
}

// overCall draws a window function call of a class, "" = there is none.
func (w *wide) overCall(s *scope, name string, depth int) string {
	in := *s
	in.over, in.plain = false, true
	def, unique := w.overDefinition(&in)
	list := slices.Clone(callsPeers[name])
	if !classOf(name).noMin && !classOf(name).unsorted {
		list = append(list, "min({C})", "max({C})")
	}
	if unique {
		list = append(append(list, calls[name]...), callsAny...)
		if name == "text" {
			list = append(list, "string_agg({text}, ',')")
		}
		if name == "ints" {
			list = append(list, "array_agg({int4})")
		}
	}
	if len(list) == 0 {
		return ""
	}
	t := w.pick(list...)
	w.mark("over:" + t)
	call := w.fill(&in, t, name, 1)
	if strings.Contains(call, " OVER W") {
		return strings.Replace(call, "OVER W", "OVER ("+def+")", 1)
	}
	if w.chance(15) && callsPeers[name] != nil && slices.Contains(callsPeers[name], t) && !strings.HasPrefix(t, "rank") && !strings.HasPrefix(t, "dense") && !strings.HasPrefix(t, "percent") && !strings.HasPrefix(t, "cume") {
		call += " FILTER (WHERE " + w.expr(&in, "bool", 1) + ")"
	}
	return call + " OVER (" + def + ")"
}

// rangeOffsets are offsets of RANGE frames by class.
var rangeOffsets = map[string]string{"int4": "2", "int8": "3", "num": "1.5", "float8": "1", "ts": "INTERVAL '20 minutes'", "date": "INTERVAL '1 day'", "tstz": "INTERVAL '2 hours'", "int2": "1", "time": "INTERVAL '1 hour'", "float4": "1"}

// overDefinition draws a window. unique tells that rows that tie are equal as a whole.
func (w *wide) overDefinition(s *scope) (def string, unique bool) {
	var parts []string
	if w.chance(50) {
		if fit := sortedColumns(s.cols); len(fit) > 0 {
			parts = append(parts, "PARTITION BY "+fit[w.r.IntN(len(fit))].ref)
		}
	}
	fit := sortedColumns(s.cols)
	if len(fit) == 0 {
		return strings.Join(parts, " "), false
	}
	c := fit[w.r.IntN(len(fit))]
	order := c.ref + w.pick("", " DESC", " NULLS FIRST", " DESC NULLS LAST")
	switch mode := w.pick("rows", "range", "groups", "default", "whole", "rows"); mode {
	case "rows", "default":
		list := []string{order}
		for _, c := range s.cols {
			if classOf(c.class).unsorted {
				list = append(list, c.ref+"::text")
			} else {
				list = append(list, c.ref)
			}
		}
		parts = append(parts, "ORDER BY "+strings.Join(list, ", "))
		if mode == "rows" {
			w.mark("rows frame")
			parts = append(parts, w.overFrame("ROWS", w.pick("0", "1", "3"), "2"))
		}
		return strings.Join(parts, " "), true
	case "range":
		parts = append(parts, "ORDER BY "+order)
		if off := rangeOffsets[c.class]; off != "" && !w.extremes {
			w.mark("range frame")
			parts = append(parts, w.wideFrame("RANGE", off))
		}
	case "groups":
		w.mark("groups frame")
		parts = append(parts, "ORDER BY "+order, w.wideFrame("GROUPS", w.pick("0", "1", "2")))
	}
	return strings.Join(parts, " "), false
}

// wideFrame draws a frame with the same offset on both sides.
func (w *wide) wideFrame(mode, off string) string {
	bounds := []string{"UNBOUNDED PRECEDING", off + " PRECEDING", "CURRENT ROW", off + " FOLLOWING", "UNBOUNDED FOLLOWING"}
	lo := w.r.IntN(4)
	hi := max(lo, 1+w.r.IntN(4))
	out := fmt.Sprintf("%s BETWEEN %s AND %s", mode, bounds[lo], bounds[hi])
	if w.chance(25) {
		w.mark("exclude")
		out += " EXCLUDE " + w.pick("CURRENT ROW", "GROUP", "TIES", "NO OTHERS")
	}
	return out
}
