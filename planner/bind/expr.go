package bind

import (
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// exprCtx is where an expression stands.
type exprCtx struct {
	b *Binder
	s *scope
	// clause names the place in messages ("aggregate functions are not allowed in WHERE").
	clause string
	// block collects aggregates, window functions and set-returning functions; nil = not allowed here.
	block *block
	// noSRF and noWindow forbid these where a block allows aggregates (HAVING).
	noSRF, noWindow bool
	conditional     string // CASE or COALESCE, inside one
	inAgg, inOver   bool
	// unknownFalse is set where unknown counts as false: in conditions, below AND and OR.
	unknownFalse bool
	match        *matchCtx // inside MATCH_RECOGNIZE
}

// within is the context inside CASE or COALESCE, where no set-returning function may stand.
func (c *exprCtx) within(what string) *exprCtx {
	inner := *c
	inner.noSRF, inner.conditional = true, what
	return &inner
}

// value is the context where unknown and false differ.
func (c *exprCtx) value() *exprCtx {
	if !c.unknownFalse {
		return c
	}
	inner := *c
	inner.unknownFalse = false
	return &inner
}

// bind binds any expression.
func (c *exprCtx) bind(e ast.Expr) (*expr.Expr, error) {
	if err := c.b.enter(); err != nil {
		return nil, err
	}
	defer c.b.leave()
	if c.match != nil {
		if err := c.match.noQuery(e); err != nil {
			return nil, err
		}
	}
	switch e := e.(type) {
	case *ast.In:
		return c.value().in(e, c.unknownFalse)
	case *ast.Binary:
		if e.Op == "and" || e.Op == "or" {
			return c.logic(e)
		}
	}
	c = c.value()
	switch e := e.(type) {
	case *ast.Literal:
		return c.literal(e)
	case *ast.ColumnRef:
		return c.columnRef(e)
	case *ast.Param:
		return c.param(e)
	case *ast.Binary:
		return c.binary(e)
	case *ast.Unary:
		return c.unary(e)
	case *ast.Call:
		return c.call(e)
	case *ast.Cast:
		return c.castExpr(e)
	case *ast.Case:
		return c.within("CASE").caseExpr(e)
	case *ast.Is:
		return c.is(e)
	case *ast.IsDistinct:
		return c.isDistinct(e)
	case *ast.Like:
		return c.like(e)
	case *ast.Between:
		return c.between(e)
	case *ast.Quantified:
		return c.quantified(e)
	case *ast.Exists:
		return c.exists(e)
	case *ast.Subquery:
		return c.scalarQuery(e)
	case *ast.ArrayQuery:
		return c.arrayQuery(e)
	case *ast.ArrayLit:
		return c.arrayLit(e, nil)
	case *ast.Row:
		return c.row(e)
	case *ast.Index:
		return c.index(e)
	case *ast.FieldOf:
		return c.fieldOf(e)
	case *ast.AtTimeZone:
		return c.function("timezone", []ast.Expr{e.Zone, e.Expr}, e.Position())
	case *ast.Collate:
		return c.collate(e)
	case *ast.Star:
		return c.wholeRow(e.Table, e.Position())
	case *ast.Default:
		return nil, sqlerr.New(sqlerr.SyntaxError, "DEFAULT is not allowed in this context").At(e.Position())
	}
	return nil, sqlerr.Unsupported("this expression is not supported").At(e.Position())
}

func (c *exprCtx) bindAll(es []ast.Expr) ([]*expr.Expr, error) {
	out := make([]*expr.Expr, len(es))
	for i, e := range es {
		var err error
		if out[i], err = c.bind(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// boolean binds a condition; what is the clause's name in the type error.
func (c *exprCtx) boolean(e ast.Expr, what string) (*expr.Expr, error) {
	switch what {
	case "WHERE", "HAVING", "JOIN/ON":
		inner := *c
		inner.unknownFalse = true
		c = &inner
	}
	out, err := c.bind(e)
	if err != nil {
		return nil, err
	}
	return c.toBool(out, what)
}

func (c *exprCtx) toBool(e *expr.Expr, what string) (*expr.Expr, error) {
	out, ok, err := c.b.coerce(e, boolType, fn.Implicit)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "argument of %s must be type boolean, not type %s", what, e.Type).At(start(e))
	}
	return out, nil
}

func (c *exprCtx) columnRef(r *ast.ColumnRef) (*expr.Expr, error) {
	if c.match != nil {
		return c.match.column(c, r)
	}
	e, err := c.s.lookup(c.b, r.Parts, r.Position())
	if e != nil || err != nil {
		return e, err
	}
	if len(r.Parts) <= 2 {
		if rel, err := c.s.findRelation(r.Parts, r.Position()); err != nil {
			return nil, err
		} else if rel != nil {
			return c.wholeRow(r.Parts, r.Position())
		}
	}
	return nil, c.s.missing(r.Parts, r.Position())
}

func (c *exprCtx) param(p *ast.Param) (*expr.Expr, error) {
	t, err := c.b.param(p.N)
	if err != nil {
		e := *sqlerr.As(err)
		return nil, e.At(p.Position())
	}
	return &expr.Expr{Kind: expr.Param, Type: t, Index: p.N - 1, Pos: p.Position()}, nil
}

func (c *exprCtx) castExpr(e *ast.Cast) (*expr.Expr, error) {
	t, err := c.b.TypeName(e.Type)
	if err != nil {
		return nil, err
	}
	if lit, ok := e.Expr.(*ast.ArrayLit); ok && t.ID == types.Array {
		return c.arrayLit(lit, &t)
	}
	in, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	out, err := c.b.cast(in, t, fn.Explicit)
	if err != nil {
		x := *sqlerr.As(err)
		if x.Code == sqlerr.CannotCoerce {
			x.Position = e.Position()
		}
		return nil, x.At(e.Position())
	}
	if out == in && in.Kind != expr.Column {
		return in, nil
	}
	return out, nil
}

func (c *exprCtx) caseExpr(e *ast.Case) (*expr.Expr, error) {
	var operand *expr.Expr
	var err error
	if e.Operand != nil {
		if operand, err = c.bind(e.Operand); err != nil {
			return nil, err
		}
		if operand, err = c.b.known(operand); err != nil {
			return nil, err
		}
	}
	var conds, results []*expr.Expr
	for _, w := range e.Whens {
		cond, err := c.bind(w.Cond)
		if err != nil {
			return nil, err
		}
		if operand != nil {
			cond, err = c.operator("=", []*expr.Expr{operand, cond}, w.Cond.Position())
		} else {
			cond, err = c.toBool(cond, "CASE/WHEN")
		}
		if err != nil {
			return nil, err
		}
		then, err := c.bind(w.Then)
		if err != nil {
			return nil, err
		}
		conds, results = append(conds, cond), append(results, then)
	}
	if e.Else != nil {
		x, err := c.bind(e.Else)
		if err != nil {
			return nil, err
		}
		results = append(results, x)
	} else {
		results = append(results, expr.Lit(types.NullOf(unknown)))
	}
	// Postgres looks at ELSE first, which its message shows.
	last := len(results) - 1
	results, t, err := c.b.unify("CASE", append([]*expr.Expr{results[last]}, results[:last]...))
	if err != nil {
		return nil, err
	}
	results = append(results[1:], results[0])
	out := &expr.Expr{Kind: expr.Case, Type: t, Pos: e.Position()}
	for i, cond := range conds {
		out.Args = append(out.Args, cond, results[i])
	}
	out.Args = append(out.Args, results[len(results)-1])
	return out, nil
}

func (c *exprCtx) is(e *ast.Is) (*expr.Expr, error) {
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	var out *expr.Expr
	if e.Test == "null" {
		if x, err = c.b.known(x); err != nil {
			return nil, err
		}
		out = isNull(x, e.Position())
		switch {
		case x.Kind == expr.Row:
			return rowIsNull(x, e.Not, e.Position()), nil
		case x.Type.ID == types.Record:
			return c.compositeIsNull(x, e.Not, e.Position())
		}
	} else {
		word := map[string]string{"true": "IS TRUE", "false": "IS FALSE", "unknown": "IS UNKNOWN"}[e.Test]
		if x, err = c.toBool(x, word); err != nil {
			return nil, err
		}
		switch e.Test {
		case "true":
			out = isTrue(x, e.Position())
		case "false":
			out = isTrue(not(x), e.Position())
		default:
			out = isNull(x, e.Position())
		}
	}
	if e.Not {
		out = not(out)
	}
	return out, nil
}

// rowIsNull is the SQL rule for rows: IS NULL when all fields are, IS NOT NULL when none is.
func rowIsNull(row *expr.Expr, negate bool, pos int) *expr.Expr {
	var tests []*expr.Expr
	for _, a := range row.Args {
		t := isNull(a, pos)
		if negate {
			t = not(t)
		}
		tests = append(tests, t)
	}
	if len(tests) == 0 {
		return expr.Lit(types.BoolDatum(true))
	}
	return logical.AndAll(tests)
}

func isNull(x *expr.Expr, pos int) *expr.Expr {
	return &expr.Expr{Kind: expr.IsNull, Type: boolType, Args: []*expr.Expr{x}, Pos: pos}
}

func isTrue(x *expr.Expr, pos int) *expr.Expr {
	return &expr.Expr{Kind: expr.IsTrue, Type: boolType, Args: []*expr.Expr{x}, Pos: pos}
}

func not(x *expr.Expr) *expr.Expr {
	return &expr.Expr{Kind: expr.Not, Type: boolType, Args: []*expr.Expr{x}, Pos: x.Pos}
}

func or(xs []*expr.Expr) *expr.Expr {
	if len(xs) == 1 {
		return xs[0]
	}
	return &expr.Expr{Kind: expr.Or, Type: boolType, Args: xs, Pos: xs[0].Pos}
}

func (c *exprCtx) isDistinct(e *ast.IsDistinct) (*expr.Expr, error) {
	if l, ok := e.Left.(*ast.Row); ok {
		if r, ok := e.Right.(*ast.Row); ok {
			return c.rowsDistinct(e, l, r)
		}
	}
	l, err := c.bind(e.Left)
	if err != nil {
		return nil, err
	}
	r, err := c.bind(e.Right)
	if err != nil {
		return nil, err
	}
	eq, err := c.operator("=", []*expr.Expr{l, r}, e.Position())
	if err != nil {
		return nil, err
	}
	args := eq.Args
	if !args[0].Type.Same(args[1].Type) {
		if args, _, err = c.b.unify("IS DISTINCT FROM", args); err != nil {
			return nil, err
		}
	}
	out := &expr.Expr{Kind: expr.Distinct, Type: boolType, Args: args, Pos: e.Position()}
	if e.Not {
		out = not(out)
	}
	return out, nil
}

// rowsDistinct compares two rows field by field.
func (c *exprCtx) rowsDistinct(e *ast.IsDistinct, l, r *ast.Row) (*expr.Expr, error) {
	if len(l.Elems) != len(r.Elems) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "unequal number of entries in row expressions").At(e.Position())
	}
	var parts []*expr.Expr
	for i := range l.Elems {
		p, err := c.isDistinct(&ast.IsDistinct{Pos: e.Pos, Left: l.Elems[i], Right: r.Elems[i]})
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return expr.Lit(types.BoolDatum(e.Not)), nil
	}
	out := or(parts)
	if e.Not {
		out = not(out)
	}
	return out, nil
}
