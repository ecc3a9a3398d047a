package datagen

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"tidemill/connector"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// column makes the values of one field.
type column struct {
	field types.Field
	salt  uint64
	nulls uint64 // a draw below this is NULL
	value func(col *rows.VecBuilder, base, n int64, r uint64)
}

// settings are the options of one column.
type settings struct {
	field types.Field
	vals  map[string]string
	rate  float64
	env   *types.Env
	err   error
}

var known = []string{"kind", "start", "end", "min", "max", "length", "values", "value", "null_ratio", "step"}

// columns makes the columns of a source and checks that every option belongs to one.
func columns(o *connector.Options, schema types.Schema, env *types.Env) ([]*column, error) {
	byColumn := map[string]map[string]string{}
	for k, v := range o.Values {
		rest, ok := strings.CutPrefix(k, optFields)
		if !ok {
			continue
		}
		dot := strings.LastIndexByte(rest, '.')
		if dot < 0 || schema.Index(rest[:dot]) < 0 {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "option %q names no column of the source", k)
		}
		if err := connector.OneOf(known...)(rest[dot+1:]); err != nil {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "option %q: %v", k, err)
		}
		if byColumn[rest[:dot]] == nil {
			byColumn[rest[:dot]] = map[string]string{}
		}
		byColumn[rest[:dot]][rest[dot+1:]] = v
	}
	seed := uint64(o.Int(optSeed))
	var out []*column
	for i, f := range schema {
		s := &settings{field: f, vals: byColumn[f.Name], rate: o.Float(either(o, optRate)), env: env}
		c := &column{field: f, salt: (seed*1_000_003 + uint64(i) + 1) * 0xd1342543de82ef95}
		c.nulls = uint64(s.number("null_ratio", 0) * (1 << 63))
		if f.NotNull && c.nulls > 0 || c.nulls > 1<<63 {
			s.fail("null_ratio must be from 0 to 1, and 0 for a NOT NULL column")
		}
		c.value = s.maker()
		if s.err != nil {
			return nil, s.err
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *settings) fail(format string, args ...any) {
	if s.err == nil {
		e := sqlerr.New(sqlerr.InvalidParameterValue, format, args...)
		e.Message = "column \"" + s.field.Name + "\": " + e.Message
		s.err = e
	}
}

func (s *settings) number(name string, def float64) float64 {
	v, ok := s.vals[name]
	if !ok {
		return def
	}
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		s.fail("%s is not a number: %q", name, v)
	}
	return n
}

func (s *settings) whole(name string, def int64) int64 {
	v, ok := s.vals[name]
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		s.fail("%s is not a whole number: %q", name, v)
	}
	return n
}

// parse reads a value of the column's type.
func (s *settings) parse(text string) types.Datum {
	d, err := types.ParseText(s.field.Type, text, s.env)
	if err != nil {
		s.fail("%s", sqlerr.As(err).Message)
	}
	return d
}

type maker = func(col *rows.VecBuilder, base, n int64, r uint64)

func (s *settings) maker() maker {
	kind := s.vals["kind"]
	if kind == "" {
		kind = "random"
		if s.field.Type.IsTime() && s.vals["min"] == "" && s.vals["values"] == "" {
			kind = "sequence"
		}
		if s.vals["value"] != "" {
			kind = "constant"
		}
	}
	switch kind {
	case "constant":
		d := s.parse(s.vals["value"])
		return func(col *rows.VecBuilder, _, _ int64, _ uint64) { col.AppendDatum(d) }
	case "sequence":
		return s.sequence()
	case "random":
		return s.random()
	}
	s.fail("kind is not one of sequence, random, constant: %q", kind)
	return nil
}

func (s *settings) sequence() maker {
	if s.field.Type.IsTime() {
		step := 1e6 / math.Max(s.rate, 1)
		if _, ok := s.vals["step"]; ok {
			step = s.number("step", 0) * 1000
		}
		return func(col *rows.VecBuilder, base, n int64, _ uint64) { col.AppendInt(base + int64(float64(n)*step)) }
	}
	start := s.whole("start", 0)
	end := s.whole("end", s.largest())
	if end < start || start < -s.largest()-1 || end > s.largest() {
		s.fail("no range from start %d to end %d", start, end)
		return nil
	}
	length := end - start + 1 // ≤ 0 after overflow: never wraps
	put := s.putter()
	return func(col *rows.VecBuilder, _, n int64, _ uint64) {
		if length > 0 {
			n %= length
		}
		put(col, start+n)
	}
}

// largest is the largest whole number that the column takes.
func (s *settings) largest() int64 {
	switch s.field.Type.ID {
	case types.Int2:
		return math.MaxInt16
	case types.Int4, types.Date:
		return math.MaxInt32
	default:
		return math.MaxInt64
	}
}

