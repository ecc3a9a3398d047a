//go:build services

package nexmark

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tidemill/connector/nexmark"
	"tidemill/tests/kit"
	"tidemill/tests/services"
)

const events = 20_000

var tables = []string{"person", "auction", "bid"}

// inPostgres are the window functions of the queries in PostgreSQL's words, over bid b, auction a, person p.
var inPostgres = strings.NewReplacer(
	"HOP(bid, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds')",
	"(SELECT *, start AS window_start FROM bid, generate_series(date_bin('2 seconds', date_time, 'epoch') - interval '8 seconds', date_time, '2 seconds') AS start) AS w",
	"TUMBLE(bid, date_time, INTERVAL '10 seconds')", tumble("bid"),
	"TUMBLE(person, date_time, INTERVAL '10 seconds')", tumble("person"),
	"TUMBLE(auction, date_time, INTERVAL '10 seconds')", tumble("auction"),
	"SESSION(bid PARTITION BY bidder, date_time, INTERVAL '10 seconds')",
	`(SELECT *, min(date_time) OVER s AS window_start, max(date_time) OVER s + interval '10 seconds' AS window_end
	  FROM (SELECT *, count(*) FILTER (WHERE fresh) OVER (PARTITION BY bidder ORDER BY date_time) AS session
	    FROM (SELECT *, coalesce(date_time - lag(date_time) OVER (PARTITION BY bidder ORDER BY date_time) >= interval '10 seconds', true) AS fresh
	      FROM bid) AS x) AS y WINDOW s AS (PARTITION BY bidder, session)) AS w`,
)

func tumble(table string) string {
	return `(SELECT *, date_bin('10 seconds', date_time, 'epoch') AS window_start,
	  date_bin('10 seconds', date_time, 'epoch') + interval '10 seconds' AS window_end FROM ` + table + ") AS w"
}

// TestQueries keeps every query as a view while the events arrive, and compares.
func TestQueries(t *testing.T) {
	pg := kit.Connect(t, services.StartPostgres(t).ConnString())
	kit.Exec(t, pg, "SET timezone = 'UTC'")
	s := kit.Start(t)
	c := s.Conn()
	for _, table := range tables {
		// 10 ms between events, so that there are many windows
		kit.Exec(t, c, fmt.Sprintf(`CREATE SOURCE %s WITH (connector = 'nexmark', nexmark.table.type = '%s', nexmark.event.num = '%d', nexmark.min.event.gap.in.ns = '10000000')`,
			table, strings.ToUpper(table[:1])+table[1:], events))
	}
	names := nexmark.Queries()
	for _, name := range names {
		sql, err := nexmark.Query(name)
		if err != nil {
			t.Fatal(err)
		}
		kit.Exec(t, c, "CREATE MATERIALIZED VIEW "+name+" AS "+sql)
	}
	for _, table := range tables {
		load(t, c, pg, table)
	}
	kit.Eventually(t, time.Minute, func() error {
		if !s.Engine().Drained() {
			return fmt.Errorf("not all events are read")
		}
		return nil
	})
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			sql, _ := nexmark.Query(name)
			got, want := kit.Rows(t, c, "SELECT * FROM "+name), kit.Rows(t, pg, inPostgres.Replace(sql))
			if len(want) == 0 {
				t.Error("no rows: nothing is compared")
			}
			compare(t, got, want)
			compare(t, kit.Rows(t, c, sql), want)
			if diff := kit.Rows(t, c, "VERIFY MATERIALIZED VIEW "+name); len(diff) > 0 {
				t.Errorf("VERIFY: %s", diff)
			}
		})
	}
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	for _, rows := range [][]string{got, want} {
		for i, r := range rows {
			rows[i] = canonical(r)
		}
		slices.Sort(rows)
	}
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%d rows, PostgreSQL has %d", len(got), len(want))
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("row %d:\n got %s\nwant %s", i, got[i], want[i])
			return
		}
	}
}

// canonical strips the zeros at the end of numeric cells: the display scale of a maintained average
// follows all rows that were ever in the group, PostgreSQL's those that are there.
func canonical(row string) string {
	cells := strings.Split(row, "|")
	for i, c := range cells {
		if strings.Contains(c, ".") && strings.Trim(c, "0123456789.-") == "" {
			cells[i] = strings.TrimSuffix(strings.TrimRight(c, "0"), ".")
		}
	}
	return strings.Join(cells, "|")
}

// load copies a source's rows to a table of the same name.
func load(t *testing.T, c, pg *pgx.Conn, table string) {
	t.Helper()
	rows, err := c.Query(context.Background(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var cols, defs []string
	for _, f := range rows.FieldDescriptions() {
		typ, ok := pg.TypeMap().TypeForOID(f.DataTypeOID)
		if !ok {
			t.Fatalf("column %s has the unknown type %d", f.Name, f.DataTypeOID)
		}
		cols = append(cols, f.Name)
		defs = append(defs, f.Name+" "+typ.Name)
	}
	kit.Exec(t, pg, fmt.Sprintf("CREATE TABLE %s (%s)", table, strings.Join(defs, ", ")))
	var values [][]any
	for rows.Next() {
		v, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := pg.CopyFrom(context.Background(), pgx.Identifier{table}, cols, pgx.CopyFromRows(values)); err != nil {
		t.Fatal(err)
	}
}
