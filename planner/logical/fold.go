package logical

import (
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Fold evaluates the constant parts of an expression and simplifies AND, OR, NOT, CASE and COALESCE
// by three-valued logic. What fails when evaluated is left, so that it fails only if it is reached.
func Fold(e *expr.Expr, env *types.Env) *expr.Expr {
	return expr.Rewrite(e, func(x *expr.Expr) *expr.Expr { return fold(x, env) })
}

func fold(x *expr.Expr, env *types.Env) *expr.Expr {
	switch x.Kind {
	case expr.Call:
		return foldCall(x, env)
	case expr.Cast:
		return foldCast(x, env)
	case expr.And:
		return foldLogic(x, false)
	case expr.Or:
		return foldLogic(x, true)
	case expr.Not:
		return foldNot(x)
	case expr.IsNull:
		if l := x.Args[0]; l.Kind == expr.Literal {
			return constBool(l.Lit.Null, x)
		}
	case expr.IsTrue:
		if l := x.Args[0]; l.Kind == expr.Literal {
			return constBool(!l.Lit.Null && l.Lit.B, x)
		}
	case expr.Case:
		return foldCase(x)
	case expr.Coalesce:
		return foldCoalesce(x)
	}
	return x
}

func constBool(v bool, at *expr.Expr) *expr.Expr {
	e := expr.Lit(types.BoolDatum(v))
	e.Pos = at.Pos
	return e
}

func allLiterals(es []*expr.Expr) bool {
	for _, e := range es {
		if e.Kind != expr.Literal {
			return false
		}
	}
	return true
}

func foldCall(x *expr.Expr, env *types.Env) *expr.Expr {
	if !allLiterals(x.Args) {
		return x
	}
	s, ok := fn.FindScalar(x.Name, x.ArgTypes)
	if !ok || s.Volatility != fn.Immutable {
		return x
	}
	return evalKernel(x, s.Kernel, env)
}

func foldCast(x *expr.Expr, env *types.Env) *expr.Expr {
	if !allLiterals(x.Args) {
		return x
	}
	from := x.Args[0].Type
	if x.Args[0].Lit.Null {
		e := expr.Lit(types.NullOf(x.Type))
		e.Pos = x.Pos
		return e
	}
	c, ok := fn.FindCast(from, x.Type, fn.Explicit)
	if !ok || c.Volatility != fn.Immutable {
		return x
	}
	return evalKernel(x, c.KernelFor(from, x.Type), env)
}

// evalKernel runs a kernel over one row of constants; x itself when that fails.
func evalKernel(x *expr.Expr, k fn.Kernel, env *types.Env) (out *expr.Expr) {
	ctx := &fn.Ctx{Env: *env}
	args := make([]*rows.Vec, len(x.Args))
	for i, a := range x.Args {
		args[i] = rows.Const(*a.Lit, 1)
	}
	v := k(ctx, args, nil, 1)
	d := v.Datum(0)
	if len(ctx.Errs) > 0 || len(d.S) > expr.FoldMax {
		return x
	}
	d.Type = x.Type
	if d.S != nil {
		d.S = append([]byte(nil), d.S...)
	}
	e := expr.Lit(d)
	e.Pos = x.Pos
	return e
}

// foldLogic drops neutral operands of AND (or OR) and decides it when one operand decides.
func foldLogic(x *expr.Expr, decides bool) *expr.Expr {
	var keep []*expr.Expr
	changed := false
	for _, a := range x.Args {
		if a.Kind == x.Kind {
			keep, changed = append(keep, a.Args...), true
			continue
		}
		if a.Kind == expr.Literal && !a.Lit.Null {
			if a.Lit.B == decides {
				return constBool(decides, x)
			}
			changed = true
			continue
		}
		keep = append(keep, a)
	}
	switch {
	case len(keep) == 0:
		return constBool(!decides, x)
	case len(keep) == 1:
		return keep[0]
	case !changed:
		return x
	}
	out := *x
	out.Args = keep
	return &out
}

func foldNot(x *expr.Expr) *expr.Expr {
	a := x.Args[0]
	switch {
	case a.Kind == expr.Literal && a.Lit.Null:
		return a
	case a.Kind == expr.Literal:
		return constBool(!a.Lit.B, x)
	case a.Kind == expr.Not:
		return a.Args[0]
	case a.Kind == expr.Call && len(a.Args) == 2 && inverse[a.Name] != "":
		ts := []types.Type{a.Args[0].Type, a.Args[1].Type}
		if s, _, err := fn.ResolveScalar(inverse[a.Name], ts); err == nil {
			out := *a
			out.Name, out.ArgTypes = s.Name, s.Args
			return &out
		}
	}
	return x
}

// inverse gives the comparison that is true when another is false.
var inverse = map[string]string{"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

// foldCase drops arms that cannot be taken.
func foldCase(x *expr.Expr) *expr.Expr {
	var keep []*expr.Expr
	n := len(x.Args)
	last := x.Args[n-1]
	for i := 0; i+1 < n; i += 2 {
		cond := x.Args[i]
		if cond.Kind == expr.Literal {
			if cond.Lit.Null || !cond.Lit.B {
				continue
			}
			last = x.Args[i+1]
			break
		}
		keep = append(keep, cond, x.Args[i+1])
	}
	if len(keep) == 0 {
		return last
	}
	if len(keep)+1 == n {
		return x
	}
	out := *x
	out.Args = append(keep, last)
	return &out
}

func foldCoalesce(x *expr.Expr) *expr.Expr {
	var keep []*expr.Expr
	for _, a := range x.Args {
		if a.Kind == expr.Literal && a.Lit.Null {
			continue
		}
		keep = append(keep, a)
		if a.Kind == expr.Literal {
			break
		}
	}
	switch {
	case len(keep) == 0:
		return x.Args[0]
	case len(keep) == 1:
		return keep[0]
	case len(keep) == len(x.Args):
		return x
	}
	out := *x
	out.Args = keep
	return &out
}
