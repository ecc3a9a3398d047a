package arr

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func registerBuild() {
	push := func(a, e int) fn.Kernel {
		return rowsOf(a, false, false, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
			x, err := load(args[a], i)
			if err != nil {
				return err
			}
			d := args[e].Datum(i)
			switch {
			case len(x.dims) == 0:
				array{row(1, 1), []types.Datum{d}}.append(out)
			case len(x.dims) > 1:
				return sqlerr.New("22000", "argument must be empty or one-dimensional array")
			case a == 0:
				array{row(len(x.elems)+1, x.dims[0].Lower), append(x.elems, d)}.append(out)
			default: // prepending keeps the lower bound
				array{row(len(x.elems)+1, x.dims[0].Lower), append([]types.Datum{d}, x.elems...)}.append(out)
			}
			return nil
		})
	}
	cat := rowsOf(0, false, false, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		if args[0].IsNull(i) && args[1].IsNull(i) {
			return nil
		}
		x, err := load(args[0], i)
		if err != nil {
			return err
		}
		y, err := load(args[1], i)
		if err != nil {
			return err
		}
		joined, err := concat(x, y)
		if err == nil {
			joined.append(out)
		}
		return err
	})
	const app, pre, join = "Appends an element to an array.", "Prepends an element to an array.", "Joins two arrays."
	spec("array_append", false, sig(anyA, anyE), anyA, push(0, 1), app, "select array_append(array[1,2], 3)", "{1,2,3}")
	spec("array_prepend", false, sig(anyE, anyA), anyA, push(1, 0), pre, "select array_prepend(1, array[2,3])", "{1,2,3}")
	spec("array_cat", false, sig(anyA, anyA), anyA, cat, join, "select array_cat(array[1,2,3], array[4,5])", "{1,2,3,4,5}")
	spec("||", false, sig(anyA, anyE), anyA, push(0, 1), app, "select array[4,5,6] || 7", "{4,5,6,7}")
	spec("||", false, sig(anyE, anyA), anyA, push(1, 0), pre, "select 3 || array[4,5,6]", "{3,4,5,6}")
	spec("||", false, sig(anyA, anyA), anyA, cat, join, "select array[1,2,3] || array[[4,5,6],[7,8,9.9]]", "{{1,2,3},{4,5,6},{7,8,9.9}}")
	registerReplace()
}

// registerReplace registers the functions that take elements out or exchange them.
func registerReplace() {
	spec("array_remove", false, sig(anyA, anyE), anyA, rowsOf(0, false, false, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		if args[0].IsNull(i) {
			return nil
		}
		a, err := load(args[0], i)
		if err != nil {
			return err
		}
		if len(a.dims) > 1 {
			return notOneDim("removing elements from multidimensional arrays is not supported")
		}
		d, kept := args[1].Datum(i), a.elems[:0]
		for _, e := range a.elems {
			if !types.Equal(e, d) {
				kept = append(kept, e)
			}
		}
		if len(kept) == 0 {
			array{}.append(out)
			return nil
		}
		array{row(len(kept), a.dims[0].Lower), kept}.append(out)
		return nil
	}), "Removes all elements equal to a value.", "select array_remove(array[1,2,3,2], 2)", "{1,3}")
	spec("array_replace", false, sig(anyA, anyE, anyE), anyA, rowsOf(0, false, false, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		if args[0].IsNull(i) {
			return nil
		}
		a, err := load(args[0], i)
		if err != nil {
			return err
		}
		from, to := args[1].Datum(i), args[2].Datum(i)
		for k, e := range a.elems {
			if types.Equal(e, from) {
				a.elems[k] = to
			}
		}
		a.append(out)
		return nil
	}), "Replaces all elements equal to a value.", "select array_replace(array[1,2,5,4], 5, 3)", "{1,2,3,4}")
	spec("trim_array", true, sig(anyA, int4T), anyA, rowsOf(0, false, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		a, err := load(args[0], i)
		if err != nil {
			return err
		}
		n, have := args[1].I[i], 0
		if len(a.dims) > 0 {
			have = a.dims[0].Len
		}
		if n < 0 || n > int64(have) {
			return sqlerr.New("2202E", "number of elements to trim must be between 0 and %d", have)
		}
		if int64(have) == n {
			array{}.append(out)
			return nil
		}
		stride := len(a.elems) / have
		a.dims[0].Len -= int(n)
		a.elems = a.elems[:a.dims[0].Len*stride]
		for k := range a.dims {
			a.dims[k].Lower = 1
		}
		a.append(out)
		return nil
	}), "Cuts elements off the end of an array.", "select trim_array(array[1,2,3,4,5,6], 2)", "{1,2,3,4}")
}

// concat joins two arrays of the same number of dimensions, or one with an element of the other.
func concat(x, y array) (array, error) {
	switch {
	case len(x.dims) == 0:
		return y, nil
	case len(y.dims) == 0:
		return x, nil
	}
	bad := func(detail string) error {
		return sqlerr.New("2202E", "cannot concatenate incompatible arrays").WithDetail("%s", detail)
	}
	sameTail := func(a, b []types.ArrayDim) bool {
		for k := range a {
			if a[k] != b[k] {
				return false
			}
		}
		return true
	}
	out := array{elems: append(x.elems[:len(x.elems):len(x.elems)], y.elems...)}
	switch len(x.dims) - len(y.dims) {
	case 0:
		if !sameTail(x.dims[1:], y.dims[1:]) {
			return out, bad("Arrays with differing element dimensions are not compatible for concatenation.")
		}
		out.dims = append([]types.ArrayDim(nil), x.dims...)
		out.dims[0].Len += y.dims[0].Len
	case 1:
		if !sameTail(x.dims[1:], y.dims) {
			return out, bad("Arrays with differing dimensions are not compatible for concatenation.")
		}
		out.dims = append([]types.ArrayDim(nil), x.dims...)
		out.dims[0].Len++
	case -1:
		if !sameTail(x.dims, y.dims[1:]) {
			return out, bad("Arrays with differing dimensions are not compatible for concatenation.")
		}
		out.dims = append([]types.ArrayDim(nil), y.dims...)
		out.dims[0].Len++
	default:
		return out, bad("Arrays of different dimensions are not compatible for concatenation.")
	}
	return out, nil
}
