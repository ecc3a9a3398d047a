package timefmt

import (
	"math"
	"strconv"
	"strings"

	"tidemill/sql/sqlerr"
)

// convention is how a template counts days: by months or by ISO weeks.
type convention uint8

const (
	none convention = iota
	gregorian
	isoWeeks
)

// conventions of the words that have one.
var conventions = map[string]convention{
	"IDDD": isoWeeks, "ID": isoWeeks, "IW": isoWeeks, "IYYY": isoWeeks, "IYY": isoWeeks, "IY": isoWeeks, "I": isoWeeks,
	"DDD": gregorian, "DD": gregorian, "D": gregorian, "MM": gregorian, "MONTH": gregorian, "MON": gregorian, "RM": gregorian,
	"W": gregorian, "WW": gregorian, "Y,YYY": gregorian, "YYYY": gregorian, "YYY": gregorian, "YY": gregorian, "Y": gregorian,
}

// numeric are the words that stand for digits: a field before one of them must have its full width.
var numeric = map[string]bool{"CC": true, "DDD": true, "DD": true, "D": true, "HH24": true, "HH12": true, "HH": true, "IDDD": true,
	"ID": true, "IW": true, "IYYY": true, "IYY": true, "IY": true, "I": true, "J": true, "MI": true, "MM": true, "MS": true, "Q": true,
	"SSSSS": true, "SSSS": true, "SS": true, "TZM": true, "US": true, "WW": true, "W": true, "Y,YYY": true, "YYYY": true, "YYY": true,
	"YY": true, "Y": true}

// fields are what a text says.
type fields struct {
	convention                             convention
	hour, minute, second, ssss, ms, us, ff int
	clock12                                bool
	pm, bc, d, dd, ddd, mm, year, ww, w    int
	cc, j, yearDigits                      int
	tzSign, tzHour, tzMinute               int
}

func formatError(format string, args ...any) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, format, args...)
}

// reader reads a text by a template.
type reader struct {
	fields
	nodes   []Node
	s       string // what is left of the text
	full    string
	skipped int // blanks passed beyond those of the template
	strict  bool
	fixed   bool // FX: the template's blanks count
}

// read walks the template over the text.
func (r *reader) read() error {
	for i := 0; i < len(r.nodes) && r.s != ""; i++ {
		n := r.nodes[i]
		if !r.fixed && n.Name != "FX" && (n.Kind == Word || i == 0) {
			r.blanks()
		}
		if n.Kind != Word {
			if err := r.literal(n); err != nil {
				return err
			}
			continue
		}
		if c := conventions[n.Name]; c != none {
			if r.convention != none && r.convention != c {
				return formatError("invalid combination of date conventions").
					WithHint("Do not mix Gregorian and ISO week date conventions in a formatting template.")
			}
			r.convention = c
		}
		if err := r.field(i); err != nil {
			return err
		}
		if !r.fixed {
			r.skipped = 0
			r.blanks()
		}
		if r.strict && r.s == "" && i+1 < len(r.nodes) {
			return formatError("input string is too short for datetime format")
		}
	}
	if r.strict && strings.TrimLeft(r.s, " \t\n\r\v\f") != "" {
		return formatError("trailing characters remain in input string after datetime format")
	}
	return nil
}

func (r *reader) blanks() {
	for r.s != "" && space(r.s[0]) {
		r.s = r.s[1:]
		r.skipped++
	}
}

// literal passes what stands in the text for a character of the template.
func (r *reader) literal(n Node) error {
	switch {
	case r.strict && n.Kind != Char && r.s[:1] != n.Text:
		return formatError("unmatched format separator \"%s\"", n.Text)
	case r.strict && !strings.HasPrefix(r.s, n.Text):
		return formatError("unmatched format character \"%s\"", n.Text)
	case r.strict, r.fixed:
		r.s = r.s[len(character(r.s)):]
	case n.Kind != Char:
		if r.skipped--; space(r.s[0]) || separator(r.s[0]) {
			r.s = r.s[1:]
			r.skipped++
		}
	case r.skipped > 0: // blanks were passed that may stand for it
		r.skipped--
	default:
		r.s = r.s[len(character(r.s)):]
	}
	return nil
}

