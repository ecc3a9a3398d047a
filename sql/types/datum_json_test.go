package types

import (
	"encoding/json"
	"math"
	"testing"
)

// TestDatumJSON stores values that JSON numbers cannot hold.
func TestDatumJSON(t *testing.T) {
	for _, f := range []float64{0, math.Copysign(0, -1), 1.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324} {
		raw, err := json.Marshal([]Datum{FloatDatum(f)})
		if err != nil {
			t.Fatal(err)
		}
		var back []Datum
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if got := back[0]; math.Float64bits(got.F) != math.Float64bits(f) || got.Type != T(Float8) {
			t.Errorf("%v came back as %v from %s", f, got.F, raw)
		}
	}
}
