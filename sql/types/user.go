package types

import (
	"bytes"
	"maps"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"

	"tidemill/sql/sqlerr"
)

// User is a type that CREATE TYPE made: an enum with its labels or a composite type with its fields.
// A Type refers to it by Ref. Definitions are immutable; ALTER TYPE publishes another one under the
// same Ref, so that plans, columns and running operators follow names and labels as they are now.
type User struct {
	// Ref identifies the type in plans and stored values for ever. It is drawn at random, because
	// several databases may be open in one process, and is never sent to a client.
	Ref           uint32
	OID, ArrayOID uint32
	Schema, Name  string
	Labels        []Label // of an enum, in their order
	Fields        []Field // of a composite type

	byName map[string][]byte
	byPos  map[string]string
}

// Label is a value of an enum. Pos is its place among the others and the in-column form of the value:
// bytes that never change while labels are added before and behind, and whose order is the enum's.
type Label struct {
	OID  uint32 `json:"oid"`
	Name string `json:"name"`
	Pos  []byte `json:"pos"`
}

// Row describes a Record that CREATE TYPE did not make: the row of a relation, which Rel is the id of,
// or of a subquery, and the fields that it has.
type Row struct {
	Rel    uint32  `json:"rel,omitempty"`
	Name   string  `json:"name,omitempty"`
	Fields []Field `json:"fields"`
}

// A Ref has the top bit set, which no OID of a built-in type has. Its low bits say what it refers to,
// so that a stored record can be read without the definition.
const (
	refBit       = uint32(1) << 31
	refArray     = uint32(2) // in a record's slot: an array of the type
	refComposite = uint32(1)
)

var (
	users     atomic.Pointer[map[uint32]*User]
	usersLock sync.Mutex
)

// NewRef draws the Ref of a new type from random numbers.
func NewRef(random func() uint32, composite bool) uint32 {
	for {
		ref := refBit | random()&^(refArray|refComposite)
		if composite {
			ref |= refComposite
		}
		if UserOf(ref) == nil {
			return ref
		}
	}
}

// Define makes a definition known to the process, in place of an older one of the same Ref.
func Define(u User) {
	u.byName, u.byPos = make(map[string][]byte, len(u.Labels)), make(map[string]string, len(u.Labels))
	for _, l := range u.Labels {
		u.byName[l.Name], u.byPos[string(l.Pos)] = l.Pos, l.Name
	}
	usersLock.Lock()
	defer usersLock.Unlock()
	next := map[uint32]*User{}
	if old := users.Load(); old != nil {
		next = maps.Clone(*old)
	}
	next[u.Ref] = &u
	users.Store(&next)
}

// UserOf returns the definition of a Ref, nil when there is none.
func UserOf(ref uint32) *User {
	if m := users.Load(); m != nil {
		return (*m)[ref]
	}
	return nil
}

// Type returns the type that u defines.
func (u *User) Type() Type {
	if u.Ref&refComposite != 0 {
		return Type{ID: Record, Mod: -1, Ref: u.Ref}
	}
	return Type{ID: Enum, Mod: -1, Ref: u.Ref}
}

// Value returns the in-column form of a label.
func (u *User) Value(label string) ([]byte, bool) {
	pos, ok := u.byName[label]
	return pos, ok
}

// LabelOf returns the label of a value.
func (u *User) LabelOf(pos []byte) (string, bool) {
	name, ok := u.byPos[string(pos)]
	return name, ok
}

// NoMod returns t without its modifier.
func (t Type) NoMod() Type {
	t.Mod = -1
	return t
}

// rel is the relation whose row t is, 0 for other types.
func (t Type) rel() uint32 {
	if t.Row == nil {
		return 0
	}
	return t.Row.Rel
}

// Fields returns the fields of a composite type; none when they are not known before there is a value.
func (t Type) Fields() []Field {
	switch {
	case t.ID != Record:
	case t.Row != nil:
		return t.Row.Fields
	case t.Ref != 0:
		if u := UserOf(t.Ref); u != nil {
			return u.Fields
		}
	}
	return nil
}

