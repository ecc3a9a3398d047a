package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"tidemill/catalog"
	"tidemill/exec/state"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Numbers of a sequence are taken from a reserve in memory. The store has the first number behind the
// reserve, and a number is handed out only once that is durable, or will be before anybody can learn of
// it. So a number is never given twice, whatever crashes; those of the reserve are lost then.

// sequenceReserve is how many numbers are reserved at a time.
const sequenceReserve = 1024

// sequenceID names the sequence of a table's column. Dropping a column moves the ones behind it, so it
// goes by name.
type sequenceID struct {
	table uint32
	name  string
}

// sequence is a generator's state. next is the next number, left how many of the reserve remain, done
// that a sequence without CYCLE has reached its end.
type sequence struct {
	def  catalog.Sequence
	next int64
	left int
	done bool
	// reserved counts reservations, durable how many of them are known to be on disk.
	reserved, durable uint64
}

// sequences are the generators in use.
type sequences struct {
	mu    sync.Mutex
	list  map[sequenceID]*sequence
	dirty map[sequenceID][]byte // records for the next epoch
}

func sequenceKey(id sequenceID) []byte { return metaKey(state.SpaceSequences, id.table, id.name) }

// sequenceOf is the id of a sequence: an object's own goes by no name, because that may change.
func sequenceOf(table uint32, s *catalog.Sequence) sequenceID {
	if s.Object {
		return sequenceID{table, ""}
	}
	return sequenceID{table, s.Name}
}

// begun tells whether a number has been given, as far as that can be told.
func (s *sequence) begun() bool { return s.next != s.def.Start || s.done }

// SequenceNamed finds the table and column that a sequence belongs to, nil if there is none.
func SequenceNamed(cat *catalog.Snapshot, path []string, parts []string) (*catalog.Object, *catalog.Sequence) {
	schemas := path
	if len(parts) > 1 {
		schemas = parts[len(parts)-2 : len(parts)-1]
	}
	name := parts[len(parts)-1]
	for _, schema := range schemas {
		if o := cat.ByName(schema, name); o != nil && o.Kind == catalog.SequenceKind {
			return o, o.Number
		}
		for _, o := range cat.Objects() {
			for i := range o.Columns {
				if s := o.Columns[i].Sequence; s != nil && o.Schema == schema && s.Name == name {
					return o, s
				}
			}
		}
	}
	return nil, nil
}

// nameSequences gives the sequences of a table's new columns names that are free.
func (e *Engine) nameSequences(o *catalog.Object) {
	cat := e.catalogNow()
	for i := range o.Columns {
		s := o.Columns[i].Sequence
		if s == nil || s.Name != "" {
			continue
		}
		base := o.Name + "_" + o.Columns[i].Name + "_seq"
		s.Name = base
		for n := 1; ; n++ {
			other, _ := SequenceNamed(cat, []string{o.Schema}, []string{s.Name})
			if other == nil && cat.ByName(o.Schema, s.Name) == nil {
				break
			}
			s.Name = fmt.Sprint(base, n)
		}
	}
}

// Nextval takes the next number of a sequence. The step loop may take it at once, because what it does
// with the number is committed together with the reserve; others wait until the reserve is durable.
func (e *Engine) Nextval(ctx context.Context, table uint32, def *catalog.Sequence) (int64, error) {
	id := sequenceOf(table, def)
	q := &e.sequences
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		s, err := e.sequence(id, def)
		if err != nil {
			return 0, err
		}
		if s.left == 0 && !s.done {
			s.left, s.reserved = sequenceReserve, s.reserved+1
			q.store(id, s.ahead(sequenceReserve))
		}
		if seen := s.reserved; seen > s.durable && !inLoop(ctx) {
			q.mu.Unlock()
			err := e.submit(ctx, func() error { return nil })
			q.mu.Lock()
			if err != nil {
				return 0, err
			}
			s.durable = max(s.durable, seen)
			continue
		}
		return s.take()
	}
}

// Setval makes n the number that a sequence gave last, or with called false the one that it gives next.
func (e *Engine) Setval(ctx context.Context, table uint32, def *catalog.Sequence, n int64, called bool) error {
	if n < def.Min || n > def.Max {
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "setval: value %d is out of bounds for sequence %q (%d..%d)", n, def.Name, def.Min, def.Max)
	}
	set := func() error {
		id := sequenceOf(table, def)
		s := &sequence{def: *def, next: n}
		if called {
			s.advance()
		}
		e.sequences.mu.Lock()
		defer e.sequences.mu.Unlock()
		e.sequences.list[id] = s
		e.sequences.store(id, *s)
		return nil
	}
	if inLoop(ctx) {
		return set()
	}
	return e.submit(ctx, set)
}

