package types

import "strconv"

// clockParts splits microseconds into fields that all carry the value's sign.
func clockParts(us int64) (h, m, s, f int64) {
	return us / MicrosPerHour, us / MicrosPerMinute % 60, us / MicrosPerSecond % 60, us % MicrosPerSecond
}

func abs64(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

// AppendIntervalText appends v in the given style; "" means postgres.
func AppendIntervalText(dst []byte, v IntervalValue, style string) []byte {
	switch style {
	case "iso_8601":
		return intervalISO(dst, v)
	case "sql_standard":
		return intervalStandard(dst, v)
	case "postgres_verbose":
		return intervalVerbose(dst, v)
	}
	return intervalPostgres(dst, v)
}

// appendSeconds appends seconds and fraction without sign.
func appendSeconds(dst []byte, s, f int64, fill bool) []byte {
	s, f = abs64(s), abs64(f)
	if fill {
		dst = append2(dst, int(s))
	} else {
		dst = strconv.AppendInt(dst, s, 10)
	}
	return appendFraction(dst, f)
}

func intervalPostgres(dst []byte, v IntervalValue) []byte {
	zero, before := true, false
	part := func(n int64, unit string) {
		if n == 0 {
			return
		}
		if !zero {
			dst = append(dst, ' ')
		}
		if before && n > 0 {
			dst = append(dst, '+')
		}
		dst = append(strconv.AppendInt(dst, n, 10), ' ')
		dst = append(dst, unit...)
		if n != 1 {
			dst = append(dst, 's')
		}
		before, zero = n < 0, false
	}
	part(int64(v.Months/12), "year")
	part(int64(v.Months%12), "mon")
	part(int64(v.Days), "day")
	if !zero && v.Micros == 0 {
		return dst
	}
	if !zero {
		dst = append(dst, ' ')
	}
	if v.Micros < 0 {
		dst = append(dst, '-')
	} else if before {
		dst = append(dst, '+')
	}
	h, m, s, f := clockParts(v.Micros)
	if h = abs64(h); h < 10 {
		dst = append(dst, '0')
	}
	dst = append(strconv.AppendInt(dst, h, 10), ':')
	dst = append(append2(dst, int(abs64(m))), ':')
	return appendSeconds(dst, s, f, true)
}

func intervalVerbose(dst []byte, v IntervalValue) []byte {
	dst = append(dst, '@')
	zero, before := true, false
	part := func(n int64, unit string) {
		if n == 0 {
			return
		}
		if zero {
			before, n = n < 0, abs64(n)
		} else if before {
			n = -n
		}
		dst = append(strconv.AppendInt(append(dst, ' '), n, 10), ' ')
		dst = append(dst, unit...)
		if n != 1 {
			dst = append(dst, 's')
		}
		zero = false
	}
	h, m, s, f := clockParts(v.Micros)
	part(int64(v.Months/12), "year")
	part(int64(v.Months%12), "mon")
	part(int64(v.Days), "day")
	part(h, "hour")
	part(m, "min")
	if s != 0 || f != 0 {
		dst = append(dst, ' ')
		switch {
		case s < 0 || s == 0 && f < 0:
			if zero {
				before = true
			} else if !before {
				dst = append(dst, '-')
			}
		case before:
			dst = append(dst, '-')
		}
		dst = append(appendSeconds(dst, s, f, false), " sec"...)
		if abs64(s) != 1 || f != 0 {
			dst = append(dst, 's')
		}
		zero = false
	}
	if zero {
		dst = append(dst, " 0"...)
	}
	if before {
		dst = append(dst, " ago"...)
	}
	return dst
}

func intervalISO(dst []byte, v IntervalValue) []byte {
	if v == (IntervalValue{}) {
		return append(dst, "PT0S"...)
	}
	part := func(n int64, unit byte) {
		if n != 0 {
			dst = append(strconv.AppendInt(dst, n, 10), unit)
		}
	}
	dst = append(dst, 'P')
	part(int64(v.Months/12), 'Y')
	part(int64(v.Months%12), 'M')
	part(int64(v.Days), 'D')
	if v.Micros == 0 {
		return dst
	}
	dst = append(dst, 'T')
	h, m, s, f := clockParts(v.Micros)
	part(h, 'H')
	part(m, 'M')
	if s != 0 || f != 0 {
		if s < 0 || f < 0 {
			dst = append(dst, '-')
		}
		dst = append(appendSeconds(dst, s, f, false), 'S')
	}
	return dst
}

func intervalStandard(dst []byte, v IntervalValue) []byte {
	neg := v.Months < 0 || v.Days < 0 || v.Micros < 0
	pos := v.Months > 0 || v.Days > 0 || v.Micros > 0
	yearMonth, dayTime := v.Months != 0, v.Days != 0 || v.Micros != 0
	standard := !(neg && pos) && !(yearMonth && dayTime)
	h, m, s, f := clockParts(v.Micros)
	sign := func(n int64) {
		if n < 0 {
			dst = append(dst, '-')
		} else {
			dst = append(dst, '+')
		}
	}
	num := func(n int64, sep string) {
		dst = append(strconv.AppendInt(dst, abs64(n), 10), sep...)
	}
	clock := func() {
		num(h, ":")
		dst = append(append2(dst, int(abs64(m))), ':')
		dst = appendSeconds(dst, s, f, true)
	}
	if !neg && !pos {
		return append(dst, '0')
	}
	if neg && standard {
		dst = append(dst, '-')
	}
	switch {
	case !standard:
		sign(int64(v.Months))
		num(int64(v.Months/12), "-")
		num(int64(v.Months%12), " ")
		sign(int64(v.Days))
		num(int64(v.Days), " ")
		sign(v.Micros)
		clock()
	case yearMonth:
		num(int64(v.Months/12), "-")
		num(int64(v.Months%12), "")
	case v.Days != 0:
		num(int64(v.Days), " ")
		clock()
	default:
		clock()
	}
	return dst
}
