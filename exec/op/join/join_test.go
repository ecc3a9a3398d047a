package join

import (
	"fmt"
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
	left  = types.Schema{{Name: "k", Type: int4}, {Name: "n", Type: types.T(types.Numeric)}, {Name: "x", Type: int4}}
	right = types.Schema{{Name: "k", Type: int4}, {Name: "n", Type: types.T(types.Numeric)}, {Name: "y", Type: int4}, {Name: "t", Type: types.T(types.Text)}}
)

// less is left.x < right.y.
func less() *expr.Expr {
	return &expr.Expr{
		Kind: expr.Call, Name: "<", Type: types.T(types.Bool), ArgTypes: []types.Type{int4, int4},
		Args: []*expr.Expr{expr.Col(2, int4), expr.Col(len(left)+2, int4)},
	}
}

func TestModel(t *testing.T) {
	for _, kind := range []string{Inner, Left, Right, Full, Semi, Anti} {
		for _, keys := range [][]int{nil, {0}, {0, 1}} {
			for _, nullSafe := range []bool{false, true} {
				for _, residual := range []bool{false, true} {
					if keys == nil && nullSafe {
						continue
					}
					t.Run(fmt.Sprintf("%s/%v/%v/%v", kind, keys, nullSafe, residual), func(t *testing.T) {
						t.Parallel()
						optest.Run(t, testCase(kind, keys, nullSafe, residual))
					})
				}
			}
		}
	}
}

func testCase(kind string, keys []int, nullSafe, residual bool) optest.Case {
	c := Config{Kind: kind, LeftKeys: keys, RightKeys: keys}
	for i := range keys {
		c.NullSafe = append(c.NullSafe, nullSafe && i == 0)
	}
	if residual {
		c.Residual = less()
	}
	out := append(append(types.Schema(nil), left...), right...)
	if kind == Semi || kind == Anti {
		out = left
	}
	seeds := 8
	return optest.Case{
		Op: Name, Config: c, In: []types.Schema{left, right}, Out: out, Keys: [][]int{keys, keys}, Seeds: seeds,
		Model: func(in []optest.Relation) optest.Relation { return model(c, in) },
	}
}

// matches is the join condition of two rows.
func matches(c Config, l, r optest.Row) bool {
	for i, k := range c.LeftKeys {
		a, b := l[k], r[c.RightKeys[i]]
		if (a.Null || b.Null) && !(c.NullSafe[i] && a.Null && b.Null) {
			return false
		}
		if optest.Key(l, []int{k}) != optest.Key(r, []int{c.RightKeys[i]}) {
			return false
		}
	}
	if len(c.Bands) > 0 {
		d := l[2].I - r[2].I
		return !l[2].Null && !r[2].Null && d >= *c.Bands[0].Low && d <= *c.Bands[0].High
	}
	return c.Residual == nil || !l[2].Null && !r[2].Null && l[2].I < r[2].I
}

