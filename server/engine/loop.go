package engine

import (
	"fmt"
	"runtime/debug"
	"time"

	"tidemill/catalog"
	"tidemill/exec/flow"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// loop is the step loop: it takes whatever waits (requests, rows of sources, backfill chunks),
// computes one epoch over it, commits, and starts again. When nothing waits it sleeps.
func (e *Engine) loop() {
	defer close(e.stopped)
	for {
		select {
		case <-e.stop:
			e.drain()
			return
		case r := <-e.requests:
			if err := e.serve(r); err != nil {
				e.die(err)
				return
			}
		case <-e.wakeup:
		case <-e.store.Failed():
			e.die(e.store.Err())
			return
		}
		for more := true; more; {
			select {
			case r := <-e.requests:
				if err := e.serve(r); err != nil {
					e.die(err)
					return
				}
			default:
				more = false
			}
		}
		more, err := e.turn()
		if err != nil {
			e.die(err)
			return
		}
		if more {
			e.wake()
		}
	}
}

// die ends the loop after a failure that leaves memory ahead of the store. The data directory holds
// the last good epoch; opening it again continues from there.
func (e *Engine) die(err error) {
	e.log.Error("the engine stopped; restart to continue from the last committed epoch", "error", err)
	e.failure.Store(&err)
	e.drain()
}

// drain refuses the requests that came too late.
func (e *Engine) drain() {
	for {
		select {
		case r := <-e.requests:
			r.done <- errShutdown()
		default:
			for _, w := range e.pending.waiters {
				w <- errShutdown()
			}
			e.pending = pending{}
			return
		}
	}
}

func errShutdown() error {
	return sqlerr.New(sqlerr.AdminShutdown, "terminating connection due to administrator command")
}

// serve runs a request. Without an error its outcome is that of the next epoch; with one, nothing of
// it is left in the pending epoch. What serve itself returns is a failure of the engine.
func (e *Engine) serve(r *request) error {
	if !r.claimed.CompareAndSwap(false, true) {
		return nil
	}
	if r.fresh && len(e.pending.deltas) > 0 {
		if _, err := e.turn(); err != nil {
			r.done <- err
			return err
		}
		e.wake()
	}
	before := e.pending
	before.writes = before.writes[:len(before.writes):len(before.writes)]
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				e.log.Error("panic in a statement", "panic", p, "stack", string(debug.Stack()))
				err = fmt.Errorf("internal error: %v", p)
			}
		}()
		return r.do()
	}()
	if err != nil {
		e.pending = before
		r.done <- err
		return nil
	}
	e.pending.waiters = append(e.pending.waiters, r.done)
	return nil
}

// catalogNow is the catalog as the requests served so far in this turn leave it.
func (e *Engine) catalogNow() *catalog.Snapshot {
	if e.pending.catalog != nil {
		return e.pending.catalog
	}
	return e.cat.Load()
}

// turn computes and commits one epoch over what waits and tells whether more is waiting already.
func (e *Engine) turn() (more bool, failure error) {
	p := e.pending
	e.pending = pending{}
	in := e.gather(&p)
	if p.empty() && !in.any() {
		return false, nil
	}
	start := time.Now()
	epoch := e.store.Epoch() + 1
	now := e.cfg.Now().UnixMicro()
	outs := e.circuit.Step(epoch, now, in.feeds)
	err := e.commit(epoch, &p, in, outs)
	e.metrics.step(time.Since(start), in.rows, err)
	if err != nil {
		for _, w := range p.waiters {
			w <- err
		}
		return false, fmt.Errorf("committing epoch %d: %w", epoch, err)
	}
	e.after(&p, in, outs)
	e.syncer.await(epoch, p.waiters)
	return in.more || e.anyWaiting(), nil
}

// input is what an epoch consumes.
type input struct {
	feeds []flow.Feed
	moved []*feeder // feeders whose position changed
	bad   []badRecords
	fills []*backfill // backfills with progress to record
	ended []*feeder   // sources that end with this epoch
	rows  int
	more  bool
}

func (in *input) any() bool {
	return len(in.feeds) > 0 || len(in.moved) > 0 || len(in.bad) > 0 || len(in.fills) > 0 || len(in.ended) > 0
}

// gather takes what waits: table changes, rows of sources, chunks of backfills.
func (e *Engine) gather(p *pending) *input {
	in := &input{}
	for id, deltas := range p.deltas {
		in.feeds = append(in.feeds, flow.Feed{Object: id, Batches: deltas})
		in.rows += countRows(deltas)
	}
	for id, f := range e.sources {
		if e.takeFrom(in, f, id, 0) && !f.committed.Load() {
			in.ended = append(in.ended, f)
		}
	}
	for _, b := range e.fills {
		b.gather(e, in)
	}
	return in
}

