package types

import (
	"slices"
	"strconv"
	"strings"

	"tidemill/sql/sqlerr"
)

// typeInfo is one line of pg_type.
type typeInfo struct {
	name      string // typname
	display   string // format_type
	oid       uint32
	array     uint32 // OID of the array type; 0 = none
	len       int16  // typlen: -1 = varying, -2 = C string
	category  byte
	preferred bool
}

var typeTable = map[ID]typeInfo{
	Unknown:      {"unknown", "unknown", 705, 0, -2, 'X', false},
	Bool:         {"bool", "boolean", 16, 1000, 1, 'B', true},
	Int2:         {"int2", "smallint", 21, 1005, 2, 'N', false},
	Int4:         {"int4", "integer", 23, 1007, 4, 'N', false},
	Int8:         {"int8", "bigint", 20, 1016, 8, 'N', false},
	Float4:       {"float4", "real", 700, 1021, 4, 'N', false},
	Float8:       {"float8", "double precision", 701, 1022, 8, 'N', true},
	Numeric:      {"numeric", "numeric", 1700, 1231, -1, 'N', false},
	Text:         {"text", "text", 25, 1009, -1, 'S', true},
	Varchar:      {"varchar", "character varying", 1043, 1015, -1, 'S', false},
	Bpchar:       {"bpchar", "character", 1042, 1014, -1, 'S', false},
	Bytea:        {"bytea", "bytea", 17, 1001, -1, 'U', false},
	Date:         {"date", "date", 1082, 1182, 4, 'D', false},
	Time:         {"time", "time without time zone", 1083, 1183, 8, 'D', false},
	Timestamp:    {"timestamp", "timestamp without time zone", 1114, 1115, 8, 'D', false},
	Timestamptz:  {"timestamptz", "timestamp with time zone", 1184, 1185, 8, 'D', true},
	Interval:     {"interval", "interval", 1186, 1187, 16, 'T', true},
	UUID:         {"uuid", "uuid", 2950, 2951, 16, 'U', false},
	JSON:         {"json", "json", 114, 199, -1, 'U', false},
	JSONB:        {"jsonb", "jsonb", 3802, 3807, -1, 'U', false},
	Record:       {"record", "record", 2249, 2287, -1, 'P', false},
	Void:         {"void", "void", 2278, 0, 4, 'P', false},
	Name:         {"name", "name", 19, 1003, 64, 'S', false},
	InternalChar: {"char", "\"char\"", 18, 1002, 1, 'Z', false},
	OID:          {"oid", "oid", 26, 1028, 4, 'N', true},
	Regclass:     {"regclass", "regclass", 2205, 2210, 4, 'N', false},
	Regtype:      {"regtype", "regtype", 2206, 2211, 4, 'N', false},
	Regproc:      {"regproc", "regproc", 24, 1008, 4, 'N', false},
	Regnamespace: {"regnamespace", "regnamespace", 4089, 4090, 4, 'N', false},
	Regrole:      {"regrole", "regrole", 4096, 4097, 4, 'N', false},
	Int2Vector:   {"int2vector", "int2vector", 22, 1006, -1, 'A', false},
	OIDVector:    {"oidvector", "oidvector", 30, 1013, -1, 'A', false},
	Xid:          {"xid", "xid", 28, 1011, 4, 'U', false},
	PgNodeTree:   {"pg_node_tree", "pg_node_tree", 194, 0, -1, 'Z', false},
	ACLItem:      {"aclitem", "aclitem", 1033, 1034, 12, 'U', false},
}

var (
	idByOID   = map[uint32]ID{}
	elemByOID = map[uint32]ID{}
	idByName  = map[string]ID{
		"int": Int4, "integer": Int4, "smallint": Int2, "bigint": Int8, "real": Float4,
		"double precision": Float8, "decimal": Numeric, "dec": Numeric, "boolean": Bool,
		"character varying": Varchar, "char varying": Varchar, "character": Bpchar, "char": Bpchar,
		"national character": Bpchar, "nchar": Bpchar, "national character varying": Varchar,
		"timestamp without time zone": Timestamp, "timestamp with time zone": Timestamptz,
		"time without time zone": Time, "string": Text, `"char"`: InternalChar,
		"smallserial": Int2, "serial2": Int2, "serial": Int4, "serial4": Int4, "bigserial": Int8, "serial8": Int8,
	}
)

