package diff

import (
	"fmt"
	"slices"
	"strings"
)

// The templates of expressions by class. {x} is an expression of class x, {@x} the same remembered and
// {@} what was remembered, {~} is any class, {<} any with an order, {?} a condition with a subquery, and
// {$x} a scalar subquery of class x. None of them fails on usual values.
var templates = map[string][]string{
	"int4": {"{int4} + {int4}", "{int4} - 1", "{int4} * 2", "-{int4}", "abs({int4})", "{int4} % 3", "{int4} / nullif({int4}, 0)", "length({text})",
		"extract(day FROM {ts})::int", "extract(isodow FROM {date})::int", "strpos({text}, 'a')", "cardinality({ints})", "({ints})[1]", "array_length({texts}, 1)",
		"{bool}::int", "round({float8})::int", "sign({num})::int", "{int2}::int", "{date} - DATE '2024-01-01'", "octet_length({bytea})",
		"({jsonb} ->> 'a' = '1')::int", "num_nulls({~}, {~})", "array_position({ints}, {int4})", "ascii({text})", "{int4} & 6", "{int4} | 1", "{int4} # 5", "~{int4}", "{int2} + {int4}", "char_length({char})",
		"date_part('minute', {time})::int", "width_bucket({float8}, 0, 4, 4)", "gcd({int4}, 12)", "array_ndims({ints})", "({int4} >> 1)"},
	"int8": {"{int8} + {int4}", "{int8} - {int8}", "{int4}::bigint", "{int8} % 7", "{int4}::bigint * {int4}", "-{int8}", "{int8} / 2", "abs({int8})",
		"extract(epoch FROM {ts})::bigint", "{int2} * {int8}", "floor({num})::bigint", "bit_count({bytea})"},
	"int2": {"{int2}::int2", "({int4} % 100)::smallint", "abs({int2})", "{int2} % 3::smallint", "{int2} / 2::smallint"},
	"text": {"{text} || {text}", "upper({text})", "lower({varchar})", "substr({text}, 1, 1)", "substring({text} FROM 2)", "{int4}::text", "{bool}::text", "{date}::text", "{ts}::text", "{tstz}::text", "{uuid}::text",
		"{interval}::text", "trim_scale({num})::text", "{char}::text", "{varchar} || '-'", "replace({text}, 'a', 'b')", "left({text}, 2)", "right({text}, -1)", "lpad({text}, 3, '.')", "repeat({text}, 2)",
		"reverse({text})", "concat({text}, {int4}, {bool})", "concat_ws(',', {text}, {varchar})", "to_char({ts}, 'YYYY-MM-DD HH24:MI')", "to_char({date}, 'Day DDD IW')", "btrim({text})", "{jsonb} ->> 'a'", "{jsonb}::text",
		"{jsonb} #>> '{a,b}'", "jsonb_typeof({jsonb})", "split_part({text}, ' ', 1)", "md5({text})", "initcap({text})", "translate({text}, 'ab', 'x')", "array_to_string({ints}, ',', '-')", "({texts})[1]", "encode({bytea}, 'hex')",
		"format('%s/%s', {text}, {int4})", "quote_literal({text})", "regexp_replace({text}, '[a-c]', '<\\&>')", "{json} ->> 'a'", "{time}::text", "to_char({int4}, '999')", "substring({text} FROM '[a-z]')", "overlay({text} placing 'Z' from 1)",
		"{ints}::text", "{texts}::text", "({float8} + 0)::text", "{int8}::text", "json_typeof({json})"},
	"varchar": {"{varchar}::varchar", "{text}::varchar(3)", "substr({varchar}, 1, 2)::varchar"},
	"char":    {"{text}::char(4)", "{char}::char(2)", "{varchar}::char(4)"},
	"num": {"{num} + {num}", "{num} - 0.5", "{num} * {int4}", "round({num}, 1)", "{int4}::numeric", "{int8}::numeric", "-{num}", "abs({num})", "trunc({num}, 1)", "round({num} / nullif({num}, 0), 4)", "ceil({num})", "mod({num}, 3)",
		"{num}::numeric(12,1)", "extract(epoch FROM {interval})", "extract(second FROM {ts})", "extract(hour FROM {time})", "extract(hour FROM {tstz})", "div({num}, 2)", "extract(year FROM {date})", "power({num}, 2)", "{float4}::numeric(9,2)"},
	"float8": {"{float8} + {float8}", "{float8} * 2", "{float8} - {int4}", "-{float8}", "abs({float8})", "{int4}::double precision", "{num}::float8", "floor({float8})", "round({float8})", "{float4}::float8", "sqrt(abs({int4}))", "{float8} / 4",
		"date_part('hour', {ts})", "sign({float8})", "trunc({float8})", "degrees(0 * {float8})"},
	"float4": {"{float4} + {float4}", "{int2}::real", "abs({float4})", "{float4} * 2::real"},
	"bool": {"{@<} = {<@}", "{@<} <> {<@}", "{@<} < {<@}", "{@<} >= {<@}", "{@<} IS DISTINCT FROM {<@}", "{@<} IS NOT DISTINCT FROM {<@}", "{bool} AND {bool}", "{bool} OR {bool}", "NOT {bool}", "{~} IS NULL", "{~} IS NOT NULL",
		"{bool} IS TRUE", "{bool} IS NOT FALSE", "{bool} IS UNKNOWN", "{int4} IN (1, 2, {int4})", "{int4} NOT IN (1, NULL)", "{text} IN ('a', {text})", "{int4} BETWEEN {int4} AND {int4}", "{ts} NOT BETWEEN {ts} AND {ts}",
		"{int4} BETWEEN SYMMETRIC 3 AND {int4}", "{text} LIKE 'a%'", "{text} NOT LIKE '%b'", "{varchar} ILIKE 'A_'", "{text} ~ '^[a-b]+$'", "{text} !~* 'B'", "({int4}, {text}) = ({int4}, {text})", "({int4}, {date}) < ({int4}, {date})",
		"ROW({int4}, {int4}) IS NULL", "({int4}, {int4}) IN ((1, 2), ({int4}, {int4}))", "{int4} = ANY ({ints})", "{int4} <> ALL ({ints})", "{text} = ANY ({texts})", "{ints} && {ints}", "{ints} @> {ints}", "{texts} <@ {texts}",
		"{jsonb} @> {jsonb}", "{jsonb} ? 'a'", "{jsonb} ?| ARRAY['a','c']", "jsonb_path_exists({jsonb}, '$.a')", "({date}, {date}) OVERLAPS ({date}, {date})", "starts_with({text}, 'a')", "isfinite({ts})", "{int4}::bool", "{text} SIMILAR TO '(a|b)%'",
		"{int2} = {int8}", "{num} < {int4}", "{float8} >= {num}", "{date} < {ts}", "{ts} <= {tstz}", "{char} = {varchar}::char(4)", "{text} = {char}", "{jsonb} -> 'a' = '1'", "{?}", "{?}", "{?}"},
	"bytea":    {"{bytea} || {bytea}", "convert_to({text}, 'UTF8')", "substr({bytea}, 1, 1)", "sha256({bytea})", "decode(md5({text}), 'hex')"},
	"date":     {"{date} + 1", "{date} - {int2}", "{ts}::date", "{tstz}::date", "make_date(2024, 1 + abs({int4} % 12), 1)", "date_trunc('month', {date})::date", "greatest({date}, DATE '2024-02-29')"},
	"time":     {"{ts}::time", "{time} + {interval}", "{tstz}::time", "date_trunc('hour', {time})::time"},
	"ts":       {"{ts} + INTERVAL '1 hour'", "{ts} - {interval}", "date_trunc('hour', {ts})", "date_trunc('week', {ts})", "{date}::timestamp", "{tstz}::timestamp", "{tstz} AT TIME ZONE 'America/New_York'", "{date} + {time}", "date_bin('15 minutes', {ts}, '2024-01-01')", "{ts} + INTERVAL '1 month'", "{ts} + {int4} * INTERVAL '1 minute'"},
	"tstz":     {"{tstz} + INTERVAL '1 day'", "{ts}::timestamptz", "{ts} AT TIME ZONE 'Europe/Berlin'", "date_trunc('day', {tstz})", "date_trunc('day', {tstz}, 'Asia/Kolkata')", "{tstz} - {interval}", "{date}::timestamptz", "to_timestamp({int4})"},
	"interval": {"justify_interval({ts} - {ts})", "{int4} * INTERVAL '1 minute'", "age({date}, {date})", "justify_interval({interval} + {interval})", "{time}::interval", "make_interval(hours => {int4} % 24)", "-{interval}"},
	"uuid":     {"md5({text})::uuid", "{uuid}::text::uuid"},
	"jsonb": {"{jsonb} -> 'a'", "{jsonb} -> 0", "{jsonb} #> '{a,b}'", "to_jsonb({int4})", "to_jsonb({text})", "jsonb_build_object('k', {int4}, 't', {text})", "jsonb_build_array({int4}, {bool}, {text})", "{jsonb} || {jsonb}", "{json}::jsonb", "to_jsonb({ints})",
		"jsonb_strip_nulls({jsonb})", "jsonb_path_query_array({jsonb}, '$.*')", "jsonb_path_query_first({jsonb}, '$[*]')", "to_jsonb({ts})", "to_jsonb({date})"},
	"json":  {"to_json({int4})", "json_build_object('a', {int4}, 'b', {text})", "{jsonb}::json", "array_to_json({ints})", "json_build_array({text}, {date})"},
	"ints":  {"ARRAY[{int4}, {int4}]", "{ints} || {int4}", "{int4} || {ints}", "array_append({ints}, {int4})", "array_remove({ints}, {int4})", "array_cat({ints}, {ints})", "array_replace({ints}, 1, {int4})", "ARRAY(SELECT generate_series(1, {int4} % 4))", "array_cat(({ints})[1:2], '{}')", "array_cat(({ints})[2:3][1], '{}')"},
	"texts": {"ARRAY[{text}, {text}]", "{texts} || {text}", "string_to_array({text}, ' ')", "{ints}::text[]", "regexp_split_to_array({text}, 'b')", "array_prepend({text}, {texts})"},
}

