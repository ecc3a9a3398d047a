package when

import (
	"strconv"
	"strings"
	"time"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/timefmt"
	"tidemill/sql/types"
)

// moment is what to_char prints: a wall clock with its zone, or an interval.
type moment struct {
	year, month, day int
	days             int64 // since 1970; 0 for intervals
	hour             int64
	min, sec, us     int
	interval         bool
	zone             string
	offset           int
}

// dateOnly are the pattern words that mean nothing for an interval.
var dateOnly = map[string]bool{"A.D.": true, "B.C.": true, "AD": true, "BC": true, "TZ": true, "TZH": true, "TZM": true,
	"OF": true, "MONTH": true, "MON": true, "DAY": true, "DY": true, "D": true, "ID": true}

func stampMoment(us int64, loc *time.Location) moment {
	var m moment
	if loc != nil {
		m.offset, m.zone = types.OffsetAt(loc, us)
		us += int64(m.offset) * types.MicrosPerSecond
	}
	var clock int64
	m.days, clock = types.SplitMicros(us)
	m.year, m.month, m.day = types.CivilFromDays(m.days)
	m.setClock(clock)
	return m
}

func (m *moment) setClock(clock int64) {
	m.hour = clock / types.MicrosPerHour
	m.min = int(clock / types.MicrosPerMinute % 60)
	m.sec = int(clock / types.MicrosPerSecond % 60)
	m.us = int(clock % types.MicrosPerSecond)
}

func init() {
	for _, t := range []types.Type{timestampT, timestamptzT} {
		defIn(familyFormat, "to_char", sig(t, textT), textT, templateRows(func(c *fn.Ctx, dst []byte, a []*rows.Vec, i int) ([]byte, error) {
			if !types.IsFinite(a[0].I[i]) {
				return nil, nil // NULL
			}
			var loc *time.Location
			if t.ID == types.Timestamptz {
				loc = c.Env.Location()
			}
			return appendTemplate(dst, stampMoment(a[0].I[i], loc), template(a[1].Bytes(i))), nil
		}), "Writes a timestamp by a template.", "select to_char("+t.Name()+" '2002-04-20 17:31:12.66', 'HH12:MI:SS')", "05:31:12")
	}
	defIn(familyFormat, "to_char", sig(intervalT, textT), textT, templateRows(func(_ *fn.Ctx, dst []byte, a []*rows.Vec, i int) ([]byte, error) {
		nodes := template(a[1].Bytes(i))
		for _, n := range nodes {
			if dateOnly[n.Name] {
				return nil, sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid format specification for an interval value").
					WithHint("Intervals are not tied to specific calendar dates.")
			}
		}
		v := span(a[0], i)
		m := moment{interval: true, year: int(v.Months / 12), month: int(v.Months % 12), day: int(v.Days)}
		m.setClock(v.Micros)
		return appendTemplate(dst, m, nodes), nil
	}), "Writes an interval by a template.", "select to_char(interval '15h 2m 12s', 'HH24:MI:SS')", "15:02:12")
}

// template reads a template of to_char, in which nothing is wrong.
func template(t []byte) []timefmt.Node {
	nodes, _ := dateTemplates.Get(t, func(t string) ([]timefmt.Node, error) { return timefmt.Parse(t, false) })
	return nodes // only strict templates fail
}

var dateTemplates fn.Memo[[]timefmt.Node]

// templateRows is textRows, but an empty template and an infinite time (nil) give NULL.
func templateRows(f func(c *fn.Ctx, dst []byte, a []*rows.Vec, i int) ([]byte, error)) fn.Kernel {
	return fn.Rowwise(textT, true, func(c *fn.Ctx, a []*rows.Vec, i int, out *rows.VecBuilder) error {
		if len(a[1].Bytes(i)) == 0 {
			return nil
		}
		b, err := f(c, out.Scratch(), a, i)
		if err == nil && b != nil {
			out.CommitScratch(b)
		}
		return err
	})
}

