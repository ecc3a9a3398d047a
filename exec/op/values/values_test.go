package values

import (
	"testing"

	"tidemill/exec/mem"
	"tidemill/exec/op/optest"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// TestModel checks that the rows are there once, from the first epoch on, over reloads and for any
// number of workers.
func TestModel(t *testing.T) {
	s := types.Schema{{Name: "a", Type: types.T(types.Int4)}, {Name: "b", Type: types.T(types.Text)}}
	list := [][]types.Datum{
		{types.IntDatum(types.Int4, 1), types.TextDatum("x")},
		{types.NullOf(types.T(types.Int4)), types.TextDatum("")},
		{types.IntDatum(types.Int4, 1), types.TextDatum("x")},
	}
	optest.Run(t, optest.Case{
		Op: Name, Config: Config{Rows: list}, Out: s, OutAppendOnly: true, Residue: 1,
		Model: func([]optest.Relation) (out optest.Relation) {
			for _, r := range list {
				out = append(out, optest.Weighted{Row: r, W: 1})
			}
			return out
		},
	})
}

// BenchmarkValues includes reading the configuration, as the rows are emitted once.
func BenchmarkValues(b *testing.B) {
	s := types.Schema{{Name: "a", Type: types.T(types.Int8)}, {Name: "b", Type: types.T(types.Text)}}
	var c Config
	for i := range int64(4096) {
		c.Rows = append(c.Rows, []types.Datum{types.IntDatum(types.Int8, i), types.TextDatum("some text")})
	}
	raw := optest.RawConfig(c)
	env := optest.Env(nil, s)
	n, failed := 0, 0
	ctx := optest.Ctx(func(out *rows.Batch) error { n += out.Len(); return nil }, &failed)
	b.ReportAllocs()
	meter := optest.StartMeter()
	for b.Loop() {
		env.Tables = state.Ephemeral(mem.NewBudget("test", 0).Account("test"))
		o, err := New(raw, &env)
		if err != nil {
			b.Fatal(err)
		}
		if err := o.Finish(ctx); err != nil {
			b.Fatal(err)
		}
	}
	meter.Report(b, n, "row")
}
