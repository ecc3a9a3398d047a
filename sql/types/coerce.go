package types

import (
	"bytes"
	"unicode/utf8"

	"tidemill/sql/sqlerr"
)

// Coerce applies t's modifiers to d, a value of the same base type or, among the character types,
// of a kindred one. An explicit cast cuts a text that is too long; an implicit one refuses it unless
// only blanks would be lost.
func Coerce(d Datum, t Type, explicit bool) (Datum, error) {
	if d.Null {
		return NullOf(t), nil
	}
	from := d.Type
	d.Type = t
	if t.ID == Array {
		return coerceArray(d, from, t, explicit)
	}
	if t.Mod < 0 {
		if from.ID == Bpchar && (t.ID == Text || t.ID == Varchar) {
			d.S = TrimBpchar(d.S)
		}
		return d, nil
	}
	var err error
	switch t.ID {
	case Varchar, Bpchar:
		if from.ID == Bpchar && t.ID == Varchar {
			d.S = TrimBpchar(d.S)
		}
		if t.Mod > 0 {
			d.S, err = FitText(d.S, t, explicit)
		}
	case Numeric:
		p, s := t.PrecisionScale()
		d.S, err = NumericFit(nil, d.S, p, s)
	case Timestamp, Timestamptz:
		d.I = RoundMicros(d.I, t.Mod)
	case Time:
		d.I = roundAway(d.I, t.Mod)
	case Interval:
		d.S = AppendInterval(nil, IntervalOf(d.S).Fit(t.Mod))
	}
	return d, err
}

func coerceArray(d Datum, from, t Type, explicit bool) (Datum, error) {
	if t.Elem == nil || t.Elem.Mod < 0 {
		return d, nil
	}
	elems, err := ArrayElems(from, d.S)
	if err != nil {
		return d, err
	}
	for i := range elems {
		if elems[i], err = Coerce(elems[i], *t.Elem, explicit); err != nil {
			return d, err
		}
	}
	d.S = AppendArrayDims(nil, ArrayDims(d.S), elems)
	return d, nil
}

// TrimBpchar returns a char(n) value without its padding, which means nothing in comparisons, in
// length() and in other character types.
func TrimBpchar(b []byte) []byte { return bytes.TrimRight(b, " ") }

// FitText applies the length of varchar(n) or char(n); a char(n) is padded with blanks.
func FitText(b []byte, t Type, explicit bool) ([]byte, error) {
	limit := int(t.Mod)
	n := len(b)
	if n > limit || t.ID == Bpchar {
		n = utf8.RuneCount(b)
	}
	switch {
	case n > limit:
		cut := 0
		for range limit {
			_, size := utf8.DecodeRune(b[cut:])
			cut += size
		}
		if !explicit && len(bytes.TrimRight(b[cut:], " ")) > 0 {
			return nil, sqlerr.New(sqlerr.StringDataRightTruncation, "value too long for type %s", t)
		}
		return b[:cut:cut], nil
	case n < limit && t.ID == Bpchar:
		out := make([]byte, 0, len(b)+limit-n)
		out = append(out, b...)
		for range limit - n {
			out = append(out, ' ')
		}
		return out, nil
	}
	return b, nil
}

// RoundMicros rounds a timestamp to the given number of fractional digits.
func RoundMicros(us int64, digits int32) int64 {
	if !IsFinite(us) || digits < 0 || digits >= 6 {
		return us
	}
	// Postgres rounds away from its own epoch.
	return roundAway(us-pgEpochMicros, digits) + pgEpochMicros
}

func roundAway(us int64, digits int32) int64 {
	if digits < 0 || digits >= 6 {
		return us
	}
	unit := int64(pow10u[6-digits])
	half := unit / 2
	if us >= 0 {
		return (us + half) / unit * unit
	}
	return -((-us + half) / unit * unit)
}

// Fit applies an interval type's modifier: fields that are not in it are cut, seconds are rounded.
func (v IntervalValue) Fit(mod int32) IntervalValue {
	if mod < 0 {
		return v
	}
	switch mask := mod >> 16; {
	case mask == intervalFullRange:
	case mask == maskYear:
		v = IntervalValue{Months: v.Months / 12 * 12}
	case mask == maskMonth, mask == maskYear|maskMonth:
		v.Days, v.Micros = 0, 0
	case mask == maskDay:
		v.Micros = 0
	case mask&maskSecond != 0:
	case mask&maskMinute != 0:
		v.Micros = v.Micros / MicrosPerMinute * MicrosPerMinute
	case mask&maskHour != 0:
		v.Micros = v.Micros / MicrosPerHour * MicrosPerHour
	}
	if p := mod & 0xffff; p < 6 {
		v.Micros = roundAway(v.Micros, p)
	}
	return v
}
