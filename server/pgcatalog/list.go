package pgcatalog

import (
	"strings"

	"tidemill/catalog"
)

// listRows are the views of pg_catalog that list relations by name.
var listRows = map[string]func(*table){
	"pg_tables":   tableNames,
	"pg_views":    viewNames,
	"pg_matviews": matviewNames,
	"pg_indexes":  indexNames,
}

var statRows = map[string]func(*table){
	"pg_stat_database": databaseStats,
}

func tableNames(t *table) {
	for _, r := range relationList {
		if r.Kind == 'r' {
			t.row("schemaname", r.Schema, "tablename", r.Name, "tableowner", catalog.DefaultRole, "hasindexes", false,
				"hasrules", false, "hastriggers", false, "rowsecurity", false)
		}
	}
	for _, o := range t.listedObjects() {
		if relkind(o) == "r" {
			t.row("schemaname", o.Schema, "tablename", o.Name, "tableowner", o.Owner, "hasindexes", t.hasIndex(o),
				"hasrules", false, "hastriggers", false, "rowsecurity", false)
		}
	}
}

func viewNames(t *table) {
	for _, r := range relationList {
		if r.Kind == 'v' {
			t.row("schemaname", r.Schema, "viewname", r.Name, "viewowner", catalog.DefaultRole, "definition", "")
		}
	}
	for _, o := range t.listedObjects() {
		if o.Kind == catalog.View {
			t.row("schemaname", o.Schema, "viewname", o.Name, "viewowner", o.Owner, "definition", definition(o))
		}
	}
}

func matviewNames(t *table) {
	for _, o := range t.listedObjects() {
		if o.Kind == catalog.MaterializedView {
			t.row("schemaname", o.Schema, "matviewname", o.Name, "matviewowner", o.Owner, "hasindexes", t.hasIndex(o),
				"ispopulated", o.State != catalog.Creating, "definition", definition(o))
		}
	}
}

func indexNames(t *table) {
	for _, o := range t.listedObjects() {
		for _, k := range keysOf(o) {
			t.row("schemaname", o.Schema, "tablename", o.Name, "indexname", k.name, "indexdef", indexDef(&k))
		}
	}
	for _, o := range t.indexObjects() {
		on := t.snap.ByID(o.Deps[0])
		t.row("schemaname", o.Schema, "tablename", on.Name, "indexname", o.Name, "indexdef", indexText(t.snap, o))
	}
}

func indexDef(k *keyInfo) string {
	q := quoteAll
	return "CREATE UNIQUE INDEX " + q(k.name) + " ON " + q(k.table.Schema, k.table.Name) + " USING btree (" + k.columns() + ")"
}

func quoteAll(parts ...string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = quoteIdent(p)
	}
	return strings.Join(out, ".")
}

func databaseStats(t *table) {
	t.row("datid", databaseID, "datname", catalog.DefaultDatabase, "numbackends", 0)
}
