package badinput

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"tidemill/tests/kit"
)

// A case of testdata/statements.txt is a line that says what is expected and the lines of the
// statement up to an empty line. The expectation is a mark, a SQLSTATE, "@" and the position (0 for
// none) and the message:
//
//	= PostgreSQL 15 says exactly the same
//	~ PostgreSQL gives the same SQLSTATE and other words, or another position
//	! PostgreSQL has no such statement, accepts it, or gives another SQLSTATE
type wrong struct {
	mark, code string
	pos        int
	message    string
	sql        string
	line       int
}

// fixture is what the statements find.
var fixture = []string{
	"CREATE TABLE t (id int PRIMARY KEY, a int, b text, n numeric(10,2), d date, ok boolean, j jsonb, at timestamp)",
	"CREATE TABLE u (id int PRIMARY KEY, a int, b text NOT NULL)",
	"CREATE VIEW w AS SELECT id, a FROM t",
	"CREATE MATERIALIZED VIEW m AS SELECT a, count(*) AS c FROM t GROUP BY a",
	"INSERT INTO t VALUES (1, 10, 'x', 1.5, '2024-01-31', true, '{\"k\": 1}', '2024-01-31 10:00'), (2, 0, 'y', -3, NULL, false, '[1]', NULL), (3, 2147483647, '7', 99999999.99, '9999-12-31', NULL, NULL, '2024-02-29 23:59:59.999999')",
	"INSERT INTO u VALUES (1, 1, 'x'), (2, 2, 'y')",
}

func statements(t *testing.T) []wrong {
	t.Helper()
	f, err := os.Open("testdata/statements.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []wrong
	var cur *wrong
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case line == "":
			cur = nil
		case cur != nil && cur.sql != "":
			cur.sql += "\n" + line
		case cur != nil:
			cur.sql = line
		case line[0] == '#':
		default:
			w := wrong{line: n}
			parts := strings.SplitN(line, " ", 4)
			if len(parts) != 4 {
				t.Fatalf("line %d: %q", n, line)
			}
			w.mark, w.code, w.message = parts[0], parts[1], parts[3]
			if _, err := fmt.Sscanf(parts[2], "@%d", &w.pos); err != nil {
				t.Fatalf("line %d: %q", n, line)
			}
			out = append(out, w)
			cur = &out[len(out)-1]
		}
	}
	return out
}

// outcome is what a server says to a text, in the form of an expectation without its mark.
func outcome(c *pgx.Conn, sql string) string {
	_, err := kit.TryExec(c, sql)
	if err == nil {
		return "00000 @0 accepted"
	}
	e := pgError(err)
	if e == nil {
		return err.Error()
	}
	message, _, _ := strings.Cut(e.Message, "\n")
	return fmt.Sprintf("%s @%d %s", e.Code, e.Position, message)
}

// Every wrong statement has the expected SQLSTATE, position and words, and changes nothing.
func TestWrongStatements(t *testing.T) {
	w := newWorld(t)
	kit.Exec(t, w.c, fixture...)
	before := content(w)
	list := statements(t)
	if len(list) < 150 {
		t.Errorf("only %d statements", len(list))
	}
	for _, s := range list {
		want := fmt.Sprintf("%s @%d %s", s.code, s.pos, s.message)
		start := time.Now()
		if got := outcome(w.c, s.sql); got != want {
			t.Errorf("line %d: %s\n got %s\nwant %s", s.line, s.sql, got, want)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("line %d: %s took %v", s.line, s.sql, took)
		}
		if s.pos > utf8.RuneCountInString(s.sql)+1 {
			t.Errorf("line %d: the position %d is behind the statement", s.line, s.pos)
		}
		if w.c.PgConn().TxStatus() != 'I' {
			w.exec("ROLLBACK")
		}
	}
	if after := content(w); after != before {
		t.Errorf("the statements changed something:\n%s\nbefore:\n%s", after, before)
	}
}

// content is everything that wrong statements could have changed.
func content(w *world) string {
	var out []string
	for _, q := range []string{
		"SELECT * FROM t ORDER BY id", "SELECT * FROM u ORDER BY id", "SELECT * FROM m ORDER BY a",
		"SELECT name, kind, state FROM tidemill_catalog.jobs ORDER BY name",
		"SELECT relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = relnamespace WHERE nspname NOT LIKE 'pg_%' AND nspname NOT IN ('information_schema', 'tidemill_catalog') ORDER BY 1",
		"SELECT rolname FROM pg_catalog.pg_roles ORDER BY 1",
	} {
		out = append(out, w.rows(q)...)
	}
	return strings.Join(out, "\n")
}
