package arr

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func registerSearch() {
	for _, start := range []bool{false, true} {
		args, ex, res := sig(anyA, anyE), "select array_position(array['sun','mon','tue'], 'mon')", "2"
		if start {
			args, ex, res = sig(anyA, anyE, int4T), "select array_position(array[1,2,1], 1, 2)", "3"
		}
		spec("array_position", false, args, int4T, fn.Rowwise(int4T, false, position), "Returns the subscript of the first element equal to a value, NULL when there is none.", ex, res)
	}
	intsT := types.ArrayOf(int4T)
	spec("array_positions", false, sig(anyA, anyE), intsT, fn.Rowwise(intsT, false, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		if args[0].IsNull(i) {
			return nil
		}
		a, err := load(args[0], i)
		if err != nil {
			return err
		}
		if len(a.dims) > 1 {
			return notOneDim("searching for elements in multidimensional arrays is not supported")
		}
		d := args[1].Datum(i)
		var at []types.Datum
		for k, e := range a.elems {
			if types.Equal(e, d) {
				at = append(at, types.IntDatum(types.Int4, int64(k+a.dims[0].Lower)))
			}
		}
		out.CommitScratch(types.AppendArray(out.Scratch(), at))
		return nil
	}), "Returns the subscripts of all elements equal to a value.", "select array_positions(array['A','A','B','A'], 'A')", "{1,2,4}")
	relation := func(f func(x, y []types.Datum) bool) fn.Kernel {
		return fn.Rowwise(boolT, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
			x, err := load(args[0], i)
			if err != nil {
				return err
			}
			y, err := load(args[1], i)
			if err == nil {
				out.AppendBool(f(x.elems, y.elems))
			}
			return err
		})
	}
	spec("@>", true, sig(anyA, anyA), boolT, relation(containsAll), "Tells whether an array has all elements of another; NULLs never match.", "select array[1,4,3] @> array[3,1,3]", "t")
	spec("<@", true, sig(anyA, anyA), boolT, relation(func(x, y []types.Datum) bool { return containsAll(y, x) }),
		"Tells whether all elements of an array are in another.", "select array[2,2,7] <@ array[1,7,4,2,6]", "t")
	spec("&&", true, sig(anyA, anyA), boolT, relation(func(x, y []types.Datum) bool {
		for _, d := range y {
			if has(x, d) {
				return true
			}
		}
		return false
	}), "Tells whether two arrays have an element in common.", "select array[1,4,3] && array[2,1]", "t")
}

func has(x []types.Datum, d types.Datum) bool {
	if d.Null {
		return false
	}
	for _, e := range x {
		if !e.Null && types.Equal(e, d) {
			return true
		}
	}
	return false
}

func containsAll(x, y []types.Datum) bool {
	for _, d := range y {
		if !has(x, d) {
			return false
		}
	}
	return true
}

func position(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
	if args[0].IsNull(i) {
		return nil
	}
	a, err := load(args[0], i)
	if err != nil || len(a.dims) == 0 {
		return err
	}
	if len(a.dims) > 1 {
		return notOneDim("searching for elements in multidimensional arrays is not supported")
	}
	first := 0
	if len(args) > 2 {
		if args[2].IsNull(i) {
			return sqlerr.New(sqlerr.NullValueNotAllowed, "initial position must not be null")
		}
		first = max(int(args[2].I[i])-a.dims[0].Lower, 0)
	}
	d := args[1].Datum(i)
	for k := first; k < len(a.elems); k++ {
		if types.Equal(a.elems[k], d) {
			out.AppendInt(int64(k + a.dims[0].Lower))
			return nil
		}
	}
	return nil
}

func registerTables() {
	fn.RegisterTable(fn.Table{Name: "unnest", Args: sig(anyA), Columns: []types.Field{{Name: "unnest", Type: anyE}},
		Family: family, Summary: "Returns the elements of an array as rows.",
		Examples: []fn.Example{{SQL: "select unnest from unnest(array[1,2])", Result: "1\n2"}},
		Rows: func(_ *fn.Ctx, args []types.Datum, out *rows.Builder) error {
			a, err := decode(args[0])
			for _, e := range a.elems {
				out.Cols[0].AppendDatum(e)
				out.EndRow(1)
			}
			return err
		}})
	for n := 2; n <= 3; n++ {
		fn.RegisterTable(fn.Table{Name: "generate_subscripts", Args: sig(anyA, int4T, boolT)[:n],
			Columns: []types.Field{{Name: "generate_subscripts", Type: int4T}},
			Family:  family, Summary: "Returns the subscripts of a dimension of an array, in reverse when the third argument is true.",
			Examples: []fn.Example{{SQL: "select generate_subscripts from generate_subscripts(array[10,20], 1)", Result: "1\n2"}},
			Rows: func(_ *fn.Ctx, args []types.Datum, out *rows.Builder) error {
				for _, a := range args {
					if a.Null {
						return nil
					}
				}
				dims := types.ArrayDims(args[0].S)
				k := args[1].I
				if k < 1 || k > int64(len(dims)) {
					return nil
				}
				d := dims[k-1]
				for i := range d.Len {
					v := d.Lower + i
					if len(args) > 2 && args[2].B {
						v = d.Lower + d.Len - 1 - i
					}
					out.Cols[0].AppendInt(int64(v))
					out.EndRow(1)
				}
				return nil
			}})
	}
}
