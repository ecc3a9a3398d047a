package pgcatalog

import (
	"tidemill/catalog"
	"tidemill/sql/types"
)

// typeClass is the OID of pg_type as classoid.
const typeClass = 1247

// userTypeRows adds the types of CREATE TYPE and the row types of relations to pg_type.
func userTypeRows(t *table) {
	for _, u := range t.snap.UserTypes() {
		owner := t.ownerNamed(u.Owner)
		if u.Composite {
			t.compositeRow(u.ID, u.ArrayID, types.RowOID(u.ID), u.Name, u.Schema, owner)
			continue
		}
		t.row("oid", u.ID, "typname", u.Name, "typnamespace", t.schemaID(u.Schema), "typowner", owner, "typlen", 4,
			"typbyval", true, "typtype", "e", "typcategory", "E", "typisdefined", true, "typdelim", ",", "typsubscript", "-",
			"typarray", u.ArrayID, "typinput", "enum_in", "typoutput", "enum_out", "typreceive", "enum_recv",
			"typsend", "enum_send", "typmodin", "-", "typmodout", "-", "typanalyze", "-", "typalign", "i", "typstorage", "p",
			"typtypmod", -1)
		t.arrayRow(u.ID, u.ArrayID, u.Name, u.Schema, owner, "i")
	}
	for _, o := range t.snap.Objects() {
		if o.HasRow() && listed(o) {
			t.compositeRow(types.RowOID(o.ID), types.RowArrayOID(o.ID), o.ID, o.Name, o.Schema, t.owner(o))
		}
	}
}

func (t *table) compositeRow(oid, array, rel uint32, name, schema string, owner uint32) {
	t.row("oid", oid, "typname", name, "typnamespace", t.schemaID(schema), "typowner", owner, "typlen", -1,
		"typbyval", false, "typtype", "c", "typcategory", "C", "typisdefined", true, "typdelim", ",", "typrelid", rel,
		"typsubscript", "-", "typarray", array, "typinput", "record_in", "typoutput", "record_out", "typreceive", "record_recv",
		"typsend", "record_send", "typmodin", "-", "typmodout", "-", "typanalyze", "-", "typalign", "d", "typstorage", "x",
		"typtypmod", -1)
	t.arrayRow(oid, array, name, schema, owner, "d")
}

func (t *table) arrayRow(elem, oid uint32, name, schema string, owner uint32, align string) {
	t.row("oid", oid, "typname", "_"+name, "typnamespace", t.schemaID(schema), "typowner", owner, "typlen", -1,
		"typbyval", false, "typtype", "b", "typcategory", "A", "typisdefined", true, "typdelim", ",",
		"typsubscript", "array_subscript_handler", "typelem", elem, "typinput", "array_in", "typoutput", "array_out",
		"typreceive", "array_recv", "typsend", "array_send", "typmodin", "-", "typmodout", "-", "typanalyze", "array_typanalyze",
		"typalign", align, "typstorage", "x", "typtypmod", -1)
}

// ownerNamed returns the OID of a role.
func (t *table) ownerNamed(name string) uint32 {
	if r := t.snap.Role(name); r != nil {
		return r.OID
	}
	return ownerID
}

// enumList gives the labels' order as the numbers 1, 2 …: what they are compared by is not a number.
func enumList(t *table) {
	for _, u := range t.snap.UserTypes() {
		for i, l := range u.Labels {
			t.row("oid", l.OID, "enumtypid", u.ID, "enumsortorder", float64(i+1), "enumlabel", l.Name)
		}
	}
}

// compositeClasses adds the composite types to pg_class.
func compositeClasses(t *table) {
	for _, u := range t.snap.UserTypes() {
		if u.Composite {
			t.row("oid", types.RowOID(u.ID), "relname", u.Name, "relnamespace", t.schemaID(u.Schema), "reltype", u.ID,
				"relowner", t.ownerNamed(u.Owner), "relkind", "c", "relpersistence", "p", "relnatts", len(u.Fields),
				"relispopulated", true, "relreplident", "n")
		}
	}
}

func compositeAttributes(t *table) {
	for _, u := range t.snap.UserTypes() {
		for i, f := range u.Fields {
			t.attribute(types.RowOID(u.ID), i+1, f, false, false, "", "")
		}
	}
}

// rowTypeOf is the OID of the type of a relation's rows.
func rowTypeOf(o *catalog.Object) uint32 { return types.RowOID(o.ID) }

// typeShape is what pg_attribute copies of a type.
func typeShape(t types.Type) *pgType {
	if pt := pgTypes[t.OID()]; pt != nil {
		return pt
	}
	switch {
	case t.ID == types.Enum:
		return &pgType{byVal: true, align: "i", storage: "p"}
	case t.ID == types.Record || t.ID == types.Array:
		return &pgType{align: "d", storage: "x"}
	}
	return pgTypes[25]
}

// typeName is a type's name as format_type and regtype show it: with its schema when the search path
// does not find it.
func (n *Names) typeName(t types.Type) string {
	if t.Elem != nil {
		return n.typeName(*t.Elem) + "[]"
	}
	schema, name := "", ""
	if u := n.Snap.TypeByRef(t.Ref); t.Ref != 0 && u != nil {
		schema, name = u.Schema, u.Name
	} else if t.Row != nil {
		if o := n.Snap.ByID(t.Row.Rel); o != nil {
			schema, name = o.Schema, o.Name
		}
	}
	if name == "" {
		return t.String()
	}
	if found, ok := n.Snap.ResolveType(n.Path, []string{name}); ok && found.Same(t) {
		return types.QuoteIdent(name)
	}
	return types.QuoteIdent(schema) + "." + types.QuoteIdent(name)
}

// userTypeOID finds a type of CREATE TYPE, or one of a relation's rows, by its name as written.
func (n *Names) userTypeOID(name string) (int64, bool) {
	base, _, dims := typeAndMods(name)
	parts := SplitName(base)
	if parts == nil {
		return 0, false
	}
	t, ok := n.Snap.ResolveType(n.Path, parts)
	if last := parts[len(parts)-1]; !ok && len(last) > 1 && last[0] == '_' {
		parts[len(parts)-1] = last[1:]
		t, ok = n.Snap.ResolveType(n.Path, parts)
		dims++
	}
	if ok && dims > 0 {
		t = types.ArrayOf(t)
	}
	return int64(t.OID()), ok
}

// compositeClass is the composite type whose row of pg_class has the OID.
func (n *Names) compositeClass(id uint32) *catalog.UserType {
	if u := n.Snap.TypeByID(id &^ (1 << 30)); u != nil && u.Composite && types.RowOID(u.ID) == id {
		return u
	}
	return nil
}
