package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"tidemill/sql/rows"
)

// tester is what testing.T and rapid.T share.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func openMem(t tester, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open(Options{Dir: "data", FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tableModel holds what the tables of a worker should hold.
type tableModel struct {
	m map[string]string
	r map[[2]string][2]int64 // key, row → weight, aux
	l map[[2]string][2]int64 // the same, stored as a log
	o map[string]string
}

func newTableModel() *tableModel {
	return &tableModel{map[string]string{}, map[[2]string][2]int64{}, map[[2]string][2]int64{}, map[string]string{}}
}

func (m *tableModel) clone() *tableModel {
	return &tableModel{maps.Clone(m.m), maps.Clone(m.r), maps.Clone(m.l), maps.Clone(m.o)}
}

// tableMachine runs random operations against tables of several workers and the model.
type tableMachine struct {
	t       *rapid.T
	fs      *vfs.MemFS
	store   *Store
	workers []*Tables
	model   *tableModel
	epoch   uint64
}

var tableIDs = map[string]uint32{"m": 1, "r": 2, "o": 3, "l": 4}

func (x *tableMachine) spread(n int) {
	x.workers = nil
	snap := x.store.Snapshot()
	defer snap.Close()
	for w := range n {
		t := NewProvider(x.store, tableIDs, nil)
		t.Map("m")
		t.Multi("r")
		t.Multi("l").KeepLog()
		t.Ordered("o")
		must(x.t, t.Load(snap, func(v uint16) bool { return int(v)%n == w }))
		x.workers = append(x.workers, t)
	}
}

// worker returns the tables that own a key, and its hash.
func (x *tableMachine) worker(key []byte) (*Tables, uint64) {
	h := rows.HashKey(key)
	return x.workers[int(VNodeOf(h))%len(x.workers)], h
}

func drawKey(t *rapid.T) []byte {
	k := rapid.IntRange(0, 60).Draw(t, "key")
	if k%7 == 0 {
		return bytes.Repeat([]byte{byte(k), 7}, k*12) // some are long, one is empty
	}
	return fmt.Appendf(nil, "k%0*d", 1+k%20, k)
}

func drawValue(t *rapid.T) []byte {
	n := rapid.SampledFrom([]int{0, 1, 8, 8, 24, 100, 700, 1500, 40000}).Draw(t, "size")
	return bytes.Repeat([]byte{byte(rapid.IntRange(0, 255).Draw(t, "byte"))}, n)
}

func (x *tableMachine) opMap(t *rapid.T) {
	key := drawKey(t)
	w, h := x.worker(key)
	m := w.Map("m")
	switch rapid.IntRange(0, 3).Draw(t, "op") {
	case 0:
		if ref, ok := m.Find(h, key); ok {
			m.Delete(ref)
		}
		delete(x.model.m, string(key))
	case 1:
		ref, added := m.Upsert(h, key, 8)
		if _, had := x.model.m[string(key)]; had == added {
			t.Fatalf("Upsert(%q) added=%v", key, added)
		}
		if v := m.Value(ref); len(v) >= 8 {
			binary.LittleEndian.PutUint64(v, binary.LittleEndian.Uint64(v)+1)
			m.MarkDirty(ref)
		}
		x.model.m[string(key)] = string(m.Value(ref))
	default:
		v := drawValue(t)
		ref, _ := m.Upsert(h, key, rapid.IntRange(0, 40).Draw(t, "hint"))
		m.SetValue(ref, v)
		x.model.m[string(key)] = string(v)
	}
}

func (x *tableMachine) opMulti(t *rapid.T) {
	key := drawKey(t)
	w, h := x.worker(key)
	row := bytes.Repeat([]byte{byte(rapid.IntRange(0, 30).Draw(t, "row"))}, rapid.SampledFrom([]int{1, 20, 600}).Draw(t, "len"))
	weight := rapid.Int64Range(-2, 2).Draw(t, "w")
	before, after, ref := w.Multi("r").Add(h, key, row, weight)
	id := [2]string{string(key), string(row)}
	e := x.model.r[id]
	if before != e[0] || after != e[0]+weight || (ref == 0) != (after == 0) {
		t.Fatalf("Add: %d → %d, want %d → %d", before, after, e[0], e[0]+weight)
	}
	if e[0] += weight; e[0] == 0 {
		delete(x.model.r, id)
		return
	}
	if rapid.Bool().Draw(t, "aux") {
		e[1] = rapid.Int64().Draw(t, "auxval")
		w.Multi("r").SetAux(ref, e[1])
	}
	x.model.r[id] = e
}

