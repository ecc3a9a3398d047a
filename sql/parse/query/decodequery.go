package query

import (
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// query decodes a query expression.
func (x *decoder) query(node tidb.Node, depth int) *ast.Select {
	depth++
	if x.err != nil {
		return nil
	}
	switch n := node.(type) {
	case *tidb.SelectStmt:
		s := x.block(n, depth)
		return x.clauses(s, n.With, n.OrderBy, depth)
	case *tidb.SetOprStmt:
		s := x.setOp(n.SelectList.Selects, depth)
		return x.clauses(s, n.With, n.OrderBy, depth)
	}
	x.broken(node)
	return nil
}

// setOp groups the arms of a set operation: INTERSECT binds tighter, the rest goes from the left.
func (x *decoder) setOp(nodes []tidb.Node, depth int) *ast.Select {
	depth += len(nodes)
	var arms []*ast.Select
	var ops []tidb.SetOprType
	for i, node := range nodes {
		sel, ok := node.(*tidb.SelectStmt)
		if !ok || sel.OrderBy != nil || sel.With != nil {
			x.broken(node)
			return nil
		}
		arm := x.block(sel, depth)
		if x.err != nil {
			return nil
		}
		if i == 0 {
			arms = append(arms, arm)
			continue
		}
		op := *sel.AfterSetOperator
		if op == tidb.Intersect || op == tidb.IntersectAll {
			arms[len(arms)-1] = combine(op, arms[len(arms)-1], arm)
			continue
		}
		arms, ops = append(arms, arm), append(ops, op)
	}
	left := arms[0]
	for i, op := range ops {
		left = combine(op, left, arms[i+1])
	}
	return left
}

func combine(op tidb.SetOprType, left, right *ast.Select) *ast.Select {
	s := &ast.Select{Pos: left.Pos, Left: left, Right: right}
	switch op {
	case tidb.Union, tidb.UnionAll:
		s.SetOp = "union"
	case tidb.Intersect, tidb.IntersectAll:
		s.SetOp = "intersect"
	default:
		s.SetOp = "except"
	}
	s.SetAll = op == tidb.UnionAll || op == tidb.IntersectAll || op == tidb.ExceptAll
	return s
}

// block decodes one SELECT, VALUES list or bracketed query, without the clauses after it.
func (x *decoder) block(n *tidb.SelectStmt, depth int) *ast.Select {
	var marker *tidb.FuncCallExpr
	if len(n.Fields.Fields) > 0 {
		marker, _ = n.Fields.Fields[0].Expr.(*tidb.FuncCallExpr)
	}
	if marker == nil || marker.FnName.L != "pg_q" {
		x.broken(n)
		return nil
	}
	m, _ := x.mark(marker.Args[0])
	info := m.value.(*selectNote)
	args := marker.Args[1:]
	s := &ast.Select{Pos: ast.Pos(m.pos), Distinct: info.distinct}
	switch {
	case info.wrapped:
		return x.subquery(args[0], depth)
	case info.values:
		s.Values = make([][]ast.Expr, 0, len(args))
		for _, a := range args {
			if row, ok := x.expr(a, depth).(*ast.Row); ok {
				s.Values = append(s.Values, row.Elems)
			}
		}
		return s
	case len(args) > 0:
		s.DistinctOn = x.exprs(args, depth)
	}
	for _, f := range n.Fields.Fields[1:] {
		it := ast.SelectItem{Expr: x.expr(f.Expr, depth)}
		if f.AsName.O != "" {
			it.Alias = string(x.note(f.AsName.O).value.(aliasNote))
		}
		s.Items = append(s.Items, it)
	}
	if n.From != nil {
		s.From = x.fromClause(n.From.TableRefs, depth)
	}
	if n.Where != nil {
		s.Where = x.expr(n.Where, depth)
	}
	if n.GroupBy != nil {
		x.groupBy(s, n.GroupBy.Items, depth)
	}
	if n.Having != nil {
		x.tail(s, n.Having.Expr, depth)
	}
	return s
}

// tail decodes HAVING and WINDOW.
func (x *decoder) tail(s *ast.Select, e tidb.ExprNode, depth int) {
	f, ok := e.(*tidb.FuncCallExpr)
	if !ok || f.FnName.L != "pg_tail" {
		x.broken(e)
		return
	}
	for _, a := range f.Args[1:] {
		part := a.(*tidb.FuncCallExpr)
		if part.FnName.L == "pg_cond" {
			s.Having = x.expr(part.Args[0], depth)
			continue
		}
		w, name := x.window(part, depth)
		if x.err != nil {
			return
		}
		if s.Windows == nil {
			s.Windows = map[string]*ast.Window{}
		}
		if s.Windows[name] != nil {
			x.fail(sqlerr.New(sqlerr.WindowingError, "window \"%s\" is already defined", name).At(w.Position()))
		}
		s.Windows[name] = w
	}
}

// clauses adds WITH, ORDER BY, LIMIT and the rest to a query. A bracketed query may have its own;
// Postgres refuses the same clause inside and outside.
func (x *decoder) clauses(s *ast.Select, with *tidb.WithClause, order *tidb.OrderByClause, depth int) *ast.Select {
	if x.err != nil {
		return nil
	}
	if with != nil {
		if s.With != nil {
			x.fail(sqlerr.New(sqlerr.SyntaxError, "multiple WITH clauses not allowed"))
		}
		s.Recursive = with.IsRecursive
		for _, c := range with.CTEs {
			n := x.note(c.Name.O)
			cte, ok := n.value.(*ast.CTE)
			if !ok {
				x.broken(n.value)
				return nil
			}
			cte.Query = x.query(c.Query.Query, depth)
			s.With = append(s.With, *cte)
		}
	}
	if order == nil {
		return s
	}
	var keys []ast.OrderItem
	for _, it := range order.Items {
		if key, ok := x.tailItem(s, it.Expr, depth); ok {
			keys = append(keys, key)
		}
	}
	if len(keys) > 0 {
		if s.OrderBy != nil {
			x.fail(sqlerr.New(sqlerr.SyntaxError, "multiple ORDER BY clauses not allowed").At(keys[0].Expr.Position()))
		}
		s.OrderBy = keys
	}
	return s
}

// tailItem decodes one item of the canonical ORDER BY: a sort key, which it returns, or a clause.
func (x *decoder) tailItem(s *ast.Select, e tidb.ExprNode, depth int) (ast.OrderItem, bool) {
	none := ast.OrderItem{}
	f, ok := e.(*tidb.FuncCallExpr)
	if !ok {
		x.broken(e)
		return none, false
	}
	switch f.FnName.L {
	case "pg_sort":
		return x.sortItem(f, depth)
	case "pg_limit":
		if x.limited[s] {
			if second := x.expr(f.Args[0], depth); second != nil {
				x.fail(sqlerr.New(sqlerr.SyntaxError, "multiple LIMIT clauses not allowed").At(second.Position()))
			}
			return none, false
		}
		if x.limited == nil {
			x.limited = map[*ast.Select]bool{}
		}
		x.limited[s] = true
		s.Limit = x.expr(f.Args[0], depth)
		s.WithTies = len(f.Args) > 1
		if lit, ok := s.Limit.(*ast.Literal); ok && lit.Kind == ast.LitNull {
			s.Limit = nil
		}
	case "pg_offset":
		if s.Offset != nil {
			x.fail(sqlerr.New(sqlerr.SyntaxError, "multiple OFFSET clauses not allowed").At(s.Offset.Position()))
		}
		s.Offset = x.expr(f.Args[0], depth)
	case "pg_lock":
		n, _ := x.mark(f.Args[0])
		if s.Locking != "" {
			s.Locking += " "
		}
		s.Locking += string(n.value.(textNote))
	case "pg_emit":
		s.EmitOnWindowClose = true
	default:
		x.broken(f)
	}
	return none, false
}
