package types

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tidemill/sql/sqlerr"
)

// Parsing of dates and times has a fast path for ISO 8601, the form that machines write, and the
// tokenizing decoder in datetime_decode.go for what people write.

// dtResult is a decoded date/time text.
type dtResult struct {
	special string // "", "infinity", "-infinity", "epoch" or "instant": a moment already known in UTC
	days    int64
	clock   int64 // µs of the day; may be 24:00:00
	hasDate bool
	hasTime bool
	zone    zoneRef
}

// zoneRef is the zone that a text names: none, a fixed offset or a location.
type zoneRef struct {
	set    bool
	offset int // seconds east of UTC
	loc    *time.Location
}

// instant turns a wall clock in the zone into an instant; without a zone the session's is meant.
func (z zoneRef) instant(local int64, env *Env) int64 {
	switch {
	case !z.set:
		return InstantMicros(local, env.Location())
	case z.loc != nil:
		return InstantMicros(local, z.loc)
	}
	return local - int64(z.offset)*MicrosPerSecond
}

func two(s string, i int) int {
	a, b := s[i]-'0', s[i+1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int(a)*10 + int(b)
}

// parseISO reads YYYY-MM-DD[( |T)HH:MM[:SS[.ffffff]][Z|±HH[[:]MM]]]; ok is false for any other form
// and for fields out of range, which the general decoder then reports.
func parseISO(s string) (r dtResult, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return r, false
	}
	y1, y2, mo, d := two(s, 0), two(s, 2), two(s, 5), two(s, 8)
	year := y1*100 + y2
	if y1 < 0 || y2 < 0 || year == 0 || mo < 1 || mo > 12 || d < 1 || d > DaysInMonth(year, mo) {
		return r, false
	}
	r.days, r.hasDate = DaysFromCivil(year, mo, d), true
	if len(s) == 10 {
		return r, true
	}
	if s[10] != ' ' && s[10] != 'T' {
		return r, false
	}
	clock, rest, ok := isoClock(s[11:])
	if !ok {
		return r, false
	}
	r.clock, r.hasTime = clock, true
	if rest == "" {
		return r, true
	}
	r.zone, ok = isoZone(rest)
	return r, ok
}

func isoClock(s string) (clock int64, rest string, ok bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, "", false
	}
	h, m := two(s, 0), two(s, 3)
	if h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, "", false
	}
	clock = int64(h)*MicrosPerHour + int64(m)*MicrosPerMinute
	s = s[5:]
	if len(s) >= 3 && s[0] == ':' {
		sec := two(s, 1)
		if sec < 0 || sec > 59 {
			return 0, "", false
		}
		clock += int64(sec) * MicrosPerSecond
		s = s[3:]
		if len(s) > 1 && s[0] == '.' {
			i, us, unit := 1, int64(0), int64(100000)
			for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
				us += int64(s[i]-'0') * unit
				unit /= 10
			}
			if i > 7 || i == 1 { // more than six digits round: leave them to the decoder
				return 0, "", false
			}
			clock += us
			s = s[i:]
		}
	}
	return clock, s, true
}

func isoZone(s string) (z zoneRef, ok bool) {
	if s == "Z" {
		return zoneRef{set: true}, true
	}
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return z, false
	}
	h, m := two(s, 1), 0
	switch {
	case len(s) == 3:
	case len(s) == 5:
		m = two(s, 3)
	case len(s) == 6 && s[3] == ':':
		m = two(s, 4)
	default:
		return z, false
	}
	if h < 0 || h > 15 || m < 0 || m > 59 {
		return z, false
	}
	off := h*3600 + m*60
	if s[0] == '-' {
		off = -off
	}
	return zoneRef{set: true, offset: off}, true
}

func parseDateTime(s, typ string, env *Env) (dtResult, error) {
	if r, ok := parseISO(s); ok {
		return r, nil
	}
	return decodeDateTime(s, typ, env)
}

