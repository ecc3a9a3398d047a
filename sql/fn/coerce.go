package fn

import (
	"strings"

	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// TypeName returns the type's name as Postgres's messages show it, without modifiers.
func TypeName(t types.Type) string {
	if t.ID == types.Array && t.Elem != nil {
		return TypeName(*t.Elem) + "[]"
	}
	return t.NoMod().String()
}

func typeNames(ts []types.Type) string {
	names := make([]string, len(ts))
	for i, t := range ts {
		names[i] = TypeName(t)
	}
	return strings.Join(names, ", ")
}

// signature is a call by its argument types: f(integer, text), integer + text, - text.
func signature(name string, args []types.Type) string {
	if !isOperator(name) {
		return name + "(" + typeNames(args) + ")"
	}
	switch len(args) {
	case 1:
		return name + " " + TypeName(args[0])
	case 2:
		return TypeName(args[0]) + " " + name + " " + TypeName(args[1])
	}
	return name + " (" + typeNames(args) + ")"
}

// isOperator tells an operator's symbol from a function's name.
func isOperator(name string) bool {
	return name != "" && strings.IndexByte("+-*/<>=~!@#%^&|`?", name[0]) >= 0
}

// FindCast returns the cast that takes from to to in the given context: Explicit allows all casts,
// Assignment those for storing, Implicit only those that need not be written. Relabelings (same
// representation, no modifier to enforce) are found too; strings and unknown literals go through
// the text casts.
func FindCast(from, to types.Type, ctx CastContext) (*Cast, bool) {
	return global.seal().findCast(from, to, ctx)
}

func (r *registry) findCast(from, to types.Type, ctx CastContext) (*Cast, bool) {
	if relabels(from, to) {
		return relabelCast, true
	}
	if from.ID == types.Unknown {
		return r.castFromUnknown(to)
	}
	c := r.casts[castKey{from.ID, to.ID}]
	if c == nil {
		return nil, false
	}
	if from.ID == types.Array && to.ID == types.Array && from.Elem != nil && to.Elem != nil {
		// An array converts when and where its elements do.
		e, ok := r.findCast(*from.Elem, *to.Elem, ctx)
		if !ok {
			return nil, false
		}
		elemwise := *c
		elemwise.Context, elemwise.Volatility = e.Context, max(c.Volatility, e.Volatility)
		return &elemwise, true
	}
	if from.ID == types.Record && to.ID == types.Record && !from.Anonymous() {
		return nil, false // rows of different types do not convert
	}
	if from.Same(to) || c.Context >= ctx {
		return c, true // enforcing a modifier of the same type is allowed anywhere
	}
	return nil, false
}

// castFromUnknown reads an untyped literal, whose column holds its text, as a value of type to.
func (r *registry) castFromUnknown(to types.Type) (*Cast, bool) {
	text := types.T(types.Text)
	if to.IsString() && to.Mod < 0 && to.ID != types.Name {
		return relabelCast, true
	}
	c := r.casts[castKey{types.Text, to.ID}]
	if c == nil {
		return nil, false
	}
	out := *c
	out.From, out.Context = types.T(types.Unknown), Implicit
	out.KernelFor = func(_, to types.Type) Kernel { return c.KernelFor(text, to) }
	return &out, true
}

// relabels tells whether a value of type from is a value of type to as it stands.
func relabels(from, to types.Type) bool {
	if from.Same(to) && (to.Mod < 0 || from.Mod == to.Mod) {
		return from.ID != types.Array || from.Elem == nil || to.Elem == nil || relabels(*from.Elem, *to.Elem)
	}
	if from.ID == types.Record && to.ID == types.Record && to.Anonymous() {
		return true
	}
	return to.Mod < 0 && (from.ID == types.Varchar && to.ID == types.Text ||
		from.ID == types.Text && to.ID == types.Varchar || from.ID == types.Name && to.ID == types.Text)
}

// relabelCast changes the type of a column and shares its buffers.
var relabelCast = &Cast{Context: Implicit, KernelFor: func(_, to types.Type) Kernel {
	return func(_ *Ctx, args []*rows.Vec, _ []int32, _ int) *rows.Vec {
		out := *args[0]
		out.Type = to
		return &out
	}
}}

// coercible tells whether an argument of type from may stand where to is declared. Consistency of
// several polymorphic arguments is checked by bindPolymorphic.
func (r *registry) coercible(from, to types.Type) bool {
	switch to.ID {
	case Any.ID, AnyElement.ID:
		return true
	case AnyArray.ID:
		return from.ID == types.Array || from.ID == types.Unknown ||
			from.ID == types.Int2Vector || from.ID == types.OIDVector
	case AnyEnum.ID:
		return from.ID == types.Enum || from.ID == types.Unknown
	}
	if from.ID == types.Unknown || from.Same(to) {
		return true
	}
	_, ok := r.findCast(from, to.NoMod(), Implicit)
	return ok
}

// CommonType returns the type to which the branches of a UNION, CASE, VALUES, ARRAY or COALESCE
// are brought, by Postgres's rules.
func CommonType(ts []types.Type) (types.Type, error) { return CommonTypeFor("", ts) }

// CommonTypeFor is CommonType with the construct's name for the error message ("UNION", "CASE").
func CommonTypeFor(construct string, ts []types.Type) (types.Type, error) {
	if construct != "" {
		construct += " "
	}
	return global.seal().commonType(construct, ts)
}

func (r *registry) commonType(construct string, ts []types.Type) (types.Type, error) {
	pick := types.T(types.Unknown)
	for _, t := range ts {
		switch {
		case t.ID == types.Unknown || t.Same(pick):
		case pick.ID == types.Unknown:
			pick = t
		case t.Category() != pick.Category():
			return pick, sqlerr.New(sqlerr.DatatypeMismatch, "%stypes %s and %s cannot be matched",
				construct, TypeName(pick), TypeName(t))
		case !pick.Preferred() && r.coercible(pick, t) && !r.coercible(t, pick):
			pick = t
		}
	}
	if pick.ID == types.Unknown {
		return types.T(types.Text), nil
	}
	pick.Mod = commonMod(pick, ts)
	for _, t := range ts {
		if !r.coercible(t, pick) {
			return pick, sqlerr.New(sqlerr.CannotCoerce, "%scould not convert type %s to %s",
				construct, TypeName(t), TypeName(pick))
		}
	}
	return pick, nil
}

// commonMod returns the modifier that all of ts share when they are of type pick, else none.
func commonMod(pick types.Type, ts []types.Type) int32 {
	mod, first := int32(-1), true
	for _, t := range ts {
		if !t.Same(pick) || !first && t.Mod != mod {
			return -1
		}
		mod, first = t.Mod, false
	}
	return mod
}
