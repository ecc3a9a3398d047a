package types

import (
	"encoding/binary"
	"math"
	"math/bits"

	"tidemill/sql/sqlerr"
)

// IntervalValue is a decoded interval. The three parts are independent: a month is not a fixed
// number of days, nor a day of hours, until they are compared or justified.
//
// In a column an interval is 16 bytes: months int32 LE, days int32 LE, microseconds int64 LE.
type IntervalValue struct {
	Months int32
	Days   int32
	Micros int64
}

// IntervalLen is the length of an encoded interval.
const IntervalLen = 16

// AppendInterval appends the in-column form.
func AppendInterval(dst []byte, v IntervalValue) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(v.Months))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(v.Days))
	return binary.LittleEndian.AppendUint64(dst, uint64(v.Micros))
}

// IntervalOf decodes the in-column form; malformed bytes give the zero interval.
func IntervalOf(b []byte) IntervalValue {
	if len(b) != IntervalLen {
		return IntervalValue{}
	}
	le := binary.LittleEndian
	return IntervalValue{
		Months: int32(le.Uint32(b)), Days: int32(le.Uint32(b[4:])), Micros: int64(le.Uint64(b[8:])),
	}
}

// IntervalDatum returns v as a value.
func IntervalDatum(v IntervalValue) Datum {
	return Datum{Type: T(Interval), S: AppendInterval(make([]byte, 0, IntervalLen), v)}
}

// span returns the interval's length in microseconds as a signed 128-bit number, months being 30
// days and days 24 hours: the order in which Postgres compares intervals.
func (v IntervalValue) span() (hi int64, lo uint64) {
	days := int64(v.Months)*30 + int64(v.Days)
	h, l := bits.Mul64(absU64(days), uint64(MicrosPerDay))
	if days < 0 {
		l, h = -l, ^h
		if l == 0 {
			h++
		}
	}
	l, carry := bits.Add64(l, uint64(v.Micros), 0)
	return int64(h + uint64(v.Micros>>63) + carry), l
}

// Cmp compares by length: 1 month = 30 days = 720 hours.
func (v IntervalValue) Cmp(w IntervalValue) int {
	vh, vl := v.span()
	wh, wl := w.span()
	switch {
	case vh < wh || vh == wh && vl < wl:
		return -1
	case vh == wh && vl == wl:
		return 0
	}
	return 1
}

// IntervalCmp compares two encoded intervals.
func IntervalCmp(a, b []byte) int { return IntervalOf(a).Cmp(IntervalOf(b)) }

// IntervalKey appends 16 bytes that are equal exactly for intervals that compare equal and sort
// bytewise as intervals do.
func IntervalKey(dst, a []byte) []byte {
	hi, lo := IntervalOf(a).span()
	dst = binary.BigEndian.AppendUint64(dst, uint64(hi)^1<<63)
	return binary.BigEndian.AppendUint64(dst, lo)
}

func intervalRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
}

// Add returns v+w.
func (v IntervalValue) Add(w IntervalValue) (IntervalValue, error) {
	m, d := int64(v.Months)+int64(w.Months), int64(v.Days)+int64(w.Days)
	us := v.Micros + w.Micros
	if m != int64(int32(m)) || d != int64(int32(d)) || (us > v.Micros) != (w.Micros > 0) && w.Micros != 0 {
		return v, intervalRange()
	}
	return IntervalValue{int32(m), int32(d), us}, nil
}

// Neg returns -v.
func (v IntervalValue) Neg() (IntervalValue, error) {
	if v.Months == math.MinInt32 || v.Days == math.MinInt32 || v.Micros == math.MinInt64 {
		return v, intervalRange()
	}
	return IntervalValue{-v.Months, -v.Days, -v.Micros}, nil
}

// Sub returns v-w.
func (v IntervalValue) Sub(w IntervalValue) (IntervalValue, error) {
	n, err := w.Neg()
	if err != nil {
		return v, err
	}
	return v.Add(n)
}

// Mul returns v×f; fractions of months spill into days and those of days into time.
func (v IntervalValue) Mul(f float64) (IntervalValue, error) {
	return v.spill(float64(v.Months)*f, float64(v.Days)*f, float64(v.Micros)*f,
		func(x float64) float64 { return x * f })
}

// Div returns v/f.
func (v IntervalValue) Div(f float64) (IntervalValue, error) {
	if f == 0 {
		return v, divByZero()
	}
	return v.spill(float64(v.Months)/f, float64(v.Days)/f, float64(v.Micros)/f,
		func(x float64) float64 { return x / f })
}

// tsRound drops noise below a microsecond of a second count.
func tsRound(x float64) float64 { return math.RoundToEven(x*1e6) / 1e6 }

func (v IntervalValue) spill(months, days, micros float64, scale func(float64) float64) (IntervalValue, error) {
	if !fitsInt32(months) || !fitsInt32(days) {
		return v, intervalRange()
	}
	out := IntervalValue{Months: int32(months), Days: int32(days)}
	monthDays := tsRound((scale(float64(v.Months)) - float64(out.Months)) * 30)
	secs := tsRound((scale(float64(v.Days)) - float64(out.Days) + monthDays - math.Trunc(monthDays)) * 86400)
	// Rounding may have made a whole day of the seconds: move it.
	if math.Abs(secs) >= 86400 {
		out.Days += int32(secs / 86400)
		secs -= math.Trunc(secs/86400) * 86400
	}
	out.Days += int32(monthDays)
	us := math.RoundToEven(micros + secs*1e6)
	if math.IsNaN(us) || us >= 9223372036854775808 || us < -9223372036854775808 {
		return v, intervalRange()
	}
	out.Micros = int64(us)
	return out, nil
}

