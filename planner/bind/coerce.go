package bind

import (
	"math"
	"strconv"

	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

var (
	boolType = types.T(types.Bool)
	textType = types.T(types.Text)
	int4Type = types.T(types.Int4)
	int8Type = types.T(types.Int8)
	unknown  = types.T(types.Unknown)
)

// literal binds a constant. Strings and NULL stay unknown until something tells their type.
func (c *exprCtx) literal(l *ast.Literal) (*expr.Expr, error) {
	d := types.Datum{}
	switch l.Kind {
	case ast.LitNull:
		d = types.NullOf(unknown)
	case ast.LitString:
		d = types.Datum{Type: unknown, S: []byte(l.Text)}
	case ast.LitBool:
		d = types.BoolDatum(l.Text == "true")
	case ast.LitInt:
		if v, err := strconv.ParseInt(l.Text, 10, 64); err == nil {
			d = types.IntDatum(types.Int8, v)
			if v <= math.MaxInt32 {
				d = types.IntDatum(types.Int4, v)
			}
			break
		}
		return c.b.constant(types.Datum{Type: unknown, S: []byte(l.Text)}, types.T(types.Numeric), l.Position())
	case ast.LitNumeric:
		return c.b.constant(types.Datum{Type: unknown, S: []byte(l.Text)}, types.T(types.Numeric), l.Position())
	default:
		return nil, sqlerr.Unsupported("bit strings are not supported").At(l.Position())
	}
	e := expr.Lit(d)
	e.Pos = l.Position()
	return e, nil
}

// constant reads an unknown literal as a value of type t.
func (b *Binder) constant(d types.Datum, t types.Type, pos int) (*expr.Expr, error) {
	if d.Null {
		e := expr.Lit(types.NullOf(t))
		e.Pos = pos
		return e, nil
	}
	cast, ok := fn.FindCast(unknown, t, fn.Explicit)
	if !ok {
		return nil, sqlerr.New(sqlerr.CannotCoerce, "cannot cast type unknown to %s", t).At(pos)
	}
	ctx := &fn.Ctx{Env: b.Env}
	in := d
	in.Type = textType
	v := cast.KernelFor(unknown, t)(ctx, []*rows.Vec{rows.Const(in, 1)}, nil, 1)
	if len(ctx.Errs) > 0 {
		e := *ctx.Errs[0].Err
		return nil, e.At(pos)
	}
	out := v.Datum(0)
	out.Type = t
	e := expr.Lit(out)
	e.Pos = pos
	return e, nil
}

// coerce brings e to type t where ctx allows it. ok is false when there is no such cast.
func (b *Binder) coerce(e *expr.Expr, t types.Type, ctx fn.CastContext) (out *expr.Expr, ok bool, err error) {
	switch {
	case e.Type.Equal(t):
		return e, true, nil
	case e.Type.ID == types.Unknown && e.Kind == expr.Literal:
		out, err = b.constant(*e.Lit, t, e.Pos)
		return out, true, err
	case e.Type.ID == types.Unknown && e.Kind == expr.Param:
		return b.coerceParam(e, t, ctx)
	case e.Type.ID == types.Unknown:
		if e, ok = b.relabelUnknown(e); !ok {
			return nil, false, nil
		}
		return b.coerce(e, t, max(fn.Explicit, ctx))
	}
	if e.Type.Same(t) && t.Mod < 0 {
		return e, true, nil // dropping a modifier changes nothing
	}
	if e.Kind == expr.Row && e.Type.Anonymous() && t.ID == types.Record && !t.Anonymous() {
		out, err = b.coerceRow(e, t, ctx)
		return out, true, err
	}
	if e.Kind == expr.Array && t.ID == types.Array && t.Elem != nil && ctx == fn.Explicit {
		return b.castElems(e, t)
	}
	if _, ok := fn.FindCast(e.Type, t, ctx); !ok {
		return nil, false, nil
	}
	return &expr.Expr{Kind: expr.Cast, Type: t, Args: []*expr.Expr{e}, Pos: e.Pos}, true, nil
}

func (b *Binder) coerceParam(e *expr.Expr, t types.Type, ctx fn.CastContext) (*expr.Expr, bool, error) {
	if known := b.Params[e.Index]; known.ID != types.Unknown {
		c := *e
		c.Type = known
		return b.coerce(&c, t, ctx)
	}
	base := t
	base.Mod = -1
	b.Params[e.Index] = base
	c := *e
	c.Type = base
	return b.coerce(&c, t, ctx)
}

// relabelUnknown makes text of an expression whose type nothing has decided.
func (b *Binder) relabelUnknown(e *expr.Expr) (*expr.Expr, bool) {
	c := *e
	c.Type = textType
	return &c, true
}

func (b *Binder) castElems(e *expr.Expr, t types.Type) (*expr.Expr, bool, error) {
	out := *e
	out.Type = t
	out.Args = nil
	for _, a := range e.Args {
		elem := *t.Elem
		if a.Type.ID == types.Array {
			elem = t
		}
		x, ok, err := b.coerce(a, elem, fn.Explicit)
		if err != nil || !ok {
			return nil, ok, err
		}
		out.Args = append(out.Args, x)
	}
	return &out, true, nil
}

// implicit is coerce for places where the cast must exist.
func (b *Binder) implicit(e *expr.Expr, t types.Type) (*expr.Expr, error) {
	return b.cast(e, t, fn.Implicit)
}

func (b *Binder) cast(e *expr.Expr, t types.Type, ctx fn.CastContext) (*expr.Expr, error) {
	out, ok, err := b.coerce(e, t, ctx)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", e.Type, t).At(e.Pos)
	}
	return out, nil
}

