package pgquery

import (
	"fmt"
	"math/rand"
	"strings"
)

// generator writes random statements of PostgreSQL's grammar: most have no meaning, all have a tree.
type generator struct{ *rand.Rand }

func newGenerator(seed int64) generator { return generator{rand.New(rand.NewSource(seed))} }

func (g generator) pick(list ...string) string { return list[g.Intn(len(list))] }

// maybe returns one of the texts, or nothing more often than not.
func (g generator) maybe(list ...string) string {
	if g.Intn(3) > 0 {
		return ""
	}
	return " " + g.pick(list...)
}

// some joins one to most texts.
func (g generator) some(most int, sep string, one func() string) string {
	out := make([]string, 1+g.Intn(most))
	for i := range out {
		out[i] = one()
	}
	return strings.Join(out, sep)
}

func (g generator) name() string {
	return g.pick("a", "b", "c", "t", "x", "u", "A", `"A b"`, `"sel""ect"`, "t.a", "s.t.b", "year", "name", "value", "day", "type", "rows", "over", "filter", `U&"d\0061"`, "é", "x1$")
}

func (g generator) relation() string {
	return g.pick("t", "u", "s.t", `"T"`, "only t", "t *", "tab", "public.orders")
}

func (g generator) literal() string {
	return g.pick("1", "0", "42", "2147483648", "1.5", ".5", "1.", "1e3", "1.5e-3", "12345678901234567890", "null", "true", "false",
		"'a'", "'it''s'", `'back\slash'`, `e'a\n\x41\u00e9'`, "'two'\n 'parts'", "$$dollar$$", "$q$a$b$q$", `U&'d\0061t'`, "b'101'", "x'1F'", "n'nat'",
		"$1", "$2", "date '2020-01-01'", "timestamp '2020-01-01 00:00'", "timestamptz(3) 'now'", "interval '1 day'", "interval '1' day", "interval '1-2' year to month",
		"interval(2) '1.234 seconds'", "time with time zone '01:02'", "int '5'", "float8 '1e5'", "numeric(4,2) '1.2'", `"char" 'x'`, "bool 't'", "json '{}'", "interval '3' hour to second(2)", "character varying(3) 'abcd'", "pg_catalog.int4 '7'")
}

func (g generator) typ() string {
	return g.pick("int", "bigint", "text", "varchar(10)", "char", "character(3)", "bit(3)", "bit varying", "numeric(10,2)", "decimal", "float(20)", "float(40)", "double precision", "real",
		"boolean", "timestamp(3) with time zone", "timestamp without time zone", "time", "date", "interval", "interval day to second", "interval(3)", "jsonb", "uuid", "bytea", "national character varying(4)",
		`"char"`, "pg_catalog.text", "s.mytype", "mytype(3)", "int[]", "text[][]", "int[3]", "int array", "text array[4]", "dec(3)", "smallint", "nchar(2)", "name", "regclass", "year", "x")
}

func (g generator) operator() string {
	return g.pick("+", "-", "*", "/", "%", "^", "||", "=", "<", ">", "<=", ">=", "<>", "!=", "&", "|", "#", "<<", ">>", "~", "~*", "!~", "!~*", "@>", "<@", "->", "->>", "#>", "?|", "&&", "@@", "-|-",
		"and", "or", "and", "or", "is distinct from", "is not distinct from", "+", "-", "*", "||", "and", "or", "and", "or", "->", "#", "like", "not like", "ilike", "not ilike", "similar to", "not similar to",
		"operator(pg_catalog.+)", "operator(=)", "operator(s.<->)", "at time zone", "overlaps", "~~", "!~~*", "||/", "<->", "=>>", "*-")
}

// expr writes operands strung together by operators without brackets.
func (g generator) expr(depth int) string {
	var b strings.Builder
	n := 1
	if depth > 0 {
		n += g.Intn(4)
	}
	for i := range n {
		if i > 0 {
			op := g.operator()
			b.WriteString(" " + op + " ")
			if op == "overlaps" {
				b.WriteString("(a, b)")
				continue
			}
		}
		b.WriteString(g.pick("", "", "", "", "", "", "not ", "- ", "-", "+ ", "~ ", "@ ", "|/ ", "not not ", "- - ", "!! ", "operator(pg_catalog.-) "))
		b.WriteString(g.operand(depth))
		b.WriteString(g.suffix(depth))
	}
	return b.String()
}

