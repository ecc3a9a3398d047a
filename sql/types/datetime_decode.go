package types

import (
	"math"
	"strconv"
	"strings"
	"time"

	"tidemill/sql/sqlerr"
)

// The general date/time decoder: it cuts the text into tokens the way Postgres's ParseDateTime does
// and gives each a meaning by what is known so far, which is how "Jan 8, 1999", "8-Jan-99",
// "19990108 040506", "1999.008" and "J2451187" all come out as dates.

type dtKind uint8

const (
	dtNumber  dtKind = iota // digits, with a fraction perhaps
	dtDate                  // digits and letters joined by - / or .
	dtTime                  // digits with colons
	dtZone                  // sign and digits
	dtString                // a word
	dtSpecial               // sign and a word
)

type dtToken struct {
	kind dtKind
	text string
}

const dtTokensMax = 25

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// run returns the end of the run of bytes from i on that f accepts.
func run(s string, i int, f func(byte) bool) int {
	for i < len(s) && f(s[i]) {
		i++
	}
	return i
}

func dtTokenize(s string) ([]dtToken, bool) {
	var out []dtToken
	i := 0
	for i < len(s) {
		c := s[i]
		start := i
		kind := dtNumber
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			i++
			continue
		case isDigit(c):
			kind, i = dtNumericToken(s, i)
		case c == '.':
			i = run(s, i+1, isDigit)
		case isAlpha(c):
			kind, i = dtWordToken(s, i)
		case c == '+' || c == '-':
			i = run(s, i+1, func(c byte) bool { return c == ' ' })
			switch {
			case i < len(s) && isDigit(s[i]):
				i = run(s, i, func(c byte) bool { return isDigit(c) || c == ':' || c == '.' })
				kind = dtZone
			case i < len(s) && isAlpha(s[i]):
				i = run(s, i, isAlpha)
				kind = dtSpecial
			default:
				return nil, false
			}
		case c > ' ' && c < 127:
			i++ // other punctuation separates
			continue
		default:
			return nil, false
		}
		if len(out) == dtTokensMax {
			return nil, false
		}
		text := strings.ToLower(strings.ReplaceAll(s[start:i], " ", ""))
		out = append(out, dtToken{kind, text})
	}
	return out, len(out) > 0
}

func dtNumericToken(s string, i int) (dtKind, int) {
	i = run(s, i, isDigit)
	if i == len(s) {
		return dtNumber, i
	}
	switch delim := s[i]; delim {
	case ':':
		return dtTime, run(s, i, func(c byte) bool { return isDigit(c) || c == ':' || c == '.' })
	case '-', '/', '.':
		i++
		if i < len(s) && isDigit(s[i]) {
			kind := dtDate
			if delim == '.' {
				kind = dtNumber
			}
			i = run(s, i, isDigit)
			if i < len(s) && s[i] == delim {
				kind = dtDate
				i = run(s, i, func(c byte) bool { return isDigit(c) || c == delim })
			}
			return kind, i
		}
		return dtDate, run(s, i, func(c byte) bool { return isDigit(c) || isAlpha(c) || c == delim })
	}
	return dtNumber, i
}

func dtWordToken(s string, i int) (dtKind, int) {
	start := i
	i = run(s, i, isAlpha)
	if i == len(s) {
		return dtString, i
	}
	joined := s[i] == '-' || s[i] == '/' || s[i] == '.'
	if !joined && (s[i] == '+' || isDigit(s[i]) || s[i] == '_') {
		_, known := dtWords[strings.ToLower(s[start:i])]
		joined = !known
	}
	if !joined {
		return dtString, i
	}
	return dtDate, run(s, i, func(c byte) bool {
		return isDigit(c) || isAlpha(c) || strings.IndexByte("+-/_.:", c) >= 0
	})
}

// The meanings of words.
type dtWordKind uint8

const (
	wordMonth dtWordKind = iota + 1
	wordDay
	wordAMPM
	wordEra
	wordReserved
	wordISOTime
	wordJulian
	wordIgnore
)

type dtWord struct {
	kind  dtWordKind
	value int
}

