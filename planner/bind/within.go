package bind

import (
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// withinGroup resolves an ordered-set aggregate, f(direct) WITHIN GROUP (ORDER BY sorted). The sorted
// expressions come after the direct arguments, as in the aggregate's declaration.
func (c *exprCtx) withinGroup(call *logical.AggCall, e *ast.Call, name string, direct []*expr.Expr) error {
	switch {
	case e.Distinct:
		return sqlerr.New(sqlerr.SyntaxError, "cannot use DISTINCT with WITHIN GROUP").At(e.WithinGroup[0].Expr.Position())
	case len(e.OrderBy) > 0:
		return sqlerr.New(sqlerr.SyntaxError, "cannot use multiple ORDER BY clauses with WITHIN GROUP").At(e.OrderBy[0].Expr.Position())
	}
	sorted, err := c.orderExprs(e.WithinGroup)
	if err != nil {
		return err
	}
	n := len(direct)
	args := append([]*expr.Expr(nil), direct...)
	for _, o := range sorted {
		args = append(args, o.Expr)
	}
	if places(name) {
		if args, err = c.pairs(name, args, n, e.Position()); err != nil {
			return err
		}
	}
	spec, err := c.resolveAgg(call, name, args, e.Position())
	switch {
	case err != nil:
		return err
	case !spec.Within:
		return sqlerr.New(sqlerr.WrongObjectType, "%s is not an ordered-set aggregate, so it cannot have WITHIN GROUP", name).At(e.Position())
	}
	call.Direct, call.Args = call.Args[:n:n], call.Args[n:]
	for i := range sorted {
		sorted[i].Expr = call.Args[i]
	}
	call.Order = sorted
	if spec.Kind == fn.Linear {
		if sorted[0].Desc {
			return sqlerr.Unsupported("%s with ORDER BY … DESC is not supported", name).
				WithHint("Write 1 minus the fraction, and ORDER BY without DESC.").At(e.Position())
		}
		call.Order = nil
	}
	for i, d := range call.Direct {
		if call.Direct[i], err = c.directArg(d); err != nil {
			return err
		}
	}
	return nil
}

// places tells whether an aggregate gives the place of a hypothetical row.
func places(name string) bool {
	spec, ok := fn.FindAggregate(name, []types.Type{fn.Any})
	return ok && spec.Kind == fn.Hypothetical
}

// pairs brings each of the n hypothetical values to the type of the column that it stands for.
func (c *exprCtx) pairs(name string, args []*expr.Expr, n, pos int) ([]*expr.Expr, error) {
	if len(args) != 2*n {
		ts := make([]types.Type, len(args))
		for i, a := range args {
			ts[i] = c.b.typeOf(a)
		}
		return nil, sqlerr.New(sqlerr.UndefinedFunction, "function %s(%s) does not exist", name, typeList(ts)).WithHint(
			"To use the hypothetical-set aggregate %s, the number of hypothetical direct arguments (here %d) must match the number of ordering columns (here %d).",
			name, n, len(args)-n).At(pos)
	}
	for i := range n {
		both, _, err := c.b.unify("WITHIN GROUP", []*expr.Expr{args[n+i], args[i]})
		if err != nil {
			return nil, err
		}
		args[n+i], args[i] = both[0], both[1]
	}
	return args, nil
}

// directArg checks that a direct argument is the same for all rows.
func (c *exprCtx) directArg(e *expr.Expr) (*expr.Expr, error) {
	if len(logical.ColsOf(e)) == 0 && !logical.HasSubquery(e) {
		e = Fold(expr.Rewrite(Fold(e, &c.b.Env), foldArray), &c.b.Env)
		if e.Kind == expr.Literal || e.Kind == expr.Param {
			return e, nil
		}
	}
	return nil, sqlerr.Unsupported("direct arguments of ordered-set aggregates must be constants or parameters").
		WithHint("Write the value itself, or one call per value with CASE around them.").At(e.Pos)
}

// foldArray makes a literal of an ARRAY constructor over literals.
func foldArray(e *expr.Expr) *expr.Expr {
	if e.Kind != expr.Array {
		return e
	}
	elems := make([]types.Datum, len(e.Args))
	for i, a := range e.Args {
		if a.Kind != expr.Literal || a.Type.ID == types.Array {
			return e
		}
		elems[i] = *a.Lit
	}
	out := expr.Lit(types.Datum{Type: e.Type, S: types.AppendArray(nil, elems)})
	out.Pos = e.Pos
	return out
}

// overable refuses aggregates that cannot slide over the rows of a window.
func overable(spec *fn.Aggregate, pos int) error {
	switch {
	case spec.Within:
		return sqlerr.Unsupported("OVER is not supported for ordered-set aggregate %s", spec.Name).At(pos)
	case spec.NeedsOrder:
		return sqlerr.Unsupported("OVER is not supported for aggregate %s", spec.Name).WithHint("Use first_value or last_value.").At(pos)
	case spec.Derive != nil:
		return sqlerr.Unsupported("OVER is not supported for aggregate %s", spec.Name).WithHint("Use count.").At(pos)
	}
	return nil
}