// opLog adds rows to the table that is stored as a log, some again, and sets counters.
func (x *tableMachine) opLog(t *rapid.T) {
	key := drawKey(t)
	w, h := x.worker(key)
	l := w.Multi("l")
	row := bytes.Repeat([]byte{byte(rapid.IntRange(0, 30).Draw(t, "row"))}, rapid.SampledFrom([]int{0, 1, 20, 600, 70_000}).Draw(t, "len"))
	id := [2]string{string(key), string(row)}
	e := x.model.l[id]
	e[0] += rapid.Int64Range(1, 2).Draw(t, "w")
	before, after, ref := l.Add(h, key, row, e[0]-x.model.l[id][0])
	if before != x.model.l[id][0] || after != e[0] {
		t.Fatalf("Add: %d → %d, want → %d", before, after, e[0])
	}
	if rapid.IntRange(0, 3).Draw(t, "aux") == 0 {
		e[1] = rapid.Int64().Draw(t, "auxval")
		l.SetAux(ref, e[1])
	}
	x.model.l[id] = e
}

func (x *tableMachine) opOrdered(t *rapid.T) {
	key := drawKey(t)
	w, h := x.worker(key)
	o, vnode := w.Ordered("o"), VNodeOf(h)
	switch rapid.IntRange(0, 3).Draw(t, "op") {
	case 0:
		_, had := x.model.o[string(key)]
		if o.Delete(vnode, key) != had {
			t.Fatal("Delete")
		}
		delete(x.model.o, string(key))
	case 1:
		old, had := x.model.o[string(key)]
		if had && len(old) != 8 {
			return
		}
		var want int64
		if had {
			want = int64(binary.LittleEndian.Uint64([]byte(old)))
		}
		n := rapid.Int64Range(-1, 2).Draw(t, "w")
		before, after := o.AddWeight(vnode, key, n)
		if before != want || after != want+n {
			t.Fatalf("AddWeight: %d → %d", before, after)
		}
		delete(x.model.o, string(key))
		if after != 0 {
			x.model.o[string(key)] = string(binary.LittleEndian.AppendUint64(nil, uint64(after)))
		}
	default:
		v := drawValue(t)
		o.Put(vnode, key, v)
		x.model.o[string(key)] = string(v)
	}
}

func (x *tableMachine) commit(sync bool) {
	x.epoch++
	c := x.store.NewCommit(x.epoch)
	for i, w := range x.workers {
		must(x.t, w.Flush(c.Writer(i)))
	}
	must(x.t, c.Apply(sync))
}

// verify compares everything that the workers hold with the model.
func (x *tableMachine) verify(t *rapid.T) {
	got := newTableModel()
	nm, nr, no, nl := 0, 0, 0, 0
	for _, w := range x.workers {
		m, r, o, l := w.Map("m"), w.Multi("r"), w.Ordered("o"), w.Multi("l")
		nm, nr, no, nl = nm+m.Len(), nr+r.Len(), no+o.Len(), nl+l.Len()
		m.Each(func(ref Ref) bool { got.m[string(m.Key(ref))] = string(m.Value(ref)); return true })
		r.EachEntry(func(ref Ref, key, row []byte, w int64) bool {
			got.r[[2]string{string(key), string(row)}] = [2]int64{w, r.Aux(ref)}
			return true
		})
		l.EachEntry(func(ref Ref, key, row []byte, w int64) bool {
			got.l[[2]string{string(key), string(row)}] = [2]int64{w, l.Aux(ref)}
			return true
		})
		o.Ascend(nil, nil, func(k, v []byte) bool { got.o[string(k)] = string(v); return true })
		checkTree(t, o)
	}
	if !maps.Equal(got.m, x.model.m) || nm != len(got.m) {
		t.Fatalf("map: %d entries, want %d", nm, len(x.model.m))
	}
	if !maps.Equal(got.r, x.model.r) || nr != len(got.r) {
		t.Fatalf("multi: %v, want %v", got.r, x.model.r)
	}
	if !maps.Equal(got.l, x.model.l) || nl != len(got.l) {
		t.Fatalf("log: %d entries, want %d", nl, len(x.model.l))
	}
	if !maps.Equal(got.o, x.model.o) || no != len(got.o) {
		t.Fatalf("ordered: %d entries, want %d", no, len(x.model.o))
	}
	x.verifyChains(t)
	x.verifyRange(t)
}

