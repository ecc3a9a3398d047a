package engine

import (
	"encoding/json"
	"math"
	"sync/atomic"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/exec/flow"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// backfillRows is the number of rows of an upstream relation that one epoch feeds to a new dataflow.
const backfillRows = 64 << 10

// backfill brings a new dataflow up to date while everything else goes on.
//
// From a stored relation (table, view): each epoch reads the next chunk in storage order from the
// previous epoch's snapshot and lets the relation's own changes through only for keys up to the
// cursor, because the later ones will be met by the scan. From a source, which is not stored: the
// dataflow gets new rows with everybody else at once, and a feeder of its own re-reads the past up
// to the position at which it joined; the order does not matter, since the rows are insertions.
type backfill struct {
	flow    *flow.Dataflow
	feeders []*feeder
	scans   []*scanFill
	ended   map[*feeder]bool
	// leads are the relations that are read in full before the others: what a lookup join looks up.
	leads map[uint32]bool
	late  map[uint32]*lateRows // per source, what the main feeder found to be late
	// recorded tells that the first epoch has stored where the backfill starts.
	recorded bool
	// replaces is the view whose new definition the dataflow is; 0 = none.
	replaces uint32
	stopped  bool // it cannot go on; the next step tells why
	// share is what progress returns, as bits: the rest is the loop's.
	share atomic.Uint64
	// wait is answered when the dataflow is up to date.
	wait []chan error
}

// scanFill is the scan of one stored relation.
type scanFill struct {
	object uint32
	cursor []byte
	done   bool
	moved  bool
	rows   int64
	total  int64
}

// fillState is the stored form of a scanFill.
type fillState struct {
	Cursor []byte `json:"cursor"`
	Done   bool   `json:"done"`
}

// gather adds this epoch's part of the backfill to the input.
func (b *backfill) gather(e *Engine, in *input) {
	before := len(in.feeds) + len(in.moved) + len(in.bad)
	for _, f := range b.feeders {
		if b.ended[f] || b.stopped || b.holds(f.source.ID) {
			continue
		}
		t := f.take(e.cfg.StepRows) // bad records were met before
		if late := b.late[f.source.ID]; late != nil {
			t.batches = late.without(t.batches, f.cols)
		}
		in.took(f, &t, flow.Feed{Object: f.source.ID, To: b.flow.ID})
		if t.ended {
			b.ended[f] = true
			in.moved = append(in.moved, f)
		} else if err := f.failed(); err != nil {
			b.stop(err)
		}
	}
	for _, s := range b.scans {
		if s.moved = false; !s.done && !b.stopped && !b.holds(s.object) {
			b.scan(e, in, s)
		}
	}
	b.share.Store(math.Float64bits(b.measure()))
	if !b.recorded || b.stopped || len(in.feeds)+len(in.moved)+len(in.bad) > before || b.anyMoved() || b.finished() {
		in.fills = append(in.fills, b)
	}
}

// holds tells whether a relation has to wait for others.
func (b *backfill) holds(object uint32) bool {
	if len(b.leads) == 0 || b.leads[object] {
		return false
	}
	for _, s := range b.scans {
		if b.leads[s.object] && !s.done {
			return true
		}
	}
	for _, f := range b.feeders {
		if b.leads[f.source.ID] && !b.ended[f] {
			return true
		}
	}
	return false
}

// stop gives up: the coming step stops the dataflow because of err.
func (b *backfill) stop(err error) {
	b.stopped = true
	b.flow.Stop(err)
}

func (b *backfill) anyMoved() bool {
	for _, s := range b.scans {
		if s.moved {
			return true
		}
	}
	return false
}

// scan reads the next chunk of a stored relation and opens the gate up to its end.
func (b *backfill) scan(e *Engine, in *input, s *scanFill) {
	v := e.views[s.object]
	snap := e.store.Snapshot()
	defer snap.Close()
	chunk, next, done, err := v.ScanFrom(snap, s.cursor, backfillRows, nil)
	if err != nil {
		b.stop(err)
		return
	}
	s.cursor, s.done, s.moved = next, done, true
	if done {
		b.flow.SetGate(s.object, nil)
	} else {
		b.flow.SetGate(s.object, func(delta *rows.Batch) *rows.Batch { return v.UpTo(next, delta) })
	}
	if chunk != nil && chunk.Len() > 0 {
		s.rows += int64(chunk.Len())
		in.feeds = append(in.feeds, flow.Feed{Object: s.object, To: b.flow.ID, Batches: []*rows.Batch{chunk}})
		in.rows += chunk.Len()
	}
}

// ready tells whether the backfill has work that does not depend on new input.
func (b *backfill) ready() bool {
	if b.stopped {
		return false
	}
	for _, s := range b.scans {
		if !s.done {
			return true
		}
	}
	for _, f := range b.feeders {
		if !b.holds(f.source.ID) && f.waiting() {
			return true
		}
	}
	return false
}

// finished tells whether everything has been read.
func (b *backfill) finished() bool {
	for _, s := range b.scans {
		if !s.done {
			return false
		}
	}
	for _, f := range b.feeders {
		if !b.ended[f] {
			return false
		}
	}
	return true
}

// write records the progress of the scans.
func (b *backfill) write(w *state.CommitWriter) {
	b.recorded = true
	for _, s := range b.scans {
		raw, err := json.Marshal(fillState{s.cursor, s.done})
		if err != nil {
			panic(err) // bytes and a bool always marshal
		}
		w.Set(fillKey(s.object, b.flow.ID), raw)
	}
	for _, f := range b.feeders {
		putPosition(w, f.source.ID, f.to, position{Next: f.pos, Until: f.until, Done: b.ended[f]})
	}
	for id, late := range b.late {
		late.write(w, lateKey(id, b.flow.ID))
	}
}

func fillKey(object, to uint32) []byte {
	return metaKey(state.SpacePositions, object, positionName(to))
}

// progress is the share of the backfill that is done, between 0 and 1. Any goroutine may ask.
func (b *backfill) progress() float64 { return math.Float64frombits(b.share.Load()) }

func (b *backfill) measure() float64 {
	done, total := 0.0, 0.0
	for _, s := range b.scans {
		total++
		switch {
		case s.done:
			done++
		case s.total > 0:
			done += min(1, float64(s.rows)/float64(s.total))
		}
	}
	for _, f := range b.feeders {
		total++
		if b.ended[f] {
			done++
		}
	}
	if total == 0 {
		return 1
	}
	return done / total
}

// startFill sets up what a new dataflow has to catch up on. Called in the loop when the dataflow is
// added, and at recovery for one that was not finished (restored says so).
func (e *Engine) startFill(d *flow.Dataflow, cat *catalog.Snapshot, restored bool) (*backfill, error) {
	b := &backfill{flow: d, ended: map[*feeder]bool{}, late: map[uint32]*lateRows{}}
	scans, err := d.Plan.Scans()
	if err != nil {
		return nil, err
	}
	if b.leads, err = d.Plan.Leads(); err != nil {
		return nil, err
	}
	snap := e.store.Snapshot()
	defer snap.Close()
	for _, id := range scans {
		o := cat.ByID(id)
		if o.Kind == catalog.Source {
			if err := e.fillSource(b, o, snap, restored); err != nil {
				b.close()
				return nil, err
			}
			continue
		}
		s := &scanFill{object: id}
		if restored {
			raw, ok, err := snap.Get(fillKey(id, d.ID))
			if err != nil {
				return nil, err
			}
			var st fillState
			if ok {
				if err := json.Unmarshal(raw, &st); err != nil {
					return nil, err
				}
			}
			s.cursor, s.done = st.Cursor, st.Done
		}
		if n, err := e.views[id].Count(snap); err == nil {
			s.total = n
		}
		if !s.done {
			closed := s.cursor
			v := e.views[id]
			d.SetGate(id, func(delta *rows.Batch) *rows.Batch {
				if closed == nil {
					return nil
				}
				return v.UpTo(closed, delta)
			})
		}
		b.scans = append(b.scans, s)
	}
	return b, nil
}

// fillSource joins the dataflow to the source's main feeder and re-reads what that has passed.
func (e *Engine) fillSource(b *backfill, src *catalog.Object, snap *state.Snap, restored bool) error {
	cols := readCols(src, b.flow.ReadCols(src.ID))
	var err error
	if restored {
		p, ok, err := readPosition(snap, src.ID, b.flow.ID)
		if err != nil || !ok || p.Done {
			return err
		}
		if src.Watermark != nil {
			if b.late[src.ID], err = restoreLate(src, snap, lateKey(src.ID, b.flow.ID)); err != nil {
				return err
			}
		}
		return b.open(e, src, cols, &p, true)
	}
	var until connector.Offset
	if main := e.sources[src.ID]; main != nil {
		until = main.pos.Clone()
	} else if src.Watermark != nil { // which rows were late is decided once
		p, _, err := readPosition(snap, src.ID, 0)
		if err != nil {
			return err
		}
		until = p.Next
	}
	if len(until) == 0 {
		return nil // nothing has been read yet: the main feeder brings everything
	}
	if src.Watermark != nil {
		if b.late[src.ID], err = e.findLate(src, snap); err != nil {
			return err
		}
	}
	return b.open(e, src, cols, &position{Until: until}, false)
}

func (b *backfill) open(e *Engine, src *catalog.Object, cols []int, p *position, restored bool) error {
	f, err := openFeeder(src, b.flow.ID, cols, p.Next, p.Until, e.wake)
	if err != nil && !restored {
		return err
	} else if err != nil { // the server must start without it; the dataflow fails in the first step
		f = startFeeder(src, b.flow.ID, cols, p.Next, p.Until, failedReader{err}, e.wake)
	}
	b.feeders = append(b.feeders, f)
	return nil
}

// close stops the feeders.
func (b *backfill) close() {
	for _, f := range b.feeders {
		f.close()
	}
}

// finishFills declares the dataflows up to date that have caught up and read nothing that has not.
func (e *Engine) finishFills() {
	for again := true; again; {
		again = false
		for _, b := range e.fills {
			if b.replaces == 0 && b.recorded && b.finished() && !e.readsUnfinished(b) {
				e.finishFill(b)
				again = true
			}
		}
	}
}

// readsUnfinished tells whether a dataflow reads a view that is not up to date itself.
func (e *Engine) readsUnfinished(b *backfill) bool {
	for _, s := range b.scans {
		if e.fills[s.object] != nil {
			return true
		}
	}
	return false
}

// finishFill declares a dataflow up to date: in the next epoch its object is running.
func (e *Engine) finishFill(b *backfill) {
	cat := e.catalogNow()
	if o := cat.ByID(b.flow.ID); o != nil && o.State == catalog.Creating {
		up := *o
		up.State = catalog.Running
		e.pending.catalog = cat.WithObject(&up)
	}
	e.endFill(b)
	e.pending.waiters = append(e.pending.waiters, b.wait...)
}

// endFill forgets a backfill and what is stored of it.
func (e *Engine) endFill(b *backfill) {
	e.edges.Lock()
	delete(e.fills, b.flow.ID)
	e.edges.Unlock()
	e.closing.Go(b.close)
	b.flow.Hold(false)
	scans, to := b.reads(), b.flow.ID
	e.pending.writes = append(e.pending.writes, func(c *state.Commit) error {
		for _, id := range scans {
			c.Writer(0).Delete(fillKey(id, to))
			prefix := lateKey(id, to)
			c.Writer(0).DeleteRange(prefix, state.PrefixEnd(prefix))
		}
		return nil
	})
}

// reads lists the objects that the dataflow reads.
func (b *backfill) reads() []uint32 {
	scans, err := b.flow.Plan.Scans()
	if err != nil {
		panic(err) // the plan was checked when the dataflow was added
	}
	return scans
}

// abandonFill gives up the backfill of a dataflow that failed or is dropped.
func (e *Engine) abandonFill(id uint32, err error) {
	b := e.fills[id]
	if b == nil {
		return
	}
	e.endFill(b)
	for _, w := range b.wait {
		w <- err
	}
}
