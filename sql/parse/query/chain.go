package query

import (
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// chain regroups operators that share a carrier: the TiDB grammar has joined them from left to right,
// Postgres has finer rules (comparisons do not chain, IS binds looser than =).
type chain struct {
	x     *decoder
	items []tidb.ExprNode // operand, mark, [operand], mark, [operand] …
	i     int
	depth int
}

// peek returns the operator that is next.
func (c *chain) peek() (note, opNote, bool) {
	if c.i >= len(c.items) || c.x.err != nil {
		return note{}, opNote{}, false
	}
	n, ok := c.x.mark(c.items[c.i])
	if !ok {
		c.x.broken(c.items[c.i])
		return note{}, opNote{}, false
	}
	o, ok := n.value.(opNote)
	if !ok {
		c.x.broken(n.value)
	}
	return n, o, ok
}

func (c *chain) operand() tidb.ExprNode {
	c.i++
	if c.i > len(c.items) {
		c.x.broken(c)
		return nil
	}
	return c.items[c.i-1]
}

// refuse is the error for an operator that Postgres does not let follow another of its level.
func (c *chain) refuse(n note) ast.Expr {
	c.x.fail(&sqlerr.Error{Code: sqlerr.SyntaxError, Message: nonAssoc, Position: n.pos})
	return nil
}

// nonAssoc stands for the message until finish, which knows the text, words it.
const nonAssoc = "syntax error"

// tests decodes comparisons and the IS family above them.
func (c *chain) tests() ast.Expr {
	left := c.comparison(c.x.expr(c.operand(), c.depth))
	distinct := false
	for {
		n, o, ok := c.peek()
		if !ok {
			return left
		}
		switch o.kind {
		case opTest:
			if distinct {
				return c.refuse(n)
			}
			c.i++
			left = &ast.Is{Pos: ast.Pos(n.pos), Expr: left, Not: o.not, Test: o.op}
		case opDistinct:
			if distinct {
				return c.refuse(n)
			}
			distinct = true
			c.i++
			right := c.comparison(c.x.expr(c.operand(), c.depth))
			left = &ast.IsDistinct{Pos: ast.Pos(n.pos), Left: left, Right: right, Not: o.not}
		default:
			// x IS NULL = y groups as (x IS NULL) = y, since nothing else can.
			left = c.comparison(left)
		}
	}
}

// comparison decodes at most one comparison after left.
func (c *chain) comparison(left ast.Expr) ast.Expr {
	n, o, ok := c.peek()
	if !ok || o.kind != opPlain {
		return left
	}
	c.i++
	right := c.operand()
	out := c.x.apply(n, left, right, c.depth)
	// A quantified right side is complete in itself, so that another comparison may follow it.
	for {
		_, quantified := out.(*ast.Quantified)
		n, o, ok := c.peek()
		if !ok || o.kind != opPlain {
			return out
		}
		if !quantified {
			return c.refuse(n)
		}
		c.i++
		out = c.x.apply(n, out, c.operand(), c.depth)
	}
}

// predicates decodes LIKE, BETWEEN and IN.
func (c *chain) predicates() ast.Expr {
	left := c.x.expr(c.operand(), c.depth)
	closed := true // IN and ANY end in a bracket: another predicate may follow
	for {
		n, o, ok := c.peek()
		if !ok {
			return left
		}
		if !closed {
			return c.refuse(n)
		}
		c.i++
		right := c.operand()
		f, _ := right.(*tidb.FuncCallExpr)
		switch {
		case o.kind == opIn:
			left = c.x.in(n, o, left, f, c.depth)
		case f != nil && f.FnName.L == "pg_any" && o.kind == opLike:
			op := o.op
			if o.not {
				op = "not " + op
			}
			left = c.x.quantified(n.pos, op, left, f, c.depth)
		case o.kind == opBetween:
			closed = false
			left = &ast.Between{Pos: ast.Pos(n.pos), Expr: left, Not: o.not, Symmetric: o.op == "symmetric",
				Low: c.x.expr(f.Args[0], c.depth+1), High: c.x.expr(f.Args[1], c.depth+1)}
		case o.kind == opLike:
			closed = false
			like := &ast.Like{Pos: ast.Pos(n.pos), Kind: o.op, Expr: left, Pattern: c.x.expr(right, c.depth), Not: o.not}
			if _, esc, ok := c.peek(); ok && esc.kind == opEscape {
				c.i++
				like.Escape = c.x.expr(c.operand(), c.depth)
			}
			left = like
		default:
			return c.refuse(n)
		}
	}
}

// in decodes IN over a list or a query.
func (x *decoder) in(n note, o opNote, left ast.Expr, f *tidb.FuncCallExpr, depth int) ast.Expr {
	out := &ast.In{Pos: ast.Pos(n.pos), Expr: left, Not: o.not}
	if sub, ok := f.Args[0].(*tidb.SubqueryExpr); ok {
		out.Query = x.subquery(sub, depth+1)
	} else {
		out.List = x.exprs(f.Args, depth)
	}
	return out
}
