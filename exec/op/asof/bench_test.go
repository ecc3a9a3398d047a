package asof

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// BenchmarkHistory adds right rows and left rows near the end of keys whose histories are longer and
// longer: the cost per row must hardly change.
func BenchmarkHistory(b *testing.B) {
	in := types.Schema{{Name: "k", Type: types.T(types.Int8)}, {Name: "at", Type: types.T(types.Timestamp)}}
	c := Config{Left: true, LeftKeys: []int{0}, RightKeys: []int{0}, LeftTime: 1, RightTime: 1, Op: ">="}
	for _, history := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(history), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			at, full := int64(0), false
			batch := func(n int) *rows.Batch {
				build := rows.NewBuilder(in, n)
				for range n {
					build.Cols[0].AppendInt(r.Int64N(4))
					build.Cols[1].AppendInt(at + r.Int64N(1000))
					build.EndRow(1)
					at += 10
				}
				return build.Finish()
			}
			optest.Bench(b, Name, c, []types.Schema{in, in}, append(append(types.Schema(nil), in...), in...), func(push func(int, *rows.Batch)) int {
				if !full { // once
					full = true
					push(0, batch(2*history))
					push(1, batch(2*history))
					return 4 * history
				}
				push(0, batch(500))
				push(1, batch(500))
				return 1000
			})
		})
	}
}
