package query

import (
	"strconv"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// maxTreeDepth bounds the tree that leaves this package. It is far above what Limits.Depth and
// Limits.Chain let through in honest statements and far below what a recursive pass can bear.
const maxTreeDepth = 3000

// decoder turns TiDB's tree and the notes into our tree. The first error sticks.
type decoder struct {
	notes []note
	err   *sqlerr.Error
	// limited are the queries that have a LIMIT, one of NULL too, which the tree does not keep.
	limited map[*ast.Select]bool
}

func (x *decoder) fail(err *sqlerr.Error) {
	if x.err == nil {
		x.err = err
	}
}

// broken reports canonical text that came back in a shape that desugaring never writes.
func (x *decoder) broken(what any) {
	x.fail(sqlerr.New(sqlerr.Internal, "unexpected %T in the canonical tree", what))
}

// note returns the note called name ("n12").
func (x *decoder) note(name string) note {
	if len(name) > 1 {
		if n, err := strconv.Atoi(name[1:]); err == nil && n < len(x.notes) {
			return x.notes[n]
		}
	}
	x.broken(name)
	return note{}
}

// mark returns the note of an @n argument, or false when e is something else.
func (x *decoder) mark(e tidb.ExprNode) (note, bool) {
	v, ok := e.(*tidb.VariableExpr)
	if !ok {
		return note{}, false
	}
	return x.note(v.Name), true
}

// expr decodes an expression that stands depth levels below the root.
func (x *decoder) expr(e tidb.ExprNode, depth int) ast.Expr {
	if depth > maxTreeDepth {
		x.fail(sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded").
			WithHint("Split the expression or use a WITH query."))
	}
	if x.err != nil {
		return nil
	}
	switch e := e.(type) {
	case *tidb.ColumnNameExpr:
		n := x.note(e.Name.Name.O)
		if ref, ok := n.value.(*ast.ColumnRef); ok {
			return ref
		}
	case *constant:
		if leaf, ok := x.note(e.GetString()).value.(ast.Expr); ok {
			return leaf
		}
	case *tidb.ParenthesesExpr:
		return x.expr(e.Expr, depth+1)
	case *tidb.FuncCallExpr:
		return x.funcCall(e, depth)
	case *tidb.CaseExpr:
		return x.caseExpr(e, 0, depth)
	case *tidb.BinaryOperationExpr:
		return x.binary(e, depth)
	}
	x.broken(e)
	return nil
}

func (x *decoder) exprs(list []tidb.ExprNode, depth int) []ast.Expr {
	out := make([]ast.Expr, len(list))
	for i, e := range list {
		out[i] = x.expr(e, depth+1)
	}
	return out
}

func (x *decoder) caseExpr(e *tidb.CaseExpr, pos, depth int) ast.Expr {
	c := &ast.Case{Pos: ast.Pos(pos)}
	if e.Value != nil {
		c.Operand = x.expr(e.Value, depth+1)
	}
	for _, w := range e.WhenClauses {
		c.Whens = append(c.Whens, ast.When{Cond: x.expr(w.Expr, depth+1), Then: x.expr(w.Result, depth+1)})
	}
	if e.ElseClause != nil {
		c.Else = x.expr(e.ElseClause, depth+1)
	}
	return c
}

// binary decodes a chain of operators of one level.
func (x *decoder) binary(e *tidb.BinaryOperationExpr, depth int) ast.Expr {
	items := flatten(e, e.Op)
	depth += len(items)
	switch e.Op {
	case opcode.LogicAnd:
		return x.logic("and", items, depth-len(items))
	case opcode.LogicOr:
		return x.logic("or", items, depth-len(items))
	case opcode.EQ:
		c := chain{x: x, items: items, depth: depth}
		return c.tests()
	case opcode.Or:
		c := chain{x: x, items: items, depth: depth}
		return c.predicates()
	}
	left := x.expr(items[0], depth)
	for i := 1; i+1 < len(items) && x.err == nil; i += 2 {
		n, _ := x.mark(items[i])
		left = x.apply(n, left, items[i+1], depth)
	}
	return left
}

// flatten returns the operands of a left-deep chain of op from left to right. Brackets are nodes of
// their own in TiDB's tree, so the chain is what the user wrote without brackets.
func flatten(e *tidb.BinaryOperationExpr, op opcode.Op) []tidb.ExprNode {
	n := 1
	for l := e; ; n++ {
		next, ok := l.L.(*tidb.BinaryOperationExpr)
		if !ok || next.Op != op {
			break
		}
		l = next
	}
	items := make([]tidb.ExprNode, n+1)
	for l := e; n > 0; n-- {
		items[n] = l.R
		items[0] = l.L
		if n > 1 {
			l = l.L.(*tidb.BinaryOperationExpr)
		}
	}
	return items
}

// logic builds AND and OR. Both are associative, so long chains become balanced trees, which keeps
// ten thousand conditions shallow.
func (x *decoder) logic(op string, items []tidb.ExprNode, depth int) ast.Expr {
	const shallow = 8
	if len(items) == 1 {
		return x.expr(items[0], depth+1)
	}
	if len(items) <= shallow {
		left := x.expr(items[0], depth+len(items))
		for _, it := range items[1:] {
			right := x.expr(it, depth+len(items))
			if x.err != nil {
				return nil
			}
			left = &ast.Binary{Pos: ast.Pos(left.Position()), Op: op, Left: left, Right: right}
		}
		return left
	}
	mid := len(items) / 2
	left, right := x.logic(op, items[:mid], depth+1), x.logic(op, items[mid:], depth+1)
	if x.err != nil {
		return nil
	}
	return &ast.Binary{Pos: ast.Pos(left.Position()), Op: op, Left: left, Right: right}
}

// apply builds left op right for an operator note.
func (x *decoder) apply(n note, left ast.Expr, right tidb.ExprNode, depth int) ast.Expr {
	o, ok := n.value.(opNote)
	if !ok {
		x.broken(n.value)
		return nil
	}
	if f, ok := right.(*tidb.FuncCallExpr); ok && f.FnName.L == "pg_any" {
		return x.quantified(n.pos, o.op, left, f, depth)
	}
	r := x.expr(right, depth)
	if o.op == "overlaps" {
		return x.overlaps(n.pos, left, r)
	}
	return &ast.Binary{Pos: ast.Pos(n.pos), Op: o.op, Left: left, Right: r}
}

// overlaps turns (a, b) OVERLAPS (c, d) into the function of that name.
func (x *decoder) overlaps(pos int, left, right ast.Expr) ast.Expr {
	l, lok := left.(*ast.Row)
	r, rok := right.(*ast.Row)
	if !lok || !rok || len(l.Elems) != 2 || len(r.Elems) != 2 {
		x.fail(sqlerr.New(sqlerr.SyntaxError, "wrong number of parameters on left or right side of OVERLAPS expression").At(pos))
		return nil
	}
	args := []ast.Expr{l.Elems[0], l.Elems[1], r.Elems[0], r.Elems[1]}
	return &ast.Call{Pos: ast.Pos(pos), Name: []string{"overlaps"}, Args: args}
}

// quantified builds left op ANY/ALL (…).
func (x *decoder) quantified(pos int, op string, left ast.Expr, f *tidb.FuncCallExpr, depth int) ast.Expr {
	n, _ := x.mark(f.Args[0])
	q := &ast.Quantified{Pos: ast.Pos(pos), Op: op, Left: left, All: n.value.(quantNote).all}
	if sub, ok := f.Args[1].(*tidb.SubqueryExpr); ok {
		q.Query = x.subquery(sub, depth+1)
	} else {
		q.Array = x.expr(f.Args[1], depth+1)
	}
	return q
}

// subquery decodes a bracketed query.
func (x *decoder) subquery(e tidb.ExprNode, depth int) *ast.Select {
	sub, ok := e.(*tidb.SubqueryExpr)
	if !ok {
		x.broken(e)
		return nil
	}
	return x.query(sub.Query, depth+1)
}
