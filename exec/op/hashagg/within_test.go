package hashagg

import (
	"math"
	"slices"
	"testing"

	"tidemill/exec/op/agg"
	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// within makes f(direct) WITHIN GROUP (ORDER BY column arg).
func within(name string, direct []types.Datum, desc bool, args ...int) agg.Call {
	var ts []types.Type
	c := agg.Call{Name: name, Args: args, Filter: -1}
	for _, d := range direct {
		lit := d
		c.Direct = append(c.Direct, &expr.Expr{Kind: expr.Literal, Type: d.Type, Lit: &lit})
		ts = append(ts, d.Type)
	}
	for _, a := range args {
		ts = append(ts, schema[a].Type)
		c.Order = append(c.Order, plan.SortKey{Col: a, Desc: desc, NullsFirst: desc})
	}
	spec, coerced, err := fn.ResolveAggregate(name, ts)
	if err != nil {
		panic(err)
	}
	if c.ArgTypes, c.RetType = spec.Args, spec.ReturnType(coerced); spec.Kind == fn.Linear {
		c.Order = nil
	}
	return c
}

func ordered(c agg.Call, col int, desc bool) agg.Call {
	c.Order = []plan.SortKey{{Col: col, Desc: desc, NullsFirst: desc}}
	return c
}

func fraction(f ...float64) []types.Datum {
	out := make([]types.Datum, len(f))
	for i, x := range f {
		out[i] = types.FloatDatum(x)
	}
	return out
}

func fractions(f ...float64) []types.Datum {
	return []types.Datum{{Type: types.ArrayOf(float8), S: types.AppendArray(nil, fraction(f...))}}
}

func init() {
	two := []types.Datum{types.IntDatum(types.Int4, 2)}
	pair := []types.Datum{types.IntDatum(types.Int4, 2), types.TextDatum("ab")}
	for name, calls := range map[string][]agg.Call{
		"percentile": {within("percentile_cont", fraction(0.3), false, 4), within("percentile_disc", fraction(0.5), false, 3),
			within("percentile_disc", fraction(0.9), true, 5), filtered(within("percentile_disc", fractions(0, 0.25, 1), false, 2))},
		"mode": {within("mode", nil, false, 3), within("mode", nil, true, 5), filtered(within("mode", nil, false, 2)), within("mode", nil, true, 3)},
		"hypothetical": {within("rank", two, false, 2), within("dense_rank", two, true, 2), within("percent_rank", pair, false, 2, 5),
			filtered(within("cume_dist", pair, true, 2, 5)), within("dense_rank", pair, false, 2, 5)},
		"first": {ordered(testCall("first", 5), 2, true), ordered(testCall("last", 3), 5, false), testCall("any_value", 5),
			filtered(ordered(testCall("last_value", 4), 2, true))},
		"approx": {testCall("approx_count_distinct", 3), within("approx_percentile", fraction(0.5), false, 4),
			filtered(testCall("approx_count_distinct", 5))},
		"regr": {testCall("corr", 4, 4), testCall("regr_intercept", 4, 4), testCall("stddev", 4), distinct(testCall("regr_avgx", 4, 4))},
	} {
		callSets[name] = calls
	}
}

// tableResult computes what is neither linear nor a list, by sorting the group's arguments.
func tableResult(t *testing.T, spec *fn.Aggregate, c *agg.Call, args []optest.Row, order []string) types.Datum {
	if spec.Derive != nil {
		return derivedResult(t, spec, c, args)
	}
	if spec.Kind == fn.Hypothetical {
		return placeResult(spec, c, order)
	}
	type entry struct {
		key, exact string
		d          types.Datum
	}
	codec := rows.NewRowCodec([]types.Type{schema[c.Args[0]].Type})
	var list []entry
	counts := map[string]int{}
	for _, a := range args {
		if a[0].Null {
			continue
		}
		v := []*rows.Vec{rows.Const(a[0], 1)}
		e := entry{string(rows.AppendKey(nil, v[0], 0)), string(codec.Append(nil, v, 0)), a[0]}
		list = append(list, e)
		counts[e.key]++
	}
	desc := len(c.Order) > 0 && c.Order[0].Desc
	slices.SortFunc(list, func(a, b entry) int {
		if x := a.key + a.exact; x < b.key+b.exact {
			return -1
		} else if x > b.key+b.exact {
			return 1
		}
		return 0
	})
	if spec.Kind == fn.Modal {
		best := -1
		for i, e := range list {
			if best < 0 || counts[e.key] > counts[list[best].key] || desc && e.key != list[best].key && counts[e.key] == counts[list[best].key] {
				best = i
			}
		}
		if best < 0 {
			return types.NullOf(c.RetType)
		}
		return list[best].d
	}
	if desc {
		slices.Reverse(list)
	}
	b := rows.NewVecBuilder(c.RetType, 1)
	at := func(i int64) (types.Datum, error) { return list[i].d, nil }
	if err := spec.FinalRanked(&fn.Ctx{Direct: literals(c)}, int64(len(list)), at, b); err != nil {
		t.Fatal(err)
	}
	return b.Finish().Datum(0)
}

func literals(c *agg.Call) (out []types.Datum) {
	for _, d := range c.Direct {
		out = append(out, *d.Lit)
	}
	return out
}

func derivedResult(t *testing.T, spec *fn.Aggregate, c *agg.Call, args []optest.Row) types.Datum {
	cols, n := columns(c, args)
	pairs := spec.Derive(cols, nil, n)
	seen := map[int64]bool{}
	var st []byte
	for i := range n {
		if !pairs.IsNull(i) && !seen[pairs.I[i]] {
			seen[pairs.I[i]] = true
			st = spec.StepVar(&fn.Ctx{}, st, []*rows.Vec{pairs}, int32(i), 1)
		}
	}
	b := rows.NewVecBuilder(c.RetType, 1)
	if err := spec.Final(&fn.Ctx{}, st, b); err != nil {
		t.Fatal(err)
	}
	return b.Finish().Datum(0)
}

func placeResult(spec *fn.Aggregate, c *agg.Call, order []string) types.Datum {
	var hypo []byte
	for i, d := range literals(c) {
		hypo = rows.AppendKeyOrder(hypo, rows.Const(d, 1), 0, rows.Order{Desc: c.Order[i].Desc, NullsFirst: c.Order[i].NullsFirst})
	}
	slices.Sort(order)
	if spec.CountsValues {
		order = slices.Compact(order)
	}
	less, upTo := int64(0), int64(0)
	for _, o := range order {
		if o < string(hypo) {
			less++
		}
		if o <= string(hypo) {
			upTo++
		}
	}
	b := rows.NewVecBuilder(c.RetType, 1)
	spec.FinalPlace(less, upTo, int64(len(order)), b)
	return b.Finish().Datum(0)
}

// TestDrift folds a million insertions and deletions of wild magnitudes and of what is not finite: what
// remains is what a fresh group of the remaining rows gives, to the bit.
func TestDrift(t *testing.T) {
	names := []string{"sum", "avg", "stddev", "var_pop"}
	var calls []agg.Call
	for _, n := range names {
		calls = append(calls, testCall(n, 4))
	}
	calls = append(calls, testCall("corr", 4, 4), testCall("regr_slope", 4, 4), testCall("sum", 3))
	c := Config{Keys: []int{0}, Aggs: calls}
	out := outSchema(c.Keys, calls)
	h, fresh := newHarness(t, c, out), newHarness(t, c, out)
	in := types.Schema(schema)
	state := uint64(1)
	random := func() uint64 {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		return state
	}
	numerics := [][]byte{}
	for _, s := range []string{"1e37", "-99999999999999999999999999999999999999.5", "1e-30", "3", "NaN", "12345678901234567890123456789012345678"} {
		b, err := types.NumericParse(nil, s)
		if err != nil {
			t.Fatal(err)
		}
		numerics = append(numerics, b)
	}
	const n = 500_000
	churn := rows.NewBuilder(in, 4096)
	h.epoch(keep(in))
	row := func(f float64, num []byte, w int64) {
		for i := range in {
			switch i {
			case 0:
				churn.Cols[i].AppendString("g")
			case 3:
				churn.Cols[i].AppendBytes(num)
			case 4:
				churn.Cols[i].AppendFloat(f)
			default:
				churn.Cols[i].AppendNull()
			}
		}
		churn.EndRow(w)
	}
	type pending struct {
		f   float64
		num []byte
	}
	var live []pending
	flush := func() {
		h.epoch(churn.Finish())
		churn.Reset(4096)
	}
	for range n {
		f := math.Float64frombits(random())
		live = append(live, pending{f, numerics[random()%uint64(len(numerics))]})
		row(f, live[len(live)-1].num, 1)
		if len(live) == 2000 {
			for _, p := range live {
				row(p.f, p.num, -1)
			}
			live = live[:0]
			flush()
		}
	}
	flush()
	got := h.state()
	fresh.epoch(keep(in))
	if want := fresh.state(); got != want {
		t.Fatalf("after a million changes:\n%s\nfresh:\n%s", got, want)
	}
}

// keep is the rows that stay.
func keep(in types.Schema) *rows.Batch {
	var rel optest.Relation
	for _, f := range []float64{0.1, 0.2, 0.3, 1e15, -7.25} {
		r := optest.Nulls(in)
		r[0], r[4] = types.TextDatum("g"), types.FloatDatum(f)
		rel = append(rel, optest.Weighted{Row: r, W: 1})
	}
	return optest.Batch(in, rel)
}

// state makes the group show itself: a row is added and taken out in two epochs.
func (h *harness) state() string {
	r := optest.Nulls(schema)
	r[0], r[4] = types.TextDatum("g"), types.FloatDatum(42)
	h.epoch(optest.Batch(schema, optest.Relation{{Row: r, W: 1}}))
	return h.epoch(optest.Batch(schema, optest.Relation{{Row: r, W: -1}}))
}
