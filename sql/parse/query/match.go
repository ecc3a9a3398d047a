package query

import (
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
)

// isMatchRecognize tells whether MATCH_RECOGNIZE (…) is next and not an alias.
func (d *desugar) isMatchRecognize() bool {
	return d.c.Is("match_recognize") && d.c.At(1).IsPunct("(")
}

// matchRecognize writes MATCH_RECOGNIZE (…) [[AS] alias] behind a table expression, whose text begins
// at start. The clauses are arguments of a marker call, the pattern is part of the note.
func (d *desugar) matchRecognize(start int) {
	n := &ast.MatchRecognize{Pos: ast.Pos(d.c.Pos()), Skip: "past"}
	input := string(d.out[start:])
	d.out = d.out[:start]
	d.moved += len(input)
	d.raw("(SELECT pg_match('m'")
	outer := d.match
	d.match = true
	d.enter()
	d.c.Next()
	d.c.ExpectPunct("(")
	d.matchInput(n)
	d.matchOutput(n)
	d.c.Expect("pattern")
	d.c.ExpectPunct("(")
	n.Pattern = d.pattern()
	d.c.ExpectPunct(")")
	d.matchConditions(n)
	d.c.ExpectPunct(")")
	d.leave()
	d.match = outer
	n.Alias, n.Columns = d.alias()
	d.raw(") FROM " + input + ") AS ")
	d.ident(int(n.Pos), n)
}

// matchInput writes PARTITION BY, ORDER BY and MEASURES.
func (d *desugar) matchInput(n *ast.MatchRecognize) {
	if d.c.Accept("partition", "by") {
		d.raw(",pg_part(")
		d.list("partition expressions", func() { d.expr(lvNone) })
		d.raw(")")
	}
	if d.c.Accept("order", "by") {
		d.raw(",pg_order(")
		d.sortList()
		d.raw(")")
	}
	if d.c.Accept("measures") {
		d.raw(",pg_measures(")
		d.list("measures", func() {
			d.expr(lvNone)
			d.c.Expect("as")
			n.Measures = append(n.Measures, ast.SelectItem{Alias: d.c.ColID()})
		})
		d.raw(")")
	}
}

// matchOutput reads ONE ROW or ALL ROWS PER MATCH and AFTER MATCH SKIP.
func (d *desugar) matchOutput(n *ast.MatchRecognize) {
	switch {
	case d.c.Accept("one"):
		d.c.Expect("row", "per", "match")
	case d.c.Accept("all"):
		d.c.Expect("rows", "per", "match")
		n.AllRows, n.Empty = true, "show"
		switch {
		case d.c.Accept("show"):
			d.c.Expect("empty", "matches")
		case d.c.Accept("omit"):
			n.Empty = "omit"
			d.c.Expect("empty", "matches")
		case d.c.Is("with", "unmatched"):
			n.Empty = "unmatched"
			d.c.Expect("with", "unmatched", "rows")
		}
	}
	if !d.c.Accept("after") {
		return
	}
	d.c.Expect("match", "skip")
	switch {
	case d.c.Accept("past"):
		d.c.Expect("last", "row")
	case d.c.Is("to", "next", "row"):
		n.Skip = "next"
		d.c.Expect("to", "next", "row")
	default:
		d.c.Expect("to")
		n.Skip = "last"
		// FIRST and LAST may be variables themselves.
		if next := d.c.At(1); next.Kind == lex.Quoted || next.Kind == lex.Word && !next.Is("pattern") {
			if w := d.c.AcceptAny("first", "last"); w != "" {
				n.Skip = w
			}
		}
		n.SkipPos = ast.Pos(d.c.Pos())
		n.SkipTo = d.c.ColID()
	}
}

// matchConditions writes WITHIN, SUBSET and DEFINE.
func (d *desugar) matchConditions(n *ast.MatchRecognize) {
	if d.c.Accept("within") {
		d.raw(",pg_within(")
		d.expr(lvNone)
		d.raw(")")
	}
	if d.c.Accept("subset") {
		for {
			s := ast.PatternSubset{Pos: ast.Pos(d.c.Pos())}
			s.Name = d.c.ColID()
			if !d.c.AcceptOp("=") {
				d.c.Unexpected()
			}
			s.Vars = d.c.ColIDs()
			n.Subsets = append(n.Subsets, s)
			if !d.c.AcceptPunct(",") {
				break
			}
		}
	}
	if d.c.Accept("define") {
		d.raw(",pg_define(")
		d.list("definitions", func() {
			n.Defines = append(n.Defines, ast.PatternDefine{Pos: ast.Pos(d.c.Pos()), Name: d.c.ColID()})
			d.c.Expect("as")
			d.expr(lvNone)
		})
		d.raw(")")
	}
}

// matchRecognize decodes the parts of MATCH_RECOGNIZE into its note.
func (x *decoder) matchRecognize(n *ast.MatchRecognize, node tidb.ResultSetNode, depth int) {
	s, ok := node.(*tidb.SelectStmt)
	if !ok || s.From == nil || len(s.Fields.Fields) != 1 {
		x.broken(node)
		return
	}
	f, ok := s.Fields.Fields[0].Expr.(*tidb.FuncCallExpr)
	if !ok || f.FnName.L != "pg_match" {
		x.broken(node)
		return
	}
	if in := x.fromClause(s.From.TableRefs, depth); len(in) == 1 {
		n.Input = in[0]
	}
	for _, a := range f.Args[1:] {
		part, ok := a.(*tidb.FuncCallExpr)
		if !ok {
			x.broken(a)
			return
		}
		switch part.FnName.L {
		case "pg_part":
			n.PartitionBy = x.exprs(part.Args, depth)
		case "pg_order":
			n.OrderBy = x.sortItems(part.Args, depth)
		case "pg_measures":
			for i, e := range x.exprs(part.Args, depth) {
				n.Measures[i].Expr = e
			}
		case "pg_within":
			n.Within = x.expr(part.Args[0], depth)
		case "pg_define":
			for i, e := range x.exprs(part.Args, depth) {
				n.Defines[i].Cond = e
			}
		}
	}
}
