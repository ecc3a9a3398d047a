package slt

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Options tune a run.
type Options struct {
	DSN string
	// Rewrite replaces expected results in the file by what the server answered.
	Rewrite bool
	// Postgres says that the server is PostgreSQL: records for Tidemill only are skipped, and
	// materialized views are made as plain views, whose answer is what a maintained one must hold.
	Postgres bool
	// Foreign says that the scripts are another database's.
	Foreign bool
	// Referee is the DSN of a PostgreSQL whose answers are right too, whatever the script says; "" = none.
	Referee string
	// Timeout of one statement; 0 = 30 s.
	Timeout time.Duration
}

// maxSlow is how many statements of a script may run into the time limit before it is given up.
const maxSlow = 5

// RunFile runs one script.
func RunFile(ctx context.Context, path string, opt Options) (*Result, error) {
	engine := ourNames
	if opt.Postgres {
		engine = postgresNames
	}
	records, lines, err := parseFile(path, engine, opt.Foreign)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if opt.Timeout == 0 {
		opt.Timeout = 30 * time.Second
	}
	r := &runner{opt: opt, res: &Result{}, conns: map[string]*pgx.Conn{}, sort: "nosort",
		labels: map[string][md5.Size]byte{}, vars: variables{path: path}}
	defer r.close()
	if opt.Referee != "" {
		if r.referee, err = newReferee(ctx, opt.Referee); err != nil {
			return nil, err
		}
		defer r.referee.close()
	}
	for i, rec := range records {
		if r.halted != "" {
			for _, rest := range records[i:] {
				if rest.Kind == "statement" || rest.Kind == "query" {
					r.res.skip(r.halted)
				}
			}
			break
		}
		if err := r.record(ctx, rec); err != nil {
			r.res.fail(rec, err, r.refused)
			r.refuse(rec, err)
		}
	}
	if opt.Rewrite && len(r.edits) > 0 {
		return r.res, os.WriteFile(path, []byte(rewrite(lines, r.edits)), 0o644)
	}
	return r.res, nil
}

type runner struct {
	opt       Options
	res       *Result
	conns     map[string]*pgx.Conn
	client    string // name of the connection
	user      string // its role; "" = the DSN's
	threshold int
	sort      string // of queries that name no sort mode
	labels    map[string][md5.Size]byte
	vars      variables
	skipping  bool   // mode skip
	halted    string // why the rest is not run
	refused   bool   // a statement was refused: what it would have made is missing
	slow      int
	edits     []edit
	referee   *referee
}

// setting are statements that make nothing.
var setting = regexp.MustCompile(`(?i)^\s*(SET|RESET|FLUSH|DROP|PRAGMA|EXPLAIN|SHOW)\b`)

// refuse notes what a failure means for the records behind it.
func (r *runner) refuse(rec *Record, err error) {
	if rec.Kind == "statement" && !rec.WantError && !setting.MatchString(rec.SQL) {
		r.refused = true
	}
	if errors.Is(err, context.DeadlineExceeded) {
		if r.slow++; r.slow == maxSlow {
			r.halted = "too many slow statements before"
		}
	}
}

// edit replaces the lines [first, last) of a script.
type edit struct {
	first, last int
	lines       []string
	separator   bool // the record had no ---- line
}

func (r *runner) close() {
	for _, c := range r.conns {
		c.Close(context.Background())
	}
}

