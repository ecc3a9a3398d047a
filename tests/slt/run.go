package slt

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Result counts the records of a script.
type Result struct {
	Passed, Failed, Skipped int
	// Unsupported are the records that failed with "feature not supported" (0A000).
	Unsupported int
	Errors      []string
}

// Options tune a run.
type Options struct {
	DSN string
	// Rewrite replaces expected results in the file by what the server answered.
	Rewrite bool
	// Postgres says that the server is PostgreSQL: records for Tidemill only are skipped, and
	// materialized views are made as plain views, whose answer is what a maintained one must hold.
	Postgres bool
	// Timeout of one statement; 0 = 30 s.
	Timeout time.Duration
}

// RunFile runs one script.
func RunFile(ctx context.Context, path string, opt Options) (*Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	engine := ourNames
	if opt.Postgres {
		engine = postgresNames
	}
	records, lines, err := parse(f, engine)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if opt.Timeout == 0 {
		opt.Timeout = 30 * time.Second
	}
	r := &runner{opt: opt, res: &Result{}, conns: map[string]*pgx.Conn{}}
	defer r.close()
	for _, rec := range records {
		if r.halted {
			break
		}
		if err := r.record(ctx, rec); err != nil {
			var pe *pgconn.PgError
			if errors.As(err, &pe) && pe.Code == "0A000" {
				r.res.Unsupported++
			}
			r.res.Failed++
			r.res.Errors = append(r.res.Errors, fmt.Sprintf("%s:%d: %v\n  %s", path, rec.Line, err, strings.ReplaceAll(rec.SQL, "\n", "\n  ")))
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
	name      string
	threshold int
	halted    bool
	edits     []edit
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

func (r *runner) conn(ctx context.Context) (*pgx.Conn, error) {
	if c := r.conns[r.name]; c != nil && !c.IsClosed() {
		return c, nil
	}
	cfg, err := pgx.ParseConfig(r.opt.DSN)
	if err != nil {
		return nil, err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err == nil {
		r.conns[r.name] = c
	}
	return c, err
}

func (r *runner) record(ctx context.Context, rec *Record) error {
	if rec.Skip {
		r.res.Skipped++
		return nil
	}
	switch rec.Kind {
	case "halt":
		r.halted = true
		return nil
	case "connection":
		r.name = rec.Arg
		return nil
	case "hash-threshold":
		n, err := strconv.Atoi(rec.Arg)
		r.threshold = n
		return err
	case "sleep":
		d, err := time.ParseDuration(rec.Arg)
		time.Sleep(d)
		return err
	}
	err := r.attempt(ctx, rec, rec.Retries == 0)
	for i := 0; err != nil && i < rec.Retries; i++ {
		time.Sleep(rec.Backoff)
		err = r.attempt(ctx, rec, i == rec.Retries-1)
	}
	if err == nil {
		r.res.Passed++
	}
	return err
}

var materialized = regexp.MustCompile(`(?i)\b((CREATE|DROP|ALTER)\s+)MATERIALIZED\s`)

// attempt runs a record once; last says that no other attempt follows, so that rewriting may happen.
func (r *runner) attempt(ctx context.Context, rec *Record, last bool) error {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	c, err := r.conn(ctx)
	if err != nil {
		return err
	}
	sql := rec.SQL
	if r.opt.Postgres {
		sql = materialized.ReplaceAllString(sql, "${1}")
	}
	results, err := c.PgConn().Exec(ctx, sql).ReadAll()
	if rec.WantError {
		if r.opt.Rewrite && last && rec.Pattern == "" && err != nil {
			r.edits = append(r.edits, edit{rec.first, rec.last, []string{errorText(err)}, true})
		}
		return matchError(err, rec.Pattern)
	}
	if err != nil {
		return err
	}
	if rec.Kind == "statement" {
		if rec.Count >= 0 && (len(results) == 0 || results[len(results)-1].CommandTag.RowsAffected() != rec.Count) {
			return fmt.Errorf("affected %d rows, want %d", results[len(results)-1].CommandTag.RowsAffected(), rec.Count)
		}
		return nil
	}
	if len(results) == 0 {
		return errors.New("no result")
	}
	res := results[len(results)-1]
	if r.opt.Rewrite && last && rec.Types == "?" {
		rec.Types = typeLetters(res.FieldDescriptions)
		r.edits = append(r.edits, edit{rec.Line - 1, rec.Line, []string{strings.Replace(rec.header, " ?", " "+rec.Types, 1)}, false})
	}
	return r.compare(rec, table(res), last)
}

// typeLetters returns a letter per column, for records whose types are written as "?".
func typeLetters(fields []pgconn.FieldDescription) string {
	if len(fields) == 0 { // the client does not say when there are no rows
		return "T"
	}
	out := make([]byte, len(fields))
	for i, f := range fields {
		switch f.DataTypeOID {
		case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
			out[i] = 'I'
		case pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
			out[i] = 'R'
		default:
			out[i] = 'T'
		}
	}
	return string(out)
}

// table converts a result to text cells.
func table(res *pgconn.Result) [][]string {
	var out [][]string
	for _, row := range res.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			switch {
			case v == nil:
				cells[i] = "NULL"
			case len(v) == 0:
				cells[i] = "(empty)"
			default:
				cells[i] = string(v)
			}
		}
		out = append(out, cells)
	}
	return out
}

// errorText is an error as scripts write it: SQLSTATE, message and, where known, "at" the position.
func errorText(err error) string {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return err.Error()
	}
	text := pe.Code + " " + pe.Message
	if pe.Position != 0 {
		text += fmt.Sprintf(" at %d", pe.Position)
	}
	return text
}

func matchError(err error, pattern string) error {
	if err == nil {
		return fmt.Errorf("succeeded, want error %q", pattern)
	}
	text := errorText(err)
	if pattern == "" || strings.Contains(text, pattern) {
		return nil
	}
	if re, rerr := regexp.Compile(pattern); rerr == nil && re.MatchString(text) {
		return nil
	}
	return fmt.Errorf("error %q, want %q", text, pattern)
}

// compare checks a query's result in row form or in the standard's value form.
func (r *runner) compare(rec *Record, rows [][]string, last bool) error {
	byRow := rowForm(rows, rec.Sort)
	want := rec.Expected
	if rec.Sort != "nosort" && len(want) == len(rows) {
		want = append([]string(nil), want...)
		sort.Strings(want)
	}
	if equal(byRow, want) && (rec.Expected != nil || !r.opt.Rewrite) {
		return nil
	}
	byValue := r.valueForm(rec, rows)
	if rec.Expected != nil && equal(byValue, rec.Expected) {
		return nil
	}
	if r.opt.Rewrite && last {
		r.edits = append(r.edits, edit{rec.first, rec.last, rowForm(rows, rec.Sort), rec.first > 0 && rec.Expected == nil})
		return nil
	}
	got := byRow
	if len(rows) > 0 && len(rec.Expected) == len(rows)*len(rows[0]) && len(rows[0]) > 1 {
		got = byValue
	}
	return fmt.Errorf("got\n    %s\n  want\n    %s", strings.Join(got, "\n    "), strings.Join(rec.Expected, "\n    "))
}

func rowForm(rows [][]string, mode string) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = strings.ReplaceAll(strings.Join(r, " "), "\n", "\\n")
	}
	if mode != "nosort" {
		sort.Strings(out)
	}
	return out
}

