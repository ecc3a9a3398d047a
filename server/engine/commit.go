package engine

import (
	"errors"
	"fmt"
	"sync"

	"tidemill/catalog"
	"tidemill/exec/flow"
	"tidemill/exec/state"
	"tidemill/exec/view"
	"tidemill/sql/rows"
)

// epoch is one turn of the loop on its way to the store. While an epoch is being applied, the loop
// computes the next one; at most one is under way, and what reads the store in the loop settles first.
type epoch struct {
	number  uint64
	p       pending
	in      *input
	outs    []flow.Output
	catalog *catalog.Snapshot // to publish with it, nil = unchanged
	changes []noted           // for those who follow relations
	done    chan error
}

// alone tells whether the epoch has to be in the store before the loop goes on: it changes the catalog
// or is part of a backfill, which reads the store between epochs.
func (ep *epoch) alone() bool {
	return ep.catalog != nil || len(ep.in.fills) > 0 || len(ep.in.indexed) > 0 || ep.in.rewriting != nil
}

// refuse answers the statements of an epoch that could not be committed.
func (ep *epoch) refuse(err error) {
	for _, w := range ep.p.waiters {
		w <- err
	}
}

// nextEpoch is the number of the epoch to compute.
func (e *Engine) nextEpoch() uint64 {
	if e.inflight != nil {
		return e.inflight.number + 1
	}
	return e.store.Epoch() + 1
}

// settle waits until the epoch under way, if any, is in the store, and does what follows a commit.
func (e *Engine) settle() error {
	ep := e.inflight
	if ep == nil {
		return nil
	}
	e.inflight = nil
	if err := <-ep.done; err != nil {
		ep.refuse(err)
		return fmt.Errorf("committing epoch %d: %w", ep.number, err)
	}
	e.after(&ep.p, ep.in, ep.outs)
	e.syncer.await(ep.number, ep.p.waiters)
	e.tellFollowers(ep)
	return nil
}

// prepare collects an epoch's writes in one atomic batch: table and view rows, operator state,
// positions, errors, sink logs and the catalog.
func (e *Engine) prepare(ep *epoch) (*state.Commit, error) {
	c := e.store.NewCommit(ep.number)
	if e.cfg.Check { // views are compared with the epoch before
		if err := e.settle(); err != nil {
			return c, err
		}
	}
	var spoiled violations
	if err := e.circuit.Flush(c, ep.outs, e.applyWork(ep.number, &ep.p, ep.outs, &spoiled)); err != nil {
		return c, err
	}
	e.circuit.Fail(ep.outs, spoiled.byFlow)
	ep.catalog = e.markFailed(&ep.p, ep.outs)
	e.noteChanges(ep)
	w := c.Writer(0)
	for _, out := range ep.outs {
		e.writeErrors(w, out)
		if s := e.sinks[out.Flow.ID]; s != nil && out.Err == nil {
			s.log(w, ep.number, out.Deltas)
		}
	}
	e.writeBad(w, ep.number, ep.in.bad)
	for _, f := range ep.in.moved {
		writePosition(w, f)
	}
	e.writeNow(w)
	for _, t := range ep.in.times {
		t.write(w)
	}
	for _, b := range ep.in.fills {
		b.write(w)
	}
	e.sequences.write(w)
	for _, f := range ep.p.writes {
		if err := f(c); err != nil {
			return c, err
		}
	}
	return c, writeCatalog(w, ep.catalog, e.stored)
}

// apply commits the batch and publishes the catalog that goes with it to readers.
func (e *Engine) apply(c *state.Commit, cat *catalog.Snapshot) error {
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
// Changes that a view cannot hold are noted in spoiled and stop that view only; a table's end the engine,
// because a statement that passed its checks has gone wrong.
func (e *Engine) applyWork(epoch uint64, p *pending, outs []flow.Output, spoiled *violations) []flow.Work {
	var work []flow.Work
	for id, deltas := range p.deltas {
		v := e.views[id]
		work = append(work, func(w *state.CommitWriter) error { return v.Apply(w, epoch, deltas) })
		for _, x := range e.uniques[id] {
			work = append(work, func(w *state.CommitWriter) error { return x.Apply(w, epoch, withKey(x, deltas)) })
		}
	}
	for _, out := range outs {
		v := e.views[out.Flow.ID]
		if v == nil || out.Err != nil || len(out.Deltas) == 0 {
			continue
		}
		e.metrics.viewRows.Add(uint64(countRows(out.Deltas)))
		work = append(work, func(w *state.CommitWriter) error {
			return spoiled.note(out.Flow.ID, v.Apply(w, epoch, out.Deltas))
		})
	}
	for _, f := range e.applyRewrite(epoch) {
		work = append(work, f)
	}
	return append(work, e.indexWork(epoch, p, outs)...)
}

// violations collects the views whose storage cannot hold what their dataflow made.
type violations struct {
	mu     sync.Mutex
	byFlow map[uint32]error
}

// note keeps a violation back and passes other errors on.
func (s *violations) note(id uint32, err error) error {
	var v *view.Violation
	if !errors.As(err, &v) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byFlow == nil {
		s.byFlow = map[uint32]error{}
	}
	s.byFlow[id] = err
	return nil
}

// withKey leaves out the rows that a unique index does not have: those with a NULL in its columns.
func withKey(x *view.View, deltas []*rows.Batch) []*rows.Batch {
	out := make([]*rows.Batch, 0, len(deltas))
	p := part{cols: x.Def().Key}
	for _, b := range deltas {
		sel := make([]int32, 0, b.Len())
		for k := range b.Len() {
			if r := b.Row(k); !p.null(b, r) {
				sel = append(sel, int32(r))
			}
		}
		c := *b
		c.Sel = sel
		out = append(out, &c)
	}
	return out
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
		markStopped(&failed, out.Err)
		cat = base.WithObject(&failed)
	}
	return cat
}

// after does what follows a successful commit outside the store.
func (e *Engine) after(p *pending, in *input, outs []flow.Output) {
	for _, out := range outs {
		if out.Err != nil {
			e.abandonFill(out.Flow.ID, out.Err)
			e.discardFailed(out.Flow.ID, out.Err)
		}
	}
	e.finishFills()
	e.finishIndexes()
	for _, f := range in.ended {
		f.committed.Store(true)
	}
}
