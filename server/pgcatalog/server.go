package pgcatalog

import (
	"net"
	"strconv"

	"tidemill/catalog"
	"tidemill/sql/types"
)

// serverRows are the relations about roles, databases and the like.
var serverRows = map[string]func(*table){
	"pg_database":       databases,
	"pg_tablespace":     tablespaces,
	"pg_roles":          roles,
	"pg_authid":         authids,
	"pg_user":           users,
	"pg_shadow":         users,
	"pg_timezone_names": timezones,
}

// liveRows change without the catalog.
var liveRows = map[string]func(*table){
	"pg_settings":                    settings,
	"pg_stat_activity":               activity,
	"pg_prepared_statements":         prepared,
	"pg_cursors":                     cursors,
	"pg_stat_user_tables":            tableStats,
	"pg_stat_all_tables":             tableStats,
	"tidemill_catalog.sources":       sourceList,
	"tidemill_catalog.views":         viewList,
	"tidemill_catalog.sinks":         sinkList,
	"tidemill_catalog.jobs":          jobList,
	"tidemill_catalog.view_errors":   viewErrors,
	"tidemill_catalog.source_errors": sourceErrors,
	"tidemill_catalog.settings":      ownSettings,
}

func databases(t *table) {
	t.row("oid", databaseID, "datname", catalog.DefaultDatabase, "datdba", ownerID, "encoding", 6, "datlocprovider", "c",
		"datallowconn", true, "datconnlimit", -1, "dattablespace", 1663, "datcollate", "C.UTF-8", "datctype", "C.UTF-8")
}

func tablespaces(t *table) {
	t.row("oid", 1663, "spcname", "pg_default", "spcowner", ownerID)
	t.row("oid", 1664, "spcname", "pg_global", "spcowner", ownerID)
}

func roles(t *table) {
	for _, r := range t.snap.Roles() {
		t.row("rolname", r.Name, "rolsuper", r.Superuser, "rolinherit", true, "rolcreaterole", r.Superuser,
			"rolcreatedb", r.Superuser, "rolcanlogin", r.Login, "rolreplication", false, "rolconnlimit", -1,
			"rolpassword", "********", "rolbypassrls", r.Superuser, "oid", r.OID)
	}
}

// authids shows no verifier: who may read it is not yet a question that the server can ask.
func authids(t *table) {
	for _, r := range t.snap.Roles() {
		t.row("oid", r.OID, "rolname", r.Name, "rolsuper", r.Superuser, "rolinherit", true, "rolcreaterole", r.Superuser,
			"rolcreatedb", r.Superuser, "rolcanlogin", r.Login, "rolbypassrls", r.Superuser, "rolconnlimit", -1)
	}
}

func users(t *table) {
	for _, r := range t.snap.Roles() {
		if r.Login {
			t.row("usename", r.Name, "usesysid", r.OID, "usecreatedb", r.Superuser, "usesuper", r.Superuser,
				"userepl", false, "usebypassrls", r.Superuser, "passwd", "********")
		}
	}
}

func settings(t *table) {
	if t.sess == nil {
		return
	}
	for _, s := range t.sess.Settings() {
		source := "default"
		if s.Changed {
			source = "session"
		}
		var values any
		if s.Values != nil {
			values = s.Values
		}
		t.row("name", s.Name, "setting", s.Value, "unit", none(s.Unit), "category", s.Category, "short_desc", s.Doc,
			"context", s.Context, "vartype", s.Kind, "source", source, "min_val", none(s.Min), "max_val", none(s.Max),
			"enumvals", values, "boot_val", s.Boot, "reset_val", s.Reset, "pending_restart", false)
	}
}

func activity(t *table) {
	if t.sess == nil {
		return
	}
	for _, a := range t.sess.Activity() {
		var addr, port any
		if tcp, ok := a.Remote.(*net.TCPAddr); ok {
			addr, port = tcp.IP.String(), tcp.Port
		}
		var start any
		if !a.QueryStart.IsZero() {
			start = a.QueryStart
		}
		var user any
		if r := t.snap.Role(a.User); r != nil {
			user = r.OID
		}
		t.row("datid", databaseID, "datname", catalog.DefaultDatabase, "pid", a.PID, "usesysid", user, "usename", a.User,
			"application_name", a.Application, "client_addr", addr, "client_port", port, "backend_start", a.Started,
			"query_start", start, "state_change", a.StateChange, "state", a.State, "query", a.Query,
			"backend_type", "client backend")
	}
}

func prepared(t *table) {
	if t.sess == nil {
		return
	}
	for _, p := range t.sess.Prepared() {
		var oids []uint32
		for _, name := range p.Types {
			if id, err := (&Names{Snap: t.snap}).OIDByName(types.Regtype, name); err == nil {
				oids = append(oids, uint32(id))
			}
		}
		t.row("name", p.Name, "statement", p.Text, "prepare_time", p.Made, "parameter_types", oids, "from_sql", p.FromSQL,
			"generic_plans", 0, "custom_plans", 0)
	}
}

func cursors(t *table) {
	if t.sess == nil {
		return
	}
	for _, c := range t.sess.Cursors() {
		t.row("name", c.Name, "statement", c.Text, "is_holdable", c.Hold, "is_binary", c.Binary, "is_scrollable", false)
	}
}

func tableStats(t *table) {
	for _, o := range t.listedObjects() {
		if o.Kind == catalog.View {
			continue
		}
		var live any = 0
		if o.Storage != nil && t.reader != nil {
			if n, err := t.reader.Count(o); err == nil {
				live = n
			}
		}
		t.row("relid", o.ID, "schemaname", o.Schema, "relname", o.Name, "n_live_tup", live, "n_dead_tup", 0,
			"seq_scan", 0, "seq_tup_read", 0, "n_tup_ins", 0, "n_tup_upd", 0, "n_tup_del", 0)
	}
}

func timezones(t *table) {
	for _, z := range []string{"UTC", "Etc/UTC", "GMT"} {
		t.row("name", z, "abbrev", "UTC", "is_dst", false)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
