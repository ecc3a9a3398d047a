package slt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Record is one record of a script.
type Record struct {
	File string
	Line int
	// Kind is the record's first word: "statement", "query", "let", "sleep", "halt" and so on, or
	// "unknown".
	Kind string
	Args []string // the words behind Kind, where Kind is not statement or query

	SQL string
	// WantError is set for "statement error" and "query error"; Pattern is its regular expression or text.
	WantError bool
	Maybe     bool // success and error are both right
	Pattern   string
	Count     int64 // expected command count of "statement count N"; −1 = not checked

	Types    string
	Sort     string // "nosort", "rowsort", "valuesort"; "" = as control sortmode says
	Label    string
	Names    bool   // the column names are the first row
	Client   string // connection for this record alone
	Expected []string

	Retries int
	Backoff time.Duration

	Skip bool // skipif/onlyif said so
	// header is the record's first line; first and last are the 0-based lines of the expected results, for
	// rewriting, which fixed forbids: the record stands in an included script or a loop.
	header      string
	first, last int
	fixed       bool
}

// statement reads the words behind "statement".
func (r *Record) statement(words []string) error {
	words, err := r.retry(words)
	if err != nil || len(words) == 0 {
		return orError(err, "statement needs ok, error or count")
	}
	switch words[0] {
	case "ok", "maybe", "notice":
		r.Maybe = words[0] == "maybe"
		if len(words) > 1 && words[0] != "notice" {
			r.Client = words[1]
		}
	case "error":
		r.fails(words[1:])
	case "count":
		if len(words) < 2 {
			return fmt.Errorf("statement count needs a number")
		}
		n, err := strconv.ParseInt(words[1], 10, 64)
		r.Count = n
		return err
	default:
		return fmt.Errorf("unknown statement expectation %q", words[0])
	}
	return nil
}

// fails notes that an error is expected. Its text may be given by regular expression.
func (r *Record) fails(words []string) {
	r.WantError = true
	if len(words) > 1 && words[0] == "pgcode" {
		words = words[1:2]
	}
	r.Pattern = strings.TrimPrefix(strings.Join(words, " "), "<REGEX>:")
}

// query reads the words behind "query".
func (r *Record) query(words []string) error {
	words, err := r.retry(words)
	if err != nil || len(words) == 0 {
		return orError(err, "query needs column types")
	}
	if words[0] == "error" {
		r.fails(words[1:])
		return nil
	}
	r.Types = words[0]
	for _, w := range slices.Concat(split(words[1:])...) {
		switch {
		case w == "nosort", w == "rowsort", w == "valuesort":
			r.Sort = w
		case w == "sort":
			r.Sort = "rowsort"
		case w == "colnames":
			r.Names = true
		case w == "retry":
			r.Retries, r.Backoff = 5, 200*time.Millisecond
		case strings.HasPrefix(w, "con") && len(w) == 4:
			r.Client = w
		case strings.HasPrefix(w, "partialsort"), w == "multiline", w == "noticetrace", w == "kvtrace", w == "async":
			r.Kind = "unknown"
		default:
			r.Label = w
		}
	}
	return nil
}

// split takes words with commas apart.
func split(words []string) [][]string {
	out := make([][]string, len(words))
	for i, w := range words {
		out[i] = strings.Split(w, ",")
	}
	return out
}

// retry takes "retry N backoff D" off the end of a header.
func (r *Record) retry(words []string) ([]string, error) {
	i := slices.Index(words, "retry")
	if i < 0 || i+1 == len(words) {
		return words, nil
	}
	if len(words) < i+4 || words[i+2] != "backoff" {
		return nil, fmt.Errorf("write: retry N backoff D")
	}
	n, err := strconv.Atoi(words[i+1])
	if err != nil {
		return nil, err
	}
	r.Retries = n
	r.Backoff, err = time.ParseDuration(words[i+3])
	return words[:i], err
}

func orError(err error, text string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s", text)
}
