package view

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// TestIndexMetamorphic keeps an index beside a relation of every kind and compares ranges of it, in
// both directions, with what a scan of the relation gives.
func TestIndexMetamorphic(t *testing.T) {
	for _, kind := range []Kind{Keyed, Bag, Log} {
		t.Run(string(kind), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				def := Def{Table: 7, Schema: schema, Kind: kind, Check: true}
				if kind == Keyed {
					def.Key = []int{0}
				}
				x := &machine{fs: vfs.NewMem(), def: def, model: map[string]int64{}, live: map[string]liveRow{}}
				x.store = open(rt, x.fs)
				defer func() { must(rt, x.store.Close()) }()
				var err error
				x.view, err = New(def)
				must(rt, err)
				order := rapid.SliceOfNDistinct(rapid.IntRange(0, 3), 1, 3, rapid.ID).Draw(rt, "columns")
				ix := Def{Table: 8, Schema: schema, Kind: kind, Key: def.Key, Check: true}
				if kind == Log {
					ix.Kind = Bag
				}
				for _, c := range order {
					ix.Order = append(ix.Order, OrderColumn{c, rows.Order{Desc: rapid.Bool().Draw(rt, "desc"), NullsFirst: rapid.Bool().Draw(rt, "nulls")}})
				}
				if x.index, err = New(ix); err != nil {
					rt.Fatal(err)
				}
				rt.Repeat(map[string]func(*rapid.T){
					"step": x.step,
					"reopen": func(t *rapid.T) {
						must(t, x.store.Close())
						x.store = open(t, x.fs)
						x.index, err = New(ix)
						must(t, err)
					},
					"": x.verifyIndex,
				})
			})
		})
	}
}

// verifyIndex reads a random range.
func (x *machine) verifyIndex(t *rapid.T) {
	snap := x.store.Snapshot()
	defer snap.Close()
	order := x.index.def.Order
	var g Range
	eq := rapid.IntRange(0, len(order)).Draw(t, "eq")
	for _, c := range order[:eq] {
		g.Eq = append(g.Eq, drawValue(t, c.Col))
	}
	if eq < len(order) {
		if rapid.Bool().Draw(t, "low") {
			g.Low = &Bound{drawValue(t, order[eq].Col), rapid.Bool().Draw(t, "strict")}
		}
		if rapid.Bool().Draw(t, "high") {
			g.High = &Bound{drawValue(t, order[eq].Col), rapid.Bool().Draw(t, "strict")}
		}
	}
	reverse := rapid.Bool().Draw(t, "reverse")
	limit := rapid.Int64Range(0, 5).Draw(t, "limit")
	var want, got []string
	must(t, x.view.Scan(snap, nil, func(b *rows.Batch) error {
		for i := range b.N {
			if inRange(&g, order, b, i) {
				want = append(want, x.sortKey(b, i))
			}
		}
		return nil
	}))
	slices.Sort(want)
	want = sum(want)
	if reverse {
		slices.Reverse(want)
	}
	must(t, x.index.Ranges(snap, []Range{g}, reverse, limit, nil, func(b *rows.Batch) error {
		for i := range b.N {
			got = append(got, x.sortKey(b, i))
		}
		return nil
	}))
	if got = sum(got); limit > 0 && len(want) > int(limit) {
		want = want[:limit]
	}
	// Rows whose index columns are the same may come in any order.
	cut := func(list []string) (out []string) {
		for _, s := range list {
			out = append(out, strings.SplitN(s, "|", 2)[0])
		}
		return out
	}
	if limit == 0 {
		a, b := slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
		if !slices.Equal(a, b) {
			t.Fatalf("range %+v of %+v\n got %q\nwant %q", g, order, got, want)
		}
	}
	if !slices.Equal(cut(got), cut(want)) {
		t.Fatalf("order of range %+v of %+v, limit %d\n got %q\nwant %q", g, order, limit, got, want)
	}
}

// sortKey is the row's place in the index, in hexadecimal, and its text with the weight.
func (x *machine) sortKey(b *rows.Batch, i int) string {
	return fmt.Sprintf("%x|%s", x.index.appendOrder(nil, b, i), rows.FormatRow(b, i))
}

// sum removes repetitions: a Log gives equal rows one by one, an index with a weight.
func sum(list []string) []string { return slices.Compact(list) }

func drawValue(t *rapid.T, col int) types.Datum {
	a := rapid.Int64Range(0, 12).Draw(t, "value")
	switch col {
	case 0:
		return types.IntDatum(types.Int4, a)
	case 1:
		return types.TextDatum("x" + drawText(t))
	case 2:
		return types.FloatDatum(float64(a) / 2)
	}
	return types.BoolDatum(a%2 == 0)
}

func inRange(g *Range, order []OrderColumn, b *rows.Batch, i int) bool {
	for k, d := range g.Eq {
		have := b.Cols[order[k].Col].Datum(i)
		if have.Null || types.Compare(have, d) != 0 {
			return false
		}
	}
	if g.Low == nil && g.High == nil {
		return true
	}
	have := b.Cols[order[len(g.Eq)].Col].Datum(i)
	if have.Null {
		return false
	}
	if g.Low != nil {
		if c := types.Compare(have, g.Low.Value); c < 0 || c == 0 && g.Low.Strict {
			return false
		}
	}
	if g.High != nil {
		if c := types.Compare(have, g.High.Value); c > 0 || c == 0 && g.High.Strict {
			return false
		}
	}
	return true
}

// BenchmarkIndexRange reads ten rows of half a million in the order of an index.
func BenchmarkIndexRange(b *testing.B) {
	s, err := state.Open(state.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	v, _ := New(Def{Table: 1, Schema: benchSchema, Kind: Keyed, Key: []int{0}, Order: []OrderColumn{{Col: 0}}})
	const n = 500_000
	cm := s.NewCommit(1)
	if err := v.Apply(cm.Writer(0), 1, []*rows.Batch{benchBatch(n, func(i int) int64 { return int64(i) })}); err != nil {
		b.Fatal(err)
	}
	if err := cm.Apply(true); err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		snap := s.Snapshot()
		low := &Bound{Value: types.IntDatum(types.Int8, r.Int64N(n-20))}
		found := 0
		err := v.Ranges(snap, []Range{{Low: low}}, false, 10, nil, func(b *rows.Batch) error { found += b.Len(); return nil })
		if err != nil || found != 10 {
			b.Fatal(err, found)
		}
		snap.Close()
	}
}