func init() {
	for id, ti := range typeTable {
		idByOID[ti.oid] = id
		if ti.array != 0 {
			elemByOID[ti.array] = id
		}
		if id != InternalChar { // char is character unless quoted
			idByName[ti.name] = id
		}
	}
	delete(idByName, "string")
}

// All lists the scalar types that have an OID, by ID.
func All() []Type {
	out := make([]Type, 0, len(typeTable))
	for id := range typeTable {
		out = append(out, T(id))
	}
	slices.SortFunc(out, func(a, b Type) int { return int(a.ID) - int(b.ID) })
	return out
}

// Name returns the type's internal name, as pg_type.typname has it: int4, _text.
func (t Type) Name() string {
	if t.ID == Array {
		if t.Elem == nil {
			return "anyarray"
		}
		return "_" + t.Elem.Name()
	}
	switch u := UserOf(t.Ref); {
	case t.Ref != 0 && u != nil:
		return u.Name
	case t.rel() != 0:
		return t.Row.Name
	}
	if ti, ok := typeTable[t.ID]; ok {
		return ti.name
	}
	return "???"
}

// String returns the type as format_type prints it: character varying(10), integer[].
func (t Type) String() string {
	switch t.ID {
	case Array:
		if t.Elem == nil {
			return "anyarray"
		}
		return t.Elem.String() + "[]"
	case 250:
		return "anyelement"
	case 251:
		return "anyarray"
	case 252:
		return "\"any\""
	case 253:
		return "anyenum"
	case Enum, Record:
		return t.userName()
	}
	ti, ok := typeTable[t.ID]
	if !ok {
		return "???"
	}
	if t.Mod < 0 {
		return ti.display
	}
	switch t.ID {
	case Varchar, Bpchar:
		if t.Mod > 0 {
			return ti.display + "(" + itoa(int(t.Mod)) + ")"
		}
	case Numeric:
		p, s := t.PrecisionScale()
		return "numeric(" + itoa(p) + "," + itoa(s) + ")"
	case Time, Timestamp, Timestamptz:
		word, rest, _ := strings.Cut(ti.display, " ")
		return word + "(" + itoa(int(t.Mod)) + ") " + rest
	case Interval:
		return intervalTypeName(t.Mod)
	}
	return ti.display
}

// userName is the name of a type of CREATE TYPE or of a relation's row, with its schema when that is
// not the usual one.
func (t Type) userName() string {
	u := UserOf(t.Ref)
	switch {
	case t.Ref != 0 && u == nil:
		return "???"
	case t.Ref != 0 && u.Schema != "public":
		return QuoteIdent(u.Schema) + "." + QuoteIdent(u.Name)
	case t.Ref != 0:
		return QuoteIdent(u.Name)
	case t.rel() != 0:
		return QuoteIdent(t.Row.Name)
	}
	return typeTable[Record].display
}

// PrecisionScale returns the modifiers of numeric(p,s); ok by construction when Mod >= 0.
func (t Type) PrecisionScale() (precision, scale int) {
	return int(t.Mod >> 16), int(int16(t.Mod & 0xffff))
}

// OID returns the type's OID, 0 when it has none.
func (t Type) OID() uint32 {
	if t.ID == Array {
		if t.Elem == nil {
			return 2277 // anyarray
		}
		return t.Elem.ArrayOID()
	}
	switch u := UserOf(t.Ref); {
	case t.Ref != 0 && u != nil:
		return u.OID
	case t.rel() != 0:
		return RowOID(t.rel())
	}
	return typeTable[t.ID].oid
}

// RowOID returns the OID of the type of a relation's rows, RowArrayOID that of arrays of them.
func RowOID(rel uint32) uint32 { return rel | 1<<30 }

// RowArrayOID is explained at RowOID.
func RowArrayOID(rel uint32) uint32 { return rel | 3<<29 }

// ArrayOID returns the OID of the type's array type, 0 when it has none.
func (t Type) ArrayOID() uint32 {
	if t.ID == Array {
		return t.OID() // arrays of arrays are arrays
	}
	switch u := UserOf(t.Ref); {
	case t.Ref != 0 && u != nil:
		return u.ArrayOID
	case t.rel() != 0:
		return RowArrayOID(t.rel())
	}
	return typeTable[t.ID].array
}

