package engine

import (
	"context"
	"maps"
	"slices"

	"tidemill/catalog"
	"tidemill/exec/op"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// Txn is a transaction of several writes. They are carried out one by one against the snapshot that the
// transaction reads and its own earlier changes, which nobody else sees. Commit applies all of them in
// one epoch, provided that no key that they touched has been changed by others since the snapshot: the
// first committer wins, the other gets SQLSTATE 40001. That is snapshot isolation.
//
// A Txn belongs to one goroutine.
type Txn struct {
	e     *Engine
	r     *Reader
	over  overlays
	times map[uint32]*eventTime // of the tables with a watermark, as of the snapshot
	locks map[uint32]bool       // tables that nobody else may change meanwhile
	bytes int
}

// maxTxnBytes bounds the changed rows that a transaction keeps in memory, in bytes of their columns.
const maxTxnBytes = 1 << 30

// Begin starts a transaction on the snapshot of r, which must stay open until Commit or until the
// transaction is forgotten.
func (e *Engine) Begin(r *Reader) *Txn {
	return &Txn{e: e, r: r, over: overlays{}, times: map[uint32]*eventTime{}, locks: map[uint32]bool{}}
}

// Reader returns the snapshot with the changes made so far. It must not be used after the next write,
// and not be closed.
func (t *Txn) Reader() *Reader {
	r := *t.r
	r.over = maps.Clone(t.over)
	return &r
}

// Changed tells whether there is anything to commit.
func (t *Txn) Changed() bool {
	for _, o := range t.over {
		if len(o.deltas) > 0 {
			return true
		}
	}
	return false
}

// Run carries out a write. After an error nothing of it remains.
func (t *Txn) Run(ctx context.Context, f *fn.Ctx, w Write) (*Change, error) {
	m, err := t.e.modification(f, w)
	if err != nil {
		return nil, err
	}
	r := *t.r
	r.over = t.over
	mark := t.over.mark()
	err = m.run(ctx, &r, t.eventTime)
	if t.bytes += m.bytes; err == nil && t.bytes > maxTxnBytes {
		err = sqlerr.New(sqlerr.ProgramLimitExceeded, "the transaction changes more than %d MiB of rows", maxTxnBytes>>20).
			WithHint("Split it into several transactions.")
	}
	if err != nil {
		t.over.rollback(mark)
		return nil, err
	}
	return m.change, nil
}

// eventTime returns the event time of a table at the snapshot, by which the rows of the transaction are
// judged; nil where the table has none.
func (t *Txn) eventTime(o *catalog.Object) (*eventTime, error) {
	if o.Watermark == nil {
		return nil, nil
	}
	if et := t.times[o.ID]; et != nil {
		return et, nil
	}
	et := &eventTime{object: o, Watermark: o.Watermark, watermark: op.NoMark}
	st, err := readTime(t.r.snap, o.ID)
	if st != nil {
		et.watermark = st.Watermark
	}
	t.times[o.ID] = et
	return et, err
}

// validateTime checks that no row of the transaction has become late since it was judged.
func (t *Txn) validateTime(o *overlay) error {
	et := t.e.times[o.t.ID]
	if et == nil {
		return nil
	}
	for _, b := range o.deltas {
		if _, late := et.split(b, b.Cols[et.Column]); late != nil {
			return sqlerr.New(sqlerr.SerializationFailure, "could not serialize access: the watermark of table %q has passed rows of the transaction", o.t.Name).
				WithHint("Run the transaction again: the rows will be set aside as late.")
		}
	}
	return nil
}

// Lock makes the transaction conflict with every change of a table that is committed before it.
func (t *Txn) Lock(table *catalog.Object) { t.locks[table.ID] = true }

// validateLocks checks that the locked tables have not been changed since the snapshot.
func (t *Txn) validateLocks() error {
	for id := range t.locks {
		if t.e.changed[id] > t.r.Epoch() {
			return conflict("A table that the transaction locked has been changed.")
		}
	}
	return nil
}

// Savepoint is a point of a transaction to go back to.
type Savepoint struct {
	marks map[uint32]overlayMark
	bytes int
}

// Savepoint returns the present point.
func (t *Txn) Savepoint() Savepoint { return Savepoint{t.over.mark(), t.bytes} }

// Rollback undoes what was done after the point; the zero Savepoint is the beginning.
func (t *Txn) Rollback(p Savepoint) {
	t.over.rollback(p.marks)
	t.bytes = p.bytes
}

// Commit applies the changes and returns when they are durable.
func (t *Txn) Commit(ctx context.Context) error {
	if !t.Changed() {
		return nil
	}
	return t.e.send(ctx, &request{tables: t.over.ids(), done: make(chan error, 1), do: func() error {
		now, err := t.e.loopReader()
		if err != nil {
			return err
		}
		defer now.Close()
		if err := t.validateLocks(); err != nil {
			return err
		}
		for _, id := range t.over.ids() {
			if err := t.validate(t.over[id], now); err != nil {
				return err
			}
			if err := t.validateTime(t.over[id]); err != nil {
				return err
			}
		}
		for _, id := range t.over.ids() {
			o := t.over[id]
			if mine := now.over.of(t.e, o.t); len(mine.order) > 0 {
				mine.absorb(o)
				mine.settled()
			} else {
				o.settled()
				now.over[id] = o
			}
			t.e.addDeltas(&t.e.pending, id, o.deltas)
		}
		t.over = nil
		return nil
	}})
}

func conflict(format string, args ...any) error {
	return sqlerr.New(sqlerr.SerializationFailure, "could not serialize access due to concurrent update").
		WithDetail(format, args...).WithHint("Run the transaction again.")
}

// validate checks that what the transaction changed is as it was when it read it.
func (t *Txn) validate(o *overlay, now *Reader) error {
	if cur := t.e.catalogNow().ByID(o.t.ID); cur == nil || cur.Shape != o.t.Shape {
		return conflict("Table %q has been altered or dropped.", o.t.Name)
	}
	if !slices.EqualFunc(o.parts, t.e.partsOf(o.t), func(a, b part) bool { return a.v == b.v }) {
		return conflict("Table %q has got or lost a unique index.", o.t.Name)
	}
	others := now.over[o.t.ID]
	if now.Epoch() == t.r.Epoch() && others == nil {
		return nil
	}
	for p := range o.parts {
		var err error
		if o.parts[p].cols == nil {
			err = o.validateBag(now, others)
		} else {
			err = o.validateKeys(p, t.r, now, others)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// validateKeys compares the row under each touched key in two snapshots.
func (o *overlay) validateKeys(p int, then, now *Reader, others *overlay) error {
	keys := make([]string, 0, len(o.slots[p]))
	for k := range o.slots[p] {
		keys = append(keys, k)
	}
	v := o.parts[p].v
	before := make([][]byte, len(keys))
	err := v.Raw(then.snap, keys, func(i int, value []byte) error {
		if value != nil {
			before[i] = append([]byte{}, value...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var row []byte
	return v.Raw(now.snap, keys, func(i int, value []byte) error {
		if others != nil {
			if s, ok := others.slots[p][keys[i]]; ok && s.b == nil {
				value = nil
			} else if ok {
				row = v.Encode(row[:0], s.b, int(s.row))
				value = row
			}
		}
		if (value == nil) == (before[i] == nil) && string(value) == string(before[i]) {
			return nil
		}
		if s := o.slots[p][keys[i]]; before[i] == nil && s.b != nil {
			return duplicateKey(o.t, &o.parts[p], s.b, int(s.row))
		}
		return conflict("A row of table %q has been changed since the transaction read it.", o.t.Name)
	})
}

// validateBag checks that the rows that were taken away are still there.
func (o *overlay) validateBag(now *Reader, others *overlay) error {
	var keys []string
	for k, s := range o.slots[0] {
		if s.w < 0 {
			keys = append(keys, k)
		}
	}
	have, err := o.parts[0].v.Weights(now.snap, keys)
	if err != nil {
		return err
	}
	for i, k := range keys {
		if others != nil {
			have[i] += others.slots[0][k].w
		}
		if have[i]+o.slots[0][k].w < 0 {
			return conflict("A row of table %q has been removed since the transaction read it.", o.t.Name)
		}
	}
	return nil
}

// loopReader reads the last epoch through what the next one holds already. The step loop calls it.
func (e *Engine) loopReader() (*Reader, error) {
	r, err := e.Reader()
	if err != nil {
		return nil, err
	}
	if e.pending.over == nil {
		e.pending.over = overlays{}
	}
	r.over, r.Catalog = e.pending.over, e.catalogNow()
	return r, nil
}

// addDeltas makes a table's changes part of an epoch.
func (e *Engine) addDeltas(p *pending, table uint32, deltas []*rows.Batch) {
	n := countRows(deltas)
	if n == 0 {
		return
	}
	if o := e.catalogNow().ByID(table); o != nil && o.LateOf != 0 {
		if t := e.times[o.LateOf]; t != nil {
			t.late.Add(uint64(n))
		}
	}
	if p.deltas == nil {
		p.deltas = map[uint32][]*rows.Batch{}
	}
	p.deltas[table] = append(p.deltas[table], deltas...)
	e.changed[table] = e.nextEpoch()
}
