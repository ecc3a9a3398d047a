package when

import (
	"math"
	"strconv"
	"strings"
	"time"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	defIn(familyFormat, "to_timestamp", sig(textT, textT), timestamptzT, intRows(timestamptzT, func(c *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		p, err := readTemplate(string(a[0].Bytes(i)), a[1].Bytes(i))
		if err != nil {
			return 0, err
		}
		us, err := p.micros()
		if err != nil {
			return 0, err
		}
		if p.zoned {
			return us - int64(p.zone)*types.MicrosPerSecond, nil
		}
		return types.InstantMicros(us, c.Env.Location()), nil
	}), "Reads an instant by a template.", "select to_timestamp('05 Dec 2000 +00', 'DD Mon YYYY TZH') at time zone 'UTC'", "2000-12-05 00:00:00")
	defIn(familyFormat, "to_date", sig(textT, textT), dateT, intRows(dateT, func(_ *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		p, err := readTemplate(string(a[0].Bytes(i)), a[1].Bytes(i))
		if err != nil {
			return 0, err
		}
		return p.date()
	}), "Reads a date by a template.", "select to_date('05 Dec 2000', 'DD Mon YYYY')", "2000-12-05")
}

// reading holds the fields that a template found in a text.
type reading struct {
	src                      string
	year, month, day         int
	doy, week, isoWk, isoDay int
	julian, cc, quarter      int
	hour, min, sec, us, ssss int
	yearDigits               int
	iso, bc, hasYear, hour12 bool
	pm                       int // -1 none
	zoned                    bool
	zone                     int
	zoneSignMinus            bool
}

func badValue(word, value string) error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid value \"%s\" for \"%s\"", value, word)
}

