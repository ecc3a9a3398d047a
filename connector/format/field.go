package format

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Kind is how a column's values are read; decoders switch on it once per value.
type Kind uint8

// The kinds.
const (
	KindOther Kind = iota // everything that only types.ParseText knows
	KindInt
	KindFloat
	KindNumeric
	KindText
	KindBool
	KindTimestamp
	KindTimestamptz
	KindDate
	KindBytea
	KindJSON
	KindJSONB
	KindArray
)

// Stamp is how numbers become timestamps.
type Stamp uint8

// The ways. StampAuto reads texts as times and numbers as milliseconds.
const (
	StampAuto Stamp = iota
	StampISO
	StampSeconds
	StampMillis
	StampMicros
)

// Stamps are the values of the timestamp.format option.
var Stamps = map[string]Stamp{"": StampAuto, "auto": StampAuto, "iso": StampISO, "epoch_s": StampSeconds,
	"epoch_ms": StampMillis, "epoch_us": StampMicros}

// Field turns texts and numbers into values of one column.
type Field struct {
	Name    string
	Type    types.Type
	NotNull bool
	Out     int // position in the builder
	Kind    Kind

	min, max int64
	env      types.Env
	stamp    Stamp
	utc      bool // local time of the environment is UTC
}

// NewField returns the field for a source column that goes to column out of the builder.
func NewField(f types.Field, out int, env types.Env, stamp Stamp) *Field {
	fd := &Field{Name: f.Name, Type: f.Type, NotNull: f.NotNull, Out: out, env: env, stamp: stamp}
	fd.utc = env.Location().String() == "UTC"
	fd.Kind = kindOf(f.Type)
	switch f.Type.ID {
	case types.Int2:
		fd.min, fd.max = math.MinInt16, math.MaxInt16
	case types.Int4:
		fd.min, fd.max = math.MinInt32, math.MaxInt32
	default:
		fd.min, fd.max = math.MinInt64, math.MaxInt64
	}
	return fd
}

func kindOf(t types.Type) Kind {
	switch t.ID {
	case types.Int2, types.Int4, types.Int8:
		return KindInt
	case types.Float4, types.Float8:
		return KindFloat
	case types.Numeric:
		return KindNumeric
	case types.Text:
		return KindText
	case types.Varchar:
		if t.Mod < 0 {
			return KindText
		}
		return KindOther
	case types.Bool:
		return KindBool
	case types.Timestamp:
		return KindTimestamp
	case types.Timestamptz:
		return KindTimestamptz
	case types.Date:
		return KindDate
	case types.Bytea:
		return KindBytea
	case types.JSON:
		return KindJSON
	case types.JSONB:
		return KindJSONB
	case types.Array:
		return KindArray
	default:
		return KindOther
	}
}

// Fields returns the fields of a decoder: those of cfg.Cols that the reader does not fill.
func Fields(cfg *Config, stamp Stamp) []*Field {
	var out []*Field
	for i, c := range cfg.Cols {
		if _, meta := cfg.Include[c]; !meta {
			out = append(out, NewField(cfg.Schema[c], i, cfg.Env, stamp))
		}
	}
	return out
}

var errNull = errors.New("NULL in a NOT NULL column")

// Null appends NULL.
func (f *Field) Null(col *rows.VecBuilder) error {
	if f.NotNull {
		return errNull
	}
	col.AppendNull()
	return nil
}

// Text appends the value that PostgreSQL's input function of the type reads from s, valid UTF-8.
func (f *Field) Text(col *rows.VecBuilder, s []byte) error {
	switch f.Kind {
	case KindText:
		if bytes.IndexByte(s, 0) >= 0 {
			return errNUL
		}
		col.AppendBytes(s)
		return nil
	case KindInt:
		if v, ok := smallInt(s); ok && v >= f.min && v <= f.max {
			col.AppendInt(v)
			return nil
		}
	case KindFloat:
		if isNumber(s) {
			return f.float(col, s)
		}
	case KindNumeric:
		return f.numeric(col, s)
	case KindTimestamp, KindTimestamptz:
		return f.timestamp(col, s)
	case KindDate:
		if days, ok := isoDate(s); ok && len(s) == 10 {
			col.AppendInt(days)
			return nil
		}
	case KindJSON:
		// checked by ParseText
	}
	return f.parse(col, s)
}

