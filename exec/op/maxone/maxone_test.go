package maxone

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func TestMaxOne(t *testing.T) {
	s := types.Schema{{Name: "a", Type: types.T(types.Int4)}}
	for text, fails := range map[string]bool{"": false, "+1 (1)": false, "+2 (1)": true, "+1 (1)\n+1 (2)": true} {
		_, err := optest.Output(t, Name, nil, optest.Env([]types.Schema{s}, s), rows.MustParse(s, text))
		if (err != nil) != fails || fails && sqlerr.As(err).Code != sqlerr.CardinalityViolation {
			t.Errorf("%q: %v", text, err)
		}
	}
}