// suffix writes what may stand behind an operand.
func (g generator) suffix(depth int) string {
	switch g.Intn(14) {
	case 0:
		return "::" + g.typ()
	case 1:
		return " is " + g.pick("", "not ") + g.pick("null", "true", "false", "unknown")
	case 2:
		return g.pick(" isnull", " notnull", ` collate "C"`, ` collate pg_catalog."de_DE"`)
	case 3:
		if depth > 0 {
			return g.pick(" ", " not ") + "in (" + g.some(3, ", ", func() string { return g.expr(depth - 1) }) + ")"
		}
	case 4:
		if depth > 0 {
			return g.pick(" ", " not ") + "between " + g.pick("", "symmetric ", "asymmetric ") + g.bexpr(depth-1) + " and " + g.bexpr(depth-1)
		}
	case 5:
		if depth > 0 {
			return " " + g.pick("=", "<>", "<", "like", "not like", "ilike", "operator(pg_catalog.=)") + " " + g.pick("any", "all", "some") + " (" + g.pick(g.expr(depth-1), g.query(depth-1)) + ")"
		}
	case 6:
		if depth > 0 {
			return g.pick(" ", " not ") + g.pick("like", "ilike", "similar to") + " " + g.bexpr(0) + " escape " + g.literal()
		}
	case 7:
		if depth > 0 {
			return g.pick(" in (", " not in (") + g.query(depth-1) + ")"
		}
	}
	return ""
}

// bexpr is an expression that AND cannot end.
func (g generator) bexpr(depth int) string {
	return g.operand(depth) + g.pick("", "", " + "+g.operand(0), " || "+g.operand(0), " - "+g.operand(0)+" * "+g.operand(0), "::"+g.typ())
}

func (g generator) operand(depth int) string {
	if depth <= 0 || g.Intn(3) == 0 {
		return g.pick(g.name(), g.literal(), g.name())
	}
	sub := func() string { return g.expr(depth - 1) }
	switch g.Intn(19) {
	case 0:
		return "(" + sub() + ")"
	case 1:
		return "(" + sub() + ", " + sub() + ")"
	case 2:
		return "row(" + g.pick("", g.some(3, ", ", sub)) + ")"
	case 3:
		return "array[" + g.pick("", g.some(3, ", ", sub), "["+sub()+"], ["+sub()+"]") + "]"
	case 4:
		return "case" + g.maybe(sub()) + " when " + g.some(2, " when ", func() string { return sub() + " then " + sub() }) + g.maybe("else "+sub()) + " end"
	case 5:
		return "cast(" + sub() + " as " + g.typ() + ")"
	case 6:
		return "(" + g.query(depth-1) + ")"
	case 7:
		return g.pick("exists (", "array(") + g.query(depth-1) + ")"
	case 8:
		return g.pick("a", "t.a", "(a)", "($1)", "("+sub()+")") + g.pick("[1]", "["+sub()+"]", "[1:2]", "[:]", "[1:]", "[:"+sub()+"]", "[1][2]")
	case 9:
		return "(" + sub() + ")." + g.pick("f", `"F"`, "year", "f.g", "f[1]")
	case 10, 11:
		return g.special(sub)
	case 12, 13, 14:
		return g.call(depth, sub)
	}
	return g.pick(g.name(), g.literal())
}

// special writes functions that have keywords of their own.
func (g generator) special(sub func() string) string {
	return g.pick("coalesce("+sub()+", "+sub()+")", "nullif("+sub()+", "+sub()+")", "greatest("+sub()+", 1)", "least("+sub()+")",
		"extract("+g.pick("year", "epoch", "'dow'", "day", "hour", "second", `"Week"`)+" from "+sub()+")",
		"position("+g.bexpr(0)+" in "+g.bexpr(0)+")", "substring("+sub()+" from "+sub()+")", "substring("+sub()+" from 1 for 2)",
		"substring(a for 3)", "substring(a for 3 from 2)", "substring(a similar b escape c)", "substring(a, 1, 2)",
		"overlay(a placing b from 1)", "overlay(a placing b from 1 for 2)", "overlay(a, b, 1)", "trim(a)", "trim(both 'x' from a)", "trim(leading from a)", "trim(trailing a, b)", "trim('x' from a)", "trim(from a)",
		"current_date", "current_time(2)", "current_timestamp", "localtimestamp(3)", "localtime", "current_user", "session_user", "user", "current_role", "current_catalog", "current_schema", "current_schema()",
		"collation for ("+sub()+")", "grouping(a, b)", "normalize(a)", "normalize(a, nfc)", "ceil("+sub()+")", "pg_catalog.extract('a', b)", "interval "+g.pick("'1'", "'2 days'")+g.maybe("month", "minute to second"),
		"left(a, 1)", "right(a, 1)", "date(a)", "timezone('x', y)")
}

