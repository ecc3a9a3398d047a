package match

import (
	"testing"

	"tidemill/exec/op"
	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// vShape is a fall and then a rise of v.
func vShape() (Config, types.Schema) {
	v := func(set, move int) Read {
		return Read{Kind: ReadValue, Col: 2, Set: set, Move: move, Type: int4}
	}
	plus := func(label int) *Pattern {
		return &Pattern{Kind: Repeat, Min: 1, Max: -1, Parts: []*Pattern{{Kind: Var, Label: label}}}
	}
	c := Config{
		Labels: []string{"strt", "down", "up"}, Sets: [][]int{{0}, {1}, {2}}, Partition: []int{0}, Out: []int{0},
		Order: []plan.SortKey{{Col: 1}}, Rows: OneRow, Skip: SkipPast,
		Pattern:  &Pattern{Kind: Seq, Parts: []*Pattern{{Kind: Var}, plus(1), plus(2)}},
		Reads:    []Read{v(0, 0), v(1, 0), v(1, -1), v(2, 0), v(2, -1)},
		Measures: []*expr.Expr{expr.Col(0, int4), expr.Col(1, int4), expr.Col(3, int4)},
		Conds:    []*expr.Expr{nil, call("<", expr.Col(1, int4), expr.Col(2, int4)), call(">", expr.Col(3, int4), expr.Col(4, int4))},
	}
	return c, types.Schema{schema[0], {Name: "a", Type: int4}, {Name: "b", Type: int4}, {Name: "c", Type: int4}}
}

// wave makes n rows of one partition from time t on.
func wave(t, n int, w int64) *rows.Batch {
	b := rows.NewBuilder(schema, n)
	for i := t; i < t+n; i++ {
		b.Cols[0].AppendString("p")
		b.Cols[1].AppendInt(int64(i))
		b.Cols[2].AppendInt(int64([]int{5, 4, 2, 1, 3, 4, 6, 7, 6, 6}[i%10]))
		b.Cols[3].AppendInt(int64(i))
		b.EndRow(w)
	}
	return b.Finish()
}

func atDefaults(b *testing.B) {
	every, first := markEvery, firstLoad
	markEvery, firstLoad = 16, 64
	b.Cleanup(func() { markEvery, firstLoad = every, first })
}

// BenchmarkAppend adds rows at the end of a partition in order, one or many per epoch.
func BenchmarkAppend(b *testing.B) {
	for _, bench := range []struct {
		name        string
		size, epoch int
	}{{"rows=1e3/epoch=1", 1000, 1}, {"rows=1e5/epoch=1", 100_000, 1}, {"rows=1e5/epoch=1000", 100_000, 1000}} {
		b.Run(bench.name, func(b *testing.B) {
			atDefaults(b)
			c, out := vShape()
			at := -1
			optest.Bench(b, Name, c, []types.Schema{schema}, out, func(push func(int, *rows.Batch)) int {
				if at < 0 {
					push(0, wave(0, bench.size, 1))
					at = bench.size
					return 0
				}
				push(0, wave(at, bench.epoch, 1))
				at += bench.epoch
				return bench.epoch
			})
		})
	}
}

// BenchmarkChange takes a row in the middle of a partition out and puts it back.
func BenchmarkChange(b *testing.B) {
	for _, bench := range []struct {
		name string
		size int
	}{{"rows=1e3", 1000}, {"rows=1e5", 100_000}} {
		b.Run(bench.name, func(b *testing.B) {
			atDefaults(b)
			c, out := vShape()
			n := 0
			optest.Bench(b, Name, c, []types.Schema{schema}, out, func(push func(int, *rows.Batch)) int {
				if n == 0 {
					push(0, wave(0, bench.size, 1))
				} else {
					push(0, wave(bench.size/2, 1, int64(1-2*(n%2))))
				}
				n++
				return 1
			})
		})
	}
}

// BenchmarkBatch searches a whole partition in a query.
func BenchmarkBatch(b *testing.B) {
	c, out := vShape()
	in := wave(0, 100_000, 1)
	n := 0
	b.ReportAllocs()
	meter := optest.StartMeter()
	for b.Loop() {
		env := optest.Env([]types.Schema{schema}, out)
		env.Batch = true
		o := optest.NewOperator(b, Name, c, env)
		failed := 0
		ctx := optest.Ctx(func(*rows.Batch) error { return nil }, &failed)
		if err := push(o, ctx, in); err != nil {
			b.Fatal(err)
		}
		n += in.N
	}
	meter.Report(b, n, "row")
}

func push(o op.Operator, c *op.Ctx, in *rows.Batch) error {
	if err := o.Push(c, 0, in); err != nil {
		return err
	}
	return o.Finish(c)
}
