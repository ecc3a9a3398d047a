package slt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// referee runs a script's statements in PostgreSQL too. Where a script expects something else of its
// own database, PostgreSQL's answer is right.
type referee struct {
	admin *pgx.Conn
	name  string // of the database that the script has for itself
	dsn   string
	conns map[string]*pgx.Conn
}

// newReferee makes a database in the server at dsn.
func newReferee(ctx context.Context, dsn string) (*referee, error) {
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	f := &referee{admin: admin, dsn: dsn, conns: map[string]*pgx.Conn{}}
	f.name = fmt.Sprintf("slt_%d", admin.PgConn().PID())
	_, err = admin.Exec(ctx, "CREATE DATABASE "+f.name)
	return f, err
}

func (f *referee) close() {
	ctx := context.Background()
	for _, c := range f.conns {
		c.Close(ctx)
	}
	// A database that stays is named after a process: nobody mistakes it.
	_, _ = f.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+f.name+" WITH (FORCE)")
	f.admin.Close(ctx)
}

// ask runs sql in the session called name.
func (f *referee) ask(ctx context.Context, name, sql string) ([]*pgconn.Result, error) {
	c := f.conns[name]
	if c == nil || c.IsClosed() {
		cfg, err := pgx.ParseConfig(f.dsn)
		if err != nil {
			return nil, err
		}
		cfg.Database = f.name
		if c, err = pgx.ConnectConfig(ctx, cfg); err != nil {
			return nil, err
		}
		f.conns[name] = c
	}
	results, err := c.PgConn().Exec(ctx, materialized.ReplaceAllString(sql, "${1}")).ReadAll()
	return results, err
}

// agrees tells whether PostgreSQL did what we did: an error both, or the same rows. Rows without an
// order may come in any.
func agrees(ours, theirs []*pgconn.Result, ourErr, theirErr error) bool {
	var a, b *pgconn.PgError
	if ourErr != nil || theirErr != nil {
		return errors.As(ourErr, &a) && errors.As(theirErr, &b) && (a.Code == b.Code || !notThere[a.Code])
	}
	if len(ours) == 0 || len(theirs) == 0 {
		return len(ours) == len(theirs)
	}
	x, y := ours[len(ours)-1], theirs[len(theirs)-1]
	return alike(rowForm(table(x, false), "rowsort"), rowForm(table(y, false), "rowsort"))
}

// verdict says what PostgreSQL did where we did something else.
func verdict(theirs []*pgconn.Result, err error) string {
	var pe *pgconn.PgError
	switch {
	case errors.As(err, &pe):
		return "PostgreSQL: error " + pe.Code + " " + pe.Message
	case err != nil:
		return "PostgreSQL: " + err.Error()
	case len(theirs) == 0:
		return "PostgreSQL: no result"
	}
	rows := rowForm(table(theirs[len(theirs)-1], false), "nosort")
	if len(rows) > 20 {
		rows = slices.Concat(rows[:20], []string{"…"})
	}
	return "PostgreSQL:\n    " + strings.Join(rows, "\n    ")
}

// judged is a failure together with what PostgreSQL did.
type judged struct {
	err     error
	verdict string
	refused bool // PostgreSQL refused the statement
}

func (j *judged) Error() string { return j.err.Error() + "\n  " + j.verdict }
func (j *judged) Unwrap() error { return j.err }
