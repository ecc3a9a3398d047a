package pgcatalog

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/sql/types"
)

// objectRows are the relations about schemas, relations and their columns and keys.
var objectRows = map[string]func(*table){
	"pg_namespace":   namespaces,
	"pg_class":       classes,
	"pg_attribute":   attributes,
	"pg_attrdef":     defaults,
	"pg_index":       indexes,
	"pg_constraint":  constraints,
	"pg_description": descriptions,
	"pg_depend":      depends,
	"pg_rewrite":     rewrites,
}

// OIDs of the catalogs that others refer to by classoid.
const (
	classClass     = 1259
	namespaceClass = 2615
	procClass      = 1255
	rewriteClass   = 2618
	heapAM         = 2
	btreeAM        = 403
	ownerID        = 10 // of everything that the system owns
)

// listedObjects returns the objects that appear in pg_class.
func (t *table) listedObjects() []*catalog.Object {
	return slices.DeleteFunc(t.snap.Objects(), func(o *catalog.Object) bool { return !listed(o) })
}

func (t *table) schemaID(name string) uint32 {
	id, _ := (&Names{Snap: t.snap}).schemaID(name)
	return id
}

// owner returns the OID of an object's owner.
func (t *table) owner(o *catalog.Object) uint32 {
	if r := t.snap.Role(o.Owner); r != nil {
		return r.OID
	}
	return ownerID
}

// relkind is how an object appears in pg_class.
func relkind(o *catalog.Object) string {
	switch o.Kind {
	case catalog.View:
		return "v"
	case catalog.MaterializedView:
		return "m"
	}
	return "r"
}

// fields are an object's visible columns.
func fields(o *catalog.Object) []catalog.Column { return o.Columns[:min(o.Visible, len(o.Columns))] }

