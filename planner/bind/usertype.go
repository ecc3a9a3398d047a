package bind

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// typeKey is the key under which catalog.Object.Names keeps the name of a type. No relation's key has
// a blank in front of it.
func typeKey(parts []string) string { return " " + NameKey(parts) }

// userType finds a type of CREATE TYPE or the row type of a relation.
func (b *Binder) userType(parts []string, pos int) (types.Type, bool) {
	if b.Catalog == nil {
		return types.Type{}, false
	}
	t, ok := types.Type{}, false
	if id, known := b.Bound[typeKey(parts)]; known {
		if u := b.Catalog.TypeByID(id); u != nil {
			t, ok = u.Type(), true
		} else if o := b.Catalog.ByID(id); o != nil {
			t, ok = o.RowType(), true
		}
	} else {
		t, ok = b.Catalog.ResolveType(b.SearchPath, parts)
	}
	if !ok && strings.HasPrefix(parts[len(parts)-1], "_") { // the internal name of an array type
		elem := slices.Clone(parts)
		elem[len(elem)-1] = elem[len(elem)-1][1:]
		if elem[len(elem)-1] != "" {
			if t, ok = b.userType(elem, 0); ok {
				return types.ArrayOf(t), true
			}
		}
	}
	if ok {
		b.noteType(t, parts, pos)
	}
	return t, ok
}

// noteType remembers that the statement depends on a type.
func (b *Binder) noteType(t types.Type, parts []string, pos int) {
	id := catalog.ID(0)
	if t.Row != nil {
		id = t.Row.Rel
		b.dep(id)
	} else if u := b.Catalog.TypeByRef(t.Ref); u != nil {
		if id = u.ID; !slices.Contains(b.UserTypes, id) {
			b.UserTypes = append(b.UserTypes, id)
		}
	}
	if b.views == 0 && pos > 0 {
		b.Refs = append(b.Refs, Ref{Pos: pos, Name: parts, Object: id, Type: true})
	}
}

// namedUserType resolves a type name that is no built-in one.
func (b *Binder) namedUserType(t ast.TypeName) (types.Type, error) {
	out, ok := b.userType(t.Name, t.Position())
	switch {
	case !ok && len(t.Name) > 1 && b.Catalog != nil && !b.Catalog.HasSchema(t.Name[len(t.Name)-2]):
		return out, sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", t.Name[len(t.Name)-2]).At(t.Position())
	case !ok:
		name := strings.Join(t.Name, ".")
		if t.Dims > 0 {
			name += "[]"
		}
		return out, sqlerr.New(sqlerr.UndefinedObject, "type %q does not exist", name).At(t.Position())
	case len(t.Mods) > 0:
		return out, sqlerr.New(sqlerr.SyntaxError, "type modifier is not allowed for type %q", strings.Join(t.Name, ".")).At(t.Position())
	case t.Dims > 0 && out.ID != types.Array:
		out = types.ArrayOf(out)
	}
	return out, nil
}

// Attribute resolves a field of CREATE TYPE or ALTER TYPE.
func (b *Binder) Attribute(d *ast.ColumnDef) (types.Field, error) {
	t, err := b.TypeName(d.Type)
	if err != nil {
		return types.Field{}, err
	}
	return types.Field{Name: d.Name, Type: t}, storable(t, d)
}

// storable refuses types that no column or field can have.
func storable(t types.Type, d *ast.ColumnDef) error {
	switch {
	case t.ID == types.Void, t.ID == types.Unknown, t.Anonymous():
		return sqlerr.New(sqlerr.InvalidTableDefinition, "column %q has pseudo-type %s", d.Name, t).At(d.Position())
	case t.Row != nil:
		return sqlerr.Unsupported("column %q cannot have the row type of relation %q", d.Name, t.Row.Name).
			WithHint("Make a type of these fields with CREATE TYPE … AS (…).").At(d.Position())
	case t.Elem != nil:
		return storable(*t.Elem, d)
	}
	return nil
}

// TypeRefs lists the places of an expression's text that name a type of CREATE TYPE.
func (b *Binder) TypeRefs(text string) ([]Ref, error) {
	e, err := parse.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	ast.WalkTypes(e, func(t ast.TypeName) { b.userType(t.Name, t.Position()) })
	return b.Refs, nil
}