// Len returns typlen: the byte length of fixed-length types, -1 for varying ones.
func (t Type) Len() int16 {
	if t.ID == Enum {
		return 4
	}
	if ti, ok := typeTable[t.ID]; ok && t.ID != Record {
		return ti.len
	}
	return -1
}

// Category returns typcategory, which overload resolution groups types by.
func (t Type) Category() byte {
	if t.ID == Array {
		return 'A'
	}
	switch {
	case t.ID == Enum:
		return 'E'
	case t.ID == Record && !t.Anonymous():
		return 'C'
	}
	if ti, ok := typeTable[t.ID]; ok {
		return ti.category
	}
	return 'P'
}

// Preferred tells whether the type is a preferred one of its category.
func (t Type) Preferred() bool { return typeTable[t.ID].preferred }

// WireMod returns the modifier as RowDescription carries it; -1 = none.
func (t Type) WireMod() int32 {
	if t.ID == Array && t.Elem != nil {
		return t.Elem.WireMod()
	}
	if t.Mod < 0 {
		return -1
	}
	switch t.ID {
	case Varchar, Bpchar:
		if t.Mod == 0 {
			return -1
		}
		return t.Mod + 4
	case Numeric:
		p, s := t.PrecisionScale()
		return int32(p<<16|s&0x7ff) + 4
	}
	return t.Mod
}

// FromOID returns the type of an OID with its wire modifier; arrays carry their element's.
func FromOID(oid uint32, mod int32) (Type, bool) {
	if id, ok := elemByOID[oid]; ok {
		return ArrayOf(withWireMod(id, mod)), true
	}
	id, ok := idByOID[oid]
	if !ok {
		return Type{}, false
	}
	return withWireMod(id, mod), true
}

func withWireMod(id ID, mod int32) Type {
	t := T(id)
	if mod < 0 {
		return t
	}
	switch id {
	case Varchar, Bpchar:
		if mod > 4 {
			t.Mod = mod - 4
		}
	case Numeric:
		if mod >= 4 {
			mod -= 4
			return NumericPS(int(mod>>16&0xffff), int((mod&0x7ff)^1024)-1024)
		}
	case Time, Timestamp, Timestamptz, Interval:
		t.Mod = mod
	}
	return t
}