func (g generator) call(depth int, sub func() string) string {
	name := g.pick("f", "count", "sum", "s.f", "pg_catalog.lower", "max", `"F"`, "string_agg", "percentile_cont", "rank", "year")
	args := g.pick("", "*", g.some(3, ", ", sub), "distinct "+sub(), "all "+sub(), sub()+" order by "+g.order(depth-1), "variadic "+sub(), "x => "+sub(), "1, y := "+sub(), "distinct a, b order by a desc nulls last")
	out := name + "(" + args + ")"
	if !strings.Contains(args, "order by") && !strings.HasPrefix(args, "distinct") && !strings.HasPrefix(args, "variadic") {
		out += g.maybe("within group (order by " + g.order(depth-1) + ")")
	}
	return out + g.maybe("filter (where "+sub()+")") + g.maybe("over w", "over ()", "over ("+g.window(depth-1)+")")
}

func (g generator) order(depth int) string {
	return g.some(2, ", ", func() string {
		return g.expr(depth) + g.maybe("asc", "desc", "using <", "using >") + g.maybe("nulls first", "nulls last")
	})
}

func (g generator) window(depth int) string {
	out := g.maybe("w")
	out += g.maybe("partition by " + g.some(2, ", ", func() string { return g.expr(depth) }))
	out += g.maybe("order by " + g.order(depth))
	bound := func() string {
		return g.pick("unbounded preceding", "unbounded following", "current row", g.expr(0)+" preceding", "1 following", "interval '1 day' preceding")
	}
	return out + g.maybe(g.pick("rows", "range", "groups")+" "+g.pick(bound(), "between "+bound()+" and "+bound())+g.maybe("exclude ties", "exclude group", "exclude no others", "exclude current row"))
}

// query writes a query with its clauses.
func (g generator) query(depth int) string {
	with := ""
	if depth > 0 {
		with = g.maybe("with " + g.pick("", "recursive ") + g.some(2, ", ", func() string {
			return g.pick("w", "x (a, b)") + " as " + g.pick("", "materialized ", "not materialized ") + "(" + g.query(depth-1) + ")"
		}) + " ")
	}
	body := g.arm(depth)
	for depth > 0 && g.Intn(4) == 0 {
		body += " " + g.pick("union", "intersect", "except") + g.pick("", " all", " distinct") + " " + g.arm(depth-1)
	}
	if g.Intn(3) == 0 {
		body += " order by " + g.order(depth-1)
	}
	body += g.maybe("limit 10", "limit all", "limit "+g.expr(depth-1), "fetch first 3 rows only", "fetch next row only", "limit null", "fetch first (1 + 1) rows with ties", "offset 1 limit 2")
	body += g.maybe("offset 5", "offset 5 rows", "offset "+g.expr(depth-1))
	return with + body + g.maybe("for update", "for share of t nowait", "for no key update skip locked")
}

func (g generator) arm(depth int) string {
	switch g.Intn(10) {
	case 0:
		return "values " + g.some(2, ", ", func() string { return "(" + g.some(2, ", ", func() string { return g.expr(depth - 1) }) + ")" })
	case 1:
		if depth > 0 {
			return "(" + g.query(depth-1) + ")"
		}
	case 2:
		return "table " + g.pick("t", "s.t")
	}
	e := func() string { return g.expr(depth - 1) }
	out := "select" + g.pick("", "", "", " all", " distinct", " distinct on ("+g.some(2, ", ", e)+")")
	out += g.pick("", " "+g.items(depth), " "+g.items(depth), " "+g.items(depth))
	if g.Intn(5) > 0 {
		out += " from " + g.some(2, ", ", func() string { return g.table(depth) })
	}
	out += g.maybe("where " + e())
	out += g.maybe("group by " + g.pick("", "distinct ", "all ") + g.some(3, ", ", func() string {
		return g.pick(e(), e(), "()", "(a, b)", "rollup (a, (b, c))", "cube (a, b)", "grouping sets ((a, b), a, ())", "grouping sets (rollup (a, b), cube (c))", "row(a)")
	}))
	out += g.maybe("having " + e())
	return out + g.maybe("window w as ("+g.window(depth-1)+")", "window w as (), v as (w order by a)")
}