// ParseTimestamp reads a timestamp without time zone; a zone in the text is read and ignored.
func ParseTimestamp(s string, env *Env) (int64, error) {
	r, err := parseDateTime(s, "timestamp", env)
	if err != nil {
		return 0, err
	}
	switch r.special {
	case "infinity":
		return TimeInfinity, nil
	case "-infinity":
		return TimeNegInfinity, nil
	case "epoch":
		return 0, nil
	case "instant":
		return LocalMicros(r.clock, env.Location()), nil
	}
	return joinMicros(r, s)
}

func joinMicros(r dtResult, s string) (int64, error) {
	us := r.days*MicrosPerDay + r.clock
	if r.days > MaxDays/20 || r.days < MinDays || us < MinMicros || r.days > 0 && us < 0 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range: \"%s\"", s)
	}
	return us, nil
}

// ParseTimestamptz reads a timestamp with time zone; without a zone the session's is meant.
func ParseTimestamptz(s string, env *Env) (int64, error) {
	r, err := parseDateTime(s, "timestamp with time zone", env)
	if err != nil {
		return 0, err
	}
	switch r.special {
	case "infinity":
		return TimeInfinity, nil
	case "-infinity":
		return TimeNegInfinity, nil
	case "epoch":
		return 0, nil
	case "instant":
		return r.clock, nil
	}
	us, err := joinMicros(r, s)
	if err != nil {
		return 0, err
	}
	return r.zone.instant(us, env), nil
}

// ParseDate reads a date, days since 1970.
func ParseDate(s string, env *Env) (int64, error) {
	r, err := parseDateTime(s, "date", env)
	if err != nil {
		return 0, err
	}
	switch r.special {
	case "infinity":
		return TimeInfinity, nil
	case "-infinity":
		return TimeNegInfinity, nil
	case "epoch":
		return 0, nil
	case "instant":
		d, _ := SplitMicros(LocalMicros(r.clock, env.Location()))
		return d, nil
	}
	if r.days < MinDays || r.days > MaxDays {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: \"%s\"", s)
	}
	return r.days, nil
}

// ParseTime reads a time of day, µs since midnight.
func ParseTime(s string, env *Env) (int64, error) {
	if c, rest, ok := isoClock(s); ok && rest == "" {
		return c, nil
	}
	r, err := decodeDateTime(s, "time", env)
	if err != nil {
		return 0, err
	}
	if r.special == "instant" {
		_, c := SplitMicros(LocalMicros(r.clock, env.Location()))
		return c, nil
	}
	if r.special != "" || !r.hasTime {
		return 0, badDatetime("time", s)
	}
	return r.clock, nil
}

func badDatetime(typ, s string) error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid input syntax for type %s: \"%s\"", typ, s)
}

func fieldRange(s string) *sqlerr.Error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", s)
}

// Output.

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func appendYear(dst []byte, y int) []byte {
	if y < 0 {
		y = -y
	}
	switch {
	case y < 10:
		dst = append(dst, "000"...)
	case y < 100:
		dst = append(dst, "00"...)
	case y < 1000:
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(y), 10)
}

// appendCivil appends YYYY-MM-DD and tells whether the year is BC.
func appendCivil(dst []byte, days int64) ([]byte, bool) {
	y, m, d := CivilFromDays(days)
	bc := y <= 0
	if bc {
		y = 1 - y
	}
	dst = append(appendYear(dst, y), '-')
	dst = append(append2(dst, m), '-')
	return append2(dst, d), bc
}

