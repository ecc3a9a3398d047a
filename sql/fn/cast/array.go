package cast

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// arrayKernel converts arrays by running the element cast once over the elements of all rows.
func arrayKernel(from, to types.Type) fn.Kernel {
	if from.Elem == nil || to.Elem == nil {
		return relabel(from, to)
	}
	k, ok := fn.FindCast(*from.Elem, *to.Elem, fn.Explicit)
	if !ok {
		return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
			c.Fail(0, cannotCast(from, to))
			return rows.Const(types.NullOf(to), n)
		}
	}
	elem := k.KernelFor(*from.Elem, *to.Elem)
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		a := args[0]
		flat := rows.NewVecBuilder(*from.Elem, n)
		start := make([]int, n+1) // row i has elements start[i]:start[i+1]
		var owner []int32
		next := 0
		fn.Each(sel, n, a.Valid, func(i int) {
			for ; next <= i; next++ {
				start[next] = flat.Len()
			}
			elems, err := types.ArrayElems(from, a.Bytes(i))
			if err != nil {
				c.Fail(int32(i), err)
				return
			}
			for _, e := range elems {
				flat.AppendDatum(e)
				owner = append(owner, int32(i))
			}
		})
		for ; next <= n; next++ {
			start[next] = flat.Len()
		}
		sub := *c
		sub.Errs = nil
		done := elem(&sub, []*rows.Vec{flat.Finish()}, nil, len(owner))
		for _, e := range sub.Errs {
			c.Fail(owner[e.Row], e.Err)
		}
		return bytesKernel(to, func(_ *fn.Ctx, dst []byte, v *rows.Vec, i int) ([]byte, error) {
			elems := make([]types.Datum, 0, start[i+1]-start[i])
			for j := start[i]; j < start[i+1]; j++ {
				elems = append(elems, done.Datum(j))
			}
			return types.AppendArrayDims(dst, types.ArrayDims(v.Bytes(i)), elems), nil
		})(c, args, sel, n)
	}
}
