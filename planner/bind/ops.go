package bind

import (
	"math"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func (c *exprCtx) binary(e *ast.Binary) (*expr.Expr, error) {
	if l, ok := e.Left.(*ast.Row); ok {
		if r, ok := e.Right.(*ast.Row); ok {
			return c.compareRows(e.Op, l, r, e.Position())
		}
		if r, ok := e.Right.(*ast.Subquery); ok {
			return c.compareRowQuery(e.Op, l, r, e.Position())
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
	return c.operator(e.Op, []*expr.Expr{l, r}, e.Position())
}

// logic binds a chain of AND or OR without recursing along it.
func (c *exprCtx) logic(e *ast.Binary) (*expr.Expr, error) {
	var chain []ast.Expr
	var at ast.Expr = e
	for {
		x, ok := at.(*ast.Binary)
		if !ok || x.Op != e.Op {
			break
		}
		chain = append(chain, x.Right)
		at = x.Left
	}
	kind, word := expr.And, "AND"
	if e.Op == "or" {
		kind, word = expr.Or, "OR"
	}
	out := &expr.Expr{Kind: kind, Type: boolType, Pos: e.Position()}
	add := func(a ast.Expr) error {
		x, err := c.boolean(a, word)
		if err != nil {
			return err
		}
		if x.Kind == kind {
			out.Args = append(out.Args, x.Args...)
			return nil
		}
		out.Args = append(out.Args, x)
		return nil
	}
	if err := add(at); err != nil {
		return nil, err
	}
	for i := len(chain) - 1; i >= 0; i-- {
		if err := add(chain[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *exprCtx) unary(e *ast.Unary) (*expr.Expr, error) {
	if e.Op == "not" {
		x, err := c.boolean(e.Expr, "NOT")
		if err != nil {
			return nil, err
		}
		return not(x), nil
	}
	if l, ok := e.Expr.(*ast.Literal); ok && (e.Op == "-" || e.Op == "+") && (l.Kind == ast.LitInt || l.Kind == ast.LitNumeric) {
		if e.Op == "-" && l.Text != "0" {
			return c.negative(l, e.Position())
		}
	}
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	if e.Op == "+" && x.Type.IsNumber() {
		return x, nil
	}
	return c.operator(e.Op, []*expr.Expr{x}, e.Position())
}

// negative reads a negative number as one constant, so that the least integers can be written.
func (c *exprCtx) negative(l *ast.Literal, pos int) (*expr.Expr, error) {
	x, err := c.literal(l)
	if err != nil {
		return nil, err
	}
	x.Pos = pos
	if x.Type.ID == types.Int4 || x.Type.ID == types.Int8 {
		d := *x.Lit
		if d.I = -d.I; d.I == math.MinInt32 {
			d.Type, x.Type = int4Type, int4Type
		}
		x.Lit = &d
		return x, nil
	}
	if l.Text == "9223372036854775808" {
		return expr.Lit(types.IntDatum(types.Int8, -9223372036854775808)), nil
	}
	return c.b.constant(types.Datum{Type: unknown, S: []byte("-" + l.Text)}, types.T(types.Numeric), pos)
}

// operator resolves an operator over bound operands.
func (c *exprCtx) operator(name string, args []*expr.Expr, pos int) (*expr.Expr, error) {
	if len(args) == 2 && comparison[name] {
		var err error
		if args, err = c.sameRows(args); err != nil {
			return nil, err
		}
	}
	if len(args) == 2 && writtenRow(args[0]) && writtenRow(args[1]) && comparison[name] {
		return c.compareFields(name, args[0].Args, args[1].Args, pos)
	}
	if name == "^" && len(args) == 2 {
		if e, err := c.resolve("^", args, pos); err == nil {
			return e, nil
		}
	}
	return c.resolve(name, args, pos)
}

// writtenRow tells whether e is a ROW(…) without a type of its own: such rows compare by SQL's rule for
// rows, others by that for values, to which a NULL field is like any other.
func writtenRow(e *expr.Expr) bool { return e.Kind == expr.Row && e.Type.Anonymous() }

var comparison = map[string]bool{"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true}

// resolve picks the overload of a function or operator and makes the call.
func (c *exprCtx) resolve(name string, args []*expr.Expr, pos int) (*expr.Expr, error) {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = c.b.typeOf(a)
	}
	s, coerced, err := fn.ResolveScalar(name, ts)
	if err != nil {
		e := *sqlerr.As(err)
		return nil, e.At(pos)
	}
	out := &expr.Expr{Kind: expr.Call, Name: s.Name, ArgTypes: s.Args, Pos: pos, Args: make([]*expr.Expr, len(args))}
	for i, a := range args {
		if out.Args[i], err = c.b.implicitArg(a, coerced[i]); err != nil {
			return nil, err
		}
		ts[i] = out.Args[i].Type
	}
	out.Type = s.ReturnType(ts)
	return out, nil
}

// implicitArg brings an argument to the type that the overload wants. Record arguments stay.
func (b *Binder) implicitArg(e *expr.Expr, t types.Type) (*expr.Expr, error) {
	if e.Type.ID == types.Record || t.ID == types.Unknown {
		if e.Type.ID == types.Unknown {
			return b.known(e)
		}
		return e, nil
	}
	if e.Type.Same(t) && e.Type.ID != types.Unknown {
		return e, nil
	}
	out, ok, err := b.coerce(e, t, fn.Implicit)
	if err == nil && !ok {
		out, err = b.cast(e, t, fn.Explicit)
	}
	return out, err
}

// compareRows compares two rows field by field.
func (c *exprCtx) compareRows(op string, l, r *ast.Row, pos int) (*expr.Expr, error) {
	ls, err := c.bindAll(l.Elems)
	if err != nil {
		return nil, err
	}
	rs, err := c.bindAll(r.Elems)
	if err != nil {
		return nil, err
	}
	return c.compareFields(op, ls, rs, pos)
}

func (c *exprCtx) compareFields(op string, ls, rs []*expr.Expr, pos int) (*expr.Expr, error) {
	if len(ls) != len(rs) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "unequal number of entries in row expressions").At(pos)
	}
	if len(ls) == 0 {
		return nil, sqlerr.Unsupported("cannot compare rows of zero length").At(pos)
	}
	switch op {
	case "=", "<>":
		var parts []*expr.Expr
		for i := range ls {
			p, err := c.operator(op, []*expr.Expr{ls[i], rs[i]}, pos)
			if err != nil {
				return nil, err
			}
			parts = append(parts, p)
		}
		if op == "<>" {
			return or(parts), nil
		}
		return logical.AndAll(parts), nil
	case "<", "<=", ">", ">=":
		return c.lexicographic(op, ls, rs, pos)
	}
	return nil, sqlerr.Unsupported("operator %s cannot compare rows", op).At(pos)
}

// lexicographic is a < b over rows: a1 < b1 OR (a1 = b1 AND (a2 < b2 OR …)).
func (c *exprCtx) lexicographic(op string, ls, rs []*expr.Expr, pos int) (*expr.Expr, error) {
	last := len(ls) - 1
	out, err := c.operator(op, []*expr.Expr{ls[last], rs[last]}, pos)
	if err != nil {
		return nil, err
	}
	for i := last - 1; i >= 0; i-- {
		strict, err := c.operator(op[:1], []*expr.Expr{ls[i], rs[i]}, pos)
		if err != nil {
			return nil, err
		}
		eq, err := c.operator("=", []*expr.Expr{ls[i], rs[i]}, pos)
		if err != nil {
			return nil, err
		}
		out = or([]*expr.Expr{strict, logical.AndAll([]*expr.Expr{eq, out})})
	}
	return out, nil
}

func (c *exprCtx) between(e *ast.Between) (*expr.Expr, error) {
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	lo, err := c.bind(e.Low)
	if err != nil {
		return nil, err
	}
	hi, err := c.bind(e.High)
	if err != nil {
		return nil, err
	}
	within := func(lo, hi *expr.Expr) (*expr.Expr, error) {
		ge, err := c.operator(">=", []*expr.Expr{x, lo}, e.Position())
		if err != nil {
			return nil, err
		}
		le, err := c.operator("<=", []*expr.Expr{x, hi}, e.Position())
		if err != nil {
			return nil, err
		}
		return logical.AndAll([]*expr.Expr{ge, le}), nil
	}
	out, err := within(lo, hi)
	if err != nil {
		return nil, err
	}
	if e.Symmetric {
		other, err := within(hi, lo)
		if err != nil {
			return nil, err
		}
		out = or([]*expr.Expr{out, other})
	}
	if e.Not {
		out = not(out)
	}
	return out, nil
}

func (c *exprCtx) like(e *ast.Like) (*expr.Expr, error) {
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	p, err := c.bind(e.Pattern)
	if err != nil {
		return nil, err
	}
	var esc *expr.Expr
	if e.Escape != nil {
		if esc, err = c.bind(e.Escape); err != nil {
			return nil, err
		}
	}
	if e.Kind == "similar" {
		args := []*expr.Expr{p}
		if esc != nil {
			args = append(args, esc)
		}
		if p, err = c.resolve("similar_to_escape", args, e.Position()); err != nil {
			return nil, err
		}
		return c.operator(negated("~", e.Not), []*expr.Expr{x, p}, e.Position())
	}
	if esc != nil {
		if p, err = c.resolve("like_escape", []*expr.Expr{p, esc}, e.Position()); err != nil {
			return nil, err
		}
	}
	op := "~~"
	if e.Kind == "ilike" {
		op = "~~*"
	}
	return c.operator(negated(op, e.Not), []*expr.Expr{x, p}, e.Position())
}

func negated(op string, not bool) string {
	if not {
		return "!" + op
	}
	return op
}

// in binds IN over a list; a query is bound by inQuery. In a condition, unknown may be false.
func (c *exprCtx) in(e *ast.In, condition bool) (*expr.Expr, error) {
	if e.Query != nil {
		return c.inQuery(e, condition)
	}
	var out *expr.Expr
	if l, ok := e.Expr.(*ast.Row); ok {
		var parts []*expr.Expr
		for _, item := range e.List {
			r, ok := item.(*ast.Row)
			if !ok {
				return nil, sqlerr.New(sqlerr.DatatypeMismatch, "IN over a row needs a list of rows").At(item.Position())
			}
			p, err := c.compareRows("=", l, r, e.Position())
			if err != nil {
				return nil, err
			}
			parts = append(parts, p)
		}
		out = or(parts)
	} else {
		var err error
		if out, err = c.inList(e); err != nil {
			return nil, err
		}
	}
	if e.Not {
		out = not(out)
	}
	return out, nil
}

func (c *exprCtx) inList(e *ast.In) (*expr.Expr, error) {
	args, err := c.bindAll(append([]ast.Expr{e.Expr}, e.List...))
	if err != nil {
		return nil, err
	}
	// The comparison operator decides the type: name IN ('a') compares names, oid IN ('1') OIDs.
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = c.b.typeOf(a)
	}
	if _, err := fn.CommonType(ts); err == nil {
		unified, t, err := c.b.unify("IN", args)
		if err != nil {
			return nil, err
		}
		if _, err := c.resolve("=", []*expr.Expr{expr.Lit(types.NullOf(t)), expr.Lit(types.NullOf(t))}, e.Position()); err != nil {
			return nil, err
		}
		return &expr.Expr{Kind: expr.In, Type: boolType, Args: unified, Pos: e.Position()}, nil
	}
	var parts []*expr.Expr
	for _, a := range args[1:] {
		p, err := c.operator("=", []*expr.Expr{args[0], a}, e.Position())
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return or(parts), nil
}