// ByName returns the type that a name in a statement means. name may be quoted or schema-qualified
// and may end in []; mods are the numbers in parentheses; dims is the number of brackets.
func ByName(name string, mods []int, dims int) (Type, error) {
	orig := name
	for strings.HasSuffix(name, "[]") {
		name = strings.TrimSpace(name[:len(name)-2])
		dims++
	}
	name = normalName(name)
	if strings.HasPrefix(name, "_") && idByName[name[1:]] != Invalid {
		name = name[1:]
		dims++
	}
	var t Type
	if name == "float" {
		f, err := floatType(mods)
		if err != nil {
			return Type{}, err
		}
		t, mods = f, nil
	} else {
		id, ok := idByName[name]
		if !ok {
			return Type{}, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", strings.Trim(strings.TrimSpace(orig), `"`))
		}
		t = T(id)
		if name == "char" || name == "character" || name == "nchar" || name == "national character" {
			t.Mod = 1 // char alone is char(1), bpchar is not
		}
	}
	t, err := withMods(t, mods)
	if err != nil {
		return Type{}, err
	}
	if dims > 0 {
		if t.ArrayOID() == 0 {
			return Type{}, sqlerr.New(sqlerr.UndefinedObject, "type \"%s[]\" does not exist", t)
		}
		return ArrayOf(t), nil
	}
	return t, nil
}

// normalName folds case, spaces and the pg_catalog prefix.
func normalName(name string) string {
	name = strings.TrimSpace(name)
	for _, p := range []string{"pg_catalog.", `"pg_catalog".`} {
		if strings.HasPrefix(strings.ToLower(name), p) {
			name = name[len(p):]
			if strings.EqualFold(name, "char") {
				return `"char"`
			}
		}
	}
	if len(name) >= 2 && name[0] == '"' && name[len(name)-1] == '"' {
		if name == `"char"` {
			return name
		}
		return name[1 : len(name)-1]
	}
	return strings.Join(strings.Fields(strings.ToLower(name)), " ")
}

func floatType(mods []int) (Type, error) {
	switch {
	case len(mods) == 0:
		return T(Float8), nil
	case mods[0] < 1:
		return Type{}, sqlerr.New(sqlerr.InvalidParameterValue, "precision for type float must be at least 1 bit")
	case mods[0] <= 24:
		return T(Float4), nil
	case mods[0] <= 53:
		return T(Float8), nil
	}
	return Type{}, sqlerr.New(sqlerr.InvalidParameterValue, "precision for type float must be less than 54 bits")
}

const varcharMax = 10485760

func withMods(t Type, mods []int) (Type, error) {
	if len(mods) == 0 {
		return t, nil
	}
	bad := func(format string, args ...any) (Type, error) {
		return Type{}, sqlerr.New(sqlerr.InvalidParameterValue, format, args...)
	}
	switch t.ID {
	case Varchar, Bpchar:
		word := map[ID]string{Varchar: "varchar", Bpchar: "char"}[t.ID]
		switch {
		case len(mods) != 1:
			return bad("invalid type modifier")
		case mods[0] < 1:
			return bad("length for type %s must be at least 1", word)
		case mods[0] > varcharMax:
			return bad("length for type %s cannot exceed %d", word, varcharMax)
		}
		t.Mod = int32(mods[0])
	case Numeric:
		scale := 0
		if len(mods) > 2 {
			return bad("invalid NUMERIC type modifier")
		}
		if len(mods) == 2 {
			scale = mods[1]
		}
		if mods[0] < 1 || mods[0] > 1000 {
			return bad("NUMERIC precision %d must be between 1 and 1000", mods[0])
		}
		if scale < -1000 || scale > 1000 {
			return bad("NUMERIC scale %d must be between -1000 and 1000", scale)
		}
		return NumericPS(mods[0], scale), nil
	case Time, Timestamp, Timestamptz, Interval:
		if len(mods) != 1 {
			return bad("invalid type modifier")
		}
		if mods[0] < 0 {
			return bad("%s(%d) precision must not be negative", strings.ToUpper(t.String()), mods[0])
		}
		if t.Mod = int32(min(mods[0], 6)); t.ID == Interval {
			t.Mod |= intervalFullRange << 16
		}
	default:
		return Type{}, sqlerr.New(sqlerr.SyntaxError, "type modifier is not allowed for type \"%s\"", t.Name())
	}
	return t, nil
}

// An interval's modifier is a mask of fields in the upper half and the digits of the seconds in the
// lower; 0x7FFF and 0xFFFF mean all fields and full precision.
const (
	intervalFullRange     = 0x7fff
	intervalFullPrecision = 0xffff
)

// The bits of an interval's field mask.
const (
	maskMonth  = 1 << 1
	maskYear   = 1 << 2
	maskDay    = 1 << 3
	maskHour   = 1 << 10
	maskMinute = 1 << 11
	maskSecond = 1 << 12
)

var intervalFields = map[int32]string{
	maskYear: "year", maskMonth: "month", maskDay: "day", maskHour: "hour", maskMinute: "minute",
	maskSecond: "second", maskYear | maskMonth: "year to month", maskDay | maskHour: "day to hour",
	maskDay | maskHour | maskMinute:              "day to minute",
	maskDay | maskHour | maskMinute | maskSecond: "day to second",
	maskHour | maskMinute:                        "hour to minute",
	maskHour | maskMinute | maskSecond:           "hour to second",
	maskMinute | maskSecond:                      "minute to second",
}

// IntervalMod returns the modifier of interval fields(precision), for example "day to second";
// precision -1 means none. ok is false when there are no such fields.
func IntervalMod(fields string, precision int) (mod int32, ok bool) {
	mask := int32(intervalFullRange)
	if fields != "" {
		fields = strings.Join(strings.Fields(strings.ToLower(fields)), " ")
		ok := false
		for m, name := range intervalFields {
			if name == fields {
				mask, ok = m, true
			}
		}
		if !ok {
			return -1, false
		}
	}
	if precision < 0 {
		precision = intervalFullPrecision
	}
	return mask<<16 | int32(precision), true
}

func intervalTypeName(mod int32) string {
	s := "interval"
	if f := intervalFields[mod>>16]; f != "" {
		s += " " + f
	}
	if p := mod & 0xffff; p != intervalFullPrecision {
		s += "(" + itoa(int(p)) + ")"
	}
	return s
}

func itoa(n int) string { return strconv.Itoa(n) }
