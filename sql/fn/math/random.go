package math

import (
	"math/rand/v2"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
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
}
