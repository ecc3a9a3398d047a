package view

import (
	"bytes"
	"fmt"
	"maps"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var schema = types.Schema{
	{Name: "a", Type: types.T(types.Int4)},
	{Name: "b", Type: types.T(types.Text)},
	{Name: "c", Type: types.T(types.Float8)},
	{Name: "d", Type: types.T(types.Bool)},
}

type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t tester, fs vfs.FS) *state.Store {
	t.Helper()
	s, err := state.Open(state.Options{Dir: "data", FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	must(t, err)
	return s
}

func addRow(b *rows.Builder, a int64, text string, w int64) {
	b.Cols[0].AppendInt(a)
	if text == "" {
		b.Cols[1].AppendNull()
	} else {
		b.Cols[1].AppendString(text)
	}
	b.Cols[2].AppendFloat(float64(a) / 2)
	b.Cols[3].AppendBool(a%2 == 0)
	b.EndRow(w)
}

// bagOf adds the rows of a batch up by their text form.
func bagOf(into map[string]int64, b *rows.Batch) {
	for k := range b.Len() {
		i := b.Row(k)
		s := rows.FormatRow(b, i)
		if into[s] += b.Weight(i); into[s] == 0 {
			delete(into, s)
		}
	}
}

// machine applies random deltas to a stored relation and to a multiset.
type machine struct {
	fs    *vfs.MemFS
	store *state.Store
	view  *View
	index *View // of view, when there is one
	def   Def
	epoch uint64
	model map[string]int64
	live  map[string]liveRow
}

type liveRow struct {
	a    int64
	text string
	w    int64
}

func id(a int64, text string) string { return fmt.Sprint(a, "/", text) }

func drawText(t *rapid.T) string {
	n := rapid.IntRange(0, 12).Draw(t, "text")
	if n == 7 {
		return strings.Repeat("long", 300)
	}
	return strings.Repeat("x", n)
}

func (x *machine) step(t *rapid.T) {
	var deltas []*rows.Batch
	for range rapid.IntRange(1, 3).Draw(t, "batches") {
		b := rows.NewBuilder(schema, 0)
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			x.change(t, b)
		}
		out := b.Finish()
		if rapid.Bool().Draw(t, "select") && out.N > 0 {
			// A selection of all rows and one more physical row that does not exist.
			nb := rows.NewBuilder(schema, 0)
			addRow(nb, -99, "ghost", 1)
			for i := range out.N {
				nb.AppendRow(out, i, out.Weight(i))
			}
			out = nb.Finish()
			for i := 1; i < out.N; i++ {
				out.Sel = append(out.Sel, int32(i))
			}
		}
		bagOf(x.model, out)
		deltas = append(deltas, out)
	}
	x.epoch++
	c := x.store.NewCommit(x.epoch)
	must(t, x.view.Apply(c.Writer(0), x.epoch, deltas))
	if x.index != nil {
		must(t, x.index.Apply(c.Writer(0), x.epoch, deltas))
	}
	must(t, c.Apply(false))
}

func (x *machine) change(t *rapid.T, b *rows.Builder) {
	a, text := rapid.Int64Range(0, 12).Draw(t, "a"), drawText(t)
	switch x.def.Kind {
	case Log:
		addRow(b, a, text, rapid.Int64Range(1, 2).Draw(t, "w"))
	case Keyed:
		key := fmt.Sprint(a)
		if old, ok := x.live[key]; ok {
			addRow(b, old.a, old.text, -1)
			delete(x.live, key)
			if rapid.Bool().Draw(t, "delete") {
				return
			}
		}
		addRow(b, a, text, 1)
		x.live[key] = liveRow{a, text, 1}
	case Bag:
		old := x.live[id(a, text)]
		w := rapid.Int64Range(-old.w, 2).Draw(t, "w")
		if w == 0 {
			w = 1
		}
		addRow(b, a, text, w)
		x.live[id(a, text)] = liveRow{a, text, old.w + w}
	}
}

func (x *machine) verify(t *rapid.T) {
	snap := x.store.Snapshot()
	defer snap.Close()
	got := map[string]int64{}
	must(t, x.view.Scan(snap, nil, func(b *rows.Batch) error { bagOf(got, b); return nil }))
	if !maps.Equal(got, x.model) {
		t.Fatalf("content %v\nwant %v", got, x.model)
	}
	var n int64
	for _, w := range x.model {
		n += w
	}
	if count, err := x.view.Count(snap); err != nil || count != n {
		t.Fatalf("Count %d, %v, want %d", count, err, n)
	}
	x.verifyCols(t, snap)
	x.verifyPaging(t, snap)
	if x.def.Kind == Keyed {
		x.verifyLookup(t, snap)
	}
}

// verifyCols reads a few columns, one of them twice.
func (x *machine) verifyCols(t *rapid.T, snap *state.Snap) {
	want, got := map[string]int64{}, map[string]int64{}
	must(t, x.view.Scan(snap, nil, func(b *rows.Batch) error {
		bagOf(want, &rows.Batch{N: b.N, W: b.W, Cols: []*rows.Vec{b.Cols[3], b.Cols[1], b.Cols[3]}, Schema: types.Schema{schema[3], schema[1], schema[3]}})
		return nil
	}))
	must(t, x.view.Scan(snap, []int{3, 1, 3}, func(b *rows.Batch) error { bagOf(got, b); return nil }))
	if !maps.Equal(got, want) {
		t.Fatalf("columns %v, want %v", got, want)
	}
}

func (x *machine) verifyPaging(t *rapid.T, snap *state.Snap) {
	got := map[string]int64{}
	var cursor []byte
	page := rapid.IntRange(1, 30).Draw(t, "page")
	for range 1000 {
		b, next, done, err := x.view.ScanFrom(snap, cursor, page, nil)
		must(t, err)
		if b != nil {
			bagOf(got, b)
		}
		if done {
			if !maps.Equal(got, x.model) {
				t.Fatalf("pages %v, want %v", got, x.model)
			}
			return
		}
		if bytes.Compare(next, cursor) <= 0 {
			t.Fatal("the cursor does not move")
		}
		cursor = next
	}
	t.Fatal("no end")
}

func (x *machine) verifyLookup(t *rapid.T, snap *state.Snap) {
	b := rows.NewBuilder(schema, 0)
	for a := int64(0); a <= 13; a++ {
		var got []string
		must(t, x.view.Ranges(snap, []Range{{Eq: []types.Datum{types.IntDatum(types.Int4, a)}}}, false, 0, nil, func(b *rows.Batch) error {
			for i := range b.N {
				got = append(got, rows.FormatRow(b, i))
			}
			return nil
		}))
		var want []string
		for _, r := range x.live {
			if r.a == a {
				w := rows.NewBuilder(schema, 0)
				addRow(w, r.a, r.text, 1)
				want = append(want, rows.FormatRow(w.Finish(), 0))
			}
		}
		sort.Strings(got)
		sort.Strings(want)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("Lookup(%d) = %v, want %v", a, got, want)
		}
		addRow(b, a, "q", 1)
	}
	keys := b.Finish()
	var buf rows.KeyBuf
	x.view.KeyOf(keys, &buf)
	list := make([]string, keys.N)
	for i := range list {
		list[i] = string(buf.Key(i))
	}
	stored, at, err := x.view.Fetch(snap, list)
	must(t, err)
	for a, r := range at {
		live, want := x.live[fmt.Sprint(a)]
		if len(x.def.Key) != 1 {
			continue
		}
		if want != (r >= 0) {
			t.Fatalf("Fetch(%d) = row %d, want one: %v", a, r, want)
		}
		if want {
			w := rows.NewBuilder(schema, 0)
			addRow(w, live.a, live.text, 1)
			if got, row := rows.FormatRow(stored, int(r)), rows.FormatRow(w.Finish(), 0); got != row {
				t.Fatalf("Fetch(%d) = %s, want %s", a, got, row)
			}
		}
	}
}

