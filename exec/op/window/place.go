package window

import "tidemill/sql/types"

// place returns where on the windows' time line t is: microseconds of UTC or of the zone's wall
// clock, or months since January 1970.
func (w *window) place(t int64) int64 {
	if w.loc != nil {
		t = types.LocalMicros(t, w.loc)
	}
	if !w.Months {
		return t
	}
	days, _ := types.SplitMicros(t)
	year, month, _ := types.CivilFromDays(days)
	return int64(year-1970)*12 + int64(month-1)
}

// instant is the inverse of place for the bounds of windows.
func (w *window) instant(at int64) int64 {
	if w.Months {
		year, month := 1970+at/12, at%12
		if month < 0 {
			year, month = year-1, month+12
		}
		at = types.DaysFromCivil(int(year), int(month)+1, 1) * day
	}
	if w.loc == nil {
		return at
	}
	t := types.InstantMicros(at, w.loc)
	// Where the clock is put back over midnight, the day begins with the first of the two.
	if first := at - (types.LocalMicros(t-day, w.loc) - (t - day)); first < t && types.LocalMicros(first, w.loc) == at {
		return first
	}
	return t
}