// generic are templates for every class C; those with an order have more.
var generic = []string{"coalesce({C}, {C})", "CASE WHEN {bool} THEN {C} ELSE {C} END", "CASE {int4} WHEN 1 THEN {C} WHEN 2 THEN {C} END", "CASE WHEN {?} THEN {C} END", "{$C}"}
var genericSorted = []string{"nullif({C}, {C})", "greatest({C}, {C})", "least({C}, {C})"}

// scope is what expressions may refer to.
type scope struct {
	cols []column
	// outer are the columns of the queries around.
	outer []column
	// plain says that only columns and constants are to be drawn, without subqueries.
	plain bool
	// group is the scope below the grouping; leaves may be aggregates of it.
	group *scope
	// derived stops a leaf of a class without columns from being made of other leaves without end.
	derived bool
	// over is true where window functions may stand.
	over bool
}

// column is something that an expression of a class can be: a name, or a grouping key.
type column struct {
	ref, class string
	notNull    bool
	computed   bool // no name: not to be used in subqueries
}

// below is what a subquery in the scope sees from outside.
func (s *scope) below() []column {
	var out []column
	for _, c := range s.cols {
		if !c.computed {
			out = append(out, c)
		}
	}
	return append(out, s.outer...)
}

// expr draws an expression of a class.
func (w *wide) expr(s *scope, name string, depth int) string {
	if depth <= 0 || w.size > 60 || w.chance(35) {
		return w.leaf(s, name)
	}
	w.size++
	if s.over && w.chance(50) {
		if call := w.overCall(s, name, depth-1); call != "" {
			return call
		}
	}
	list := templates[name]
	if w.chance(25) {
		list = generic
		if !classOf(name).unsorted {
			list = append(append([]string(nil), generic...), genericSorted...)
		}
	}
	return "(" + w.fill(s, w.template(list, s), name, depth-1) + ")"
}

