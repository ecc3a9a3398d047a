package types

import (
	"math"
	"strconv"
	"strings"

	"tidemill/sql/sqlerr"
)

// intervalUnit is a unit that an interval text can name.
type intervalUnit uint8

const (
	unitNone intervalUnit = iota
	unitMicro
	unitMilli
	unitSecond
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitYear
	unitDecade
	unitCentury
	unitMillennium
)

var intervalUnits = func() map[string]intervalUnit {
	m := map[string]intervalUnit{}
	for u, names := range map[intervalUnit]string{
		unitMicro:      "us usec usecs useconds usecond microsecond microseconds microsecon",
		unitMilli:      "ms msec msecs mseconds msecond millisecond milliseconds millisecon",
		unitSecond:     "s sec secs second seconds",
		unitMinute:     "m min mins minute minutes",
		unitHour:       "h hr hrs hour hours",
		unitDay:        "d day days",
		unitWeek:       "w week weeks",
		unitMonth:      "mon mons month months",
		unitYear:       "y yr yrs year years",
		unitDecade:     "dec decs decade decades",
		unitCentury:    "c cent century centuries",
		unitMillennium: "mil mils millennia millennium",
	} {
		for n := range strings.FieldsSeq(names) {
			m[n] = u
		}
	}
	return m
}()

// intervalAcc sums the parts of an interval text.
type intervalAcc struct {
	years, months, days, micros int64
	bad                         bool // out of range
}

func (a *intervalAcc) add(p *int64, v, unit int64) {
	prod := v * unit
	if unit != 0 && prod/unit != v {
		a.bad = true
		return
	}
	sum := *p + prod
	if (sum > *p) != (prod > 0) && prod != 0 {
		a.bad = true
		return
	}
	*p = sum
}

// fractMicros adds a fraction of a unit of the given length.
func (a *intervalAcc) fractMicros(frac float64, unit int64) {
	frac *= float64(unit)
	us := int64(frac)
	switch frac -= float64(us); {
	case frac > 0.5:
		us++
	case frac < -0.5:
		us--
	}
	a.add(&a.micros, us, 1)
}

func (a *intervalAcc) fractDays(frac float64, days int64) {
	frac *= float64(days)
	whole := int64(frac)
	a.add(&a.days, whole, 1)
	a.fractMicros(frac-float64(whole), MicrosPerDay)
}

func (a *intervalAcc) unit(u intervalUnit, val int64, frac float64) {
	years := func(n int64) {
		a.add(&a.years, val, n)
		a.add(&a.months, int64(math.RoundToEven(frac*float64(n)*12)), 1)
	}
	switch u {
	case unitMicro:
		a.add(&a.micros, val, 1)
		a.add(&a.micros, int64(math.RoundToEven(frac)), 1)
	case unitMilli:
		a.add(&a.micros, val, 1000)
		a.fractMicros(frac, 1000)
	case unitSecond:
		a.add(&a.micros, val, MicrosPerSecond)
		a.fractMicros(frac, MicrosPerSecond)
	case unitMinute:
		a.add(&a.micros, val, MicrosPerMinute)
		a.fractMicros(frac, MicrosPerMinute)
	case unitHour:
		a.add(&a.micros, val, MicrosPerHour)
		a.fractMicros(frac, MicrosPerHour)
	case unitDay:
		a.add(&a.days, val, 1)
		a.fractMicros(frac, MicrosPerDay)
	case unitWeek:
		a.add(&a.days, val, 7)
		a.fractDays(frac, 7)
	case unitMonth:
		a.add(&a.months, val, 1)
		a.fractDays(frac, 30)
	case unitYear:
		years(1)
	case unitDecade:
		years(10)
	case unitCentury:
		years(100)
	case unitMillennium:
		years(1000)
	}
}

// intervalToken is a word, or a number with its sign.
type intervalToken struct {
	text string
	word bool
}

func tokenizeInterval(s string) ([]intervalToken, bool) {
	var out []intervalToken
	for i := 0; i < len(s); {
		c, start := s[i], i
		switch {
		case isAlpha(c):
			i = run(s, i, isAlpha)
			out = append(out, intervalToken{strings.ToLower(s[start:i]), true})
			continue
		case c == '+' || c == '-':
			i = run(s, i+1, func(c byte) bool { return c == ' ' })
			if i == len(s) || !isDigit(s[i]) {
				return nil, false
			}
		case !isDigit(c) && c != '.':
			if c >= 128 {
				return nil, false
			}
			i++
			continue
		}
		i = run(s, i, func(c byte) bool { return isDigit(c) || c == '.' || c == ':' })
		if i+1 < len(s) && s[i] == '-' && isDigit(s[i+1]) { // years-months
			if i = run(s, i+1, isDigit); i < len(s) && s[i] == '-' {
				return nil, false
			}
		}
		out = append(out, intervalToken{strings.ReplaceAll(s[start:i], " ", ""), false})
	}
	return out, len(out) > 0 && len(out) <= dtTokensMax
}

