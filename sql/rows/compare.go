package rows

import (
	"bytes"
	"cmp"

	"tidemill/sql/types"
)

// Compare compares value i of v with value j of w by SQL's order; both are of the same type and
// not NULL. Its order is that of the key encoding.
func Compare(v *Vec, i int, w *Vec, j int) int {
	switch v.Type.Phys() {
	case types.PhysInt:
		return cmp.Compare(v.I[i], w.I[j])
	case types.PhysFloat:
		return CompareFloat(v.F[i], w.F[j])
	case types.PhysBool:
		return compareBool(v.B[i], w.B[j])
	}
	return CompareBytes(v.Type, v.Bytes(i), w.Bytes(j))
}

// CompareDatum is Compare for values outside a column; NULL is greater than everything else.
func CompareDatum(a, b types.Datum) int {
	if a.Null || b.Null {
		return compareBool(a.Null, b.Null)
	}
	switch a.Type.Phys() {
	case types.PhysInt:
		return cmp.Compare(a.I, b.I)
	case types.PhysFloat:
		return CompareFloat(a.F, b.F)
	case types.PhysBool:
		return compareBool(a.B, b.B)
	}
	return CompareBytes(a.Type, a.S, b.S)
}

// CompareFloat orders floats as Postgres does: −0 equals 0, NaN equals NaN and is the greatest.
func CompareFloat(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	}
	return compareBool(x != x, y != y)
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}

// CompareBytes compares two values of a type of the Bytes class.
func CompareBytes(t types.Type, a, b []byte) int {
	switch t.ID {
	case types.Numeric:
		return types.NumericCmp(a, b)
	case types.Interval:
		return types.IntervalCmp(a, b)
	case types.Bpchar:
		return bytes.Compare(bytes.TrimRight(a, " "), bytes.TrimRight(b, " "))
	case types.Array, types.Int2Vector, types.OIDVector, types.Record, types.JSONB:
		return compareNested(t, a, b)
	}
	return bytes.Compare(a, b)
}

// compareNested compares by the key encoding, which defines the order of these types. Most
// comparisons are decided by the bytes being the same.
func compareNested(t types.Type, a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	var x, y [128]byte
	return bytes.Compare(appendKeyBytes(x[:0], t, a), appendKeyBytes(y[:0], t, b))
}
