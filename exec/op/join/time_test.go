package join

import (
	"fmt"
	"testing"

	"tidemill/exec/op/equi"
	"tidemill/exec/op/optest"
	"tidemill/sql/expr"
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

// TestDistance joins by a key without a time and a residual that bounds the distance of two times: a row
// is dropped when the other side can bring none that is near enough.
func TestDistance(t *testing.T) {
	low, high := int64(-3), int64(2)
	l, r := expr.Col(2, int4), expr.Col(len(left)+2, int4)
	call := func(name string, ret types.Type, a, b *expr.Expr) *expr.Expr {
		return &expr.Expr{Kind: expr.Call, Name: name, Type: ret, ArgTypes: []types.Type{int4, int4}, Args: []*expr.Expr{a, b}}
	}
	boolean := types.T(types.Bool)
	end := func(v int64) *expr.Expr { return call("+", int4, r, expr.Lit(types.IntDatum(types.Int4, v))) }
	near := &expr.Expr{Kind: expr.And, Type: boolean, Args: []*expr.Expr{call(">=", boolean, l, end(low)), call("<=", boolean, l, end(high))}}
	for _, kind := range []string{Inner, Left, Right, Full, Semi, Anti} {
		for _, appendOnly := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", kind, appendOnly), func(t *testing.T) {
				t.Parallel()
				c := testCase(kind, []int{0}, false, true)
				cfg := c.Config.(Config)
				cfg.Residual, cfg.Bands = near, []equi.Band{{Left: 2, Right: 2, Low: &low, High: &high}}
				c.Config, c.Model = cfg, func(in []optest.Relation) optest.Relation { return model(cfg, in) }
				c.Time, c.Epochs, c.AppendOnly = []int{2, 2}, 10, []bool{appendOnly, appendOnly}
				optest.Run(t, c)
			})
		}
	}
}