func (g generator) items(depth int) string {
	return g.some(3, ", ", func() string {
		return g.pick("*", "t.*", "s.t.*", g.expr(depth-1), g.expr(depth-1), g.expr(depth-1)+" as "+g.pick("x", `"X y"`, "select", "year", "from"), g.expr(0)+" x", g.expr(0)+" "+g.pick(`"q"`, "name", "year", "day", "value", "filter"))
	})
}

func (g generator) table(depth int) string {
	alias := g.maybe("x", "as x", "x (a, b)", `as "X" (a)`)
	switch {
	case depth <= 0:
		return g.relation() + alias
	case g.Intn(4) == 0:
		return g.pick("", "lateral ") + "(" + g.query(depth-1) + ")" + g.pick(" q", " as q", " q (a, b)")
	case g.Intn(5) == 0:
		f := g.pick("f(1)", "s.f(a, b)", "generate_series(1, 2)", "unnest(a, b)", "rows from (f(1), g(2))", "current_date", "rows from (f(1) as (a int, b text), g(2))", "coalesce(a, b)")
		return g.pick("", "lateral ") + f + g.maybe("with ordinality") + g.pick(" r", " as r (a, b)", "", " as r (a int, b text[])", " as (a int)")
	case g.Intn(2) == 0:
		return g.relation() + alias
	}
	l, r := g.table(depth-1), g.table(depth-1)
	cond := " " + g.pick("on "+g.expr(depth-1), "using (a, b)", "using (a)")
	j := g.pick(l+" cross join "+r, l+" natural join "+r, l+" natural left join "+r, l+" join "+r+cond, l+" inner join "+r+cond, l+" left join "+r+cond, l+" right outer join "+r+cond, l+" full join "+r+cond,
		l+" join "+r+" join u"+cond+" on true", l+" left join (t cross join u) "+cond)
	return g.pick(j, j, "("+j+")", "("+j+") as j")
}

// statement writes any statement.
func (g generator) statement() string {
	depth := 1 + g.Intn(3)
	switch g.Intn(20) {
	case 0, 1:
		return g.insert(depth)
	case 2, 3:
		return g.update(depth)
	case 4:
		return "delete from " + g.relation() + g.maybe("as x", "x") + g.maybe("using "+g.table(1)) + g.maybe("where "+g.expr(depth)) + g.maybe("returning "+g.items(1))
	case 5:
		return "create " + g.pick("", "or replace ", "temp ") + "view " + g.pick("v", "s.v") + g.maybe("(a, b)") + " as " + g.query(depth)
	case 6:
		return "create materialized view " + g.pick("", "if not exists ") + "v" + g.maybe("(a, b)") + " as " + g.query(depth) + g.maybe("with no data", "with data")
	case 7, 8:
		return g.create(depth)
	case 9:
		return g.session(depth)
	}
	return g.query(depth)
}

func (g generator) insert(depth int) string {
	set := func() string { return g.some(2, ", ", func() string { return g.assignment(depth) }) }
	return g.maybe("with w as ("+g.query(0)+") ") + "insert into " + g.pick("t", "s.t", "t as x") + g.maybe("(a, b)", `("A")`) + g.maybe("overriding user value", "overriding system value") + " " +
		g.pick("default values", "values (1, default)", "values (default, 'x'), (2, 3)", g.query(depth)) +
		g.maybe("on conflict do nothing", "on conflict (a, b) do nothing", "on conflict (a) do update set "+set()+g.maybe("where "+g.expr(1)), "on conflict on constraint k do update set "+set()) +
		g.maybe("returning "+g.items(1))
}

func (g generator) assignment(depth int) string {
	return g.pick("a = "+g.expr(depth), "b = default", "(a, b) = (1, "+g.expr(depth-1)+")", "(a, b) = row(1, default)", "(a, b) = ("+g.query(depth-1)+")", "(a) = (1)", `"A" = excluded.a`)
}

