package match

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	_ "tidemill/sql/fn/agg"
	_ "tidemill/sql/fn/cmp"

	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var (
	int4, int8s, boolean = types.T(types.Int4), types.T(types.Int8), types.T(types.Bool)
	text                 = types.T(types.Text)

	schema = types.Schema{
		{Name: "p", Type: text}, {Name: "t", Type: types.T(types.Timestamp), NotNull: true}, {Name: "v", Type: int4},
		{Name: "id", Type: int4, NotNull: true},
	}
)

// Few rows must do for many marks and loads.
func init() { markEvery, firstLoad = 2, 2 }

// row makes a random row: few partitions, times that tie, small values.
func row(r *rand.Rand, _ int) optest.Row {
	x := optest.RandomRow(r, schema)
	if !x[0].Null {
		x[0].S = []byte{"ab"[r.IntN(2)]}
	}
	x[1] = types.Datum{Type: schema[1].Type, I: int64(r.IntN(40))}
	if !x[2].Null {
		x[2].I = int64(r.IntN(6))
	}
	x[3] = types.IntDatum(types.Int4, int64(r.IntN(30)))
	return x
}

// maker makes random configurations.
type maker struct {
	r *rand.Rand
	c Config
}

func (m *maker) pick(n int) bool { return m.r.IntN(n) == 0 }

// pattern makes a random pattern of the three labels.
func (m *maker) pattern(depth int) *Pattern {
	some := func(n int) (out []*Pattern) {
		for range n {
			out = append(out, m.pattern(depth-1))
		}
		return out
	}
	if depth == 0 || m.pick(6) {
		return &Pattern{Kind: Var, Label: m.r.IntN(3)}
	}
	switch m.r.IntN(14) {
	case 0, 1, 2, 3, 4:
		return &Pattern{Kind: Seq, Parts: some(2 + m.r.IntN(2))}
	case 5, 6:
		return &Pattern{Kind: Alt, Parts: some(2)}
	case 7:
		return &Pattern{Kind: Permute, Parts: some(2 + m.r.IntN(2))}
	case 8:
		switch m.r.IntN(8) {
		case 0:
			return &Pattern{Kind: AtStart}
		case 1:
			return &Pattern{Kind: AtEnd}
		case 2:
			return &Pattern{Kind: Empty}
		}
		return &Pattern{Kind: Exclude, Parts: some(1)}
	}
	bounds := [][2]int{{0, -1}, {1, -1}, {0, 1}, {2, 2}, {1, 3}, {0, 2}, {2, -1}}[m.r.IntN(7)]
	return &Pattern{Kind: Repeat, Parts: some(1), Min: bounds[0], Max: bounds[1], Reluctant: m.pick(3)}
}

// read adds a read and returns the column for it.
func (m *maker) read(r Read) *expr.Expr {
	m.c.Reads = append(m.c.Reads, r)
	return expr.Col(len(m.c.Reads)-1, r.Type)
}

// value is a read of v.
func (m *maker) value(set int, first bool, skip, move int, final bool) *expr.Expr {
	return m.read(Read{Kind: ReadValue, Col: 2, Set: set, First: first, Skip: skip, Move: move, Final: final, Type: int4})
}

func (m *maker) anyValue(final bool) *expr.Expr {
	return m.value(m.r.IntN(5), m.pick(2), m.r.IntN(3)/2, []int{0, 0, 0, -1, 1, -2}[m.r.IntN(6)], final)
}

func (m *maker) agg(final bool) *expr.Expr {
	name := []string{"count", "sum", "max", "array_agg"}[m.r.IntN(4)]
	args, ts, ret := []int{2}, []types.Type{int4}, map[string]types.Type{"count": int8s, "sum": int8s, "max": int4, "array_agg": types.ArrayOf(int4)}[name]
	if name == "count" {
		args, ts = []int{}, []types.Type{}
	}
	spec, _ := fn.FindAggregate(name, ts)
	if spec == nil {
		spec, _, _ = fn.ResolveAggregate(name, ts)
	}
	m.c.Aggs = append(m.c.Aggs, agg.Call{Name: name, ArgTypes: spec.Args, Args: args, Filter: -1, RetType: ret})
	return m.read(Read{Kind: ReadAgg, Agg: len(m.c.Aggs) - 1, Set: m.r.IntN(5), Final: final, Type: ret})
}

func call(op string, x, y *expr.Expr) *expr.Expr {
	return &expr.Expr{Kind: expr.Call, Name: op, Type: boolean, ArgTypes: []types.Type{x.Type, y.Type}, Args: []*expr.Expr{x, y}}
}

func number(t types.Type, n int) *expr.Expr { return expr.Lit(types.Datum{Type: t, I: int64(n)}) }

// cond makes the condition of a label.
func (m *maker) cond(label int) *expr.Expr {
	own := m.value(label+1, false, 0, 0, false)
	ops := []string{"<", ">", "=", "<>", "<=", ">="}
	cmp := ops[m.r.IntN(len(ops))]
	switch m.r.IntN(10) {
	case 0, 1, 2:
		return call(cmp, own, number(int4, m.r.IntN(6)))
	case 3, 4, 5:
		return call(cmp, own, m.value(label+1, false, 0, []int{-1, -1, 1, -2}[m.r.IntN(4)], false))
	case 6:
		for {
			if x := m.agg(false); x.Type.ID != types.Array {
				return &expr.Expr{Kind: expr.And, Type: boolean, Args: []*expr.Expr{
					call("<", x, number(x.Type, m.r.IntN(12))), call("<>", own, number(int4, 0))}}
			}
		}
	case 7:
		return call("=", m.read(Read{Kind: ReadLabel, Set: m.r.IntN(5), Skip: m.r.IntN(2), Type: text}),
			expr.Lit(types.Datum{Type: text, S: []byte("b")}))
	case 8:
		if m.pick(3) {
			return call("<", m.read(Read{Kind: ReadNumber, Type: int8s}), number(int8s, 1+m.r.IntN(4)))
		}
	}
	return call(cmp, own, m.anyValue(false))
}

