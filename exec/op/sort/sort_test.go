package sort

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var schema = types.Schema{
	{Name: "a", Type: types.T(types.Int4)}, {Name: "b", Type: types.T(types.Float8)},
	{Name: "c", Type: types.T(types.Numeric)}, {Name: "d", Type: types.T(types.Text)},
}

// TestNulls checks Postgres's places for NULLs.
func TestNulls(t *testing.T) {
	s := schema[:1]
	in := rows.MustParse(s, "+1 (2)\n+1 (NULL)\n+1 (1)")
	for want, k := range map[string]plan.SortKey{
		"1 2 NULL": {}, "NULL 1 2": {NullsFirst: true}, "2 1 NULL": {Desc: true}, "NULL 2 1": {Desc: true, NullsFirst: true},
	} {
		got, err := optest.Output(t, Name, Config{Keys: []plan.SortKey{k}}, optest.Env([]types.Schema{s}, s), in)
		if err != nil {
			t.Fatal(err)
		}
		text := "+1 (" + strings.Join(strings.Fields(want), ")\n+1 (") + ")\n"
		if got != text {
			t.Errorf("%+v: got\n%swant\n%s", k, got, text)
		}
	}
}

// TestModel compares with a stable sort, and checks that a limit keeps the first rows.
func TestModel(t *testing.T) {
	keys := []plan.SortKey{{Col: 2, Desc: true, NullsFirst: true}, {Col: 3}, {Col: 1, NullsFirst: true}}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 3))
		var in []*rows.Batch
		type line struct{ key, text string }
		var want []line
		for range r.IntN(5) {
			rel := optest.Relation{}
			for range r.IntN(3000) {
				rel = append(rel, optest.Weighted{Row: optest.RandomRow(r, schema), W: 1})
			}
			b := optest.Batch(schema, rel)
			for i := range b.N {
				var key []byte
				for _, k := range keys {
					key = rows.AppendKeyOrder(key, b.Cols[k.Col], i, rows.Order{Desc: k.Desc, NullsFirst: k.NullsFirst})
				}
				want = append(want, line{string(key), fmt.Sprintf("+1 %s\n", rows.FormatRow(b, i))})
			}
			in = append(in, b)
		}
		slices.SortStableFunc(want, func(a, b line) int { return strings.Compare(a.key, b.key) })
		for _, limit := range []int64{0, 100} {
			got, err := optest.Output(t, Name, Config{Keys: keys, Limit: limit}, optest.Env([]types.Schema{schema}, schema), in...)
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			for i, l := range want {
				if limit == 0 || i < int(limit) {
					text += l.text
				}
			}
			if !strings.HasPrefix(got, text) || limit == 0 && got != text {
				t.Fatalf("seed %d, limit %d: wrong order", seed, limit)
			}
		}
	}
}

func BenchmarkSort(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 3))
	build := rows.NewBuilder(schema[:2], 100000)
	for range 100000 {
		build.Cols[0].AppendInt(r.Int64N(1 << 30))
		build.Cols[1].AppendFloat(r.Float64())
		build.EndRow(1)
	}
	batch := build.Finish()
	env := optest.Env([]types.Schema{schema[:2]}, schema[:2])
	env.Batch = true
	o := optest.NewOperator(b, Name, Config{Keys: []plan.SortKey{{Col: 0}}}, env)
	failed := 0
	c := optest.Ctx(func(*rows.Batch) error { return nil }, &failed)
	meter := optest.StartMeter()
	for b.Loop() {
		if err := o.Push(c, 0, batch); err != nil {
			b.Fatal(err)
		}
		if err := o.Finish(c); err != nil {
			b.Fatal(err)
		}
	}
	meter.Report(b, b.N*batch.N, "row")
}
