// Package system registers the functions that tell about the session and the catalogue: version(),
// current_setting, pg_get_viewdef, has_table_privilege and their relatives, as PostgreSQL's clients
// call them.
//
// Whatever needs a catalogue goes through fn.Session.Catalog, so the package knows none; without a
// session (inside materialized views) these functions fail.
package system