func intervalFieldRange(s string) error {
	return sqlerr.New("22015", "interval field value out of range: \"%s\"", s)
}

// ParseInterval reads an interval in any of the styles; mod is the type's modifier (-1 = none),
// which says what a number without a unit means.
func ParseInterval(s string, mod int32, env *Env) (IntervalValue, error) {
	trimmed := strings.TrimSpace(s)
	if strings.HasPrefix(trimmed, "P") {
		return parseISOInterval(trimmed, s)
	}
	tokens, ok := tokenizeInterval(s)
	if !ok {
		return IntervalValue{}, badDatetime("interval", s)
	}
	p := intervalParser{src: s, unit: unitNone, mod: mod}
	for i := len(tokens) - 1; i >= 0; i-- {
		if err := p.token(tokens[i]); err != nil {
			return IntervalValue{}, err
		}
	}
	if p.seen == 0 {
		return IntervalValue{}, badDatetime("interval", s)
	}
	if env != nil && env.IntervalStyle == "sql_standard" && trimmed[0] == '-' && !p.explicitSign(tokens) {
		// The one leading sign of a standard interval is for all of it.
		for _, v := range []*int64{&p.acc.years, &p.acc.months, &p.acc.days, &p.acc.micros} {
			if *v > 0 {
				*v = -*v
			}
		}
	}
	if p.ago {
		p.acc.years, p.acc.months = -p.acc.years, -p.acc.months
		p.acc.days, p.acc.micros = -p.acc.days, -p.acc.micros
	}
	return p.acc.value(s)
}

func (a *intervalAcc) value(s string) (IntervalValue, error) {
	if a.bad || a.years != int64(int32(a.years)) || a.months != int64(int32(a.months)) || a.days != int64(int32(a.days)) {
		return IntervalValue{}, intervalFieldRange(s)
	}
	months := a.years*12 + a.months
	if months != int64(int32(months)) {
		return IntervalValue{}, intervalRange()
	}
	return IntervalValue{int32(months), int32(a.days), a.micros}, nil
}

type intervalParser struct {
	src  string
	mod  int32
	acc  intervalAcc
	unit intervalUnit
	seen int // bit per unit, to refuse repetitions
	ago  bool
}

// explicitSign tells whether a token other than the first has a sign of its own.
func (p *intervalParser) explicitSign(tokens []intervalToken) bool {
	for _, t := range tokens[1:] {
		if t.text[0] == '+' || t.text[0] == '-' {
			return true
		}
	}
	return false
}

func (p *intervalParser) syntax() error { return badDatetime("interval", p.src) }

func (p *intervalParser) mark(u intervalUnit) bool {
	if p.seen&(1<<u) != 0 {
		return false
	}
	p.seen |= 1 << u
	return true
}

func (p *intervalParser) token(t intervalToken) error {
	if t.word {
		if t.text == "ago" {
			p.ago = true
			return nil
		}
		u, ok := intervalUnits[t.text]
		if !ok {
			return p.syntax()
		}
		p.unit = u
		return nil
	}
	if strings.IndexByte(t.text, ':') >= 0 {
		if !p.mark(unitSecond) || !p.mark(unitMinute) || !p.mark(unitHour) {
			return p.syntax()
		}
		p.unit = unitDay // a number before a clock counts days
		return p.clock(t.text)
	}
	return p.number(t.text)
}

// clock reads [±]H:M[:S[.f]], or M:S.f.
func (p *intervalParser) clock(text string) error {
	sign := int64(1)
	switch text[0] {
	case '-':
		sign, text = -1, text[1:]
	case '+':
		text = text[1:]
	}
	parts := strings.Split(text, ":")
	last := len(parts) - 1
	if last > 2 {
		return p.syntax()
	}
	whole, frac, hasFrac := strings.Cut(parts[last], ".")
	parts[last] = whole
	var v [3]int64
	for i, part := range parts {
		if part == "" && i == 0 {
			return p.syntax()
		}
		n, err := strconv.ParseInt("0"+part, 10, 64)
		if err != nil {
			return intervalFieldRange(p.src)
		}
		v[i] = n
	}
	minutesFirst := hasFrac && last == 1 ||
		p.mod >= 0 && last == 1 && p.mod>>16 == maskMinute|maskSecond
	if minutesFirst {
		v = [3]int64{0, v[0], v[1]}
	}
	if v[1] > 59 || v[2] > 60 {
		return intervalFieldRange(p.src)
	}
	p.acc.add(&p.acc.micros, sign*v[0], MicrosPerHour)
	p.acc.add(&p.acc.micros, sign*v[1], MicrosPerMinute)
	p.acc.add(&p.acc.micros, sign*v[2], MicrosPerSecond)
	p.acc.add(&p.acc.micros, sign*fractionMicros(frac), 1)
	return nil
}

