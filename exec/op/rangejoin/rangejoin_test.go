package rangejoin

import (
	"fmt"
	"math/rand/v2"
	"testing"

	_ "tidemill/sql/fn/cmp"
	_ "tidemill/sql/fn/math"

	"tidemill/exec/op"
	"tidemill/exec/op/optest"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var (
	int4  = types.T(types.Int4)
	left  = types.Schema{{Name: "k", Type: int4}, {Name: "at", Type: int4}, {Name: "x", Type: int4}}
	right = types.Schema{{Name: "k", Type: int4}, {Name: "at", Type: int4}, {Name: "t", Type: types.T(types.Text)}}
	both  = append(append(types.Schema(nil), left...), right...)
)

func call(name string, ret types.Type, a, b *expr.Expr) *expr.Expr {
	return &expr.Expr{Kind: expr.Call, Name: name, Type: ret, ArgTypes: []types.Type{int4, int4}, Args: []*expr.Expr{a, b}}
}

func number(v int64) *int64 { return &v }

// within is the condition low <= left.at − right.at <= high, and x > 0 with strict.
func within(low, high *int64, strict bool) *expr.Expr {
	l, r, boolean := expr.Col(1, int4), expr.Col(4, int4), types.T(types.Bool)
	lit := func(v int64) *expr.Expr { return expr.Lit(types.IntDatum(types.Int4, v)) }
	and := &expr.Expr{Kind: expr.And, Type: boolean}
	if low != nil {
		and.Args = append(and.Args, call(">=", boolean, l, call("+", int4, r, lit(*low))))
	}
	if high != nil {
		and.Args = append(and.Args, call("<=", boolean, l, call("+", int4, r, lit(*high))))
	}
	if strict {
		and.Args = append(and.Args, call(">", boolean, expr.Col(2, int4), lit(0)))
	}
	return and
}

func TestModel(t *testing.T) {
	ranges := [][2]*int64{{number(-2), number(1)}, {number(0), number(0)}, {number(1), nil}, {nil, number(-1)}}
	for _, kind := range []string{Inner, Left, Right, Full, Semi, Anti} {
		for _, r := range ranges {
			for _, keys := range [][]int{{}, {0}} {
				name := fmt.Sprint(kind, keys)
				for _, v := range r {
					if v != nil {
						name += fmt.Sprint(" ", *v)
					} else {
						name += " open"
					}
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					optest.Run(t, testCase(kind, keys, r[0], r[1]))
				})
			}
		}
	}
}

func testCase(kind string, keys []int, low, high *int64) optest.Case {
	strict := len(keys) > 0
	c := Config{Kind: kind, LeftKeys: keys, RightKeys: keys, LeftCol: 1, RightCol: 1, Low: low, High: high, Residual: within(low, high, strict)}
	out := both
	if kind == Semi || kind == Anti {
		out = left
	}
	spread := [][]int{keys, keys}
	if len(keys) == 0 {
		spread = nil
	}
	return optest.Case{
		Op: Name, Config: c, In: []types.Schema{left, right}, Out: out, Keys: spread, Seeds: 6,
		Gen: func(r *rand.Rand, port int) optest.Row {
			row := optest.RandomRow(r, []types.Schema{left, right}[port])
			if !row[1].Null {
				row[1].I = int64(r.IntN(12)) // no sum is out of range
			}
			return row
		},
		Model: func(in []optest.Relation) optest.Relation { return model(c, strict, in) },
	}
}

func matches(c Config, strict bool, l, r optest.Row) bool {
	for i, k := range c.LeftKeys {
		if l[k].Null || r[c.RightKeys[i]].Null || l[k].I != r[c.RightKeys[i]].I {
			return false
		}
	}
	if l[1].Null || r[1].Null || strict && (l[2].Null || l[2].I <= 0) {
		return false
	}
	d := l[1].I - r[1].I
	return (c.Low == nil || d >= *c.Low) && (c.High == nil || d <= *c.High)
}

