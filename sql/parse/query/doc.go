// Package query reads query expressions, expressions and type names: everything of SQL that may be
// nested without end. It is the bridge between Postgres's dialect and the TiDB grammar.
//
// Words: desugaring walks the tokens and writes canonical text that the TiDB grammar accepts; a note
// is what a piece of that text stands for, kept beside it and named in it by number ("n7", 'n7',
// @n7); decoding turns TiDB's tree and the notes into sql/ast. Names, constants, operators and types
// travel as notes only, so no difference between the two lexers, no MySQL function and no MySQL type
// rule can be reached from user text, and every position is the user's.
//
// Encodings (one rule each):
//
//	x, s.t.x                 "n"                 name (ColumnRef)
//	1, 'a', true, $1         'n'                 constant or parameter
//	a OP b                   a L @n L b          L carries Postgres's precedence level:
//	                                             = comparison and IS, | LIKE BETWEEN IN, << other
//	                                             operators, + additive, * multiplicative, ^ power
//	NOT x, - x, @ x          pg_pre(@n, x)
//	x::t, CAST, DATE '…'     pg_cast(x, @n)
//	x[i], (r).f              pg_index, pg_field
//	f(… everything …)        "n"(args, pg_order(…), pg_within(…), pg_filter(…), pg_over(…))
//	(q), EXISTS, ARRAY(q)    pg_pos(@n, (q)), pg_exists, pg_arrayq
//	SELECT …                 SELECT pg_q(@n, …), items … HAVING pg_tail(…)
//	LIMIT, OFFSET, FOR, EMIT last items of ORDER BY
//	every JOIN               LEFT JOIN … ON pg_join(@n, cond)
//	f(…) AS t(a, b)          (SELECT pg_from(…)) AS "n"
//	t MATCH_RECOGNIZE (…)    (SELECT pg_match(pg_part(…), pg_order(…), pg_define(…) …) FROM t) AS "n"
//
// AND, OR, CASE, set operations, WITH, join nesting, select lists and grouping are the grammar's own.
//
// Function forms with keywords become plain calls that keep Postgres's order of arguments:
// extract(f FROM x) = extract('f', x); position(a IN b) = position(b, a); substring(x FROM a FOR b) =
// substring(x, a, b); substring(x SIMILAR p ESCAPE e) = substring(x, p, e); overlay(x PLACING y FROM
// a FOR b) = overlay(x, y, a, b); trim = btrim, ltrim, rtrim(x [, chars]); COLLATION FOR (x) =
// pg_collation_for(x); (a, b) OVERLAPS (c, d) = overlaps(a, b, c, d); CURRENT_DATE, CURRENT_USER and
// the like = calls of that name without arguments.
//
// Invariant: desugaring bounds every depth and chain before the TiDB parser sees the text, and
// decoding bounds the depth of the tree it returns, so later passes may recurse.
//
// The package must never import anything of the planner or the catalog: no name is looked up here.
package query
