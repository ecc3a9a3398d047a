package agg

import (
	"bytes"
	"encoding/binary"

	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Elem encodes one element of a sorted multiset: the arguments of one row of an aggregate call, so
// that byte order is the call's order. There are two forms:
//
//	plain  the key encoding of the arguments, when it keeps them exactly (no 1.0 beside 1.00)
//	full   ORDER BY columns, arguments (both as keys), the arguments' exact row encoding, its length
//	       as 4 bytes big endian; the exact part makes retractions find the very value, and breaks ties
type Elem struct {
	argTypes []types.Type
	order    []plan.SortKey
	plain    bool
	codec    *rows.RowCodec
}

// NewElem returns the encoder of elements with arguments of these types.
func NewElem(argTypes []types.Type, order []plan.SortKey) *Elem {
	e := &Elem{argTypes: argTypes, order: order, plain: len(order) == 0, codec: rows.NewRowCodec(argTypes)}
	for _, t := range argTypes {
		e.plain = e.plain && exact(t)
	}
	return e
}

// Append appends the element of row i. args are the argument columns, in the batch's columns, which
// only ORDER BY needs.
func (e *Elem) Append(dst []byte, args, in []*rows.Vec, i int) []byte {
	for _, o := range e.order {
		dst = rows.AppendKeyOrder(dst, in[o.Col], i, rows.Order{Desc: o.Desc, NullsFirst: o.NullsFirst})
	}
	for _, v := range args {
		dst = rows.AppendKey(dst, v, i)
	}
	if e.plain {
		return dst
	}
	start := len(dst)
	dst = e.codec.Append(dst, args, i)
	return binary.BigEndian.AppendUint32(dst, uint32(len(dst)-start))
}

// Key returns the part of an element without ORDER BY that is the same for equal arguments.
func (e *Elem) Key(elem []byte) []byte {
	if e.plain {
		return elem
	}
	body := len(elem) - 4
	return elem[:body-int(binary.BigEndian.Uint32(elem[body:]))]
}

// Decode appends the arguments in an element to out.
func (e *Elem) Decode(elem []byte, out []*rows.VecBuilder) error {
	if e.plain {
		_, err := rows.DecodeKey(e.argTypes, elem, out)
		return err
	}
	body := len(elem) - 4
	return e.codec.Decode(elem[body-int(binary.BigEndian.Uint32(elem[body:])):body], out)
}

// Builders returns empty builders for Decode.
func (e *Elem) Builders(n int) []*rows.VecBuilder {
	out := make([]*rows.VecBuilder, len(e.argTypes))
	for i, t := range e.argTypes {
		out[i] = rows.NewVecBuilder(t, n)
	}
	return out
}

// Less tells whether element a sorts before b.
func (e *Elem) Less(a, b []byte) bool { return bytes.Compare(a, b) < 0 }

// exact tells whether the key encoding of t loses nothing.
func exact(t types.Type) bool {
	switch t.Phys() {
	case types.PhysBool, types.PhysInt:
		return true
	case types.PhysFloat:
		return false // −0
	}
	switch t.ID {
	case types.Text, types.Varchar, types.Name, types.Bytea, types.UUID, types.Enum:
		return true
	}
	return false
}

// canonical returns column v with every selected value in the form that stands for all equal ones.
func canonical(v *rows.Vec, in *rows.Batch) *rows.Vec {
	ts := []types.Type{v.Type}
	out := []*rows.VecBuilder{rows.NewVecBuilder(v.Type, in.N)}
	var buf []byte
	next := 0
	for k := range in.Len() {
		r := in.Row(k)
		for ; next < r; next++ {
			out[0].AppendNull()
		}
		next = r + 1
		buf = rows.AppendKey(buf[:0], v, r)
		if _, err := rows.DecodeKey(ts, buf, out); err != nil {
			return v // a value that its own encoder cannot read back: leave it as it is
		}
	}
	for ; next < in.N; next++ {
		out[0].AppendNull()
	}
	return out[0].Finish()
}
