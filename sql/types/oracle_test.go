package types

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/sql/sqlerr"
)

// The files in testdata hold one case a line, "fields => result", where the result was recorded from
// PostgreSQL 15: TIDEMILL_RECORD=postgres://… go test -run Recorded. Fields are separated by " | " and
// quoted as in Go when they hold odd bytes. An error is recorded as "!code message".

// runRecorded runs got for every case of a file; query says how Postgres computes it.
func runRecorded(t *testing.T, file string, query func(f []string) string, got func(f []string) (string, error)) {
	path := "testdata/" + file
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	if dsn := os.Getenv("TIDEMILL_RECORD"); dsn != "" {
		record(t, dsn, path, lines, query)
		return
	}
	for i, l := range lines {
		if l == "" || l[0] == '#' {
			continue
		}
		in, want, _ := strings.Cut(l, " => ")
		f := fields(in)
		s, err := got(f)
		if err != nil {
			s = errorLine(sqlerr.As(err))
		}
		if have := quoteOdd(s); have != want {
			t.Errorf("%s:%d: %s\n got %s\nwant %s", file, i+1, in, have, want)
		}
	}
}

func fields(in string) []string {
	f := strings.Split(in, " | ")
	for i, s := range f {
		if strings.HasPrefix(s, `"`) && strings.HasSuffix(s, `"`) && len(s) > 1 {
			if u, err := strconv.Unquote(s); err == nil {
				f[i] = u
			}
		}
	}
	return f
}

func errorLine(e *sqlerr.Error) string { return "!" + string(e.Code) + " " + e.Message }

func quoteOdd(s string) string {
	if s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s, "\n\t\r") {
		return strconv.Quote(s)
	}
	return s
}

func record(t *testing.T, dsn, path string, lines []string, query func([]string) string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "set timezone = 'America/New_York'"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, l := range lines {
		if l == "" || l[0] == '#' {
			fmt.Fprintln(&out, l)
			continue
		}
		in, _, _ := strings.Cut(l, " => ")
		fmt.Fprintf(&out, "%s => %s\n", in, ask(ctx, conn, query(fields(in))))
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func ask(ctx context.Context, conn *pgx.Conn, sql string) string {
	if set, rest, ok := strings.Cut(sql, "; "); ok && strings.HasPrefix(set, "set ") {
		if _, err := conn.Exec(ctx, set); err != nil {
			return err.Error()
		}
		sql = rest
	}
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	res := "NULL"
	if err == nil {
		if rows.Next() {
			if v := rows.RawValues()[0]; v != nil {
				res = string(v)
			}
		}
		rows.Close()
		err = rows.Err()
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return "!" + pe.Code + " " + pe.Message
	}
	return quoteOdd(res)
}

func sqlQuote(s string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}
