package agg

import (
	"bytes"
	"math"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Acc is the accumulator of a Set by itself, outside of any group.
type Acc struct {
	Fixed []byte
	Tails [][]byte
}

// NewAcc returns an empty accumulator.
func (s *Set) NewAcc() *Acc {
	return &Acc{Fixed: make([]byte, s.FixedSize), Tails: make([][]byte, s.Tails)}
}

// Clear empties the accumulator.
func (a *Acc) Clear() {
	clear(a.Fixed)
	for i := range a.Tails {
		a.Tails[i] = a.Tails[i][:0]
	}
}

// Mergeable tells whether MergeAcc can merge accumulators of every call.
func (s *Set) Mergeable() bool {
	for _, f := range s.Funcs {
		if f.Class == Ordered || f.Class != Extreme && f.Spec.Merge == nil {
			return false
		}
	}
	return true
}

// MergeAcc adds the accumulators of src to those of dst. All calls must be mergeable.
func (s *Set) MergeAcc(dst, src *Acc) {
	for _, f := range s.Funcs {
		switch f.Class {
		case Fixed:
			st := dst.Fixed[f.Off : f.Off+f.Size]
			copy(st, f.Spec.Merge(st, src.Fixed[f.Off:f.Off+f.Size]))
		case Var:
			t, part := &dst.Tails[f.Tail], src.Tails[f.Tail]
			switch {
			case len(part) == 0:
			case len(*t) == 0:
				*t = append(*t, part...) // Merge might keep part, which is not ours
			default:
				*t = f.Spec.Merge(*t, part)
			}
		case Extreme:
			if part := src.Tails[f.Tail]; len(part) > 0 {
				f.better(&dst.Tails[f.Tail], part)
			}
		}
	}
}

// Identical tells whether value i of v and value j of w are the same in every bit that can be seen.
func Identical(v *rows.Vec, i int, w *rows.Vec, j int) bool {
	if v.IsNull(i) || w.IsNull(j) {
		return v.IsNull(i) && w.IsNull(j)
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		return v.B[i] == w.B[j]
	case types.PhysInt:
		return v.I[i] == w.I[j]
	case types.PhysFloat:
		x, y := v.F[i], w.F[j]
		return x == y && math.Signbit(x) == math.Signbit(y) || x != x && y != y
	}
	return bytes.Equal(v.Bytes(i), w.Bytes(j))
}
