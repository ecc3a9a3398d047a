package parse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/sql/sqlerr"
)

// TestOracle compares what we accept and refuse with a real PostgreSQL. It runs only when
// TIDEMILL_ORACLE_DSN names a server and TIDEMILL_ORACLE_DIR a directory of .sql files, for example
// PostgreSQL's own regression suite. Nothing is executed: the server only parses.
func TestOracle(t *testing.T) {
	dsn, dir := os.Getenv("TIDEMILL_ORACLE_DSN"), os.Getenv("TIDEMILL_ORACLE_DIR")
	if dsn == "" || dir == "" {
		t.Skip("TIDEMILL_ORACLE_DSN and TIDEMILL_ORACLE_DIR are not set")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.sql"))
	o := &oracle{dsn: dsn, counts: map[string]int{}}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range regexp.MustCompile(`;[ \t]*\n|\n----\n`).Split(string(text), -1) {
			o.compare(t, filepath.Base(f), one)
		}
	}
	t.Log(o.counts)
}

type oracle struct {
	dsn    string
	conn   *pgconn.PgConn
	counts map[string]int
}

// ask returns the server's error for text, or nil.
func (o *oracle) ask(t *testing.T, text string) *pgconn.PgError {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if o.conn == nil || o.conn.IsClosed() {
		c, err := pgconn.Connect(ctx, o.dsn)
		if err != nil {
			t.Fatal(err)
		}
		o.conn = c
	}
	_, err := o.conn.Prepare(ctx, "", text, nil)
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe
	}
	return nil
}

func (o *oracle) compare(t *testing.T, file, text string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	list, err := Parse(text)
	if len(list) > 1 {
		o.counts["several"]++
		return
	}
	theirs := o.ask(t, text)
	// Their parser's errors are those that name a token or come from the scanner.
	theirSyntax := theirs != nil && theirs.Code == "42601" &&
		(strings.Contains(theirs.Message, " at or near ") || strings.Contains(theirs.Message, " at end of input"))
	kind := ""
	ours := sqlerr.As(err)
	switch {
	case ours == nil && !theirSyntax:
		o.counts["both accept"]++
	case ours == nil:
		kind = "ONLY WE ACCEPT"
	case ours.Code == sqlerr.FeatureNotSupported && !theirSyntax:
		o.counts["0A000"]++
		o.counts["0A000 "+ours.Message]++
	case ours.Code == sqlerr.FeatureNotSupported:
		o.counts["0A000, they refuse"]++
	case !theirSyntax && theirs != nil && theirs.Code == string(ours.Code):
		o.counts["both refuse"]++
	case !theirSyntax:
		kind = "ONLY WE REFUSE"
	case ours.Message == theirs.Message && ours.Position == int(theirs.Position):
		o.counts["both refuse"]++
	case ours.Message == theirs.Message:
		kind = "POSITION"
	default:
		kind = "MESSAGE"
	}
	if kind == "" {
		return
	}
	o.counts[kind]++
	fmt.Printf("%s %s: %.300q\n", kind, file, text)
	if ours != nil {
		fmt.Printf("    ours   %s %d %.200s\n", ours.Code, ours.Position, ours.Message)
	}
	if theirs != nil {
		fmt.Printf("    theirs %s %d %.200s\n", theirs.Code, theirs.Position, theirs.Message)
	}
}
