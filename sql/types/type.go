// Package types is the SQL type system: what a type is called, how it is laid out in a column, and
// how its values look as text and as Postgres binary.
//
// Every type maps to one of four physical classes (Phys). Kernels, key encoders and state codecs
// are written once per class, so a new SQL type usually needs only its text and binary forms:
//
//	Bool   one byte per value
//	Int    int64: smallint, integer, bigint, oid, date, time, timestamp, timestamptz
//	Float  float64: real, double precision
//	Bytes  offsets + data: text, numeric, interval, uuid, bytea, json, arrays, …
//
// Arrow's narrower forms (int16, int32, bit-packed booleans) appear at the edges only (rows.ToArrow).
//
// In-column encodings of the Bytes class: text types hold UTF-8; numeric holds the form that
// numeric.go documents; interval holds 16 bytes (IntervalValue); uuid holds its 16 bytes; json holds
// its text as given; jsonb holds canonical text (CanonicalJSON); arrays and records hold the forms
// that array.go documents; char(n) holds its text with the padding; an enum holds its label's place
// (Label.Pos), not its name.
// date is days since 1970-01-01 with the same infinities as timestamps; time is microseconds since midnight; timestamp and timestamptz are
// microseconds since 1970-01-01 00:00 UTC, with math.MinInt64 and math.MaxInt64 as the infinities.
package types

import "time"

// ID names a SQL type. Values are stored in catalogs and plans: never renumber.
type ID uint8

// The SQL types.
const (
	Invalid     ID = 0
	Unknown     ID = 1 // an untyped string literal or NULL before coercion
	Bool        ID = 2
	Int2        ID = 3
	Int4        ID = 4
	Int8        ID = 5
	Float4      ID = 6
	Float8      ID = 7
	Numeric     ID = 8
	Text        ID = 9
	Varchar     ID = 10
	Bpchar      ID = 11
	Bytea       ID = 12
	Date        ID = 13
	Time        ID = 14
	Timestamp   ID = 15
	Timestamptz ID = 16
	Interval    ID = 17
	UUID        ID = 18
	JSON        ID = 19
	JSONB       ID = 20
	Array       ID = 21 // element type in Type.Elem
	Record      ID = 22
	Void        ID = 23
	Enum        ID = 24 // which one: Type.Ref

	// Catalogue types that clients expect to see by name.
	Name         ID = 40 // 63-byte text
	InternalChar ID = 41 // "char"
	OID          ID = 42
	Regclass     ID = 43
	Regtype      ID = 44
	Regproc      ID = 45
	Regnamespace ID = 46
	Regrole      ID = 47
	Int2Vector   ID = 48
	OIDVector    ID = 49
	Xid          ID = 50
	PgNodeTree   ID = 51
	ACLItem      ID = 52
)

// Phys is the physical class of a column.
type Phys uint8

// The physical classes.
const (
	PhysBool Phys = iota
	PhysInt
	PhysFloat
	PhysBytes
)

// Type is a SQL type with its modifiers. The zero Type is invalid. Types compare with Equal
// (modifiers included) or Same (modifiers ignored); == works too when Elem and Row are nil.
type Type struct {
	ID ID `json:"id"`
	// Mod is Postgres's typmod without its +4 header: the length of varchar(n) and char(n),
	// precision<<16|scale of numeric(p,s), the fractional digits of times. -1 = none.
	Mod  int32 `json:"mod"`
	Elem *Type `json:"elem,omitempty"` // element type of an Array
	// Ref says which type of CREATE TYPE an Enum or a Record is (see User); 0 = none.
	Ref uint32 `json:"ref,omitempty"`
	// Row has the fields of a Record that is the row of a relation or subquery.
	Row *Row `json:"row,omitempty"`
}

// T returns the type without modifiers.
func T(id ID) Type { return Type{ID: id, Mod: -1} }

// ArrayOf returns the type of an array of e.
func ArrayOf(e Type) Type { return Type{ID: Array, Mod: -1, Elem: &e} }

// NumericPS returns numeric(precision, scale).
func NumericPS(precision, scale int) Type {
	return Type{ID: Numeric, Mod: int32(precision)<<16 | int32(scale)&0xffff}
}

// Phys returns the physical class of values of t.
func (t Type) Phys() Phys {
	switch t.ID {
	case Bool:
		return PhysBool
	case Int2, Int4, Int8, Date, Time, Timestamp, Timestamptz, OID, Regclass, Regtype, Regproc,
		Regnamespace, Regrole, Xid:
		return PhysInt
	case Float4, Float8:
		return PhysFloat
	default:
		return PhysBytes
	}
}