func (x *tableMachine) verifyChains(t *rapid.T) {
	sum, n := map[string]int64{}, map[string]int{}
	for id, e := range x.model.r {
		sum[id[0]] += e[0]
		n[id[0]]++
	}
	for key := range n {
		w, h := x.worker([]byte(key))
		r := w.Multi("r")
		seen := 0
		r.Each(h, []byte(key), func(ref Ref, row []byte, w int64) bool {
			if x.model.r[[2]string{key, string(row)}][0] != w {
				t.Fatal("Each gives a wrong weight")
			}
			seen++
			return true
		})
		if seen != n[key] || r.KeyWeight(h, []byte(key)) != sum[key] || r.KeyRows(h, []byte(key)) != n[key] {
			t.Fatalf("chain of %q: %d rows, want %d", key, seen, n[key])
		}
	}
}

func (x *tableMachine) verifyRange(t *rapid.T) {
	lower, upper := drawKey(t), drawKey(t)
	if rapid.IntRange(0, 9).Draw(t, "open") == 0 {
		upper = nil
	}
	var want, up, down []string
	for k := range x.model.o {
		if k >= string(lower) && (upper == nil || k < string(upper)) {
			want = append(want, k)
		}
	}
	sort.Strings(want)
	for _, w := range x.workers {
		w.Ordered("o").Ascend(lower, upper, func(k, _ []byte) bool { up = append(up, string(k)); return true })
		w.Ordered("o").Descend(lower, upper, func(k, _ []byte) bool { down = append(down, string(k)); return true })
	}
	if len(x.workers) > 1 {
		sort.Strings(up)
		sort.Strings(down)
		slices.Reverse(down)
	}
	slices.Reverse(down)
	if !slices.Equal(up, want) || !slices.Equal(down, want) {
		t.Fatalf("range: %d up, %d down, want %d", len(up), len(down), len(want))
	}
}

// checkTree verifies the order of the leaves and that each is found from the root.
func checkTree(t tester, o *Ordered) {
	var last []byte
	first := true
	o.Ascend(nil, nil, func(k, v []byte) bool {
		if !first && bytes.Compare(last, k) >= 0 {
			t.Fatalf("keys out of order")
		}
		if got, ok := o.Get(k); !ok || !bytes.Equal(got, v) {
			t.Fatalf("key %q is not found", k)
		}
		last, first = append(last[:0], k...), false
		return true
	})
}

// TestTablesMetamorphic compares Map, Multi, both ways to store it, and Ordered over random operations, flushes, crashes,
// reopens and redistributions with Go maps.
func TestTablesMetamorphic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := &tableMachine{t: rt, fs: vfs.NewCrashableMem(), model: newTableModel()}
		x.store = openMem(t, x.fs)
		x.spread(1)
		saved := x.model.clone()
		defer func() { x.store.Close() }()
		repeat := func(f func(*rapid.T)) func(*rapid.T) {
			return func(t *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(t, "n") {
					f(t)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"map":     repeat(x.opMap),
			"multi":   repeat(x.opMulti),
			"log":     repeat(x.opLog),
			"ordered": repeat(x.opOrdered),
			"flush": func(t *rapid.T) {
				x.commit(rapid.Bool().Draw(t, "sync"))
				saved = x.model.clone()
			},
			"respread": func(t *rapid.T) {
				x.commit(false)
				saved = x.model.clone()
				x.spread(rapid.IntRange(1, 4).Draw(t, "workers"))
			},
			"crash": func(t *rapid.T) {
				must(t, x.store.Sync())
				x.fs = x.fs.CrashClone(vfs.CrashCloneCfg{})
				x.store.Close()
				fs := vfs.NewCrashableMem()
				copyFS(t, x.fs, fs)
				x.fs = fs
				x.store = openMem(t, x.fs)
				if x.store.Epoch() != x.epoch {
					t.Fatalf("epoch %d after a synced crash, want %d", x.store.Epoch(), x.epoch)
				}
				x.model = saved.clone()
				x.spread(rapid.IntRange(1, 3).Draw(t, "workers"))
			},
			"": x.verify,
		})
	})
}

