package slt

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Record is one record of a script.
type Record struct {
	Line int
	// Kind is "statement", "query", "sleep", "connection", "halt" or "hash-threshold".
	Kind string
	Arg  string // duration, connection name, threshold

	SQL string
	// WantError is set for "statement error" and "query error"; Pattern is its regular expression or text.
	WantError bool
	Pattern   string
	Count     int64 // expected command count of "statement count N"; −1 = not checked

	Types    string
	Sort     string // "nosort", "rowsort", "valuesort"
	Label    string
	Expected []string

	Retries int
	Backoff time.Duration

	Skip bool // skipif/onlyif said so
	// header is the record's first line; first and last are the 0-based lines of the expected results, for rewriting.
	header      string
	first, last int
}

// What skipif and onlyif compare with. Scripts for PostgreSQL apply to Tidemill.
var (
	ourNames      = map[string]bool{"tidemill": true, "postgresql": true, "postgres": true}
	postgresNames = map[string]bool{"postgresql": true, "postgres": true}
)

// Parse reads a script for Tidemill.
func Parse(r io.Reader) ([]*Record, []string, error) { return parse(r, ourNames) }

func parse(r io.Reader, engine map[string]bool) ([]*Record, []string, error) {
	var lines []string
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		lines = append(lines, strings.TrimRight(s.Text(), "\r"))
	}
	if err := s.Err(); err != nil {
		return nil, nil, err
	}
	p := &parser{lines: lines, engine: engine}
	err := p.run()
	return p.out, lines, err
}

type parser struct {
	lines  []string
	engine map[string]bool
	at     int
	skip   bool
	out    []*Record
}

func (p *parser) run() error {
	for p.at < len(p.lines) {
		line := p.lines[p.at]
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			p.at++
			continue
		}
		if err := p.record(strings.Fields(line)); err != nil {
			return fmt.Errorf("line %d: %w", p.at+1, err)
		}
	}
	return nil
}

func (p *parser) record(words []string) error {
	r := &Record{Line: p.at + 1, Kind: words[0], Count: -1, Sort: "nosort", header: p.lines[p.at]}
	switch words[0] {
	case "skipif", "onlyif":
		if len(words) > 1 && p.engine[words[1]] == (words[0] == "skipif") {
			p.skip = true
		}
		p.at++
		return nil
	case "halt", "hash-threshold", "sleep", "connection":
		if len(words) > 1 {
			r.Arg = words[1]
		}
		p.at++
		p.add(r)
		return nil
	case "statement":
		if err := r.statement(words[1:]); err != nil {
			return err
		}
	case "query":
		if err := r.query(words[1:]); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown record %q", words[0])
	}
	p.at++
	p.body(r)
	p.add(r)
	return nil
}

func (p *parser) add(r *Record) {
	r.Skip, p.skip = p.skip, false
	p.out = append(p.out, r)
}

// body reads the SQL up to a blank line or ----, and the expected results behind that.
func (p *parser) body(r *Record) {
	var sql []string
	for p.at < len(p.lines) && strings.TrimSpace(p.lines[p.at]) != "" && p.lines[p.at] != "----" {
		sql = append(sql, p.lines[p.at])
		p.at++
	}
	r.SQL = strings.Join(sql, "\n")
	r.first, r.last = p.at, p.at
	if p.at >= len(p.lines) || p.lines[p.at] != "----" {
		return
	}
	p.at++
	r.first, r.Expected = p.at, []string{}
	for p.at < len(p.lines) && strings.TrimSpace(p.lines[p.at]) != "" {
		r.Expected = append(r.Expected, p.lines[p.at])
		p.at++
	}
	r.last = p.at
	if r.WantError && r.Pattern == "" {
		r.Pattern = strings.Join(r.Expected, "\n")
	}
}

func (r *Record) statement(words []string) error {
	words, err := r.retry(words)
	if err != nil || len(words) == 0 {
		return orError(err, "statement needs ok, error or count")
	}
	switch words[0] {
	case "ok":
	case "error":
		r.WantError, r.Pattern = true, strings.Join(words[1:], " ")
	case "count":
		n, err := strconv.ParseInt(words[1], 10, 64)
		r.Count = n
		return err
	default:
		return fmt.Errorf("unknown statement expectation %q", words[0])
	}
	return nil
}

func (r *Record) query(words []string) error {
	words, err := r.retry(words)
	if err != nil || len(words) == 0 {
		return orError(err, "query needs column types")
	}
	if words[0] == "error" {
		r.WantError, r.Pattern = true, strings.Join(words[1:], " ")
		return nil
	}
	r.Types = words[0]
	for _, w := range words[1:] {
		switch w {
		case "nosort", "rowsort", "valuesort":
			r.Sort = w
		default:
			r.Label = w
		}
	}
	return nil
}

// retry takes "retry N backoff D" off the end of a header.
func (r *Record) retry(words []string) ([]string, error) {
	for i, w := range words {
		if w != "retry" {
			continue
		}
		if len(words) < i+4 || words[i+2] != "backoff" {
			return nil, fmt.Errorf("write: retry N backoff D")
		}
		n, err := strconv.Atoi(words[i+1])
		if err != nil {
			return nil, err
		}
		d, err := time.ParseDuration(words[i+3])
		r.Retries, r.Backoff = n, d
		return words[:i], err
	}
	return words, nil
}

func orError(err error, text string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s", text)
}
