package types

import (
	"encoding/binary"

	"tidemill/sql/sqlerr"
)

// The in-column form of an array is
//
//	ndim u8, then per dimension length uvarint and lower bound varint, then per element in row-major
//	order its length+1 as uvarint (0 = NULL) and its bytes
//
// and an empty array is the single byte 0. Element bytes follow the element's physical class: bool
// one byte, integers and floats eight bytes little endian (floats as their bits), Bytes as they are.
//
// A record has the same form with one dimension, preceded by each field's type: see AppendRecord.

// ArrayDim is one dimension of an array.
type ArrayDim struct {
	Len   int
	Lower int
}

// ArrayMaxDims is the greatest number of dimensions.
const ArrayMaxDims = 6

// AppendElem appends one value in element form, or NULL.
func AppendElem(dst []byte, d Datum) []byte {
	if d.Null {
		return append(dst, 0)
	}
	switch d.Type.Phys() {
	case PhysBool:
		b := byte(0)
		if d.B {
			b = 1
		}
		return append(dst, 2, b)
	case PhysInt:
		return binary.LittleEndian.AppendUint64(append(dst, 9), uint64(d.I))
	case PhysFloat:
		return binary.LittleEndian.AppendUint64(append(dst, 9), floatBits(d.F))
	}
	dst = binary.AppendUvarint(dst, uint64(len(d.S))+1)
	return append(dst, d.S...)
}

func badArray() error { return sqlerr.New(sqlerr.DataCorrupted, "malformed array value") }

// readElem decodes one element; its bytes are a view into b.
func readElem(t Type, b []byte) (d Datum, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k)+1 {
		return d, nil, badArray()
	}
	b = b[k:]
	if n == 0 {
		return NullOf(t), b, nil
	}
	v, rest := b[:n-1], b[n-1:]
	d.Type = t
	switch t.Phys() {
	case PhysBool:
		if len(v) != 1 {
			return d, nil, badArray()
		}
		d.B = v[0] != 0
	case PhysInt, PhysFloat:
		if len(v) != 8 {
			return d, nil, badArray()
		}
		u := binary.LittleEndian.Uint64(v)
		if t.Phys() == PhysInt {
			d.I = int64(u)
		} else {
			d.F = floatFromBits(u)
		}
	default:
		d.S = v
	}
	return d, rest, nil
}

// AppendArray appends the one-dimensional array of elems, with lower bound 1.
func AppendArray(dst []byte, elems []Datum) []byte {
	return AppendArrayDims(dst, []ArrayDim{{Len: len(elems), Lower: 1}}, elems)
}

// AppendArrayDims appends an array; the product of the dimensions is len(elems).
func AppendArrayDims(dst []byte, dims []ArrayDim, elems []Datum) []byte {
	dst = appendArrayHead(dst, dims, len(elems))
	for _, e := range elems {
		dst = AppendElem(dst, e)
	}
	return dst
}

func appendArrayHead(dst []byte, dims []ArrayDim, n int) []byte {
	if n == 0 {
		return append(dst, 0)
	}
	dst = append(dst, byte(len(dims)))
	for _, d := range dims {
		dst = binary.AppendUvarint(dst, uint64(d.Len))
		dst = binary.AppendVarint(dst, int64(d.Lower))
	}
	return dst
}

// ArrayHead decodes an array's dimensions and returns the bytes of its elements.
func ArrayHead(b []byte) (dims []ArrayDim, n int, body []byte, err error) {
	if len(b) == 0 {
		return nil, 0, nil, badArray()
	}
	nd := int(b[0])
	b = b[1:]
	if nd == 0 {
		return nil, 0, b, nil
	}
	if nd > ArrayMaxDims {
		return nil, 0, nil, badArray()
	}
	dims = make([]ArrayDim, nd)
	n = 1
	for i := range dims {
		l, k := binary.Uvarint(b)
		if k <= 0 || l > uint64(len(b)) {
			return nil, 0, nil, badArray()
		}
		low, k2 := binary.Varint(b[k:])
		if k2 <= 0 {
			return nil, 0, nil, badArray()
		}
		dims[i] = ArrayDim{Len: int(l), Lower: int(low)}
		b = b[k+k2:]
		if n *= int(l); n > len(b)+1<<20 {
			return nil, 0, nil, badArray()
		}
	}
	return dims, n, b, nil
}

