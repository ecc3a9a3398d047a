package rows

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Key encoding: bytes whose order is SQL's order and whose equality is SQL's equality. Groups,
// joins, DISTINCT, partitions and every ordered index use it, in memory and on disk, so it is fixed
// for ever; golden tests hold it.
//
// A column is a tag byte and, when it is not NULL, its value:
//
//	tag      0x00 NULL that sorts first   0x01 value   0x02 NULL that sorts last
//	bool     0 or 1
//	int      8 bytes big endian, sign bit flipped
//	float    8 bytes big endian, sign bit flipped or, for negatives, all bits; −0 is 0 and there is
//	         one NaN, which is the greatest value
//	numeric  see appendKeyNumeric; equal values of different display scale are equal
//	interval its comparison value in microseconds (months of 30 days), 16 bytes big endian, flipped
//	uuid     its 16 bytes
//	array    see appendKeyArray
//	record   see appendKeyRecord
//	jsonb    see appendKeyJSON
//	others   the bytes with 0x00 written as 0x00 0xFF, then 0x00 0x01; char(n) without its padding
//
// A descending column has all of its bytes, the tag included, inverted. Escaping was chosen over
// groups of 8+1 bytes because text holds no zero byte: it costs two bytes a value, not one in eight.
const (
	tagNullFirst = 0x00
	tagValue     = 0x01
	tagNullLast  = 0x02

	signBit = uint64(1) << 63
)

// Order is the order of one key column. The zero Order is Postgres's default: ascending, NULLs last.
type Order struct {
	Desc       bool
	NullsFirst bool
}

// AppendKey appends value i of v in ascending order with NULLs last.
func AppendKey(dst []byte, v *Vec, i int) []byte {
	if v.Valid != nil && !v.Valid.Get(i) {
		return append(dst, tagNullLast)
	}
	return appendKeyValue(append(dst, tagValue), v, i)
}

// AppendKeyDesc appends value i of v in descending order with NULLs first.
func AppendKeyDesc(dst []byte, v *Vec, i int) []byte {
	return AppendKeyOrder(dst, v, i, Order{Desc: true, NullsFirst: true})
}

// AppendKeyOrder appends value i of v in the given order.
func AppendKeyOrder(dst []byte, v *Vec, i int, o Order) []byte {
	start := len(dst)
	switch {
	case v.Valid.Get(i):
		dst = appendKeyValue(append(dst, tagValue), v, i)
	case o.NullsFirst == o.Desc:
		dst = append(dst, tagNullLast) // turned round with the rest when descending
	default:
		dst = append(dst, tagNullFirst)
	}
	if o.Desc {
		for k := start; k < len(dst); k++ {
			dst[k] = ^dst[k]
		}
	}
	return dst
}

// AppendKeyDatum appends d as AppendKey does a column value.
func AppendKeyDatum(dst []byte, d types.Datum) []byte {
	if d.Null {
		return append(dst, tagNullLast)
	}
	dst = append(dst, tagValue)
	switch d.Type.Phys() {
	case types.PhysBool:
		return appendKeyBool(dst, d.B)
	case types.PhysInt:
		return binary.BigEndian.AppendUint64(dst, uint64(d.I)^signBit)
	case types.PhysFloat:
		return binary.BigEndian.AppendUint64(dst, floatKey(d.F))
	}
	return appendKeyBytes(dst, d.Type, d.S)
}

func appendKeyValue(dst []byte, v *Vec, i int) []byte {
	switch v.Type.Phys() {
	case types.PhysInt:
		return binary.BigEndian.AppendUint64(dst, uint64(v.I[i])^signBit)
	case types.PhysFloat:
		return binary.BigEndian.AppendUint64(dst, floatKey(v.F[i]))
	case types.PhysBool:
		return appendKeyBool(dst, v.B[i])
	}
	return appendKeyBytes(dst, v.Type, v.Bytes(i))
}

func appendKeyBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// floatKey maps floats to integers of the same order.
func floatKey(f float64) uint64 {
	if f == 0 {
		return signBit // −0 too
	}
	if f != f {
		return math.MaxUint64
	}
	u := math.Float64bits(f)
	if u&signBit != 0 {
		return ^u
	}
	return u | signBit
}

func floatOfKey(u uint64) float64 {
	switch {
	case u == math.MaxUint64:
		return math.NaN()
	case u&signBit != 0:
		return math.Float64frombits(u &^ signBit)
	}
	return math.Float64frombits(^u)
}

func appendKeyBytes(dst []byte, t types.Type, s []byte) []byte {
	switch t.ID {
	case types.Numeric:
		return appendKeyNumeric(dst, s)
	case types.Interval:
		return appendKeyInterval(dst, s)
	case types.UUID:
		if len(s) == 16 {
			return append(dst, s...)
		}
		return append(dst, make([]byte, 16)...)
	case types.Array, types.Int2Vector, types.OIDVector:
		return appendKeyArray(dst, t, s)
	case types.Record:
		return appendKeyRecord(dst, s)
	case types.JSONB:
		return appendKeyJSON(dst, s)
	case types.Bpchar:
		s = bytes.TrimRight(s, " ")
	}
	return appendEscaped(dst, s)
}

