package query

import (
	"strings"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"tidemill/sql/ast"
)

// funcCall decodes a call: a user's function, whose name is a note, or one of our markers.
func (x *decoder) funcCall(e *tidb.FuncCallExpr, depth int) ast.Expr {
	name := e.FnName.L
	if !strings.HasPrefix(name, "pg_") {
		call, ok := x.note(e.FnName.O).value.(*ast.Call)
		if !ok {
			x.broken(e)
			return nil
		}
		x.callArgs(call, e.Args, depth)
		return call
	}
	depth++
	args := e.Args
	switch name {
	case "pg_star":
		n, _ := x.mark(args[0])
		return n.value.(*ast.Star)
	case "pg_pre", "pg_pos", "pg_exists", "pg_arrayq", "pg_array", "pg_row":
		n, ok := x.mark(args[0])
		if !ok {
			x.broken(e)
			return nil
		}
		return x.prefixed(name, n, args[1:], depth)
	}
	left := x.expr(args[0], depth)
	n, ok := x.mark(args[1])
	if !ok {
		x.broken(e)
		return nil
	}
	pos := ast.Pos(n.pos)
	switch name {
	case "pg_cast":
		return &ast.Cast{Pos: pos, Expr: left, Type: n.value.(ast.TypeName)}
	case "pg_collate":
		return &ast.Collate{Pos: pos, Expr: left, Name: n.value.(collateNote)}
	case "pg_at":
		return &ast.AtTimeZone{Pos: pos, Expr: left, Zone: x.expr(args[2], depth)}
	case "pg_field":
		return &ast.FieldOf{Pos: pos, Expr: left, Name: string(n.value.(fieldNote))}
	case "pg_index":
		return x.index(pos, left, n.value.(*indexNote), args[2:], depth)
	}
	x.broken(e)
	return nil
}

// prefixed decodes the markers that start with their note.
func (x *decoder) prefixed(name string, n note, args []tidb.ExprNode, depth int) ast.Expr {
	pos := ast.Pos(n.pos)
	switch name {
	case "pg_pre":
		return &ast.Unary{Pos: pos, Op: n.value.(opNote).op, Expr: x.expr(args[0], depth)}
	case "pg_exists":
		return &ast.Exists{Pos: pos, Query: x.subquery(args[0], depth)}
	case "pg_arrayq":
		return &ast.ArrayQuery{Pos: pos, Query: x.subquery(args[0], depth)}
	case "pg_array":
		return &ast.ArrayLit{Pos: pos, Elems: x.exprs(args, depth)}
	case "pg_row":
		return &ast.Row{Pos: pos, Elems: x.exprs(args, depth)}
	}
	if c, ok := args[0].(*tidb.CaseExpr); ok {
		return x.caseExpr(c, n.pos, depth)
	}
	return &ast.Subquery{Pos: pos, Query: x.subquery(args[0], depth)}
}

func (x *decoder) index(pos ast.Pos, left ast.Expr, n *indexNote, bounds []tidb.ExprNode, depth int) ast.Expr {
	out := &ast.Index{Pos: pos, Expr: left, Slice: n.slice}
	for _, b := range bounds {
		f := b.(*tidb.FuncCallExpr)
		v := x.expr(f.Args[0], depth)
		if f.FnName.L == "pg_lo" {
			out.Lo = v
		} else {
			out.Hi = v
		}
	}
	return out
}

// callArgs decodes the arguments of a call and the sections after them.
func (x *decoder) callArgs(call *ast.Call, args []tidb.ExprNode, depth int) {
	for _, a := range args {
		f, ok := a.(*tidb.FuncCallExpr)
		if !ok {
			call.Args = append(call.Args, x.expr(a, depth+1))
			continue
		}
		switch f.FnName.L {
		case "pg_order":
			call.OrderBy = x.sortItems(f.Args, depth+1)
		case "pg_within":
			call.WithinGroup = x.sortItems(f.Args, depth+1)
		case "pg_filter":
			call.Filter = x.expr(f.Args[0], depth+1)
		case "pg_over":
			call.Over, _ = x.window(f, depth+1)
		default:
			call.Args = append(call.Args, x.expr(a, depth+1))
		}
	}
}

// window decodes OVER and the definitions of WINDOW; the name is that of the definition.
func (x *decoder) window(f *tidb.FuncCallExpr, depth int) (*ast.Window, string) {
	m, _ := x.mark(f.Args[0])
	n, ok := m.value.(*overNote)
	if !ok {
		x.broken(f)
		return nil, ""
	}
	w := n.window
	for _, a := range f.Args[1:] {
		part, ok := a.(*tidb.FuncCallExpr)
		if !ok {
			x.broken(a)
			return nil, ""
		}
		switch part.FnName.L {
		case "pg_part":
			w.PartitionBy = x.exprs(part.Args, depth)
		case "pg_order":
			w.OrderBy = x.sortItems(part.Args, depth)
		case "pg_start":
			w.Frame.Start.Offset = x.expr(part.Args[0], depth)
		case "pg_end":
			w.Frame.End.Offset = x.expr(part.Args[0], depth)
		}
	}
	return &w, n.name
}

// sortItems decodes a list of pg_sort calls.
func (x *decoder) sortItems(list []tidb.ExprNode, depth int) []ast.OrderItem {
	out := make([]ast.OrderItem, 0, len(list))
	for _, e := range list {
		if it, ok := x.sortItem(e, depth); ok {
			out = append(out, it)
		}
	}
	return out
}

func (x *decoder) sortItem(e tidb.ExprNode, depth int) (ast.OrderItem, bool) {
	f, ok := e.(*tidb.FuncCallExpr)
	if !ok || f.FnName.L != "pg_sort" {
		x.broken(e)
		return ast.OrderItem{}, false
	}
	m, _ := x.mark(f.Args[0])
	n := m.value.(*sortNote)
	return ast.OrderItem{Expr: x.expr(f.Args[1], depth+1), Desc: n.desc, NullsFirst: n.nullsFirst}, true
}
