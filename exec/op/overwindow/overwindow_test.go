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

// frames are all frames that the tests know.
func frames() []*Frame {
	ends := []Bound{{Kind: Current}, {Kind: Unbounded}}
	moving := append([]Bound{{Preceding, 2}, {Preceding, 0}, {Following, 1}, {Following, 3}}, ends...)
	out := []*Frame{nil}
	for _, s := range ends {
		for _, e := range ends {
			out = append(out, &Frame{"range", s, e})
		}
	}
	for _, s := range moving {
		for _, e := range moving {
			out = append(out, &Frame{"rows", s, e})
		}
	}
	return out
}

// row is a test row with what the model needs.
type row struct {
	optest.Row
	group int // number of the peer group within the partition
}

func (r row) text(results []string) string {
	parts := make([]string, 0, len(r.Row)+len(results))
	for _, d := range r.Row {
		parts = append(parts, datum(d))
	}
	return "+1 (" + strings.Join(append(parts, results...), ", ") + ")\n"
}

func datum(d types.Datum) string {
	switch {
	case d.Null:
		return "NULL"
	case d.Type.Phys() == types.PhysBytes:
		return "'" + string(d.S) + "'"
	}
	return string(types.AppendText(nil, d, &types.Env{}))
}

// partitions sorts the rows into partitions by (o, arrival).
func partitions(rel optest.Relation) [][]row {
	var out [][]row
	groups := rel.Groups([]int{0})
	slices.SortStableFunc(groups, func(a, b optest.Relation) int {
		return strings.Compare(optest.Key(a[0].Row, []int{0}), optest.Key(b[0].Row, []int{0}))
	})
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b optest.Weighted) int {
			return strings.Compare(optest.Key(a.Row, []int{1}), optest.Key(b.Row, []int{1}))
		})
		var part []row
		for i, x := range g {
			n := 0
			if i > 0 {
				if n = part[i-1].group; optest.Key(x.Row, []int{1}) != optest.Key(g[i-1].Row, []int{1}) {
					n++
				}
			}
			part = append(part, row{x.Row, n})
		}
		out = append(out, part)
	}
	return out
}

// inFrame tells whether place j is in the frame of place i.
func inFrame(f *Frame, part []row, i, j int) bool {
	if f == nil {
		f = defaultFrame
	}
	dist := func(b Bound) int {
		return map[string]int{Preceding: -int(b.Offset), Following: int(b.Offset)}[b.Kind]
	}
	if f.Mode == "range" {
		return (f.Start.Kind == Unbounded || part[j].group >= part[i].group) &&
			(f.End.Kind == Unbounded || part[j].group <= part[i].group)
	}
	return (f.Start.Kind == Unbounded || j >= i+dist(f.Start)) && (f.End.Kind == Unbounded || j <= i+dist(f.End))
}

// expect computes the result of a function for place i, by looking at every row of the partition.
func expect(f Func, part []row, i int) string {
	var in []row
	for j, r := range part {
		if inFrame(f.Frame, part, i, j) {
			in = append(in, r)
		}
	}
	arg := func(r row) types.Datum { return r.Row[f.Args[0]] }
	var vals []int64
	counted := 0
	for _, r := range in {
		if f.Filter != nil && (r.Row[*f.Filter].Null || !r.Row[*f.Filter].B) {
			continue
		}
		counted++
		if len(f.Args) > 0 && !arg(r).Null && arg(r).Type.Phys() == types.PhysInt {
			vals = append(vals, arg(r).I)
		}
	}
	number := func(ok bool, v func() int64) string {
		if !ok {
			return "NULL"
		}
		return fmt.Sprint(v())
	}
	switch f.Name {
	case "count":
		return fmt.Sprint(counted)
	case "sum":
		return number(len(vals) > 0, func() (s int64) {
			for _, v := range vals {
				s += v
			}
			return s
		})
	case "min":
		return number(len(vals) > 0, func() int64 { return slices.Min(vals) })
	case "max":
		return number(len(vals) > 0, func() int64 { return slices.Max(vals) })
	case "first_value":
		if len(in) > 0 {
			return datum(arg(in[0]))
		}
		return "NULL"
	case "last_value":
		if len(in) > 0 {
			return datum(arg(in[len(in)-1]))
		}
		return "NULL"
	case "nth_value":
		if n := int(part[i].Row[f.Args[1]].I); n <= len(in) {
			return datum(arg(in[n-1]))
		}
		return "NULL"
	case "array_agg":
		if len(in) == 0 {
			return "NULL"
		}
		parts := make([]string, len(in))
		for k, r := range in {
			parts[k] = datum(arg(r))
		}
		return "'{" + strings.Join(parts, ",") + "}'"
	}
	return expectRank(f, part, i)
}