var dtWords = func() map[string]dtWord {
	m := map[string]dtWord{
		"am": {wordAMPM, 0}, "pm": {wordAMPM, 1}, "ad": {wordEra, 0}, "bc": {wordEra, 1},
		"t": {wordISOTime, 0}, "j": {wordJulian, 0}, "jd": {wordJulian, 0}, "julian": {wordJulian, 0},
		"at": {wordIgnore, 0}, "on": {wordIgnore, 0}, "sept": {wordMonth, 9},
		"tues": {wordDay, 0}, "wednes": {wordDay, 0}, "weds": {wordDay, 0}, "thur": {wordDay, 0}, "thurs": {wordDay, 0},
	}
	for i := time.January; i <= time.December; i++ {
		name := strings.ToLower(i.String())
		m[name], m[name[:3]] = dtWord{wordMonth, int(i)}, dtWord{wordMonth, int(i)}
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		name := strings.ToLower(d.String())
		m[name], m[name[:3]] = dtWord{wordDay, 0}, dtWord{wordDay, 0}
	}
	for _, w := range []string{"now", "today", "tomorrow", "yesterday", "epoch", "infinity", "-infinity", "allballs"} {
		m[w] = dtWord{wordReserved, 0}
	}
	return m
}()

// Which date fields are known.
const (
	haveYear = 1 << iota
	haveMonth
	haveDay
	haveDate = haveYear | haveMonth | haveDay
)

// dtDecoder holds what the tokens have said so far.
type dtDecoder struct {
	src, typ string
	env      *Env

	mask             int
	year, month, day int
	twoDigits        bool
	era, bc          bool
	textMonth        bool
	doy              int
	julian           int64
	hasJulian        bool

	hasTime bool
	clock   int64
	hour    int
	ampm    int // -1 none, 0 am, 1 pm
	zone    zoneRef
	special string
	next    dtWordKind // wordISOTime or wordJulian just seen
	single  bool       // the text is one token
}

func (d *dtDecoder) syntax() error { return badDatetime(d.typ, d.src) }
func (d *dtDecoder) overflow() error {
	return fieldRange(d.src)
}
func (d *dtDecoder) fieldOverflow() error {
	return fieldRange(d.src).WithHint("Perhaps you need a different \"datestyle\" setting.")
}

func decodeDateTime(s, typ string, env *Env) (dtResult, error) {
	d := &dtDecoder{src: s, typ: typ, env: env, ampm: -1}
	tokens, ok := dtTokenize(s)
	if !ok || len(s) > 128+25 {
		return dtResult{}, d.syntax()
	}
	d.single = len(tokens) == 1
	for _, t := range tokens {
		if err := d.token(t); err != nil {
			return dtResult{}, err
		}
	}
	if d.next != 0 {
		return dtResult{}, d.syntax()
	}
	return d.result()
}

func (d *dtDecoder) token(t dtToken) error {
	if d.special != "" && (d.special != "day" || t.kind == dtDate || t.kind == dtNumber) {
		return d.syntax()
	}
	if next := d.next; next != 0 {
		d.next = 0
		return d.afterPrefix(next, t)
	}
	switch t.kind {
	case dtDate:
		if d.mask&(haveMonth|haveDay) == haveMonth|haveDay || isAlpha(t.text[0]) && d.hasTime {
			if isDigit(t.text[0]) {
				return d.clockAndZone(t.text)
			}
			return d.zoneName(t.text)
		}
		return d.date(t.text)
	case dtTime:
		return d.time(t.text)
	case dtZone:
		return d.offset(t.text)
	case dtNumber:
		return d.number(t.text)
	}
	return d.word(t.text)
}

// afterPrefix handles the token behind T (an ISO time) or J (a Julian day).
func (d *dtDecoder) afterPrefix(prefix dtWordKind, t dtToken) error {
	if prefix == wordJulian {
		whole, frac, _ := strings.Cut(t.text, ".")
		n, err := strconv.ParseInt(whole, 10, 32)
		if err != nil || t.kind != dtNumber || d.mask != 0 {
			return d.syntax()
		}
		d.julian, d.hasJulian, d.mask = n, true, haveDate
		if frac != "" {
			f, _ := strconv.ParseFloat("."+frac, 64)
			d.clock, d.hasTime = int64(math.RoundToEven(f*float64(MicrosPerDay))), true
		}
		return nil
	}
	switch t.kind {
	case dtTime:
		return d.time(t.text)
	case dtNumber:
		return d.concatTime(t.text)
	case dtDate:
		return d.clockAndZone(t.text)
	}
	return d.syntax()
}

