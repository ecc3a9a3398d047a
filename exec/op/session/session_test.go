package session

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidemill/exec/check"
	"tidemill/exec/op"
	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

const second = 1_000_000

var (
	in = types.Schema{
		{Name: "k", Type: types.T(types.Text)}, {Name: "g", Type: types.T(types.Int4)},
		{Name: "ts", Type: types.T(types.Timestamp)}, {Name: "v", Type: types.T(types.Int4)},
	}
	bounds = append(append(types.Schema(nil), in...),
		types.Field{Name: "window_start", Type: types.T(types.Timestamp)}, types.Field{Name: "window_end", Type: types.T(types.Timestamp)})
	numbered = append(append(types.Schema(nil), in...), types.Field{Name: "session", Type: types.T(types.Int8)})
)

// row draws a row; times are few, so that sessions merge and split.
func row(r *rand.Rand, _ int) optest.Row {
	ts := types.NullOf(types.T(types.Timestamp))
	switch r.IntN(20) {
	case 0:
	case 1:
		ts = types.IntDatum(types.Timestamp, types.TimeInfinity)
	default:
		ts = types.IntDatum(types.Timestamp, int64(r.IntN(60)-20)*second)
	}
	k := types.NullOf(types.T(types.Text))
	if r.IntN(6) > 0 {
		k = types.TextDatum([]string{"a", "b"}[r.IntN(2)])
	}
	return optest.Row{k, types.IntDatum(types.Int4, int64(r.IntN(2))), ts, types.IntDatum(types.Int4, int64(r.IntN(3)))}
}

// model cuts each group's sorted times.
func model(c Config, rel optest.Relation) (out optest.Relation) {
	for _, g := range rel.Groups(c.Keys) {
		var list []optest.Row
		for _, x := range g.Sorted(in, []plan.SortKey{{Col: c.Col}}) {
			if ts := x[c.Col]; !ts.Null && types.IsFinite(ts.I) {
				list = append(list, x)
			}
		}
		for from := 0; from < len(list); {
			to := from + 1
			for to < len(list) && list[to][c.Col].I-list[to-1][c.Col].I < c.Gap {
				to++
			}
			start, end := list[from][c.Col], list[to-1][c.Col]
			end.I += c.Gap
			for _, x := range list[from:to] {
				out = append(out, optest.Weighted{Row: optest.Concat(x, optest.Row{start, end}), W: 1})
			}
			from = to
		}
	}
	return out
}

func TestModel(t *testing.T) {
	for _, c := range []Config{
		{Col: 2, Gap: second}, {Col: 2, Gap: 3 * second, Keys: []int{0}}, {Col: 2, Gap: 5 * second, Keys: []int{1, 0}},
		{Col: 2, Gap: 3 * second, Keys: []int{0, 1}, Dist: []int{1}}, {Col: 2, Gap: 2 * second, Keys: []int{0}, Dist: []int{}},
	} {
		keys := c.Keys
		if c.Dist != nil {
			keys = c.Dist
		}
		if len(keys) == 0 {
			keys = nil
		}
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			t.Parallel()
			for _, appendOnly := range []bool{false, true} {
				optest.Run(t, optest.Case{
					Op: Name, Config: c, In: []types.Schema{in}, Out: bounds, Keys: [][]int{keys}, Gen: row,
					AppendOnly: []bool{appendOnly}, Epochs: 10, Changes: 30,
					Model: func(in []optest.Relation) optest.Relation { return model(c, in[0]) },
				})
			}
		})
	}
}

// drive runs the operator over epochs of one row each and keeps the sum of what it emits.
type drive struct {
	t       *testing.T
	o       op.Operator
	ctx     *op.Ctx
	sum     map[string]int64 // row without the session → weight
	session map[string]map[int64]int64
	emitted int
}

func newDrive(t *testing.T, c Config, out types.Schema) *drive {
	d := &drive{t: t, sum: map[string]int64{}, session: map[string]map[int64]int64{}}
	d.o = optest.NewOperator(t, Name, c, optest.Env([]types.Schema{in}, out))
	failed := 0
	d.ctx = optest.Ctx(func(b *rows.Batch) error {
		d.emitted += b.Len()
		for k := range b.Len() {
			r := b.Row(k)
			key := fmt.Sprint(b.Cols[0].Datum(r), b.Cols[2].I[r], b.Cols[3].I[r])
			if d.session[key] == nil {
				d.session[key] = map[int64]int64{}
			}
			if d.session[key][b.Cols[4].I[r]] += b.Weight(r); d.session[key][b.Cols[4].I[r]] == 0 {
				delete(d.session[key], b.Cols[4].I[r])
			}
		}
		return nil
	}, &failed)
	return d
}

func (d *drive) epoch(batch *rows.Batch) {
	d.t.Helper()
	d.ctx.Epoch++
	if err := d.o.Push(d.ctx, 0, batch); err != nil {
		d.t.Fatal(err)
	}
	if err := d.o.Finish(d.ctx); err != nil {
		d.t.Fatal(err)
	}
}

func one(ts, w int64) *rows.Batch {
	b := rows.NewBuilder(in, 1)
	b.Cols[0].AppendString("a")
	b.Cols[1].AppendInt(0)
	b.Cols[2].AppendInt(ts * second)
	b.Cols[3].AppendInt(0)
	b.EndRow(w)
	return b.Finish()
}

// TestNumbers compares the numbers of sessions with the model's sessions: rows have the same number
// just when they are in the same session.
func TestNumbers(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		c := Config{Col: 2, Gap: 3 * second, Keys: []int{0}, IDs: true}
		d := newDrive(t, c, numbered)
		have := map[int64]bool{}
		for range 200 {
			ts := int64(r.IntN(80))
			w := int64(1)
			if have[ts] {
				w = -1
			}
			have[ts] = !have[ts]
			d.epoch(one(ts, w))
			d.compare(have)
		}
	}
}

