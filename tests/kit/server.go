package kit

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	_ "tidemill/connector/all"
	_ "tidemill/exec/op/all"
	"tidemill/server"
	"tidemill/server/config"
	_ "tidemill/sql/fn/all"
)

// Server is a server in the test's process, with invariant checks on.
type Server struct {
	*server.Server
	tb  testing.TB
	dir string
	cfg *config.Config
	// args are the flags that the server was started with.
	args []string
}

// Start runs a server on a fresh directory until the test ends. args are flags as of "tidemill serve".
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	s := &Server{tb: tb, dir: tb.TempDir() + "/data"}
	s.args = append([]string{"--data", s.dir, "--listen", "127.0.0.1:0", "--http", "", "--log-level", "error"}, args...)
	s.start()
	tb.Cleanup(func() {
		if s.Server != nil {
			if err := s.Shutdown(); err != nil {
				tb.Errorf("shutdown: %v", err)
			}
		}
	})
	return s
}

func (s *Server) start(args ...string) {
	s.tb.Helper()
	var err error
	s.cfg, _, err = config.Load(append(slices.Clone(s.args), args...), func(string) (string, bool) { return "", false }, io.Discard)
	if err != nil {
		s.tb.Fatal(err)
	}
	srv, err := server.StartWith(s.cfg, server.Hooks{Check: true})
	if err != nil {
		s.tb.Fatalf("starting the server: %v", err)
	}
	s.Server = srv
}

// Restart shuts the server down cleanly and starts it again on the same directory. Connections break.
func (s *Server) Restart() { s.RestartWith() }

// RestartWith is Restart with further flags, of which the last counts.
func (s *Server) RestartWith(args ...string) {
	s.tb.Helper()
	if err := s.Shutdown(); err != nil {
		s.tb.Fatalf("shutdown: %v", err)
	}
	s.start(args...)
}

// Conn opens a connection that is closed at the end of the test.
func (s *Server) Conn() *pgx.Conn {
	s.tb.Helper()
	return Connect(s.tb, s.DSN())
}

// DSN is the connection string of the server.
func (s *Server) DSN() string { return s.URL() + "?sslmode=disable" }

// Connect opens a connection that is closed at the end of the test.
func Connect(tb testing.TB, dsn string) *pgx.Conn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatalf("connecting: %v", err)
	}
	tb.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// Exec runs statements and fails the test at the first error.
func Exec(tb testing.TB, c *pgx.Conn, statements ...string) {
	tb.Helper()
	for _, s := range statements {
		if _, err := c.Exec(context.Background(), s, pgx.QueryExecModeSimpleProtocol); err != nil {
			tb.Fatalf("%v\n%s", err, s)
		}
	}
}

// Rows returns a query's result as text, one string per row with values separated by "|".
func Rows(tb testing.TB, c *pgx.Conn, query string) []string {
	tb.Helper()
	out, err := TryRows(c, query)
	if err != nil {
		tb.Fatalf("%v\n%s", err, query)
	}
	return out
}

// TryRows is Rows for queries that may fail.
func TryRows(c *pgx.Conn, query string) ([]string, error) {
	res, err := c.PgConn().Exec(context.Background(), query).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(res) == 0 {
		return nil, fmt.Errorf("no result")
	}
	var out []string
	for _, row := range res[len(res)-1].Rows {
		line := ""
		for i, v := range row {
			if i > 0 {
				line += "|"
			}
			if v == nil {
				line += "NULL"
			} else {
				line += string(v)
			}
		}
		out = append(out, line)
	}
	return out, nil
}

// Eventually repeats f until it gives no error or the time is over.
func Eventually(tb testing.TB, limit time.Duration, f func() error) {
	tb.Helper()
	end := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			tb.Fatalf("still wrong after %v: %v", limit, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TryExec runs a text of one or several statements and returns the tag of the last.
func TryExec(c *pgx.Conn, sql string) (string, error) {
	res, err := c.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil || len(res) == 0 {
		return "", err
	}
	return res[len(res)-1].CommandTag.String(), nil
}