// takeFrom takes what waits in a feeder.
func (e *Engine) takeFrom(in *input, f *feeder, object, to uint32) (ended bool) {
	t := f.take(e.cfg.StepRows)
	if len(t.batches) > 0 {
		in.feeds = append(in.feeds, flow.Feed{Object: object, To: to, Cols: f.cols, Batches: t.batches})
		in.rows += t.rows
	}
	if len(t.bad) > 0 && to == 0 { // a backfill meets the same bad records again
		in.bad = append(in.bad, badRecords{object, t.bad})
	}
	if t.moved {
		in.moved = append(in.moved, f)
	}
	in.more = in.more || f.waiting()
	return t.ended
}

func (e *Engine) anyWaiting() bool {
	if len(e.fills) > 0 {
		for _, b := range e.fills {
			if b.ready() {
				return true
			}
		}
	}
	return !e.pending.empty()
}

func countRows(bs []*rows.Batch) (n int) {
	for _, b := range bs {
		n += b.Len()
	}
	return n
}

// commit writes one epoch: table and view rows, operator state, positions, errors, sink logs and the
// catalog, in one atomic batch, and publishes it to readers.
func (e *Engine) commit(epoch uint64, p *pending, in *input, outs []flow.Output) error {
	c := e.store.NewCommit(epoch)
	cat := e.markFailed(p, outs)
	work := e.applyWork(epoch, p, outs)
	if err := e.circuit.Flush(c, outs, work); err != nil {
		c.Abandon()
		return err
	}
	w := c.Writer(0)
	for _, out := range outs {
		e.writeErrors(w, out)
		if s := e.sinks[out.Flow.ID]; s != nil && out.Err == nil {
			s.log(w, epoch, out.Deltas)
		}
	}
	e.writeBad(w, epoch, in.bad)
	for _, f := range in.moved {
		writePosition(w, f)
	}
	for _, b := range in.fills {
		b.write(w)
	}
	for _, f := range p.writes {
		if err := f(c); err != nil {
			c.Abandon()
			return err
		}
	}
	if err := writeCatalog(w, cat, e.stored); err != nil {
		c.Abandon()
		return err
	}
	if cat == nil {
		return c.Apply(false)
	}
	e.publish.Lock()
	defer e.publish.Unlock()
	if err := c.Apply(false); err != nil {
		return err
	}
	e.cat.Store(cat)
	e.stored = cat
	return nil
}

// applyWork lists the storage writes of the epoch; workers of the circuit share them out.
func (e *Engine) applyWork(epoch uint64, p *pending, outs []flow.Output) []flow.Work {
	var work []flow.Work
	for id, deltas := range p.deltas {
		v := e.views[id]
		work = append(work, func(w *state.CommitWriter) error { return v.Apply(w, epoch, deltas) })
	}
	for _, out := range outs {
		v := e.views[out.Flow.ID]
		if v == nil || out.Err != nil || len(out.Deltas) == 0 {
			continue
		}
		e.metrics.viewRows.Add(uint64(countRows(out.Deltas)))
		work = append(work, func(w *state.CommitWriter) error { return v.Apply(w, epoch, out.Deltas) })
	}
	return work
}

// markFailed returns the catalog to commit: the pending one, changed where a dataflow stopped.
func (e *Engine) markFailed(p *pending, outs []flow.Output) *catalog.Snapshot {
	cat := p.catalog
	for _, out := range outs {
		if out.Err == nil {
			continue
		}
		base := cat
		if base == nil {
			base = e.cat.Load()
		}
		o := base.ByID(out.Flow.ID)
		if o == nil {
			continue
		}
		e.log.Error("dataflow stopped", "object", o.QualifiedName(), "error", out.Err)
		failed := *o
		failed.State, failed.StateReason = catalog.Failed, sqlerr.As(out.Err).Message
		cat = base.WithObject(&failed)
	}
	return cat
}

// after does what follows a successful commit outside the store.
func (e *Engine) after(p *pending, in *input, outs []flow.Output) {
	for _, out := range outs {
		if out.Err != nil {
			e.abandonFill(out.Flow.ID, out.Err)
			continue
		}
		if s := e.sinks[out.Flow.ID]; s != nil {
			s.poke()
		}
	}
	for _, b := range in.fills {
		if b.finished() {
			e.finishFill(b)
		}
	}
	for _, f := range in.ended {
		f.committed.Store(true)
	}
}
