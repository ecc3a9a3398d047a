package expr_test

import (
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// naive evaluates an expression for one row by the definition of SQL, value by value. It stops at
// the first error, as Postgres does.
func naive(e *expr.Expr, row []types.Datum) (types.Datum, error) {
	switch e.Kind {
	case expr.Column:
		return row[e.Index], nil
	case expr.Literal:
		return *e.Lit, nil
	case expr.And, expr.Or:
		return naiveLogic(e, row)
	case expr.Case:
		for i := 0; i+1 < len(e.Args); i += 2 {
			c, err := naive(e.Args[i], row)
			if err != nil {
				return c, err
			}
			if !c.Null && c.B {
				return naive(e.Args[i+1], row)
			}
		}
		return naive(e.Args[len(e.Args)-1], row)
	case expr.Coalesce:
		for _, a := range e.Args {
			if d, err := naive(a, row); err != nil || !d.Null {
				return d, err
			}
		}
		return types.NullOf(e.Type), nil
	case expr.In:
		return naiveIn(e, row)
	}
	args := make([]types.Datum, len(e.Args))
	for i, a := range e.Args {
		var err error
		if args[i], err = naive(a, row); err != nil {
			return args[i], err
		}
	}
	return naiveStrict(e, args)
}

func naiveStrict(e *expr.Expr, args []types.Datum) (types.Datum, error) {
	a := args[0]
	switch e.Kind {
	case expr.Not:
		a.B = !a.B
		return a, nil
	case expr.IsNull:
		return types.BoolDatum(a.Null), nil
	case expr.IsTrue:
		return types.BoolDatum(!a.Null && a.B), nil
	case expr.Distinct:
		if a.Null || args[1].Null {
			return types.BoolDatum(a.Null != args[1].Null), nil
		}
		return types.BoolDatum(rows.CompareDatum(a, args[1]) != 0), nil
	case expr.Array:
		return types.Datum{Type: e.Type, S: types.AppendArray(nil, args)}, nil
	case expr.Any, expr.All:
		return naiveQuantified(e, args)
	case expr.Cast:
		c, _ := fn.FindCast(e.Args[0].Type, e.Type, fn.Explicit)
		return single(c.KernelFor(e.Args[0].Type, e.Type), args)
	}
	s, _ := fn.FindScalar(e.Name, e.ArgTypes)
	return single(s.Kernel, args)
}

func single(k fn.Kernel, args []types.Datum) (types.Datum, error) {
	vecs := make([]*rows.Vec, len(args))
	for i, a := range args {
		vecs[i] = rows.Const(a, 1)
	}
	c := &fn.Ctx{}
	v := k(c, vecs, nil, 1)
	if len(c.Errs) > 0 {
		return types.Datum{}, c.Errs[0].Err
	}
	return v.Datum(0), nil
}

func naiveLogic(e *expr.Expr, row []types.Datum) (types.Datum, error) {
	decisive := e.Kind == expr.Or
	null := false
	for _, a := range e.Args {
		d, err := naive(a, row)
		if err != nil {
			return d, err
		}
		if !d.Null && d.B == decisive {
			return d, nil
		}
		null = null || d.Null
	}
	if null {
		return types.NullOf(e.Type), nil
	}
	return types.BoolDatum(!decisive), nil
}

func naiveIn(e *expr.Expr, row []types.Datum) (types.Datum, error) {
	x, err := naive(e.Args[0], row)
	if err != nil {
		return x, err
	}
	null := false
	for _, a := range e.Args[1:] {
		y, err := naive(a, row)
		switch {
		case err != nil:
			return y, err
		case x.Null || y.Null:
			null = true
		case rows.CompareDatum(x, y) == 0:
			return types.BoolDatum(true), nil
		}
	}
	if null {
		return types.NullOf(e.Type), nil
	}
	return types.BoolDatum(false), nil
}

func naiveQuantified(e *expr.Expr, args []types.Datum) (types.Datum, error) {
	if args[1].Null {
		return types.NullOf(e.Type), nil
	}
	list, err := types.ArrayElems(args[1].Type, args[1].S)
	if err != nil {
		return args[0], err
	}
	s, _ := fn.FindScalar(e.Name, e.ArgTypes)
	null := false
	for _, y := range list {
		d, err := single(s.Kernel, []types.Datum{args[0], y})
		if err != nil {
			return d, err
		}
		if !d.Null && d.B == (e.Kind == expr.Any) {
			return d, nil
		}
		null = null || d.Null
	}
	if null {
		return types.NullOf(e.Type), nil
	}
	return types.BoolDatum(e.Kind == expr.All), nil
}
