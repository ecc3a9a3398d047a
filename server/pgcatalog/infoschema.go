package pgcatalog

import (
	"strings"

	"slices"

	"tidemill/catalog"
	"tidemill/sql/types"
)

// infoRows are the relations of information_schema about schemas, tables and columns. Materialized
// views appear in tables and columns as BASE TABLE would not: they are left out, as in Postgres;
// pg_matviews lists them.
var infoRows = map[string]func(*table){
	"information_schema.information_schema_catalog_name": infoCatalog,
	"information_schema.schemata":                        infoSchemata,
	"information_schema.tables":                          infoTables,
	"information_schema.columns":                         infoColumns,
	"information_schema.views":                           infoViews,
	"information_schema.view_table_usage":                infoViewUsage,
	"information_schema.character_sets":                  infoCharacterSets,
	"information_schema.collations":                      infoCollations,
	"information_schema.enabled_roles":                   infoEnabledRoles,
	"information_schema.table_privileges":                infoPrivileges,
	"information_schema.role_table_grants":               infoPrivileges,
}

const db = catalog.DefaultDatabase

func infoCatalog(t *table) { t.row("catalog_name", db) }

func infoSchemata(t *table) {
	names := append(sortedKeys(systemSchemas), sortedKeys(t.snap.Schemas())...)
	for _, n := range names {
		t.row("catalog_name", db, "schema_name", n, "schema_owner", catalog.DefaultRole)
	}
}

// infoObjects are the objects that information_schema knows.
func (t *table) infoObjects() []*catalog.Object {
	return slices.DeleteFunc(t.listedObjects(), func(o *catalog.Object) bool { return o.Kind == catalog.MaterializedView })
}

func infoTables(t *table) {
	for _, r := range relationList {
		kind := "BASE TABLE"
		if r.Kind == 'v' {
			kind = "VIEW"
		}
		t.row("table_catalog", db, "table_schema", r.Schema, "table_name", r.Name, "table_type", kind,
			"is_insertable_into", "NO", "is_typed", "NO")
	}
	for _, o := range t.infoObjects() {
		kind := "BASE TABLE"
		if o.Kind == catalog.View {
			kind = "VIEW"
		}
		t.row("table_catalog", db, "table_schema", o.Schema, "table_name", o.Name, "table_type", kind,
			"is_insertable_into", yesNo(o.Kind == catalog.Table && o.Connector == ""), "is_typed", "NO")
	}
}

func infoColumns(t *table) {
	for _, r := range relationList {
		for i, f := range r.Columns {
			t.infoColumn(r.Schema, r.Name, i+1, &catalog.Column{Field: f}, "", f.NotNull, false)
		}
	}
	for _, o := range t.infoObjects() {
		for i, c := range fields(o) {
			t.infoColumn(o.Schema, o.Name, i+1, &c, defaultText(o, i), notNull(o, i),
				o.Kind == catalog.Table && o.Connector == "")
		}
	}
}

func (t *table) infoColumn(schema, name string, num int, f *catalog.Column, def string, notNull, updatable bool) {
	ty := f.Type
	var identity, expression any
	if f.Identity != "" {
		identity = strings.ToUpper(f.Identity)
	}
	generated := "NEVER"
	if f.Generated != "" {
		generated, expression, def = "ALWAYS", def, ""
	}
	bare := ty
	bare.Mod = -1
	dataType := bare.String()
	udtSchema := "pg_catalog"
	inner := ty
	if ty.ID == types.Array {
		dataType = "ARRAY"
		if ty.Elem != nil {
			inner = *ty.Elem
		}
	} else if ty.Ref != 0 || ty.Row != nil {
		dataType = "USER-DEFINED"
	}
	if u := t.snap.TypeByRef(inner.Ref); inner.Ref != 0 && u != nil {
		udtSchema = u.Schema
	}
	var maxLen, octets, prec, radix, scale, fraction any
	switch ty.ID {
	case types.Varchar, types.Bpchar:
		octets = 1073741824
		if ty.Mod > 0 {
			maxLen, octets = ty.Mod, ty.Mod*4
		}
	case types.Text:
		octets = 1073741824
	case types.Int2, types.Int4, types.Int8:
		prec, radix, scale = int(ty.Len())*8, 2, 0
	case types.Float4:
		prec, radix = 24, 2
	case types.Float8:
		prec, radix = 53, 2
	case types.Numeric:
		radix = 10
		if ty.Mod >= 0 {
			p, s := ty.PrecisionScale()
			prec, scale = p, s
		}
	case types.Date:
		fraction = 0
	case types.Time, types.Timestamp, types.Timestamptz, types.Interval:
		fraction = 6
		if ty.Mod >= 0 && ty.ID != types.Interval {
			fraction = ty.Mod
		}
	}
	t.row("table_catalog", db, "table_schema", schema, "table_name", name, "column_name", f.Name, "ordinal_position", num,
		"column_default", none(def), "is_nullable", yesNo(!notNull), "data_type", dataType, "character_maximum_length", maxLen,
		"character_octet_length", octets, "numeric_precision", prec, "numeric_precision_radix", radix,
		"numeric_scale", scale, "datetime_precision", fraction, "udt_catalog", db, "udt_schema", udtSchema,
		"udt_name", ty.Name(), "dtd_identifier", itoa(num), "is_self_referencing", "NO", "is_identity", yesNo(f.Identity != ""), "identity_generation", identity,
		"identity_cycle", "NO", "is_generated", generated, "generation_expression", expression, "is_updatable", yesNo(updatable))
}