// TestViewMetamorphic compares stored relations of every kind with multisets, in checking mode.
func TestViewMetamorphic(t *testing.T) {
	for _, def := range []Def{
		{Table: 7, Kind: Keyed, Key: []int{0}},
		{Table: 7, Kind: Keyed, Key: []int{0, 2}},
		{Table: 7, Kind: Bag},
		{Table: 7, Kind: Log},
	} {
		def.Schema, def.Check = schema, true
		t.Run(fmt.Sprint(def.Kind, len(def.Key)), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				x := &machine{fs: vfs.NewMem(), def: def, model: map[string]int64{}, live: map[string]liveRow{}}
				x.store = open(rt, x.fs)
				defer func() { must(rt, x.store.Close()) }()
				var err error
				x.view, err = New(def)
				must(rt, err)
				rt.Repeat(map[string]func(*rapid.T){
					"step": x.step, "step2": x.step,
					"reopen": func(t *rapid.T) {
						must(t, x.store.Close())
						x.store = open(t, x.fs)
						x.view, err = New(def)
						must(t, err)
					},
					"drop": func(t *rapid.T) {
						x.epoch++
						c := x.store.NewCommit(x.epoch)
						x.view.Drop(&c.CommitWriter)
						must(t, c.Apply(false))
						x.model, x.live = map[string]int64{}, map[string]liveRow{}
					},
					"": x.verify,
				})
			})
		})
	}
}