// clockAndZone reads a run-together time with a zone behind it: 040506-08.
func (d *dtDecoder) clockAndZone(text string) error {
	i := strings.IndexByte(text, '-')
	if i < 0 {
		return d.syntax()
	}
	if err := d.concatTime(text[:i]); err != nil {
		return err
	}
	return d.offset(text[i:])
}

// date reads the parts of a token with separators.
func (d *dtDecoder) date(text string) error {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '-' || r == '/' || r == '.' })
	if len(parts) > 3 || len(parts) < 2 {
		if len(parts) == 1 || isAlpha(text[0]) {
			return d.zoneName(text)
		}
		return d.syntax()
	}
	// A month's name settles which field it is before the numbers are read.
	for i, p := range parts {
		if isAlpha(p[0]) {
			w, ok := dtWords[p]
			if !ok || w.kind != wordMonth {
				return d.zoneName(text)
			}
			if d.textMonth {
				return d.syntax()
			}
			d.month, d.textMonth, parts[i] = w.value, true, ""
			d.mask |= haveMonth
		}
	}
	for _, p := range parts {
		if p == "" {
			continue
		}
		if err := d.dateNumber(p); err != nil {
			return err
		}
	}
	if d.mask&haveDate != haveDate && d.doy == 0 {
		return d.syntax()
	}
	return nil
}

// dateNumber gives a number the next free date field.
func (d *dtDecoder) dateNumber(p string) error {
	val, err := strconv.Atoi(p)
	if err != nil {
		if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
			return d.fieldOverflow()
		}
		return d.syntax()
	}
	order := "MDY"
	if d.env != nil && d.env.DateOrder != "" {
		order = strings.ToUpper(d.env.DateOrder)
	}
	year := func() {
		d.year, d.mask = val, d.mask|haveYear
		d.twoDigits = len(p) <= 2
	}
	month := func() { d.month, d.mask = val, d.mask|haveMonth }
	day := func() { d.day, d.mask = val, d.mask|haveDay }
	if len(p) == 3 && d.mask&haveDate == haveYear && val >= 1 && val <= 366 {
		d.doy, d.mask = val, d.mask|haveMonth|haveDay
		return nil
	}
	switch d.mask & haveDate {
	case 0:
		switch {
		case len(p) >= 3 || order == "YMD":
			year()
		case order == "DMY":
			day()
		default:
			month()
		}
	case haveYear:
		month()
	case haveMonth:
		if d.textMonth && (len(p) >= 3 || order == "YMD") {
			year()
		} else {
			day()
		}
	case haveYear | haveMonth:
		if d.textMonth && len(p) >= 3 && d.twoDigits {
			d.day = d.year
			d.mask |= haveDay
			year()
		} else {
			day()
		}
	case haveDay:
		month()
	case haveMonth | haveDay:
		year()
	default:
		return d.syntax()
	}
	return nil
}

// number reads a token of digits: part of a date, or a date or time run together.
func (d *dtDecoder) number(text string) error {
	if d.typ == "time" && d.mask == 0 && d.single {
		return d.concatTime(text)
	}
	dot := strings.IndexByte(text, '.')
	switch {
	case dot >= 0 && d.mask&haveDate == 0:
		whole, frac, _ := strings.Cut(text, ".")
		if len(whole) >= 6 && !d.hasTime { // 19990108.5 is no date
			return d.syntax()
		}
		// yyyy.doy
		if err := d.dateNumber(whole); err != nil {
			return err
		}
		if err := d.dateNumber(frac); err != nil {
			return err
		}
		if d.mask&haveDate != haveDate {
			return d.syntax()
		}
		return nil
	case dot > 2, len(text) >= 6 && (d.mask&haveDate != haveDate || !d.hasTime):
		if d.mask&haveDate == 0 {
			return d.concatDate(text)
		}
		return d.concatTime(text)
	case d.mask&haveDate == haveDate && !d.hasTime:
		return d.concatTime(text)
	}
	return d.dateNumber(text)
}

