package rows

import (
	"encoding/binary"
	"math"
	"unsafe"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Packed form of a batch: its columns one after the other, buffers copied as they are (little
// endian machines only write and read memory). Append-only views keep their rows in such chunks.
//
//	format byte (1), flags (1 = has weights), uvarint rows, uvarint columns
//	per column: kind byte (physical class, +16 with validity), width byte, validity words,
//	  then bools as bytes; ints in the narrowest of 1, 2, 4, 8 bytes that holds all of them; floats;
//	  or uvarint data length, offsets as 4 bytes, data
//	weights as 8 bytes
const (
	packFormat  = 1
	packWeights = 1
	packValid   = 16
)

// AppendBatch appends the packed form of b. A selection is applied first.
func AppendBatch(dst []byte, b *Batch) []byte {
	b = b.Compact()
	flags := byte(0)
	if b.W != nil {
		flags |= packWeights
	}
	dst = append(dst, packFormat, flags)
	dst = binary.AppendUvarint(dst, uint64(b.N))
	dst = binary.AppendUvarint(dst, uint64(len(b.Cols)))
	for _, v := range b.Cols {
		dst = appendPacked(dst, v, b.N)
	}
	if b.W != nil {
		dst = appendRaw(dst, b.W[:b.N])
	}
	return dst
}

func appendPacked(dst []byte, v *Vec, n int) []byte {
	kind := byte(v.Type.Phys())
	if v.Valid.CountNulls(n) > 0 {
		kind |= packValid
	}
	width := byte(8)
	if v.Type.Phys() == types.PhysInt {
		width = intWidth(v.I[:n])
	}
	dst = append(dst, kind, width)
	if kind&packValid != 0 {
		dst = appendRaw(dst, v.Valid[:(n+63)/64])
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		return appendRaw(dst, v.B[:n])
	case types.PhysInt:
		return appendInts(dst, v.I[:n], width)
	case types.PhysFloat:
		return appendRaw(dst, v.F[:n])
	}
	lo, hi := v.Off[0], v.Off[n]
	dst = binary.AppendUvarint(dst, uint64(hi-lo))
	if lo == 0 {
		dst = appendRaw(dst, v.Off[1:n+1])
	} else {
		for _, o := range v.Off[1 : n+1] {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(o-lo))
		}
	}
	return append(dst, v.Data[lo:hi]...)
}

// intWidth returns the bytes that every one of xs fits.
func intWidth(xs []int64) byte {
	var m uint64
	for _, x := range xs {
		m |= uint64(x ^ x>>63) // magnitude bits, sign taken out
	}
	switch {
	case m < 1<<7:
		return 1
	case m < 1<<15:
		return 2
	case m < 1<<31:
		return 4
	}
	return 8
}

func appendInts(dst []byte, xs []int64, width byte) []byte {
	if width == 8 {
		return appendRaw(dst, xs)
	}
	p := len(dst)
	dst = append(dst, make([]byte, len(xs)*int(width))...)
	out := dst[p:]
	switch width {
	case 1:
		for i, x := range xs {
			out[i] = byte(x)
		}
	case 2:
		for i, x := range xs {
			binary.LittleEndian.PutUint16(out[i*2:], uint16(x))
		}
	default:
		for i, x := range xs {
			binary.LittleEndian.PutUint32(out[i*4:], uint32(x))
		}
	}
	return dst
}

// appendRaw appends the memory of xs.
func appendRaw[T bool | int32 | int64 | uint64 | float64](dst []byte, xs []T) []byte {
	if len(xs) == 0 {
		return dst
	}
	return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(xs))), len(xs)*int(unsafe.Sizeof(xs[0])))...)
}

// unpacker reads a packed batch; the first mistake sets bad and all later reads give nothing.
type unpacker struct {
	p   []byte
	bad bool
}

// DecodeBatch reads a packed batch whose columns have the schema's types. The result shares no
// memory with data.
func DecodeBatch(schema types.Schema, data []byte) (*Batch, error) {
	u := &unpacker{p: data}
	format, flags := u.byte(), u.byte()
	n, cols := u.length(math.MaxInt32), u.length(math.MaxInt32)
	if u.bad || format != packFormat || cols != len(schema) {
		return nil, sqlerr.New(sqlerr.DataCorrupted, "malformed batch header")
	}
	b := &Batch{Schema: schema, N: n, Cols: make([]*Vec, cols)}
	for i, f := range schema {
		b.Cols[i] = u.column(f.Type, n)
	}
	if flags&packWeights != 0 {
		b.W = readRaw[int64](u, n)
	}
	if u.bad || len(u.p) != 0 {
		return nil, sqlerr.New(sqlerr.DataCorrupted, "malformed batch")
	}
	return b, nil
}

func (u *unpacker) column(t types.Type, n int) *Vec {
	v := &Vec{Type: t}
	kind, width := u.byte(), u.byte()
	if u.bad || types.Phys(kind&^packValid) != t.Phys() {
		u.bad = true
		return v
	}
	if kind&packValid != 0 {
		v.Valid = readRaw[uint64](u, (n+63)/64)
	}
	switch t.Phys() {
	case types.PhysBool:
		// Bytes other than 0 and 1 must not become Go booleans.
		raw := u.take(n)
		v.B = make([]bool, len(raw))
		for i, x := range raw {
			v.B[i] = x != 0
		}
	case types.PhysInt:
		v.I = u.ints(n, width)
	case types.PhysFloat:
		v.F = readRaw[float64](u, n)
	default:
		u.bytesColumn(v, n)
	}
	return v
}

func (u *unpacker) bytesColumn(v *Vec, n int) {
	size := u.length(math.MaxInt32)
	raw := u.take(n * 4)
	v.Off = make([]int32, n+1)
	if u.bad {
		return
	}
	last := int32(0)
	for i := range n {
		o := int32(binary.LittleEndian.Uint32(raw[i*4:]))
		if o < last || int(o) > size {
			u.bad = true
			return
		}
		v.Off[i+1], last = o, o
	}
	v.Data = append([]byte(nil), u.take(size)...)
	u.bad = u.bad || int(last) != size
}

func (u *unpacker) ints(n int, width byte) []int64 {
	if width == 8 {
		return readRaw[int64](u, n)
	}
	raw := u.take(n * int(width))
	if u.bad {
		return nil
	}
	out := make([]int64, n)
	switch width {
	case 1:
		for i := range out {
			out[i] = int64(int8(raw[i]))
		}
	case 2:
		for i := range out {
			out[i] = int64(int16(binary.LittleEndian.Uint16(raw[i*2:])))
		}
	case 4:
		for i := range out {
			out[i] = int64(int32(binary.LittleEndian.Uint32(raw[i*4:])))
		}
	default:
		u.bad = true
	}
	return out
}

func (u *unpacker) take(n int) []byte {
	if u.bad || n < 0 || n > len(u.p) {
		u.bad = true
		return nil
	}
	out := u.p[:n]
	u.p = u.p[n:]
	return out
}

func (u *unpacker) byte() byte {
	if b := u.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (u *unpacker) length(limit uint64) int {
	x, s := binary.Uvarint(u.p)
	if u.bad || s <= 0 || x > limit {
		u.bad = true
		return 0
	}
	u.p = u.p[s:]
	return int(x)
}

// readRaw reads n values as memory; the input may be unaligned, so it is copied as bytes.
func readRaw[T int64 | uint64 | float64](u *unpacker, n int) []T {
	raw := u.take(n * 8)
	if u.bad || n == 0 {
		return nil
	}
	out := make([]T, n)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(out))), n*8), raw)
	return out
}
