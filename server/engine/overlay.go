package engine

import (
	"maps"
	"slices"

	"tidemill/catalog"
	"tidemill/exec/state"
	"tidemill/exec/view"
	"tidemill/sql/rows"
)

// overlay is what has been changed in a table beside the store: by a transaction, or by the statements
// that the next epoch will commit. Statements read the store through it.
//
// It has a map from key to row for the table's own storage, parts[0], and for the index of each unique
// constraint. Every change of a map is logged, so that a statement that fails, or ROLLBACK TO, can be
// taken back.
type overlay struct {
	t      *catalog.Object
	parts  []part
	slots  []map[string]slot
	order  []string      // the keys of slots[0] in the order in which they came
	deltas []*rows.Batch // the same changes as a delta, for the circuit
	undo   []undo
	before []map[string]undo // of a view of the past (see asOf): what has been changed since then
}

// part is one of the ways in which a table's rows are found: its storage or a unique index.
type part struct {
	v    *view.View
	name string // of the constraint
	cols []int  // unique columns; nil for a Bag
}

// slot is the state of a key: a row of a batch, or none. In a Bag w is by how much the row's weight has
// changed.
type slot struct {
	b   *rows.Batch
	row int32
	w   int64
}

type undo struct {
	part int
	key  string
	old  slot
	had  bool
}

// overlayMark is a point to which an overlay can be taken back.
type overlayMark struct{ undo, deltas int }

// newOverlay returns an empty overlay of a table.
func (e *Engine) newOverlay(t *catalog.Object) *overlay {
	o := &overlay{t: t, parts: e.partsOf(t)}
	for range o.parts {
		o.slots = append(o.slots, map[string]slot{})
	}
	return o
}

// partsOf lists a table's storage and unique indexes.
func (e *Engine) partsOf(t *catalog.Object) []part {
	e.edges.RLock()
	defer e.edges.RUnlock()
	list := []part{{v: e.views[t.ID], name: t.KeyName(), cols: t.PrimaryKey}}
	if v := list[0].v; v == nil || v.Def().Table != t.Storage.Table { // altered since
		list[0].v, _ = newView(t, false)
	}
	for i := range t.Unique {
		u := &t.Unique[i]
		at := slices.IndexFunc(e.uniques[t.ID], func(v *view.View) bool { return v.Def().Table == u.Table })
		v := (*view.View)(nil)
		if at >= 0 {
			v = e.uniques[t.ID][at]
		} else {
			v, _ = e.uniqueView(t, u)
		}
		list = append(list, part{v: v, name: u.Name, cols: u.Columns})
	}
	cat := e.cat.Load()
	for _, id := range e.indexes[t.ID] {
		x := cat.ByID(id)
		if x == nil || !x.Index.Unique || x.State != catalog.Running {
			continue
		}
		p := part{v: e.views[id], name: x.Name}
		for _, c := range x.Index.Columns {
			p.cols = append(p.cols, c.Col)
		}
		list = append(list, p)
	}
	return list
}

func (o *overlay) mark() overlayMark { return overlayMark{len(o.undo), len(o.deltas)} }

// rollback takes back what came after m.
func (o *overlay) rollback(m overlayMark) {
	for i := len(o.undo) - 1; i >= m.undo; i-- {
		u := &o.undo[i]
		if u.had {
			o.slots[u.part][u.key] = u.old
			continue
		}
		delete(o.slots[u.part], u.key)
		if u.part == 0 {
			o.order = o.order[:len(o.order)-1]
		}
	}
	o.undo, o.deltas = o.undo[:m.undo], o.deltas[:m.deltas]
}

// since lists, for each part, the keys that were changed after m, with what they held then.
func (o *overlay) since(m overlayMark) []map[string]undo {
	out := make([]map[string]undo, len(o.parts))
	for p := range out {
		out[p] = map[string]undo{}
	}
	for _, u := range o.undo[m.undo:] {
		if _, known := out[u.part][u.key]; !known {
			out[u.part][u.key] = u
		}
	}
	return out
}

// asOf returns the overlay as it was at m, for reading only and until the next change.
func (o *overlay) asOf(m overlayMark) *overlay {
	past := *o
	past.before, past.deltas, past.undo = o.since(m), o.deltas[:m.deltas], nil
	young := 0
	for _, u := range past.before[0] {
		if !u.had {
			young++
		}
	}
	past.order = o.order[:len(o.order)-young]
	return &past
}

// slot returns what the overlay knows of a key.
func (o *overlay) slot(p int, key string) (slot, bool) {
	if o.before != nil {
		if u, changed := o.before[p][key]; changed {
			return u.old, u.had
		}
	}
	s, ok := o.slots[p][key]
	return s, ok
}

// settled forgets how to take the changes back.
func (o *overlay) settled() { o.undo = nil }

func (o *overlay) set(p int, key string, s slot) {
	old, had := o.slots[p][key]
	o.undo = append(o.undo, undo{p, key, old, had})
	o.slots[p][key] = s
	if p == 0 && !had {
		o.order = append(o.order, key)
	}
}

// weigh changes the weight of a Bag's row.
func (o *overlay) weigh(key string, b *rows.Batch, row int, by int64) {
	s := o.slots[0][key]
	if s.b == nil {
		s.b, s.row = b, int32(row)
	}
	s.w += by
	o.set(0, key, s)
}

