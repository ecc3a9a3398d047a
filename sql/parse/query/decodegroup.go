package query

import (
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// maxGroupingSets bounds what CUBE and nested grouping sets expand to, as in Postgres.
const maxGroupingSets = 4096

// groupBy decodes the grouping elements.
func (x *decoder) groupBy(s *ast.Select, items []*tidb.ByItem, depth int) {
	empty := 0
	for _, it := range items {
		kind, pos, args, ok := x.group(it.Expr)
		switch {
		case !ok:
			e := x.expr(it.Expr, depth)
			// GROUP BY (a, b) is GROUP BY a, b; ROW(a, b) is one value.
			if row, ok := e.(*ast.Row); ok && x.implicitRow(it.Expr) {
				for _, el := range row.Elems {
					s.GroupBy = append(s.GroupBy, ast.GroupItem{Expr: el})
				}
				continue
			}
			s.GroupBy = append(s.GroupBy, ast.GroupItem{Expr: e})
		case kind == "empty":
			empty++
		case kind == "distinct":
			s.GroupDistinct = true
		default:
			g := ast.GroupItem{Kind: string(kind), Sets: x.sets(kind, args, depth)}
			if len(g.Sets) > maxGroupingSets || kind == "cube" && len(g.Sets) > 12 {
				x.fail(sqlerr.New(sqlerr.StatementTooComplex, "too many grouping sets present (maximum %d)", maxGroupingSets).At(pos))
			}
			s.GroupBy = append(s.GroupBy, g)
		}
	}
	s.GroupAll = empty > 0 && len(s.GroupBy) == 0
}

// group takes a pg_group marker apart.
func (x *decoder) group(e tidb.ExprNode) (kind groupNote, pos int, args []tidb.ExprNode, ok bool) {
	f, isCall := e.(*tidb.FuncCallExpr)
	if !isCall || f.FnName.L != "pg_group" {
		return "", 0, nil, false
	}
	m, _ := x.mark(f.Args[0])
	kind, ok = m.value.(groupNote)
	return kind, m.pos, f.Args[1:], ok
}

// implicitRow tells (a, b) from ROW(a, b), which mean different things to GROUP BY.
func (x *decoder) implicitRow(e tidb.ExprNode) bool {
	for {
		in, ok := e.(*tidb.ParenthesesExpr)
		if !ok {
			break
		}
		e = in.Expr
	}
	f, ok := e.(*tidb.FuncCallExpr)
	if !ok || f.FnName.L != "pg_row" {
		return false
	}
	m, _ := x.mark(f.Args[0])
	_, explicit := m.value.(rowNote)
	return !explicit
}

// sets decodes the elements of ROLLUP and CUBE (each one column or several that go together), or the
// sets of GROUPING SETS, where nested ROLLUP, CUBE and GROUPING SETS are expanded.
func (x *decoder) sets(kind groupNote, args []tidb.ExprNode, depth int) [][]ast.Expr {
	var out [][]ast.Expr
	for _, a := range args {
		inner, pos, innerArgs, ok := x.group(a)
		switch {
		case !ok:
			e := x.expr(a, depth+1)
			if row, isRow := e.(*ast.Row); isRow && x.implicitRow(a) {
				out = append(out, row.Elems)
			} else {
				out = append(out, []ast.Expr{e})
			}
		case kind != "sets" && inner != "empty":
			x.fail(sqlerr.New(sqlerr.SyntaxError, "syntax error").At(pos))
		default:
			out = append(out, expand(inner, x.sets(inner, innerArgs, depth+1))...)
		}
		if len(out) > maxGroupingSets {
			x.fail(sqlerr.New(sqlerr.StatementTooComplex, "too many grouping sets present (maximum %d)", maxGroupingSets).At(pos))
			return nil
		}
	}
	return out
}

// expand turns a nested grouping element into the plain sets it stands for.
func expand(kind groupNote, elems [][]ast.Expr) [][]ast.Expr {
	switch kind {
	case "empty":
		return [][]ast.Expr{{}}
	case "rollup":
		var out [][]ast.Expr
		for n := len(elems); n >= 0; n-- {
			out = append(out, join(elems[:n]))
		}
		return out
	case "cube":
		if len(elems) > 12 {
			return make([][]ast.Expr, maxGroupingSets+1)
		}
		var out [][]ast.Expr
		for bits := 1<<len(elems) - 1; bits >= 0; bits-- {
			var set [][]ast.Expr
			for i, e := range elems {
				if bits&(1<<(len(elems)-1-i)) != 0 {
					set = append(set, e)
				}
			}
			out = append(out, join(set))
		}
		return out
	}
	return elems
}

func join(elems [][]ast.Expr) []ast.Expr {
	out := []ast.Expr{}
	for _, e := range elems {
		out = append(out, e...)
	}
	return out
}
