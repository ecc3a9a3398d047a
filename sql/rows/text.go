package rows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// The text form of a batch of changes, one row a line, as tests, golden files and logs show it:
//
//	+1 (1, 'a', NULL)
//	-2 (2, 'it''s', 1.50)
//
// Numbers and booleans stand bare, everything else in quotes with '' for a quote and \n, \r, \\ for
// line ends and backslashes, so that a row never spans lines. Empty lines and lines that begin with
// # are skipped when reading.

// Format returns the text form in the batch's order.
func Format(b *Batch) string {
	var sb strings.Builder
	for _, l := range lines(b) {
		sb.WriteString(l.text)
		sb.WriteByte('\n')
	}
	return sb.String()
}

// FormatSorted returns the text form of the consolidated batch, sorted by row as text: two batches
// that mean the same have the same sorted form.
func FormatSorted(b *Batch) string {
	ls := lines(ConsolidateAll(b))
	slices.SortStableFunc(ls, func(a, b line) int { return strings.Compare(a.row, b.row) })
	var sb strings.Builder
	for _, l := range ls {
		sb.WriteString(l.text)
		sb.WriteByte('\n')
	}
	return sb.String()
}

// FormatHeader returns a comment line with the schema: "# (id integer, name text)".
func FormatHeader(s types.Schema) string {
	parts := make([]string, len(s))
	for i, f := range s {
		parts[i] = f.Name + " " + f.Type.String()
	}
	return "# (" + strings.Join(parts, ", ") + ")\n"
}

type line struct{ text, row string }

func lines(b *Batch) []line {
	out := make([]line, 0, b.Len())
	for k := range b.Len() {
		i := b.Row(k)
		row := FormatRow(b, i)
		out = append(out, line{fmt.Sprintf("%+d %s", b.Weight(i), row), row})
	}
	return out
}

// FormatRow returns physical row i as text, without its weight.
func FormatRow(b *Batch, i int) string {
	out := []byte{'('}
	for c, v := range b.Cols {
		if c > 0 {
			out = append(out, ", "...)
		}
		out = appendLiteral(out, v.Datum(i))
	}
	return string(append(out, ')'))
}

var escaper = strings.NewReplacer(`'`, `''`, "\n", `\n`, "\r", `\r`, `\`, `\\`)

func appendLiteral(dst []byte, d types.Datum) []byte {
	if d.Null {
		return append(dst, "NULL"...)
	}
	text := types.AppendText(nil, d, &types.Env{})
	if bare(d.Type) {
		return append(dst, text...)
	}
	dst = append(dst, '\'')
	dst = append(dst, escaper.Replace(string(text))...)
	return append(dst, '\'')
}

func bare(t types.Type) bool { return t.IsNumber() || t.ID == types.Bool || t.ID == types.OID }

// Parse reads the text form. The weight may be left out for +1.
func Parse(schema types.Schema, text string) (*Batch, error) {
	b := NewBuilder(schema, 16)
	for n, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
			continue
		}
		if err := parseLine(b, l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return b.Finish(), nil
}

// MustParse is Parse for tests.
func MustParse(schema types.Schema, text string) *Batch {
	b, err := Parse(schema, text)
	if err != nil {
		panic(err)
	}
	return b
}

func badLine(what string, args ...any) error {
	return sqlerr.New(sqlerr.SyntaxError, "malformed row: "+what, args...)
}

func parseLine(b *Builder, l string) error {
	w := int64(1)
	if l[0] != '(' {
		head, rest, ok := strings.Cut(l, " ")
		if !ok {
			return badLine("no values")
		}
		var err error
		if w, err = strconv.ParseInt(head, 10, 64); err != nil {
			return badLine("weight %q", head)
		}
		l = strings.TrimSpace(rest)
	}
	vals, err := splitRow(l)
	if err != nil {
		return err
	}
	if len(vals) != len(b.Schema) {
		return badLine("%d values for %d columns", len(vals), len(b.Schema))
	}
	for i, v := range vals {
		if v.null {
			b.Cols[i].AppendNull()
			continue
		}
		d, err := types.ParseText(b.Schema[i].Type, v.text, &types.Env{})
		if err != nil {
			return err
		}
		b.Cols[i].AppendDatum(d)
	}
	b.EndRow(w)
	return nil
}

type value struct {
	text string
	null bool
}

// splitRow reads "(v, v, …)".
func splitRow(l string) ([]value, error) {
	if len(l) < 2 || l[0] != '(' || l[len(l)-1] != ')' {
		return nil, badLine("no parentheses")
	}
	var out []value
	for p := l[1 : len(l)-1]; ; {
		p = strings.TrimLeft(p, " ")
		var v value
		if strings.HasPrefix(p, "'") {
			var ok bool
			if v.text, p, ok = quoted(p[1:]); !ok {
				return nil, badLine("open quote")
			}
		} else {
			end := strings.IndexByte(p, ',')
			if end < 0 {
				end = len(p)
			}
			v.text, p = strings.TrimRight(p[:end], " "), p[end:]
			if v.text == "" && len(out) == 0 && p == "" {
				return nil, nil // a row without columns
			}
			v.null = v.text == "NULL"
		}
		out = append(out, v)
		p = strings.TrimLeft(p, " ")
		if p == "" {
			return out, nil
		}
		if p[0] != ',' {
			return nil, badLine("%q after a value", p)
		}
		p = p[1:]
	}
}

// quoted reads up to the closing quote.
func quoted(p string) (text, rest string, ok bool) {
	var sb strings.Builder
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\'' && i+1 < len(p) && p[i+1] == '\'':
			sb.WriteByte('\'')
			i++
		case c == '\'':
			return sb.String(), p[i+1:], true
		case c == '\\' && i+1 < len(p):
			i++
			switch p[i] {
			case 'n':
				sb.WriteByte('\n')
			case 'r':
				sb.WriteByte('\r')
			default:
				sb.WriteByte(p[i])
			}
		default:
			sb.WriteByte(c)
		}
	}
	return "", "", false
}
