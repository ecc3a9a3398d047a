package pgcatalog

import (
	"strings"

	"tidemill/catalog"
)

// indexObjects are the indexes that CREATE INDEX made. Those of primary keys have no object.
func (t *table) indexObjects() []*catalog.Object {
	return t.kinds(func(o *catalog.Object) bool { return o.Kind == catalog.Index })
}

// hasIndex tells whether pg_class says that a relation has an index.
func (t *table) hasIndex(o *catalog.Object) bool {
	return len(keysOf(o)) > 0 || len(t.snap.Indexes(o.ID)) > 0
}

func indexClasses(t *table) {
	for _, o := range t.indexObjects() {
		t.row("oid", o.ID, "relname", o.Name, "relnamespace", t.schemaID(o.Schema), "relowner", t.owner(o), "relkind", "i",
			"relam", btreeAM, "relfilenode", o.ID, "relpersistence", "p", "relnatts", len(o.Index.Columns),
			"relispopulated", true, "relreplident", "n")
	}
}

func indexAttributes(t *table) {
	for _, o := range t.indexObjects() {
		for i, c := range o.Index.Columns {
			t.attribute(o.ID, i+1, o.Columns[c.Col].Field, false, false, "", "")
		}
	}
}

// The bits of pg_index.indoption.
const (
	optDesc       = 1
	optNullsFirst = 2
)

func indexRows(t *table) {
	for _, o := range t.indexObjects() {
		n := len(o.Index.Columns)
		cols, colls, classes, options := make([]int, n), make([]uint32, n), make([]uint32, n), make([]int16, n)
		for i, c := range o.Index.Columns {
			cols[i] = c.Col
			if pt := pgTypes[o.Columns[c.Col].Type.OID()]; pt != nil {
				colls[i] = pt.collation
			}
			classes[i] = opclassOf(o.Columns[c.Col].Type)
			if c.Desc {
				options[i] |= optDesc
			}
			if c.NullsFirst {
				options[i] |= optNullsFirst
			}
		}
		ready := o.State == catalog.Running
		t.row("indexrelid", o.ID, "indrelid", o.Deps[0], "indnatts", n, "indnkeyatts", n, "indisunique", o.Index.Unique,
			"indisprimary", false, "indimmediate", true, "indisvalid", ready, "indisready", true, "indislive", true,
			"indkey", attnums(cols), "indcollation", colls, "indclass", classes, "indoption", options)
	}
}

// indexText is an index as pg_get_indexdef shows it.
func indexText(snap *catalog.Snapshot, o *catalog.Object) string {
	unique := ""
	if o.Index.Unique {
		unique = "UNIQUE "
	}
	table := snap.ByID(o.Deps[0])
	cols := make([]string, len(o.Index.Columns))
	for i := range cols {
		cols[i] = indexColumn(o, i)
	}
	return "CREATE " + unique + "INDEX " + quoteIdent(o.Name) + " ON " + quoteAll(table.Schema, table.Name) +
		" USING btree (" + strings.Join(cols, ", ") + ")"
}

// indexColumn is a column of an index with its order.
func indexColumn(o *catalog.Object, i int) string {
	c := o.Index.Columns[i]
	text := quoteIdent(o.Columns[c.Col].Name)
	switch {
	case c.Desc && c.NullsFirst:
		text += " DESC"
	case c.Desc:
		text += " DESC NULLS LAST"
	case c.NullsFirst:
		text += " NULLS FIRST"
	}
	return text
}
