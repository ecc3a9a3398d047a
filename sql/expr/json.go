package expr

import (
	"encoding/json"
	"math"
	"strconv"
)

// plain is Expr without its methods.
type plain Expr

// stored is the JSON form of an Expr. JSON has neither NaN, the infinities nor, after omitempty, −0:
// such a float literal is kept by its bits.
type stored struct {
	plain
	FBits string `json:"fbits,omitempty"`
}

// MarshalJSON writes the expression as plans store it.
func (e Expr) MarshalJSON() ([]byte, error) {
	s := stored{plain: plain(e)}
	if e.Lit != nil && (e.Lit.F-e.Lit.F != 0 || e.Lit.F == 0 && math.Signbit(e.Lit.F)) {
		d := *e.Lit
		s.FBits = strconv.FormatUint(math.Float64bits(d.F), 16)
		d.F = 0
		s.Lit = &d
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Expr) UnmarshalJSON(data []byte) error {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if s.FBits != "" && s.Lit != nil {
		bits, err := strconv.ParseUint(s.FBits, 16, 64)
		if err != nil {
			return err
		}
		s.Lit.F = math.Float64frombits(bits)
	}
	*e = Expr(s.plain)
	return nil
}