func appendEscaped(dst, s []byte) []byte {
	for {
		z := bytes.IndexByte(s, 0)
		if z < 0 {
			break
		}
		dst = append(dst, s[:z+1]...)
		dst = append(dst, 0xFF)
		s = s[z+1:]
	}
	dst = append(dst, s...)
	return append(dst, 0x00, 0x01)
}

func keyCorrupt() error { return sqlerr.New(sqlerr.DataCorrupted, "malformed key") }

// DecodeKey appends the leading columns of an ascending key to the builders, one value to each, and
// returns what follows them. Values come out in canonical form: 1.00 as 1, −0 as 0, an interval of
// 30 days as one of a month's length in days. After an error the builders may be of unequal length.
func DecodeKey(ts []types.Type, key []byte, out []*VecBuilder) (rest []byte, err error) {
	for i, t := range ts {
		if key, err = decodeKeyColumn(t, key, 0, out[i]); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// DecodeKeyOrder is DecodeKey for columns of the given orders.
func DecodeKeyOrder(ts []types.Type, orders []Order, key []byte, out []*VecBuilder) (rest []byte, err error) {
	for i, t := range ts {
		mask := byte(0)
		if orders[i].Desc {
			mask = 0xFF
		}
		if key, err = decodeKeyColumn(t, key, mask, out[i]); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// decodeKeyColumn decodes one column whose bytes are xored with mask.
func decodeKeyColumn(t types.Type, key []byte, mask byte, out *VecBuilder) ([]byte, error) {
	if len(key) == 0 {
		return nil, keyCorrupt()
	}
	switch key[0] ^ mask {
	case tagNullFirst, tagNullLast:
		out.AppendNull()
		return key[1:], nil
	case tagValue:
	default:
		return nil, keyCorrupt()
	}
	key = key[1:]
	switch t.Phys() {
	case types.PhysBool:
		if len(key) < 1 {
			return nil, keyCorrupt()
		}
		out.AppendBool(key[0]^mask != 0)
		return key[1:], nil
	case types.PhysInt:
		if len(key) < 8 {
			return nil, keyCorrupt()
		}
		out.AppendInt(int64(keyWord(key, mask) ^ signBit))
		return key[8:], nil
	case types.PhysFloat:
		if len(key) < 8 {
			return nil, keyCorrupt()
		}
		out.AppendFloat(floatOfKey(keyWord(key, mask)))
		return key[8:], nil
	}
	buf, rest, ok := decodeKeyBytes(out.Scratch(), t, key, mask)
	if !ok {
		return nil, keyCorrupt()
	}
	out.CommitScratch(buf)
	return rest, nil
}

func keyWord(key []byte, mask byte) uint64 {
	w := binary.BigEndian.Uint64(key)
	if mask != 0 {
		w = ^w
	}
	return w
}

// decodeKeyBytes appends the canonical value to dst.
func decodeKeyBytes(dst []byte, t types.Type, key []byte, mask byte) (out, rest []byte, ok bool) {
	switch t.ID {
	case types.Numeric:
		return decodeKeyNumeric(dst, key, mask)
	case types.Interval:
		return decodeKeyInterval(dst, key, mask)
	case types.UUID:
		if len(key) < 16 {
			return dst, nil, false
		}
		for _, b := range key[:16] {
			dst = append(dst, b^mask)
		}
		return dst, key[16:], true
	case types.Array, types.Int2Vector, types.OIDVector:
		return decodeKeyArray(dst, t, key, mask)
	case types.Record:
		return decodeKeyRecord(dst, t, key, mask)
	case types.JSONB:
		return decodeKeyJSON(dst, key, mask)
	}
	start := len(dst)
	dst, rest, ok = decodeEscaped(dst, key, mask)
	if ok && t.ID == types.Bpchar && t.Mod > 0 {
		for n := utf8.RuneCount(dst[start:]); n < int(t.Mod); n++ {
			dst = append(dst, ' ')
		}
	}
	return dst, rest, ok
}

func decodeEscaped(dst, key []byte, mask byte) (out, rest []byte, ok bool) {
	for i := 0; i+1 < len(key); i++ {
		if key[i]^mask != 0 {
			continue
		}
		dst = appendMasked(dst, key[:i], mask)
		switch key[i+1] ^ mask {
		case 0x01:
			return dst, key[i+2:], true
		case 0xFF:
			dst = append(dst, 0)
			key = key[i+2:]
			i = -1
		default:
			return dst, nil, false
		}
	}
	return dst, nil, false
}

func appendMasked(dst, s []byte, mask byte) []byte {
	if mask == 0 {
		return append(dst, s...)
	}
	for _, b := range s {
		dst = append(dst, b^mask)
	}
	return dst
}
