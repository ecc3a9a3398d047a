package pgcatalog

import (
	"regexp"
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
	"pg_sequence":    sequences,
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
	case catalog.SequenceKind:
		return "S"
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
			"reltype", rowTypeOf(o), "relkind", kind, "relam", amOf(kind), "relfilenode", fileNode(o), "relpersistence", "p",
			"relnatts", len(fields(o)), "relchecks", len(o.Checks), "relhasindex", t.hasIndex(o), "relhasrules", kind == "v",
			"relispopulated", o.State != catalog.Creating, "relreplident", "d", "reltuples", -1)
		for _, k := range keysOf(o) {
			t.row("oid", k.index, "relname", k.name, "relnamespace", t.schemaID(o.Schema),
				"relowner", t.owner(o), "relkind", "i", "relam", btreeAM, "relfilenode", k.index,
				"relpersistence", "p", "relnatts", len(k.cols), "relispopulated", true, "relreplident", "n")
		}
	}
	indexClasses(t)
	compositeClasses(t)
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
			t.attribute(r.ID, i+1, f, f.NotNull, false, "", "")
		}
	}
	for _, o := range t.listedObjects() {
		for i, c := range fields(o) {
			identity, generated := "", ""
			if c.Generated != "" {
				generated = "s"
			}
			if c.Identity != "" {
				identity = map[string]string{"always": "a", "by default": "d"}[c.Identity]
			}
			t.attribute(o.ID, i+1, c.Field, notNull(o, i), defaultText(o, i) != "", identity, generated)
		}
		for _, k := range keysOf(o) {
			for i, c := range k.cols {
				t.attribute(k.index, i+1, o.Columns[c].Field, false, false, "", "")
			}
		}
	}
	indexAttributes(t)
	compositeAttributes(t)
}

func (t *table) attribute(rel uint32, num int, f types.Field, notNull, hasDefault bool, identity, generated string) {
	dims := 0
	if f.Type.ID == types.Array {
		dims = 1
	}
	pt := typeShape(f.Type)
	t.row("attrelid", rel, "attname", f.Name, "atttypid", f.Type.OID(), "attstattarget", -1, "attlen", f.Type.Len(),
		"attnum", num, "attndims", dims, "attcacheoff", -1, "atttypmod", f.Type.WireMod(), "attbyval", pt.byVal,
		"attalign", pt.align, "attstorage", pt.storage, "attnotnull", notNull, "atthasdef", hasDefault,
		"attislocal", true, "attcollation", pt.collation, "attidentity", identity, "attgenerated", generated)
}

// notNull tells whether a column is NOT NULL: as in Postgres that is declared, so columns of views
// never are.
func notNull(o *catalog.Object, i int) bool {
	if o.Kind == catalog.View || o.Kind == catalog.MaterializedView {
		return false
	}
	return o.Columns[i].NotNull || slices.Contains(o.PrimaryKey, i)
}

// defaultText is a column's default or generation expression as Postgres would print it: string
// literals with their type. An identity column has none.
func defaultText(o *catalog.Object, i int) string {
	c := &o.Columns[i]
	switch {
	case c.Generated != "":
		return bare(c.Generated)
	case c.Identity != "":
		return ""
	case c.Sequence != nil && !c.Sequence.Detached:
		return "nextval(" + "'" + strings.ReplaceAll(sequenceName(o, c), "'", "''") + "'" + "::regclass)"
	}
	d := c.Default
	if m := nextvalDefault.FindStringSubmatch(d); m != nil {
		return "nextval('" + strings.TrimPrefix(m[1], catalog.DefaultSchema+".") + "'::regclass)"
	}
	if len(d) >= 2 && d[0] == '\'' && strings.Count(d, "'") == 2 && d[len(d)-1] == '\'' {
		t := c.Type
		t.Mod = -1
		return d + "::" + t.String()
	}
	return bare(d)
}

// nextvalDefault is a default that takes the next number of a sequence object.
var nextvalDefault = regexp.MustCompile(`^nextval\('([^']+)'\)$`)

// sequences are the sequences that CREATE SEQUENCE made.
func sequences(t *table) {
	for _, o := range t.listedObjects() {
		if o.Kind != catalog.SequenceKind {
			continue
		}
		s := o.Number
		kind, err := types.ByName(s.Type, nil, 0)
		if err != nil {
			kind = types.T(types.Int8)
		}
		t.row("seqrelid", o.ID, "seqtypid", kind.OID(), "seqstart", s.Start, "seqincrement", s.Step, "seqmax", s.Max,
			"seqmin", s.Min, "seqcache", int64(1), "seqcycle", s.Cycle)
	}
}

// sequenceName is how a sequence is written: with the schema, unless that is the usual one.
func sequenceName(o *catalog.Object, c *catalog.Column) string {
	if o.Schema == catalog.DefaultSchema {
		return types.QuoteIdent(c.Sequence.Name)
	}
	return types.QuoteIdent(o.Schema) + "." + types.QuoteIdent(c.Sequence.Name)
}

// bare takes off the brackets around a whole expression.
func bare(s string) string {
	if len(s) < 2 || s[0] != '(' || s[len(s)-1] != ')' {
		return s
	}
	depth, quoted := 0, byte(0)
	for i := 0; i < len(s)-1; i++ {
		switch c := s[i]; {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '\'' || c == '"':
			quoted = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return s
			}
		}
	}
	return s[1 : len(s)-1]
}

func defaults(t *table) {
	for _, o := range t.listedObjects() {
		for i := range fields(o) {
			if d := defaultText(o, i); d != "" {
				t.row("oid", o.ID, "adrelid", o.ID, "adnum", i+1, "adbin", d)
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
		for _, key := range keysOf(o) {
			n := len(key.cols)
			colls, classes := make([]uint32, n), make([]uint32, n)
			for i, k := range key.cols {
				if pt := typeShape(o.Columns[k].Type); pt != nil {
					colls[i] = pt.collation
				}
				classes[i] = opclassOf(o.Columns[k].Type)
			}
			t.row("indexrelid", key.index, "indrelid", o.ID, "indnatts", n, "indnkeyatts", n, "indisunique", true,
				"indisprimary", key.primary, "indimmediate", true, "indisvalid", true, "indisready", true, "indislive", true,
				"indkey", attnums(key.cols), "indcollation", colls, "indclass", classes, "indoption", make([]int16, n))
		}
	}
	indexRows(t)
}

func constraints(t *table) {
	for _, o := range t.listedObjects() {
		for _, k := range keysOf(o) {
			kind := "u"
			if k.primary {
				kind = "p"
			}
			t.row("oid", k.constraint, "conname", k.name, "connamespace", t.schemaID(o.Schema),
				"contype", kind, "convalidated", true, "conrelid", o.ID, "conindid", k.index, "confupdtype", " ",
				"confdeltype", " ", "confmatchtype", " ", "conislocal", true, "connoinherit", true, "conkey", attnums(k.cols))
		}
		for i, c := range o.Checks {
			t.row("oid", checkID(o, i), "conname", c.Name, "connamespace", t.schemaID(o.Schema),
				"contype", "c", "convalidated", true, "conrelid", o.ID, "confupdtype", " ",
				"confdeltype", " ", "confmatchtype", " ", "conislocal", true, "conkey", attnums(c.Cols), "conbin", bare(c.Expr))
		}
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
	for _, u := range t.snap.UserTypes() {
		if u.Comment != "" {
			t.row("objoid", u.ID, "classoid", typeClass, "description", u.Comment)
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
		if o.Kind == catalog.Table || o.Kind == catalog.Source || o.Kind == catalog.SequenceKind {
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