// AppendDateText appends a date.
func AppendDateText(dst []byte, days int64) []byte {
	if !IsFinite(days) {
		return appendInfinity(dst, days)
	}
	dst, bc := appendCivil(dst, days)
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

func appendInfinity(dst []byte, v int64) []byte {
	if v < 0 {
		dst = append(dst, '-')
	}
	return append(dst, "infinity"...)
}

// AppendTimeText appends a time of day.
func AppendTimeText(dst []byte, clock int64) []byte {
	sec := clock / MicrosPerSecond
	dst = append(append2(dst, int(sec/3600)), ':')
	dst = append(append2(dst, int(sec/60%60)), ':')
	dst = append2(dst, int(sec%60))
	return appendFraction(dst, clock%MicrosPerSecond)
}

// appendFraction appends .ffffff without trailing zeros; nothing for 0.
func appendFraction(dst []byte, us int64) []byte {
	if us == 0 {
		return dst
	}
	var buf [7]byte
	buf[0] = '.'
	for i := 6; i > 0; i-- {
		buf[i] = byte('0' + us%10)
		us /= 10
	}
	n := 7
	for buf[n-1] == '0' {
		n--
	}
	return append(dst, buf[:n]...)
}

// AppendTimestampText appends a timestamp without time zone.
func AppendTimestampText(dst []byte, us int64) []byte {
	if !IsFinite(us) {
		return appendInfinity(dst, us)
	}
	days, clock := SplitMicros(us)
	dst, bc := appendCivil(dst, days)
	dst = AppendTimeText(append(dst, ' '), clock)
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

// AppendISOText appends a timestamp as JSON has it, with T.
func AppendISOText(dst []byte, us int64) []byte {
	start := len(dst)
	dst = AppendTimestampText(dst, us)
	for i := start; i < len(dst); i++ {
		if dst[i] == ' ' {
			dst[i] = 'T'
			break
		}
	}
	return dst
}

// AppendISOOffset appends the offset of a zone with hours and minutes, before the era if there is one.
func AppendISOOffset(dst []byte, off int) []byte {
	era := bytes.HasSuffix(dst, []byte(" BC"))
	if era {
		dst = dst[:len(dst)-3]
	}
	if dst = AppendOffset(dst, off); off%3600 == 0 {
		dst = append(dst, ":00"...)
	}
	if era {
		dst = append(dst, " BC"...)
	}
	return dst
}

// AppendTimestamptzText appends an instant as the wall clock of loc with its offset.
func AppendTimestamptzText(dst []byte, us int64, loc *time.Location) []byte {
	if !IsFinite(us) {
		return appendInfinity(dst, us)
	}
	off, _ := OffsetAt(loc, us)
	days, clock := SplitMicros(us + int64(off)*MicrosPerSecond)
	dst, bc := appendCivil(dst, days)
	dst = AppendTimeText(append(dst, ' '), clock)
	dst = AppendOffset(dst, off)
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

// AppendOffset appends ±HH[:MM[:SS]].
func AppendOffset(dst []byte, off int) []byte {
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = append2(append(dst, sign), off/3600)
	if off%3600 != 0 {
		dst = append2(append(dst, ':'), off/60%60)
		if off%60 != 0 {
			dst = append2(append(dst, ':'), off%60)
		}
	}
	return dst
}

// ParseZone finds a time zone by IANA name, abbreviation, POSIX form or UTC offset, as SET TIME
// ZONE and AT TIME ZONE take it. In a POSIX form ("UTC+3", "+3") positive offsets are west.
func ParseZone(name string) (*time.Location, error) {
	trimmed := strings.TrimSpace(name)
	if off, ok := zoneAbbrev(strings.ToLower(trimmed)); ok {
		return fixedZone(off, strings.ToUpper(trimmed)), nil
	}
	if loc := loadZone(trimmed); loc != nil {
		return loc, nil
	}
	if off, abbr, ok := posixZone(trimmed); ok {
		return fixedZone(off, abbr), nil
	}
	return nil, sqlerr.New(sqlerr.InvalidTimeZone, "time zone \"%s\" not recognized", name)
}

// ZoneText returns a text of which ParseZone makes the same zone: its name, or for a zone with a fixed
// offset whose name means something else, the offset too.
func ZoneText(loc *time.Location) string {
	name := loc.String()
	const summer = 180 * MicrosPerDay
	if again, err := ParseZone(name); err == nil {
		a, _ := OffsetAt(again, 0)
		b, _ := OffsetAt(loc, 0)
		c, _ := OffsetAt(again, summer)
		d, _ := OffsetAt(loc, summer)
		if a == b && c == d {
			return name
		}
	}
	off, _ := OffsetAt(loc, 0)
	sign := "-" // POSIX counts to the west
	if off < 0 {
		sign, off = "+", -off
	}
	return fmt.Sprintf("<%s>%s%02d:%02d:%02d", name, sign, off/3600, off/60%60, off%60)
}

func fixedZone(off int, name string) *time.Location {
	if off == 0 && (name == "UTC" || name == "Z") {
		return time.UTC
	}
	return time.FixedZone(name, off)
}