var errNUL = errors.New("a text cannot hold the character NUL")

// parse is the general way, for whatever no fast path takes.
func (f *Field) parse(col *rows.VecBuilder, s []byte) error {
	if bytes.IndexByte(s, 0) >= 0 {
		return errNUL
	}
	d, err := types.ParseText(f.Type, string(s), &f.env)
	if err != nil {
		return errors.New(sqlerr.As(err).Message)
	}
	col.AppendDatum(d)
	return nil
}

// Number appends the value of a number in JSON's grammar.
func (f *Field) Number(col *rows.VecBuilder, s []byte) error {
	switch f.Kind {
	case KindInt:
		v, ok := smallInt(s)
		if !ok {
			var err error
			if v, err = integer(s); err != nil {
				return err
			}
		}
		if v < f.min || v > f.max {
			return fmt.Errorf("%s is out of range for %s", shown(s), f.typeName())
		}
		col.AppendInt(v)
		return nil
	case KindFloat:
		return f.float(col, s)
	case KindNumeric:
		return f.numeric(col, s)
	case KindText:
		col.AppendBytes(s)
		return nil
	case KindBool:
		if len(s) == 1 && (s[0] == '0' || s[0] == '1') {
			col.AppendBool(s[0] == '1')
			return nil
		}
	case KindTimestamp, KindTimestamptz:
		return f.epoch(col, s)
	case KindJSON:
		col.AppendBytes(s)
		return nil
	case KindJSONB:
		return f.parse(col, s)
	default:
		if f.Type.IsString() || f.Type.ID == types.OID {
			return f.parse(col, s)
		}
	}
	return fmt.Errorf("the number %s is not a value of type %s", shown(s), f.typeName())
}

func (f *Field) typeName() string { return f.Type.String() }

// float reads s, a number in JSON's grammar.
func (f *Field) float(col *rows.VecBuilder, s []byte) error {
	bits := 64
	if f.Type.ID == types.Float4 {
		bits = 32
	}
	v, err := strconv.ParseFloat(view(s), bits)
	if err != nil || v == 0 && hasNonZeroDigit(s) {
		return fmt.Errorf("%s is out of range for %s", shown(s), f.typeName())
	}
	col.AppendFloat(v)
	return nil
}

func hasNonZeroDigit(s []byte) bool {
	for _, c := range s {
		if c == 'e' || c == 'E' {
			return false
		}
		if c >= '1' && c <= '9' {
			return true
		}
	}
	return false
}

func (f *Field) numeric(col *rows.VecBuilder, s []byte) error {
	if f.Type.Mod >= 0 {
		return f.parse(col, s)
	}
	buf := col.Scratch()
	out, err := types.NumericParse(buf, view(s))
	if err != nil {
		return errors.New(sqlerr.As(err).Message)
	}
	col.CommitScratch(out)
	return nil
}

// view is s as a string without a copy; the callee must not keep it.
func view(s []byte) string { return unsafe.String(unsafe.SliceData(s), len(s)) }

// shown is s as error messages quote it.
func shown(s []byte) string {
	const most = 60
	if len(s) <= most {
		return string(s)
	}
	cut := s[:most]
	for len(cut) > 0 && !utf8.Valid(cut) {
		cut = cut[:len(cut)-1]
	}
	return string(cut) + "…"
}

// InRange tells whether an integer column can hold v.
func (f *Field) InRange(v int64) bool { return v >= f.min && v <= f.max }