// Anonymous tells whether t is a record without a type of its own.
func (t Type) Anonymous() bool { return t.ID == Record && t.Ref == 0 && t.rel() == 0 }

// Refs calls f for the Ref of every type of CREATE TYPE that t is made of.
func (t Type) Refs(f func(ref uint32)) {
	if t.Elem != nil {
		t.Elem.Refs(f)
	}
	if t.Ref != 0 {
		f(t.Ref)
	}
	for _, field := range t.Fields() {
		field.Type.Refs(f)
	}
}

// Slot is how a stored record writes the type of a field, beside its modifier.
func Slot(t Type) uint32 {
	switch {
	case t.Ref != 0:
		return t.Ref
	case t.ID == Array && t.Elem != nil && t.Elem.Ref != 0:
		return t.Elem.Ref | refArray
	case t.ID == Record:
		return typeTable[Record].oid
	case t.ID == Array && t.Elem != nil && t.Elem.ID == Record:
		return typeTable[Record].array
	}
	return t.OID()
}

// SlotType returns the type that Slot wrote.
func SlotType(slot uint32, mod int32) (Type, bool) {
	if slot&refBit == 0 {
		return FromOID(slot, mod)
	}
	t := Type{ID: Enum, Mod: -1, Ref: slot &^ refArray}
	if slot&refComposite != 0 {
		t.ID = Record
	}
	if slot&refArray != 0 {
		return ArrayOf(t), true
	}
	return t, true
}

// parseEnum reads a label.
func parseEnum(t Type, s string) ([]byte, error) {
	u := UserOf(t.Ref)
	if u == nil {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "type of the value no longer exists")
	}
	if pos, ok := u.Value(s); ok {
		return pos, nil
	}
	return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input value for enum %s: \"%s\"", t, s)
}

// appendEnum appends the label of a value.
func appendEnum(dst []byte, d Datum) []byte {
	if u := UserOf(d.Type.Ref); u != nil {
		if name, ok := u.LabelOf(d.S); ok {
			return append(dst, name...)
		}
	}
	return dst
}

// A label's place is four bytes, counted in steps of labelStep from the middle of their range, and
// more bytes where labels were put between others so often that four do not tell them apart. None
// ends in a zero byte behind the first four, so that the order of the bytes is that of the numbers.
const (
	labelBytes = 4
	labelStep  = 1 << 8
)

// FirstLabels returns the places of n labels of a new enum.
func FirstLabels(n int) [][]byte {
	out := make([][]byte, n)
	var last []byte
	for i := range out {
		last = LabelBetween(last, nil)
		out[i] = last
	}
	return out
}

// LabelBetween returns a place between two others; nil stands for none on that side.
func LabelBetween(low, high []byte) []byte {
	switch {
	case low == nil && high == nil:
		return []byte{0x80, 0, 0, 0}
	case high == nil:
		return stepped(low, labelStep)
	case low == nil:
		return stepped(high, -labelStep)
	}
	width := max(len(low), len(high))
	for {
		a, b := placeNumber(low, width), placeNumber(high, width)
		mid := new(big.Int).Rsh(new(big.Int).Add(a, b), 1)
		if mid.Cmp(a) > 0 {
			out := mid.FillBytes(make([]byte, width))
			for len(out) > labelBytes && out[len(out)-1] == 0 {
				out = out[:len(out)-1]
			}
			return out
		}
		width++
	}
}

func placeNumber(pos []byte, width int) *big.Int {
	return new(big.Int).SetBytes(append(slices.Clone(pos), make([]byte, width-len(pos))...))
}

// stepped returns the place that is d away from the first four bytes of pos.
func stepped(pos []byte, d int64) []byte {
	n := placeNumber(pos[:labelBytes], labelBytes)
	return n.Add(n, big.NewInt(d)).FillBytes(make([]byte, labelBytes))
}

// SortLabels puts labels into their order.
func SortLabels(labels []Label) {
	slices.SortFunc(labels, func(a, b Label) int { return bytes.Compare(a.Pos, b.Pos) })
}