// fieldPlaces tells for words of plain numbers where the number goes, and its width.
func (r *reader) fieldPlaces(name string) (dest *int, width int) {
	switch name {
	case "HH24", "HH", "HH12":
		return &r.hour, 2
	case "MI":
		return &r.minute, 2
	case "SS":
		return &r.second, 2
	case "SSSS", "SSSSS":
		return &r.ssss, len(name)
	case "MM":
		return &r.mm, 2
	case "DDD":
		return &r.ddd, 3
	case "IDDD":
		return &r.ddd, 3
	case "DD":
		return &r.dd, 2
	case "D":
		return &r.d, 1
	case "WW", "IW":
		return &r.ww, 2
	case "W":
		return &r.w, 1
	case "CC":
		return &r.cc, 2
	case "J":
		return &r.j, 1
	case "Q":
		return nil, 1
	}
	return nil, 0
}

func (r *reader) field(i int) error {
	n := r.nodes[i]
	switch n.Name {
	case "FX":
		r.fixed = true
		return nil
	case "TZ", "OF":
		return sqlerr.New(sqlerr.FeatureNotSupported, "formatting field \"%s\" is only supported in to_char", n.Text)
	case "A.M.", "P.M.", "AM", "PM":
		r.clock12 = true
		return r.half(i, "am", "pm", &r.pm)
	case "A.D.", "B.C.", "AD", "BC":
		return r.half(i, "ad", "bc", &r.bc)
	case "MONTH", "MON", "DAY", "DY", "RM":
		return r.name(i)
	case "TZH", "TZM":
		return r.zone(i)
	case "Y,YYY", "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "I":
		return r.years(i)
	case "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		return r.fraction(i)
	case "ID":
		if _, err := r.number(i, &r.d, 1); err != nil {
			return err
		}
		if r.d++; r.d > 7 {
			r.d = 1
		}
		r.ordinal(n)
		return nil
	}
	dest, width := r.fieldPlaces(n.Name)
	_, err := r.number(i, dest, width)
	r.clock12 = r.clock12 || n.Name == "HH" || n.Name == "HH12"
	r.ordinal(n)
	return err
}

// ordinal passes the two letters of 1st, 2nd.
func (r *reader) ordinal(n Node) {
	for k := 0; n.Suffix != "" && k < 2 && r.s != ""; k++ {
		r.s = r.s[len(character(r.s)):]
	}
}

func (r *reader) set(n Node, dest *int, v int) error {
	if *dest != 0 && *dest != v {
		return formatError("conflicting values for \"%s\" field in formatting string", n.Text).
			WithDetail("This value contradicts a previous setting for the same field type.")
	}
	*dest = v
	return nil
}

// open tells that no digit can follow field i, so that it takes all digits that there are.
func (r *reader) open(i int) bool {
	if r.nodes[i].Suffix != "" || i+1 == len(r.nodes) {
		return true
	}
	next := r.nodes[i+1]
	if next.Kind == Word {
		return !numeric[next.Name]
	}
	return !(len(next.Text) == 1 && digit(next.Text[0]))
}

// number reads an integer of the given width and returns how many characters it took.
func (r *reader) number(i int, dest *int, width int) (used int, err error) {
	n := r.nodes[i]
	start := r.s
	r.s = strings.TrimLeft(r.s, " \t\n\r\v\f")
	piece := r.s[:min(width, len(r.s))]
	digits := integer(start)
	if !n.FM && !r.open(i) {
		if len(r.s) < width {
			return 0, formatError("source string too short for \"%s\" formatting field", n.Text).
				WithDetail("Field requires %d characters, but only %d remain.", width, len(r.s)).
				WithHint("If your source string is not fixed-width, try using the \"FM\" modifier.")
		}
		digits = integer(piece)
		if k := len(digits); k > 0 && k < width {
			return 0, formatError("invalid value \"%s\" for \"%s\"", piece, n.Text).
				WithDetail("Field requires %d characters, but only %d could be parsed.", width, k).
				WithHint("If your source string is not fixed-width, try using the \"FM\" modifier.")
		}
		r.s = r.s[len(digits):]
	} else {
		r.s = start[len(digits):]
	}
	if len(r.s) == len(start) {
		return 0, formatError("invalid value \"%s\" for \"%s\"", piece, n.Text).WithDetail("Value must be an integer.")
	}
	v, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimLeft(digits, " \t\n\r\v\f"), "+"), 10, 64)
	if err != nil && digits != "" || v < math.MinInt32 || v > math.MaxInt32 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "value for \"%s\" in source string is out of range", n.Text).
			WithDetail("Value must be in the range %d to %d.", math.MinInt32, math.MaxInt32)
	}
	if dest != nil {
		err = r.set(n, dest, int(v))
	} else {
		err = nil
	}
	return len(start) - len(r.s), err
}