func appendTemplate(dst []byte, m moment, nodes []timefmt.Node) []byte {
	for _, n := range nodes {
		if n.Kind != timefmt.Word {
			dst = append(dst, n.Text...)
			continue
		}
		start := len(dst)
		dst = m.append(dst, n)
		if n.Suffix != "" && len(dst) > start && dst[len(dst)-1] >= '0' && dst[len(dst)-1] <= '9' {
			dst = append(dst, ordinal(string(dst[start:]), n.Suffix)...)
		}
	}
	return dst
}

// ordinal returns st, nd, rd or th for a number, in the case of the suffix.
func ordinal(num, suffix string) string {
	s := "th"
	teen := len(num) > 1 && num[len(num)-2] == '1'
	if !teen {
		switch num[len(num)-1] {
		case '1':
			s = "st"
		case '2':
			s = "nd"
		case '3':
			s = "rd"
		}
	}
	if suffix == "TH" {
		return strings.ToUpper(s)
	}
	return s
}

func number(dst []byte, v int64, width int, fm bool) []byte {
	if fm {
		return strconv.AppendInt(dst, v, 10)
	}
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	s := strconv.FormatInt(v, 10)
	for range width - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

// signedNumber is number with a width that counts the sign.
func signedNumber(dst []byte, v int64, width int, fm bool) []byte {
	if v < 0 {
		width--
	}
	return number(dst, v, width, fm)
}

// styled puts a name in the case of its pattern word and pads it to width.
func styled(dst []byte, name, word string, width int, fm bool) []byte {
	switch {
	case word == strings.ToUpper(word):
		name = strings.ToUpper(name)
	case word == strings.ToLower(word):
		name = strings.ToLower(name)
	}
	dst = append(dst, name...)
	for k := len(name); k < width && !fm; k++ {
		dst = append(dst, ' ')
	}
	return dst
}

var romanMonths = [...]string{"I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"}

func (m moment) append(dst []byte, n timefmt.Node) []byte {
	switch w := n.Name; w {
	case "A.M.", "P.M.", "AM", "PM":
		s := map[bool]string{false: "AM", true: "PM"}[m.hour%24 >= 12]
		if len(w) == 4 {
			s = s[:1] + "." + s[1:] + "."
		}
		return styled(dst, s, n.Text, 0, true)
	case "HH", "HH12":
		h := m.hour % 12
		if h == 0 {
			h = 12
		}
		return number(dst, h, 2, n.FM)
	case "HH24":
		return number(dst, m.hour, 2, n.FM)
	case "MI":
		return number(dst, int64(m.min), 2, n.FM)
	case "SS":
		return number(dst, int64(m.sec), 2, n.FM)
	case "MS", "FF3":
		return number(dst, int64(m.us/1000), 3, false)
	case "US", "FF6":
		return number(dst, int64(m.us), 6, false)
	case "FF1", "FF2", "FF4", "FF5":
		digits := int(w[2] - '0')
		s := string(number(nil, int64(m.us), 6, false))
		return append(dst, s[:digits]...)
	case "SSSS", "SSSSS":
		return strconv.AppendInt(dst, m.hour*3600+int64(m.min*60+m.sec), 10)
	case "TZ":
		if m.interval {
			return dst
		}
		return styled(dst, m.zone, n.Text, 0, true)
	case "TZH":
		return m.appendOffset(dst, false)
	case "TZM":
		return number(dst, int64(abs(m.offset)/60%60), 2, n.FM)
	case "OF":
		return m.appendOffset(dst, true)
	}
	return m.appendDate(dst, n)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

func (m moment) appendOffset(dst []byte, minutes bool) []byte {
	sign := byte('+')
	if m.offset < 0 {
		sign = '-'
	}
	dst = number(append(dst, sign), int64(abs(m.offset)/3600), 2, false)
	if minutes && m.offset%3600 != 0 {
		dst = number(append(dst, ':'), int64(abs(m.offset)/60%60), 2, false)
	}
	return dst
}

// shownYear drops the era of a year.
func (m moment) shownYear(y int) int64 {
	if m.interval || y > 0 {
		return int64(y)
	}
	return 1 - int64(y)
}

func (m moment) appendDate(dst []byte, n timefmt.Node) []byte {
	w := n.Name
	switch w {
	case "A.D.", "B.C.", "AD", "BC":
		s := map[bool]string{false: "AD", true: "BC"}[m.year <= 0 && !m.interval]
		if len(w) == 4 {
			s = s[:1] + "." + s[1:] + "."
		}
		return styled(dst, s, n.Text, 0, true)
	case "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "I":
		y, width := m.year, len(w)
		switch {
		case w[0] == 'I' && m.interval:
			return m.appendIntervalISOYear(dst, width, n.FM)
		case w[0] == 'I':
			y, _ = isoWeek(m.days)
		}
		v := m.shownYear(y)
		if width < 4 {
			v %= pow10(width)
		}
		return number(dst, v, width, n.FM)
	case "Y,YYY":
		v := m.shownYear(m.year)
		dst = strconv.AppendInt(dst, v/1000, 10)
		return signedNumber(append(dst, ','), v%1000, 3, false)
	case "CC":
		v := int64(m.year / 100)
		if !m.interval {
			v = eraGroup(m.year, 100)
		}
		return number(dst, v, 2, n.FM)
	case "Q":
		if m.month == 0 {
			return dst
		}
		return number(dst, int64((m.month-1)/3+1), 1, n.FM)
	case "MM":
		return number(dst, int64(m.month), 2, n.FM)
	case "DD":
		return signedNumber(dst, int64(m.day), 2, n.FM)
	case "J":
		if m.interval {
			return strconv.AppendInt(dst, int64(julianDay(int32(m.year), int32(m.month), int32(m.day))), 10)
		}
		return strconv.AppendInt(dst, m.days+2440588, 10)
	}
	if m.interval && w == "DDD" {
		return number(dst, int64(m.year*360+m.month*30+m.day), 3, n.FM)
	}
	if m.interval && w == "RM" && m.month == 0 && m.year != 0 {
		m.month = 12 // a whole year is its last month
		if m.year < 0 {
			m.month = 1
		}
	}
	if m.interval && (w != "MONTH" && w != "MON" && w != "RM" || m.month == 0) {
		return dst
	}
	return m.appendCalendar(dst, n, w)
}

// appendIntervalISOYear writes the ISO year of an interval's months and days taken for a date, in a
// width that counts the sign and, but for I, is one more for a negative year, as PostgreSQL does.
func (m moment) appendIntervalISOYear(dst []byte, width int, fm bool) []byte {
	v := int64(isoYearOf(int32(m.year), int32(m.month), int32(m.day)))
	digits := width
	if m.year < 0 && width > 1 {
		digits++
	}
	if width < 4 {
		v %= pow10(width)
	}
	return signedNumber(dst, v, digits, fm)
}

// appendCalendar writes the fields that only a date has.
func (m moment) appendCalendar(dst []byte, n timefmt.Node, w string) []byte {
	doy := int(m.days-types.DaysFromCivil(m.year, 1, 1)) + 1
	switch w {
	case "MONTH":
		return styled(dst, time.Month(abs(m.month)).String(), n.Text, 9, n.FM)
	case "MON":
		return styled(dst, time.Month(abs(m.month)).String()[:3], n.Text, 0, true)
	case "DAY":
		return styled(dst, time.Weekday(weekday(m.days)).String(), n.Text, 9, n.FM)
	case "DY":
		return styled(dst, time.Weekday(weekday(m.days)).String()[:3], n.Text, 0, true)
	case "DDD":
		return number(dst, int64(doy), 3, n.FM)
	case "IDDD":
		iy, _ := isoWeek(m.days)
		return number(dst, m.days-timefmt.WeekOne(iy)+1, 3, n.FM)
	case "D":
		return number(dst, int64(weekday(m.days)+1), 1, n.FM)
	case "ID":
		return number(dst, int64((weekday(m.days)+6)%7+1), 1, n.FM)
	case "W":
		return number(dst, int64((m.day-1)/7+1), 1, n.FM)
	case "WW":
		return number(dst, int64((doy-1)/7+1), 2, n.FM)
	case "IW":
		_, wk := isoWeek(m.days)
		return number(dst, int64(wk), 2, n.FM)
	case "RM":
		at := m.month - 1
		if m.month < 0 {
			at = 12 + m.month // those of negative intervals count from the year's end
		}
		return styled(dst, romanMonths[at], n.Text, 4, n.FM)
	}
	return dst
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}
