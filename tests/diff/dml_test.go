//go:build services

package diff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/tests/kit"
	"tidemill/tests/services"
)

// outcome is what a statement answers.
type outcome struct {
	tag, code string
	message   string
	rows      []string
}

func ask(t *testing.T, c *pgx.Conn, sql string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := c.PgConn().Exec(ctx, sql).ReadAll()
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return outcome{code: e.Code, message: e.Message}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	out := outcome{}
	for _, res := range list {
		out.tag = res.CommandTag.String()
		for _, row := range res.Rows {
			cells := make([]string, len(row))
			for i, v := range row {
				if cells[i] = string(v); v == nil {
					cells[i] = "NULL"
				}
			}
			out.rows = append(out.rows, strings.Join(cells, "|"))
		}
	}
	slices.Sort(out.rows)
	return out
}

// rowErrors are what a bad row can give. When several rows of a statement are bad in different ways, which
// is met first hangs on the order of the work.
var rowErrors = []string{"23502", "23505", "23514", "21000"}

func (o outcome) like(x outcome) bool {
	if o.code != x.code {
		return slices.Contains(rowErrors, o.code) && slices.Contains(rowErrors, x.code)
	}
	return o.tag == x.tag && slices.Equal(o.rows, x.rows)
}

func (o outcome) String() string {
	if o.code != "" {
		return o.code + " " + o.message
	}
	return o.tag + "\n  " + strings.Join(o.rows, "\n  ")
}

// TestDMLEqualsPostgres runs random programs of INSERT, UPDATE, DELETE, MERGE, WITH and transaction blocks
// in both systems.
func TestDMLEqualsPostgres(t *testing.T) { dmlAgainst(t, 10*time.Second) }

// TestSoakDML is the same for as long as TIDEMILL_SOAK says.
func TestSoakDML(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("TIDEMILL_SOAK"))
	if err != nil {
		t.Skip("set TIDEMILL_SOAK to a duration, or run make soak")
	}
	dmlAgainst(t, d)
}

func dmlAgainst(t *testing.T, length time.Duration) {
	pg := services.StartPostgres(t)
	s := seed(t)
	end := time.Now().Add(length)
	for i := uint64(0); i < 2 || time.Now().Before(end); i++ {
		t.Run(fmt.Sprint(s+i), func(t *testing.T) { programs(t, s+i, pg.ConnString()) })
		if t.Failed() {
			return
		}
	}
}

// programs runs some hundred statements, with a restart between blocks.
func programs(t *testing.T, seed uint64, dsn string) {
	theirs := kit.Connect(t, dsn)
	kit.Exec(t, theirs, "DROP TABLE IF EXISTS k, s, bag CASCADE")
	server := kit.Start(t)
	ours := server.Conn()
	g := newGenDML(seed)
	var log []string
	both := func(sql string) outcome {
		t.Helper()
		log = append(log, sql)
		mine, want := ask(t, ours, sql), ask(t, theirs, sql)
		if !mine.like(want) {
			t.Fatalf("%s\nours: %s\nPostgreSQL: %s\n\nprogram:\n%s", sql, mine, want, strings.Join(log[max(0, len(log)-60):], ";\n"))
		}
		return mine
	}
	for _, ddl := range dmlTables {
		both(ddl)
	}
	for i, q := range dmlViews {
		kit.Exec(t, ours, fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS %s", i, q))
		kit.Exec(t, theirs, fmt.Sprintf("CREATE VIEW v%d AS %s", i, q))
	}
	restart := false
	relations := []string{"k", "s", "bag"}
	for n := range 150 {
		sql := g.next()
		res := both(sql)
		if res.code != "" && g.open {
			g.failed = true
		}
		if g.failed {
			continue
		}
		read := relations
		if !g.open {
			read = append(slices.Clone(read), "v0", "v1", "v2", "v3")
		}
		for _, name := range read {
			mine, want := ask(t, ours, "SELECT * FROM "+name), ask(t, theirs, "SELECT * FROM "+name)
			if !mine.like(want) {
				t.Fatalf("%s after %s\nours: %s\nPostgreSQL: %s\n\nprogram:\n%s", name, sql, mine, want, strings.Join(log[max(0, len(log)-60):], ";\n"))
			}
		}
		vain := res.code != "" && strings.Contains(sql, " s ")
		if restart = restart || n == 75; restart && !g.open {
			server.Restart()
			ours, restart, vain = server.Conn(), false, true
		}
		if vain { // numbers taken in vain, or kept in stock, differ
			both(fmt.Sprintf("SELECT setval('s_id_seq', %d)", 100*(n+1)))
		}
	}
	if g.open {
		both("ROLLBACK")
	}
	for i := range dmlViews {
		if diff, err := kit.TryRows(ours, fmt.Sprintf("VERIFY MATERIALIZED VIEW v%d", i)); err != nil || len(diff) > 0 {
			t.Fatalf("VERIFY of v%d: %v %v", i, err, diff)
		}
	}
}
