//go:build services

package badinput

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"tidemill/tests/kit"
	"tidemill/tests/services"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata/statements.txt to what Tidemill and PostgreSQL say now")

// The marks of testdata/statements.txt are true of a real PostgreSQL.
func TestWrongStatementsInPostgres(t *testing.T) {
	pg := kit.Connect(t, services.StartPostgres(t).ConnString())
	kit.Exec(t, pg, "CREATE ROLE tidemill SUPERUSER", "SET datestyle = 'ISO, MDY'")
	kit.Exec(t, pg, fixture...)
	w := newWorld(t)
	kit.Exec(t, w.c, fixture...)
	list := statements(t)
	same := map[string]int{}
	out := strings.Builder{}
	out.WriteString("# Each: mark, SQLSTATE, @position, message; then the statement. The marks: = PostgreSQL 15 says the same,\n# ~ the same SQLSTATE only, ! something else or nothing. Written by go test -tags services -rewrite.\n")
	for _, s := range list {
		theirs, ours := outcome(pg, s.sql), outcome(w.c, s.sql)
		for _, c := range []interface {
			TxStatus() byte
		}{pg.PgConn(), w.c.PgConn()} {
			if c.TxStatus() != 'I' {
				kit.TryExec(pg, "ROLLBACK")
				kit.TryExec(w.c, "ROLLBACK")
			}
		}
		if theirs == "00000 @0 accepted" {
			kit.Exec(t, pg, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
			kit.Exec(t, pg, fixture...)
		}
		mark := "!"
		switch {
		case theirs == ours:
			mark = "="
		case strings.Fields(theirs)[0] == strings.Fields(ours)[0]:
			mark = "~"
		}
		same[mark]++
		if mark != s.mark && !*rewrite {
			t.Errorf("line %d: marked %s, is %s: %s\n Tidemill   %s\n PostgreSQL %s", s.line, s.mark, mark, s.sql, ours, theirs)
		}
		if mark != "=" {
			t.Logf("%s %s\n Tidemill   %s\n PostgreSQL %s", mark, s.sql, ours, theirs)
		}
		fmt.Fprintf(&out, "\n%s %s\n%s\n", mark, ours, s.sql)
	}
	t.Logf("%d statements: %v", len(list), same)
	if *rewrite {
		if err := os.WriteFile("testdata/statements.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
