package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"tidemill/server"
	"tidemill/server/config"
)

//go:embed demo.sql
var demoSQL string

// demoTables are the views that the terminal shows in turn.
var demoTables = []struct{ title, query string }{
	{"bids per second (last 5 seconds)", `SELECT window_start::text, bids, volume, top_price FROM bids_per_second ORDER BY window_start DESC LIMIT 5`},
	{"auctions with most bids", `SELECT auction, bids, highest_bid FROM hot_auctions ORDER BY bids DESC, auction LIMIT 5`},
	{"sellers by state", `SELECT state, sellers, auctions FROM auctions_by_state ORDER BY auctions DESC, state LIMIT 5`},
}

// demo starts a server on a fresh directory with generated Nexmark auctions, defines a handful of
// views, and shows them changing in the terminal until interrupted.
func demo(args []string, out io.Writer) error {
	dir, err := os.MkdirTemp("", "tidemill-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cfg, _, err := config.Load(append([]string{"--data", dir + "/data", "--log-level", "warn"}, args...), os.LookupEnv, out)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	s, err := server.Start(cfg)
	if err != nil {
		return err
	}
	defer s.Shutdown() //nolint:errcheck // the directory goes away
	conn, err := pgx.Connect(ctx, s.URL()+"?sslmode=disable")
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for _, stmt := range strings.Split(demoSQL, ";\n") {
		if strings.TrimSpace(stmt) == "" {
			continue
		}
		if _, err := conn.Exec(ctx, stmt); err != nil {
			return fmt.Errorf("%w in %s", err, stmt)
		}
	}
	fmt.Fprintf(out, "Tidemill is running with generated auctions.\n\n  psql %s\n  http://%s/\n\nTry: SELECT * FROM hot_auctions ORDER BY bids DESC LIMIT 3;   \\dm   \\d hot_auctions\n\n", s.URL(), s.HTTPAddr())
	return watch(ctx, conn, out)
}

// watch prints the demo's views again and again, in place on a terminal.
func watch(ctx context.Context, conn *pgx.Conn, out io.Writer) error {
	terminal := false
	if f, ok := out.(*os.File); ok {
		if st, err := f.Stat(); err == nil {
			terminal = st.Mode()&os.ModeCharDevice != 0
		}
	}
	lines := 0
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(out)
			return nil
		case <-time.After(time.Second):
		}
		var page strings.Builder
		for _, t := range demoTables {
			if err := render(ctx, conn, &page, t.title, t.query); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		if terminal && lines > 0 {
			fmt.Fprintf(out, "\x1b[%dA\x1b[J", lines)
		}
		text := page.String()
		lines = strings.Count(text, "\n")
		fmt.Fprint(out, text)
	}
}

// render appends one query's result as a table.
func render(ctx context.Context, conn *pgx.Conn, page *strings.Builder, title, query string) error {
	rows, err := conn.Query(ctx, query, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	defer rows.Close()
	fmt.Fprintf(page, "%s\n", title)
	for i, f := range rows.FieldDescriptions() {
		fmt.Fprintf(page, "%*s", width(i), f.Name)
	}
	page.WriteByte('\n')
	for rows.Next() {
		for i, v := range rows.RawValues() {
			fmt.Fprintf(page, "%*s", width(i), v)
		}
		page.WriteByte('\n')
	}
	page.WriteByte('\n')
	return rows.Err()
}

func width(col int) int {
	if col == 0 {
		return 24
	}
	return 14
}
