package rows

import (
	"math/bits"
	"slices"

	"tidemill/sql/types"
)

// Bitmap is a validity bitmap in Arrow's bit order: bit i%64 of word i/64 is 1 when value i is not
// NULL. A nil Bitmap means that no value is NULL, the case every kernel should test for first.
type Bitmap []uint64

// NewBitmap returns a bitmap of n bits, all 1 when valid, else all 0.
func NewBitmap(n int, valid bool) Bitmap {
	b := make(Bitmap, (n+63)/64)
	if valid {
		for i := range b {
			b[i] = ^uint64(0)
		}
	}
	return b
}

// Get tells whether value i is not NULL. A nil bitmap says yes.
func (b Bitmap) Get(i int) bool { return b == nil || b[i>>6]>>(uint(i)&63)&1 != 0 }

// Clear makes value i NULL. The bitmap must not be nil.
func (b Bitmap) Clear(i int) { b[i>>6] &^= 1 << (uint(i) & 63) }

// Set makes value i not NULL. The bitmap must not be nil.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (uint(i) & 63) }

// CountNulls returns how many of the first n values are NULL.
func (b Bitmap) CountNulls(n int) int {
	if b == nil {
		return 0
	}
	valid := 0
	for i := 0; i < n>>6; i++ {
		valid += bits.OnesCount64(b[i])
	}
	if r := uint(n) & 63; r != 0 {
		valid += bits.OnesCount64(b[n>>6] & (1<<r - 1))
	}
	return n - valid
}

// AndBitmaps returns the bitmap of values that are valid in both a and b, for n values. It may
// return one of its arguments; treat the result as read-only.
func AndBitmaps(a, b Bitmap, n int) Bitmap {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := make(Bitmap, (n+63)/64)
	for i := range out {
		out[i] = a[i] & b[i]
	}
	return out
}

// Vec is a column: values of one type in Arrow-like buffers. Exactly the buffer of Type.Phys() is
// in use; the values of NULL rows are unspecified but readable (offsets stay monotone).
// A Vec inside a sealed Batch is never modified.
type Vec struct {
	Type  types.Type
	Valid Bitmap // nil = no NULLs

	B    []bool    // PhysBool
	I    []int64   // PhysInt
	F    []float64 // PhysFloat
	Off  []int32   // PhysBytes: len = rows+1; value i is Data[Off[i]:Off[i+1]]
	Data []byte
}

// Len returns the number of values.
func (v *Vec) Len() int {
	switch v.Type.Phys() {
	case types.PhysBool:
		return len(v.B)
	case types.PhysInt:
		return len(v.I)
	case types.PhysFloat:
		return len(v.F)
	default:
		if len(v.Off) == 0 {
			return 0
		}
		return len(v.Off) - 1
	}
}

// IsNull tells whether value i is NULL.
func (v *Vec) IsNull(i int) bool { return !v.Valid.Get(i) }

// Bytes returns value i of a PhysBytes column, a view into the column.
func (v *Vec) Bytes(i int) []byte { return v.Data[v.Off[i]:v.Off[i+1]] }

// Datum returns value i as a Datum. Bytes are a view into the column, not a copy.
func (v *Vec) Datum(i int) types.Datum {
	d := types.Datum{Type: v.Type}
	if v.IsNull(i) {
		d.Null = true
		return d
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		d.B = v.B[i]
	case types.PhysInt:
		d.I = v.I[i]
	case types.PhysFloat:
		d.F = v.F[i]
	default:
		d.S = v.Bytes(i)
	}
	return d
}

// Gather returns the values of v at the given rows, in that order, as a new column.
func (v *Vec) Gather(rows []int32) *Vec {
	out := &Vec{Type: v.Type}
	n := len(rows)
	if v.Valid != nil {
		out.Valid = NewBitmap(n, true)
		for i, r := range rows {
			if !v.Valid.Get(int(r)) {
				out.Valid.Clear(i)
			}
		}
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		out.B = make([]bool, n)
		for i, r := range rows {
			out.B[i] = v.B[r]
		}
	case types.PhysInt:
		out.I = make([]int64, n)
		for i, r := range rows {
			out.I[i] = v.I[r]
		}
	case types.PhysFloat:
		out.F = make([]float64, n)
		for i, r := range rows {
			out.F[i] = v.F[r]
		}
	default:
		size := 0
		for _, r := range rows {
			size += int(v.Off[r+1] - v.Off[r])
		}
		out.Off = make([]int32, n+1)
		out.Data = make([]byte, 0, size)
		for i, r := range rows {
			out.Data = append(out.Data, v.Data[v.Off[r]:v.Off[r+1]]...)
			out.Off[i+1] = int32(len(out.Data))
		}
	}
	return out
}

// Const returns a column of n copies of d, whose type becomes the column's.
func Const(d types.Datum, n int) *Vec {
	b := NewVecBuilder(d.Type, n)
	for range n {
		b.AppendDatum(d)
	}
	return b.Finish()
}

// SizeBytes returns the memory that the column's buffers hold, in bytes.
func (v *Vec) SizeBytes() int {
	return len(v.Valid)*8 + len(v.B) + len(v.I)*8 + len(v.F)*8 + len(v.Off)*4 + len(v.Data)
}

// Clone returns a copy that shares no buffers with v.
func (v *Vec) Clone() *Vec {
	out := &Vec{
		Type: v.Type, Valid: slices.Clone(v.Valid),
		B: slices.Clone(v.B), I: slices.Clone(v.I), F: slices.Clone(v.F),
	}
	if n := len(v.Off); n > 0 {
		base := v.Off[0]
		out.Off = slices.Clone(v.Off)
		out.Data = slices.Clone(v.Data[base:v.Off[n-1]])
		if base != 0 {
			for i := range out.Off {
				out.Off[i] -= base
			}
		}
	}
	return out
}

// slice returns values lo to hi as views; lo is a multiple of 64.
func (v *Vec) slice(lo, hi int) *Vec {
	out := &Vec{Type: v.Type}
	if v.Valid != nil {
		out.Valid = v.Valid[lo>>6 : (hi+63)>>6]
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		out.B = v.B[lo:hi]
	case types.PhysInt:
		out.I = v.I[lo:hi]
	case types.PhysFloat:
		out.F = v.F[lo:hi]
	default:
		out.Off, out.Data = v.Off[lo:hi+1], v.Data
	}
	return out
}