// TestBackfill: a scan in pages while the relation changes, plus the changes up to the cursor, is the
// relation.
func TestBackfill(t *testing.T) {
	for _, kind := range []Kind{Keyed, Bag, Log} {
		t.Run(string(kind), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				def := Def{Table: 7, Kind: kind, Schema: schema, Check: true}
				if kind == Keyed {
					def.Key = []int{0}
				}
				x := &machine{fs: vfs.NewMem(), def: def, model: map[string]int64{}, live: map[string]liveRow{}}
				x.store = open(rt, x.fs)
				defer func() { must(rt, x.store.Close()) }()
				x.view, _ = New(def)
				x.step(rt)
				got := map[string]int64{}
				var cursor []byte
				for done := false; !done; {
					snap := x.store.Snapshot()
					b, next, end, err := x.view.ScanFrom(snap, cursor, 5, nil)
					must(rt, err)
					must(rt, snap.Close())
					if b != nil {
						bagOf(got, b)
					}
					if cursor, done = next, end; done {
						break
					}
					before := maps.Clone(x.model)
					if rapid.IntRange(0, 3).Draw(rt, "change") == 0 {
						x.step(rt)
					}
					// The delta of the step, as one batch, gated by the cursor.
					if d := x.view.UpTo(cursor, x.deltaFrom(rt, before)); d != nil {
						bagOf(got, d)
					}
				}
				if !maps.Equal(got, x.model) {
					rt.Fatalf("backfill %v\nwant %v", got, x.model)
				}
			})
		})
	}
}

// deltaFrom makes the difference between the model and what it was.
func (x *machine) deltaFrom(t *rapid.T, before map[string]int64) *rows.Batch {
	diff := maps.Clone(x.model)
	for s, w := range before {
		diff[s] -= w
	}
	var lines []string
	for s, w := range diff {
		if w != 0 {
			lines = append(lines, s)
		}
	}
	sort.Strings(lines)
	b := rows.NewBuilder(schema, 0)
	for _, s := range lines {
		for a := int64(0); a <= 12; a++ {
			for n := 0; n <= 12; n++ {
				text := strings.Repeat("x", n)
				if n == 7 {
					text = strings.Repeat("long", 300)
				}
				one := rows.NewBuilder(schema, 0)
				addRow(one, a, text, 1)
				if rows.FormatRow(one.Finish(), 0) == s {
					addRow(b, a, text, diff[s])
				}
			}
		}
	}
	return b.Finish()
}

// TestCheckMode: what a relation must not be given is an error.
func TestCheckMode(t *testing.T) {
	batch := func(a int64, text string, w int64) []*rows.Batch {
		b := rows.NewBuilder(schema, 0)
		addRow(b, a, text, w)
		return []*rows.Batch{b.Finish()}
	}
	for _, c := range []struct {
		kind  Kind
		first []*rows.Batch
		then  []*rows.Batch
		ok    bool
	}{
		{Keyed, batch(1, "x", 1), batch(1, "y", -1), false},
		{Keyed, batch(1, "x", 1), batch(2, "x", -1), false},
		{Keyed, batch(1, "x", 1), batch(1, "y", 1), false},
		{Keyed, batch(1, "x", 1), append(batch(1, "x", -1), batch(1, "y", 1)...), true},
		{Bag, batch(1, "x", 1), batch(1, "x", -2), false},
		{Bag, batch(1, "x", 2), batch(1, "x", -2), true},
		{Log, batch(1, "x", 1), batch(1, "x", -1), false},
	} {
		s := open(t, vfs.NewMem())
		v, err := New(Def{Table: 1, Schema: schema, Kind: c.kind, Key: []int{0}, Check: true})
		must(t, err)
		c1 := s.NewCommit(1)
		must(t, v.Apply(&c1.CommitWriter, 1, c.first))
		must(t, c1.Apply(false))
		c2 := s.NewCommit(2)
		if err := v.Apply(&c2.CommitWriter, 2, c.then); (err == nil) != c.ok {
			t.Fatalf("%s: %v", c.kind, err)
		}
		c2.Abandon()
		must(t, s.Close())
	}
}

// TestLogRowIDs: ids follow arrival, across chunks and epochs.
func TestLogRowIDs(t *testing.T) {
	s := open(t, vfs.NewMem())
	defer s.Close()
	v, err := New(Def{Table: 1, Schema: schema, Kind: Log})
	must(t, err)
	var want []int64
	for epoch := uint64(1); epoch <= 3; epoch++ {
		b := rows.NewBuilder(schema, 0)
		for i := range 40_000 {
			addRow(b, int64(i), "t", 1)
			want = append(want, RowID(epoch, uint64(i)))
		}
		c := s.NewCommit(epoch)
		must(t, v.Apply(&c.CommitWriter, epoch, []*rows.Batch{b.Finish()}))
		must(t, c.Apply(false))
	}
	snap := s.Snapshot()
	defer snap.Close()
	at := 0
	must(t, v.Scan(snap, []int{-1, 0}, func(b *rows.Batch) error {
		for i := range b.N {
			if b.Cols[0].I[i] != want[at] || b.Cols[1].I[i] != int64(at%40_000) {
				t.Fatalf("row %d has id %d", at, b.Cols[0].I[i])
			}
			at++
		}
		return nil
	}))
	if at != len(want) {
		t.Fatalf("%d rows, want %d", at, len(want))
	}
}