// model is the nested loop.
func model(c Config, strict bool, in []optest.Relation) (out optest.Relation) {
	put := func(row optest.Row, w int64) { out = append(out, optest.Weighted{Row: row, W: w}) }
	rightMatched := make([]bool, len(in[1]))
	for _, l := range in[0] {
		matched := false
		for i, r := range in[1] {
			if !matches(c, strict, l.Row, r.Row) {
				continue
			}
			matched, rightMatched[i] = true, true
			if c.Kind != Semi && c.Kind != Anti {
				put(optest.Concat(l.Row, r.Row), l.W*r.W)
			}
		}
		switch {
		case c.Kind == Semi && matched, c.Kind == Anti && !matched:
			put(l.Row, l.W)
		case (c.Kind == Left || c.Kind == Full) && !matched:
			put(optest.Concat(l.Row, optest.Nulls(right)), l.W)
		}
	}
	for i, r := range in[1] {
		if (c.Kind == Right || c.Kind == Full) && !rightMatched[i] {
			put(optest.Concat(optest.Nulls(left), r.Row), r.W)
		}
	}
	return out
}

// TestEventTime lets the floors of both sides rise: every row goes that can meet no new one, with one end
// of the range those of one side.
func TestEventTime(t *testing.T) {
	ranges := [][2]*int64{{number(-2), number(1)}, {number(2), number(5)}}
	for _, kind := range []string{Inner, Left, Right, Full, Semi, Anti} {
		for _, r := range ranges {
			for _, appendOnly := range []bool{false, true} {
				for _, keys := range [][]int{{}, {0}} {
					t.Run(fmt.Sprint(kind, *r[0], *r[1], appendOnly, keys), func(t *testing.T) {
						t.Parallel()
						c := testCase(kind, keys, r[0], r[1])
						c.Time, c.Epochs, c.Seeds, c.AppendOnly = []int{1, 1}, 10, 4, []bool{appendOnly, appendOnly}
						optest.Run(t, c)
					})
				}
			}
		}
	}
}

// TestMarks checks how far the bounds of the output columns are behind those of the input.
func TestMarks(t *testing.T) {
	in := []op.Marks{{op.NoMark, 100, op.NoMark}, {op.NoMark, 40, op.NoMark}}
	for _, c := range []struct {
		kind        string
		low, high   *int64
		left, right int64
	}{
		{Inner, number(-5), number(10), 35, 40},
		{Inner, number(-5), number(70), 35, 30},
		{Inner, number(100), number(200), 100, -100},
		{Left, number(-5), number(10), 35, op.NoMark},
		{Right, number(-5), number(10), op.NoMark, 40},
		{Full, number(-5), number(10), op.NoMark, op.NoMark},
		{Semi, number(-5), number(10), 35, op.NoMark},
		{Inner, number(-5), nil, 35, op.NoMark},
		{Inner, nil, number(10), op.NoMark, 40},
	} {
		cfg := Config{Kind: c.kind, LeftKeys: []int{}, RightKeys: []int{}, LeftCol: 1, RightCol: 1, Low: c.low, High: c.high}
		out := both
		if c.kind == Semi {
			out = left
		}
		f, err := carry(optest.RawConfig(cfg), []types.Schema{left, right}, out)
		if err != nil {
			t.Fatal(err)
		}
		m := f(in)
		if m.At(1) != c.left || c.kind != Semi && m.At(4) != c.right {
			t.Errorf("%s: %v", cfg.explain(left, right), m)
		}
	}
}

// BenchmarkHistory joins intervals near the end of keys whose histories are longer and longer: the
// cost per row must hardly change.
func BenchmarkHistory(b *testing.B) {
	c := Config{Kind: Left, LeftKeys: []int{0}, RightKeys: []int{0}, LeftCol: 1, RightCol: 1, Low: number(-20), High: number(20), Residual: within(number(-20), number(20), false)}
	for _, history := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(history), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			at := [2]int64{}
			batch := func(port, n int) *rows.Batch {
				s := []types.Schema{left, right}[port]
				build := rows.NewBuilder(s, n)
				for range n {
					build.Cols[0].AppendInt(r.Int64N(4))
					build.Cols[1].AppendInt(at[port] + r.Int64N(10))
					if port == 0 {
						build.Cols[2].AppendInt(1)
					} else {
						build.Cols[2].AppendBytes([]byte("a"))
					}
					build.EndRow(1)
					at[port] += 4
				}
				return build.Finish()
			}
			full := false
			optest.Bench(b, Name, c, []types.Schema{left, right}, both, func(push func(int, *rows.Batch)) int {
				n := 500
				if !full { // once
					full, n = true, 2*history
				}
				push(0, batch(0, n))
				push(1, batch(1, n))
				return 2 * n
			})
		})
	}
}
