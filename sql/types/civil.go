package types

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones must mean the same on machines without a zone database
)

// The calendar: proleptic Gregorian, astronomical years (year 0 is 1 BC).

// Microseconds in the units of clock time.
const (
	MicrosPerSecond int64 = 1_000_000
	MicrosPerMinute       = 60 * MicrosPerSecond
	MicrosPerHour         = 60 * MicrosPerMinute
	MicrosPerDay          = 24 * MicrosPerHour
)

// The infinite timestamps and dates.
const (
	TimeInfinity    int64 = math.MaxInt64
	TimeNegInfinity int64 = math.MinInt64
)

// pgEpochDays is 2000-01-01, day 0 of Postgres's binary forms, in days since 1970.
const (
	pgEpochDays   = 10957
	pgEpochMicros = pgEpochDays * MicrosPerDay
)

// The range of dates: 4713-11-24 BC to 5874897-12-31, and of timestamps, whose upper end is a
// little below Postgres's because they count from 1970.
const (
	// MinDays and MaxDays are the ends of the dates, days since 1970.
	MinDays = -2440588
	MaxDays = 2145042905
	// MinMicros is the least finite timestamp, 4713-11-24 BC.
	MinMicros int64 = MinDays * MicrosPerDay
	// MaxMicros is the greatest finite timestamp.
	MaxMicros int64 = math.MaxInt64 - 1
)

// IsFinite tells whether a date or timestamp is neither infinity.
func IsFinite(v int64) bool { return v != TimeInfinity && v != TimeNegInfinity }