// fieldWidth is how many characters a numeric pattern takes when another number follows directly.
var fieldWidth = map[string]int{"YYYY": 4, "YYY": 3, "YY": 2, "Y": 1, "IYYY": 4, "IYY": 3, "IY": 2, "I": 1, "MM": 2, "DD": 2,
	"DDD": 3, "IDDD": 3, "HH": 2, "HH12": 2, "HH24": 2, "MI": 2, "SS": 2, "MS": 3, "US": 6, "SSSS": 5, "SSSSS": 5, "J": 7, "CC": 2,
	"Q": 1, "D": 1, "ID": 1, "W": 1, "WW": 2, "IW": 2, "TZH": 2, "TZM": 2, "FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6}

func readTemplate(s string, template []byte) (*reading, error) {
	p := &reading{src: s, pm: -1}
	nodes := dateTemplate(template)
	s = strings.TrimLeft(s, " \t\n")
	for k, n := range nodes {
		if n.word == "" {
			s = skipLiteral(s, n)
			continue
		}
		if s == "" {
			break
		}
		next := k+1 < len(nodes) && nodes[k+1].word != "" && fieldWidth[strings.ToUpper(nodes[k+1].word)] > 0
		var err error
		if s, err = p.read(s, n, next); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// skipLiteral passes the text that a literal of the template stands for: separators match any
// separators, or none.
func skipLiteral(s string, n node) string {
	if n.spacing {
		for range len(n.lit) {
			switch {
			case s == "":
			case n.lit == " " && s[0] == ' ':
				s = strings.TrimLeft(s, " ")
			case isSeparator(s[0]):
				s = s[1:]
			}
		}
		return s
	}
	return s[min(len(n.lit), len(s)):]
}

func isSeparator(c byte) bool {
	return c > 32 && c < 127 && !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') || c == ' ' || c == '\t'
}

func (p *reading) read(s string, n node, numberNext bool) (string, error) {
	w := strings.ToUpper(n.word)
	s = strings.TrimLeft(s, " ")
	switch w {
	case "MONTH", "MON", "DAY", "DY", "RM":
		return p.readName(s, n.word, w)
	case "AM", "PM", "A.M.", "P.M.", "AD", "BC", "A.D.", "B.C.":
		return p.readHalf(s, n.word, w)
	case "TZ", "OF":
		return s, sqlerr.New(sqlerr.FeatureNotSupported, "formatting field \"%s\" is only supported in to_char", w)
	case "TZH":
		p.zoned = true
		sign := 1
		if s != "" && (s[0] == '+' || s[0] == '-') {
			if s[0] == '-' {
				sign = -1
			}
			s = s[1:]
		}
		v, _, rest, err := p.digits(s, w, 2)
		p.zone += sign * v * 3600
		p.zoneSignMinus = sign < 0
		return rest, err
	case "Y,YYY":
		thousands, rest, ok := strings.Cut(s, ",")
		if !ok || len(rest) < 3 {
			return s, sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid input string for \"Y,YYY\"")
		}
		a, err1 := strconv.Atoi(thousands)
		b, err2 := strconv.Atoi(rest[:3])
		if err1 != nil || err2 != nil {
			return s, sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid input string for \"Y,YYY\"")
		}
		p.year, p.yearDigits, p.hasYear = a*1000+b, 4, true
		return rest[3:], nil
	}
	width := 0
	if numberNext || n.fm {
		width = fieldWidth[w]
	}
	if w[0] != 'Y' && w[0] != 'I' && w != "J" && width == 0 {
		width = fieldWidth[w] // only years and Julian days run on
	}
	if n.fm && !numberNext {
		width = 0
	}
	v, digits, rest, err := p.digits(s, w, width)
	if err != nil {
		return s, err
	}
	if n.suffix != "" && len(rest) >= 2 {
		rest = rest[2:]
	}
	return rest, p.set(w, v, digits)
}

func (p *reading) digits(s, w string, width int) (v, n int, rest string, err error) {
	start := 0
	if s != "" && (s[0] == '-' || s[0] == '+') && width != 1 {
		start = 1
	}
	end := start
	for end < len(s) && s[end] >= '0' && s[end] <= '9' && (width == 0 || end-start < width) {
		end++
	}
	if end == start {
		shown := s
		if width > 0 && len(shown) > width {
			shown = shown[:width]
		}
		return 0, 0, s, badValue(w, shown)
	}
	v, err = strconv.Atoi(s[:end])
	if err != nil || v > math.MaxInt32 {
		return 0, 0, s, sqlerr.New(sqlerr.DatetimeFieldOverflow, "value for \"%s\" in source string is out of range", w)
	}
	return v, end - start, s[end:], nil
}

func (p *reading) set(w string, v, digits int) error {
	switch w {
	case "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "I":
		p.year, p.yearDigits, p.hasYear = v, digits, true
		p.iso = p.iso || w[0] == 'I'
		if digits < 4 && len(strings.TrimPrefix(w, "I")) < 4 {
			p.year = adjustYear(v, digits)
		}
		if v < 0 {
			p.bc, p.year = true, -v
		}
	case "MM":
		p.month = v
	case "DD":
		p.day = v
	case "DDD":
		p.doy = v
	case "IDDD":
		p.doy, p.iso = v, true
	case "HH24":
		p.hour = v
	case "HH", "HH12":
		if v < 1 || v > 12 {
			return sqlerr.New(sqlerr.InvalidDatetimeFormat, "hour \"%d\" is invalid for the 12-hour clock", v).
				WithHint("Use the 24-hour clock, or give an hour between 1 and 12.")
		}
		p.hour, p.hour12 = v, true
	case "MI":
		p.min = v
	case "SS":
		p.sec = v
	case "SSSS", "SSSSS":
		p.ssss = v
	case "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		f := float64(v) / math.Pow10(digits)
		p.us = int(math.RoundToEven(f * 1e6))
	case "J":
		p.julian = v
	case "CC":
		p.cc = v
	case "Q":
		p.quarter = v
	case "WW", "W":
		p.week = v
	case "IW":
		p.isoWk, p.iso = v, true
	case "ID":
		p.isoDay = v
	case "TZM":
		p.zoned = true
		if p.zoneSignMinus {
			v = -v
		}
		p.zone += v * 60
	}
	return nil
}

// adjustYear completes a year of less than four digits to the one nearest to 2020.
func adjustYear(y, digits int) int {
	switch {
	case digits > 3:
		return y
	case y < 70:
		return y + 2000
	case y < 100:
		return y + 1900
	case y < 520:
		return y + 2000
	case y < 1000:
		return y + 1000
	}
	return y
}

func (p *reading) readName(s, shown, w string) (string, error) {
	lower := strings.ToLower(s)
	switch w {
	case "MONTH", "MON":
		for m := time.January; m <= time.December; m++ {
			name := strings.ToLower(m.String())
			if w == "MON" {
				name = name[:3]
			}
			if strings.HasPrefix(lower, name) {
				p.month = int(m)
				return s[len(name):], nil
			}
		}
	case "DAY", "DY":
		for d := time.Sunday; d <= time.Saturday; d++ {
			name := strings.ToLower(d.String())
			if w == "DY" {
				name = name[:3]
			}
			if strings.HasPrefix(lower, name) {
				return s[len(name):], nil
			}
		}
	case "RM":
		best := 0
		for k, r := range romanMonths {
			if strings.HasPrefix(lower, strings.ToLower(r)) && (best == 0 || len(r) > len(romanMonths[best-1])) {
				best = k + 1
			}
		}
		if best > 0 {
			p.month = best
			return s[len(romanMonths[best-1]):], nil
		}
	}
	word := s
	for k := range len(s) {
		if c := s[k] | 0x20; c < 'a' || c > 'z' {
			word = s[:k]
			break
		}
	}
	if word == "" {
		word = s
	}
	return s, badValue(shown, word).(*sqlerr.Error).WithDetail("The given value did not match any of the allowed values for this field.")
}

func (p *reading) readHalf(s, word, w string) (string, error) {
	lower := strings.ToLower(s)
	for _, c := range []struct {
		text string
		set  func()
	}{
		{"a.m.", func() { p.pm = 0 }}, {"p.m.", func() { p.pm = 1 }}, {"am", func() { p.pm = 0 }}, {"pm", func() { p.pm = 1 }},
		{"a.d.", func() {}}, {"b.c.", func() { p.bc = true }}, {"ad", func() {}}, {"bc", func() { p.bc = true }},
	} {
		if len(c.text) == len(w) && strings.HasPrefix(lower, c.text) {
			c.set()
			return s[len(c.text):], nil
		}
	}
	return s, badValue(word, s[:min(len(s), len(w))]).(*sqlerr.Error).WithDetail("The given value did not match any of the allowed values for this field.")
}

func (p *reading) overflow() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", p.src)
}

