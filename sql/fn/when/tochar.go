package when

import (
	"strconv"
	"strings"
	"time"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// The template language of to_char and to_timestamp: pattern words with prefix FM (no padding) and
// suffix TH or th (ordinal), text in double quotes, anything else as it stands.

// node is one piece of a template.
type node struct {
	word    string // pattern word, "" for literal text
	lit     string
	fm      bool
	suffix  string // "TH", "th" or ""
	spacing bool   // lit is a blank or punctuation rather than quoted text
}

// dateWords lists the pattern words, longer ones first where one is a prefix of another.
var dateWords = []string{
	"SSSSS", "SSSS", "Y,YYY", "YYYY", "yyyy", "IYYY", "iyyy", "MONTH", "Month", "month", "A.D.", "a.d.", "B.C.", "b.c.",
	"A.M.", "a.m.", "P.M.", "p.m.", "HH24", "hh24", "HH12", "hh12", "IDDD", "iddd", "ssss", "sssss",
	"YYY", "yyy", "IYY", "iyy", "MON", "Mon", "mon", "DAY", "Day", "day", "DDD", "ddd", "TZH", "tzh", "TZM", "tzm",
	"FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "ff1", "ff2", "ff3", "ff4", "ff5", "ff6",
	"YY", "yy", "IY", "iy", "MM", "mm", "MI", "mi", "MS", "ms", "US", "us", "SS", "ss", "HH", "hh", "DD", "dd", "DY", "Dy", "dy",
	"ID", "id", "IW", "iw", "WW", "ww", "CC", "cc", "AD", "ad", "BC", "bc", "AM", "am", "PM", "pm", "TZ", "tz", "OF", "of",
	"RM", "rm", "Y", "y", "I", "i", "D", "d", "W", "w", "Q", "q", "J", "j",
}

var dateTemplates fn.Memo[[]node]

// dateTemplate returns the pieces of a template, which nobody may change.
func dateTemplate(f []byte) []node {
	nodes, _ := dateTemplates.Get(f, func(f string) ([]node, error) { return parseDateTemplate(f), nil })
	return nodes
}

func parseDateTemplate(f string) []node {
	var out []node
	literal := func(s string, spacing bool) {
		if n := len(out) - 1; n >= 0 && out[n].word == "" && !spacing && !out[n].spacing {
			out[n].lit += s
			return
		}
		out = append(out, node{lit: s, spacing: spacing})
	}
	for f != "" {
		n := node{}
		rest := f
		for {
			switch {
			case strings.HasPrefix(rest, "FM"), strings.HasPrefix(rest, "fm"):
				n.fm, rest = true, rest[2:]
				continue
			case strings.HasPrefix(rest, "FX"), strings.HasPrefix(rest, "fx"), strings.HasPrefix(rest, "TM"), strings.HasPrefix(rest, "tm"):
				rest = rest[2:]
				continue
			}
			break
		}
		for _, w := range dateWords {
			if strings.HasPrefix(rest, w) {
				n.word, rest = w, rest[len(w):]
				break
			}
		}
		if n.word != "" {
			if strings.HasPrefix(rest, "TH") || strings.HasPrefix(rest, "th") {
				n.suffix, rest = rest[:2], rest[2:]
			}
			out = append(out, n)
			f = rest
			continue
		}
		if n.fm || rest != f { // a modifier in front of no word
			if f = rest; f == "" {
				break
			}
		}
		switch {
		case f[0] == '"':
			body, tail, _ := strings.Cut(f[1:], `"`)
			literal(body, false)
			f = tail
		case f[0] == '\\' && len(f) > 1 && f[1] == '"':
			literal(`"`, false)
			f = f[2:]
		default:
			c := f[0]
			literal(f[:1], !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 128))
			f = f[1:]
		}
	}
	return out
}

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
			return appendTemplate(dst, stampMoment(a[0].I[i], loc), dateTemplate(a[1].Bytes(i))), nil
		}), "Writes a timestamp by a template.", "select to_char("+t.Name()+" '2002-04-20 17:31:12.66', 'HH12:MI:SS')", "05:31:12")
	}
	defIn(familyFormat, "to_char", sig(intervalT, textT), textT, templateRows(func(_ *fn.Ctx, dst []byte, a []*rows.Vec, i int) ([]byte, error) {
		nodes := dateTemplate(a[1].Bytes(i))
		for _, n := range nodes {
			if dateOnly[strings.ToUpper(n.word)] {
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

func appendTemplate(dst []byte, m moment, nodes []node) []byte {
	for _, n := range nodes {
		if n.word == "" {
			dst = append(dst, n.lit...)
			continue
		}
		start := len(dst)
		dst = m.append(dst, n)
		if n.suffix != "" && len(dst) > start && dst[len(dst)-1] >= '0' && dst[len(dst)-1] <= '9' {
			dst = append(dst, ordinal(string(dst[start:]), n.suffix)...)
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

func (m moment) append(dst []byte, n node) []byte {
	switch w := strings.ToUpper(n.word); w {
	case "A.M.", "P.M.", "AM", "PM":
		s := map[bool]string{false: "AM", true: "PM"}[m.hour%24 >= 12]
		if len(w) == 4 {
			s = s[:1] + "." + s[1:] + "."
		}
		return styled(dst, s, n.word, 0, true)
	case "HH", "HH12":
		h := m.hour % 12
		if h == 0 {
			h = 12
		}
		return number(dst, h, 2, n.fm)
	case "HH24":
		return number(dst, m.hour, 2, n.fm)
	case "MI":
		return number(dst, int64(m.min), 2, n.fm)
	case "SS":
		return number(dst, int64(m.sec), 2, n.fm)
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
		return styled(dst, m.zone, n.word, 0, true)
	case "TZH":
		return m.appendOffset(dst, false)
	case "TZM":
		return number(dst, int64(abs(m.offset)/60%60), 2, n.fm)
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

func (m moment) appendDate(dst []byte, n node) []byte {
	w := strings.ToUpper(n.word)
	switch w {
	case "A.D.", "B.C.", "AD", "BC":
		s := map[bool]string{false: "AD", true: "BC"}[m.year <= 0 && !m.interval]
		if len(w) == 4 {
			s = s[:1] + "." + s[1:] + "."
		}
		return styled(dst, s, n.word, 0, true)
	case "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "I":
		y := m.year
		if w[0] == 'I' {
			if m.interval {
				return dst
			}
			y, _ = isoWeek(m.days)
		}
		width := len(w)
		v := m.shownYear(y)
		if width < 4 {
			v %= pow10(width)
		}
		return number(dst, v, width, n.fm)
	case "Y,YYY":
		v := m.shownYear(m.year)
		dst = strconv.AppendInt(dst, v/1000, 10)
		return number(append(dst, ','), v%1000, 3, false)
	case "CC":
		v := int64(m.year / 100)
		if !m.interval {
			v = eraGroup(m.year, 100)
		}
		return number(dst, v, 2, n.fm)
	case "Q":
		if m.month == 0 {
			return dst
		}
		return number(dst, int64((m.month-1)/3+1), 1, n.fm)
	case "MM":
		return number(dst, int64(m.month), 2, n.fm)
	case "DD":
		return number(dst, int64(m.day), 2, n.fm)
	case "J":
		return strconv.AppendInt(dst, m.days+2440588, 10)
	}
	if m.interval && w == "DDD" {
		return number(dst, int64(m.year*360+m.month*30+m.day), 3, n.fm)
	}
	if m.interval && (w != "MONTH" && w != "MON" && w != "RM" || m.month == 0) {
		return dst
	}
	return m.appendCalendar(dst, n, w)
}

// appendCalendar writes the fields that only a date has.
func (m moment) appendCalendar(dst []byte, n node, w string) []byte {
	doy := int(m.days-types.DaysFromCivil(m.year, 1, 1)) + 1
	switch w {
	case "MONTH":
		return styled(dst, time.Month(abs(m.month)).String(), n.word, 9, n.fm)
	case "MON":
		return styled(dst, time.Month(abs(m.month)).String()[:3], n.word, 0, true)
	case "DAY":
		return styled(dst, time.Weekday(weekday(m.days)).String(), n.word, 9, n.fm)
	case "DY":
		return styled(dst, time.Weekday(weekday(m.days)).String()[:3], n.word, 0, true)
	case "DDD":
		return number(dst, int64(doy), 3, n.fm)
	case "IDDD":
		iy, _ := isoWeek(m.days)
		return number(dst, m.days-weekOne(iy)+1, 3, n.fm)
	case "D":
		return number(dst, int64(weekday(m.days)+1), 1, n.fm)
	case "ID":
		return number(dst, int64((weekday(m.days)+6)%7+1), 1, n.fm)
	case "W":
		return number(dst, int64((m.day-1)/7+1), 1, n.fm)
	case "WW":
		return number(dst, int64((doy-1)/7+1), 2, n.fm)
	case "IW":
		_, wk := isoWeek(m.days)
		return number(dst, int64(wk), 2, n.fm)
	case "RM":
		return styled(dst, romanMonths[abs(m.month)-1], n.word, 4, n.fm)
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
