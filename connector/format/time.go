package format

import (
	"fmt"
	"math"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// The range of timestamps in microseconds since 1970: from PostgreSQL's first day, 4714-11-24 BC, to
// what the column holds below infinity.
const (
	minMicros = -210866803200000000
	maxMicros = math.MaxInt64 - 1
)

const microsPerDay = 86_400_000_000

// timestamp reads a text for a timestamp or timestamptz column.
func (f *Field) timestamp(col *rows.VecBuilder, s []byte) error {
	switch f.stamp {
	case StampAuto, StampISO:
	default:
		if isNumber(s) {
			return f.epoch(col, s)
		}
		return fmt.Errorf("%q is not a number, which timestamp.format asks for", shown(s))
	}
	if f.Type.Mod < 0 {
		us, offset, zoned, ok := isoTimestamp(s)
		switch {
		case !ok:
		case f.Kind == KindTimestamp: // PostgreSQL ignores the zone
			col.AppendInt(us)
			return nil
		case zoned:
			col.AppendInt(us - offset)
			return nil
		case f.utc:
			col.AppendInt(us)
			return nil
		}
	}
	return f.parse(col, s)
}

// epoch reads a number for a timestamp or timestamptz column.
func (f *Field) epoch(col *rows.VecBuilder, s []byte) error {
	shift := 0
	switch f.stamp {
	case StampISO:
		return fmt.Errorf("the number %s is not a text, which timestamp.format asks for", shown(s))
	case StampSeconds:
		shift = 6
	case StampMillis, StampAuto:
		shift = 3
	}
	us, ok := int64(0), false
	if v, small := smallInt(s); small && (shift == 0 || v < 1e12 && v > -1e12 || shift == 3 && v < 9e15 && v > -9e15) {
		us, ok = v*pow10[shift], true
	} else {
		d := parseDecimal(s)
		d.exp += shift
		us, ok = d.rounded()
	}
	if !ok || us < minMicros || us > maxMicros {
		return fmt.Errorf("%s is out of range for %s", shown(s), f.typeName())
	}
	col.AppendInt(roundMicros(us, f.Type.Mod))
	return nil
}

var pow10 = [...]int64{1, 10, 100, 1e3, 1e4, 1e5, 1e6}

// roundMicros rounds to the fractional digits of a timestamp(n).
func roundMicros(us int64, mod int32) int64 {
	if mod < 0 || mod >= 6 {
		return us
	}
	unit := pow10[6-mod]
	rem := us % unit
	us -= rem
	switch {
	case rem*2 >= unit:
		us += unit
	case rem*2 <= -unit:
		us -= unit
	}
	return us
}

func two(s []byte, i int) int {
	a, b := s[i]-'0', s[i+1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int(a)*10 + int(b)
}

// isoDate reads YYYY-MM-DD at the start of s as days since 1970.
func isoDate(s []byte) (int64, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	hi, lo, month, day := two(s, 0), two(s, 2), two(s, 5), two(s, 8)
	if hi < 0 || lo < 0 || month < 1 || month > 12 || day < 1 || hi*100+lo < 1 {
		return 0, false
	}
	year := hi*100 + lo
	if day > 28 && day > types.DaysInMonth(year, month) {
		return 0, false
	}
	return types.DaysFromCivil(year, month, day), true
}

// isoTimestamp reads YYYY-MM-DD{T| }HH:MM:SS[.ffffff][Z|±HH[:MM]]: local microseconds since 1970, the
// zone's offset in microseconds, and whether there was one. Everything else is for types.ParseText.
func isoTimestamp(s []byte) (local, offset int64, zoned, ok bool) {
	days, ok := isoDate(s)
	if !ok || len(s) < 19 || (s[10] != 'T' && s[10] != ' ') || s[13] != ':' || s[16] != ':' {
		return 0, 0, false, false
	}
	h, m, sec := two(s, 11), two(s, 14), two(s, 17)
	if uint(h) > 23 || uint(m) > 59 || uint(sec) > 59 {
		return 0, 0, false, false
	}
	local = days*microsPerDay + (int64(h)*3600+int64(m)*60+int64(sec))*1e6
	rest := s[19:]
	if len(rest) > 1 && rest[0] == '.' {
		n := digits(rest, 1)
		if n < 2 || n > 7 {
			return 0, 0, false, false
		}
		frac := int64(0)
		for _, c := range rest[1:n] {
			frac = frac*10 + int64(c-'0')
		}
		local += frac * pow10[7-n]
		rest = rest[n:]
	}
	offset, zoned, ok = isoZone(rest)
	return local, offset, zoned, ok
}

func isoZone(s []byte) (offset int64, zoned, ok bool) {
	switch {
	case len(s) == 0:
		return 0, false, true
	case len(s) == 1 && s[0] == 'Z':
		return 0, true, true
	case (len(s) == 3 || len(s) == 6 && s[3] == ':') && (s[0] == '+' || s[0] == '-'):
		h, m := two(s, 1), 0
		if len(s) == 6 {
			m = two(s, 4)
		}
		if uint(h) > 15 || uint(m) > 59 {
			return 0, false, false
		}
		offset = (int64(h)*3600 + int64(m)*60) * 1e6
		if s[0] == '-' {
			offset = -offset
		}
		return offset, true, true
	}
	return 0, false, false
}
