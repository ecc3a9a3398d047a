package types

import (
	"strings"
	"time"
)

// Dates and times in the styles other than ISO, which DateStyle chooses. Their order of day and month
// is that in which dates are read.

// The styles of dates and times. The empty style is ISO.
const (
	StyleSQL      = "SQL"
	StyleGerman   = "German"
	StylePostgres = "Postgres"
)

func (e *Env) style() string {
	if e == nil {
		return ""
	}
	return e.DateStyle
}

// appendStyledDay appends a date of the era.
func appendStyledDay(dst []byte, env *Env, y, m, d int) []byte {
	sep := byte('-')
	first, second := m, d
	switch env.DateStyle {
	case StyleSQL:
		sep = '/'
	case StyleGerman:
		sep = '.'
		first, second = d, m
	}
	if env.DateOrder == "DMY" {
		first, second = d, m
	}
	dst = append2(append(append2(dst, first), sep), second)
	return appendYear(append(dst, sep), y)
}

// era splits the era off a year.
func era(y int) (year int, bc bool) {
	if y <= 0 {
		return 1 - y, true
	}
	return y, false
}

func appendEra(dst []byte, bc bool) []byte {
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

func appendStyledDate(dst []byte, days int64, env *Env) []byte {
	if env.style() == "" || !IsFinite(days) {
		return AppendDateText(dst, days)
	}
	y, m, d := CivilFromDays(days)
	y, bc := era(y)
	return appendEra(appendStyledDay(dst, env, y, m, d), bc)
}

// appendStyledTime appends a timestamp, with the zone of the session when zoned.
func appendStyledTime(dst []byte, us int64, zoned bool, env *Env) []byte {
	style := env.style()
	switch {
	case !IsFinite(us):
		return appendInfinity(dst, us)
	case style == "" && zoned:
		return AppendTimestamptzText(dst, us, env.Location())
	case style == "":
		return AppendTimestampText(dst, us)
	}
	off, zone := 0, ""
	if zoned {
		off, zone = OffsetAt(env.Location(), us)
		us += int64(off) * MicrosPerSecond
		if rest, posix := strings.CutPrefix(zone, "<"); posix {
			zone, _, _ = strings.Cut(rest, ">")
		}
	}
	days, clock := SplitMicros(us)
	y, m, d := CivilFromDays(days)
	y, bc := era(y)
	if style == StylePostgres {
		dst = append(dst, time.Weekday(((days+4)%7 + 7) % 7).String()[:3]...)
		month := time.Month(m).String()[:3]
		if dst = append(dst, ' '); env.DateOrder == "DMY" {
			dst = append(append(append2(dst, d), ' '), month...)
		} else {
			dst = append2(append(append(dst, month...), ' '), d)
		}
		dst = AppendTimeText(append(dst, ' '), clock)
		dst = appendYear(append(dst, ' '), y)
	} else {
		dst = appendStyledDay(dst, env, y, m, d)
		dst = AppendTimeText(append(dst, ' '), clock)
	}
	if zoned {
		dst = append(append(dst, ' '), zone...)
	}
	return appendEra(dst, bc)
}