// Same tells whether t and u are the same type, modifiers ignored.
func (t Type) Same(u Type) bool {
	if t.ID != u.ID {
		return false
	}
	if t.ID == Array {
		return t.Elem == nil || u.Elem == nil || t.Elem.Same(*u.Elem)
	}
	return t.Ref == u.Ref && t.rel() == u.rel()
}

// Equal tells whether t and u are the same type with the same modifiers.
func (t Type) Equal(u Type) bool { return t.Same(u) && t.Mod == u.Mod }

// IsInteger tells whether t is smallint, integer or bigint.
func (t Type) IsInteger() bool { return t.ID == Int2 || t.ID == Int4 || t.ID == Int8 }

// IsNumber tells whether t is an integer, float or numeric type.
func (t Type) IsNumber() bool {
	return t.IsInteger() || t.ID == Float4 || t.ID == Float8 || t.ID == Numeric
}

// IsString tells whether t is one of the character types.
func (t Type) IsString() bool {
	return t.ID == Text || t.ID == Varchar || t.ID == Bpchar || t.ID == Name
}

// IsTime tells whether t is timestamp or timestamptz, the types that a window can be cut on.
func (t Type) IsTime() bool { return t.ID == Timestamp || t.ID == Timestamptz }

// Field is a named, typed column.
type Field struct {
	Name    string `json:"name"`
	Type    Type   `json:"type"`
	NotNull bool   `json:"notnull,omitempty"`
}

// Schema is an ordered list of columns.
type Schema []Field

// Types returns the column types in order.
func (s Schema) Types() []Type {
	out := make([]Type, len(s))
	for i, f := range s {
		out[i] = f.Type
	}
	return out
}

// Index returns the position of the column called name, or -1.
func (s Schema) Index(name string) int {
	for i, f := range s {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// Datum is one value outside a column: a literal, a parameter, a default. Which field holds it
// follows Type.Phys: B for Bool, I for Int, F for Float, S (in-column bytes) for Bytes.
type Datum struct {
	Type Type    `json:"type"`
	Null bool    `json:"null,omitempty"`
	B    bool    `json:"b,omitempty"`
	I    int64   `json:"i,omitempty"`
	F    float64 `json:"f,omitempty"`
	S    []byte  `json:"s,omitempty"`
}

// NullOf returns the NULL of type t.
func NullOf(t Type) Datum { return Datum{Type: t, Null: true} }

// TextDatum returns s as a text value.
func TextDatum(s string) Datum { return Datum{Type: T(Text), S: []byte(s)} }

// IntDatum returns v as a value of the integer-class type id.
func IntDatum(id ID, v int64) Datum { return Datum{Type: T(id), I: v} }

// BoolDatum returns v as a boolean value.
func BoolDatum(v bool) Datum { return Datum{Type: T(Bool), B: v} }

// FloatDatum returns v as a double precision value.
func FloatDatum(v float64) Datum { return Datum{Type: T(Float8), F: v} }

// Env holds the settings that text forms depend on. The zero Env means Postgres's defaults with
// time zone UTC.
type Env struct {
	Zone             *time.Location // nil = UTC
	DateStyle        string         // "" (ISO, default), "SQL", "German", "Postgres": how dates and times are shown
	DateOrder        string         // "MDY" (default), "DMY", "YMD": how ambiguous dates are read
	IntervalStyle    string         // "postgres" (default), "iso_8601", "sql_standard", "postgres_verbose"
	ByteaOutput      string         // "hex" (default), "escape"
	ExtraFloatDigits int            // kept for SHOW; floats always print shortest round-trip
	// Now is the transaction time that 'now' and 'today' mean, µs since 1970 UTC; 0 = the clock.
	Now int64
	// Lookup resolves names of catalogue objects for the reg* types; nil = numbers only.
	Lookup Lookup
}

// Lookup resolves reg* types against a catalogue snapshot.
type Lookup interface {
	// OIDByName returns the OID of the named object; kind is one of the reg* type IDs.
	OIDByName(kind ID, name string) (int64, error)
	// NameByOID returns the display name of the object, or "" when there is none.
	NameByOID(kind ID, oid int64) string
}

// Location returns the session's time zone.
func (e *Env) Location() *time.Location {
	if e == nil || e.Zone == nil {
		return time.UTC
	}
	return e.Zone
}
