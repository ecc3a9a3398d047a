package types

import (
	"encoding/json"
	"math"
	"strconv"
)

// plainDatum is Datum without its methods.
type plainDatum Datum

// storedDatum is the JSON form of a Datum. JSON has neither NaN, the infinities nor, after omitempty,
// −0: such a float is kept by its bits.
type storedDatum struct {
	plainDatum
	FBits string `json:"fbits,omitempty"`
}

// MarshalJSON writes the value as plans store it.
func (d Datum) MarshalJSON() ([]byte, error) {
	s := storedDatum{plainDatum: plainDatum(d)}
	if d.F-d.F != 0 || d.F == 0 && math.Signbit(d.F) {
		s.FBits, s.F = strconv.FormatUint(math.Float64bits(d.F), 16), 0
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Datum) UnmarshalJSON(data []byte) error {
	var s storedDatum
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if s.FBits != "" {
		bits, err := strconv.ParseUint(s.FBits, 16, 64)
		if err != nil {
			return err
		}
		s.F = math.Float64frombits(bits)
	}
	*d = Datum(s.plainDatum)
	return nil
}
