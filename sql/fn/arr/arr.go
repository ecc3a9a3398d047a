// Package arr registers the functions and operators on arrays: size, subscripts, building,
// searching, containment and unnest.
//
// Elements compare with types.Equal, so NaN equals NaN and two NULLs are the same element where
// Postgres says IS NOT DISTINCT FROM.
package arr

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const family = "Array"

var (
	int4T = types.T(types.Int4)
	boolT = types.T(types.Bool)
	textT = types.T(types.Text)
	anyA  = fn.AnyArray
	anyE  = fn.AnyElement
)

func sig(ts ...types.Type) []types.Type { return ts }

func spec(name string, strict bool, args []types.Type, ret types.Type, k fn.Kernel, summary string, examples ...string) {
	s := fn.Scalar{Name: name, Args: args, Ret: ret, Strict: strict, Kernel: k, Family: family, Summary: summary}
	for i := 0; i+1 < len(examples); i += 2 {
		s.Examples = append(s.Examples, fn.Example{SQL: examples[i], Result: examples[i+1]})
	}
	fn.RegisterScalar(s)
}

// rowsOf makes a kernel whose result type is that of argument k, or its element type.
func rowsOf(k int, elem, strict bool, f func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		t := args[k].Type
		if elem {
			t = elemOf(t)
		}
		return fn.Rowwise(t, strict, f)(c, args, sel, n)
	}
}

func elemOf(t types.Type) types.Type {
	switch {
	case t.Elem != nil:
		return *t.Elem
	case t.ID == types.Int2Vector:
		return types.T(types.Int2)
	case t.ID == types.OIDVector:
		return types.T(types.OID)
	}
	return textT
}

// array is a decoded array; a NULL one is empty.
type array struct {
	dims  []types.ArrayDim
	elems []types.Datum
}

func load(v *rows.Vec, i int) (array, error) {
	if v.IsNull(i) {
		return array{}, nil
	}
	return decode(v.Datum(i))
}

func decode(d types.Datum) (array, error) {
	if d.Null {
		return array{}, nil
	}
	elems, err := types.ArrayElems(elemOf(d.Type), d.S)
	return array{types.ArrayDims(d.S), elems}, err
}

func (a array) append(out *rows.VecBuilder) {
	out.CommitScratch(types.AppendArrayDims(out.Scratch(), a.dims, a.elems))
}

// row makes the dimension of a one-dimensional array of n elements.
func row(n, lower int) []types.ArrayDim { return []types.ArrayDim{{Len: n, Lower: lower}} }

// dimension makes a kernel that reads one dimension of an array.
func dimension(f func(d types.ArrayDim) int) fn.Kernel {
	return fn.Rowwise(int4T, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		dims := types.ArrayDims(args[0].Bytes(i))
		if n := args[1].I[i]; n >= 1 && n <= int64(len(dims)) {
			out.AppendInt(int64(f(dims[n-1])))
		}
		return nil
	})
}