// ArrayDims returns an array's dimensions, none for an empty or malformed one.
func ArrayDims(b []byte) []ArrayDim {
	dims, _, _, _ := ArrayHead(b)
	return dims
}

// ArrayElems decodes the elements of an array of type t (the array type or, when it is not an
// array, the element type) in row-major order. Their bytes are views into b.
func ArrayElems(t Type, b []byte) ([]Datum, error) {
	elem := t
	if t.ID == Array && t.Elem != nil {
		elem = *t.Elem
	}
	_, n, body, err := ArrayHead(b)
	if err != nil {
		return nil, err
	}
	if n > len(body) {
		return nil, badArray()
	}
	out := make([]Datum, n)
	for i := range out {
		if out[i], body, err = readElem(elem, body); err != nil {
			return nil, err
		}
	}
	if len(body) != 0 {
		return nil, badArray()
	}
	return out, nil
}

// ArrayDatum returns the one-dimensional array of elems as a value.
func ArrayDatum(elem Type, elems []Datum) Datum {
	return Datum{Type: ArrayOf(elem), S: AppendArray(nil, elems)}
}

// The in-column form of a record is the field count as uvarint, then per field the OID of its type,
// or what Slot gives, and its modifier (uint32 LE each) followed by the value in element form.

// AppendRecord appends a record of the given values.
func AppendRecord(dst []byte, fields []Datum) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(fields)))
	for _, f := range fields {
		dst = binary.LittleEndian.AppendUint32(dst, Slot(f.Type))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(f.Type.WireMod()))
		dst = AppendElem(dst, f)
	}
	return dst
}

func badRecord() error { return sqlerr.New(sqlerr.DataCorrupted, "malformed record value") }

// RecordFields decodes a record. Bytes are views into b.
func RecordFields(b []byte) ([]Datum, error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)) {
		return nil, badRecord()
	}
	b = b[k:]
	out := make([]Datum, n)
	for i := range out {
		if len(b) < 8 {
			return nil, badRecord()
		}
		t, ok := SlotType(binary.LittleEndian.Uint32(b), int32(binary.LittleEndian.Uint32(b[4:])))
		if !ok {
			return nil, badRecord()
		}
		var err error
		if out[i], b, err = readElem(t, b[8:]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// TypedFields is RecordFields with the fields' types, names and modifiers included, as t has them.
func TypedFields(t Type, b []byte) ([]Datum, error) {
	out, err := RecordFields(b)
	if known := t.Fields(); len(known) == len(out) {
		for i := range out {
			out[i].Type = known[i].Type
		}
	}
	return out, err
}

// RecordField decodes field i of a record, whose bytes are a view into b.
func RecordField(b []byte, i int) (Datum, error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || uint64(i) >= n {
		return Datum{}, badRecord()
	}
	for b = b[k:]; i > 0; i-- {
		if len(b) < 8 {
			return Datum{}, badRecord()
		}
		size, k := binary.Uvarint(b[8:])
		if k <= 0 || size > uint64(len(b)-8-k)+1 {
			return Datum{}, badRecord()
		}
		b = b[8+k+max(int(size), 1)-1:]
	}
	if len(b) < 8 {
		return Datum{}, badRecord()
	}
	t, ok := SlotType(binary.LittleEndian.Uint32(b), int32(binary.LittleEndian.Uint32(b[4:])))
	if !ok {
		return Datum{}, badRecord()
	}
	d, _, err := readElem(t, b[8:])
	return d, err
}

// RecordNulls tells whether all fields of a record are NULL (want true) or none is (want false).
func RecordNulls(b []byte, want bool) (bool, error) {
	n, k := binary.Uvarint(b)
	if k <= 0 {
		return false, badRecord()
	}
	b = b[k:]
	for range n {
		if len(b) < 9 {
			return false, badRecord()
		}
		size, k := binary.Uvarint(b[8:])
		if k <= 0 || size > uint64(len(b)-8-k)+1 {
			return false, badRecord()
		}
		if (size == 0) != want {
			return false, nil
		}
		b = b[8+k+max(int(size), 1)-1:]
	}
	return true, nil
}
