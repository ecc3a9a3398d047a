// Package raw is the format of records that are one value: the bytes as they are.
package raw

import (
	"fmt"
	"unicode/utf8"

	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	format.Register(format.Spec{
		Name:      "bytes",
		Envelopes: []string{"plain"},
		Summary:   "The whole record is one value.",
		Doc: `The source has one column beside those of INCLUDE, of type bytea or text (also varchar, json, jsonb): it
takes the record as it is. Text must be valid UTF-8. In files a line is a record.`,
		Example: `CREATE SOURCE lines (line text) WITH (connector = 'file', path = 'app.log', mode = 'follow')
FORMAT PLAIN ENCODE BYTES;`,
		Check: check,
		NewDecoder: func(cfg *format.Config) (format.Decoder, error) {
			if err := check(cfg); err != nil {
				return nil, err
			}
			d := &decoder{}
			if fs := format.Fields(cfg, format.StampAuto); len(fs) > 0 {
				d.field = fs[0]
			}
			return d, nil
		},
		NewFramer: func(*format.Config) (format.Framer, error) { return format.Lines{}, nil },
	})
}

func check(cfg *format.Config) error {
	n := 0
	for i, f := range cfg.Schema {
		if _, meta := cfg.Include[i]; meta {
			continue
		}
		n++
		switch f.Type.ID {
		case types.Bytea, types.Text, types.Varchar, types.JSON, types.JSONB:
		default:
			return sqlerr.New(sqlerr.DatatypeMismatch, "column %q must be bytea or text for ENCODE BYTES", f.Name)
		}
	}
	if n != 1 {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "ENCODE BYTES needs exactly one column, not %d", n)
	}
	return nil
}

type decoder struct{ field *format.Field } // nil: only the number of records matters

// Decode implements format.Decoder.
func (d *decoder) Decode(rec []byte, out *rows.Builder) error {
	if len(rec) > format.MaxRecordBytes {
		return &format.Bad{Pos: -1, Reason: fmt.Sprintf("the record has %d bytes, more than %d", len(rec), format.MaxRecordBytes)}
	}
	if d.field == nil {
		out.EndRow(1)
		return nil
	}
	col := out.Cols[d.field.Out]
	if d.field.Kind == format.KindBytea {
		col.AppendBytes(rec)
	} else {
		if !utf8.Valid(rec) {
			return &format.Bad{Column: d.field.Name, Pos: -1, Reason: "invalid UTF-8"}
		}
		if err := d.field.Text(col, rec); err != nil {
			return &format.Bad{Column: d.field.Name, Pos: -1, Reason: err.Error()}
		}
	}
	out.EndRow(1)
	return nil
}
