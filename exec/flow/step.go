package flow

import (
	"fmt"
	"runtime/debug"
	"sync"

	"tidemill/exec/plan"
	"tidemill/sql/rows"
)

// Step computes one epoch over the feeds and returns what every dataflow that took part produced,
// dependencies first. now is the time that expressions see, µs since 1970; it never falls. A step cannot fail as a
// whole: dataflows fail one by one.
func (c *Circuit) Step(epoch uint64, now int64, feeds []Feed) []Output {
	ticks := now > c.now
	c.now = now
	flows := c.activate(feeds, ticks)
	if len(flows) == 0 {
		return nil
	}
	work := c.deal(feeds)
	var wg sync.WaitGroup
	for w := 1; w < c.cfg.Workers; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c.run(w, epoch, now, flows, work[w])
		}()
	}
	c.run(0, epoch, now, flows, work[0])
	wg.Wait()
	return c.collect(flows)
}

// activate marks the dataflows that the feeds reach, those that have not run yet, and when the time
// has moved those that depend on it.
func (c *Circuit) activate(feeds []Feed, ticks bool) []*Dataflow {
	moving := map[uint32]bool{}
	only := map[uint32]bool{}
	for _, f := range feeds {
		if f.To == 0 {
			moving[f.Object] = true
		} else {
			only[f.To] = true
		}
	}
	var out []*Dataflow
	for _, d := range c.flows {
		d.active = false
		if d.failed != nil {
			continue
		}
		d.active = d.advance() || d.fresh || ticks && d.clocked || d.doom != nil || only[d.ID]
		for _, l := range d.leaves {
			d.active = d.active || moving[l.object]
		}
		if d.active {
			moving[d.ID] = true
			out = append(out, d)
		}
	}
	return out
}

// share is a worker's part of a feed.
type share struct {
	feed  *Feed
	batch *rows.Batch
}

// minShare is the number of rows below which splitting a batch over workers does not pay.
const minShare = 1024

// deal spreads the feeds' rows evenly over the workers. Stateless operators run where the rows are
// dealt to; exchanges bring them to the owner of their key.
func (c *Circuit) deal(feeds []Feed) [][]share {
	work := make([][]share, c.cfg.Workers)
	next := 0
	for i := range feeds {
		f := &feeds[i]
		for _, b := range f.Batches {
			parts := b.Split(c.cfg.Workers, minShare)
			for _, p := range parts {
				work[next] = append(work[next], share{f, p})
				next = (next + 1) % c.cfg.Workers
			}
		}
	}
	return work
}

// run is one worker's part of a step.
func (c *Circuit) run(worker int, epoch uint64, now int64, flows []*Dataflow, work []share) {
	for _, d := range flows {
		in := d.instances[worker]
		in.err = d.doom
		for _, ctx := range in.ctxs {
			ctx.Epoch, ctx.Fn.Now = epoch, now
		}
	}
	for _, s := range work {
		for _, l := range c.readers[s.feed.Object] {
			if s.feed.To != 0 && s.feed.To != l.flow.ID || !l.flow.active {
				continue
			}
			in := l.flow.instances[worker]
			in.guard(func() error {
				if s.feed.To != 0 { // a backfill chunk is not subject to the gate
					return l.enter(worker, s.batch, s.feed.Cols)
				}
				return l.push(worker, s.batch, s.feed.Cols)
			})
		}
	}
	for _, d := range flows {
		d.instances[worker].finish()
	}
}

// finish ends the epoch of a dataflow in one worker: at each node first the exchanged input, then
// the operator's Finish. All workers pass the same barriers in the same order, failed or not.
func (in *instance) finish() {
	c := in.flow.circuit
	for i := range in.flow.Plan.Nodes {
		n := &in.flow.Plan.Nodes[i]
		for port, input := range n.Inputs {
			if input.Exchange == plan.Local || c.cfg.Workers == 1 {
				continue
			}
			c.barrier.wait()
			in.guard(func() error { return in.receive(i, port) })
		}
		if in.ops[i] != nil {
			in.guard(func() error { return in.ops[i].Finish(in.ctxs[i]) })
		}
	}
	for _, t := range in.tables {
		in.guard(t.Err) // state that did not fit into the memory budget
	}
}

// guard runs f unless the instance has failed, and keeps its error or panic as the failure. Peers'
// mail is still taken by receive, so that nothing of a failed epoch is left over.
func (in *instance) guard(f func() error) {
	if in.err != nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			in.err = fmt.Errorf("panic in dataflow %d: %v\n%s", in.flow.ID, r, debug.Stack())
		}
	}()
	if err := f(); err != nil {
		in.err = err
	}
}

// collect gathers the step's results and stops the dataflows that failed, with their dependents.
func (c *Circuit) collect(flows []*Dataflow) []Output {
	var outs []Output
	dead := map[uint32]error{}
	for _, d := range flows {
		out := Output{Flow: d}
		for _, l := range d.leaves {
			if err := dead[l.object]; err != nil {
				out.Err = fmt.Errorf("it reads a relation that stopped: %w", err)
			}
		}
		for _, in := range d.instances {
			if in.err != nil && out.Err == nil {
				out.Err = in.err
			}
			out.Deltas = append(out.Deltas, in.deltas...)
			out.Errors = append(out.Errors, in.errors...)
			in.deltas, in.errors, in.appended = nil, nil, 0
			in.flight.Close()
		}
		d.fresh = false
		d.measure(out.Deltas)
		if out.Err != nil {
			dead[d.ID] = out.Err
			out.fail(out.Err)
		}
		outs = append(outs, out)
	}
	return outs
}

// Fail stops dataflows whose output could not be stored, by id, and what reads them, before the epoch
// of outs is committed.
func (c *Circuit) Fail(outs []Output, failures map[uint32]error) {
	if len(failures) == 0 {
		return
	}
	for i := range outs {
		out := &outs[i]
		if out.Err != nil {
			continue
		}
		err := failures[out.Flow.ID]
		for _, l := range out.Flow.leaves {
			if cause := failures[l.object]; cause != nil && err == nil {
				err = fmt.Errorf("it reads a relation that stopped: %w", cause)
			}
		}
		if err != nil {
			failures[out.Flow.ID] = err
			out.fail(err)
		}
	}
}

// fail stops the dataflow of an output.
func (out *Output) fail(err error) {
	d := out.Flow
	d.failed, out.Err = err, err
	out.Deltas, out.Errors = nil, nil
	for _, in := range d.instances {
		in.dropMail()
	}
	d.release()
	d.measure(nil)
}

func (in *instance) dropMail() {
	for _, ports := range in.mail {
		for _, box := range ports {
			clear(box)
		}
	}
}