func copyFS(t tester, from, to vfs.FS) {
	t.Helper()
	_, err := vfs.Clone(from, to, "data", "data", vfs.CloneSync)
	must(t, err)
	must(t, syncDir(to, "/"))
}

// TestOrderedBig runs a tree of several levels through growth and shrinkage.
func TestOrderedBig(t *testing.T) {
	for _, order := range []string{"ascending", "descending", "random"} {
		o := Ephemeral(nil).Ordered("o")
		r := rand.New(rand.NewPCG(7, 7))
		model := map[string]int64{}
		const n = 30_000
		keyOf := func(i int) []byte {
			x := i
			switch order {
			case "descending":
				x = n - i
			case "random":
				x = r.IntN(n)
			}
			k := intKey(nil, uint64(x))
			if x%1000 == 0 {
				k = append(k, make([]byte, 1500)...)
			}
			return k
		}
		for i := range n {
			k := keyOf(i)
			o.AddWeight(0, k, 1)
			model[string(k)]++
		}
		compareWeights(t, o, model)
		for i := range n {
			k := keyOf(i)
			if order != "random" && i%10 == 0 {
				continue
			}
			o.Delete(0, k)
			delete(model, string(k))
		}
		compareWeights(t, o, model)
		lower, upper := intKey(nil, n/4), intKey(nil, n/2)
		want := 0
		for k := range model {
			if k >= string(lower) && k < string(upper) {
				delete(model, k)
				want++
			}
		}
		if got := o.DeleteRange(lower, upper); got != want {
			t.Fatalf("%s: DeleteRange removed %d, want %d", order, got, want)
		}
		compareWeights(t, o, model)
		o.DeleteRange(nil, nil)
		if o.Len() != 0 {
			t.Fatal("not empty")
		}
	}
}

func compareWeights(t *testing.T, o *Ordered, model map[string]int64) {
	t.Helper()
	checkTree(t, o)
	n := 0
	o.Descend(nil, nil, func(k, v []byte) bool {
		n++
		if model[string(k)] != WeightOf(v) {
			t.Fatalf("weight of %x", k)
		}
		return true
	})
	if n != len(model) || n != o.Len() {
		t.Fatalf("%d entries, Len %d, want %d", n, o.Len(), len(model))
	}
}

// TestMapBig crosses the sizes at which index and arena change their shape.
func TestMapBig(t *testing.T) {
	m := Ephemeral(nil).Map("m")
	const n = 300_000
	for i := range n {
		k := intKey(nil, uint64(i))
		ref, added := m.Upsert(rows.HashKey(k), k, 16)
		if !added {
			t.Fatal("not new")
		}
		binary.LittleEndian.PutUint64(m.Value(ref)[8:], uint64(i))
	}
	for i := 0; i < n; i += 3 {
		k := intKey(nil, uint64(i))
		ref, _ := m.Find(rows.HashKey(k), k)
		m.Delete(ref)
	}
	for i := range n {
		k := intKey(nil, uint64(i))
		ref, ok := m.Find(rows.HashKey(k), k)
		if ok != (i%3 != 0) || ok && binary.LittleEndian.Uint64(m.Value(ref)[8:]) != uint64(i) {
			t.Fatalf("key %d: %v", i, ok)
		}
	}
	count := 0
	m.Each(func(Ref) bool { count++; return true })
	if count != m.Len() || count != n-n/3 {
		t.Fatalf("Each gave %d, Len %d", count, m.Len())
	}
}