// known gives an expression that is still unknown the type text.
func (b *Binder) known(e *expr.Expr) (*expr.Expr, error) {
	if e.Type.ID != types.Unknown {
		return e, nil
	}
	return b.implicit(e, textType)
}

// common brings expressions to one type and makes a node of them, or none when kind is "".
func (c *exprCtx) common(construct string, kind expr.Kind, args []*expr.Expr, pos int) (*expr.Expr, error) {
	out, t, err := c.b.unify(construct, args)
	if err != nil {
		return nil, err
	}
	return &expr.Expr{Kind: kind, Type: t, Args: out, Pos: pos}, nil
}

// unify brings expressions to their common type.
func (b *Binder) unify(construct string, args []*expr.Expr) ([]*expr.Expr, types.Type, error) {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = b.typeOf(a)
	}
	t, err := fn.CommonTypeFor(construct, ts)
	if err != nil {
		e := *sqlerr.As(err)
		return nil, t, e.At(mismatchPos(args, ts))
	}
	out := make([]*expr.Expr, len(args))
	for i, a := range args {
		if out[i], err = b.implicit(a, t); err != nil {
			return nil, t, err
		}
	}
	return out, t, nil
}

// mismatchPos is the position of the first expression that does not fit the first typed one.
func mismatchPos(args []*expr.Expr, ts []types.Type) int {
	first := -1
	for i, t := range ts {
		switch {
		case t.ID == types.Unknown:
		case first < 0:
			first = i
		case !t.Same(ts[first]) && t.Category() != ts[first].Category():
			return start(args[i])
		}
	}
	return 0
}

// start is the position where an expression begins in the text.
func start(e *expr.Expr) int {
	at := e.Pos
	for _, a := range e.Args {
		if p := start(a); p > 0 && (at == 0 || p < at) {
			at = p
		}
	}
	return at
}

// typeOf is the type of e; a parameter may have got one since it was bound.
func (b *Binder) typeOf(e *expr.Expr) types.Type {
	if e.Kind == expr.Param && e.Type.ID == types.Unknown {
		return b.Params[e.Index]
	}
	return e.Type
}

// TypeName resolves a type as written.
func (b *Binder) TypeName(t ast.TypeName) (types.Type, error) {
	name := t.Name[len(t.Name)-1]
	if len(t.Name) > 1 {
		schema := t.Name[len(t.Name)-2]
		if schema == "information_schema" {
			if mapped := domains[name]; mapped != "" {
				name, schema = mapped, "pg_catalog"
			}
		}
		if schema != "pg_catalog" {
			return b.namedUserType(t)
		}
	}
	if mapped := relabeled[name]; mapped != "" {
		name = mapped
	}
	if name == "char" { // unquoted, it arrives as bpchar
		name = `"char"`
	}
	if name == "interval" && t.Fields != "" {
		precision := -1
		if len(t.Mods) > 0 {
			precision = t.Mods[0]
		}
		if mod, ok := types.IntervalMod(t.Fields, precision); ok {
			return types.Type{ID: types.Interval, Mod: mod}, nil
		}
	}
	out, err := types.ByName(name, t.Mods, t.Dims)
	if err == nil {
		return out, nil
	}
	e := *sqlerr.As(err)
	if e.Code == sqlerr.UndefinedObject && len(t.Name) == 1 {
		return b.namedUserType(t)
	}
	return types.Type{}, e.At(t.Position())
}

// relabeled are types of which catalogue queries make nothing but text.
var relabeled = map[string]string{"regoperator": "regproc", "regprocedure": "regproc", "regoper": "regproc", "regcollation": "oid",
	"regconfig": "oid", "regdictionary": "oid"}

// domains are the types of information_schema.
var domains = map[string]string{
	"sql_identifier": "name", "character_data": "varchar", "cardinal_number": "int4",
	"yes_or_no": "varchar", "time_stamp": "timestamptz",
}