func (d *dtDecoder) concatDate(text string) error {
	n := len(text)
	if n < 6 || n > 10 {
		return d.syntax()
	}
	y, _ := strconv.Atoi(text[:n-4])
	m, _ := strconv.Atoi(text[n-4 : n-2])
	day, err := strconv.Atoi(text[n-2:])
	if err != nil {
		return d.syntax()
	}
	d.year, d.month, d.day, d.mask = y, m, day, haveDate
	d.twoDigits = n-4 == 2
	return nil
}

// concatTime reads hhmmss[.f] or hhmm.
func (d *dtDecoder) concatTime(text string) error {
	whole, frac, hasFrac := strings.Cut(text, ".")
	switch {
	case len(whole) == 6:
		text = whole[:2] + ":" + whole[2:4] + ":" + whole[4:]
	case len(whole) == 4 && !hasFrac:
		text = whole[:2] + ":" + whole[2:]
	default:
		return d.syntax()
	}
	if hasFrac {
		text += "." + frac
	}
	return d.time(text)
}

func (d *dtDecoder) time(text string) error {
	if d.hasTime {
		return d.syntax()
	}
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return d.syntax()
	}
	last := len(parts) - 1
	whole, frac, hasFrac := strings.Cut(parts[last], ".")
	parts[last] = whole
	var v [3]int
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return d.syntax()
		}
		v[i] = n
	}
	if hasFrac && last == 1 { // mm:ss.f
		v = [3]int{0, v[0], v[1]}
	}
	us := int64(0)
	if hasFrac {
		us = fractionMicros(frac)
	}
	if v[0] > 24 || v[1] > 59 || v[2] > 60 {
		return d.overflow()
	}
	d.hour = v[0]
	d.clock = int64(v[0])*MicrosPerHour + int64(v[1])*MicrosPerMinute + int64(v[2])*MicrosPerSecond + us
	if d.clock > MicrosPerDay {
		return d.overflow()
	}
	d.hasTime = true
	return nil
}

// fractionMicros rounds a fraction of a second, given as its digits, to microseconds.
func fractionMicros(digits string) int64 {
	if digits == "" {
		return 0
	}
	f, _ := strconv.ParseFloat("0."+digits, 64)
	return int64(math.RoundToEven(f * 1e6))
}

// offset reads ±HH[[:]MM[[:]SS]].
func (d *dtDecoder) offset(text string) error {
	if d.zone.set && d.zone.loc == nil && d.zone.offset == 0 && !d.hasTime {
		return d.syntax()
	}
	sign, body := 1, text[1:]
	if text[0] == '-' {
		sign = -1
	}
	var h, m, s int
	parts := strings.Split(body, ":")
	nums := make([]int, len(parts))
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil {
			return d.syntax()
		}
		nums[i] = n
	}
	switch {
	case len(parts) == 1 && len(body) > 4 && len(body) <= 6:
		h, m, s = nums[0]/10000, nums[0]/100%100, nums[0]%100
	case len(parts) == 1 && len(body) > 2:
		h, m = nums[0]/100, nums[0]%100
	default:
		h = nums[0]
		if len(nums) > 1 {
			m = nums[1]
		}
		if len(nums) > 2 {
			s = nums[2]
		}
		if len(nums) > 3 {
			return d.syntax()
		}
	}
	if h > 15 || m > 59 || s > 59 {
		return sqlerr.New("22009", "time zone displacement out of range: \"%s\"", d.src)
	}
	off := sign * (h*3600 + m*60 + s)
	if d.zone.set && d.zone.loc == nil {
		off += d.zone.offset // "GMT+3" written with a blank
	}
	d.zone = zoneRef{set: true, offset: off}
	return nil
}

func (d *dtDecoder) zoneName(text string) error {
	if d.zone.set {
		return d.syntax()
	}
	if off, ok := zoneAbbrev(text); ok {
		d.zone = zoneRef{set: true, offset: off}
		return nil
	}
	if loc := loadZone(text); loc != nil {
		d.zone = zoneRef{set: true, loc: loc}
		return nil
	}
	if off, _, ok := posixZone(text); ok {
		d.zone = zoneRef{set: true, offset: off}
		return nil
	}
	if strings.IndexByte(text, '/') > 0 {
		return sqlerr.New(sqlerr.InvalidTimeZone, "time zone \"%s\" not recognized", text)
	}
	return d.syntax()
}

