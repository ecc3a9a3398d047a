package when

import (
	"strings"

	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/timefmt"
	"tidemill/sql/types"
)

// unit is a field that extract and date_trunc can name.
type unit uint8

const (
	unitNone unit = iota
	microseconds
	milliseconds
	second
	minute
	hour
	day
	week
	month
	quarter
	year
	decade
	century
	millennium
	isoYear
	julian
	dow
	isoDow
	doy
	epoch
	timezone
	timezoneHour
	timezoneMinute
)

var unitNames = func() map[string]unit {
	m := map[string]unit{}
	for u, names := range map[unit]string{
		microseconds: "us usec usecs useconds microsecond microseconds microsecon", milliseconds: "ms msec msecs mseconds millisecond milliseconds millisecon",
		second: "s sec secs second seconds", minute: "m min mins minute minutes", hour: "h hr hrs hour hours", day: "d day days",
		week: "w week weeks", month: "mon mons month months", quarter: "qtr quarter", year: "y yr yrs year years",
		decade: "dec decs decade decades", century: "c cent century centuries", millennium: "mil mils millennia millennium",
		isoYear: "isoyear", julian: "j jd julian", dow: "dow", isoDow: "isodow", doy: "doy", epoch: "epoch",
		timezone: "timezone", timezoneHour: "timezone_hour timezone_h", timezoneMinute: "timezone_minute timezone_m",
	} {
		for n := range strings.FieldsSeq(names) {
			m[n] = u
		}
	}
	return m
}()

func unitOf(name []byte, t types.Type) (unit, error) {
	if u, ok := unitNames[view(name)]; ok {
		return u, nil
	}
	lower := strings.ToLower(string(name))
	if u, ok := unitNames[lower]; ok {
		return u, nil
	}
	return 0, unknownUnit(name, t)
}

func unknownUnit(name []byte, t types.Type) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s",
		strings.ToLower(string(name)), fn.TypeName(t))
}

func unsupported(name []byte, t types.Type) *sqlerr.Error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "unit \"%s\" not supported for type %s", strings.ToLower(string(name)), fn.TypeName(t))
}

// isoWeek returns the ISO week and the year it belongs to.
func isoWeek(days int64) (isoYear, week int) {
	y, _, _ := types.CivilFromDays(days)
	start := timefmt.WeekOne(y)
	if next := timefmt.WeekOne(y + 1); days >= next {
		y, start = y+1, next
	} else if days < start {
		y--
		start = timefmt.WeekOne(y)
	}
	return y, int(days-start)/7 + 1
}

// julianDay returns the Julian day of a date whose month and day may be out of range, as an interval's
// are: PostgreSQL's date2j. The numbers wrap at 32 bits as they do there.
func julianDay(y, m, d int32) int32 {
	if m > 2 {
		m, y = m+1, y+4800
	} else {
		m, y = m+13, y+4799
	}
	century := y / 100
	return y*365 - 32167 + y/4 - century + century/4 + 7834*m/256 + d
}

// isoYearOf returns the ISO year of such a date: PostgreSQL's date2isoyear.
func isoYearOf(year, month, day int32) int32 {
	// weekOne is the Monday of the week that holds 4 January.
	weekOne := func(y int32) int32 {
		fourth := julianDay(y, 1, 4)
		back := fourth % 7
		if back < 0 {
			back += 7
		}
		return fourth - back
	}
	at := julianDay(year, month, day)
	if at < weekOne(year) {
		year--
	}
	if (at-weekOne(year))/7+1 >= 52 && at >= weekOne(year+1) {
		year++
	}
	return year
}

// weekday returns 0 for Sunday to 6 for Saturday.
func weekday(days int64) int {
	w := (days + 4) % 7
	if w < 0 {
		w += 7
	}
	return int(w)
}

// eraYear numbers years as people do: there is no year 0, 1 BC is -1.
func eraYear(y int) int64 {
	if y <= 0 {
		return int64(y) - 1
	}
	return int64(y)
}

// eraGroup numbers centuries (n = 100) and millennia: 1 to n is the first, n BC to 1 BC is -1.
func eraGroup(y int, n int64) int64 {
	if y > 0 {
		return (int64(y) + n - 1) / n
	}
	return -((n - int64(y)) / n)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