func (r *runner) conn(ctx context.Context, name string) (*pgx.Conn, error) {
	key := r.user + "/" + name
	if c := r.conns[key]; c != nil && !c.IsClosed() {
		return c, nil
	}
	cfg, err := pgx.ParseConfig(r.opt.DSN)
	if err != nil {
		return nil, err
	}
	if r.user != "" {
		cfg.User = r.user
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err == nil {
		r.conns[key] = c
	}
	return c, err
}

func (r *runner) record(ctx context.Context, rec *Record) error {
	if rec.Kind == "mode" && len(rec.Args) == 1 && (rec.Args[0] == "skip" || rec.Args[0] == "unskip") {
		r.skipping = rec.Args[0] == "skip"
		return nil
	}
	switch {
	case rec.Skip:
		r.res.skip("skipif, onlyif")
		return nil
	case r.skipping && rec.Kind != "halt":
		r.res.skip("mode skip")
		return nil
	case rec.Kind == "system":
		r.res.skip("system commands are not run")
		return nil
	case rec.Kind == "unknown":
		r.res.skip("record " + strings.Fields(rec.header)[0])
		return nil
	case simple[rec.Kind]:
		return r.direct(ctx, rec)
	}
	sql, err := r.vars.put(rec.SQL)
	if err != nil {
		return err
	}
	err = r.attempt(ctx, rec, sql, rec.Retries == 0)
	for i := 0; err != nil && i < rec.Retries; i++ {
		time.Sleep(rec.Backoff)
		err = r.attempt(ctx, rec, sql, i == rec.Retries-1)
	}
	if err == nil {
		r.res.Passed++
	}
	if wrong := wrongAnswer(""); r.opt.Foreign && errors.As(err, &wrong) && ownWords.MatchString(rec.SQL) {
		r.res.skip("what EXPLAIN and SHOW say is each database's own")
		return nil
	}
	return err
}

// ownWords are queries whose answer no two databases share.
var ownWords = regexp.MustCompile(`(?i)^\s*(EXPLAIN|DESCRIBE|SHOW|PRAGMA)\b`)

// direct carries out a record that holds no SQL.
func (r *runner) direct(ctx context.Context, rec *Record) error {
	arg := ""
	if len(rec.Args) > 0 {
		arg = rec.Args[0]
	}
	switch rec.Kind {
	case "halt":
		r.halted = "halt"
	case "require", "require-env":
		r.halted = "require " + arg
	case "connection":
		if r.client = arg; arg == "default" {
			r.client = ""
		}
	case "user":
		if r.user = arg; arg == "root" || arg == "host-cluster-root" {
			r.user = ""
		}
	case "reconnect":
		r.close()
	case "hash-threshold":
		n, err := strconv.Atoi(arg)
		r.threshold = n
		return err
	case "sleep":
		d, err := duration(rec.Args)
		if err != nil {
			return err
		}
		if r.opt.Foreign {
			d = min(d, 5*time.Second)
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	case "control":
		if len(rec.Args) == 2 && arg == "sortmode" {
			r.sort = rec.Args[1]
		}
		if len(rec.Args) == 2 && arg == "substitution" {
			r.vars.on = rec.Args[1] == "on"
		}
	}
	return nil
}

// duration reads "3s" or "1 second".
func duration(words []string) (time.Duration, error) {
	if len(words) != 2 {
		return time.ParseDuration(strings.Join(words, ""))
	}
	unit := map[byte]string{'m': "ms", 's': "s"}[words[1][0]]
	if strings.HasPrefix(words[1], "minute") {
		unit = "m"
	}
	return time.ParseDuration(words[0] + unit)
}

var materialized = regexp.MustCompile(`(?i)\b((CREATE|DROP|ALTER)\s+)MATERIALIZED\s`)

// attempt runs a record once; last says that no other attempt follows, so that rewriting may happen.
func (r *runner) attempt(ctx context.Context, rec *Record, sql string, last bool) error {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	name := r.client
	if rec.Client != "" {
		name = rec.Client
	}
	c, err := r.conn(ctx, name)
	if err != nil {
		return err
	}
	if r.opt.Postgres {
		sql = materialized.ReplaceAllString(sql, "${1}")
	}
	results, err := c.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil && ctx.Err() != nil {
		return context.DeadlineExceeded
	}
	failure := r.judge(rec, results, err, last)
	if r.referee == nil || rec.Kind == "let" {
		return failure
	}
	theirs, theirErr := r.referee.ask(ctx, name, sql)
	switch {
	case failure == nil:
		return nil
	case agrees(results, theirs, err, theirErr):
		r.res.AsPostgres++
		return nil
	}
	return &judged{failure, verdict(theirs, theirErr), theirErr != nil}
}

// judge compares what a statement did with what the record expects.
func (r *runner) judge(rec *Record, results []*pgconn.Result, err error, last bool) error {
	if rec.Maybe {
		return nil
	}
	if rec.WantError {
		if r.opt.Rewrite && last && !rec.fixed && rec.Pattern == "" && err != nil {
			r.edits = append(r.edits, edit{rec.first, rec.last, []string{errorText(err)}, true})
		}
		return matchError(err, rec.Pattern, r.opt.Foreign)
	}
	if err != nil {
		return err
	}
	if rec.Kind == "statement" {
		var got int64
		if len(results) > 0 {
			got = results[len(results)-1].CommandTag.RowsAffected()
		}
		if rec.Count >= 0 && got != rec.Count {
			return wrongAnswer(fmt.Sprintf("affected %d rows, want %d", got, rec.Count))
		}
		return nil
	}
	if len(results) == 0 {
		return errors.New("no result")
	}
	return r.answer(rec, results[len(results)-1], last)
}

// answer judges the result of a query.
func (r *runner) answer(rec *Record, res *pgconn.Result, last bool) error {
	if rec.Kind == "let" {
		return r.vars.let(rec.Args, table(res, false))
	}
	if r.opt.Rewrite && last && rec.Types == "?" && !rec.fixed {
		rec.Types = typeLetters(res.FieldDescriptions)
		r.edits = append(r.edits, edit{rec.Line - 1, rec.Line, []string{strings.Replace(rec.header, " ?", " "+rec.Types, 1)}, false})
	}
	return r.compare(rec, table(res, rec.Names), last)
}

// rewrite applies the edits, last first.
func rewrite(lines []string, edits []edit) string {
	for i := len(edits) - 1; i >= 0; i-- {
		e := edits[i]
		repl := e.lines
		if e.separator && (e.first == 0 || lines[e.first-1] != "----") {
			repl = append([]string{"----"}, repl...)
		}
		lines = append(lines[:e.first:e.first], append(repl, lines[e.last:]...)...)
	}
	return strings.Join(lines, "\n") + "\n"
}