// template draws a template without what the scope forbids.
func (w *wide) template(list []string, s *scope) string {
	t := w.pick(list...)
	for s.plain && strings.ContainsAny(t, "?$") && !strings.Contains(t, "jsonb") || s.plain && strings.Contains(t, "SELECT") {
		t = list[0]
	}
	w.mark("expr:" + t)
	return t
}

// atHand draws a class from the list, mostly one that the scope has columns of.
func (w *wide) atHand(s *scope, from []string) string {
	if n := len(s.cols); n > 0 && w.chance(75) {
		if c := s.cols[w.r.IntN(n)].class; slices.Contains(from, c) {
			return c
		}
	}
	return w.pick(from...)
}

// leaf draws a column, an aggregate or a constant.
func (w *wide) leaf(s *scope, name string) string {
	w.size++
	var fit []string
	for _, c := range s.cols {
		if c.class == name {
			fit = append(fit, c.ref)
		}
	}
	if s.group != nil && (len(fit) == 0 || w.chance(50)) {
		if a := w.aggregate(s.group, name); a != "" {
			return a
		}
	}
	if len(fit) > 0 && w.chance(85) {
		return w.pick(fit...)
	}
	for _, c := range s.outer {
		if c.class == name {
			fit = append(fit, c.ref)
		}
	}
	if len(fit) > 0 && w.chance(80) {
		return w.pick(fit...)
	}
	if len(fit) == 0 && len(s.cols) > 0 && w.size < 60 && !s.derived && w.chance(60) {
		derived := *s
		derived.plain, derived.over, derived.derived = true, false, true
		return "(" + w.fill(&derived, w.template(templates[name], &derived), name, 0) + ")"
	}
	return w.literal(name)
}