// integer returns the integer that s begins with, with blanks and a sign in front; "" when there is none.
func integer(s string) string {
	i := 0
	for i < len(s) && space(s[i]) {
		i++
	}
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	first := i
	for i < len(s) && digit(s[i]) {
		i++
	}
	if i == first {
		return ""
	}
	return s[:i]
}

func (r *reader) fraction(i int) error {
	n := r.nodes[i]
	dest, width := &r.us, 6
	if n.Name == "MS" {
		dest, width = &r.ms, 3
	} else if n.Name[0] == 'F' {
		r.ff = int(n.Name[2] - '0')
		width = r.ff
	}
	used, err := r.number(i, dest, width)
	if err != nil {
		return err
	}
	full := 6
	if n.Name == "MS" {
		full = 3
	}
	for ; used < full; used++ {
		*dest *= 10
	}
	r.ordinal(n)
	return nil
}

func (r *reader) zone(i int) error {
	n := r.nodes[i]
	if n.Name == "TZM" {
		if r.tzSign == 0 {
			r.tzSign = 1
		}
		_, err := r.number(i, &r.tzMinute, 2)
		return err
	}
	before := r.full[:len(r.full)-len(r.s)]
	switch {
	case r.s != "" && strings.Contains("+- ", r.s[:1]):
		r.tzSign = 1
		if r.s[0] == '-' {
			r.tzSign = -1
		}
		r.s = r.s[1:]
	case r.skipped > 0 && strings.HasSuffix(before, "-"): // taken for a separator
		r.tzSign = -1
	default:
		r.tzSign = 1
	}
	_, err := r.number(i, &r.tzHour, 2)
	return err
}

func (r *reader) years(i int) error {
	n := r.nodes[i]
	if n.Name == "Y,YYY" {
		thousands := integer(r.s)
		rest, ok := strings.CutPrefix(r.s[len(thousands):], ",")
		years := integer(rest[:min(3, len(rest))])
		if thousands == "" || !ok || years == "" {
			return formatError("invalid input string for \"Y,YYY\"")
		}
		a, _ := strconv.Atoi(strings.TrimSpace(thousands))
		b, _ := strconv.Atoi(strings.TrimSpace(years))
		r.s, r.yearDigits = rest[len(years):], 4
		r.ordinal(n)
		return r.set(n, &r.year, a*1000+b)
	}
	width := len(n.Name)
	used, err := r.number(i, &r.year, width)
	if err != nil {
		return err
	}
	if r.yearDigits = width; width < 4 && used < 4 {
		r.year = nearYear(r.year)
	}
	r.ordinal(n)
	return nil
}

// nearYear completes a year of less than four digits to the one nearest to 2020.
func nearYear(y int) int {
	switch {
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

// half reads AM or PM, AD or BC, with dots where the word has them.
func (r *reader) half(i int, first, second string, dest *int) error {
	n := r.nodes[i]
	for v, text := range []string{first, second} {
		if len(n.Name) == 4 {
			text = text[:1] + "." + text[1:] + "."
		}
		if len(r.s) >= len(text) && strings.EqualFold(r.s[:len(text)], text) {
			r.s = r.s[len(text):]
			return r.set(n, dest, v)
		}
	}
	return r.unknown(n)
}

func (r *reader) unknown(n Node) error {
	shown := r.s
	if k := strings.IndexAny(shown, " \t\n\r\f"); k >= 0 {
		shown = shown[:k]
	}
	return formatError("invalid value \"%s\" for \"%s\"", shown, n.Text).
		WithDetail("The given value did not match any of the allowed values for this field.")
}

var nameLists = map[string][]string{
	"MONTH": strings.Fields("january february march april may june july august september october november december"),
	"MON":   strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec"),
	"DAY":   strings.Fields("sunday monday tuesday wednesday thursday friday saturday"),
	"DY":    strings.Fields("sun mon tue wed thu fri sat"),
	"RM":    strings.Fields("xii xi x ix viii vii vi v iv iii ii i"),
}

func (r *reader) name(i int) error {
	n := r.nodes[i]
	for v, text := range nameLists[n.Name] {
		if len(r.s) < len(text) || !strings.EqualFold(r.s[:len(text)], text) {
			continue
		}
		r.s = r.s[len(text):]
		switch n.Name {
		case "RM":
			return r.set(n, &r.mm, 12-v)
		case "DAY", "DY":
			err := r.set(n, &r.d, v)
			r.d++
			return err
		}
		return r.set(n, &r.mm, v+1)
	}
	return r.unknown(n)
}