func infoViews(t *table) {
	for _, o := range t.infoObjects() {
		if o.Kind == catalog.View {
			t.row("table_catalog", db, "table_schema", o.Schema, "table_name", o.Name, "view_definition", definition(o),
				"check_option", "NONE", "is_updatable", "NO", "is_insertable_into", "NO", "is_trigger_updatable", "NO",
				"is_trigger_deletable", "NO", "is_trigger_insertable_into", "NO")
		}
	}
}

func infoViewUsage(t *table) {
	for _, o := range t.infoObjects() {
		if o.Kind != catalog.View {
			continue
		}
		for _, d := range o.Deps {
			if on := t.snap.ByID(d); on != nil {
				t.row("view_catalog", db, "view_schema", o.Schema, "view_name", o.Name,
					"table_catalog", db, "table_schema", on.Schema, "table_name", on.Name)
			}
		}
	}
}

func infoCharacterSets(t *table) {
	t.row("character_set_name", "UTF8", "character_repertoire", "UCS", "form_of_use", "UTF8", "default_collate_catalog", db,
		"default_collate_schema", "pg_catalog", "default_collate_name", "C.UTF-8")
}

func infoCollations(t *table) {
	for _, c := range []string{"default", "C", "POSIX", "ucs_basic"} {
		t.row("collation_catalog", db, "collation_schema", "pg_catalog", "collation_name", c, "pad_attribute", "NO PAD")
	}
}

func infoEnabledRoles(t *table) {
	for _, r := range t.snap.Roles() {
		t.row("role_name", r.Name)
	}
}

func infoPrivileges(t *table) {
	for _, o := range t.infoObjects() {
		privileges := []string{"SELECT"}
		if o.Kind == catalog.Table && o.Connector == "" {
			privileges = []string{"INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE"}
		}
		for _, p := range privileges {
			t.row("grantor", o.Owner, "grantee", o.Owner, "table_catalog", db, "table_schema", o.Schema,
				"table_name", o.Name, "privilege_type", p, "is_grantable", "YES", "with_hierarchy", yesNo(p == "SELECT"))
		}
	}
}

// infoKeyRows are the relations of information_schema about constraints.
var infoKeyRows = map[string]func(*table){
	"information_schema.table_constraints":       infoConstraints,
	"information_schema.key_column_usage":        infoKeyColumns,
	"information_schema.constraint_column_usage": infoConstraintColumns,
	"information_schema.constraint_table_usage":  infoConstraintTables,
}

// keyed calls f for every key.
func (t *table) keyed(f func(o *catalog.Object, k *keyInfo)) {
	for _, o := range t.infoObjects() {
		for _, k := range keysOf(o) {
			f(o, &k)
		}
	}
}

func infoConstraints(t *table) {
	row := func(o *catalog.Object, name, kind string) {
		t.row("constraint_catalog", db, "constraint_schema", o.Schema, "constraint_name", name,
			"table_catalog", db, "table_schema", o.Schema, "table_name", o.Name, "constraint_type", kind,
			"is_deferrable", "NO", "initially_deferred", "NO", "enforced", "YES")
	}
	t.keyed(func(o *catalog.Object, k *keyInfo) {
		row(o, k.name, map[bool]string{true: "PRIMARY KEY", false: "UNIQUE"}[k.primary])
	})
	for _, o := range t.infoObjects() {
		for _, c := range o.Checks {
			row(o, c.Name, "CHECK")
		}
	}
}

func infoKeyColumns(t *table) {
	t.keyed(func(o *catalog.Object, key *keyInfo) {
		for i, k := range key.cols {
			t.row("constraint_catalog", db, "constraint_schema", o.Schema, "constraint_name", key.name,
				"table_catalog", db, "table_schema", o.Schema, "table_name", o.Name, "column_name", o.Columns[k].Name,
				"ordinal_position", i+1)
		}
	})
}

func infoConstraintColumns(t *table) {
	row := func(o *catalog.Object, name string, cols []int) {
		for _, k := range cols {
			t.row("table_catalog", db, "table_schema", o.Schema, "table_name", o.Name, "column_name", o.Columns[k].Name,
				"constraint_catalog", db, "constraint_schema", o.Schema, "constraint_name", name)
		}
	}
	t.keyed(func(o *catalog.Object, k *keyInfo) { row(o, k.name, k.cols) })
	for _, o := range t.infoObjects() {
		for _, c := range o.Checks {
			row(o, c.Name, c.Cols)
		}
	}
}

func infoConstraintTables(t *table) {
	t.keyed(func(o *catalog.Object, k *keyInfo) {
		t.row("table_catalog", db, "table_schema", o.Schema, "table_name", o.Name,
			"constraint_catalog", db, "constraint_schema", o.Schema, "constraint_name", k.name)
	})
}
