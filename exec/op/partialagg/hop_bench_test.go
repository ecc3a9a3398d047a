package partialagg

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidemill/exec/op/agg"
	"tidemill/exec/op/hashagg"
	"tidemill/exec/op/optest"
	"tidemill/exec/op/window"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// BenchmarkHop counts bids per auction in hopping windows (Nexmark q5): by slices, and by giving each
// row to every window.
func BenchmarkHop(b *testing.B) {
	const second, batches = 1_000_000, 8
	int8s, ts := types.T(types.Int8), types.T(types.Timestamp)
	in := types.Schema{{Name: "auction", Type: int8s}, {Name: "at", Type: ts}}
	bounds := []types.Field{{Name: "window_start", Type: ts}, {Name: "window_end", Type: ts}}
	windowed := append(append(types.Schema(nil), in...), bounds...)
	out := append(append(types.Schema{in[0]}, bounds...), types.Field{Name: "n", Type: int8s})
	calls := []agg.Call{testCall(in, "count", -1)}
	sliced := Schema(Config{Keys: []int{0, 2}, Aggs: calls}, windowed)
	expanded := append(append(types.Schema(nil), sliced...), bounds...)
	for _, hop := range []window.Config{
		{Kind: window.Hop, Size: 10 * second, Slide: 2 * second}, {Kind: window.Hop, Size: 60 * second, Slide: second},
		{Kind: window.Hop, Size: 10 * second, Slide: 4 * second},
	} {
		for _, bySlice := range []bool{true, false} {
			name := map[bool]string{true: "slices", false: "rows"}[bySlice]
			b.Run(fmt.Sprintf("%ds every %ds/%s", hop.Size/second, hop.Slide/second, name), func(b *testing.B) {
				stages := []*stage{}
				add := func(name string, cfg any, in, out types.Schema, to func(*rows.Batch) error) func(*rows.Batch) error {
					failed := 0
					s := &stage{optest.NewOperator(b, name, cfg, optest.Env([]types.Schema{in}, out)), optest.Ctx(to, &failed)}
					stages = append([]*stage{s}, stages...)
					return s.push
				}
				end := func(*rows.Batch) error { return nil }
				var push func(*rows.Batch) error
				if w := hop; bySlice {
					w.Col = 1
					push = add(hashagg.Name, merging([]int{0, 4, 5}, calls, 2), expanded, out, end)
					push = add(window.Name, w, sliced, expanded, push)
					push = add(Name, Config{Keys: []int{0, 2}, Aggs: calls}, windowed, sliced, push)
					length := int64(second)
					for hop.Size%(2*length) == 0 && hop.Slide%(2*length) == 0 {
						length *= 2
					}
					push = add(window.Name, window.Config{Kind: window.Tumble, Col: 1, Size: length}, in, windowed, push)
				} else {
					w.Col = 1
					push = add(hashagg.Name, hashagg.Config{Keys: []int{0, 2, 3}, Aggs: calls}, windowed, out, end)
					push = add(window.Name, w, in, windowed, push)
				}
				benchStages(b, stages, push, in, batches)
			})
		}
	}
}

// benchStages pushes epochs of batches of bids, 400 a millisecond, for 200 auctions.
func benchStages(b *testing.B, stages []*stage, push func(*rows.Batch) error, in types.Schema, batches int) {
	r := rand.New(rand.NewPCG(1, 1))
	at, n := int64(0), 0
	meter := optest.StartMeter()
	for b.Loop() {
		for range batches {
			build := rows.NewBuilder(in, 8192)
			for i := range 8192 {
				build.Cols[0].AppendInt(r.Int64N(200))
				build.Cols[1].AppendInt(at + int64(i)*1000/400)
				build.EndRow(1)
			}
			at += 8192 * 1000 / 400
			n += 8192
			if err := push(build.Finish()); err != nil {
				b.Fatal(err)
			}
		}
		for _, s := range stages {
			if err := s.o.Finish(s.ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	meter.Report(b, n, "row")
}
