package join

import (
	"fmt"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

// TestEventTime joins by a key with a time on both sides: rows below the floor of either side are
// dropped once the other has passed them too.
func TestEventTime(t *testing.T) {
	at := types.Field{Name: "at", Type: types.T(types.Timestamp)}
	l, r := append(left[:0:0], left...), append(right[:0:0], right...)
	l[1], r[1] = at, at
	for _, kind := range []string{Inner, Left, Right, Full, Semi, Anti} {
		for _, residual := range []bool{false, true} {
			for _, appendOnly := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%v/%v", kind, residual, appendOnly), func(t *testing.T) {
					t.Parallel()
					c := testCase(kind, []int{0, 1}, false, residual)
					c.In, c.Time, c.Epochs = []types.Schema{l, r}, []int{1, 1}, 10
					if c.Out = append(l[:len(l):len(l)], r...); kind == Semi || kind == Anti {
						c.Out = l
					}
					c.AppendOnly = []bool{appendOnly, appendOnly}
					optest.Run(t, c)
				})
			}
		}
	}
}