func namespaces(t *table) {
	for _, name := range []string{"pg_catalog", "information_schema", "tidemill_catalog"} {
		t.row("oid", systemSchemas[name], "nspname", name, "nspowner", ownerID, "nspacl", []string{"tidemill=UC/tidemill", "=U/tidemill"})
	}
	user := t.snap.Schemas()
	for _, name := range sortedKeys(user) {
		var acl any
		if name == catalog.DefaultSchema {
			acl = []string{"pg_database_owner=UC/pg_database_owner", "=U/pg_database_owner"}
		}
		t.row("oid", user[name], "nspname", name, "nspowner", ownerID, "nspacl", acl)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func classes(t *table) {
	for _, r := range relationList {
		t.row("oid", r.ID, "relname", r.Name, "relnamespace", systemSchemas[r.Schema], "relowner", ownerID,
			"relkind", r.Kind, "relam", amOf(string(r.Kind)), "relpersistence", "p", "relnatts", len(r.Columns),
			"relispopulated", true, "relreplident", "n", "reltuples", -1, "relhasrules", r.Kind == 'v',
			"relacl", []string{"tidemill=arwdDxt/tidemill", "=r/tidemill"})
	}
	for _, o := range t.listedObjects() {
		kind := relkind(o)
		t.row("oid", o.ID, "relname", o.Name, "relnamespace", t.schemaID(o.Schema), "relowner", t.owner(o),
			"relkind", kind, "relam", amOf(kind), "relfilenode", fileNode(o), "relpersistence", "p",
			"relnatts", len(fields(o)), "relhasindex", t.hasIndex(o), "relhasrules", kind == "v",
			"relispopulated", o.State != catalog.Creating, "relreplident", "d", "reltuples", -1)
		if len(o.PrimaryKey) > 0 {
			t.row("oid", pkeyIndexID(o.ID), "relname", o.Name+"_pkey", "relnamespace", t.schemaID(o.Schema),
				"relowner", t.owner(o), "relkind", "i", "relam", btreeAM, "relfilenode", pkeyIndexID(o.ID),
				"relpersistence", "p", "relnatts", len(o.PrimaryKey), "relispopulated", true, "relreplident", "n")
		}
	}
	indexClasses(t)
}

func amOf(kind string) int {
	if kind == "r" || kind == "m" {
		return heapAM
	}
	return 0
}

func fileNode(o *catalog.Object) uint32 {
	if o.Storage == nil {
		return 0
	}
	return o.ID
}

func attributes(t *table) {
	for _, r := range relationList {
		for i, f := range r.Columns {
			t.attribute(r.ID, i+1, f, f.NotNull, false)
		}
	}
	for _, o := range t.listedObjects() {
		for i, c := range fields(o) {
			t.attribute(o.ID, i+1, c.Field, notNull(o, i), c.Default != "")
		}
		for i, k := range o.PrimaryKey {
			t.attribute(pkeyIndexID(o.ID), i+1, o.Columns[k].Field, false, false)
		}
	}
	indexAttributes(t)
}

func (t *table) attribute(rel uint32, num int, f types.Field, notNull, hasDefault bool) {
	dims := 0
	if f.Type.ID == types.Array {
		dims = 1
	}
	pt := pgTypes[f.Type.OID()]
	if pt == nil {
		pt = pgTypes[25]
	}
	t.row("attrelid", rel, "attname", f.Name, "atttypid", f.Type.OID(), "attstattarget", -1, "attlen", f.Type.Len(),
		"attnum", num, "attndims", dims, "attcacheoff", -1, "atttypmod", f.Type.WireMod(), "attbyval", pt.byVal,
		"attalign", pt.align, "attstorage", pt.storage, "attnotnull", notNull, "atthasdef", hasDefault,
		"attislocal", true, "attcollation", pt.collation)
}

// notNull tells whether a column is NOT NULL: as in Postgres that is declared, so columns of views
// never are.
func notNull(o *catalog.Object, i int) bool {
	if o.Kind == catalog.View || o.Kind == catalog.MaterializedView {
		return false
	}
	return o.Columns[i].NotNull || slices.Contains(o.PrimaryKey, i)
}

// defaultText is a column's default as Postgres would print it: string literals with their type.
func defaultText(c catalog.Column) string {
	d := c.Default
	if len(d) >= 2 && d[0] == '\'' && strings.Count(d, "'") == 2 && d[len(d)-1] == '\'' {
		bare := c.Type
		bare.Mod = -1
		return d + "::" + bare.String()
	}
	return d
}

func defaults(t *table) {
	for _, o := range t.listedObjects() {
		for i, c := range fields(o) {
			if c.Default != "" {
				t.row("oid", o.ID, "adrelid", o.ID, "adnum", i+1, "adbin", defaultText(c))
			}
		}
	}
}

func attnums(cols []int) []int16 {
	out := make([]int16, len(cols))
	for i, c := range cols {
		out[i] = int16(c + 1)
	}
	return out
}

func indexes(t *table) {
	for _, o := range t.listedObjects() {
		n := len(o.PrimaryKey)
		if n == 0 {
			continue
		}
		colls, classes := make([]uint32, n), make([]uint32, n)
		for i, k := range o.PrimaryKey {
			if pt := pgTypes[o.Columns[k].Type.OID()]; pt != nil {
				colls[i] = pt.collation
			}
			classes[i] = opclassOf(o.Columns[k].Type)
		}
		t.row("indexrelid", pkeyIndexID(o.ID), "indrelid", o.ID, "indnatts", n, "indnkeyatts", n, "indisunique", true,
			"indisprimary", true, "indimmediate", true, "indisvalid", true, "indisready", true, "indislive", true,
			"indkey", attnums(o.PrimaryKey), "indcollation", colls, "indclass", classes, "indoption", make([]int16, n))
	}
	indexRows(t)
}

func constraints(t *table) {
	for _, o := range t.listedObjects() {
		if len(o.PrimaryKey) == 0 {
			continue
		}
		t.row("oid", pkeyConstraintID(o.ID), "conname", o.Name+"_pkey", "connamespace", t.schemaID(o.Schema),
			"contype", "p", "convalidated", true, "conrelid", o.ID, "conindid", pkeyIndexID(o.ID), "confupdtype", " ",
			"confdeltype", " ", "confmatchtype", " ", "conislocal", true, "connoinherit", true, "conkey", attnums(o.PrimaryKey))
	}
}

func descriptions(t *table) {
	for _, o := range t.indexObjects() {
		if o.Comment != "" {
			t.row("objoid", o.ID, "classoid", classClass, "description", o.Comment)
		}
	}
	schemas := t.snap.Schemas()
	for _, name := range sortedKeys(schemas) {
		if text := t.snap.Comment(schemas[name]); text != "" {
			t.row("objoid", schemas[name], "classoid", namespaceClass, "description", text)
		}
	}
	for _, o := range t.listedObjects() {
		if o.Comment != "" {
			t.row("objoid", o.ID, "classoid", classClass, "description", o.Comment)
		}
		for i, c := range fields(o) {
			if c.Comment != "" {
				t.row("objoid", o.ID, "classoid", classClass, "objsubid", i+1, "description", c.Comment)
			}
		}
	}
	for _, p := range procs() {
		if p.summary != "" {
			t.row("objoid", p.oid, "classoid", procClass, "description", p.summary)
		}
	}
}

// depends shows what a view reads the way Postgres does: through the view's rule.
func depends(t *table) {
	for _, o := range t.listedObjects() {
		if o.Kind == catalog.Table || o.Kind == catalog.Source {
			continue
		}
		t.row("classid", rewriteClass, "objid", o.ID, "refclassid", classClass, "refobjid", o.ID, "deptype", "i")
		for _, d := range o.Deps {
			t.row("classid", rewriteClass, "objid", o.ID, "refclassid", classClass, "refobjid", d, "deptype", "n")
		}
	}
}

func rewrites(t *table) {
	for _, o := range t.listedObjects() {
		if o.Kind == catalog.View || o.Kind == catalog.MaterializedView {
			t.row("oid", o.ID, "rulename", "_RETURN", "ev_class", o.ID, "ev_type", "1", "ev_enabled", "O",
				"is_instead", true, "ev_qual", "<>", "ev_action", "<>")
		}
	}
}

// definition is a view's query as pg_get_viewdef shows it.
func definition(o *catalog.Object) string {
	if o.Query == "" {
		return ""
	}
	return " " + strings.TrimSuffix(strings.TrimSpace(o.Query), ";") + ";"
}

// keyNames are the columns of the primary key, quoted where needed.
func keyNames(o *catalog.Object) string {
	names := make([]string, len(o.PrimaryKey))
	for i, k := range o.PrimaryKey {
		names[i] = types.QuoteIdent(o.Columns[k].Name)
	}
	return strings.Join(names, ", ")
}
