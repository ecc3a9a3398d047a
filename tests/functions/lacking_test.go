//go:build services

package functions

import (
	"regexp"
	"slices"
	"testing"

	"tidemill/sql/fn"
	"tidemill/tests/kit"
)

// TestPostgresFunctionsAreKnown asks PostgreSQL for all functions that a statement can call: each is
// registered here, or listed as lacking with the reason.
func TestPostgresFunctionsAreKnown(t *testing.T) {
	names := kit.Rows(t, postgres(t), `SELECT DISTINCT proname FROM pg_proc p
		WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind <> 'p' AND NOT EXISTS (SELECT FROM pg_operator o WHERE o.oprcode = p.oid)
			AND NOT EXISTS (SELECT FROM unnest(proargtypes || prorettype) a JOIN pg_type y ON y.oid = a
				WHERE y.typtype = 'p' AND y.typname IN ('internal', 'cstring', 'trigger', 'event_trigger', 'language_handler', 'fdw_handler', 'index_am_handler', 'table_am_handler', 'tsm_handler'))`)
	missing := 0
	for _, n := range names {
		if fn.IsScalar(n) || fn.IsAggregate(n) || fn.IsTable(n) {
			continue
		}
		missing++
		if !slices.ContainsFunc(lacking, func(l struct{ names, reason string }) bool {
			return regexp.MustCompile("^(?:" + l.names + ")$").MatchString(n)
		}) {
			t.Errorf("%s is neither registered nor listed as lacking", n)
		}
	}
	t.Logf("%d functions of PostgreSQL, %d lacking", len(names), missing)
}