func (p *intervalParser) number(text string) error {
	if i := strings.IndexByte(text[1:], '-'); i >= 0 {
		return p.yearMonth(text[:i+1], text[i+2:])
	}
	u := p.unit
	if u == unitNone {
		u = defaultIntervalUnit(p.mod)
	}
	if !p.mark(u) {
		return p.syntax()
	}
	whole, frac, hasFrac := strings.Cut(text, ".")
	neg := text[0] == '-'
	if whole == "" || whole == "-" || whole == "+" {
		if !hasFrac || frac == "" {
			return p.syntax()
		}
		whole = "0"
	}
	val, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return intervalFieldRange(p.src)
	}
	f := 0.0
	if frac != "" {
		if strings.Trim(frac, "0123456789") != "" {
			return p.syntax()
		}
		f, _ = strconv.ParseFloat("0."+frac, 64)
		if neg {
			f = -f
		}
	}
	p.acc.unit(u, val, f)
	return nil
}

func (p *intervalParser) yearMonth(y, m string) error {
	if !p.mark(unitYear) || !p.mark(unitMonth) {
		return p.syntax()
	}
	years, err1 := strconv.ParseInt(y, 10, 32)
	months, err2 := strconv.ParseInt(m, 10, 32)
	if err1 != nil || err2 != nil || months > 11 {
		return intervalFieldRange(p.src)
	}
	if y[0] == '-' {
		months = -months
	}
	p.acc.add(&p.acc.years, years, 1)
	p.acc.add(&p.acc.months, months, 1)
	return nil
}

// defaultIntervalUnit is the unit of a bare number: the least field of the type, seconds by default.
func defaultIntervalUnit(mod int32) intervalUnit {
	if mod < 0 {
		return unitSecond
	}
	switch mod >> 16 {
	case maskYear:
		return unitYear
	case maskMonth, maskYear | maskMonth:
		return unitMonth
	case maskDay:
		return unitDay
	case maskHour, maskDay | maskHour:
		return unitHour
	case maskMinute, maskHour | maskMinute, maskDay | maskHour | maskMinute:
		return unitMinute
	}
	return unitSecond
}

// parseISOInterval reads P[nY][nM][nW][nD][T[nH][nM][nS]] and the alternative P0001-02-03T04:05:06.
func parseISOInterval(s, src string) (IntervalValue, error) {
	var acc intervalAcc
	clock := false
	rest := s[1:]
	if rest == "" {
		return IntervalValue{}, badDatetime("interval", src)
	}
	if rest == "T" {
		return IntervalValue{}, nil
	}
	if i := strings.IndexAny(rest, "YMWDHS"); i < 0 {
		return parseISOAlternative(rest, src)
	}
	for rest != "" {
		if rest[0] == 'T' {
			clock, rest = true, rest[1:]
			continue
		}
		n := run(rest, 0, func(c byte) bool { return isDigit(c) || c == '.' || c == '-' || c == '+' })
		if n == 0 || n == len(rest) {
			return IntervalValue{}, badDatetime("interval", src)
		}
		whole, frac, _ := strings.Cut(rest[:n], ".")
		if whole == "" || whole == "-" || whole == "+" {
			whole += "0"
		}
		val, err := strconv.ParseInt(whole, 10, 64)
		f, ferr := strconv.ParseFloat("0."+frac+"0", 64)
		if err != nil || ferr != nil {
			return IntervalValue{}, badDatetime("interval", src)
		}
		if whole[0] == '-' {
			f = -f
		}
		u := isoUnit(rest[n], clock)
		if u == unitNone {
			return IntervalValue{}, badDatetime("interval", src)
		}
		acc.unit(u, val, f)
		rest = rest[n+1:]
	}
	return acc.value(src)
}

func isoUnit(c byte, clock bool) intervalUnit {
	switch {
	case clock && c == 'H':
		return unitHour
	case clock && c == 'M':
		return unitMinute
	case clock && c == 'S':
		return unitSecond
	case clock:
		return unitNone
	case c == 'Y':
		return unitYear
	case c == 'M':
		return unitMonth
	case c == 'W':
		return unitWeek
	case c == 'D':
		return unitDay
	}
	return unitNone
}

func parseISOAlternative(rest, src string) (IntervalValue, error) {
	var acc intervalAcc
	date, clock, hasClock := strings.Cut(rest, "T")
	if date != "" {
		for i, part := range strings.SplitN(date, "-", 3) {
			n, err := strconv.ParseInt(part, 10, 32)
			if err != nil {
				return IntervalValue{}, badDatetime("interval", src)
			}
			acc.unit([]intervalUnit{unitYear, unitMonth, unitDay}[i], n, 0)
		}
	}
	if hasClock {
		p := intervalParser{src: src, mod: -1}
		if clock == "" {
			return IntervalValue{}, badDatetime("interval", src)
		}
		if err := p.clock(clock); err != nil {
			return IntervalValue{}, err
		}
		acc.micros = p.acc.micros
	}
	return acc.value(src)
}
