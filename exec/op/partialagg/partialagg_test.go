package partialagg

import (
	"fmt"
	"math/rand/v2"
	"testing"

	_ "tidemill/sql/fn/agg"

	"tidemill/exec/check"
	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/exec/op/hashagg"
	"tidemill/exec/op/optest"
	"tidemill/exec/op/window"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

const minute = 60_000_000

var (
	int4    = types.T(types.Int4)
	numeric = types.T(types.Numeric)
	schema  = types.Schema{
		{Name: "g", Type: types.T(types.Text)}, {Name: "i", Type: int4}, {Name: "n", Type: numeric},
		{Name: "f", Type: types.T(types.Float8)}, {Name: "ts", Type: types.T(types.Timestamp)}, {Name: "b", Type: types.T(types.Bool)},
	}
)

func testCall(in types.Schema, name string, filter int, args ...int) agg.Call {
	var ts []types.Type
	for _, a := range args {
		ts = append(ts, in[a].Type)
	}
	spec, coerced, err := fn.ResolveAggregate(name, ts)
	if err != nil {
		panic(err)
	}
	return agg.Call{Name: name, ArgTypes: spec.Args, Args: args, Filter: filter, RetType: spec.ReturnType(coerced)}
}

func testCalls(appendOnly bool) []agg.Call {
	calls := []agg.Call{
		testCall(schema, "count", -1), testCall(schema, "sum", -1, 1), testCall(schema, "avg", 5, 2),
		testCall(schema, "sum", -1, 3), testCall(schema, "count", -1, 2),
	}
	if appendOnly {
		calls = append(calls, testCall(schema, "min", -1, 2), testCall(schema, "max", 5, 3), testCall(schema, "max", -1, 1))
	}
	return calls
}

// merging returns the configuration that merges the partial results of calls, whose accumulators
// begin at column at.
func merging(keys []int, calls []agg.Call, at int) hashagg.Config {
	c := hashagg.Config{Keys: keys, Mode: hashagg.Merge, Count: at + len(calls)}
	for i, a := range calls {
		a.Args, a.Filter = []int{at + i}, -1
		c.Aggs = append(c.Aggs, a)
	}
	return c
}

// stage is an operator whose output goes to the next stage.
type stage struct {
	o   op.Operator
	ctx *op.Ctx
}

func newStage(t *testing.T, name string, cfg any, env op.Env, emit func(*rows.Batch) error) *stage {
	failed := 0
	o := optest.NewOperator(t, name, cfg, env)
	o = check.Wrap(o, check.Options{Name: name, Schema: env.Out, In: env.In, InAppendOnly: env.AppendOnly})
	return &stage{o, optest.Ctx(emit, &failed)}
}

func (s *stage) push(b *rows.Batch) error { return s.o.Push(s.ctx, 0, b) }
func (s *stage) finish(t *testing.T) {
	t.Helper()
	if err := s.o.Finish(s.ctx); err != nil {
		t.Fatal(err)
	}
}

// randomDelta returns insertions and, unless appendOnly, deletions of rows inserted before.
func randomDelta(r *rand.Rand, live *[]optest.Row, appendOnly bool) *rows.Batch {
	var rel optest.Relation
	for range r.IntN(40) {
		if n := len(*live); n > 0 && !appendOnly && r.IntN(2) == 0 {
			i := r.IntN(n)
			rel = append(rel, optest.Weighted{Row: (*live)[i], W: -1})
			*live = append((*live)[:i], (*live)[i+1:]...)
			continue
		}
		row := optest.RandomRow(r, schema)
		*live = append(*live, row)
		rel = append(rel, optest.Weighted{Row: row, W: 1})
	}
	return optest.Batch(schema, rel)
}

// TestTwoPhases compares partial aggregation on three workers, merged, with one aggregation.
func TestTwoPhases(t *testing.T) {
	for _, appendOnly := range []bool{false, true} {
		for _, keys := range [][]int{{}, {0}, {0, 2}} {
			t.Run(fmt.Sprint(appendOnly, keys), func(t *testing.T) {
				for seed := range uint64(20) {
					twoPhases(t, seed, keys, appendOnly)
				}
			})
		}
	}
}

func twoPhases(t *testing.T, seed uint64, keys []int, appendOnly bool) {
	r := rand.New(rand.NewPCG(seed, 5))
	calls := testCalls(appendOnly)
	partialOut := Schema(Config{Keys: keys, Aggs: calls}, schema)
	out := append(types.Schema(nil), partialOut[:len(keys)]...)
	for _, c := range calls {
		out = append(out, types.Field{Name: c.Name, Type: c.RetType})
	}
	env := op.Env{In: []types.Schema{schema}, Out: out, AppendOnly: []bool{appendOnly}, OwnsSingle: true}
	want, got := check.NewTracker(out), check.NewTracker(out)
	add := func(tr *check.Tracker) func(*rows.Batch) error {
		return func(b *rows.Batch) error { tr.Add(b); return nil }
	}
	single := newStage(t, hashagg.Name, hashagg.Config{Keys: keys, Aggs: calls}, env, add(want))
	env.In, env.AppendOnly = []types.Schema{partialOut}, []bool{true}
	merge := newStage(t, hashagg.Name, merging(optest.All(len(keys)), calls, len(keys)), env, add(got))
	env.In, env.AppendOnly, env.Out = []types.Schema{schema}, []bool{appendOnly}, partialOut
	var partials []*stage
	for range 3 {
		partials = append(partials, newStage(t, Name, Config{Keys: keys, Aggs: calls}, env, func(b *rows.Batch) error {
			if r.IntN(2) == 0 {
				b = rows.ConsolidateAll(b) // as an exchange may
			}
			return merge.push(b)
		}))
	}
	var live []optest.Row
	for epoch := range 6 {
		for range r.IntN(4) {
			b := randomDelta(r, &live, appendOnly)
			if err := single.push(b); err != nil {
				t.Fatal(err)
			}
			if err := partials[r.IntN(3)].push(b); err != nil {
				t.Fatal(err)
			}
		}
		single.finish(t)
		for _, p := range partials {
			p.finish(t)
		}
		merge.finish(t)
		if g, w := rows.FormatSorted(got.Relation()), rows.FormatSorted(want.Relation()); g != w {
			t.Fatalf("seed %d epoch %d: got\n%swant\n%s", seed, epoch, g, w)
		}
	}
}

// TestHop compares the plan for hop windows (slices, partial, expansion, merge) with aggregating
// every row in every window.
func TestHop(t *testing.T) {
	hop := window.Config{Kind: window.Hop, Col: 4, Size: 10 * minute, Slide: 4 * minute, Offset: minute}
	slice := window.Config{Kind: window.Tumble, Col: 4, Size: 2 * minute, Offset: minute} // gcd(10, 4)
	calls := testCalls(false)
	ts := schema[4].Type
	windowed := append(append(types.Schema(nil), schema...), types.Field{Name: "window_start", Type: ts}, types.Field{Name: "window_end", Type: ts})
	ws := len(schema)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 6))
		keys := []int{0, ws, ws + 1}
		out := types.Schema{windowed[0], windowed[ws], windowed[ws+1]}
		for _, c := range calls {
			out = append(out, types.Field{Name: c.Name, Type: c.RetType})
		}
		want, got := check.NewTracker(out), check.NewTracker(out)

		naive := newStage(t, hashagg.Name, hashagg.Config{Keys: keys, Aggs: calls}, optest.Env([]types.Schema{windowed}, out),
			func(b *rows.Batch) error { want.Add(b); return nil })
		repeat := newStage(t, window.Name, hop, optest.Env([]types.Schema{schema}, windowed), naive.push)

		sliced := Schema(Config{Keys: []int{0, ws}, Aggs: calls}, windowed) // g, slice, accumulators, count
		at := len(sliced)
		expanded := append(append(types.Schema(nil), sliced...), windowed[ws], windowed[ws+1])
		merge := newStage(t, hashagg.Name, merging([]int{0, at, at + 1}, calls, 2), optest.Env([]types.Schema{expanded}, out),
			func(b *rows.Batch) error { got.Add(b); return nil })
		onSlice := hop
		onSlice.Col = 1
		expand := newStage(t, window.Name, onSlice, optest.Env([]types.Schema{sliced}, expanded), merge.push)
		partial := newStage(t, Name, Config{Keys: []int{0, ws}, Aggs: calls}, optest.Env([]types.Schema{windowed}, sliced), expand.push)
		cut := newStage(t, window.Name, slice, optest.Env([]types.Schema{schema}, windowed), partial.push)

		var live []optest.Row
		for epoch := range 5 {
			b := randomDelta(r, &live, false)
			for _, s := range []*stage{repeat, cut} {
				if err := s.push(b); err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range []*stage{repeat, naive, cut, partial, expand, merge} {
				s.finish(t)
			}
			if g, w := rows.FormatSorted(got.Relation()), rows.FormatSorted(want.Relation()); g != w {
				t.Fatalf("seed %d epoch %d: got\n%swant\n%s", seed, epoch, g, w)
			}
		}
	}
}

func BenchmarkPartialAgg(b *testing.B) {
	in := types.Schema{{Name: "k", Type: types.T(types.Int8)}, {Name: "v", Type: int4}}
	c := Config{Keys: []int{0}, Aggs: []agg.Call{testCall(in, "count", -1), testCall(in, "sum", -1, 1)}}
	r := rand.New(rand.NewPCG(1, 1))
	build := rows.NewBuilder(in, 8192)
	for i := range 8192 {
		build.Cols[0].AppendInt(r.Int64N(1000))
		build.Cols[1].AppendInt(int64(i))
		build.EndRow(1)
	}
	batch := build.Finish()
	optest.Bench(b, Name, c, []types.Schema{in}, Schema(c, in), func(push func(int, *rows.Batch)) int {
		for range 8 {
			push(0, batch)
		}
		return 8 * batch.N
	})
}