// keys returns the key of each row of b in part p, "" where a unique column is NULL: no two NULLs are
// equal.
func (o *overlay) keys(p int, b *rows.Batch) []string {
	var buf rows.KeyBuf
	part := &o.parts[p]
	part.v.KeyOf(b, &buf)
	out := make([]string, b.N)
	for r := range out {
		if part.null(b, r) {
			continue
		}
		out[r] = string(buf.Key(r))
	}
	return out
}

func (p *part) null(b *rows.Batch, r int) bool {
	for _, c := range p.cols {
		if b.Cols[c].IsNull(r) {
			return true
		}
	}
	return false
}

// remove takes rows out, which must be there.
func (o *overlay) remove(b *rows.Batch) {
	for p := range o.parts {
		for r, k := range o.keys(p, b) {
			switch {
			case o.parts[p].cols == nil:
				o.weigh(k, b, r, -1)
			case k != "":
				o.set(p, k, slot{})
			}
		}
	}
	o.deltas = append(o.deltas, b.Negated())
}

// add puts rows in. A row whose key in some part is taken, here or in the store, is refused.
func (o *overlay) add(snap *state.Snap, b *rows.Batch) error {
	for p := range o.parts {
		keys := o.keys(p, b)
		if o.parts[p].cols == nil {
			for r, k := range keys {
				o.weigh(k, b, r, 1)
			}
			continue
		}
		stored, err := o.stored(snap, p, keys)
		if err != nil {
			return err
		}
		for r, k := range keys {
			if k == "" {
				continue
			}
			taken := stored[r]
			if s, ok := o.slots[p][k]; ok {
				taken = s.b != nil
			}
			if taken {
				return duplicateKey(o.t, &o.parts[p], b, r)
			}
			o.set(p, k, slot{b: b, row: int32(r)})
		}
	}
	o.deltas = append(o.deltas, b)
	return nil
}

// touch notes rows of a table with a key that must not be changed by others meanwhile.
func (o *overlay) touch(b *rows.Batch) {
	for r, k := range o.keys(0, b) {
		if _, known := o.slots[0][k]; !known {
			o.set(0, k, slot{b: b, row: int32(r)})
		}
	}
}

// log puts rows into a table that only ever gets more.
func (o *overlay) log(b *rows.Batch) { o.deltas = append(o.deltas, b) }

// stored tells which of the keys the store has; of those that the overlay knows it need not be right.
func (o *overlay) stored(snap *state.Snap, p int, keys []string) ([]bool, error) {
	out := make([]bool, len(keys))
	ask, at := o.unknown(p, keys)
	err := o.parts[p].v.Raw(snap, ask, func(i int, value []byte) error {
		out[at[i]] = value != nil
		return nil
	})
	return out, err
}

// unknown picks the keys that have to be looked for in the store.
func (o *overlay) unknown(p int, keys []string) (ask []string, at []int) {
	for i, k := range keys {
		if _, ok := o.slots[p][k]; k != "" && !ok {
			ask, at = append(ask, k), append(at, i)
		}
	}
	return ask, at
}

// find returns the row under each key of part p, which has a constraint.
func (o *overlay) find(snap *state.Snap, p int, keys []string) ([]slot, error) {
	out := make([]slot, len(keys))
	ask, at := o.unknown(p, keys)
	b, rowAt, err := o.parts[p].v.Fetch(snap, ask)
	if err != nil {
		return nil, err
	}
	for i, r := range rowAt {
		if r >= 0 {
			out[at[i]] = slot{b: b, row: r}
		}
	}
	for i, k := range keys {
		if s, ok := o.slots[p][k]; ok {
			out[i] = s
		}
	}
	return out, nil
}

// absorb takes over the changes of another overlay of the same table.
func (o *overlay) absorb(x *overlay) {
	for _, k := range x.order {
		s := x.slots[0][k]
		if o.parts[0].cols == nil {
			o.weigh(k, s.b, int(s.row), s.w)
			continue
		}
		o.set(0, k, s)
	}
	for p := 1; p < len(o.parts); p++ {
		for k, s := range x.slots[p] {
			o.set(p, k, s)
		}
	}
	o.deltas = append(o.deltas, x.deltas...)
}

// overlays are those of a transaction or of the next epoch, by table.
type overlays map[uint32]*overlay

// of returns the overlay of a table, a new one if need be.
func (os overlays) of(e *Engine, t *catalog.Object) *overlay {
	o := os[t.ID]
	if o == nil {
		o = e.newOverlay(t)
		os[t.ID] = o
	}
	return o
}

// ids returns the tables in order.
func (os overlays) ids() []uint32 { return slices.Sorted(maps.Keys(os)) }

// mark returns a point for rollback.
func (os overlays) mark() map[uint32]overlayMark {
	m := make(map[uint32]overlayMark, len(os))
	for id, o := range os {
		m[id] = o.mark()
	}
	return m
}

// asOf returns the overlays as they were at a mark.
func (os overlays) asOf(m map[uint32]overlayMark) overlays {
	past := make(overlays, len(os))
	for id, o := range os {
		past[id] = o.asOf(m[id])
	}
	return past
}

// rollback takes all overlays back to a mark.
func (os overlays) rollback(m map[uint32]overlayMark) {
	for id, o := range os {
		o.rollback(m[id]) // the zero mark of a younger one empties it
	}
}
