package rows

import (
	"encoding/binary"
	"math"
	"math/big"

	"tidemill/sql/types"
)

const microsPerDay = 86400e6

func appendKeyInterval(dst, s []byte) []byte { return types.IntervalKey(dst, s) }

// decodeKeyInterval gives the interval of that length in days and time of day, with months only
// where the days would not fit.
func decodeKeyInterval(dst, key []byte, mask byte) (out, rest []byte, ok bool) {
	if len(key) < 16 {
		return dst, nil, false
	}
	hi, lo := int64(keyWord(key, mask)^signBit), keyWord(key[8:], mask)
	var v types.IntervalValue
	if hi == int64(lo)>>63 {
		v.Days, v.Micros = int32(int64(lo)/microsPerDay), int64(lo)%microsPerDay
	} else {
		span := new(big.Int).Lsh(big.NewInt(hi), 64)
		span.Add(span, new(big.Int).SetUint64(lo))
		micros := new(big.Int)
		span.QuoRem(span, big.NewInt(microsPerDay), micros)
		days := span.Int64()
		if days != clamp32(days) {
			months := clamp32(days / 30)
			v.Months, days = int32(months), days-months*30
		}
		// Near the ends of the range neither months nor days hold all; the clock takes the rest.
		whole := clamp32(days)
		v.Days, v.Micros = int32(whole), micros.Int64()+(days-whole)*microsPerDay
	}
	return types.AppendInterval(dst, v), key[16:], true
}

func clamp32(x int64) int64 { return min(max(x, math.MinInt32), math.MaxInt32) }

// The key form of an array: its elements as key columns, 0x00, the number of dimensions, the length
// of each when there is more than one, and the lower bounds: the order in which Postgres compares.
func appendKeyArray(dst []byte, t types.Type, s []byte) []byte {
	elems, err := types.ArrayElems(vectorElem(t), s)
	dims := types.ArrayDims(s)
	if err != nil {
		dims = nil
	}
	for _, e := range elems {
		dst = AppendKeyDatum(dst, e)
	}
	dst = append(dst, 0x00, byte(len(dims)))
	for _, d := range dims {
		if len(dims) > 1 {
			dst = binary.BigEndian.AppendUint32(dst, uint32(d.Len))
		}
	}
	for _, d := range dims {
		dst = binary.BigEndian.AppendUint32(dst, uint32(int32(d.Lower))^1<<31)
	}
	return dst
}

// vectorElem returns the element type of an array or catalogue vector.
func vectorElem(t types.Type) types.Type {
	switch {
	case t.Elem != nil:
		return *t.Elem
	case t.ID == types.Int2Vector:
		return types.T(types.Int2)
	case t.ID == types.OIDVector:
		return types.T(types.OID)
	}
	return types.T(types.Text)
}

func decodeKeyArray(dst []byte, t types.Type, key []byte, mask byte) (out, rest []byte, ok bool) {
	elems, key, ok := decodeKeyElems(vectorElem(t), key, mask)
	if !ok || len(key) < 1 {
		return dst, nil, false
	}
	dims := make([]types.ArrayDim, key[0]^mask)
	if key = key[1:]; len(dims) > types.ArrayMaxDims {
		return dst, nil, false
	}
	words := len(dims)
	if len(dims) > 1 {
		words *= 2
	}
	if len(key) < words*4 {
		return dst, nil, false
	}
	word := func() uint32 {
		w := binary.BigEndian.Uint32(key)
		key = key[4:]
		return w ^ uint32(mask)*0x01010101
	}
	n := 1
	for i := range dims {
		dims[i].Len = len(elems)
		if len(dims) > 1 {
			dims[i].Len = int(word())
		}
		n *= dims[i].Len
	}
	for i := range dims {
		dims[i].Lower = int(int32(word() ^ 1<<31))
	}
	if len(dims) > 0 && n != len(elems) {
		return dst, nil, false
	}
	return types.AppendArrayDims(dst, dims, elems), key, true
}

// decodeKeyElems reads key columns of one type up to the closing 0x00.
func decodeKeyElems(elem types.Type, key []byte, mask byte) (elems []types.Datum, rest []byte, ok bool) {
	b := NewVecBuilder(elem, 8)
	for len(key) > 0 {
		if key[0]^mask == 0x00 {
			v := b.Finish()
			for i := range v.Len() {
				elems = append(elems, v.Datum(i))
			}
			return elems, key[1:], true
		}
		var err error
		if key, err = decodeKeyColumn(elem, key, mask, b); err != nil {
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// The key form of a record: the number of fields, their types (types.Slot), and the fields as key columns.
// Only records of equal types are ever compared, so the types in front do not disturb the order.
func appendKeyRecord(dst, s []byte) []byte {
	fields, err := types.RecordFields(s)
	if err != nil {
		fields = nil
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(fields)))
	for _, f := range fields {
		dst = binary.BigEndian.AppendUint32(dst, types.Slot(f.Type))
	}
	for _, f := range fields {
		dst = AppendKeyDatum(dst, f)
	}
	return dst
}

func decodeKeyRecord(dst []byte, t types.Type, key []byte, mask byte) (out, rest []byte, ok bool) {
	if len(key) < 2 {
		return dst, nil, false
	}
	m16, m32 := uint16(mask)*0x0101, uint32(mask)*0x01010101
	n := int(binary.BigEndian.Uint16(key) ^ m16)
	if key = key[2:]; len(key) < n*4 {
		return dst, nil, false
	}
	fields, known := make([]types.Datum, n), t.Fields()
	cols := key[n*4:]
	for i := range fields {
		t, ok := types.SlotType(binary.BigEndian.Uint32(key[i*4:])^m32, -1)
		if !ok {
			return dst, nil, false
		}
		if len(known) == n && known[i].Type.ID == t.ID {
			t = known[i].Type // with its modifier
		}
		b := NewVecBuilder(t, 1)
		var err error
		if cols, err = decodeKeyColumn(t, cols, mask, b); err != nil {
			return dst, nil, false
		}
		fields[i] = b.Finish().Datum(0)
	}
	return types.AppendRecord(dst, fields), cols, true
}
