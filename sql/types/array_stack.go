package types

import (
	"slices"

	"tidemill/sql/sqlerr"
)

// StackArrays appends the array whose slices are the given arrays, as array_agg and ARRAY(SELECT …)
// make it: they must be there, of one shape and not empty. No arrays give the empty one.
func StackArrays(dst []byte, parts []Datum) ([]byte, error) {
	if len(parts) == 0 {
		return AppendArray(dst, nil), nil
	}
	var dims []ArrayDim
	var elems []Datum
	for i, d := range parts {
		if d.Null {
			return dst, sqlerr.New(sqlerr.NullValueNotAllowed, "cannot accumulate null arrays")
		}
		own, err := ArrayElems(d.Type, d.S)
		if err != nil {
			return dst, err
		}
		switch have := ArrayDims(d.S); {
		case i == 0 && len(have) == 0:
			return dst, sqlerr.New("2202E", "cannot accumulate empty arrays")
		case i == 0:
			dims = have
		case !slices.EqualFunc(dims, have, func(a, b ArrayDim) bool { return a.Len == b.Len }):
			return dst, sqlerr.New("2202E", "cannot accumulate arrays of different dimensionality")
		}
		elems = append(elems, own...)
	}
	if len(dims) >= ArrayMaxDims {
		return dst, sqlerr.New(sqlerr.ProgramLimitExceeded, "number of array dimensions (%d) exceeds the maximum allowed (%d)", len(dims)+1, ArrayMaxDims)
	}
	return AppendArrayDims(dst, append([]ArrayDim{{Len: len(parts), Lower: 1}}, dims...), elems), nil
}
