package types

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"tidemill/sql/sqlerr"
)

const spaces = " \t\n\r\v\f"

func badSyntax(typ, s string) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", typ, s)
}

// ParseText reads a value of type t from its text form, Postgres's input function. t's modifiers
// apply; env may be nil.
func ParseText(t Type, s string, env *Env) (Datum, error) {
	d := Datum{Type: t}
	var err error
	switch t.ID {
	case Bool:
		d.B, err = ParseBool(s)
	case Int2, Int4, Int8:
		d.I, err = ParseInt(t.ID, s)
	case OID, Xid:
		d.I, err = parseOID(t, s)
	case Regclass, Regtype, Regproc, Regnamespace, Regrole:
		d.I, err = parseReg(t, s, env)
	case Float4, Float8:
		d.F, err = ParseFloat(t.ID, s)
	case Date:
		d.I, err = ParseDate(s, env)
	case Time:
		d.I, err = ParseTime(s, env)
	case Timestamp:
		d.I, err = ParseTimestamp(s, env)
	case Timestamptz:
		d.I, err = ParseTimestamptz(s, env)
	case Array:
		return parseArray(t, s, env)
	case Record:
		return parseRecord(t, s, env)
	case Void:
		return d, sqlerr.New(sqlerr.FeatureNotSupported, "input of anonymous composite types is not implemented")
	default:
		d.S, err = parseBytes(t, s, env)
	}
	if err != nil {
		return Datum{}, err
	}
	if t.Mod >= 0 {
		return Coerce(d, t, false)
	}
	return d, nil
}

// parseBytes reads the types of the Bytes class.
func parseBytes(t Type, s string, env *Env) ([]byte, error) {
	switch t.ID {
	case Numeric:
		return NumericParse(make([]byte, 0, numSmallLen), s)
	case Interval:
		v, err := ParseInterval(s, t.Mod, env)
		return AppendInterval(nil, v), err
	case UUID:
		return parseUUID(s)
	case Bytea:
		return parseBytea(s)
	case JSON:
		return []byte(s), CheckJSON([]byte(s))
	case JSONB:
		return CanonicalJSON(nil, []byte(s))
	case Int2Vector, OIDVector:
		return parseVector(t, s)
	case InternalChar:
		return parseInternalChar(s), nil
	case Enum:
		return parseEnum(t, s)
	}
	if err := CheckText(s); err != nil {
		return nil, err
	}
	if t.ID == Name && len(s) > 63 {
		n := 63
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return []byte(s), nil
}

// CheckText refuses what no text value can hold: bytes that are not UTF-8, and NUL.
func CheckText(s string) error {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return nil
	}
	i := 0
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == 0 || r == utf8.RuneError && n <= 1 {
			break
		}
		i += n
	}
	return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x%02x", s[i])
}

// ParseBool reads a boolean: any unambiguous prefix of true, false, yes, no, on, off; 1 or 0.
func ParseBool(s string) (bool, error) {
	t := strings.ToLower(strings.Trim(s, spaces))
	if t != "" {
		switch {
		case strings.HasPrefix("true", t), strings.HasPrefix("yes", t), t == "on", t == "1":
			return true, nil
		case strings.HasPrefix("false", t), strings.HasPrefix("no", t), t == "off", t == "of", t == "0":
			return false, nil
		}
	}
	return false, badSyntax("boolean", s)
}

// IntRange returns the bounds of an integer-class type.
func IntRange(id ID) (lo, hi int64) {
	switch id {
	case Int2:
		return math.MinInt16, math.MaxInt16
	case Int4:
		return math.MinInt32, math.MaxInt32
	case OID, Xid, Regclass, Regtype, Regproc, Regnamespace, Regrole:
		return 0, math.MaxUint32
	}
	return math.MinInt64, math.MaxInt64
}

// ParseInt reads a smallint, integer or bigint.
func ParseInt(id ID, s string) (int64, error) {
	t := strings.Trim(s, spaces)
	digits := t
	if t != "" && (t[0] == '-' || t[0] == '+') {
		digits = t[1:]
	}
	if digits == "" {
		return 0, badSyntax(T(id).String(), s)
	}
	var v uint64
	over := false
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 {
			return 0, badSyntax(T(id).String(), s)
		}
		if v > (math.MaxUint64-9)/10 {
			over = true
		}
		v = v*10 + uint64(c)
	}
	lo, hi := IntRange(id)
	if t[0] == '-' {
		if over || v > uint64(hi)+1 {
			return 0, outOfRange(s, T(id))
		}
		return max(-int64(v), lo), nil
	}
	if over || v > uint64(hi) {
		return 0, outOfRange(s, T(id))
	}
	return int64(v), nil
}

func outOfRange(s string, t Type) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value \"%s\" is out of range for type %s", s, t)
}

// ParseFloat reads a real or double precision.
func ParseFloat(id ID, s string) (float64, error) {
	t := strings.Trim(s, spaces)
	bits, typ := 64, "double precision"
	if id == Float4 {
		bits, typ = 32, "real"
	}
	switch strings.ToLower(t) {
	case "nan", "-nan", "+nan":
		return math.NaN(), nil
	case "infinity", "+infinity", "inf", "+inf":
		return math.Inf(1), nil
	case "-infinity", "-inf":
		return math.Inf(-1), nil
	}
	if t == "" || strings.IndexByte(t, '_') >= 0 {
		return 0, badSyntax(typ, s)
	}
	if c := t[len(t)-1]; !isDigit(c) && c != '.' && !strings.ContainsAny(t, "xX") {
		return 0, badSyntax(typ, s)
	}
	f, err := strconv.ParseFloat(t, bits)
	if err != nil {
		if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
			return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s", t, typ)
		}
		return 0, badSyntax(typ, s)
	}
	if f == 0 && strings.ContainsAny(mantissa(t), "123456789") {
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s", t, typ)
	}
	return f, nil
}