// config makes a random operator.
func (m *maker) config() (Config, types.Schema) {
	m.c = Config{
		Labels: []string{"a", "b", "c"}, Sets: [][]int{nil, {0}, {1}, {2}, {0, 2}}, Partition: []int{0}, Out: []int{0},
		Order: []plan.SortKey{{Col: 1}}, Rows: []string{OneRow, Show, Omit, Unmatched}[m.r.IntN(4)], Skip: SkipPast,
	}
	for m.c.Pattern = m.pattern(3); m.c.Pattern.Nullable() && m.pick(2); m.c.Pattern = m.pattern(3) {
	}
	if m.pick(4) {
		m.c.Order[0].Desc = true
	} else if m.pick(4) {
		m.c.Within = int64(1 + m.r.IntN(12))
	}
	if m.pick(3) {
		m.c.Skip = SkipNext
	}
	if set := []int{m.r.IntN(3)}; m.c.Pattern.Kind == Seq && m.c.Pattern.Parts[0].length() > 0 && m.pick(2) {
		rest := &Pattern{Kind: Seq, Parts: m.c.Pattern.Parts[1:]}
		if !m.c.Pattern.Parts[0].Has(set) && rest.Has(set) && !m.c.Pattern.Parts[0].any(func(p *Pattern) bool { return p.Kind == Var && p.Label == set[0] }) {
			m.c.Skip, m.c.SkipTo = []string{SkipFirst, SkipLast}[m.r.IntN(2)], set
		}
	}
	for l := range 3 {
		if m.c.Conds = append(m.c.Conds, nil); !m.pick(4) {
			m.c.Conds[l] = m.cond(l)
		}
	}
	out := types.Schema{schema[0]}
	if m.c.Rows != OneRow {
		m.c.Out, out = optest.All(len(schema)), slices.Clone(schema)
	}
	m.c.Measures = []*expr.Expr{m.anyValue(true), m.anyValue(false), m.agg(m.pick(2)), m.agg(m.pick(2)),
		m.read(Read{Kind: ReadLabel, Set: m.r.IntN(5), First: m.pick(2), Final: m.pick(2), Type: text})}
	if m.pick(3) {
		m.c.Measures = append(m.c.Measures, m.read(Read{Kind: ReadNumber, Type: int8s}))
	}
	for _, e := range m.c.Measures {
		out = append(out, types.Field{Name: "m", Type: e.Type})
	}
	return m.c, out
}

func random(seed uint64) (Config, types.Schema) {
	m := &maker{r: rand.New(rand.NewPCG(seed, 5))}
	return m.config()
}

// TestBatch compares random patterns of a batch query with the model.
func TestBatch(t *testing.T) {
	for seed := range uint64(500) {
		c, out := random(seed)
		r := rand.New(rand.NewPCG(seed, 9))
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
			t.Fatalf("seed %d %s: %v", seed, optest.RawConfig(c), err)
		}
		var want optest.Relation
		for _, x := range model(&c, schema, rel) {
			for range x.W {
				want = append(want, optest.Weighted{Row: x.Row, W: 1})
			}
		}
		if g, w := lines(got), lines(rows.Format(optest.Batch(out, want))); g != w {
			t.Fatalf("seed %d %s %s: got\n%s\nwant\n%s", seed, c.Pattern.text(c.Labels), optest.RawConfig(c), g, w)
		}
	}
}

func lines(s string) string {
	list := strings.Split(s, "\n")
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// TestView compares random patterns, kept up to date through random changes, with the model.
func TestView(t *testing.T) {
	for n := range uint64(80) {
		c, out := random(n + 10000)
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			optest.Run(t, optest.Case{
				Op: Name, Config: c, In: []types.Schema{schema}, Out: out, Keys: [][]int{c.Partition}, Seeds: 3, Gen: row, Changes: 40,
				Model: func(in []optest.Relation) optest.Relation { return model(&c, schema, in[0]) },
			})
		})
	}
}

// TestTime drops the rows that event time has settled, and none that still counts.
func TestTime(t *testing.T) {
	for n := range uint64(60) {
		c, out := random(n + 20000)
		r := rand.New(rand.NewPCG(n, 8))
		c.Order[0].Desc = false
		if c.Within = 0; r.IntN(4) > 0 {
			c.Within = int64(1 + r.IntN(12))
		}
		marks := op.Marks{op.NoMark, 0, op.NoMark, op.NoMark}
		residue := 0
		if bound(optest.RawConfig(c), []op.Input{{Schema: schema, Marks: marks}}).Unbounded {
			residue = 1 << 20
		}
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			optest.Run(t, optest.Case{
				Op: Name, Config: c, In: []types.Schema{schema}, Out: out, Keys: [][]int{c.Partition}, Seeds: 3, Gen: row,
				Time: []int{1}, Residue: residue, Epochs: 10, Changes: 30,
				Model: func(in []optest.Relation) optest.Relation { return model(&c, schema, in[0]) },
			})
		})
	}
}
