package arr

import (
	"slices"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// maxElems bounds what array_fill makes.
const maxElems = 1<<27 - 1

func init() {
	ints := types.ArrayOf(int4T)
	for n := 2; n <= 3; n++ {
		fill := func(c *fn.Ctx, args []*rows.Vec, sel []int32, rowCount int) *rows.Vec {
			return fn.Rowwise(types.ArrayOf(args[0].Type), false, filled)(c, args, sel, rowCount)
		}
		example, result := "select array_fill(11, array[2,3])", "{{11,11,11},{11,11,11}}"
		if n == 3 {
			example, result = "select array_fill(7, array[3], array[2])", "[2:4]={7,7,7}"
		}
		spec("array_fill", false, sig(anyE, ints, ints)[:n], anyA, fill, "Makes an array of given lengths, and lower bounds, filled with a value.", example, result)
	}
}

func filled(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
	for _, a := range args[1:] {
		if a.IsNull(i) {
			return sqlerr.New(sqlerr.NullValueNotAllowed, "dimension array or low bound array cannot be null")
		}
	}
	lengths, err := load(args[1], i)
	if err != nil {
		return err
	}
	for _, a := range args[1:] {
		list, err := load(a, i)
		if err != nil {
			return err
		}
		if len(list.dims) == 1 && slices.ContainsFunc(list.elems, func(d types.Datum) bool { return d.Null }) {
			return sqlerr.New(sqlerr.NullValueNotAllowed, "dimension values cannot be null")
		}
	}
	bad := func(format string, a ...any) error { return sqlerr.New("2202E", format, a...) }
	if len(lengths.dims) > 1 {
		return bad("wrong number of array subscripts")
	}
	var lowers array
	if len(args) > 2 {
		if lowers, err = load(args[2], i); err != nil {
			return err
		}
		if len(lowers.dims) > 1 || len(lowers.elems) != len(lengths.elems) {
			return bad("wrong number of array subscripts")
		}
	}
	if len(lengths.elems) > 6 {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "number of array dimensions (%d) exceeds the maximum allowed (%d)", len(lengths.elems), 6)
	}
	var dims []types.ArrayDim
	total := int64(1)
	for k, l := range lengths.elems {
		d := types.ArrayDim{Len: int(l.I), Lower: 1}
		if lowers.elems != nil {
			d.Lower = int(lowers.elems[k].I)
		}
		dims = append(dims, d)
		if total *= max(l.I, 0); total > maxElems {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", maxElems)
		}
		if l.I < 0 {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", maxElems)
		}
	}
	if total == 0 || len(dims) == 0 {
		array{}.append(out)
		return nil
	}
	elems := make([]types.Datum, total)
	v := args[0].Datum(i)
	for k := range elems {
		elems[k] = v
	}
	array{dims, elems}.append(out)
	return nil
}