func mantissa(s string) string {
	if i := strings.IndexAny(s, "eEpP"); i >= 0 {
		return s[:i]
	}
	return s
}

func parseOID(t Type, s string) (int64, error) {
	v, err := strconv.ParseInt(strings.Trim(s, spaces), 10, 64)
	if err != nil {
		if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
			return 0, outOfRange(s, t)
		}
		return 0, badSyntax(t.String(), s)
	}
	if v < math.MinInt32 || v > math.MaxUint32 {
		return 0, outOfRange(s, t)
	}
	return int64(uint32(v)), nil
}

func parseReg(t Type, s string, env *Env) (int64, error) {
	if s == "-" {
		return 0, nil
	}
	if s != "" && strings.Trim(s, "0123456789") == "" {
		return parseOID(t, s)
	}
	if t.ID == Regtype {
		if u, err := ByName(s, nil, 0); err == nil {
			return int64(u.OID()), nil
		}
	}
	if env != nil && env.Lookup != nil {
		return env.Lookup.OIDByName(t.ID, s)
	}
	what := map[ID]string{Regclass: "relation", Regtype: "type", Regproc: "function", Regnamespace: "schema", Regrole: "role"}[t.ID]
	code := map[ID]sqlerr.Code{Regclass: sqlerr.UndefinedTable, Regproc: sqlerr.UndefinedFunction, Regnamespace: sqlerr.InvalidSchemaName}[t.ID]
	if code == "" {
		code = sqlerr.UndefinedObject
	}
	return 0, sqlerr.New(code, "%s \"%s\" does not exist", what, strings.TrimSpace(s))
}

func parseUUID(s string) ([]byte, error) {
	text := s
	if len(text) > 1 && text[0] == '{' {
		if text[len(text)-1] != '}' {
			return nil, badSyntax("uuid", s)
		}
		text = text[1 : len(text)-1]
	}
	out := make([]byte, 0, 16)
	for i := 0; len(out) < 16; {
		if i+2 > len(text) {
			return nil, badSyntax("uuid", s)
		}
		n, err := hex.AppendDecode(out, []byte(text[i:i+2]))
		if err != nil {
			return nil, badSyntax("uuid", s)
		}
		out, i = n, i+2
		// A hyphen may stand behind every second byte.
		if i < len(text) && text[i] == '-' && len(out)%2 == 0 && len(out) < 16 {
			i++
		}
		if len(out) == 16 && i != len(text) {
			return nil, badSyntax("uuid", s)
		}
	}
	return out, nil
}

// AppendUUIDText appends the canonical form of 16 bytes.
func AppendUUIDText(dst, b []byte) []byte {
	if len(b) != 16 {
		return dst
	}
	for i, n := range [...]int{4, 2, 2, 2, 6} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, b[:n])
		b = b[n:]
	}
	return dst
}

func parseBytea(s string) ([]byte, error) {
	if strings.HasPrefix(s, `\x`) {
		return parseByteaHex(s[2:])
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		switch {
		case i+1 < len(s) && s[i+1] == '\\':
			out = append(out, '\\')
			i++
		case i+3 < len(s) && isOctal(s[i+1:i+4]) && s[i+1] <= '3':
			out = append(out, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
		default:
			return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
		}
	}
	return out, nil
}

func parseByteaHex(s string) ([]byte, error) {
	out := make([]byte, 0, len(s)/2)
	for i := 0; i < len(s); {
		if strings.IndexByte(spaces, s[i]) >= 0 {
			i++
			continue
		}
		for j := i; j < i+2 && j < len(s); j++ {
			if !isDigit(s[j]) && (s[j]|0x20 < 'a' || s[j]|0x20 > 'f') {
				r, _ := utf8.DecodeRuneInString(s[j:])
				return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal digit: \"%c\"", r)
			}
		}
		if i+1 == len(s) {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal data: odd number of digits")
		}
		b, _ := strconv.ParseUint(s[i:i+2], 16, 8)
		out = append(out, byte(b))
		i += 2
	}
	return out, nil
}

func isOctal(s string) bool { return strings.Trim(s, "01234567") == "" }

func parseInternalChar(s string) []byte {
	if len(s) == 4 && s[0] == '\\' && isOctal(s[1:]) {
		return []byte{(s[1]-'0')<<6 | (s[2]-'0')<<3 | (s[3] - '0')}
	}
	if s == "" {
		return []byte{}
	}
	return []byte(s[:1])
}

// vectorElem is the element type of int2vector and oidvector, whose in-column form is that of an
// array with lower bound 0.
func vectorElem(t Type) Type {
	if t.ID == Int2Vector {
		return T(Int2)
	}
	return T(OID)
}

// VectorDatum returns an int2vector or oidvector.
func VectorDatum(id ID, vals []int64) Datum {
	t := T(id)
	elems := make([]Datum, len(vals))
	for i, v := range vals {
		elems[i] = Datum{Type: vectorElem(t), I: v}
	}
	return Datum{Type: t, S: AppendArrayDims(nil, []ArrayDim{{Len: len(vals)}}, elems)}
}

func parseVector(t Type, s string) ([]byte, error) {
	var vals []int64
	for f := range strings.FieldsSeq(s) {
		d, err := ParseText(vectorElem(t), f, nil)
		if err != nil {
			return nil, err
		}
		vals = append(vals, d.I)
	}
	return VectorDatum(t.ID, vals).S, nil
}
