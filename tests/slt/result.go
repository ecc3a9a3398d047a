package slt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Result counts the records of a script.
type Result struct {
	Passed, Failed, Skipped int
	// Unsupported are the failed records that asked for what is not there: a feature, a function, a type,
	// an object that a refused statement would have made.
	Unsupported int
	// AsPostgres are passed records where the script expects something else than PostgreSQL answers.
	AsPostgres int
	Errors     []string
	// Reasons counts the failed and skipped records by what was the matter.
	Reasons map[string]int
}

// Add adds another script's counts.
func (r *Result) Add(o *Result) {
	r.Passed += o.Passed
	r.Failed += o.Failed
	r.Skipped += o.Skipped
	r.Unsupported += o.Unsupported
	r.AsPostgres += o.AsPostgres
	for k, n := range o.Reasons {
		r.count(k, n)
	}
}

func (r *Result) count(reason string, n int) {
	if r.Reasons == nil {
		r.Reasons = map[string]int{}
	}
	r.Reasons[reason] += n
}

// Print writes the most frequent reasons.
func (r *Result) Print(w io.Writer, most int) {
	keys := make([]string, 0, len(r.Reasons))
	for k := range r.Reasons {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := r.Reasons[b] - r.Reasons[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, k := range keys {
		if i == most {
			fmt.Fprintf(w, "        and %d other reasons\n", len(keys)-most)
			return
		}
		fmt.Fprintf(w, "%7d %s\n", r.Reasons[k], k)
	}
}

// wrongAnswer is the failure of a query that was answered with other rows.
type wrongAnswer string

func (e wrongAnswer) Error() string { return string(e) }

// accepted is the failure of a record that should have ended in an error.
type accepted string

func (e accepted) Error() string { return string(e) }

// SQLSTATEs that say that something is not there: feature, syntax, function, type.
var notThere = map[string]bool{"0A000": true, "42601": true, "42883": true, "42704": true}

// fail counts a failed record by its reason. refused tells that a statement of the script was refused
// before, so that what it would have made is missing.
func (r *Result) fail(rec *Record, err error, refused bool) {
	r.Failed++
	r.Errors = append(r.Errors, fmt.Sprintf("%s:%d: %v\n  %s", rec.File, rec.Line, err, strings.ReplaceAll(rec.SQL, "\n", "\n  ")))
	var pe *pgconn.PgError
	var wrong wrongAnswer
	var acc accepted
	reason := ""
	switch {
	case errors.As(err, &pe):
		reason = pe.Code + " " + pattern(pe.Message)
		if refused && (pe.Code == "42P01" || pe.Code == "42703") {
			reason = "after a refused statement: " + pe.Code
			r.Unsupported++
		} else if notThere[pe.Code] {
			r.Unsupported++
		}
	case errors.As(err, &wrong) && refused:
		reason = "other rows, after a refused statement"
	case errors.As(err, &wrong):
		reason = "OTHER ROWS"
	case errors.As(err, &acc):
		reason = "accepted, an error is wanted"
	case errors.Is(err, context.DeadlineExceeded):
		reason = "TOO SLOW"
	default:
		reason = "FAILED " + pattern(err.Error())
	}
	if j := (*judged)(nil); errors.As(err, &j) && j.refused {
		reason += " (PostgreSQL refuses it)"
	}
	r.count(reason, 1)
}

func (r *Result) skip(reason string) {
	r.Skipped++
	r.count("skipped: "+reason, 1)
}

var variable = regexp.MustCompile(`"[^"]*"|'[^']*'|\d+`)

// pattern is a message without its names and numbers.
func pattern(message string) string {
	first, _, _ := strings.Cut(message, "\n")
	return variable.ReplaceAllString(first, "…")
}
