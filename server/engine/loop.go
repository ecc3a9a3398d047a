package engine

import (
	"fmt"
	"runtime/debug"
	"time"

	"tidemill/catalog"
	"tidemill/exec/flow"
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
			case <-e.stop:
				more = false
			case r := <-e.requests:
				if err := e.serve(r); err != nil {
					e.die(err)
					return
				}
			default:
				more = false
			}
		}
		if err := e.unpark(); err != nil {
			e.die(err)
			return
		}
		more, err := e.turn()
		if err != nil {
			e.die(err)
			return
		}
		if more {
			e.wake()
		} else if err := e.settle(); err != nil {
			e.die(err)
			return
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

// drain waits for the epoch under way and refuses the requests that came too late.
func (e *Engine) drain() {
	if ep := e.inflight; ep != nil {
		e.inflight = nil
		if err := <-ep.done; err != nil {
			ep.refuse(err)
		} else {
			e.syncer.await(ep.number, ep.p.waiters)
		}
	}
	for _, r := range e.parked {
		if r.claimed.CompareAndSwap(false, true) {
			r.done <- errShutdown()
		}
	}
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

// unpark serves what has waited for the end of a rewrite.
func (e *Engine) unpark() error {
	list := e.parked
	if e.rewriting != nil || len(list) == 0 {
		return nil
	}
	e.parked = nil
	for _, r := range list {
		if err := e.serve(r); err != nil {
			return err
		}
	}
	return nil
}

// serve runs a request. Without an error its outcome is that of the next epoch; with one, nothing of
// it is left in the pending epoch. What serve itself returns is a failure of the engine.
func (e *Engine) serve(r *request) error {
	if e.waits(r) {
		e.parked = append(e.parked, r)
		return nil
	}
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
	if err := e.settle(); err != nil { // statements read what is committed
		r.done <- err
		return err
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
	if err := e.swapReady(); err != nil {
		return false, err
	}
	if err := e.endRewrite(); err != nil {
		return false, err
	}
	p := e.pending
	e.pending = pending{}
	in := e.gather(&p)
	ticks := e.moveClock()
	if p.empty() && !in.any() && !ticks {
		return false, nil
	}
	start := time.Now()
	ep := &epoch{number: e.nextEpoch(), p: p, in: in, done: make(chan error, 1)}
	ep.outs = e.circuit.Step(ep.number, e.now, in.feeds)
	c, err := e.prepare(ep)
	if err == nil {
		err = e.settle()
	}
	if err != nil {
		if c != nil {
			c.Abandon()
		}
		ep.refuse(err)
		return false, fmt.Errorf("committing epoch %d: %w", ep.number, err)
	}
	e.metrics.step(time.Since(start), in.rows, nil)
	e.inflight = ep
	if ep.alone() {
		ep.done <- e.apply(c, ep.catalog)
		err = e.settle()
		return in.more || e.anyWaiting(), err
	}
	go func() { ep.done <- e.apply(c, nil) }()
	return in.more || e.anyWaiting(), nil
}

// input is what an epoch consumes.
type input struct {
	feeds     []flow.Feed
	moved     []*feeder // feeders whose position changed
	bad       []badRecords
	fills     []*backfill // backfills with progress to record
	indexed   []*indexFill
	rewriting *rewrite
	ended     []*feeder    // sources that end with this epoch
	times     []*eventTime // watermarks to record
	rows      int
	more      bool
}

func (in *input) any() bool {
	return len(in.feeds) > 0 || len(in.moved) > 0 || len(in.bad) > 0 || len(in.fills) > 0 || len(in.indexed) > 0 || in.rewriting != nil || len(in.ended) > 0 || len(in.times) > 0
}

// gather takes what waits: table changes, rows of sources, chunks of backfills.
func (e *Engine) gather(p *pending) *input {
	in := &input{feeds: p.feeds}
	for id, f := range e.sources {
		if e.takeFrom(in, p, f, id) && !f.ended {
			f.ended = true
			in.ended = append(in.ended, f)
		}
	}
	for _, b := range e.fills {
		b.gather(e, in)
	}
	for _, f := range e.indexFills {
		f.gather(e, in)
	}
	if j := e.rewriting; j != nil {
		j.gather(e, in)
	}
	e.followTables(p)
	for id, deltas := range p.deltas {
		in.feeds = append(in.feeds, flow.Feed{Object: id, Batches: deltas})
		in.rows += countRows(deltas)
	}
	e.tick(in)
	return in
}

// takeFrom takes what waits in the main feeder of a source.
func (e *Engine) takeFrom(in *input, p *pending, f *feeder, object uint32) (ended bool) {
	t := f.take(e.cfg.StepRows)
	if et := e.times[object]; et != nil {
		e.followSource(p, et, f, &t)
	}
	if len(t.bad) > 0 {
		in.bad = append(in.bad, badRecords{object, t.bad})
	}
	in.took(f, &t, flow.Feed{Object: object})
	return t.ended
}

// took adds what was taken from a feeder to the input of a step.
func (in *input) took(f *feeder, t *taken, to flow.Feed) {
	if len(t.batches) > 0 {
		to.Cols, to.Batches = f.cols, t.batches
		in.feeds = append(in.feeds, to)
		in.rows += t.rows
	}
	if t.moved {
		in.moved = append(in.moved, f)
	}
	in.more = in.more || f.waiting()
}

func (e *Engine) anyWaiting() bool {
	if len(e.indexFills) > 0 || len(e.parked) > 0 && e.rewriting == nil {
		return true
	}
	if j := e.rewriting; j != nil && (!j.done || e.rewritten()) {
		return true
	}
	if len(e.fills) > 0 {
		for _, b := range e.fills {
			if b.ready() || e.caughtUp(b) {
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