// putter stores a whole number in a column of any type.
func (s *settings) putter() func(col *rows.VecBuilder, v int64) {
	switch s.field.Type.Phys() {
	case types.PhysInt:
		return func(col *rows.VecBuilder, v int64) { col.AppendInt(v) }
	case types.PhysFloat:
		return func(col *rows.VecBuilder, v int64) { col.AppendFloat(float64(v)) }
	case types.PhysBool:
		return func(col *rows.VecBuilder, v int64) { col.AppendBool(v&1 != 0) }
	}
	if s.field.Type.ID == types.Numeric {
		return func(col *rows.VecBuilder, v int64) { col.CommitScratch(types.NumericFromInt64(col.Scratch(), v)) }
	}
	if !s.field.Type.IsString() {
		s.fail("a sequence cannot be of type %s", s.field.Type)
	}
	return func(col *rows.VecBuilder, v int64) { col.CommitScratch(strconv.AppendInt(col.Scratch(), v, 10)) }
}

func (s *settings) random() maker {
	if list, ok := s.vals["values"]; ok {
		var choice []types.Datum
		for _, v := range strings.Split(list, ",") {
			choice = append(choice, s.parse(strings.TrimSpace(v)))
		}
		return func(col *rows.VecBuilder, _, _ int64, r uint64) {
			col.AppendDatum(choice[below(r, uint64(len(choice)))])
		}
	}
	t := s.field.Type
	switch {
	case t.ID == types.Bool:
		return func(col *rows.VecBuilder, _, _ int64, r uint64) { col.AppendBool(r>>63 != 0) }
	case t.ID == types.UUID:
		return func(col *rows.VecBuilder, _, _ int64, r uint64) { col.CommitScratch(appendUUID(col.Scratch(), r)) }
	case t.Phys() == types.PhysFloat:
		lo, hi := s.number("min", 0), s.number("max", 1e6)
		return func(col *rows.VecBuilder, _, _ int64, r uint64) {
			col.AppendFloat(lo + (hi-lo)*(float64(r>>11)/(1<<53)))
		}
	case t.IsTime() || t.ID == types.Date:
		lo, hi := s.parse(orElse(s.vals["min"], "2024-01-01")), s.parse(orElse(s.vals["max"], "2024-12-31"))
		return s.between(lo.I, hi.I)
	case t.Phys() == types.PhysInt || t.ID == types.Numeric:
		return s.between(s.whole("min", 0), s.whole("max", min(1_000_000, s.largest())))
	case t.IsString() || t.ID == types.Bytea:
		length := s.whole("length", 10)
		if length < 0 || length > 1<<20 || t.Mod >= 0 && t.IsString() && length > int64(t.Mod) {
			s.fail("length %d does not fit", length)
		}
		return func(col *rows.VecBuilder, _, _ int64, r uint64) {
			col.CommitScratch(appendLetters(col.Scratch(), r, length))
		}
	}
	s.fail("type %s needs values, or kind = constant and a value", t)
	return nil
}

func orElse(v, def string) string {
	if v == "" {
		return def
	}
	return v
}

func (s *settings) between(lo, hi int64) maker {
	if hi < lo || s.field.Type.IsInteger() && (lo < -s.largest()-1 || hi > s.largest()) {
		s.fail("no range from min %d to max %d", lo, hi)
		return nil
	}
	put := s.putter()
	span := uint64(hi-lo) + 1 // 0 = all of int64
	return func(col *rows.VecBuilder, _, _ int64, r uint64) {
		if span != 0 {
			r = below(r, span)
		}
		put(col, int64(uint64(lo)+r))
	}
}

func appendUUID(dst []byte, r uint64) []byte {
	at := len(dst)
	for _, x := range []uint64{r, mix(r)} {
		for shift := 56; shift >= 0; shift -= 8 {
			dst = append(dst, byte(x>>shift))
		}
	}
	dst[at+6] = dst[at+6]&0x0f | 0x40 // version 4
	dst[at+8] = dst[at+8]&0x3f | 0x80
	return dst
}

func appendLetters(dst []byte, r uint64, n int64) []byte {
	for i := range n {
		if i%12 == 0 {
			r = mix(r)
		}
		hi, lo := bits.Mul64(r, 26)
		dst, r = append(dst, 'a'+byte(hi)), lo
	}
	return dst
}

// fill makes n values from row from on.
func (c *column) fill(base, from int64, n int) *rows.Vec {
	col := rows.NewVecBuilder(c.field.Type, n)
	for i := range int64(n) {
		r := mix(uint64(from+i)*0x9e3779b97f4a7c15 + c.salt)
		if c.nulls > 0 && mix(r+1)>>1 < c.nulls {
			col.AppendNull()
			continue
		}
		c.value(col, base, from+i, r)
	}
	return col.Finish()
}

// mix spreads the bits of x.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below maps random bits to 0 … n-1.
func below(r, n uint64) uint64 {
	hi, _ := bits.Mul64(r, n)
	return hi
}
