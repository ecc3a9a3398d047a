package state

import (
	"errors"

	"tidemill/exec/mem"
	"tidemill/sql/sqlerr"
)

// Tables is the Provider of one operator on one worker. The flow commits what the operator changed
// with Flush and restores it with Load.
type Tables struct {
	ids      map[string]uint32
	maps     map[string]*Map
	multis   map[string]*Multi
	ordereds map[string]*Ordered
	all      []table // in the order in which the operator asked
	ledger   ledger
	durable  bool
	set      KeySorter
	err      error
}

var _ Provider = (*Tables)(nil)

// table is what Map, Multi and Ordered have in common.
type table interface {
	Flush(w *CommitWriter) error
	Load(snap *Snap, vnodes func(uint16) bool) error
	Reset()
	SizeBytes() int64
	Len() int
	Visited() int64
}

// NewProvider returns the durable tables of an operator. ids gives the store's number of each table;
// two tables with different numbers never share a key. A name without a number is an error that
// Err, Flush and Load report.
func NewProvider(_ *Store, ids map[string]uint32, acct *mem.Account) *Tables {
	t := Ephemeral(acct)
	t.ids, t.durable = ids, true
	return t
}

// Ephemeral returns tables that are never stored, for batch queries.
func Ephemeral(acct *mem.Account) *Tables {
	t := &Tables{maps: map[string]*Map{}, multis: map[string]*Multi{}, ordereds: map[string]*Ordered{}}
	t.ledger.acct = acct
	return t
}

func (t *Tables) stored(name string) *durable {
	if !t.durable {
		return nil
	}
	id, ok := t.ids[name]
	if !ok && t.err == nil {
		t.err = sqlerr.New(sqlerr.Internal, "state table %q has no number in the plan", name)
	}
	return &durable{space: SpaceOperator, id: TableID(id), set: &t.set}
}

// Map implements Provider.
func (t *Tables) Map(name string) *Map {
	m := t.maps[name]
	if m == nil {
		m = &Map{durable: t.stored(name)}
		m.arena.ledger, m.idx.ledger = &t.ledger, &t.ledger
		t.maps[name] = m
		t.all = append(t.all, m)
	}
	return m
}

// Multi implements Provider.
func (t *Tables) Multi(name string) *Multi {
	m := t.multis[name]
	if m == nil {
		m = &Multi{durable: t.stored(name)}
		m.arena.ledger, m.keys.ledger, m.rows.ledger = &t.ledger, &t.ledger, &t.ledger
		t.multis[name] = m
		t.all = append(t.all, m)
	}
	return m
}

// Ordered implements Provider.
func (t *Tables) Ordered(name string) *Ordered {
	o := t.ordereds[name]
	if o == nil {
		o = &Ordered{durable: t.stored(name), ledger: &t.ledger}
		o.arena.ledger = &t.ledger
		t.ordereds[name] = o
		t.all = append(t.all, o)
	}
	return o
}

// Flush writes all entries that have changed since the last Flush.
func (t *Tables) Flush(w *CommitWriter) error {
	if t.err != nil {
		return t.err
	}
	for _, x := range t.all {
		if err := x.Flush(w); err != nil {
			return err
		}
	}
	return nil
}

// Load restores the content of all tables that the operator has asked for so far. Only entries in
// virtual nodes that vnodes accepts are read: those of the worker.
func (t *Tables) Load(snap *Snap, vnodes func(uint16) bool) error {
	if t.err != nil {
		return t.err
	}
	for _, x := range t.all {
		if err := x.Load(snap, vnodes); err != nil {
			return err
		}
	}
	return t.ledger.err
}

// Err returns why the tables must not be used any longer: the memory account's refusal, or a table
// without a number. The flow asks after every batch; tables grow on until it does.
func (t *Tables) Err() error {
	if t.err != nil {
		return t.err
	}
	return t.ledger.err
}

// ClearErr forgets a refusal of memory, after room has been made.
func (t *Tables) ClearErr() { t.ledger.err = nil }

// SizeBytes returns the memory that the tables hold.
func (t *Tables) SizeBytes() (n int64) {
	for _, x := range t.all {
		n += x.SizeBytes()
	}
	return n
}

// Len returns the number of entries in all tables.
func (t *Tables) Len() (n int) {
	for _, x := range t.all {
		n += x.Len()
	}
	return n
}

// Visited returns how many entries of all tables have been looked up or walked over so far: the work
// of the operator, for tests of how it grows.
func (t *Tables) Visited() (n int64) {
	for _, x := range t.all {
		n += x.Visited()
	}
	return n
}

// Reset forgets everything in memory; the store keeps what it has.
func (t *Tables) Reset() {
	for _, x := range t.all {
		x.Reset()
	}
}

// Drop removes everything stored under the provider's numbers, and everything in memory.
func (t *Tables) Drop(w *CommitWriter) error {
	t.Reset()
	for _, id := range t.ids {
		w.DropTable(SpaceOperator, TableID(id))
	}
	return errors.Join(t.err, w.err)
}
