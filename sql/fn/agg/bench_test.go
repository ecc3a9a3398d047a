package agg

import (
	"testing"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func BenchmarkSum(b *testing.B) {
	const n = 8192
	for _, c := range []struct {
		name string
		ty   types.Type
	}{{"int8", int8}, {"numeric", numeric}, {"float8", float8}} {
		vb := rows.NewVecBuilder(c.ty, n)
		for i := range n {
			switch c.ty.ID {
			case types.Int8:
				vb.AppendInt(int64(i) * 12345)
			case types.Float8:
				vb.AppendFloat(float64(i) * 1.37)
			default:
				d, err := types.NumericParse(nil, "12.34")
				if err != nil {
					b.Fatal(err)
				}
				vb.AppendBytes(d)
			}
		}
		args := []*rows.Vec{vb.Finish()}
		a, _ := fn.FindAggregate("sum", []types.Type{c.ty})
		b.Run(c.name, func(b *testing.B) {
			ctx := &fn.Ctx{}
			rws, w, sts := make([]int32, n), make([]int64, n), make([][]byte, n)
			groups := make([][]byte, 64)
			for i := range groups {
				groups[i] = make([]byte, a.Size)
			}
			for i := range rws {
				rws[i], w[i], sts[i] = int32(i), 1, groups[i%64]
			}
			b.ReportAllocs()
			for b.Loop() {
				if a.Size > 0 {
					a.Step(ctx, args, rws, w, sts)
					continue
				}
				for i := range n {
					g := &groups[i%64]
					*g = a.StepVar(ctx, *g, args, int32(i), 1)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}
