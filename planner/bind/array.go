package bind

import (
	"math"

	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func (c *exprCtx) arrayLit(e *ast.ArrayLit, want *types.Type) (*expr.Expr, error) {
	elems := make([]*expr.Expr, len(e.Elems))
	for i, x := range e.Elems {
		var err error
		if inner, ok := x.(*ast.ArrayLit); ok {
			elems[i], err = c.arrayLit(inner, want)
		} else {
			elems[i], err = c.bind(x)
		}
		if err != nil {
			return nil, err
		}
	}
	if want != nil {
		out := &expr.Expr{Kind: expr.Array, Type: *want, Args: elems, Pos: e.Position()}
		out, ok, err := c.b.castElems(out, *want)
		if err == nil && !ok {
			err = sqlerr.New(sqlerr.CannotCoerce, "cannot cast array elements to %s", want).At(e.Position())
		}
		return out, err
	}
	if len(elems) == 0 {
		return nil, sqlerr.New(sqlerr.IndeterminateDatatype, "cannot determine type of empty array").
			WithHint("Explicitly cast to the desired type, for example ARRAY[]::integer[].").At(e.Position())
	}
	elems, t, err := c.b.unify("ARRAY", elems)
	if err != nil {
		return nil, err
	}
	if t.ID != types.Array {
		t = types.ArrayOf(t)
	}
	return &expr.Expr{Kind: expr.Array, Type: t, Args: elems, Pos: e.Position()}, nil
}

func (c *exprCtx) index(e *ast.Index) (*expr.Expr, error) {
	base, subs := e.Expr, []ast.Expr{e.Lo}
	if e.Slice {
		return c.slice(e)
	}
	for { // x[i][j] is one look-up in a two-dimensional array
		in, ok := base.(*ast.Index)
		if !ok {
			break
		}
		if in.Slice { // a slice in front makes slices of all
			return c.slice(e)
		}
		base, subs = in.Expr, append([]ast.Expr{in.Lo}, subs...)
	}
	x, err := c.bind(base)
	if err != nil {
		return nil, err
	}
	if x.Type.ID == types.JSONB {
		for _, s := range subs {
			i, err := c.bind(s)
			if err != nil {
				return nil, err
			}
			if x, err = c.operator("->", []*expr.Expr{x, i}, e.Position()); err != nil {
				return nil, err
			}
		}
		return x, nil
	}
	if x.Type.ID != types.Array && x.Type.ID != types.Int2Vector && x.Type.ID != types.OIDVector {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "cannot subscript type %s because it does not support subscripting", x.Type).At(start(x))
	}
	args := []*expr.Expr{x}
	for _, s := range subs {
		i, err := c.subscript(s)
		if err != nil {
			return nil, err
		}
		args = append(args, i)
	}
	return c.resolve("array_subscript", args, e.Position())
}

func (c *exprCtx) subscript(a ast.Expr) (*expr.Expr, error) {
	i, err := c.bind(a)
	if err != nil {
		return nil, err
	}
	out, ok, err := c.b.coerce(i, int4Type, fn.Assignment)
	if err == nil && !ok {
		err = sqlerr.New(sqlerr.DatatypeMismatch, "array subscript must have type integer").At(start(i))
	}
	return out, err
}

// slice binds x[a:b][c:d]…: one look-up with the bounds of each dimension. A plain subscript among
// them is 1:i, a bound that is left out the least or greatest integer.
func (c *exprCtx) slice(e *ast.Index) (*expr.Expr, error) {
	var subs []*ast.Index
	var base ast.Expr = e
	for {
		in, ok := base.(*ast.Index)
		if !ok {
			break
		}
		subs, base = append(subs, in), in.Expr
	}
	x, err := c.bind(base)
	if err != nil {
		return nil, err
	}
	args := []*expr.Expr{x}
	for i := len(subs) - 1; i >= 0; i-- {
		lo, hi := subs[i].Lo, subs[i].Hi
		if !subs[i].Slice {
			lo, hi = &ast.Literal{Pos: e.Pos, Kind: ast.LitInt, Text: "1"}, subs[i].Lo
		}
		for k, a := range []ast.Expr{lo, hi} {
			if a == nil {
				args = append(args, expr.Lit(types.IntDatum(types.Int4, [2]int64{math.MinInt32, math.MaxInt32}[k])))
				continue
			}
			b, err := c.subscript(a)
			if err != nil {
				return nil, err
			}
			args = append(args, b)
		}
	}
	return c.resolve("array_slice", args, e.Position())
}

// collations that sort as ours does; others are refused by name.
var collations = map[string]bool{"default": true, "C": true, "POSIX": true, "ucs_basic": true, "c": true, "posix": true}

func (c *exprCtx) collate(e *ast.Collate) (*expr.Expr, error) {
	name := e.Name[len(e.Name)-1]
	if !collations[name] {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "collation %q for encoding \"UTF8\" does not exist", name).At(e.Position())
	}
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	if x, err = c.b.known(x); err != nil {
		return nil, err
	}
	if !x.Type.IsString() && x.Type.ID != types.Array && x.Type.ID != types.InternalChar {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "collations are not supported by type %s", x.Type).At(e.Position())
	}
	return x, nil
}
