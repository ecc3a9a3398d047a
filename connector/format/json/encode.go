package json

import (
	"encoding/hex"
	"math"
	"strconv"

	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

type encoder struct {
	names [][]byte // `"name":` per column
	all   []int
	key   []int
	stamp format.Stamp
	env   types.Env
}

func newEncoder(cfg *format.EncoderConfig) *encoder {
	e := &encoder{key: cfg.Key, stamp: format.Stamps[cfg.Options.Get(optStamp)], env: cfg.Env}
	e.env.Zone = nil // UTC
	for i, f := range cfg.Schema {
		e.names = append(e.names, append(format.AppendJSON(nil, []byte(f.Name)), ':'))
		e.all = append(e.all, i)
	}
	return e
}

// Value implements format.Encoder.
func (e *encoder) Value(dst []byte, b *rows.Batch, i int) ([]byte, error) {
	return e.object(dst, b, i, e.all), nil
}

// Key implements format.Encoder.
func (e *encoder) Key(dst []byte, b *rows.Batch, i int) ([]byte, error) {
	return e.object(dst, b, i, e.key), nil
}

func (e *encoder) object(dst []byte, b *rows.Batch, i int, cols []int) []byte {
	dst = append(dst, '{')
	for k, c := range cols {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, e.names[c]...)
		dst = e.datum(dst, b.Cols[c].Datum(i))
	}
	return append(dst, '}')
}

func (e *encoder) datum(dst []byte, d types.Datum) []byte {
	if d.Null {
		return append(dst, "null"...)
	}
	switch d.Type.ID {
	case types.Bool:
		return strconv.AppendBool(dst, d.B)
	case types.Int2, types.Int4, types.Int8, types.OID:
		return strconv.AppendInt(dst, d.I, 10)
	case types.Float4, types.Float8:
		if !math.IsNaN(d.F) && !math.IsInf(d.F, 0) {
			return e.bare(dst, d)
		}
	case types.Numeric:
		if !types.NumericIsNaN(d.S) && !types.NumericIsInf(d.S) {
			return e.bare(dst, d)
		}
	case types.JSON, types.JSONB:
		return append(dst, d.S...)
	case types.Text, types.Varchar, types.Bpchar, types.Name:
		return format.AppendJSON(dst, d.S)
	case types.Bytea:
		dst = append(dst, `"\\x`...)
		dst = hex.AppendEncode(dst, d.S)
		return append(dst, '"')
	case types.Timestamp, types.Timestamptz:
		return e.time(dst, d)
	case types.Array:
		return e.array(dst, d)
	case types.Record:
		if names := d.Type.Fields(); names != nil {
			return e.record(dst, d, names)
		}
	}
	return e.quoted(dst, d)
}

// bare appends the SQL text of a number, which is JSON's too.
func (e *encoder) bare(dst []byte, d types.Datum) []byte { return types.AppendText(dst, d, &e.env) }

// quoted appends the SQL text of a value as a string.
func (e *encoder) quoted(dst []byte, d types.Datum) []byte {
	return format.AppendJSON(dst, types.AppendText(nil, d, &e.env))
}

// record appends a composite value as an object.
func (e *encoder) record(dst []byte, d types.Datum, names []types.Field) []byte {
	fields, err := types.TypedFields(d.Type, d.S)
	if err != nil || len(fields) != len(names) {
		return e.quoted(dst, d)
	}
	dst = append(dst, '{')
	for k, f := range fields {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(format.AppendJSON(dst, []byte(names[k].Name)), ':')
		dst = e.datum(dst, f)
	}
	return append(dst, '}')
}

func (e *encoder) array(dst []byte, d types.Datum) []byte {
	dims, _, _, err := types.ArrayHead(d.S)
	elems, err2 := types.ArrayElems(d.Type, d.S)
	if err != nil || err2 != nil || len(dims) > 1 {
		return e.quoted(dst, d)
	}
	dst = append(dst, '[')
	for i, x := range elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.datum(dst, x)
	}
	return append(dst, ']')
}

func (e *encoder) time(dst []byte, d types.Datum) []byte {
	if !types.IsFinite(d.I) {
		return e.quoted(dst, d)
	}
	switch e.stamp {
	case format.StampSeconds:
		return fraction(dst, d.I, 1_000_000, 6)
	case format.StampMillis:
		return fraction(dst, d.I, 1_000, 3)
	case format.StampMicros:
		return strconv.AppendInt(dst, d.I, 10)
	}
	days, clock := types.SplitMicros(d.I)
	year, month, day := types.CivilFromDays(days)
	if year < 1 || year > 9999 {
		return e.quoted(dst, d)
	}
	dst = append(dst, '"')
	dst = pad(dst, int64(year), 4, '-')
	dst = pad(dst, int64(month), 2, '-')
	dst = pad(dst, int64(day), 2, 'T')
	dst = pad(dst, clock/3_600_000_000, 2, ':')
	dst = pad(dst, clock/60_000_000%60, 2, ':')
	dst = pad(dst, clock/1_000_000%60, 2, 0)
	if us := clock % 1_000_000; us != 0 {
		dst = pad(append(dst, '.'), us, 6, 0)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	if d.Type.ID == types.Timestamptz {
		dst = append(dst, 'Z')
	}
	return append(dst, '"')
}

func pad(dst []byte, v int64, width int, after byte) []byte {
	start := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for k := start + width - 1; v > 0; k-- {
		dst[k] = byte('0' + v%10)
		v /= 10
	}
	if after != 0 {
		dst = append(dst, after)
	}
	return dst
}

// fraction appends us/unit exactly.
func fraction(dst []byte, us, unit int64, width int) []byte {
	if us < 0 {
		dst = append(dst, '-')
	}
	abs := func(v int64) int64 { return max(v, -v) }
	dst = strconv.AppendInt(dst, abs(us/unit), 10)
	if rem := abs(us % unit); rem != 0 {
		dst = pad(append(dst, '.'), rem, width, 0)
	}
	return dst
}