func (d *dtDecoder) word(text string) error {
	w, ok := dtWords[text]
	if !ok {
		return d.zoneName(text)
	}
	switch w.kind {
	case wordMonth:
		if d.textMonth {
			return d.syntax()
		}
		// A number that came first was taken for the month: it is the day.
		if d.mask&haveMonth != 0 && d.mask&haveDay == 0 && d.month >= 1 && d.month <= 31 {
			d.day, d.mask = d.month, d.mask|haveDay
		}
		d.month, d.textMonth, d.mask = w.value, true, d.mask|haveMonth
	case wordAMPM:
		d.ampm = w.value
	case wordEra:
		if d.era {
			return d.syntax()
		}
		d.era, d.bc = true, w.value == 1
	case wordISOTime, wordJulian:
		d.next = w.kind
	case wordReserved:
		return d.reserved(text)
	}
	return nil
}

func (d *dtDecoder) reserved(text string) error {
	if d.mask != 0 || d.hasTime && text != "today" && text != "tomorrow" && text != "yesterday" {
		return d.syntax()
	}
	now := time.Now().UnixMicro()
	if d.env != nil && d.env.Now != 0 {
		now = d.env.Now
	}
	today, _ := SplitMicros(LocalMicros(now, d.env.Location()))
	switch text {
	case "infinity", "-infinity":
		d.special = text
	case "now":
		d.special, d.clock = "instant", now
	case "epoch":
		d.special = text
	case "allballs":
		d.hasTime, d.clock, d.zone = true, 0, zoneRef{set: true}
	case "today", "tomorrow", "yesterday":
		switch text {
		case "tomorrow":
			today++
		case "yesterday":
			today--
		}
		d.special, d.julian, d.hasJulian, d.mask = "day", today-MinDays, true, haveDate
	}
	return nil
}

func (d *dtDecoder) result() (dtResult, error) {
	r := dtResult{zone: d.zone, hasTime: d.hasTime, clock: d.clock}
	switch d.special {
	case "infinity", "-infinity", "epoch", "instant":
		r.special = d.special
		return r, nil
	}
	if d.mask&haveDate != haveDate {
		if d.mask&haveMonth != 0 && (d.month < 1 || d.month > 12) || d.mask&haveDay != 0 && (d.day < 1 || d.day > 31) {
			return r, d.fieldOverflow()
		}
		if d.typ != "time" || !d.hasTime || d.mask != 0 || d.zone.loc != nil {
			return r, d.syntax()
		}
	} else {
		r.hasDate = true
		if d.hasJulian {
			r.days = d.julian + MinDays
		} else if err := d.civil(&r); err != nil {
			return r, err
		}
	}
	if d.ampm >= 0 {
		if !d.hasTime {
			return r, d.syntax()
		}
		if d.hour > 12 {
			return r, d.overflow()
		}
		if d.hour == 12 {
			r.clock -= 12 * MicrosPerHour
		}
		if d.ampm == 1 {
			r.clock += 12 * MicrosPerHour
		}
	}
	return r, nil
}

// civil checks the date fields and computes the day.
func (d *dtDecoder) civil(r *dtResult) error {
	year := d.year
	switch {
	case d.bc && year <= 0:
		return d.overflow()
	case d.bc:
		year = 1 - year
	case d.twoDigits && year < 70:
		year += 2000
	case d.twoDigits && year < 100:
		year += 1900
	case year <= 0:
		return d.overflow()
	}
	if d.doy > 0 {
		r.days = DaysFromCivil(year, 1, 1) + int64(d.doy) - 1
		return nil
	}
	if d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 {
		return d.fieldOverflow()
	}
	if d.day > DaysInMonth(year, d.month) {
		return d.overflow()
	}
	if year > 5874898 || year < -4713 {
		r.days = math.MaxInt32 * 2 // the caller names the type that it does not fit
		return nil
	}
	r.days = DaysFromCivil(year, d.month, d.day)
	return nil
}