// DaysFromCivil returns the days since 1970-01-01 of a date; month and day must be in range.
func DaysFromCivil(year, month, day int) int64 {
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	mp := int64((month + 9) % 12)
	doy := (153*mp+2)/5 + int64(day) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

// CivilFromDays is the inverse of DaysFromCivil.
func CivilFromDays(days int64) (year, month, day int) {
	days += 719468
	era := floorDiv(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy - (153*mp+2)/5 + 1)
	month = int(mp) + 3
	if month > 12 {
		month -= 12
	}
	year = int(yoe + era*400)
	if month <= 2 {
		year++
	}
	return year, month, day
}

// SplitMicros cuts a timestamp into days since 1970 and microseconds of the day.
func SplitMicros(us int64) (days, clock int64) {
	days = floorDiv(us, MicrosPerDay)
	return days, us - days*MicrosPerDay
}

// DaysInMonth returns the length of a month.
func DaysInMonth(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// OffsetAt returns the zone's offset east of UTC, in seconds, and its abbreviation at an instant.
func OffsetAt(loc *time.Location, us int64) (offset int, abbrev string) {
	if loc == time.UTC || loc == nil {
		return 0, "UTC"
	}
	name, off := time.Unix(floorDiv(us, MicrosPerSecond), 0).In(loc).Zone()
	return off, name
}

// LocalMicros turns an instant into the wall clock of loc: timestamptz to timestamp.
func LocalMicros(us int64, loc *time.Location) int64 {
	if loc == time.UTC || loc == nil || !IsFinite(us) {
		return us
	}
	off, _ := OffsetAt(loc, us)
	return us + int64(off)*MicrosPerSecond
}

// InstantMicros turns a wall clock of loc into an instant: timestamp to timestamptz. A time that a
// forward change skips is read with the offset before it, one that a backward change repeats with
// the offset after it, which in both cases is standard time, as Postgres does.
func InstantMicros(local int64, loc *time.Location) int64 {
	if loc == time.UTC || loc == nil || !IsFinite(local) {
		return local
	}
	return local - int64(localOffset(local, loc))*MicrosPerSecond
}

func localOffset(local int64, loc *time.Location) int {
	sec := floorDiv(local, MicrosPerSecond)
	offset := func(s int64) int {
		_, o := time.Unix(s, 0).In(loc).Zone()
		return o
	}
	before, after := offset(sec-86400), offset(sec+86400)
	if before == after {
		// A zone that changed and changed back within two days is the only case that errs here.
		if o := offset(sec - int64(before)); o == before {
			return before
		}
	}
	okBefore := offset(sec-int64(before)) == before
	okAfter := offset(sec-int64(after)) == after
	switch {
	case okBefore && !okAfter:
		return before
	case okAfter && !okBefore:
		return after
	case before < after: // spring forward
		return before
	}
	return after
}

// zoneAbbrevs are the abbreviations of Postgres's default set that people write, in seconds east.
// Ambiguous ones mean what Postgres says: IST is Israel, EST is New York.
var zoneAbbrevs = map[string]int{
	"utc": 0, "gmt": 0, "z": 0, "zulu": 0, "ut": 0, "uct": 0, "wet": 0,
	"est": -5 * 3600, "edt": -4 * 3600, "cst": -6 * 3600, "cdt": -5 * 3600, "mst": -7 * 3600,
	"mdt": -6 * 3600, "pst": -8 * 3600, "pdt": -7 * 3600, "akst": -9 * 3600, "akdt": -8 * 3600,
	"hst": -10 * 3600, "ast": -4 * 3600, "adt": -3 * 3600, "nst": -12600, "ndt": -9000,
	"brt": -3 * 3600, "art": -3 * 3600, "clt": -3 * 3600,
	"bst": 3600, "ist": 2 * 3600, "idt": 3 * 3600, "cet": 3600, "cest": 7200, "met": 3600, "mest": 7200,
	"eet": 7200, "eest": 10800, "west": 3600, "msk": 10800, "msd": 14400, "sast": 7200, "eat": 10800,
	"jst": 9 * 3600, "kst": 9 * 3600, "hkt": 8 * 3600, "pht": 8 * 3600,
	"sgt": 8 * 3600, "ict": 7 * 3600, "npt": 20700, "pkt": 5 * 3600, "uzt": 5 * 3600,
	"awst": 8 * 3600, "acst": 34200, "acdt": 37800, "aest": 10 * 3600, "aedt": 11 * 3600,
	"nzst": 12 * 3600, "nzdt": 13 * 3600, "nzt": 12 * 3600,
}

func zoneAbbrev(lower string) (int, bool) {
	off, ok := zoneAbbrevs[lower]
	return off, ok
}

var zoneCache sync.Map // lower-case name → *time.Location, nil for unknown names

// zoneNameMax bounds what user-supplied names can make the cache hold.
const zoneNameMax = 64

// loadZone finds an IANA zone whatever the case of its name; nil when there is none.
func loadZone(name string) *time.Location {
	if name == "" || len(name) > zoneNameMax || strings.EqualFold(name, "local") {
		return nil
	}
	lower := strings.ToLower(name)
	if loc, ok := zoneCache.Load(lower); ok {
		return loc.(*time.Location)
	}
	area, place, _ := strings.Cut(zoneTitle(lower), "/")
	for _, try := range []string{name, zoneTitle(lower), strings.ToUpper(name), strings.ToUpper(area) + "/" + place} { // US/Pacific
		if loc, err := time.LoadLocation(try); err == nil {
			zoneCache.Store(lower, loc)
			return loc
		}
	}
	return nil
}

// zoneTitle spells america/new_york as America/New_York.
func zoneTitle(lower string) string {
	b := []byte(lower)
	up := true
	for i, c := range b {
		if up && c >= 'a' && c <= 'z' {
			b[i] = c - 32
		}
		up = c == '/' || c == '_' || c == '-'
	}
	return string(b)
}

// posixZone reads an optional abbreviation and an offset, positive west: "UTC+3", "<ABC>-5:30", "+3".
func posixZone(s string) (off int, abbr string, ok bool) {
	i := 0
	if strings.HasPrefix(s, "<") {
		end := strings.IndexByte(s, '>')
		if end < 0 {
			return 0, "", false
		}
		abbr, i = s[1:end], end+1
	} else {
		for i < len(s) && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z') {
			i++
		}
		if abbr = s[:i]; i > 0 && i < 3 {
			return 0, "", false
		}
	}
	rest := s[i:]
	if rest == "" {
		return 0, "", false
	}
	sign := -1
	switch rest[0] {
	case '+':
		rest = rest[1:]
	case '-':
		sign, rest = 1, rest[1:]
	}
	sec, unit := 0, 3600
	for n, part := range strings.Split(rest, ":") {
		v, err := strconv.Atoi(part)
		if err != nil || v < 0 || n > 2 || n > 0 && v > 59 || v > 167 {
			return 0, "", false
		}
		sec += v * unit
		unit /= 60
	}
	off = sign * sec
	if abbr == "" {
		abbr = string(AppendOffset(nil, off))
	}
	return off, abbr, true
}