// restartSequences puts a table's sequences back to their start, in the step loop.
func (e *Engine) restartSequences(o *catalog.Object) {
	e.sequences.mu.Lock()
	defer e.sequences.mu.Unlock()
	for i := range o.Columns {
		if def := o.Columns[i].Sequence; def != nil {
			id := sequenceID{o.ID, def.Name}
			s := &sequence{def: *def, next: def.Start}
			e.sequences.list[id] = s
			e.sequences.store(id, *s)
		}
	}
}

// sequence returns a generator, read from the store when it has not been used yet. The lock is held.
func (e *Engine) sequence(id sequenceID, def *catalog.Sequence) (*sequence, error) {
	if s := e.sequences.list[id]; s != nil {
		return s, nil
	}
	s := &sequence{def: *def, next: def.Start}
	snap := e.store.Snapshot()
	defer snap.Close()
	raw, ok, err := snap.Get(sequenceKey(id))
	if err != nil {
		return nil, err
	}
	if ok {
		if len(raw) != 9 {
			return nil, sqlerr.New(sqlerr.DataCorrupted, "sequence %q: malformed record", def.Name)
		}
		s.next, s.done = int64(binary.BigEndian.Uint64(raw)), raw[8] == 1
	}
	e.sequences.list[id] = s
	return s, nil
}

// store has a generator's state written with the next epoch. The lock is held.
func (q *sequences) store(id sequenceID, s sequence) {
	raw := binary.BigEndian.AppendUint64(nil, uint64(s.next))
	raw = append(raw, 0)
	if s.done {
		raw[8] = 1
	}
	q.dirty[id] = raw
}

// write puts what has changed into an epoch.
func (q *sequences) write(w *state.CommitWriter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, raw := range q.dirty {
		if raw == nil {
			w.Delete(sequenceKey(id))
			continue
		}
		w.Set(sequenceKey(id), raw)
	}
	clear(q.dirty)
}

// forget drops the generators of a table that is gone.
func (q *sequences) forget(table uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id := range q.list {
		if id.table == table {
			delete(q.list, id)
			delete(q.dirty, id)
		}
	}
}

// take returns the next number of the reserve.
func (s *sequence) take() (int64, error) {
	if s.done {
		bound, word := s.def.Max, "maximum"
		if s.def.Step < 0 {
			bound, word = s.def.Min, "minimum"
		}
		return 0, sqlerr.New("2200H", "nextval: reached %s value of sequence %q (%d)", word, s.def.Name, bound)
	}
	n := s.next
	s.left--
	s.advance()
	return n, nil
}

// advance steps to the next number.
func (s *sequence) advance() {
	step := s.def.Step
	up := step > 0 && (s.next > math.MaxInt64-step || s.next+step > s.def.Max)
	down := step < 0 && (s.next < math.MinInt64-step || s.next+step < s.def.Min)
	switch {
	case !up && !down:
		s.next += step
	case !s.def.Cycle:
		s.done = true
	case up:
		s.next = s.def.Min
	default:
		s.next = s.def.Max
	}
}

// ahead is the generator after n more numbers.
func (s *sequence) ahead(n int) sequence {
	c := *s
	for range n {
		if c.done {
			break
		}
		c.advance()
	}
	return c
}

type loopKey struct{}

// withLoop marks a context as that of the step loop, which must not wait for itself.
func withLoop(ctx context.Context) context.Context { return context.WithValue(ctx, loopKey{}, true) }

func inLoop(ctx context.Context) bool { return ctx.Value(loopKey{}) != nil }

// loopSession is the session of a statement that the step loop runs.
type loopSession struct {
	fn.Session
	ctx context.Context
}

// SequenceSession is a session whose sequence functions can be told whose context counts.
type SequenceSession interface {
	// Sequence runs nextval, currval, lastval or setval.
	Sequence(ctx context.Context, name string, args []types.Datum) (types.Datum, error)
}

// Catalog implements fn.Session.
func (l loopSession) Catalog(name string, args []types.Datum) (types.Datum, error) {
	switch name {
	case "nextval", "setval":
		if s, ok := l.Session.(SequenceSession); ok {
			return s.Sequence(l.ctx, name, args)
		}
	}
	return l.Session.Catalog(name, args)
}
