package query

import (
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// fromClause decodes FROM. TiDB joins comma-separated elements with conditionless joins.
func (x *decoder) fromClause(j *tidb.Join, depth int) []ast.TableExpr {
	var nodes []tidb.ResultSetNode
	for j.Right != nil && j.On == nil && !j.ExplicitParens {
		nodes = append(nodes, j.Right)
		left, ok := j.Left.(*tidb.Join)
		if !ok {
			break
		}
		j = left
	}
	first := tidb.ResultSetNode(j)
	if j.Right == nil || j.On == nil && !j.ExplicitParens {
		first = j.Left
	}
	nodes = append(nodes, first)
	var out []ast.TableExpr
	for i := len(nodes) - 1; i >= 0; i-- {
		if t := x.table(nodes[i], depth+1); t != nil {
			out = append(out, t)
		}
	}
	return out
}

// table decodes one table expression; nil stands for the missing FROM.
func (x *decoder) table(node tidb.ResultSetNode, depth int) ast.TableExpr {
	if x.err != nil {
		return nil
	}
	switch n := node.(type) {
	case *tidb.Join:
		if n.Right == nil {
			return x.table(n.Left, depth)
		}
		return x.join(n, depth)
	case *tidb.TableSource:
		return x.source(n, depth)
	}
	x.broken(node)
	return nil
}

func (x *decoder) join(n *tidb.Join, depth int) ast.TableExpr {
	if n.On == nil {
		x.broken(n)
		return nil
	}
	f, ok := n.On.Expr.(*tidb.FuncCallExpr)
	if !ok || f.FnName.L != "pg_join" {
		x.broken(n.On.Expr)
		return nil
	}
	m, _ := x.mark(f.Args[0])
	info := m.value.(*joinNote)
	out := &ast.Join{Pos: ast.Pos(m.pos), Kind: info.kind, Natural: info.natural, Using: info.using}
	out.Left, out.Right = x.table(n.Left, depth+1), x.table(n.Right, depth+1)
	args := f.Args[1:]
	if info.match && len(args) > 0 {
		out.Match, args = x.expr(args[0], depth+1), args[1:]
	}
	if len(args) > 0 {
		out.On = x.expr(args[0], depth+1)
	}
	return out
}

// source decodes a relation, sub-query or function; the note of its name says which.
func (x *decoder) source(n *tidb.TableSource, depth int) ast.TableExpr {
	if t, ok := n.Source.(*tidb.TableName); ok {
		switch v := x.note(t.Name.O).value.(type) {
		case *ast.TableName:
			return v
		case nil:
			return nil
		default:
			x.broken(v)
			return nil
		}
	}
	switch v := x.note(n.AsName.O).value.(type) {
	case *ast.Derived:
		v.Query = x.query(n.Source, depth+1)
		return v
	case *ast.TableName:
		if args := x.fromArgs(n.Source); len(args) > 0 {
			v.AsOf = x.expr(args[0], depth+1)
		}
		return v
	case *ast.MatchRecognize:
		x.matchRecognize(v, n.Source, depth+1)
		return v
	case *ast.TableFunc:
		for _, a := range x.fromArgs(n.Source) {
			e := x.expr(a, depth+1)
			call, ok := e.(*ast.Call)
			if !ok && x.err == nil {
				x.fail(sqlerr.Unsupported("this expression in FROM is not supported").At(e.Position()))
			}
			v.Calls = append(v.Calls, call)
		}
		return v
	default:
		x.broken(v)
	}
	return nil
}

// fromArgs returns the arguments of (SELECT pg_from(…)).
func (x *decoder) fromArgs(node tidb.ResultSetNode) []tidb.ExprNode {
	if s, ok := node.(*tidb.SelectStmt); ok && len(s.Fields.Fields) == 1 {
		if f, ok := s.Fields.Fields[0].Expr.(*tidb.FuncCallExpr); ok && f.FnName.L == "pg_from" {
			return f.Args
		}
	}
	x.broken(node)
	return nil
}