func init() {
	spec("array_length", true, sig(anyA, int4T), int4T, dimension(func(d types.ArrayDim) int { return d.Len }),
		"Returns the length of a dimension; NULL when there is none.", "select array_length(array[1,2,3], 1)", "3")
	spec("array_lower", true, sig(anyA, int4T), int4T, dimension(func(d types.ArrayDim) int { return d.Lower }),
		"Returns the lower bound of a dimension.", "select array_lower('[0:2]={1,2,3}'::integer[], 1)", "0")
	spec("array_upper", true, sig(anyA, int4T), int4T, dimension(func(d types.ArrayDim) int { return d.Lower + d.Len - 1 }),
		"Returns the upper bound of a dimension.", "select array_upper(array[1,8,3,7], 1)", "4")
	spec("cardinality", true, sig(anyA), int4T, fn.OfBytes(int4T, func(b []byte) int64 {
		_, n, _, _ := types.ArrayHead(b)
		return int64(n)
	}), "Counts the elements of all dimensions.", "select cardinality(array[[1,2],[3,4]])", "4")
	spec("array_ndims", true, sig(anyA), int4T, fn.Rowwise(int4T, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		if n := len(types.ArrayDims(args[0].Bytes(i))); n > 0 {
			out.AppendInt(int64(n))
		}
		return nil
	}), "Returns the number of dimensions; NULL for an empty array.", "select array_ndims(array[[1,2,3],[4,5,6]])", "2")
	spec("array_dims", true, sig(anyA), textT, fn.Rowwise(textT, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		dims := types.ArrayDims(args[0].Bytes(i))
		if len(dims) > 0 {
			out.CommitScratch(types.AppendArrayBounds(out.Scratch(), dims))
		}
		return nil
	}), "Returns the bounds of the dimensions as text.", "select array_dims(array[[1,2,3],[4,5,6]])", "[1:2][1:3]")
	registerBuild()
	registerSearch()
	registerTables()
	spec("array_subscript", true, sig(anyA, int4T), anyE, rowsOf(0, true, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		a, err := load(args[0], i)
		if err != nil || len(a.dims) != 1 {
			return err
		}
		if k := args[1].I[i] - int64(a.dims[0].Lower); k >= 0 && k < int64(len(a.elems)) {
			out.AppendDatum(a.elems[k])
		}
		return nil
	}), "Returns an element of a one-dimensional array, NULL when there is none: a[i].", "select (array[10,20,30])[2]", "20")
	spec("array_slice", false, sig(anyA, int4T, int4T), anyA, rowsOf(0, false, false, slice),
		"Returns part of an array: a[low:high]. A bound that is NULL makes the result NULL.", "select (array[10,20,30])[2:3]", "{20,30}")
	for d := 2; d <= 6; d++ {
		bounds := sig(anyA)
		for range 2 * d {
			bounds = append(bounds, int4T)
		}
		spec("array_slice", false, bounds, anyA, rowsOf(0, false, false, slice),
			"Returns part of an array of several dimensions: a[low:high][low:high].", "select (array[[1,2],[3,4]])[1:2][2:2]", "{{2},{4}}")
	}
	// A subscript in several dimensions arrives as the list of its indices.
	spec("array_subscript", true, sig(anyA, int4T, int4T), anyE, rowsOf(0, true, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		a, err := load(args[0], i)
		if err != nil || len(a.dims) != 2 {
			return err
		}
		r, c := args[1].I[i]-int64(a.dims[0].Lower), args[2].I[i]-int64(a.dims[1].Lower)
		if r >= 0 && r < int64(a.dims[0].Len) && c >= 0 && c < int64(a.dims[1].Len) {
			out.AppendDatum(a.elems[r*int64(a.dims[1].Len)+c])
		}
		return nil
	}), "Returns an element of a two-dimensional array: a[i][j].", "select (array[[1,2],[3,4]])[2][1]", "3")
}

func slice(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
	for _, a := range args {
		if a.IsNull(i) {
			return nil
		}
	}
	a, err := load(args[0], i)
	if err != nil {
		return err
	}
	bounds := args[1:]
	if len(bounds)/2 > len(a.dims) {
		array{}.append(out)
		return nil
	}
	from, n := make([]int, len(a.dims)), make([]int, len(a.dims))
	dims := make([]types.ArrayDim, len(a.dims))
	for k, d := range a.dims {
		lo, hi := int64(d.Lower), int64(d.Lower+d.Len-1)
		if 2*k < len(bounds) {
			lo, hi = max(bounds[2*k].I[i], lo), min(bounds[2*k+1].I[i], hi)
		}
		if lo > hi {
			array{}.append(out)
			return nil
		}
		from[k], n[k] = int(lo)-d.Lower, int(hi-lo)+1
		dims[k] = types.ArrayDim{Len: n[k], Lower: 1}
	}
	array{dims, part(a.elems, a.dims, from, n, nil)}.append(out)
	return nil
}

// part appends the elements of a rectangle of an array.
func part(elems []types.Datum, dims []types.ArrayDim, from, n []int, out []types.Datum) []types.Datum {
	if len(dims) == 0 {
		return append(out, elems...)
	}
	stride := len(elems) / dims[0].Len
	for i := from[0]; i < from[0]+n[0]; i++ {
		out = part(elems[i*stride:(i+1)*stride], dims[1:], from[1:], n[1:], out)
	}
	return out
}

func notOneDim(what string) error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "%s", what)
}
