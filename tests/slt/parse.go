package slt

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// What skipif and onlyif compare with. Scripts for PostgreSQL apply to Tidemill.
var (
	ourNames      = map[string]bool{"tidemill": true, "postgresql": true, "postgres": true}
	postgresNames = map[string]bool{"postgresql": true, "postgres": true}
)

// simple are the records of one line that are kept for the runner.
var simple = map[string]bool{
	"halt": true, "hash-threshold": true, "sleep": true, "connection": true, "user": true, "subtest": true,
	"control": true, "mode": true, "require": true, "require-env": true, "reconnect": true,
}

// bounds of what loops and includes make of a script.
const (
	maxRecords = 1_000_000
	maxNesting = 20
)

// Parse reads a script for Tidemill.
func Parse(r io.Reader) ([]*Record, []string, error) {
	lines, err := readLines(r)
	if err != nil {
		return nil, nil, err
	}
	p := &parser{engine: ourNames}
	return p.out, lines, p.script("", lines)
}

// parseFile reads the script at path. Foreign scripts may hold records that nobody knows.
func parseFile(path string, engine map[string]bool, foreign bool) ([]*Record, []string, error) {
	lines, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	p := &parser{engine: engine, foreign: foreign}
	err = p.script(path, lines)
	return p.out, lines, err
}

func readFile(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLines(f)
}

func readLines(r io.Reader) ([]string, error) {
	var lines []string
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		lines = append(lines, strings.TrimRight(s.Text(), "\r"))
	}
	return lines, s.Err()
}

// parser reads lines, those of a script or of one turn of a loop.
type parser struct {
	file    string
	lines   []string
	base    int // line number of lines[0], less one
	engine  map[string]bool
	foreign bool
	at      int
	skip    bool
	depth   int // includes and loops around lines
	out     []*Record
}

func (p *parser) script(path string, lines []string) error {
	p.file, p.lines = path, lines
	for p.at < len(p.lines) {
		line := p.lines[p.at]
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			p.at++
			continue
		}
		if err := p.record(strings.Fields(line)); err != nil {
			return fmt.Errorf("line %d: %w", p.base+p.at+1, err)
		}
		if len(p.out) > maxRecords {
			return fmt.Errorf("more than %d records", maxRecords)
		}
	}
	return nil
}

// nested reads lines as a part of p's script.
func (p *parser) nested(path string, lines []string, base int) error {
	in := &parser{base: base, engine: p.engine, foreign: p.foreign, depth: p.depth + 1}
	if in.depth > maxNesting {
		return fmt.Errorf("more than %d includes and loops inside each other", maxNesting)
	}
	err := in.script(path, lines)
	for _, r := range in.out {
		r.fixed = true
	}
	p.out = append(p.out, in.out...)
	return err
}

func (p *parser) record(words []string) error {
	r := &Record{File: p.file, Line: p.base + p.at + 1, Kind: words[0], Count: -1, header: p.lines[p.at]}
	var err error
	switch word := words[0]; {
	case word == "skipif" || word == "onlyif":
		if len(words) > 1 && p.engine[words[1]] == (word == "skipif") {
			p.skip = true
		}
		p.at++
		return nil
	case word == "include":
		return p.include(words)
	case word == "foreach" || word == "loop" || word == "concurrentforeach" || word == "concurrentloop":
		return p.loop(words)
	case simple[word]:
		r.Args = words[1:]
		p.at++
		p.add(r)
		return nil
	case word == "statement":
		err = r.statement(words[1:])
	case word == "query":
		err = r.query(words[1:])
	case word == "let" || word == "system":
		r.Args = words[1:]
	default:
		err = fmt.Errorf("unknown record %q", word)
	}
	if err != nil && !p.foreign {
		return err
	}
	if err != nil {
		r.Kind = "unknown"
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
	r.Expected = p.paragraph()
	r.last = p.at
	if !r.WantError {
		return
	}
	for p.foreign && p.continues() {
		p.at++
		r.Expected = append(r.Expected, p.paragraph()...)
	}
	if r.Pattern == "" {
		r.Pattern = strings.Join(r.Expected, "\n")
	}
}

func (p *parser) paragraph() []string {
	out := []string{}
	for p.at < len(p.lines) && strings.TrimSpace(p.lines[p.at]) != "" {
		out = append(out, p.lines[p.at])
		p.at++
	}
	return out
}

// continues tells whether the paragraph after the next line still belongs to an error's text, which
// other databases spread over several: it starts no record.
func (p *parser) continues() bool {
	if p.at+1 >= len(p.lines) {
		return false
	}
	words := strings.Fields(p.lines[p.at+1])
	if len(words) == 0 || strings.HasPrefix(words[0], "#") || simple[words[0]] {
		return false
	}
	switch words[0] {
	case "statement", "query", "skipif", "onlyif", "include", "let", "system", "foreach", "loop", "endloop",
		"concurrentloop", "concurrentforeach", "load", "restart", "unzip", "repeat", "reset-label", "simple", "exec":
		return false
	}
	return true
}

// include reads the scripts that the rest of the line names, a path or pattern beside this script.
func (p *parser) include(words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("include needs a file")
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(p.file), words[1]))
	if err != nil {
		return err
	}
	if len(files) == 0 && !p.foreign {
		return fmt.Errorf("include: no file %s", words[1])
	}
	for _, f := range files {
		lines, err := readFile(f)
		if err != nil {
			return err
		}
		if err := p.nested(f, lines, 0); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	if len(files) == 0 {
		p.add(&Record{File: p.file, Line: p.base + p.at + 1, Kind: "unknown", header: p.lines[p.at]})
	}
	p.at++
	return nil
}

// loop reads "foreach name value …" or "loop name from to" up to its endloop, once per value, which
// stands for ${name} and {name}.
func (p *parser) loop(words []string) error {
	end, depth := p.at+1, 1
	for ; end < len(p.lines); end++ {
		switch first, _, _ := strings.Cut(strings.TrimSpace(p.lines[end]), " "); first {
		case "foreach", "loop", "concurrentforeach", "concurrentloop":
			depth++
		case "endloop":
			depth--
		}
		if depth == 0 {
			break
		}
	}
	if depth > 0 || len(words) < 3 {
		return fmt.Errorf("%s needs a variable, values, and an endloop", words[0])
	}
	names, values := strings.Split(words[1], ","), words[2:]
	if strings.HasSuffix(words[0], "loop") {
		var err error
		if values, err = numbers(values); err != nil {
			return err
		}
	}
	body := strings.Join(p.lines[p.at+1:end], "\n")
	for _, v := range values {
		var pairs []string
		for i, part := range strings.SplitN(v, ",", len(names)) {
			pairs = append(pairs, "${"+names[i]+"}", part, "{"+names[i]+"}", part)
		}
		turn := strings.Split(strings.NewReplacer(pairs...).Replace(body), "\n")
		if err := p.nested(p.file, turn, p.base+p.at+1); err != nil {
			return err
		}
		if len(p.out) > maxRecords {
			return fmt.Errorf("more than %d records", maxRecords)
		}
	}
	p.at = end + 1
	return nil
}

// numbers lists the integers from the first word up to, and without, the second.
func numbers(words []string) ([]string, error) {
	if len(words) < 2 {
		return nil, fmt.Errorf("loop needs a start and an end")
	}
	from, err := strconv.Atoi(words[0])
	if err != nil {
		return nil, err
	}
	to, err := strconv.Atoi(words[1])
	if err != nil {
		return nil, err
	}
	var out []string
	for ; from < to && len(out) < maxRecords; from++ {
		out = append(out, strconv.Itoa(from))
	}
	return out, nil
}
