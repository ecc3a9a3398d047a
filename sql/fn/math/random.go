package math

import (
	crypto "crypto/rand"
	"math/rand/v2"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func init() {
	fn.RegisterScalar(fn.Scalar{
		Name: "random", Ret: float8, Strict: true, Volatility: fn.Volatile,
		Family: family, Summary: "Random number from 0 up to, but not, 1.",
		Examples: []fn.Example{{SQL: "SELECT random() < 1", Result: "t"}},
		Kernel: func(c *fn.Ctx, _ []*rows.Vec, _ []int32, n int) *rows.Vec {
			out, o := fn.NewFixed[float64](c, float8, n)
			for i := range o {
				o[i] = rand.Float64()
			}
			return out
		},
	})
	fn.RegisterScalar(fn.Scalar{
		Name: "gen_random_uuid", Ret: types.T(types.UUID), Strict: true, Volatility: fn.Volatile,
		Family: "UUID", Summary: "Random UUID (version 4).",
		Examples: []fn.Example{{SQL: "SELECT length(gen_random_uuid()::text)", Result: "36"}},
		Kernel: func(_ *fn.Ctx, _ []*rows.Vec, _ []int32, n int) *rows.Vec {
			out := rows.NewVecBuilder(types.T(types.UUID), n)
			var id [16]byte
			for range n {
				crypto.Read(id[:]) //nolint:errcheck // never fails
				id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
				out.AppendBytes(id[:])
			}
			return out.Finish()
		},
	})
}
