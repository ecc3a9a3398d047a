package window

import (
	"fmt"
	"math"
	"testing"
	"time"

	"tidemill/exec/op"
	"tidemill/exec/op/optest"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

const minute = 60_000_000

func schemas(id types.ID) (in, out types.Schema) {
	in = types.Schema{{Name: "v", Type: types.T(types.Text)}, {Name: "ts", Type: types.T(id)}}
	out = append(append(out, in...), types.Field{Name: "window_start", Type: types.T(id)}, types.Field{Name: "window_end", Type: types.T(id)})
	return in, out
}

func TestModel(t *testing.T) {
	in, out := schemas(types.Timestamp)
	for _, c := range []Config{
		{Kind: Tumble, Col: 1, Size: 10 * minute},
		{Kind: Tumble, Col: 1, Size: 7 * minute, Offset: -3 * minute},
		{Kind: Hop, Col: 1, Size: 10 * minute, Slide: 5 * minute},
		{Kind: Hop, Col: 1, Size: 10 * minute, Slide: 4 * minute, Offset: minute},
		{Kind: Hop, Col: 1, Size: 3 * minute, Slide: 5 * minute},
		{Kind: Cumulate, Col: 1, Size: 10 * minute, Slide: 2 * minute},
		{Kind: Cumulate, Col: 1, Size: 6 * minute, Slide: 3 * minute, Offset: -minute},
	} {
		optest.Run(t, optest.Case{
			Op: Name, Config: c, In: []types.Schema{in}, Out: out, Stateless: true,
			Model: func(in []optest.Relation) optest.Relation { return model(c, in[0]) },
		})
	}
}

// model tries every window.
func model(c Config, in optest.Relation) (out optest.Relation) {
	slide := c.Slide
	if c.Kind == Tumble {
		slide = c.Size
	}
	for _, x := range in {
		ts := x.Row[1]
		if ts.Null {
			continue
		}
		for k := int64(-400); k < 400; k++ {
			start, end := ts, ts
			start.I = c.Offset + k*slide
			end.I = start.I + c.Size
			if c.Kind == Cumulate {
				start.I = floor(start.I, c.Size, c.Offset)
				end.I = c.Offset + (k+1)*slide
			}
			if start.I <= ts.I && ts.I < end.I {
				out = append(out, optest.Weighted{Row: optest.Concat(x.Row, optest.Row{start, end}), W: x.W})
			}
		}
	}
	return out
}

// push runs one batch and returns the output as text, and the number of diverted rows.
func push(t *testing.T, c Config, id types.ID, in *rows.Batch) (text string, failed int) {
	t.Helper()
	_, outSchema := schemas(id)
	o, err := New(optest.RawConfig(c), &op.Env{In: []types.Schema{in.Schema}, Out: outSchema})
	if err != nil {
		t.Fatal(err)
	}
	ctx := optest.Ctx(func(b *rows.Batch) error { text += rows.Format(b); return nil }, &failed)
	ctx.Fn = &fn.Ctx{}
	if err := o.Push(ctx, 0, in); err != nil {
		t.Fatal(err)
	}
	return text, failed
}

// TestZone checks day windows over changes of the clock, in two directions of the world.
func TestZone(t *testing.T) {
	in, _ := schemas(types.Timestamptz)
	for _, c := range []struct{ zone, at, start, end string }{
		{"America/New_York", "2024-03-10 12:00", "2024-03-10 05:00", "2024-03-11 04:00"}, // 23 h
		{"America/New_York", "2024-11-03 05:30", "2024-11-03 04:00", "2024-11-04 05:00"}, // 25 h
		{"America/New_York", "2024-11-03 06:30", "2024-11-03 04:00", "2024-11-04 05:00"},
		{"Asia/Kathmandu", "2024-01-01 18:14", "2023-12-31 18:15", "2024-01-01 18:15"},
		{"Asia/Kathmandu", "2024-01-01 18:15", "2024-01-01 18:15", "2024-01-02 18:15"},
		{"America/Havana", "2024-11-03 04:30", "2024-11-03 04:00", "2024-11-04 05:00"}, // midnight comes twice
		{"America/Havana", "2024-11-03 05:30", "2024-11-03 04:00", "2024-11-04 05:00"},
		{"America/Havana", "2024-11-03 03:59", "2024-11-02 04:00", "2024-11-03 04:00"},
		{"America/Havana", "2024-03-10 05:00", "2024-03-10 05:00", "2024-03-11 04:00"}, // midnight is skipped
	} {
		for _, kind := range []string{Tumble, Hop} {
			cfg := Config{Kind: kind, Col: 1, Size: day, Slide: day, Zone: c.zone}
			got, _ := push(t, cfg, types.Timestamptz, rows.MustParse(in, fmt.Sprintf("+1 ('x', '%s+00')", c.at)))
			want := fmt.Sprintf("+1 ('x', '%s:00+00', '%s:00+00', '%s:00+00')\n", c.at, c.start, c.end)
			if got != want {
				t.Errorf("%s %s: got %s want %s", kind, c.zone, got, want)
			}
		}
	}
}

// TestMonths checks windows of months and years.
func TestMonths(t *testing.T) {
	in, _ := schemas(types.Timestamptz)
	for _, c := range []struct {
		cfg        Config
		at         string
		start, end []string
	}{
		{Config{Kind: Tumble, Size: 1}, "2024-02-29 12:00", []string{"2024-02-01 00:00"}, []string{"2024-03-01 00:00"}},
		{Config{Kind: Tumble, Size: 12, Offset: 3}, "2024-02-29 12:00", []string{"2023-04-01 00:00"}, []string{"2024-04-01 00:00"}},
		{Config{Kind: Tumble, Size: 3}, "1969-12-31 23:59", []string{"1969-10-01 00:00"}, []string{"1970-01-01 00:00"}},
		{Config{Kind: Tumble, Size: 1, Zone: "Europe/Berlin"}, "2024-03-31 22:00", []string{"2024-03-31 22:00"}, []string{"2024-04-30 22:00"}},
		{Config{Kind: Hop, Size: 3, Slide: 1}, "2024-01-15 00:00", []string{"2024-01-01 00:00", "2023-12-01 00:00", "2023-11-01 00:00"},
			[]string{"2024-04-01 00:00", "2024-03-01 00:00", "2024-02-01 00:00"}},
		{Config{Kind: Cumulate, Size: 3, Slide: 1}, "2024-02-15 00:00", []string{"2024-01-01 00:00", "2024-01-01 00:00"},
			[]string{"2024-03-01 00:00", "2024-04-01 00:00"}},
	} {
		c.cfg.Col, c.cfg.Months = 1, true
		got, _ := push(t, c.cfg, types.Timestamptz, rows.MustParse(in, fmt.Sprintf("+1 ('x', '%s+00')", c.at)))
		want := ""
		for i := range c.start {
			want += fmt.Sprintf("+1 ('x', '%s:00+00', '%s:00+00', '%s:00+00')\n", c.at, c.start[i], c.end[i])
		}
		if got != want {
			t.Errorf("%+v: got\n%swant\n%s", c.cfg, got, want)
		}
	}
}

// TestLongMonths checks windows that end after the last timestamp.
func TestLongMonths(t *testing.T) {
	in, _ := schemas(types.Timestamp)
	for _, kind := range []string{Tumble, Hop, Cumulate} {
		c := Config{Kind: kind, Col: 1, Size: 12 * 300_000, Slide: 12 * 300_000, Months: true}
		text, failed := push(t, c, types.Timestamp, rows.MustParse(in, "+1 ('x', '2024-01-01 00:00')"))
		if text != "" || failed != 1 {
			t.Errorf("%s: %d failed, got %s", kind, failed, text)
		}
	}
}

// TestExtremes checks infinities, which are in no window, and windows out of range.
func TestExtremes(t *testing.T) {
	in, _ := schemas(types.Timestamp)
	b := rows.NewBuilder(in, 4)
	for _, v := range []int64{math.MinInt64, math.MaxInt64, math.MinInt64 + 1, math.MaxInt64 - 1, 0} {
		b.Cols[0].AppendString("x")
		b.Cols[1].AppendInt(v)
		b.EndRow(1)
	}
	batch := b.Finish()
	for _, c := range []Config{
		{Kind: Tumble, Col: 1, Size: 10 * minute}, {Kind: Hop, Col: 1, Size: 10 * minute, Slide: 10 * minute},
		{Kind: Cumulate, Col: 1, Size: 10 * minute, Slide: 10 * minute},
	} {
		text, failed := push(t, c, types.Timestamp, batch)
		want := "+1 ('x', '1970-01-01 00:00:00', '1970-01-01 00:00:00', '1970-01-01 00:10:00')\n"
		if text != want || failed != 2 {
			t.Errorf("%s: %d failed, got %s", c.Kind, failed, text)
		}
	}
}

func BenchmarkWindow(b *testing.B) {
	in, out := schemas(types.Timestamp)
	build := rows.NewBuilder(in, 8192)
	for i := range 8192 {
		build.Cols[0].AppendString("x")
		build.Cols[1].AppendInt(int64(i) * int64(time.Second/time.Microsecond))
		build.EndRow(1)
	}
	batch := build.Finish()
	for _, c := range []Config{
		{Kind: Tumble, Col: 1, Size: minute}, {Kind: Hop, Col: 1, Size: minute, Slide: minute / 5},
		{Kind: Tumble, Col: 1, Size: day, Zone: "America/New_York"},
	} {
		b.Run(c.Kind+c.Zone, func(b *testing.B) {
			optest.Bench(b, Name, c, []types.Schema{in}, out, func(push func(int, *rows.Batch)) int {
				push(0, batch)
				return batch.N
			})
		})
	}
}
