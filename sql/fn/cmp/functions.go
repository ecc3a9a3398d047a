package cmp

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	fn.RegisterScalar(fn.Scalar{
		Name: "greatest", Args: []types.Type{fn.AnyElement}, Variadic: true, Ret: fn.AnyElement,
		Kernel: extreme(1), Family: family, Summary: "Returns the greatest of its arguments, NULLs left out.",
		Examples: []fn.Example{{SQL: "SELECT greatest(1, 3, NULL, 2)", Result: "3"}},
	})
	fn.RegisterScalar(fn.Scalar{
		Name: "least", Args: []types.Type{fn.AnyElement}, Variadic: true, Ret: fn.AnyElement,
		Kernel: extreme(-1), Family: family, Summary: "Returns the least of its arguments, NULLs left out.",
		Examples: []fn.Example{{SQL: "SELECT least('b', 'a', NULL)", Result: "a"}},
	})
	fn.RegisterScalar(fn.Scalar{
		Name: "nullif", Args: []types.Type{fn.AnyElement, fn.AnyElement}, Ret: fn.AnyElement,
		Kernel: nullif, Family: family, Summary: "Returns NULL when both arguments are equal, else the first one.",
		Examples: []fn.Example{{SQL: "SELECT nullif(1, 2)", Result: "1"}, {SQL: "SELECT nullif('x', 'x') IS NULL", Result: "t"}},
	})
	fn.RegisterScalar(fn.Scalar{
		Name: "num_nonnulls", Args: []types.Type{fn.Any}, Variadic: true, Ret: types.T(types.Int4),
		Kernel: countNulls(false), Family: family, Summary: "Returns how many of the arguments are not NULL.",
		Examples: []fn.Example{{SQL: "SELECT num_nonnulls(1, NULL, 'x')", Result: "2"}},
	})
	fn.RegisterScalar(fn.Scalar{
		Name: "num_nulls", Args: []types.Type{fn.Any}, Variadic: true, Ret: types.T(types.Int4),
		Kernel: countNulls(true), Family: family, Summary: "Returns how many of the arguments are NULL.",
		Examples: []fn.Example{{SQL: "SELECT num_nulls(1, NULL, 'x')", Result: "1"}},
	})
	fn.RegisterScalar(fn.Scalar{
		Name: "pg_one_row", Args: []types.Type{types.T(types.Int8)}, Ret: types.T(types.Bool), Strict: true,
		Kernel: fn.Rowwise(types.T(types.Bool), true, oneRow), Family: family,
		Summary:  "Tells whether a scalar subquery in a view has given a row, and fails when there are several.",
		Examples: []fn.Example{{SQL: "SELECT pg_one_row(1)", Result: "t"}},
	})
}

func oneRow(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
	n := args[0].I[i]
	if n > 1 {
		return sqlerr.New(sqlerr.CardinalityViolation, "more than one row returned by a subquery used as an expression")
	}
	out.AppendBool(n == 1)
	return nil
}

// extreme returns greatest (sign 1) or least (sign -1).
func extreme(sign int) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		if v := extremeInts(c, args, sel, n, sign); v != nil {
			return v
		}
		out := rows.NewVecBuilder(args[0].Type, n)
		k := 0
		for i := range n {
			if sel != nil {
				if k >= len(sel) || sel[k] != int32(i) {
					out.AppendNull()
					continue
				}
				k++
			}
			var best *rows.Vec
			for _, a := range args {
				if !a.IsNull(i) && (best == nil || rows.Compare(a, i, best, i)*sign > 0) {
					best = a
				}
			}
			if best == nil {
				out.AppendNull()
			} else {
				out.AppendFrom(best, i)
			}
		}
		return out.Finish()
	}
}

// extremeInts is the fast form for ints without NULLs; nil when it does not apply.
func extremeInts(c *fn.Ctx, args []*rows.Vec, sel []int32, n, sign int) *rows.Vec {
	for _, a := range args {
		if a.Type.Phys() != types.PhysInt || a.Valid != nil {
			return nil
		}
	}
	out, o := fn.NewFixed[int64](c, args[0].Type, n)
	copy(o, args[0].I[:n])
	for _, a := range args[1:] {
		fn.Each(sel, n, nil, func(i int) {
			if sign > 0 {
				o[i] = max(o[i], a.I[i])
			} else {
				o[i] = min(o[i], a.I[i])
			}
		})
	}
	return out
}

func nullif(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
	a, b := args[0], args[1]
	out := *a
	out.Valid = c.Valid(n)
	if a.Valid != nil {
		copy(out.Valid, a.Valid)
	}
	fn.Each(sel, n, c.AndValid(a.Valid, b.Valid, n), func(i int) {
		if rows.Compare(a, i, b, i) == 0 {
			out.Valid.Clear(i)
		}
	})
	return &out
}

func countNulls(nulls bool) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := fn.NewFixed[int64](c, types.T(types.Int4), n)
		clear(o)
		for _, a := range args {
			fn.Each(sel, n, nil, func(i int) {
				if a.IsNull(i) == nulls {
					o[i]++
				}
			})
		}
		return out
	}
}
