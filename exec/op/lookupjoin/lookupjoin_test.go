package lookupjoin

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	_ "tidemill/sql/fn/cmp"
	_ "tidemill/sql/fn/math"

	"tidemill/exec/op/optest"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var (
	int4  = types.T(types.Int4)
	left  = types.Schema{{Name: "k", Type: int4}, {Name: "x", Type: int4}}
	right = types.Schema{{Name: "k", Type: int4}, {Name: "y", Type: int4}, {Name: "t", Type: types.T(types.Text)}}
	both  = append(append(types.Schema(nil), left...), right...)
)

func call(name string, ret types.Type, a, b *expr.Expr) *expr.Expr {
	return &expr.Expr{Kind: expr.Call, Name: name, Type: ret, ArgTypes: []types.Type{int4, int4}, Args: []*expr.Expr{a, b}}
}

// fits is x / y < x, which fails where y is 0.
func fits() *expr.Expr {
	x, y := expr.Col(1, int4), expr.Col(3, int4)
	return call("<", types.T(types.Bool), call("/", int4, x, y), x)
}

func TestModel(t *testing.T) {
	for _, outer := range []bool{false, true} {
		for _, residual := range []bool{false, true} {
			for _, keys := range [][]int{{}, {0}} {
				for _, appendOnly := range []bool{false, true} {
					t.Run(fmt.Sprint(outer, residual, keys, appendOnly), func(t *testing.T) {
						t.Parallel()
						c := Config{Left: outer, LeftKeys: keys, RightKeys: keys}
						if residual {
							c.Residual = fits()
						}
						optest.Run(t, testCase(c, appendOnly))
					})
				}
			}
		}
	}
}

// TestEventTime has times as keys, whose state goes once both sides have passed, and as another left column,
// with which only what left rows were joined with goes.
func TestEventTime(t *testing.T) {
	for _, outer := range []bool{false, true} {
		for _, appendOnly := range []bool{false, true} {
			t.Run(fmt.Sprint(outer, appendOnly), func(t *testing.T) {
				t.Parallel()
				c := testCase(Config{Left: outer, LeftKeys: []int{0}, RightKeys: []int{0}}, appendOnly)
				c.Time, c.Epochs = []int{0, 0}, 10
				optest.Run(t, c)
				if !appendOnly {
					c.Gen = func(r *rand.Rand, port int) optest.Row {
						row := optest.RandomRow(r, []types.Schema{left, right}[port])
						if port == 1 { // few right rows, which stay
							row[0], row[1], row[2] = types.IntDatum(types.Int4, int64(r.IntN(3))), types.NullOf(int4), types.NullOf(types.T(types.Text))
						}
						return row
					}
					c.Time, c.Residue = []int{1, -1}, 3
					optest.Run(t, c)
				}
			})
		}
	}
}

func testCase(c Config, appendOnly bool) optest.Case {
	m := &model{c: c}
	out := optest.Case{
		Op: Name, Config: c, In: []types.Schema{left, right}, Out: both, Keys: [][]int{c.LeftKeys, c.RightKeys}, Seeds: 12,
		AppendOnly: []bool{appendOnly, false}, OutAppendOnly: appendOnly,
		Start:  func() { *m = model{c: c, given: map[string][]given{}} },
		Model:  func(in []optest.Relation) optest.Relation { m.epoch(in); return m.output },
		Errors: func([]optest.Relation) int64 { return m.errors },
	}
	if len(c.LeftKeys) == 0 {
		out.Keys = nil
	}
	return out
}

// model remembers for each left row what it was joined with.
type model struct {
	c      Config
	given  map[string][]given
	output optest.Relation
	errors int64
}

type given struct {
	row   optest.Row
	memo  []byte
	pairs optest.Relation // right rows; nil row = padded
	errs  int64
}

func encode(s types.Schema, row optest.Row) []byte {
	return rows.NewRowCodec(s.Types()).Append(nil, optest.Batch(s, optest.Relation{{Row: row, W: 1}}).Cols, 0)
}

// join joins one occurrence of a left row with the right side.
func (m *model) join(l optest.Row, in optest.Relation) given {
	g := given{row: l}
	in = slices.Clone(in)
	slices.SortFunc(in, func(a, b optest.Weighted) int { return bytes.Compare(encode(right, a.Row), encode(right, b.Row)) })
	matched := false
	for _, r := range in {
		if len(m.c.LeftKeys) > 0 && (l[0].Null || r.Row[0].Null || l[0].I != r.Row[0].I) {
			continue
		}
		x, y := l[1], r.Row[1]
		switch {
		case m.c.Residual == nil:
		case x.Null || y.Null:
			continue
		case y.I == 0 || y.I == -1 && x.I == -1<<31:
			g.errs += r.W
		case x.I/y.I >= x.I:
			continue
		}
		b := encode(right, r.Row)
		g.memo = append(binary.BigEndian.AppendUint32(g.memo, uint32(len(b))), b...)
		g.memo = binary.BigEndian.AppendUint64(g.memo, uint64(r.W))
		if m.c.Residual == nil || y.I != 0 && !(y.I == -1 && x.I == -1<<31) {
			matched = true
			g.pairs = append(g.pairs, r)
		}
	}
	if m.c.Left && !matched {
		g.pairs = optest.Relation{{Row: optest.Nulls(right), W: 1}}
	}
	return g
}

func (m *model) epoch(in []optest.Relation) {
	want := map[string]optest.Weighted{}
	for _, l := range in[0] {
		want[string(encode(left, l.Row))] = l
	}
	for id, list := range m.given {
		slices.SortFunc(list, func(a, b given) int { return bytes.Compare(a.memo, b.memo) })
		if gone := len(list) - int(want[id].W); gone > 0 {
			m.given[id] = list[gone:]
		}
	}
	for id, l := range want {
		for len(m.given[id]) < int(l.W) {
			m.given[id] = append(m.given[id], m.join(l.Row, in[1]))
		}
	}
	m.output, m.errors = nil, 0
	for _, list := range m.given {
		for _, g := range list {
			m.errors += g.errs
			for _, r := range g.pairs {
				m.output = append(m.output, optest.Weighted{Row: optest.Concat(g.row, r.Row), W: r.W})
			}
		}
	}
}
