package kafka

import (
	"bytes"
	"encoding/hex"
	"errors"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// meta is an INCLUDE column: how it comes from a record.
type meta struct {
	out     int
	textKey bool // the record's key must be text
	fill    func(col *rows.VecBuilder, r *kgo.Record)
}

// metas returns the INCLUDE columns among those to deliver, and the schema of all of them.
func metas(cfg *connector.ReaderConfig) ([]meta, types.Schema, error) {
	var out []meta
	var schema types.Schema
	for i, c := range cfg.Cols {
		f := cfg.Schema[c]
		schema = append(schema, f)
		what, ok := cfg.Include[c]
		if !ok {
			continue
		}
		m, err := metaOf(f, what)
		if err != nil {
			return nil, nil, err
		}
		m.out = i
		out = append(out, m)
	}
	return out, schema, nil
}

func metaOf(f types.Field, what string) (meta, error) {
	id := f.Type.ID
	text := (id == types.Text || id == types.Varchar) && f.Type.Mod < 0
	want := ""
	switch what {
	case "key":
		if text || id == types.Bytea {
			return meta{textKey: text, fill: fillKey}, nil
		}
		want = "bytea or text"
	case "partition":
		if f.Type.IsInteger() {
			return meta{fill: func(col *rows.VecBuilder, r *kgo.Record) { col.AppendInt(int64(r.Partition)) }}, nil
		}
		want = "integer"
	case "offset":
		if id == types.Int8 {
			return meta{fill: func(col *rows.VecBuilder, r *kgo.Record) { col.AppendInt(r.Offset) }}, nil
		}
		want = "bigint"
	case "timestamp":
		if f.Type.IsTime() {
			return meta{fill: func(col *rows.VecBuilder, r *kgo.Record) { col.AppendInt(r.Timestamp.UnixMicro()) }}, nil
		}
		want = "timestamptz"
	case "headers":
		if text || id == types.JSON || id == types.JSONB {
			return meta{fill: fillHeaders}, nil
		}
		want = "jsonb"
	default:
		return meta{}, sqlerr.Unsupported("connector \"kafka\" has no INCLUDE %s", what).
			WithHint("It has key, partition, offset, timestamp and headers.")
	}
	return meta{}, sqlerr.New(sqlerr.DatatypeMismatch, "INCLUDE %s of connector \"kafka\" is of type %s, not %s", what, want, f.Type)
}

var errKey = errors.New("the key is not text in UTF-8, and the INCLUDE key column is")

func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

func fillKey(col *rows.VecBuilder, r *kgo.Record) {
	if r.Key == nil {
		col.AppendNull()
	} else {
		col.AppendBytes(r.Key)
	}
}

// fillHeaders writes [{"key": …, "value": …}, …]; a value that is no text as \x and hex digits.
func fillHeaders(col *rows.VecBuilder, r *kgo.Record) {
	buf := []byte{'['}
	for i, h := range r.Headers {
		if i > 0 {
			buf = append(buf, ',', ' ')
		}
		buf = append(buf, `{"key": `...)
		buf = appendText(buf, []byte(h.Key))
		buf = append(buf, `, "value": `...)
		if h.Value == nil {
			buf = append(buf, "null"...)
		} else {
			buf = appendText(buf, h.Value)
		}
		buf = append(buf, '}')
	}
	buf = append(buf, ']')
	if col.Type().ID == types.JSONB {
		if d, err := types.ParseText(col.Type(), string(buf), &types.Env{}); err == nil {
			col.AppendDatum(d)
		} else {
			col.AppendNull() // not reached: the text above is JSON
		}
		return
	}
	col.AppendBytes(buf)
}

func appendText(dst, s []byte) []byte {
	if isText(s) {
		return format.AppendJSON(dst, s)
	}
	dst = append(dst, `"\\x`...)
	return append(hex.AppendEncode(dst, s), '"')
}
