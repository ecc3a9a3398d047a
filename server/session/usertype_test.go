package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tidemill/tests/kit"
)

type address struct {
	Street string
	No     int32
	Mood   *string
}

// TestUserTypesOverTheWire: a client that loads enum and composite types by name sends and receives
// their values in binary, alone, in arrays and inside each other.
func TestUserTypesOverTheWire(t *testing.T) {
	ctx := context.Background()
	c := connect(t, start(t))
	exec(t, c, "CREATE TYPE mood AS ENUM ('sad', 'ok')")
	exec(t, c, "CREATE TYPE addr AS (street text, no int, mood mood)")
	exec(t, c, "CREATE TABLE p (id int PRIMARY KEY, m mood, a addr, l addr[])")
	kinds, err := c.LoadTypes(ctx, []string{"mood", "addr", "_mood", "_addr"})
	if err != nil {
		t.Fatal(err)
	}
	c.TypeMap().RegisterTypes(kinds)
	sad := "sad"
	in := address{"Main, St \"1\"", 7, &sad}
	exec(t, c, "INSERT INTO p VALUES ($1, $2, $3, $4)", 1, "ok", in, []address{in, {"x", 0, nil}})
	var m string
	var a address
	var l []address
	if err := c.QueryRow(ctx, "SELECT m, a, l FROM p WHERE m = $1 AND a = $2", "ok", in).Scan(&m, &a, &l); err != nil {
		t.Fatal(err)
	}
	if m != "ok" || a.Street != in.Street || a.No != 7 || *a.Mood != "sad" || len(l) != 2 || l[1].Mood != nil {
		t.Errorf("%s %v %v", m, a, l)
	}
	var moods []string
	if err := c.QueryRow(ctx, "SELECT $1::mood[]", []string{"sad", "ok"}).Scan(&moods); err != nil || fmt.Sprint(moods) != "[sad ok]" {
		t.Errorf("%v %v", moods, err)
	}
	if got := code(c, "INSERT INTO p (id, m) VALUES (2, $1)", "glad"); got != "22P02" {
		t.Errorf("unknown label: %s", got)
	}
	// A table's rows have a type too.
	var whole string
	if err := c.QueryRow(ctx, "SELECT p FROM p", pgx.QueryResultFormats{pgx.TextFormatCode}).Scan(&whole); err != nil {
		t.Fatal(err)
	}
	if want := `(1,ok,"(""Main, St """"1"""""",7,sad)"`; !strings.HasPrefix(whole, want) {
		t.Errorf("%s, want %s…", whole, want)
	}
}

// TestTypesSurviveRestarts: what a view has sorted and grouped by an enum stays right when labels come
// between the others, when it is renamed, and when the server starts again.
func TestTypesSurviveRestarts(t *testing.T) {
	s := kit.Start(t)
	c := s.Conn()
	kit.Exec(t, c, "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')", "CREATE TYPE spot AS (x int, m mood)",
		"CREATE TABLE p (m mood, id int, s spot, PRIMARY KEY (m, id))", "CREATE INDEX ON p (m DESC, id)",
		"INSERT INTO p VALUES ('happy', 1, (1, 'ok')), ('sad', 2, (1, 'sad')), ('ok', 3, NULL)",
		"CREATE MATERIALIZED VIEW top AS SELECT m, id FROM p ORDER BY m LIMIT 2",
		"CREATE MATERIALIZED VIEW groups AS SELECT s, max(m) AS m, count(*) AS n FROM p GROUP BY s",
		"CREATE MATERIALIZED VIEW ranks AS SELECT id, m, rank() OVER (ORDER BY m) AS r FROM p",
		"CREATE VIEW plain AS SELECT id FROM p WHERE m >= 'ok'::mood",
		"ALTER TYPE mood ADD VALUE 'awful' BEFORE 'sad'", "ALTER TYPE mood ADD VALUE 'meh' BEFORE 'ok'",
		"ALTER TYPE mood RENAME TO feeling", "ALTER TYPE feeling RENAME VALUE 'awful' TO 'worst'")
	for range 2 {
		s.Restart()
		c = s.Conn()
		kit.Exec(t, c, "DELETE FROM p WHERE id IN (4, 5)",
			"INSERT INTO p VALUES ('worst', 4, (1, 'meh')), ('meh', 5, (1, 'worst'))")
		for query, want := range map[string]string{
			"SELECT m, id FROM top ORDER BY m":                  "worst|4 sad|2",
			"SELECT m, id FROM p ORDER BY m":                    "worst|4 sad|2 meh|5 ok|3 happy|1",
			"SELECT m FROM p WHERE m > 'sad' ORDER BY m DESC":   "happy ok meh",
			"SELECT (s).m, m FROM groups ORDER BY s":            "worst|meh sad|sad meh|worst ok|happy NULL|ok",
			"SELECT id FROM ranks WHERE r > 2 ORDER BY r":       "5 3 1",
			"SELECT id FROM plain ORDER BY id":                  "1 3",
			"SELECT unnest(enum_range(NULL::feeling))::text":    "worst sad meh ok happy",
			"SELECT pg_get_viewdef('plain'::regclass) ~ 'feel'": "t",
		} {
			if got := strings.Join(kit.Rows(t, c, query), " "); got != want {
				t.Errorf("%s\n got %s\nwant %s", query, got, want)
			}
		}
		for _, v := range []string{"top", "groups", "ranks"} {
			if diff := kit.Rows(t, c, "VERIFY MATERIALIZED VIEW "+v); len(diff) > 0 {
				t.Errorf("%s: %v", v, diff)
			}
		}
	}
}