func expectRank(f Func, part []row, i int) string {
	before, peers := 0, 0
	for _, r := range part {
		if r.group < part[i].group {
			before++
		}
		if r.group == part[i].group {
			peers++
		}
	}
	float := func(v float64) string { return datum(types.FloatDatum(v)) }
	switch f.Name {
	case "row_number":
		return fmt.Sprint(i + 1)
	case "rank":
		return fmt.Sprint(before + 1)
	case "dense_rank":
		return fmt.Sprint(part[i].group + 1)
	case "percent_rank":
		return float(float64(before) / float64(max(1, len(part)-1)))
	case "cume_dist":
		return float(float64(before+peers) / float64(len(part)))
	case "ntile":
		n := int(part[0].Row[f.Args[0]].I)
		bucket, left := 1, 0
		for k := range part { // deal the sizes out one by one
			if left == 0 {
				left = len(part) / n
				if bucket <= len(part)%n {
					left++
				}
			}
			if k == i {
				break
			}
			if left--; left == 0 {
				bucket++
			}
		}
		return fmt.Sprint(bucket)
	}
	by := 1
	if len(f.Args) > 1 {
		by = int(part[i].Row[f.Args[1]].I)
	}
	if f.Name == "lag" {
		by = -by
	}
	switch {
	case i+by >= 0 && i+by < len(part):
		return datum(part[i+by].Row[f.Args[0]])
	case len(f.Args) > 2:
		return datum(part[i].Row[f.Args[2]])
	}
	return "NULL"
}

// TestModel compares every function over every frame with looking at all rows.
func TestModel(t *testing.T) {
	filter := 5
	var funcs []Func
	for name, ret := range map[string]types.Type{
		"row_number": int8s, "rank": int8s, "dense_rank": int8s, "percent_rank": float8, "cume_dist": float8,
	} {
		funcs = append(funcs, testFunc(name, ret, nil))
	}
	funcs = append(funcs, testFunc("ntile", int4, nil, 4), testFunc("lag", int4, nil, 2), testFunc("lead", int4, nil, 2),
		testFunc("lag", int4, nil, 2, 4), testFunc("lead", int4, nil, 2, 4, 3))
	for _, f := range frames() {
		filtered := testFunc("count", int8s, f)
		filtered.Filter = &filter
		funcs = append(funcs, filtered, testFunc("count", int8s, f), testFunc("sum", int8s, f, 2),
			testFunc("min", int4, f, 2), testFunc("max", int4, f, 2), testFunc("first_value", int4, f, 2),
			testFunc("last_value", int4, f, 2), testFunc("nth_value", int4, f, 2, 4),
			testFunc("array_agg", types.ArrayOf(int4), f, 2))
	}
	out := append(types.Schema(nil), schema...)
	for _, f := range funcs {
		out = append(out, types.Field{Name: f.Name, Type: f.RetType})
	}
	cfg := Config{Partition: []int{0}, Order: []plan.SortKey{{Col: 1}}, Funcs: funcs}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		var rel optest.Relation
		for i := range r.IntN(40) {
			x := optest.RandomRow(r, schema)
			x[2].I %= 1000
			x[3], x[4] = types.IntDatum(types.Int4, int64(i)), types.IntDatum(types.Int4, int64(1+r.IntN(4)))
			rel = append(rel, optest.Weighted{Row: x, W: 1})
		}
		got, err := optest.Output(t, Name, cfg, optest.Env([]types.Schema{schema}, out), optest.Batch(schema, rel))
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		for _, part := range partitions(rel) {
			for i, x := range part {
				results := make([]string, len(funcs))
				for k, f := range funcs {
					results[k] = expect(f, part, i)
				}
				want += x.text(results)
			}
		}
		compareLines(t, seed, funcs, got, want)
	}
}

func compareLines(t *testing.T, seed uint64, funcs []Func, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		a, b := strings.Split(g[i], ", "), strings.Split(w[i], ", ")
		for k := range min(len(a), len(b)) {
			if a[k] != b[k] {
				what := "input"
				if k >= len(schema) {
					f := funcs[k-len(schema)]
					what = fmt.Sprintf("%s %v %+v", f.Name, f.Args, f.Frame)
				}
				t.Fatalf("seed %d line %d, %s: got %s want %s\n%s", seed, i, what, a[k], b[k], want)
			}
		}
	}
	t.Fatalf("seed %d: got %d lines, want %d", seed, len(g), len(w))
}

// TestErrors checks arguments that Postgres refuses.
func TestErrors(t *testing.T) {
	out := append(append(types.Schema(nil), schema...), types.Field{Name: "x", Type: int4})
	in := rows.MustParse(schema, "+1 ('p', 1, 1, 1, 0, NULL)")
	for _, f := range []Func{testFunc("ntile", int4, nil, 4), testFunc("nth_value", int4, nil, 2, 4)} {
		_, err := optest.Output(t, Name, Config{Funcs: []Func{f}}, optest.Env([]types.Schema{schema}, out), in)
		if err == nil || !strings.Contains(err.Error(), "greater than zero") {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