// model is the nested loop.
func model(c Config, in []optest.Relation) (out optest.Relation) {
	put := func(row optest.Row, w int64) { out = append(out, optest.Weighted{Row: row, W: w}) }
	pairs := c.Kind != Semi && c.Kind != Anti
	rightMatched := make([]bool, len(in[1]))
	for _, l := range in[0] {
		matched := false
		for i, r := range in[1] {
			if !matches(c, l.Row, r.Row) {
				continue
			}
			matched, rightMatched[i] = true, true
			if pairs {
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

// TestAppendOnly runs the kinds of joins with inputs that are never retracted, whose rows are stored as
// a log, and with one of each.
func TestAppendOnly(t *testing.T) {
	for _, kind := range []string{Inner, Left, Right, Full, Semi, Anti} {
		for _, residual := range []bool{false, true} {
			for _, only := range [][]bool{{true, true}, {true, false}, {false, true}} {
				t.Run(fmt.Sprintf("%s/%v/%v", kind, residual, only), func(t *testing.T) {
					t.Parallel()
					c := testCase(kind, []int{0}, false, residual)
					c.AppendOnly = only
					optest.Run(t, c)
				})
			}
		}
	}
}

// TestOutput checks that output columns can be picked and reordered.
func TestOutput(t *testing.T) {
	for _, kind := range []string{Inner, Full, Semi} {
		c := testCase(kind, []int{0}, false, false)
		cfg := c.Config.(Config)
		cfg.Output = []int{2, 0}
		if kind != Semi {
			cfg.Output = []int{5, 2, 6}
		}
		full, out := c.Out, types.Schema(nil)
		for _, i := range cfg.Output {
			out = append(out, full[i])
		}
		m := c.Model
		c.Config, c.Out = cfg, out
		c.Model = func(in []optest.Relation) (rel optest.Relation) {
			for _, x := range m(in) {
				var row optest.Row
				for _, i := range cfg.Output {
					row = append(row, x.Row[i])
				}
				rel = append(rel, optest.Weighted{Row: row, W: x.W})
			}
			return rel
		}
		optest.Run(t, c)
	}
}

// TestResidualErrors diverts pairs whose residual fails (x / y < x with y = 0), for as long as they
// are there, and counts them as no match.
func TestResidualErrors(t *testing.T) {
	x, y := expr.Col(2, int4), expr.Col(len(left)+2, int4)
	call := func(name string, ret types.Type, a, b *expr.Expr) *expr.Expr {
		return &expr.Expr{Kind: expr.Call, Name: name, Type: ret, ArgTypes: []types.Type{int4, int4}, Args: []*expr.Expr{a, b}}
	}
	cond := call("<", types.T(types.Bool), call("/", int4, x, y), x)
	fails := func(l, r optest.Row) bool {
		return !l[2].Null && !r[2].Null && (r[2].I == 0 || r[2].I == -1 && l[2].I == -1<<31)
	}
	for _, kind := range []string{Inner, Full} {
		c := testCase(kind, []int{0}, false, false)
		cfg := c.Config.(Config)
		plain := cfg
		cfg.Residual = cond
		c.Config = cfg
		each := func(in []optest.Relation, f func(l, r optest.Weighted)) {
			for _, l := range in[0] {
				for _, r := range in[1] {
					if matches(plain, l.Row, r.Row) {
						f(l, r)
					}
				}
			}
		}
		c.Errors = func(in []optest.Relation) (n int64) {
			each(in, func(l, r optest.Weighted) {
				if fails(l.Row, r.Row) {
					n += l.W * r.W
				}
			})
			return n
		}
		c.Model = func(in []optest.Relation) (out optest.Relation) {
			lefts, rights := map[int64]bool{}, map[int64]bool{}
			index := func(rel optest.Relation, row optest.Row) int64 {
				for i, x := range rel {
					if &x.Row[0] == &row[0] {
						return int64(i)
					}
				}
				return -1
			}
			each(in, func(l, r optest.Weighted) {
				a, b := l.Row[2], r.Row[2]
				if !fails(l.Row, r.Row) && !a.Null && !b.Null && a.I/b.I < a.I {
					lefts[index(in[0], l.Row)], rights[index(in[1], r.Row)] = true, true
					out = append(out, optest.Weighted{Row: optest.Concat(l.Row, r.Row), W: l.W * r.W})
				}
			})
			for i, l := range in[0] {
				if kind == Full && !lefts[int64(i)] {
					out = append(out, optest.Weighted{Row: optest.Concat(l.Row, optest.Nulls(right)), W: l.W})
				}
			}
			for i, r := range in[1] {
				if kind == Full && !rights[int64(i)] {
					out = append(out, optest.Weighted{Row: optest.Concat(optest.Nulls(left), r.Row), W: r.W})
				}
			}
			return out
		}
		c.Seeds = 40
		optest.Run(t, c)
	}
}

// TestChunks joins one row with many: no batch may be larger than a chunk.
func TestChunks(t *testing.T) {
	const n = 100_000
	in := []types.Schema{{{Name: "x", Type: int4}}, {{Name: "y", Type: int4}}}
	out := types.Schema{in[0][0], in[1][0]}
	for _, kind := range []string{Inner, Full} {
		o := optest.NewOperator(t, Name, Config{Kind: kind}, optest.Env(in, out))
		total, failed := 0, 0
		c := optest.Ctx(func(b *rows.Batch) error {
			if b.Len() > op.ChunkRows {
				t.Errorf("a batch of %d rows", b.Len())
			}
			total += b.Len()
			return nil
		}, &failed)
		right := rows.NewBuilder(in[1], n)
		for i := range n {
			right.Cols[0].AppendInt(int64(i))
			right.EndRow(1)
		}
		want := n
		if err := o.Push(c, 1, right.Finish()); err != nil {
			t.Fatal(err)
		}
		if kind == Full { // unmatched at first
			if err := o.Finish(c); err != nil {
				t.Fatal(err)
			}
			want = 3 * n
		}
		if err := o.Push(c, 0, rows.MustParse(in[0], "+1 (1)")); err != nil {
			t.Fatal(err)
		}
		if err := o.Finish(c); err != nil {
			t.Fatal(err)
		}
		if total != want {
			t.Errorf("%s: %d rows, want %d", kind, total, want)
		}
	}
}

// TestDist spreads rows by the second key only, and not at all.
func TestDist(t *testing.T) {
	for _, kind := range []string{Full, Anti} {
		for _, residual := range []bool{false, true} {
			c := testCase(kind, []int{0, 1}, false, residual)
			cfg := c.Config.(Config)
			for _, dist := range [][]int{{1}, {}} {
				cfg.Dist = dist
				c.Config, c.Keys = cfg, [][]int{dist, dist}
				if len(dist) == 0 {
					c.Keys = nil
				}
				optest.Run(t, c)
			}
		}
	}
}
