package when

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/timefmt"
	"tidemill/sql/types"
)

func init() {
	defIn(familyFormat, "to_timestamp", sig(textT, textT), timestamptzT, intRows(timestamptzT, func(c *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		r, err := timefmt.Read(string(a[0].Bytes(i)), template(a[1].Bytes(i)), false)
		if err != nil {
			return 0, err
		}
		us, ok := r.Micros()
		if !ok {
			return 0, outOfRange("timestamp")
		}
		if r.Zoned {
			us -= int64(r.Zone) * types.MicrosPerSecond
		} else {
			us = types.InstantMicros(us, c.Env.Location())
		}
		if r.Digits > 0 {
			us = types.RoundMicros(us, int32(r.Digits))
		}
		return us, nil
	}), "Reads an instant by a template.", "select to_timestamp('05 Dec 2000 +00', 'DD Mon YYYY TZH') at time zone 'UTC'", "2000-12-05 00:00:00")
	defIn(familyFormat, "to_date", sig(textT, textT), dateT, intRows(dateT, func(_ *fn.Ctx, a []*rows.Vec, i int) (int64, error) {
		text := string(a[0].Bytes(i))
		r, err := timefmt.Read(text, template(a[1].Bytes(i)), false)
		if err != nil {
			return 0, err
		}
		days, ok := r.Days()
		if !ok {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: \"%s\"", text)
		}
		return days, nil
	}), "Reads a date by a template.", "select to_date('05 Dec 2000', 'DD Mon YYYY')", "2000-12-05")
}