func fitsInt32(x float64) bool { return x >= math.MinInt32 && x < 2147483648 }

// JustifyHours turns whole 24-hour periods into days.
func (v IntervalValue) JustifyHours() (IntervalValue, error) {
	d := v.Micros / MicrosPerDay
	us := v.Micros - d*MicrosPerDay
	days := int64(v.Days) + d
	if days > 0 && us < 0 {
		us += MicrosPerDay
		days--
	} else if days < 0 && us > 0 {
		us -= MicrosPerDay
		days++
	}
	if days != int64(int32(days)) {
		return v, intervalRange()
	}
	return IntervalValue{v.Months, int32(days), us}, nil
}

// JustifyDays turns whole 30-day periods into months.
func (v IntervalValue) JustifyDays() (IntervalValue, error) {
	m := v.Days / 30
	d := v.Days - m*30
	months := int64(v.Months) + int64(m)
	if months > 0 && d < 0 {
		d += 30
		months--
	} else if months < 0 && d > 0 {
		d -= 30
		months++
	}
	if months != int64(int32(months)) {
		return v, intervalRange()
	}
	return IntervalValue{int32(months), d, v.Micros}, nil
}

// JustifyInterval does both and makes all parts have the same sign.
func (v IntervalValue) JustifyInterval() (IntervalValue, error) {
	months, days, us := int64(v.Months), int64(v.Days), v.Micros
	// Days and months may be reduced before the clock is added, so that sums stay in range.
	if days > 0 && us > 0 || days < 0 && us < 0 {
		m := days / 30
		days, months = days-m*30, months+m
	}
	d := us / MicrosPerDay
	us, days = us-d*MicrosPerDay, days+d
	m := days / 30
	days, months = days-m*30, months+m
	if months > 0 && (days < 0 || days == 0 && us < 0) {
		days, months = days+30, months-1
	} else if months < 0 && (days > 0 || days == 0 && us > 0) {
		days, months = days-30, months+1
	}
	if days > 0 && us < 0 {
		us, days = us+MicrosPerDay, days-1
	} else if days < 0 && us > 0 {
		us, days = us-MicrosPerDay, days+1
	}
	if months != int64(int32(months)) || days != int64(int32(days)) {
		return v, intervalRange()
	}
	return IntervalValue{int32(months), int32(days), us}, nil
}

func timestampRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
}

// AddToTimestamp returns the wall-clock time ts + v: months first (the day cut to the month's end),
// then days, then time.
func (v IntervalValue) AddToTimestamp(ts int64) (int64, error) {
	if !IsFinite(ts) {
		return ts, nil
	}
	days, clock := SplitMicros(ts)
	days, err := v.shiftDays(days)
	if err != nil {
		return 0, err
	}
	if days < MinDays-1 || days > MaxDays/2 {
		return 0, timestampRange()
	}
	return addMicros(days, clock, v.Micros)
}

// shiftDays adds the calendar parts of v to a date.
func (v IntervalValue) shiftDays(days int64) (int64, error) {
	if v.Months != 0 {
		y, m, d := CivilFromDays(days)
		total := int64(y)*12 + int64(m-1) + int64(v.Months)
		y, m = int(floorDiv(total, 12)), int(total-floorDiv(total, 12)*12)+1
		if y > 6000000 || y < -5000 {
			return 0, timestampRange()
		}
		days = DaysFromCivil(y, m, min(d, DaysInMonth(y, m)))
	}
	return days + int64(v.Days), nil
}

func addMicros(days, clock, us int64) (int64, error) {
	hi := days * MicrosPerDay
	if days != 0 && hi/days != MicrosPerDay {
		return 0, timestampRange()
	}
	out := hi + clock
	if clock > 0 && out < hi {
		return 0, timestampRange()
	}
	sum := out + us
	if (sum > out) != (us > 0) && us != 0 || sum < MinMicros || sum > MaxMicros {
		return 0, timestampRange()
	}
	return sum, nil
}

// AddToInstant returns the instant ts + v, months and days being counted on env's wall clock.
func (v IntervalValue) AddToInstant(ts int64, env *Env) (int64, error) {
	if !IsFinite(ts) {
		return ts, nil
	}
	if v.Months != 0 || v.Days != 0 {
		loc := env.Location()
		local, err := IntervalValue{v.Months, v.Days, 0}.AddToTimestamp(LocalMicros(ts, loc))
		if err != nil {
			return 0, err
		}
		ts = InstantMicros(local, loc)
	}
	sum := ts + v.Micros
	if (sum > ts) != (v.Micros > 0) && v.Micros != 0 || sum < MinMicros || sum > MaxMicros {
		return 0, timestampRange()
	}
	return sum, nil
}

// TimestampDiff returns a-b as days and time, the form of timestamp subtraction.
func TimestampDiff(a, b int64) (IntervalValue, error) {
	if !IsFinite(a) || !IsFinite(b) {
		return IntervalValue{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite timestamps")
	}
	d := a - b
	if (d > 0) != (a > b) && d != 0 {
		return IntervalValue{}, intervalRange()
	}
	return IntervalValue{Micros: d}.JustifyHours()
}
