package math

import (
	"strings"
	"testing"
	"time"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func TestGenerateSeries(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ty         types.ID
		args, want string
	}{
		{types.Int4, "2, 4", "2 3 4"},
		{types.Int4, "4, 2", ""},
		{types.Int4, "5, 1, -2", "5 3 1"},
		{types.Int4, "1, NULL", ""},
		{types.Int4, "1, 2, 0", "22023 step size cannot equal zero"},
		{types.Int8, "9223372036854775806, 9223372036854775807", "9223372036854775806 9223372036854775807"},
		{types.Int8, "-9223372036854775808, 9223372036854775807", "54000 generate_series would return more than 100000000 rows"},
		{types.Numeric, "1.1, 2.5, 0.5", "1.1 1.6 2.1"},
		{types.Numeric, "1, NaN", "22023 stop value cannot be NaN"},
		{types.Timestamp, "2024-01-31, 2024-04-01, 1 month", "2024-01-31 00:00:00 2024-02-29 00:00:00 2024-03-29 00:00:00"},
		{types.Timestamp, "2024-01-02, 2024-01-01, -12:00", "2024-01-02 00:00:00 2024-01-01 12:00:00 2024-01-01 00:00:00"},
		// A day is a day of the zone: the clock changes on 31 March.
		{types.Timestamptz, "2024-03-30 12:00+01, 2024-04-01 12:00+02, 1 day", "2024-03-30 12:00:00+01 2024-03-31 12:00:00+02 2024-04-01 12:00:00+02"},
		{types.Timestamptz, "2024-03-31 01:30+01, 2024-03-31 03:30+02, 1 hour", "2024-03-31 01:30:00+01 2024-03-31 03:30:00+02"},
	} {
		var args []types.Datum
		var ts []types.Type
		for i, s := range strings.Split(c.args, ", ") {
			ty := types.T(c.ty)
			if i == 2 && ty.IsTime() {
				ty = types.T(types.Interval)
			}
			d := types.NullOf(ty)
			if s != "NULL" {
				if d, err = types.ParseText(ty, s, nil); err != nil {
					t.Fatal(err)
				}
			}
			args, ts = append(args, d), append(ts, ty)
		}
		f, ok := fn.FindTable("generate_series", ts)
		if !ok {
			t.Fatal(c.args)
		}
		out := rows.NewBuilder(types.Schema(f.OutputColumns(ts)), 0)
		ctx := &fn.Ctx{Env: types.Env{Zone: paris}}
		var got []string
		if err := f.Rows(ctx, args, out); err != nil {
			e := sqlerr.As(err)
			got = []string{string(e.Code), e.Message}
		} else {
			b := out.Finish()
			for i := range b.N {
				got = append(got, types.TextOf(b.Cols[0].Datum(i), &ctx.Env))
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("generate_series(%s)\n got %s\nwant %s", c.args, s, c.want)
		}
	}
}
