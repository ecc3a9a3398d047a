//go:build services

package functions

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// kind says how a signature is called.
type kind uint8

const (
	scalar kind = iota
	cast
	aggregate
	table
)

// signature is one overload with concrete argument types.
type signature struct {
	kind kind
	name string
	args []types.Type
	to   types.Type    // of a cast
	agg  *fn.Aggregate // of an aggregate
}

func (s signature) String() string {
	names := make([]string, len(s.args))
	for i, a := range s.args {
		names[i] = a.Name()
	}
	if s.kind == cast {
		return "cast " + names[0] + " to " + s.to.Name()
	}
	return s.name + "(" + strings.Join(names, ",") + ")"
}

// random returns the source of what is drawn for the signature, whatever is drawn for others.
func (s signature) random(seed uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(s.String()))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// concrete replaces the polymorphic types of a declaration.
func concrete(r *rand.Rand, declared []types.Type) []types.Type {
	elems := []types.ID{types.Int4, types.Text, types.Numeric, types.Timestamptz, types.Float8, types.Bool, types.Interval, types.Bytea, types.UUID, types.Date, types.JSONB}
	elem := types.T(elems[r.IntN(len(elems))])
	out := make([]types.Type, len(declared))
	for i, d := range declared {
		switch d.ID {
		case fn.AnyElement.ID:
			d = elem
		case fn.AnyArray.ID:
			d = types.ArrayOf(elem)
		case fn.Any.ID:
			if d = types.T(elems[r.IntN(len(elems))]); r.IntN(4) == 0 {
				d = types.ArrayOf(d)
			}
		}
		out[i] = d
	}
	return out
}

// spread repeats the last type of a variadic declaration.
func spread(r *rand.Rand, declared []types.Type, variadic bool) []types.Type {
	out := append([]types.Type(nil), declared...)
	for variadic && len(out) > 0 && r.IntN(2) == 0 && len(out) < 6 {
		out = append(out, declared[len(declared)-1])
	}
	return out
}

// pathArg tells which argument has type jsonpath in PostgreSQL, which is never the type of a column here.
func (s signature) pathArg() int {
	if strings.HasPrefix(s.name, "jsonb_path_") || s.name == "@?" || s.name == "@@" {
		return 1
	}
	return -1
}

// draw returns the literals of one call.
func (s signature) draw(r *rand.Rand) []string {
	out := make([]string, len(s.args))
	for i, t := range s.args {
		pool := poolOf(s.name, i, t)
		if i == s.pathArg() {
			out[i] = quote(paths[r.IntN(len(paths))])
			continue
		}
		if len(pool) == 0 || r.IntN(12) == 0 {
			out[i] = "NULL::" + typeSQL(t)
			continue
		}
		out[i] = quote(pool[r.IntN(len(pool))]) + "::" + typeSQL(t)
	}
	return out
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func typeSQL(t types.Type) string {
	if t.ID == types.Array {
		return typeSQL(*t.Elem) + "[]"
	}
	switch t.ID {
	case types.Bpchar:
		return "bpchar"
	case types.Varchar:
		return "varchar"
	}
	return t.String()
}

// keyword are the names that the grammar knows: they are called with their schema.
var keyword = map[string]bool{"extract": true, "position": true, "overlaps": true, "overlay": true, "normalize": true, "is_normalized": true, "substring": true}

func operator(name string) bool { return strings.Trim(name, "+-*/<>=~!@#%^&|`?") == "" }

// sql writes the call over argument expressions.
func (s signature) sql(args []string) string {
	switch {
	case s.kind == cast:
		return "(" + args[0] + ")::" + typeSQL(s.to)
	case operator(s.name) && len(args) == 2:
		return args[0] + " " + s.name + " " + args[1]
	case operator(s.name):
		return s.name + " " + args[0]
	}
	switch s.name {
	case "array_subscript":
		return "(" + args[0] + ")[" + strings.Join(args[1:], "][") + "]"
	case "array_slice":
		return fmt.Sprintf("(%s)[%s:%s]", args[0], args[1], args[2])
	}
	name := s.name
	if keyword[name] {
		name = "pg_catalog." + name
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// signatures lists everything that is registered and that PostgreSQL has under the same name, with
// concrete types drawn for polymorphic arguments. named tells PostgreSQL's functions and operators.
func signatures(seed uint64, named map[string]bool) []signature {
	var out []signature
	add := func(s signature, declared []types.Type, variadic bool) {
		if differs[s.name] != "" || !named[s.name] && !syntax[s.name] {
			return
		}
		s.args = declared
		r := s.random(seed)
		s.args = concrete(r, spread(r, declared, variadic))
		for _, a := range s.args {
			if a.ID == types.Record || a.ID == fn.AnyEnum.ID {
				return // rows and enums are compared by scripts of their own
			}
		}
		out = append(out, s)
	}
	for _, f := range fn.Scalars() {
		if len(f.Args) > 0 && f.Volatility != fn.Volatile && f.Family != "System catalogue" {
			add(signature{kind: scalar, name: f.Name}, f.Args, f.Variadic)
		}
	}
	for _, a := range fn.Aggregates() {
		add(signature{kind: aggregate, name: a.Name, agg: a}, a.Args, a.Variadic)
	}
	for _, f := range fn.Tables() {
		if len(f.Args) > 0 && f.Volatility != fn.Volatile && !f.Record {
			add(signature{kind: table, name: f.Name}, f.Args, f.Variadic)
		}
	}
	for _, from := range types.All() {
		for _, to := range types.All() {
			if pools[from.ID] != nil && pools[to.ID] != nil {
				out = append(out, signature{kind: cast, args: []types.Type{from}, to: to})
			}
		}
		if pools[from.ID] != nil && from.ArrayOID() != 0 {
			out = append(out, signature{kind: cast, args: []types.Type{types.ArrayOf(from)}, to: types.T(types.Text)},
				signature{kind: cast, args: []types.Type{types.T(types.Text)}, to: types.ArrayOf(from)},
				signature{kind: cast, args: []types.Type{types.ArrayOf(from)}, to: types.ArrayOf(types.T(types.Text))})
		}
	}
	return out
}

// syntax are the functions that PostgreSQL has as syntax instead.
var syntax = map[string]bool{"greatest": true, "least": true, "array_subscript": true, "array_slice": true, "timezone": true}
