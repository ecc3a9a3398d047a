package timefmt

import (
	"math"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Result is what a text says by a template.
type Result struct {
	Year, Month, Day int   // what is missing is 0, 1 and 1
	Clock            int64 // µs since midnight
	Digits           int   // of the fraction, where the template says: FF1 to FF6; 0 = all
	Zoned            bool
	Zone             int // seconds east of UTC
	// HasDate, HasTime and HasZone tell what the template has fields of.
	HasDate, HasTime, HasZone bool
}

// Read reads a text by a parsed template. A strict template matches its separators exactly and uses all
// of the text.
func Read(text string, nodes []Node, strict bool) (Result, error) {
	r := &reader{nodes: nodes, s: text, full: text, strict: strict, fixed: strict}
	if err := r.read(); err != nil {
		return Result{}, err
	}
	out, err := r.result()
	for _, n := range nodes {
		switch n.Name {
		case "", "FX":
		case "HH", "HH12", "HH24", "MI", "SS", "MS", "US", "SSSS", "SSSSS", "AM", "PM", "A.M.", "P.M.", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
			out.HasTime = true
		case "TZ", "TZH", "TZM", "OF":
			out.HasZone = true
		default:
			out.HasDate = true
		}
	}
	return out, err
}

func (r *reader) overflow() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", r.full)
}

// have tells which parts of the date are known.
type have struct{ year, month, day bool }

func (r *reader) result() (Result, error) {
	out := Result{Month: 1, Day: 1}
	hour, minute, second := r.ssss/3600, r.ssss/60%60, r.ssss%60
	if r.second != 0 {
		second = r.second
	}
	if r.minute != 0 {
		minute = r.minute
	}
	if r.hour != 0 {
		hour = r.hour
	}
	if r.clock12 {
		if hour < 1 || hour > 12 {
			return out, formatError("hour \"%d\" is invalid for the 12-hour clock", hour).
				WithHint("Use the 24-hour clock, or give an hour between 1 and 12.")
		}
		if r.pm == 1 && hour < 12 {
			hour += 12
		} else if r.pm == 0 && hour == 12 {
			hour = 0
		}
	}
	var known have
	r.putYear(&out, &known)
	if err := r.putDay(&out, &known); err != nil {
		return out, err
	}
	if known.month && (out.Month < 1 || out.Month > 12) || known.day && (out.Day < 1 || out.Day > 31) ||
		known == (have{true, true, true}) && out.Day > types.DaysInMonth(out.Year, out.Month) {
		return out, r.overflow()
	}
	us := r.ms*1000 + r.us
	if hour < 0 || hour >= 24 || minute < 0 || minute >= 60 || second < 0 || second >= 60 || us < 0 || us >= 1e6 {
		return out, r.overflow()
	}
	out.Clock = int64(hour*3600+minute*60+second)*types.MicrosPerSecond + int64(us)
	out.Digits = r.ff
	if r.tzSign != 0 {
		if r.tzHour < 0 || r.tzHour > 15 || r.tzMinute < 0 || r.tzMinute >= 60 {
			return out, r.overflow()
		}
		out.Zoned, out.Zone = true, r.tzSign*(r.tzHour*3600+r.tzMinute*60)
	}
	return out, nil
}

// putYear makes the year of the year, the century and the era.
func (r *reader) putYear(out *Result, known *have) {
	if r.year == 0 && r.cc == 0 {
		return
	}
	known.year = true
	cc := r.cc
	if r.bc == 1 {
		cc = -cc
	}
	switch {
	case r.year == 0 && cc >= 0:
		out.Year = (cc-1)*100 + 1
	case r.year == 0:
		out.Year = cc*100 + 1
	case cc != 0 && r.yearDigits <= 2: // the year within the century
		y := r.year % 100
		switch {
		case y != 0 && cc >= 0:
			out.Year = y + (cc-1)*100
		case y != 0:
			out.Year = (cc+1)*100 - y + 1
		case cc >= 0:
			out.Year = cc * 100
		default:
			out.Year = cc*100 + 1
		}
	default:
		out.Year = r.year
		if r.bc == 1 {
			out.Year = -out.Year
		}
		if out.Year < 0 {
			out.Year++
		}
	}
}

// putDay makes month and day of what the text says: a Julian day, a week, a day of the year.
func (r *reader) putDay(out *Result, known *have) error {
	all := have{true, true, true}
	civil := func(days int64) {
		out.Year, out.Month, out.Day = types.CivilFromDays(days)
		*known = all
	}
	if r.j != 0 {
		civil(int64(r.j) - julianEpoch)
	}
	ddd, dd := r.ddd, r.dd
	if r.ww != 0 {
		if r.convention == isoWeeks {
			monday := WeekOne(out.Year) + int64(r.ww-1)*7
			if r.d > 1 {
				monday += int64(r.d - 2)
			} else if r.d == 1 {
				monday += 6
			}
			civil(monday)
		} else {
			ddd = (r.ww-1)*7 + 1
		}
	}
	if r.w != 0 {
		dd = (r.w-1)*7 + 1
	}
	if dd != 0 {
		out.Day, known.day = dd, true
	}
	if r.mm != 0 {
		out.Month, known.month = r.mm, true
	}
	if ddd == 0 || out.Month > 1 && out.Day > 1 {
		return nil
	}
	if out.Year == 0 && r.bc == 0 {
		return formatError("cannot calculate day of year without year information")
	}
	if r.convention == isoWeeks {
		civil(WeekOne(out.Year) + int64(ddd) - 1)
		return nil
	}
	month, before := 1, 0
	for month <= 12 && ddd > before+types.DaysInMonth(out.Year, month) {
		before += types.DaysInMonth(out.Year, month)
		month++
	}
	if out.Month <= 1 {
		out.Month = month
	}
	if out.Day <= 1 {
		out.Day = ddd - before
	}
	known.month, known.day = true, true
	return nil
}

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440588

// WeekOne returns the Monday of the first ISO week of a year, days since 1970.
func WeekOne(year int) int64 {
	fourth := types.DaysFromCivil(year, 1, 4) // always in week 1
	return fourth - ((fourth+3)%7+7)%7
}

// Days returns the date, days since 1970; ok is false outside of the range of dates.
func (r Result) Days() (days int64, ok bool) {
	if r.Year < -4713 || r.Year > 5874898 {
		return 0, false
	}
	days = types.DaysFromCivil(r.Year, r.Month, 1) + int64(r.Day) - 1
	return days, days >= types.MinDays && days <= types.MaxDays
}

// Micros returns the date and time, µs since 1970 by the clock of the text; ok is false outside of the
// range of timestamps.
func (r Result) Micros() (us int64, ok bool) {
	days, ok := r.Days()
	if !ok || days > math.MaxInt64/types.MicrosPerDay-1 {
		return 0, false
	}
	us = days*types.MicrosPerDay + r.Clock
	return us, us >= types.MinMicros
}
