package slt

import (
	"crypto/md5"
	"errors"
	"fmt"
	"math"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

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
func table(res *pgconn.Result, names bool) [][]string {
	var out [][]string
	if names {
		head := make([]string, len(res.FieldDescriptions))
		for i, f := range res.FieldDescriptions {
			head[i] = f.Name
		}
		out = append(out, head)
	}
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

// matchError compares an error with what a record expects. Another database's words are not ours.
func matchError(err error, pattern string, foreign bool) error {
	if err == nil {
		return accepted(fmt.Sprintf("succeeded, want error %q", pattern))
	}
	var pe *pgconn.PgError
	if foreign && errors.As(err, &pe) && pe.Code != "XX000" {
		return nil
	}
	text := errorText(err)
	if !foreign && (pattern == "" || strings.Contains(text, pattern)) {
		return nil
	}
	if re, rerr := regexp.Compile(pattern); !foreign && rerr == nil && re.MatchString(text) {
		return nil
	}
	return fmt.Errorf("error %q, want %q", text, pattern)
}

// compare checks a query's result in row form or in the standard's value form.
func (r *runner) compare(rec *Record, rows [][]string, last bool) error {
	mode := rec.Sort
	if mode == "" {
		mode = r.sort
	}
	if err := r.sameLabel(rec, rows, mode); err != nil {
		return err
	}
	same := equal
	if r.opt.Foreign {
		same = alike
	}
	byRow := rowForm(rows, mode)
	want := rec.Expected
	if mode != "nosort" && len(want) == len(rows) {
		want = append([]string(nil), want...)
		sort.Strings(want)
	}
	if same(byRow, want) && (rec.Expected != nil || !r.opt.Rewrite) {
		return nil
	}
	byValue := r.valueForm(rec, rows, mode)
	if rec.Expected != nil && same(byValue, rec.Expected) {
		return nil
	}
	if r.opt.Rewrite && last && !rec.fixed {
		r.edits = append(r.edits, edit{rec.first, rec.last, rowForm(rows, mode), rec.first > 0 && rec.Expected == nil})
		return nil
	}
	got := byRow
	if len(rows) > 0 && len(rec.Expected) == len(rows)*len(rows[0]) && len(rows[0]) > 1 {
		got = byValue
	}
	return wrongAnswer(fmt.Sprintf("got\n    %s\n  want\n    %s", strings.Join(got, "\n    "), strings.Join(rec.Expected, "\n    ")))
}

// sameLabel holds queries of one label to one result.
func (r *runner) sameLabel(rec *Record, rows [][]string, mode string) error {
	if rec.Label == "" {
		return nil
	}
	sum := md5.Sum([]byte(strings.Join(r.values(rec, rows, mode), "\n")))
	if before, ok := r.labels[rec.Label]; ok && before != sum {
		return wrongAnswer("the result differs from that of an earlier query with the label " + rec.Label)
	}
	r.labels[rec.Label] = sum
	return nil
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

// values are a result's values in order, formatted by the columns' type letters.
func (r *runner) values(rec *Record, rows [][]string, mode string) []string {
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
	if mode == "rowsort" {
		sort.Slice(formatted, func(i, j int) bool {
			return strings.Join(formatted[i], "\x00") < strings.Join(formatted[j], "\x00")
		})
	}
	var out []string
	for _, row := range formatted {
		out = append(out, row...)
	}
	if mode == "valuesort" {
		sort.Strings(out)
	}
	return out
}

// valueForm is the standard's form: one value per line, hashed when there are many.
func (r *runner) valueForm(rec *Record, rows [][]string, mode string) []string {
	out := r.values(rec, rows, mode)
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
		if _, err := strconv.ParseInt(v, 10, 64); err == nil {
			return v
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

// alike compares lines by the values that they hold, however other databases write them.
func alike(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		x, y := words(a[i]), words(b[i])
		if len(x) != len(y) {
			return false
		}
		for j := range x {
			if !sameValue(x[j], y[j]) {
				return false
			}
		}
	}
	return true
}

// plainMarks are other databases' marks for the empty string and a blank in a value.
var plainMarks = strings.NewReplacer("·", "(empty)", "␠", " ")

func words(line string) []string { return strings.Fields(plainMarks.Replace(line)) }

func sameValue(a, b string) bool {
	if a == b || plain(a) == plain(b) {
		return true
	}
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err1 != nil || err2 != nil {
		return false
	}
	return x == y || math.IsNaN(x) && math.IsNaN(y) || math.Abs(x-y) <= 1e-9*math.Max(math.Abs(x), math.Abs(y))
}

// plain is the one spelling of booleans and infinities.
func plain(v string) string {
	switch low := strings.ToLower(v); low {
	case "true", "1":
		return "t"
	case "false", "0":
		return "f"
	case "infinity", "+inf":
		return "inf"
	case "-infinity":
		return "-inf"
	case "nan":
		return low
	}
	return v
}
