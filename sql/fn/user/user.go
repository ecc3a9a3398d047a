// Package user registers the functions over types of CREATE TYPE: those about the labels of an enum and
// the NULL tests of composite values. What they say about a type is what it is when they run; views that
// compute with it keep ALTER TYPE from changing it under them (planner.LabelUses).
package user

import (
	"bytes"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	end := func(name, word string, at func(labels []types.Label) types.Label) {
		register(name, []types.Type{fn.AnyEnum}, fn.AnyEnum, func(u *types.User, _ []types.Datum, out *rows.VecBuilder) error {
			if len(u.Labels) == 0 {
				return sqlerr.New("55000", "enum %s contains no values", u.Type())
			}
			out.AppendBytes(at(u.Labels).Pos)
			return nil
		}, "The "+word+" value of an enum; the argument says which enum and may be NULL.")
	}
	end("enum_first", "first", func(l []types.Label) types.Label { return l[0] })
	end("enum_last", "last", func(l []types.Label) types.Label { return l[len(l)-1] })
	all := func(u *types.User, args []types.Datum, out *rows.VecBuilder) error {
		var elems []types.Datum
		for _, l := range u.Labels {
			if len(args) == 2 && (!args[0].Null && bytes.Compare(l.Pos, args[0].S) < 0 || !args[1].Null && bytes.Compare(l.Pos, args[1].S) > 0) {
				continue
			}
			elems = append(elems, types.Datum{Type: u.Type(), S: l.Pos})
		}
		out.AppendBytes(types.AppendArray(nil, elems))
		return nil
	}
	register("enum_range", []types.Type{fn.AnyEnum}, fn.AnyArray, all, "All values of an enum in order.")
	register("enum_range", []types.Type{fn.AnyEnum, fn.AnyEnum}, fn.AnyArray, all, "The values of an enum from the first argument to the second; NULL means its end.")
	registerNullTest("record_all_null", true)
	registerNullTest("record_none_null", false)
}

// register registers a function of an enum's labels.
func register(name string, args []types.Type, ret types.Type, f func(u *types.User, args []types.Datum, out *rows.VecBuilder) error, summary string) {
	fn.RegisterScalar(fn.Scalar{
		Name: name, Args: args, Ret: ret, Volatility: fn.Stable, Family: "Enums", Summary: summary,
		Kernel: func(c *fn.Ctx, vecs []*rows.Vec, sel []int32, n int) *rows.Vec {
			u, t := types.UserOf(vecs[0].Type.Ref), vecs[0].Type
			if ret.ID == fn.AnyArray.ID {
				t = types.ArrayOf(t)
			}
			vals := make([]types.Datum, len(vecs))
			return fn.Rowwise(t, false, func(_ *fn.Ctx, vecs []*rows.Vec, i int, out *rows.VecBuilder) error {
				for k, v := range vecs {
					vals[k] = v.Datum(i)
				}
				if u == nil {
					return sqlerr.New(sqlerr.UndefinedObject, "could not determine actual enum type")
				}
				return f(u, vals, out)
			})(c, vecs, sel, n)
		},
	})
}

// registerNullTest registers IS NULL (all fields are) or IS NOT NULL (none is) of composite values.
func registerNullTest(name string, want bool) {
	fn.RegisterScalar(fn.Scalar{
		Name: name, Args: []types.Type{types.T(types.Record)}, Ret: types.T(types.Bool),
		Kernel: func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
			out, o := fn.NewFixed[bool](c, types.T(types.Bool), n)
			v := args[0]
			fn.Each(sel, n, nil, func(i int) {
				if !v.Valid.Get(i) {
					o[i] = want
					return
				}
				same, err := types.RecordNulls(v.Bytes(i), want)
				if err != nil {
					c.Fail(int32(i), err)
				}
				o[i] = same
			})
			return out
		},
	})
}
