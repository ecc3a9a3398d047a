package rows

import (
	"encoding/binary"
	"math"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Row encoding: the exact bytes of a row, for Z-set identity and for storage. Unlike the key
// encoding it keeps 1.00 apart from 1.0. Equal rows have equal bytes and the other way round.
//
//	format byte (1)
//	null bitmap: bit i%8 of byte i/8 is 1 when column i is NULL
//	fixed section: bool 1 byte, 2- and 4-byte integer types 2 or 4, other ints and floats 8, little
//	  endian, in column order; NULLs take no room
//	var section: uvarint length and bytes of each Bytes column, in column order; NULLs take no room
const rowFormat = 1

// RowCodec encodes and decodes rows of one list of types.
type RowCodec struct {
	width []uint8 // bytes in the fixed section; 0 = var section
	phys  []types.Phys
	nulls int  // length of the null bitmap
	vars  bool // has a var section
	dates []bool
}

// NewRowCodec returns the codec of rows of the given column types.
func NewRowCodec(ts []types.Type) *RowCodec {
	c := &RowCodec{width: make([]uint8, len(ts)), phys: make([]types.Phys, len(ts)), nulls: (len(ts) + 7) / 8, dates: make([]bool, len(ts))}
	for i, t := range ts {
		c.phys[i] = t.Phys()
		switch {
		case c.phys[i] == types.PhysBool:
			c.width[i] = 1
		case c.phys[i] == types.PhysBytes:
			c.vars = true
		case t.ID == types.Int2:
			c.width[i] = 2
		case t.ID == types.Int4 || t.ID == types.Date:
			c.width[i], c.dates[i] = 4, t.ID == types.Date
		default:
			c.width[i] = 8
		}
	}
	return c
}

// AppendRow appends the encoding of row i of b. Encoding many rows is faster with a RowCodec.
func AppendRow(dst []byte, b *Batch, i int) []byte {
	return NewRowCodec(b.Schema.Types()).Append(dst, b.Cols, i)
}

// Append appends the encoding of row i of cols.
func (c *RowCodec) Append(dst []byte, cols []*Vec, i int) []byte {
	dst = append(dst, rowFormat)
	nulls := len(dst)
	for range c.nulls {
		dst = append(dst, 0)
	}
	for k, v := range cols {
		if v.Valid != nil && !v.Valid.Get(i) {
			dst[nulls+k>>3] |= 1 << (k & 7)
			continue
		}
		switch c.width[k] {
		case 8:
			if c.phys[k] == types.PhysInt {
				dst = binary.LittleEndian.AppendUint64(dst, uint64(v.I[i]))
			} else {
				dst = binary.LittleEndian.AppendUint64(dst, floatBits(v.F[i]))
			}
		case 4:
			dst = binary.LittleEndian.AppendUint32(dst, uint32(narrow(v.I[i])))
		case 2:
			dst = binary.LittleEndian.AppendUint16(dst, uint16(v.I[i]))
		case 1:
			dst = appendKeyBool(dst, v.B[i])
		}
	}
	if !c.vars {
		return dst
	}
	for k, v := range cols {
		if c.width[k] != 0 || v.Valid != nil && !v.Valid.Get(i) {
			continue
		}
		s := v.Data[v.Off[i]:v.Off[i+1]]
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

// narrow is the form in four bytes: infinite dates are the ends of the range, which no finite date is.
func narrow(v int64) int32 {
	switch v {
	case types.TimeInfinity:
		return math.MaxInt32
	case types.TimeNegInfinity:
		return math.MinInt32
	}
	return int32(v)
}

// wideDate is what narrow made v of.
func wideDate(v int64) int64 {
	switch v {
	case math.MaxInt32:
		return types.TimeInfinity
	case math.MinInt32:
		return types.TimeNegInfinity
	}
	return v
}

// floatBits gives all NaNs the same bits, so that they are one row.
func floatBits(f float64) uint64 {
	if f != f {
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(f)
}

// AppendRows encodes the given rows of cols (nil = rows 0…n-1) into buf, replacing what it holds.
func (c *RowCodec) AppendRows(cols []*Vec, rws []int32, n int, buf *KeyBuf) {
	if rws != nil {
		n = len(rws)
	}
	buf.reset(n, n*(1+c.nulls+10*len(cols)))
	data, off := buf.Data, buf.Off[:n+1]
	for k := range n {
		i := k
		if rws != nil {
			i = int(rws[k])
		}
		data = c.Append(data, cols, i)
		off[k+1] = int32(len(data))
	}
	buf.Data, buf.Off = data, off
}

// DecodeRow appends the row encoded in data to the columns of out; the caller then ends the row.
// After an error out has to be aborted with AbortRow.
func DecodeRow(ts []types.Type, data []byte, out *Builder) error {
	return NewRowCodec(ts).Decode(data, out.Cols)
}

func rowCorrupt() error { return sqlerr.New(sqlerr.DataCorrupted, "malformed row") }

// Int returns the value of one column of an encoded row; ok is false when it is NULL. The column has
// values of the class int64.
func (c *RowCodec) Int(data []byte, col int) (v int64, ok bool) {
	nulls, p := data[1:1+c.nulls], data[1+c.nulls:]
	if nulls[col>>3]>>(col&7)&1 != 0 {
		return 0, false
	}
	for k, w := range c.width[:col] {
		if nulls[k>>3]>>(k&7)&1 == 0 {
			p = p[w:]
		}
	}
	switch c.width[col] {
	case 8:
		return int64(binary.LittleEndian.Uint64(p)), true
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(p))), true
	}
	return int64(int16(binary.LittleEndian.Uint16(p))), true
}

// Decode appends one value to each of out.
func (c *RowCodec) Decode(data []byte, out []*VecBuilder) error {
	if len(data) < 1+c.nulls || data[0] != rowFormat {
		return rowCorrupt()
	}
	nulls, p := data[1:1+c.nulls], data[1+c.nulls:]
	for k, w := range c.width {
		if nulls[k>>3]>>(k&7)&1 != 0 {
			out[k].AppendNull()
			continue
		}
		if len(p) < int(w) {
			return rowCorrupt()
		}
		switch w {
		case 8:
			if x := binary.LittleEndian.Uint64(p); c.phys[k] == types.PhysInt {
				out[k].AppendInt(int64(x))
			} else {
				out[k].AppendFloat(math.Float64frombits(x))
			}
		case 4:
			x := int64(int32(binary.LittleEndian.Uint32(p)))
			if c.dates[k] {
				x = wideDate(x)
			}
			out[k].AppendInt(x)
		case 2:
			out[k].AppendInt(int64(int16(binary.LittleEndian.Uint16(p))))
		case 1:
			out[k].AppendBool(p[0] != 0)
		}
		p = p[w:]
	}
	if c.vars {
		return c.decodeVars(nulls, p, out)
	}
	if len(p) != 0 {
		return rowCorrupt()
	}
	return nil
}

func (c *RowCodec) decodeVars(nulls, p []byte, out []*VecBuilder) error {
	for k, w := range c.width {
		if w != 0 || nulls[k>>3]>>(k&7)&1 != 0 {
			continue
		}
		n, s := uint64(0), 0
		if len(p) > 0 && p[0] < 0x80 {
			n, s = uint64(p[0]), 1
		} else if n, s = binary.Uvarint(p); s <= 0 {
			return rowCorrupt()
		}
		if n > uint64(len(p)-s) {
			return rowCorrupt()
		}
		out[k].AppendBytes(p[s : s+int(n)])
		p = p[s+int(n):]
	}
	if len(p) != 0 {
		return rowCorrupt()
	}
	return nil
}
