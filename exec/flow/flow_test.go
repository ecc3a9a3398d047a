package flow_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tidemill/exec/flow"
	"tidemill/exec/mem"
	_ "tidemill/exec/op/all"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	_ "tidemill/sql/fn/all"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

const table, joined, counted = 100, 200, 201

func schema(names ...string) types.Schema {
	var s types.Schema
	for _, n := range names {
		s = append(s, types.Field{Name: n, Type: types.T(types.Int8)})
	}
	return s
}

func scan(object uint32, cols []int, names ...string) plan.Node {
	raw, _ := json.Marshal(plan.Scan{Object: object, Cols: cols})
	return plan.Node{Op: plan.ScanOp, Config: raw, Schema: schema(names...)}
}

// plans are a self join of the table on a = b and a group-by over the join's view.
func plans() (join, group *plan.Plan) {
	join = &plan.Plan{Version: 1, Root: 2, Visible: 4, Nodes: []plan.Node{
		scan(table, []int{0, 1}, "a", "b"),
		scan(table, []int{0, 1}, "a", "b"),
		{Op: "join", Format: 1, Config: json.RawMessage(`{"kind":"left","left_keys":[0],"right_keys":[1]}`),
			Schema: schema("a", "b", "c", "d"), Tables: map[string]uint32{"left": 1, "right": 2},
			Inputs: []plan.Input{{Node: 0, Exchange: plan.ByHash, Keys: []int{0}}, {Node: 1, Exchange: plan.ByHash, Keys: []int{1}}}},
	}}
	group = &plan.Plan{Version: 1, Root: 1, Visible: 2, Key: []int{0}, Nodes: []plan.Node{
		scan(joined, []int{3}, "d"),
		{Op: "hashagg", Format: 1, Config: json.RawMessage(`{"keys":[0],"aggs":[{"name":"count","args":[],"filter":-1,"rettype":{"id":5,"mod":-1}}]}`),
			Schema: schema("d", "n"), Tables: map[string]uint32{"groups": 3},
			Inputs: []plan.Input{{Node: 0, Exchange: plan.ByHash, Keys: []int{0}}}},
	}}
	return join, group
}

// TestWorkersAndRestartsChangeNothing drives the same random epochs through circuits with different
// numbers of workers, one of them rebuilt from the store after every epoch, and compares the sums of
// all deltas.
func TestWorkersAndRestartsChangeNothing(t *testing.T) {
	var want map[string]int64
	for _, mode := range []struct {
		workers int
		restart bool
	}{{1, false}, {2, false}, {3, true}, {4, false}} {
		got := drive(t, mode.workers, mode.restart)
		if want == nil {
			want = got
			if len(want) < 10 {
				t.Fatalf("only %d rows came out", len(want))
			}
			continue
		}
		for row, w := range want {
			if got[row] != w {
				t.Errorf("%d workers, restart %v: %s has weight %d, want %d", mode.workers, mode.restart, row, got[row], w)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d workers: %d rows, want %d", mode.workers, len(got), len(want))
		}
	}
}

func drive(t *testing.T, workers int, restart bool) map[string]int64 {
	store, err := state.Open(state.Options{Dir: "db", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r := rand.New(rand.NewPCG(7, 7))
	sums := map[string]int64{}
	var live [][2]int64
	var c *flow.Circuit
	for epoch := uint64(1); epoch <= 30; epoch++ {
		if c == nil || restart {
			if restart {
				workers = 1 + int(epoch)%4
			}
			c = circuit(t, store, workers, c != nil)
		}
		b := rows.NewBuilder(schema("a", "b"), 16)
		put := func(row [2]int64, w int64) {
			b.Cols[0].AppendInt(row[0])
			b.Cols[1].AppendInt(row[1])
			b.EndRow(w)
		}
		for range r.IntN(40) {
			if len(live) > 0 && r.IntN(3) == 0 {
				i := r.IntN(len(live))
				put(live[i], -1)
				live = append(live[:i], live[i+1:]...)
				continue
			}
			row := [2]int64{int64(r.IntN(12)), int64(r.IntN(12))}
			live = append(live, row)
			put(row, 1)
		}
		outs := c.Step(epoch, 0, []flow.Feed{{Object: table, Batches: []*rows.Batch{b.Finish()}}})
		for _, o := range outs {
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			add(sums, o)
		}
		cm := store.NewCommit(epoch)
		if err := c.Flush(cm, outs, nil); err != nil {
			t.Fatal(err)
		}
		if err := cm.Apply(false); err != nil {
			t.Fatal(err)
		}
	}
	for row, w := range sums {
		if w < 0 {
			t.Errorf("%s ends with weight %d", row, w)
		}
	}
	return sums
}

func circuit(t *testing.T, store *state.Store, workers int, restore bool) *flow.Circuit {
	c := flow.New(flow.Config{Workers: workers, Store: store, Mem: mem.NewBudget("test", 1<<30), Check: true})
	join, group := plans()
	if _, err := c.Add(joined, join, false, restore); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Add(counted, group, false, restore); err != nil {
		t.Fatal(err)
	}
	return c
}

func add(sums map[string]int64, o flow.Output) {
	for _, b := range o.Deltas {
		for k := range b.Len() {
			i := b.Row(k)
			key := fmt.Sprint(o.Flow.ID, flow.RowText(b, i, nil))
			if sums[key] += b.Weight(i); sums[key] == 0 {
				delete(sums, key)
			}
		}
	}
}
