package csv

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

type decoder struct {
	dialect *dialect
	fields  []*format.Field
	header  string
	names   []string // of the source's columns, without those that the reader fills
	targets []int    // per CSV field: index into fields, or -1
	scratch []byte
}

func newDecoder(cfg *format.Config) *decoder {
	d := &decoder{dialect: dialectOf(cfg.Options), header: cfg.Options.Get(optHeader)}
	d.fields = format.Fields(cfg, format.Stamps[cfg.Options.Get(optStamp)])
	for i, f := range cfg.Schema {
		if _, meta := cfg.Include[i]; !meta {
			d.names = append(d.names, f.Name)
		}
	}
	d.targets = make([]int, len(d.names))
	for i, name := range d.names {
		d.targets[i] = d.target(name)
	}
	return d
}

func (d *decoder) target(name string) int {
	for k, f := range d.fields {
		if f.Name == name {
			return k
		}
	}
	return -1
}

// NeedsHeader implements format.HeaderDecoder.
func (d *decoder) NeedsHeader() bool { return d.header == "true" || d.header == "skip" }

// Header implements format.HeaderDecoder.
func (d *decoder) Header(rec []byte) error {
	if d.header != "true" {
		return nil
	}
	var names []string
	if bad := d.split(rec, func(_, _ int, text []byte, _ bool) *format.Bad {
		names = append(names, string(text))
		return nil
	}); bad != nil {
		return sqlerr.New(sqlerr.InvalidTextRepresentation, "the CSV header cannot be read: %v", bad)
	}
	d.targets = make([]int, len(names))
	for i := range d.targets {
		d.targets[i] = -1
	}
	for k, f := range d.fields {
		i := position(names, f.Name)
		if i < 0 {
			return sqlerr.New(sqlerr.UndefinedColumn, "the CSV header has no column %q", f.Name).
				WithHint("The header names: %s.", strings.Join(names, ", "))
		}
		d.targets[i] = k
	}
	return nil
}

// position finds name, exactly or else in other case.
func position(names []string, name string) int {
	at := -1
	for i, n := range names {
		if n == name {
			return i
		}
		if at < 0 && strings.EqualFold(n, name) {
			at = i
		}
	}
	return at
}

// Decode implements format.Decoder.
func (d *decoder) Decode(rec []byte, out *rows.Builder) error {
	if len(rec) > format.MaxRecordBytes {
		return &format.Bad{Pos: -1, Reason: fmt.Sprintf("the record has %d bytes, more than %d", len(rec), format.MaxRecordBytes)}
	}
	if n := len(rec); n > 0 && rec[n-1] == '\n' {
		rec = clean(rec[:n-1])
	}
	if !utf8.Valid(rec) {
		return &format.Bad{Pos: -1, Reason: "invalid UTF-8"}
	}
	count := 0
	bad := d.split(rec, func(k, pos int, text []byte, quoted bool) *format.Bad {
		count++
		if k >= len(d.targets) || d.targets[k] < 0 {
			return nil
		}
		f := d.fields[d.targets[k]]
		var err error
		if !quoted && string(text) == d.dialect.null {
			err = f.Null(out.Cols[f.Out])
		} else {
			err = f.Text(out.Cols[f.Out], text)
		}
		if err != nil {
			return &format.Bad{Column: f.Name, Pos: pos, Reason: err.Error()}
		}
		return nil
	})
	if bad == nil && count != len(d.targets) {
		bad = &format.Bad{Pos: -1, Reason: fmt.Sprintf("%d fields instead of %d", count, len(d.targets))}
	}
	if bad != nil {
		out.AbortRow()
		return bad
	}
	out.EndRow(1)
	return nil
}

// split calls f for each field with its number, position, text and whether it was in quotes.
func (d *decoder) split(rec []byte, f func(k, pos int, text []byte, quoted bool) *format.Bad) *format.Bad {
	dl := d.dialect
	special := dl.quote != 0 && bytes.IndexByte(rec, dl.quote) >= 0 ||
		bytes.IndexByte(rec, '\n') >= 0 || bytes.IndexByte(rec, '\r') >= 0
	i := 0
	for k := 0; ; k++ {
		text, pos, quoted := rec[i:], i, false
		if special && len(text) > 0 && dl.quote != 0 && text[0] == dl.quote {
			end := dl.closing(rec, i+1)
			if end < 0 {
				return &format.Bad{Pos: pos, Reason: "the quote is never closed"}
			}
			text, quoted = d.unquote(rec[i+1:end-1]), true
			if i = end; i < len(rec) && rec[i] != dl.delimiter {
				return &format.Bad{Pos: i, Reason: "text after the closing quote"}
			}
		} else {
			if n := bytes.IndexByte(text, dl.delimiter); n >= 0 {
				text = text[:n]
			}
			i += len(text)
			if special {
				if bad := d.bare(text, pos); bad != nil {
					return bad
				}
			}
		}
		if bad := f(k, pos, text, quoted); bad != nil {
			return bad
		}
		if i >= len(rec) {
			return nil
		}
		i++ // the delimiter; a field follows, even an empty one
	}
}

// bare checks a field without quotes.
func (d *decoder) bare(text []byte, pos int) *format.Bad {
	for i, c := range text {
		switch {
		case c == d.dialect.quote && c != 0:
			return &format.Bad{Pos: pos + i, Reason: "a quote inside a field without quotes"}
		case c == '\n' || c == '\r':
			return &format.Bad{Pos: pos + i, Reason: "a line break outside quotes"}
		}
	}
	return nil
}

func (d *decoder) unquote(text []byte) []byte {
	q := d.dialect.quote
	if bytes.IndexByte(text, q) < 0 {
		return text
	}
	d.scratch = d.scratch[:0]
	for i := 0; i < len(text); i++ {
		d.scratch = append(d.scratch, text[i])
		if text[i] == q {
			i++ // doubled
		}
	}
	return d.scratch
}
