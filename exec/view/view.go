package view

import (
	"fmt"
	"sync"

	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Kind is how rows are stored. The names are in catalogs: never change them.
type Kind string

// The kinds of storage.
const (
	Keyed Kind = "keyed" // unique key columns: one entry per key
	Bag   Kind = "bag"   // no key: one entry per different row, with its weight
	Log   Kind = "log"   // never retracted: columnar chunks in order of arrival
)

// Def describes a stored relation.
type Def struct {
	Table  uint32 // store table id
	Schema types.Schema
	Kind   Kind
	// Key lists the key columns of a Keyed relation. Empty means that there is at most one row.
	Key []int
	// Order makes the relation an index of Kind Keyed or Bag: its rows lie in this order, in one virtual
	// node, and Ranges reads them.
	Order []OrderColumn
	// Check makes Apply verify against the store that retractions hit, that keys stay unique and that
	// weights never go negative. It costs a read per row; tests use it.
	Check bool
}

// View is the storage handle of a relation. Reads may run at any time in any goroutine; one Apply runs
// at a time.
type View struct {
	def   Def
	codec *rows.RowCodec

	mu      sync.Mutex // guards what follows, the working space of Apply
	sort    state.KeySorter
	nets    []netChange // Keyed
	key     []byte
	row     []byte
	epoch   uint64 // of the last Apply
	pos     uint64 // Log: rows written in it
	rowBufs [2][]byte

	zeros zeros // Bag: has a lock of its own
}

// New returns the handle of a stored relation.
func New(def Def) (*View, error) {
	switch def.Kind {
	case Keyed, Bag, Log:
	default:
		return nil, fmt.Errorf("unknown kind of storage %q", def.Kind)
	}
	for _, c := range def.Order {
		if c.Col < 0 || c.Col >= len(def.Schema) || def.Kind == Log {
			return nil, fmt.Errorf("index column %d out of range", c.Col)
		}
	}
	for _, c := range def.Key {
		if c < 0 || c >= len(def.Schema) {
			return nil, fmt.Errorf("storage key column %d out of range", c)
		}
	}
	return &View{def: def, codec: rows.NewRowCodec(def.Schema.Types())}, nil
}

// Def returns what the view was made with.
func (v *View) Def() Def { return v.def }

// countVNode is where the row counter is: behind all rows of the table.
const countVNode = state.VNodes

func (v *View) countKey() []byte {
	k := state.AppendPrefix(nil, state.SpaceView, state.TableID(v.def.Table), countVNode, state.PrefixWhole)
	return append(k, "count"...)
}

// Count returns the number of rows.
func (v *View) Count(snap *state.Snap) (int64, error) {
	value, found, err := snap.Get(v.countKey())
	if err != nil || !found {
		return 0, err
	}
	n, _, err := state.Weight(value)
	return n, err
}

// Drop removes everything that is stored.
func (v *View) Drop(w *state.CommitWriter) {
	w.DropTable(state.SpaceView, state.TableID(v.def.Table))
}

// Apply writes the changes of an epoch. All deltas of a relation in an epoch come in one call, or for
// a Log in any number of them. After a *Violation part of the changes may be in w: the caller commits
// them and gives the relation up, or abandons the commit.
func (v *View) Apply(w *state.CommitWriter, epoch uint64, deltas []*rows.Batch) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var n int64
	var err error
	switch v.def.Kind {
	case Keyed:
		n, err = v.applyKeyed(w, deltas)
	case Bag:
		n, err = v.applyBag(w, epoch, deltas)
	case Log:
		n, err = v.applyLog(w, epoch, deltas)
	}
	if err != nil {
		return err
	}
	if n != 0 {
		w.AddWeight(v.countKey(), n)
	}
	return w.Err()
}

// prefix returns the fixed part of the keys of rows, to be completed with a virtual node.
func (v *View) prefix(vnode uint16) []byte {
	p := state.PrefixWhole
	if v.def.Kind == Log || v.def.Order != nil {
		p = state.PrefixNone
	}
	return state.AppendPrefix(make([]byte, 0, 64), state.SpaceView, state.TableID(v.def.Table), vnode, p)
}

// span returns the bounds of all rows.
func (v *View) span() (lower, upper []byte) {
	lower, _ = state.VNodeSpan(state.SpaceView, state.TableID(v.def.Table), 0)
	upper, _ = state.VNodeSpan(state.SpaceView, state.TableID(v.def.Table), countVNode)
	return lower, upper
}

// keyCols picks the key columns of a batch.
func (v *View) keyCols(b *rows.Batch) []*rows.Vec {
	cols := make([]*rows.Vec, len(v.def.Key))
	for i, c := range v.def.Key {
		cols[i] = b.Cols[c]
	}
	return cols
}

// Violation is the error of changes that a relation cannot hold: a second row under a key, a retraction
// from a log, and what checking mode finds. The store is as good as before; only the relation is not.
type Violation struct{ err *sqlerr.Error }

// Error implements error.
func (e *Violation) Error() string { return e.err.Error() }

// Unwrap returns the error for clients, with its SQLSTATE.
func (e *Violation) Unwrap() error { return e.err }

func (v *View) violation(format string, args ...any) error {
	return &Violation{sqlerr.New(sqlerr.Internal, "stored relation %d: %s", v.def.Table, fmt.Sprintf(format, args...))}
}
