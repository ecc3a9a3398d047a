package overwindow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	_ "tidemill/sql/fn/agg"

	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var (
	int4, int8s, float8 = types.T(types.Int4), types.T(types.Int8), types.T(types.Float8)

	schema = types.Schema{
		{Name: "p", Type: types.T(types.Text)}, {Name: "o", Type: int4}, {Name: "v", Type: int4},
		{Name: "id", Type: int4, NotNull: true}, {Name: "n", Type: int4, NotNull: true}, {Name: "b", Type: types.T(types.Bool)},
	}
)

func testFunc(name string, ret types.Type, frame *Frame, args ...int) Func {
	f := Func{Name: name, Args: args, RetType: ret, Frame: frame}
	for _, a := range args {
		f.ArgTypes = append(f.ArgTypes, schema[a].Type)
	}
	if spec, ok := fn.FindAggregate(name, f.ArgTypes); ok {
		f.ArgTypes = spec.Args
	}
	return f
}

// row makes a random row: few values of o, so that there are peers and distances.
func row(r *rand.Rand, _ int) optest.Row {
	x := optest.RandomRow(r, schema)
	x[1].I, x[2].I = int64(r.IntN(12)), x[2].I%1000
	x[3], x[4] = types.IntDatum(types.Int4, int64(r.IntN(60))), types.IntDatum(types.Int4, int64(1+r.IntN(4)))
	return x
}

// randomFrame makes any frame that is possible over an order of one column.
func randomFrame(r *rand.Rand) *Frame {
	if r.IntN(6) == 0 {
		return nil
	}
	f := &Frame{Mode: []string{rowsMode, rangeMode, groupsMode}[r.IntN(3)], Exclude: []string{"", "", "", excludeCurrent, excludeGroup, excludeTies}[r.IntN(6)]}
	bound := func() Bound {
		b := Bound{Kind: []string{Unbounded, Current, Preceding, Following, Preceding}[r.IntN(5)]}
		if b.Kind == Preceding || b.Kind == Following {
			if b.Offset = int64(r.IntN(5)); f.Mode == rangeMode {
				off := types.IntDatum(types.Int8, b.Offset)
				b.Value, b.Offset = &off, 0
			}
		}
		return b
	}
	f.Start, f.End = bound(), bound()
	return f
}

// randomFunc makes any call.
func randomFunc(r *rand.Rand) Func {
	filter := 5
	by := int64(r.IntN(4))
	frame := randomFrame(r)
	all := []func() Func{
		func() Func { return testFunc("row_number", int8s, nil) },
		func() Func { return testFunc("rank", int8s, nil) },
		func() Func { return testFunc("dense_rank", int8s, nil) },
		func() Func { return testFunc("percent_rank", float8, nil) },
		func() Func { return testFunc("cume_dist", float8, nil) },
		func() Func { return testFunc("ntile", int4, nil, 4) },
		func() Func { return testFunc("lag", int4, nil, 2) },
		func() Func { return testFunc("lead", int4, nil, 2) },
		func() Func { return testFunc([]string{"lag", "lead"}[by%2], int4, nil, 2, 4, 3) },
		func() Func { return testFunc("first_value", int4, frame, 2) },
		func() Func { return testFunc("last_value", int4, frame, 2) },
		func() Func { return testFunc("nth_value", int4, frame, 2, 4) },
		func() Func { return testFunc("array_agg", types.ArrayOf(int4), frame, 2) },
		func() Func { return testFunc("min", int4, frame, 2) },
		func() Func { return testFunc("max", int4, frame, 2) },
		func() Func { return testFunc("sum", int8s, frame, 2) },
		func() Func { return testFunc("count", int8s, frame) },
		func() Func {
			f := testFunc("count", int8s, frame)
			f.Filter = &filter
			return f
		},
	}
	return all[r.IntN(len(all))]()
}

// randomConfig makes an operator of a few calls.
func randomConfig(r *rand.Rand) (Config, types.Schema) {
	c := Config{Order: []plan.SortKey{{Col: 1, Desc: r.IntN(2) == 0, NullsFirst: r.IntN(2) == 0}}}
	if r.IntN(4) > 0 {
		c.Partition = []int{0}
	}
	noOrder := r.IntN(8) == 0
	out := slices.Clone(schema)
	for range 1 + r.IntN(3) {
		f := randomFunc(r)
		if noOrder { // all rows are peers
			f.Frame, c.Order = nil, nil
		}
		c.Funcs = append(c.Funcs, f)
		out = append(out, types.Field{Name: f.Name, Type: f.RetType})
	}
	return c, out
}

// TestBatch compares random calls of a batch query with the model.
func TestBatch(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		c, out := randomConfig(r)
		var rel optest.Relation
		for range r.IntN(40) {
			rel = append(rel, optest.Weighted{Row: row(r, 0), W: 1})
		}
		sorted := rel.Sorted(schema, nil) // ties come in the order of arrival
		rel = rel[:0]
		for _, x := range sorted {
			rel = append(rel, optest.Weighted{Row: x, W: 1})
		}
		got, err := optest.Output(t, Name, c, optest.Env([]types.Schema{schema}, out), optest.Batch(schema, rel))
		if err != nil {
			t.Fatal(err)
		}
		want := rows.Format(optest.Batch(out, model(c, rel)))
		if g, w := lines(got), lines(want); g != w {
			t.Fatalf("seed %d %s: got\n%s\nwant\n%s", seed, optest.RawConfig(c), g, w)
		}
	}
}

func lines(s string) string {
	list := strings.Split(s, "\n")
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// TestView compares random calls, kept up to date through random changes, with the model.
func TestView(t *testing.T) {
	for n := range uint64(100) {
		c, out := randomConfig(rand.New(rand.NewPCG(n, 3)))
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			optest.Run(t, optest.Case{
				Op: Name, Config: c, In: []types.Schema{schema}, Out: out, Keys: [][]int{c.Partition}, Seeds: 4, Gen: row,
				Model: func(in []optest.Relation) optest.Relation { return model(c, in[0]) },
			})
		})
	}
}

// TestEventTime drops partitions whose time has passed.
func TestEventTime(t *testing.T) {
	for n := range uint64(40) {
		c, out := randomConfig(rand.New(rand.NewPCG(n, 4)))
		if c.Partition = []int{1}; len(c.Order) > 0 {
			c.Order[0].Col = 3
		}
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			optest.Run(t, optest.Case{
				Op: Name, Config: c, In: []types.Schema{schema}, Out: out, Keys: [][]int{c.Partition}, Seeds: 4, Gen: row, Time: []int{1}, Epochs: 10,
				Model: func(in []optest.Relation) optest.Relation { return model(c, in[0]) },
			})
		})
	}
}

// TestErrors checks arguments that Postgres refuses.
func TestErrors(t *testing.T) {
	out := append(slices.Clone(schema), types.Field{Name: "x", Type: int4})
	in := rows.MustParse(schema, "+1 ('p', 1, 1, 1, 0, NULL)")
	for _, f := range []Func{testFunc("ntile", int4, nil, 4), testFunc("nth_value", int4, nil, 2, 4)} {
		_, err := optest.Output(t, Name, Config{Funcs: []Func{f}}, optest.Env([]types.Schema{schema}, out), in)
		if err == nil || !strings.Contains(err.Error(), "greater than zero") {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