// fill replaces the holes of a template; self is what C stands for.
func (w *wide) fill(s *scope, t, self string, depth int) string {
	var b strings.Builder
	remembered := ""
	for {
		i := strings.IndexByte(t, '{')
		j := strings.IndexByte(t, '}')
		if i < 0 || j < i {
			b.WriteString(t)
			return b.String()
		}
		hole := t[i+1 : j]
		b.WriteString(t[:i])
		t = t[j+1:]
		switch {
		case hole == "C":
			b.WriteString(w.expr(s, self, depth))
		case hole == "~":
			b.WriteString(w.expr(s, w.atHand(s, anyClass), depth))
		case hole == "<":
			b.WriteString(w.expr(s, w.atHand(s, sortedClass), depth))
		case hole == "@<": // two of the same class: the second is {<@}
			remembered = w.atHand(s, sortedClass)
			b.WriteString(w.expr(s, remembered, depth))
		case hole == "<@":
			b.WriteString(w.expr(s, remembered, depth))
		case hole == "?":
			b.WriteString(w.subqueryCondition(s, depth))
		case hole == "$C":
			b.WriteString(w.scalarSubquery(s, self, depth))
		case hole == "@":
			b.WriteString(remembered)
		case strings.HasPrefix(hole, "@"):
			name := strings.TrimPrefix(hole, "@")
			if name == "C" {
				name = self
			}
			twice := *s // a subquery that is written twice is not one expression
			twice.plain = true
			remembered = w.expr(&twice, name, depth)
			b.WriteString(remembered)
		case templates[hole] != nil:
			b.WriteString(w.expr(s, hole, depth))
		default: // braces of the text itself
			fmt.Fprintf(&b, "{%s}", hole)
		}
	}
}