func (d *drive) compare(have map[int64]bool) {
	d.t.Helper()
	last, id, seen := int64(-100), int64(0), map[int64]bool{}
	for ts := range int64(80) {
		ids := d.session[fmt.Sprint(types.TextDatum("a"), ts*second, 0)]
		if !have[ts] {
			if len(ids) > 0 {
				d.t.Fatalf("row %d is still there: %v", ts, ids)
			}
			continue
		}
		if len(ids) != 1 {
			d.t.Fatalf("row %d is in sessions %v", ts, ids)
		}
		for n, w := range ids {
			if w != 1 {
				d.t.Fatalf("row %d has weight %d", ts, w)
			}
			if ts-last >= 3 {
				if seen[n] {
					d.t.Fatalf("two sessions have number %d", n)
				}
				id, seen[n] = n, true
			} else if n != id {
				d.t.Fatalf("row %d has number %d in a session with number %d", ts, n, id)
			}
		}
		last = ts
	}
}

// TestNoQuadraticChange feeds long sessions in orders that a rescan per row would choke on.
func TestNoQuadraticChange(t *testing.T) {
	const n = 5_000
	perm := rand.New(rand.NewPCG(1, 2)).Perm(n)
	for name, at := range map[string]func(i int) int64{
		"ascending":  func(i int) int64 { return int64(i) },
		"descending": func(i int) int64 { return int64(n - i) },
		"shuffled":   func(i int) int64 { return int64(perm[i]) },
	} {
		d := newDrive(t, Config{Col: 2, Gap: 2 * second, Keys: []int{0}, IDs: true}, numbered)
		for i := range n {
			d.epoch(one(at(i), 1))
		}
		if d.emitted > 20*n {
			t.Errorf("%s: %d changes for %d rows", name, d.emitted, n)
		}
	}
}

// TestFloor moves the floor of event time after the rows: the output stays that of the model, and only
// rows of sessions that can still change are kept.
func TestFloor(t *testing.T) {
	for _, ids := range []bool{false, true} {
		c, out := Config{Col: 2, Gap: 3 * second, Keys: []int{0}, IDs: ids}, bounds
		if ids {
			out = numbered
		}
		for seed := range uint64(10) {
			r := rand.New(rand.NewPCG(seed, 9))
			env := optest.Env([]types.Schema{in}, out)
			env.Marked = []op.Marks{{op.NoMark, op.NoMark, 0, op.NoMark}}
			o := optest.NewOperator(t, Name, c, env)
			got, live, failed := check.NewTracker(out), map[int64]int64{}, 0
			ctx := optest.Ctx(func(b *rows.Batch) error { got.Add(b); return nil }, &failed)
			floor := int64(0)
			for epoch := range uint64(60) {
				ctx.Epoch = epoch + 1
				for range r.IntN(5) {
					ts, w := floor+int64(r.IntN(12)), int64(1)
					if live[ts] > 0 && r.IntN(2) == 0 {
						w = -1
					}
					live[ts] += w
					if err := o.Push(ctx, 0, one(ts, w)); err != nil {
						t.Fatal(err)
					}
				}
				floor += int64(r.IntN(4))
				ctx.Floors = []op.Marks{{op.NoMark, op.NoMark, floor * second, op.NoMark}}
				if err := o.Finish(ctx); err != nil {
					t.Fatal(err)
				}
				var rel optest.Relation
				for ts, w := range live {
					if w > 0 {
						rel = append(rel, optest.Weighted{Row: optest.Row{types.TextDatum("a"), types.IntDatum(types.Int4, 0),
							types.IntDatum(types.Timestamp, ts*second), types.IntDatum(types.Int4, 0)}, W: w})
					}
				}
				if want := optest.Batch(bounds, model(c, rel)); !ids && rows.FormatSorted(got.Relation()) != rows.FormatSorted(want) {
					t.Fatalf("seed %d, epoch %d: got\n%swant\n%s", seed, epoch, rows.FormatSorted(got.Relation()), rows.FormatSorted(want))
				}
				if err := got.End(); err != nil {
					t.Fatal(err)
				}
				open := 0
				for _, x := range model(c, rel) {
					if x.Row[5].I > floor*second {
						open++
					}
				}
				s := o.(*session)
				if s.rows.Len() > open || s.sessions.Len() > open || s.ends.Len() != s.sessions.Len() {
					t.Fatalf("%d rows and %d sessions (%d ends) are kept, %d rows are in open sessions", s.rows.Len(), s.sessions.Len(), s.ends.Len(), open)
				}
			}
		}
	}
}

func BenchmarkSession(b *testing.B) {
	for _, c := range []struct {
		name string
		ids  bool
	}{{"numbered", true}, {"bounds", false}} {
		b.Run(c.name, func(b *testing.B) {
			out := bounds
			if c.ids {
				out = numbered
			}
			at := int64(0)
			cfg := Config{Col: 2, Gap: 10 * second, Keys: []int{0}, IDs: c.ids}
			optest.Bench(b, Name, cfg, []types.Schema{in}, out, func(push func(int, *rows.Batch)) int {
				build := rows.NewBuilder(in, 8192)
				for i := range 8192 { // 512 keys, sessions of 16 rows
					if i%512 == 0 {
						at++
					}
					build.Cols[0].AppendString(fmt.Sprintf("key%d", i%512))
					build.Cols[1].AppendInt(0)
					build.Cols[2].AppendInt((at + at/16*20) * second)
					build.Cols[3].AppendInt(int64(i))
					build.EndRow(1)
				}
				push(0, build.Finish())
				return 8192
			})
		})
	}
}
