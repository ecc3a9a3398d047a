package bind

import (
	"math"

	"tidemill/catalog"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Sequence makes a sequence of numbers of type t from its options, or changes old by them. It has no
// name yet.
func Sequence(old *catalog.Sequence, o *ast.SequenceOptions, t types.Type) (*catalog.Sequence, error) {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	switch t.ID {
	case types.Int2:
		low, high = math.MinInt16, math.MaxInt16
	case types.Int4:
		low, high = math.MinInt32, math.MaxInt32
	case types.Int8:
	default:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "identity column type must be smallint, integer, or bigint")
	}
	s := &catalog.Sequence{Start: 1, Step: 1, Min: 1, Max: high}
	if o == nil {
		o = &ast.SequenceOptions{}
	}
	if old != nil {
		c := *old
		s = &c
	}
	if o.Step != nil {
		if s.Step = *o.Step; s.Step == 0 {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "INCREMENT must not be zero")
		}
	}
	up := s.Step > 0
	fresh := old == nil
	if fresh || o.NoMin {
		if s.Min = 1; !up {
			s.Min = low
		}
	}
	if fresh || o.NoMax {
		if s.Max = high; !up {
			s.Max = -1
		}
	}
	if o.Min != nil {
		s.Min = *o.Min
	}
	if o.Max != nil {
		s.Max = *o.Max
	}
	if fresh {
		if s.Start = s.Min; !up {
			s.Start = s.Max
		}
	}
	if o.Start != nil {
		s.Start = *o.Start
	}
	if o.Cycle != nil {
		s.Cycle = *o.Cycle
	}
	return s, checkSequence(s, t, low, high)
}

func checkSequence(s *catalog.Sequence, t types.Type, low, high int64) error {
	switch {
	case s.Max < low || s.Max > high:
		return sqlerr.New(sqlerr.InvalidParameterValue, "MAXVALUE (%d) is out of range for sequence data type %s", s.Max, t)
	case s.Min < low || s.Min > high:
		return sqlerr.New(sqlerr.InvalidParameterValue, "MINVALUE (%d) is out of range for sequence data type %s", s.Min, t)
	case s.Min >= s.Max:
		return sqlerr.New(sqlerr.InvalidParameterValue, "MINVALUE (%d) must be less than MAXVALUE (%d)", s.Min, s.Max)
	case s.Start < s.Min:
		return sqlerr.New(sqlerr.InvalidParameterValue, "START value (%d) cannot be less than MINVALUE (%d)", s.Start, s.Min)
	case s.Start > s.Max:
		return sqlerr.New(sqlerr.InvalidParameterValue, "START value (%d) cannot be greater than MAXVALUE (%d)", s.Start, s.Max)
	}
	return nil
}
