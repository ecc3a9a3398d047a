package hashagg

import (
	"math/rand/v2"
	"testing"

	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/exec/op/optest"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// harness pushes one batch per epoch and returns what comes out, as text.
type harness struct {
	t      *testing.T
	o      op.Operator
	c      *op.Ctx
	out    string
	failed int
}

func newHarness(t *testing.T, c Config, out types.Schema) *harness {
	h := &harness{t: t, o: optest.NewOperator(t, Name, c, optest.Env([]types.Schema{schema}, out))}
	h.c = optest.Ctx(func(b *rows.Batch) error { h.out += rows.FormatSorted(b); return nil }, &h.failed)
	return h
}

func (h *harness) epoch(in *rows.Batch) string {
	h.t.Helper()
	h.out = ""
	if in != nil {
		if err := h.o.Push(h.c, 0, in); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := h.o.Finish(h.c); err != nil {
		h.t.Fatal(err)
	}
	return h.out
}

// TestDeleteMax deletes the current maximum a thousand times, in descending order, with duplicates,
// over reloads of the state (in TestModel) and without.
func TestDeleteMax(t *testing.T) {
	const n = 1000
	calls := []agg.Call{testCall("max", 2), testCall("min", 2)}
	h := newHarness(t, Config{Keys: []int{0}, Aggs: calls}, outSchema([]int{0}, calls))
	row := func(i int64) optest.Row {
		r := optest.Nulls(schema)
		r[0], r[2] = types.TextDatum("g"), types.IntDatum(types.Int4, i)
		return r
	}
	var all optest.Relation
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(n) {
		all = append(all, optest.Weighted{Row: row(int64(i)), W: 1 + int64(i%2)})
	}
	if got, want := h.epoch(optest.Batch(schema, all)), "+1 ('g', 999, 0)\n"; got != want {
		t.Fatalf("got %s want %s", got, want)
	}
	max := int64(n - 1)
	for max >= 0 {
		w := 1 + max%2 // duplicates go one by one
		for ; w > 0; w-- {
			got := h.epoch(optest.Batch(schema, optest.Relation{{Row: row(max), W: -1}}))
			want := ""
			switch {
			case w == 2:
			case max == 0:
				want = "-1 ('g', 0, 0)\n"
			default:
				want = rows.FormatSorted(rows.MustParse(outSchema([]int{0}, calls),
					rows.Format(pair(calls, max))))
			}
			if got != want {
				t.Fatalf("deleting %d: got %s want %s", max, got, want)
			}
		}
		max--
	}
}

func pair(calls []agg.Call, max int64) *rows.Batch {
	line := func(m int64) optest.Row {
		return optest.Row{types.TextDatum("g"), types.IntDatum(types.Int4, m), types.IntDatum(types.Int4, 0)}
	}
	return optest.Batch(outSchema([]int{0}, calls), optest.Relation{{Row: line(max), W: -1}, {Row: line(max - 1), W: 1}})
}

// TestOverflow checks that a sum out of range diverts the group's row while it lasts.
func TestOverflow(t *testing.T) {
	calls := []agg.Call{testCall("sum", 2)}
	h := newHarness(t, Config{Keys: []int{0}, Aggs: calls}, outSchema([]int{0}, calls))
	row := optest.Nulls(schema)
	row[0], row[2] = types.TextDatum("g"), types.IntDatum(types.Int4, 1<<31-1)
	huge := int64(1) << 40
	step := func(w int64, want string, failed int) {
		t.Helper()
		if got := h.epoch(optest.Batch(schema, optest.Relation{{Row: row, W: w}})); got != want || h.failed != failed {
			t.Fatalf("got %s want %s, %d diverted, want %d", got, want, h.failed, failed)
		}
	}
	step(1, "+1 ('g', 2147483647)\n", 0)
	step(huge, "-1 ('g', 2147483647)\n", 1)
	step(1, "", 3) // the failure is replaced by another
	step(-huge, "+1 ('g', 4294967294)\n", 4)
	step(-2, "-1 ('g', 4294967294)\n", 4)
}

// TestGlobal checks the row of an aggregate without keys over no input.
func TestGlobal(t *testing.T) {
	calls := []agg.Call{testCall("count"), testCall("sum", 2), testCall("max", 5)}
	h := newHarness(t, Config{Aggs: calls}, outSchema(nil, calls))
	if got := h.epoch(nil); got != "+1 (0, NULL, NULL)\n" {
		t.Fatalf("first epoch: %s", got)
	}
	if got := h.epoch(nil); got != "" {
		t.Fatalf("second epoch: %s", got)
	}
}

// TestUnchanged checks that a group whose results stay the same is not emitted.
func TestUnchanged(t *testing.T) {
	calls := []agg.Call{testCall("max", 2)}
	h := newHarness(t, Config{Keys: []int{0}, Aggs: calls}, outSchema([]int{0}, calls))
	batch := func(i int64) *rows.Batch {
		row := optest.Nulls(schema)
		row[0], row[2] = types.TextDatum("g"), types.IntDatum(types.Int4, i)
		return optest.Batch(schema, optest.Relation{{Row: row, W: 1}})
	}
	h.epoch(batch(5))
	if got := h.epoch(batch(3)); got != "" {
		t.Fatalf("emitted %s", got)
	}
}

func BenchmarkHashAgg(b *testing.B) {
	in := types.Schema{{Name: "k", Type: int8s}, {Name: "v", Type: types.T(types.Int4)}}
	out := types.Schema{{Name: "k", Type: int8s}, {Name: "count", Type: int8s}, {Name: "sum", Type: int8s}}
	calls := []agg.Call{
		{Name: "count", Filter: -1, RetType: int8s},
		{Name: "sum", ArgTypes: []types.Type{int4}, Args: []int{1}, Filter: -1, RetType: int8s},
	}
	for _, c := range []struct {
		name string
		keys int64
	}{{"1k", 1000}, {"100k", 100_000}, {"1M", 1_000_000}} {
		b.Run(c.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			var batches []*rows.Batch
			for range 64 {
				build := rows.NewBuilder(in, 8192)
				for i := range 8192 {
					build.Cols[0].AppendInt(r.Int64N(c.keys) * 7919)
					build.Cols[1].AppendInt(int64(i))
					build.EndRow(1)
				}
				batches = append(batches, build.Finish())
			}
			at := 0
			optest.Bench(b, Name, Config{Keys: []int{0}, Aggs: calls}, []types.Schema{in}, out, func(push func(int, *rows.Batch)) int {
				for range 8 {
					push(0, batches[at%len(batches)])
					at++
				}
				return 8 * 8192
			})
		})
	}
}

// TestDist spreads rows by fewer columns than the keys, in another order, and not at all: the state
// must be found again after a restart with another number of workers.
func TestDist(t *testing.T) {
	calls := callSets["mixed"]
	for _, dist := range [][]int{{1}, {1, 0}, {}} {
		c := Config{Keys: []int{0, 1}, Aggs: calls, Dist: dist}
		spread := dist
		if len(dist) == 0 {
			spread = nil
		}
		optest.Run(t, optest.Case{
			Op: Name, Config: c, In: []types.Schema{schema}, Out: outSchema(c.Keys, calls), Keys: [][]int{spread}, Seeds: 15,
			Model: func(in []optest.Relation) optest.Relation { return model(t, c, in[0]) },
		})
	}
}
