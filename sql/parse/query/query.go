package query

import (
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/sqlerr"
)

// Select reads a query expression at the cursor. On failure the cursor holds the error and the
// result is nil.
func Select(c *lex.Cursor) *ast.Select {
	return read(c, (*desugar).query)
}

// IsQuery tells whether a query starts at the cursor, with or without brackets.
func IsQuery(c *lex.Cursor) bool {
	d := desugar{c: c}
	return c.IsAny("select", "with", "table") || c.Is("values") && c.At(1).IsPunct("(") || d.isQuery(c.Index())
}

// Expr reads an expression.
func Expr(c *lex.Cursor) ast.Expr {
	s := read(c, func(d *desugar) { d.selectOf(func() { d.expr(lvNone) }) })
	if s == nil {
		return nil
	}
	return s.Items[0].Expr
}

// Restricted reads an expression that ends before NOT, AND, COLLATE and the like: a column's DEFAULT.
func Restricted(c *lex.Cursor) ast.Expr {
	s := read(c, func(d *desugar) { d.selectOf(d.restrict) })
	if s == nil {
		return nil
	}
	return s.Items[0].Expr
}

// Exprs reads a comma-separated list of expressions.
func Exprs(c *lex.Cursor) []ast.Expr {
	var out []ast.Expr
	for _, it := range Items(c, false) {
		out = append(out, it.Expr)
	}
	return out
}

// Items reads a select list: that of RETURNING when aliased, plain expressions otherwise.
func Items(c *lex.Cursor, aliased bool) []ast.SelectItem {
	s := read(c, func(d *desugar) {
		d.selectOf(func() {
			d.list("items", func() {
				if aliased {
					d.item()
				} else {
					d.expr(lvNone)
				}
			})
		})
	})
	if s == nil {
		return nil
	}
	return s.Items
}

// From reads the table expressions of FROM or USING.
func From(c *lex.Cursor) []ast.TableExpr {
	s := read(c, func(d *desugar) {
		d.raw("SELECT pg_q(")
		d.mark(c.Pos(), &selectNote{})
		d.raw(") FROM ")
		d.fromList()
	})
	if s == nil {
		return nil
	}
	return s.From
}

// Order reads the items of ORDER BY.
func Order(c *lex.Cursor) []ast.OrderItem {
	s := read(c, func(d *desugar) {
		d.raw("SELECT pg_q(")
		d.mark(c.Pos(), &selectNote{})
		d.raw(") ORDER BY ")
		d.sortList()
	})
	if s == nil {
		return nil
	}
	return s.OrderBy
}

// selectOf writes a SELECT whose items body writes.
func (d *desugar) selectOf(body func()) {
	d.raw("SELECT pg_q(")
	d.mark(d.c.Pos(), &selectNote{})
	d.raw("),")
	body()
}

// read runs the three steps: desugar, parse, decode.
func read(c *lex.Cursor, write func(*desugar)) *ast.Select {
	d := &desugar{c: c}
	write(d)
	if c.Err != nil {
		return nil
	}
	node, err := d.parseCanonical()
	if err == nil {
		var s *ast.Select
		if s, err = d.decode(node); err == nil {
			return s
		}
	}
	if err.Message == nonAssoc {
		err = c.SyntaxErrorAt(err.Position)
	}
	c.Fail(err)
	return nil
}

// decode turns TiDB's tree into ours; a shape that desugaring never writes is an internal error and
// not a crash.
func (d *desugar) decode(node tidb.Node) (s *ast.Select, err *sqlerr.Error) {
	defer func() {
		if r := recover(); r != nil {
			err = sqlerr.New(sqlerr.Internal, "the canonical tree cannot be read: %v", r)
		}
	}()
	x := &decoder{notes: d.notes}
	s = x.query(node, 0)
	return s, x.err
}