// valueForm is the standard's form: one value per line, formatted by the column's type letter, hashed
// when there are many.
func (r *runner) valueForm(rec *Record, rows [][]string) []string {
	formatted := make([][]string, len(rows))
	for i, row := range rows {
		formatted[i] = make([]string, len(row))
		for c, v := range row {
			if c < len(rec.Types) {
				v = formatValue(v, rec.Types[c])
			}
			formatted[i][c] = v
		}
	}
	if rec.Sort == "rowsort" {
		sort.Slice(formatted, func(i, j int) bool {
			return strings.Join(formatted[i], "\x00") < strings.Join(formatted[j], "\x00")
		})
	}
	var out []string
	for _, row := range formatted {
		out = append(out, row...)
	}
	if rec.Sort == "valuesort" {
		sort.Strings(out)
	}
	if (r.threshold > 0 && len(out) > r.threshold) || (len(rec.Expected) == 1 && strings.Contains(rec.Expected[0], " values hashing to ")) {
		sum := md5.Sum([]byte(strings.Join(out, "\n") + "\n"))
		return []string{fmt.Sprintf("%d values hashing to %x", len(out), sum)}
	}
	return out
}

func formatValue(v string, kind byte) string {
	if v == "NULL" {
		return v
	}
	switch kind {
	case 'I':
		if v == "t" || v == "f" {
			return map[string]string{"t": "1", "f": "0"}[v]
		}
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return strconv.FormatInt(int64(f), 10)
		}
	case 'R':
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return strconv.FormatFloat(f, 'f', 3, 64)
		}
	}
	return v
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && strings.Join(strings.Fields(a[i]), " ") != strings.Join(strings.Fields(b[i]), " ") {
			return false
		}
	}
	return true
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