func (g generator) update(depth int) string {
	return g.maybe("with w as ("+g.query(0)+") ") + "update " + g.pick("t", "only t", "s.t x", "t as x") + " set " + g.some(3, ", ", func() string { return g.assignment(depth) }) +
		g.maybe("from "+g.table(1)) + g.maybe("where "+g.expr(depth)) + g.maybe("returning *", "returning "+g.items(1))
}

func (g generator) create(depth int) string {
	if g.Intn(3) == 0 {
		column := func() string {
			return g.pick("a", `"B"`, "lower(a)", "(a + 1)") + g.maybe("asc", "desc") + g.maybe("nulls first", "nulls last")
		}
		return "create " + g.pick("", "unique ") + "index " + g.pick("", "i ", "if not exists i ") + "on t " + g.maybe("using btree ") + "(" + g.some(3, ", ", column) + ")" + g.maybe("include (c)")
	}
	constraint := func() string {
		return g.pick("not null", "null", "primary key", "unique", "default "+g.bexpr(1), "check ("+g.expr(depth)+")", "constraint k check (a > 0)", "generated always as identity", "generated by default as identity (start with 5)", `collate "C"`)
	}
	column := func() string {
		return g.pick("a", "b", `"C d"`, "year", "name") + " " + g.pick(g.typ(), g.typ(), "serial", "bigserial") + g.maybe(g.some(2, " ", constraint))
	}
	element := func() string {
		return g.pick(column(), column(), column(), "primary key (a, b)", "unique (b)", "constraint u unique (a)", "check ("+g.expr(depth)+")")
	}
	return "create " + g.pick("", "temp ", "unlogged ") + "table " + g.pick("", "if not exists ") + g.pick("t", "s.t") + " (" + g.some(4, ", ", element) + ")"
}

func (g generator) session(depth int) string {
	q := g.query(depth)
	return g.pick("explain "+q, "explain verbose "+q, "explain (costs off) "+q, "prepare p as "+q, "prepare p (int, text) as "+q, "execute p (1, 'a')", "execute p", "declare c cursor for "+q, "declare c no scroll cursor with hold for "+q,
		"fetch 3 from c", "fetch all in c", "fetch next c", "move forward 2 from c", "close c", "close all", "deallocate p", "deallocate all", "begin", "begin isolation level repeatable read, read only", "start transaction", "commit and no chain",
		"rollback", "abort work", "end", "savepoint s", "rollback to savepoint s", "release s", "set x = 1", "set local x to 'a', b", "set session time zone 'UTC'", "set names 'utf8'", "reset x", "reset all", "show x", "show time zone", "set transaction read only",
		"truncate t, s.u restart identity", "drop table if exists t, s.u cascade", "drop view v", "drop index i restrict", "drop materialized view v", "drop schema s cascade", "comment on table t is 'x'", "comment on column t.a is null",
		"copy t (a, b) from stdin", "copy ("+q+") to stdout with (format csv, header)", "listen c", "notify c, 'x'", "unlisten *", "vacuum t", "analyze t", "lock table t in share mode", "discard all", "create schema if not exists s", "alter table t rename to u", "alter view v rename to w", "table t", "select", fmt.Sprintf("fetch %d from c", g.Intn(5)))
}

// broken writes text with a token dropped, doubled, moved or replaced.
func (g generator) broken(text string) string {
	tokens := strings.Fields(text)
	if len(tokens) < 2 {
		return text + " " + g.operator()
	}
	i, j := g.Intn(len(tokens)), g.Intn(len(tokens))
	switch g.Intn(4) {
	case 0:
		tokens[i] = ""
	case 1:
		tokens[i] += " " + tokens[i]
	case 2:
		tokens[i], tokens[j] = tokens[j], tokens[i]
	default:
		tokens[i] = g.pick("select", "from", ",", "(", ")", "and", "not", "in", "as", "1", "'a'", "x", "*", "=", ".", "::int", "null", "order by", "over", "is", "between", "like", "union", "[1]", "all", "any", ";", "join", "on", "where", "distinct", "row", "array", "default", "values", "group", "end", "then")
	}
	return strings.Join(tokens, " ")
}
