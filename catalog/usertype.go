package catalog

import (
	"slices"
	"sort"
	"time"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// UserType is a type of CREATE TYPE: an enum, or a composite type when it has fields. Types have names
// of their own beside the relations', but as in Postgres a relation's row type has the relation's name,
// so that one schema has no relation and type of the same name.
type UserType struct {
	Format  int       `json:"format"`
	ID      ID        `json:"id"` // also the OID
	ArrayID ID        `json:"array_id"`
	Ref     uint32    `json:"ref"` // see types.User
	Schema  string    `json:"schema"`
	Name    string    `json:"name"`
	Owner   string    `json:"owner"`
	Created time.Time `json:"created"`
	Comment string    `json:"comment,omitempty"`
	// Labels of an enum in their order; Composite types have Fields.
	Labels    []types.Label `json:"labels,omitempty"`
	Composite bool          `json:"composite,omitempty"`
	Fields    []types.Field `json:"fields,omitempty"`
}

// Type returns the type as columns and expressions have it.
func (t *UserType) Type() types.Type { return (&types.User{Ref: t.Ref}).Type() }

// Publish makes the definition known to everything that reads and writes values.
func (t *UserType) Publish() {
	types.Define(types.User{Ref: t.Ref, OID: t.ID, ArrayOID: t.ArrayID, Schema: t.Schema, Name: t.Name,
		Labels: t.Labels, Fields: t.Fields})
}

// Uses tells whether the type has a field of type u, or of arrays of it.
func (t *UserType) Uses(u *UserType) bool {
	return slices.ContainsFunc(t.Fields, func(f types.Field) bool { return u.Of(f.Type) })
}

// In tells whether f is the type, or has elements or fields of it.
func (t *UserType) In(f types.Type) bool {
	found := false
	f.Refs(func(ref uint32) { found = found || ref == t.Ref })
	return found
}

// Of tells whether f is the type or an array of it.
func (t *UserType) Of(f types.Type) bool {
	for f.Elem != nil {
		f = *f.Elem
	}
	return f.Ref == t.Ref
}

// UserTypes returns the types of CREATE TYPE ordered by id.
func (s *Snapshot) UserTypes() []*UserType {
	out := make([]*UserType, 0, len(s.types))
	for _, t := range s.types {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// TypeByID returns the type with the id, or nil.
func (s *Snapshot) TypeByID(id ID) *UserType { return s.types[id] }

// TypeByRef returns the type that columns know by ref, or nil.
func (s *Snapshot) TypeByRef(ref uint32) *UserType {
	for _, t := range s.types {
		if t.Ref == ref {
			return t
		}
	}
	return nil
}

// TypeByName returns the type called name in schema, or nil.
func (s *Snapshot) TypeByName(schema, name string) *UserType {
	for _, t := range s.types {
		if t.Schema == schema && t.Name == name {
			return t
		}
	}
	return nil
}

// TypeByOID returns the type that clients know by its OID or that of its arrays: one of CREATE TYPE or
// the row type of a relation.
func (s *Snapshot) TypeByOID(oid uint32) (types.Type, bool) {
	if t, ok := types.FromOID(oid, -1); ok {
		return t, true
	}
	for _, t := range s.types {
		switch oid {
		case t.ID:
			return t.Type(), true
		case t.ArrayID:
			return types.ArrayOf(t.Type()), true
		}
	}
	for _, o := range s.objects {
		if !o.HasRow() {
			continue
		}
		switch oid {
		case types.RowOID(o.ID):
			return o.RowType(), true
		case types.RowArrayOID(o.ID):
			return types.ArrayOf(o.RowType()), true
		}
	}
	return types.Type{}, false
}

// ResolveType finds a type of CREATE TYPE or a relation's row type by its possibly qualified name.
func (s *Snapshot) ResolveType(path []string, parts []string) (types.Type, bool) {
	in := func(schema, name string) (types.Type, bool) {
		if t := s.TypeByName(schema, name); t != nil {
			return t.Type(), true
		}
		if o := s.ByName(schema, name); o != nil && o.HasRow() {
			return o.RowType(), true
		}
		return types.Type{}, false
	}
	if len(parts) == 3 && parts[0] == DefaultDatabase {
		parts = parts[1:]
	}
	switch len(parts) {
	case 1:
		for _, schema := range path {
			if t, ok := in(schema, parts[0]); ok {
				return t, true
			}
		}
	case 2:
		return in(parts[0], parts[1])
	}
	return types.Type{}, false
}

// HasRow tells whether the object is a relation whose rows have a type.
func (o *Object) HasRow() bool { return o.Kind != Sink && o.Kind != Index && o.Kind != SequenceKind }

// RowType returns the type of the relation's rows.
func (o *Object) RowType() types.Type {
	visible := o.Visible
	if visible == 0 || visible > len(o.Columns) {
		visible = len(o.Columns)
	}
	return types.Type{ID: types.Record, Mod: -1, Row: &types.Row{Rel: o.ID, Name: o.Name, Fields: o.Fields()[:visible]}}
}

// TypeUsers returns the objects that a type is used by, in columns or queries, ordered by id, and the
// types that have fields of it. What has columns of those types is not among the objects.
func (s *Snapshot) TypeUsers(t *UserType) (objects []*Object, composites []*UserType) {
	for _, o := range s.Objects() {
		r := o.Replacement
		if o.Kind != Index && (o.uses(t) || r != nil && r.uses(t)) {
			objects = append(objects, o)
		}
	}
	for _, u := range s.UserTypes() {
		if u.Uses(t) {
			composites = append(composites, u)
		}
	}
	return objects, composites
}

func (o *Object) uses(t *UserType) bool {
	return slices.Contains(o.Types, t.ID) || len(o.ColumnsOf(t)) > 0
}

// ColumnsOf lists the columns whose values are of the type or arrays of it.
func (o *Object) ColumnsOf(t *UserType) []int {
	var out []int
	for i, c := range o.Columns {
		if t.Of(c.Type) {
			out = append(out, i)
		}
	}
	return out
}

// CheckNewType refuses a type name that is taken.
func (s *Snapshot) CheckNewType(schema, name string) error {
	if err := s.checkSchema(schema, name); err != nil {
		return err
	}
	if s.TypeByName(schema, name) != nil || s.ByName(schema, name) != nil {
		return sqlerr.New(sqlerr.DuplicateObject, "type %q already exists", name)
	}
	return nil
}

// WithType returns a snapshot with t added or replaced.
func (s *Snapshot) WithType(t *UserType) *Snapshot {
	c := s.clone()
	c.types[t.ID] = t
	return c
}

// WithoutType returns a snapshot without the type.
func (s *Snapshot) WithoutType(id ID) *Snapshot {
	c := s.clone()
	delete(c.types, id)
	return c
}
