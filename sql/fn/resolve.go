package fn

import (
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// ResolveScalar picks the overload of name that Postgres would pick for arguments of these types
// (types.Unknown for untyped literals and parameters). It returns the spec and, for each argument
// given, the type to which it must be brought before the kernel sees it.
func ResolveScalar(name string, args []types.Type) (*Scalar, []types.Type, error) {
	r := global.seal()
	specs := r.scalars[name]
	i, coerced, err := r.resolve(name, args, len(specs), func(i int) ([]types.Type, bool) {
		return specs[i].Args, specs[i].Variadic
	})
	if err != nil {
		return nil, nil, err
	}
	return specs[i], coerced, nil
}

// ResolveAggregate is ResolveScalar for aggregate functions; count(*) is count with no arguments.
func ResolveAggregate(name string, args []types.Type) (*Aggregate, []types.Type, error) {
	r := global.seal()
	specs := r.aggregates[name]
	i, coerced, err := r.resolve(name, args, len(specs), func(i int) ([]types.Type, bool) {
		return specs[i].Args, specs[i].Variadic
	})
	if err != nil {
		return nil, nil, err
	}
	return specs[i], coerced, nil
}

// ResolveTable is ResolveScalar for table functions.
func ResolveTable(name string, args []types.Type) (*Table, []types.Type, error) {
	r := global.seal()
	specs := r.tables[name]
	i, coerced, err := r.resolve(name, args, len(specs), func(i int) ([]types.Type, bool) {
		return specs[i].Args, specs[i].Variadic
	})
	if err != nil {
		return nil, nil, err
	}
	return specs[i], coerced, nil
}

// FindScalar returns the overload with exactly these declared argument types, as a stored plan
// names it. A plan that stored the coerced types instead finds it too.
func FindScalar(name string, declared []types.Type) (*Scalar, bool) {
	for _, s := range global.seal().scalars[name] {
		if sameTypes(s.Args, declared) {
			return s, true
		}
	}
	s, _, err := ResolveScalar(name, declared)
	return s, err == nil
}

// FindAggregate is FindScalar for aggregates.
func FindAggregate(name string, declared []types.Type) (*Aggregate, bool) {
	for _, a := range global.seal().aggregates[name] {
		if sameTypes(a.Args, declared) {
			return a, true
		}
	}
	a, _, err := ResolveAggregate(name, declared)
	return a, err == nil
}

// FindTable is FindScalar for table functions.
func FindTable(name string, declared []types.Type) (*Table, bool) {
	for _, t := range global.seal().tables[name] {
		if sameTypes(t.Args, declared) {
			return t, true
		}
	}
	t, _, err := ResolveTable(name, declared)
	return t, err == nil
}

// ReturnType returns the type of a call of s with arguments of the given (coerced) types.
func (s *Scalar) ReturnType(args []types.Type) types.Type {
	return returnType(s.Ret, s.RetFunc, s.Args, args)
}

// ReturnType returns the type of a call of a with arguments of the given (coerced) types.
func (a *Aggregate) ReturnType(args []types.Type) types.Type {
	return returnType(a.Ret, a.RetFunc, a.Args, args)
}

// OutputColumns returns the columns of a call of t with arguments of the given (coerced) types.
func (t *Table) OutputColumns(args []types.Type) []types.Field {
	if t.ColumnFunc != nil {
		return t.ColumnFunc(args)
	}
	out := append([]types.Field(nil), t.Columns...)
	for i := range out {
		out[i].Type = returnType(out[i].Type, nil, t.Args, args)
	}
	return out
}

func returnType(ret types.Type, f func([]types.Type) types.Type, declared, args []types.Type) types.Type {
	if f != nil {
		return f(args)
	}
	if ret.ID != AnyElement.ID && ret.ID != AnyArray.ID && ret.ID != AnyEnum.ID {
		return ret
	}
	for i, a := range args {
		d := declared[min(i, len(declared)-1)]
		switch {
		case d.ID == ret.ID:
			return a
		case (d.ID == AnyElement.ID || d.ID == AnyEnum.ID) && ret.ID == AnyArray.ID:
			return types.ArrayOf(a)
		case d.ID == AnyArray.ID && ret.ID == AnyElement.ID && a.Elem != nil:
			return *a.Elem
		}
	}
	return ret
}

// candidate is an overload that accepts the arguments: its declared types spread over the actual
// arguments, and what they become once polymorphic types are bound.
type candidate struct {
	spec     int
	declared []types.Type
	coerced  []types.Type
	variadic bool
}

// resolve runs Postgres's function and operator resolution (chapter 10 of its manual) over n
// overloads and returns the index of the chosen one.
func (r *registry) resolve(name string, args []types.Type, n int,
	spec func(int) ([]types.Type, bool)) (int, []types.Type, error) {
	var cands []candidate
	for i := range n {
		declared, variadic := spec(i)
		if c, ok := r.spread(i, declared, variadic, args); ok {
			cands = append(cands, c)
		}
	}
	if c := exactMatch(name, cands, args); c != nil {
		return c.spec, c.coerced, nil
	}
	if len(cands) == 0 {
		return 0, nil, notFound(name, args)
	}
	if cands = r.best(cands, args); len(cands) != 1 {
		return 0, nil, ambiguous(name, args)
	}
	return cands[0].spec, cands[0].coerced, nil
}

// spread fits the arguments to a declared list; ok is false when the overload cannot take them.
func (r *registry) spread(i int, declared []types.Type, variadic bool, args []types.Type) (candidate, bool) {
	if len(args) != len(declared) && !(variadic && len(args) >= len(declared)-1) {
		return candidate{}, false
	}
	c := candidate{spec: i, variadic: variadic, declared: make([]types.Type, len(args))}
	for k, a := range args {
		d := declared[min(k, len(declared)-1)]
		if !r.coercible(a, d) {
			return candidate{}, false
		}
		c.declared[k] = d
	}
	var ok bool
	c.coerced, ok = r.bindPolymorphic(c.declared, args)
	return c, ok
}

// bindPolymorphic gives the argument types with AnyElement and AnyArray replaced; they must agree.
func (r *registry) bindPolymorphic(declared, args []types.Type) ([]types.Type, bool) {
	var elems []types.Type
	for i, d := range declared {
		switch {
		case d.ID != AnyElement.ID && d.ID != AnyArray.ID && d.ID != AnyEnum.ID:
		case args[i].ID == types.Unknown:
			// takes what the others agree on
		case d.ID == AnyElement.ID || d.ID == AnyEnum.ID:
			elems = append(elems, args[i])
		default:
			elems = append(elems, elemOf(args[i]))
		}
	}
	elem := types.T(types.Text) // what an unknown literal becomes when nothing says otherwise
	if len(elems) > 0 {
		// anycompatible's rule: one common type. Plain anyelement of Postgres is stricter and refuses
		// mixed numbers; taking them is harmless.
		var err error
		if elem, err = r.commonType("", elems); err != nil {
			return nil, false
		}
	}
	out := make([]types.Type, len(args))
	for i, d := range declared {
		switch {
		case d.ID == AnyEnum.ID && elem.ID != types.Enum:
			return nil, false
		case d.ID == AnyElement.ID || d.ID == AnyEnum.ID:
			out[i] = elem
		case d.ID == AnyArray.ID:
			out[i] = types.ArrayOf(elem)
		case d.ID == Any.ID:
			out[i] = args[i]
			if args[i].ID == types.Unknown {
				out[i] = types.T(types.Text)
			}
		case d.Same(args[i]):
			out[i] = args[i]
		default:
			out[i] = d
		}
	}
	return out, true
}

func elemOf(t types.Type) types.Type {
	switch {
	case t.Elem != nil:
		return *t.Elem
	case t.ID == types.Int2Vector:
		return types.T(types.Int2)
	case t.ID == types.OIDVector:
		return types.T(types.OID)
	}
	return types.T(types.Text)
}

// exactMatch finds an overload that takes the arguments as they are. For operators an unknown
// operand counts as being of the other operand's type.
func exactMatch(name string, cands []candidate, args []types.Type) *candidate {
	want := args
	if isOperator(name) && len(args) == 2 {
		switch {
		case args[0].ID == types.Unknown && args[1].ID != types.Unknown:
			want = []types.Type{args[1], args[1]}
		case args[1].ID == types.Unknown && args[0].ID != types.Unknown:
			want = []types.Type{args[0], args[0]}
		}
	}
	for i := range cands {
		c := &cands[i]
		ok := !c.variadic
		for k, d := range c.declared {
			ok = ok && d.ID == want[k].ID && d.Same(want[k])
		}
		if ok {
			return c
		}
	}
	return nil
}

func notFound(name string, args []types.Type) error {
	sig := signature(name, args)
	if !isOperator(name) {
		return sqlerr.New(sqlerr.UndefinedFunction, "function %s does not exist", sig).WithHint(
			"No function matches the given name and argument types. You might need to add explicit type casts.")
	}
	e := sqlerr.New(sqlerr.UndefinedFunction, "operator does not exist: %s", sig)
	if len(args) == 1 {
		return e.WithHint("No operator matches the given name and argument type. You might need to add an explicit type cast.")
	}
	return e.WithHint("No operator matches the given name and argument types. You might need to add explicit type casts.")
}

func ambiguous(name string, args []types.Type) error {
	sig := signature(name, args)
	if !isOperator(name) {
		return sqlerr.New(sqlerr.AmbiguousFunction, "function %s is not unique", sig).WithHint(
			"Could not choose a best candidate function. You might need to add explicit type casts.")
	}
	return sqlerr.New(sqlerr.AmbiguousFunction, "operator is not unique: %s", sig).WithHint(
		"Could not choose a best candidate operator. You might need to add explicit type casts.")
}