// date puts the date fields together; what is missing is the first of its kind, the year 1 BC.
func (p *reading) date() (int64, error) {
	if p.julian > 0 {
		return int64(p.julian) - 2440588, nil
	}
	year, month, day := p.year, max(p.month, 0), p.day
	if p.cc != 0 && !p.hasYear {
		year = (p.cc-1)*100 + 1
	} else if p.cc != 0 && p.yearDigits <= 2 {
		year = (p.cc-1)*100 + p.year%100
	}
	switch {
	case p.bc && year > 0:
		year = 1 - year
	case !p.hasYear && p.cc == 0:
		year = 0
	}
	if p.iso && p.isoWk > 0 {
		d := weekOne(year) + int64(p.isoWk-1)*7
		if p.isoDay > 0 {
			d += int64(p.isoDay - 1)
		}
		return d, nil
	}
	if p.doy > 0 && p.month == 0 {
		if p.iso {
			return weekOne(year) + int64(p.doy) - 1, nil
		}
		if p.doy > 366 {
			return 0, p.overflow()
		}
		return types.DaysFromCivil(year, 1, 1) + int64(p.doy) - 1, nil
	}
	if p.week > 0 && p.month == 0 {
		return types.DaysFromCivil(year, 1, 1) + int64(p.week-1)*7, nil
	}
	if month == 0 {
		month = 1
	}
	if day == 0 {
		day = 1
		if p.week > 0 {
			day = (p.week-1)*7 + 1
		}
	}
	if month > 12 || day < 1 || day > types.DaysInMonth(year, month) {
		return 0, p.overflow()
	}
	return types.DaysFromCivil(year, month, day), nil
}

func (p *reading) micros() (int64, error) {
	d, err := p.date()
	if err != nil {
		return 0, err
	}
	h := p.hour
	if p.hour12 || p.pm >= 0 {
		if p.pm == 1 && h < 12 {
			h += 12
		} else if p.pm == 0 && h == 12 {
			h = 0
		}
	}
	if h > 24 || p.min > 59 || p.sec > 59 || h < 0 || p.min < 0 || p.sec < 0 {
		return 0, p.overflow()
	}
	secs := int64(h*3600 + p.min*60 + p.sec)
	if p.ssss > 0 {
		secs = int64(p.ssss)
	}
	return d*types.MicrosPerDay + secs*types.MicrosPerSecond + int64(p.us), nil
}
