package flow

import (
	"fmt"
	"slices"
	"sync"

	"tidemill/exec/mem"
	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Config configures a circuit.
type Config struct {
	// Workers is the number of goroutines that share the virtual nodes.
	Workers int
	// Store is the durable home of operator state.
	Store *state.Store
	// Mem bounds operator state and batches in flight; nil = no bound.
	Mem *mem.Budget
	// Check wraps every operator in invariant checkers, as all tests do.
	Check bool
}

// Circuit is the running DAG. It is used by one goroutine, the engine's step loop.
type Circuit struct {
	cfg     Config
	flows   []*Dataflow // dependencies first
	byID    map[uint32]*Dataflow
	readers map[uint32][]*leaf // object → the scans that read it
	barrier *barrier
	now     int64            // the time of the last step
	sizes   sync.Map         // dataflow id → Size
	marks   map[uint32]*mark // event time of sources and tables
}

// Dataflow is the operators of one view or sink.
type Dataflow struct {
	// ID is the catalog id of the view or sink.
	ID   uint32
	Plan *plan.Plan
	// FailOnError stops the dataflow at the first row whose expression fails; otherwise such rows are
	// diverted to its error relation.
	FailOnError bool

	circuit   *Circuit
	env       types.Env   // what its expressions see of settings
	instances []*instance // one per worker
	leaves    []*leaf
	fresh     bool // has not run yet: constant leaves and global aggregates are due
	active    bool // takes part in the current step
	clocked   bool // takes part when the time has moved
	failed    error

	// Event time: how it goes through the plan, which columns of its nodes it reaches (timed: any), and
	// the bounds that they have now.
	marker *plan.Marker
	marked []plan.Marks
	timed  bool
	held   bool
	bounds []plan.Marks

	doom error // why the next step stops it, see Stop
}

// leaf is a scan node: an entry of an object's deltas into a dataflow.
type leaf struct {
	flow   *Dataflow
	node   int
	object uint32
	cols   []int
	// gate lets deltas of the object pass while the dataflow is backfilling from it; nil = all pass.
	gate func(*rows.Batch) *rows.Batch
	seen plan.Marks // the bounds of the object when they moved last
}

// Feed is input of a step: deltas of one object.
type Feed struct {
	Object uint32
	// To limits the feed to one dataflow (backfill); 0 = every reader.
	To uint32
	// Cols lists which of the object's columns the batches hold, in order; nil = all.
	Cols    []int
	Batches []*rows.Batch
}

// ErrorRow is a row that failed in an expression, with the weight that it had.
type ErrorRow struct {
	Code    string
	Message string
	Row     string // the operator's input row in record text form
	W       int64
}

// Output is what one dataflow produced in a step.
type Output struct {
	Flow   *Dataflow
	Deltas []*rows.Batch // owned by the receiver
	Errors []ErrorRow
	// Err is set when the dataflow failed in this step; Deltas and Errors are then empty.
	Err error
}

// New makes an empty circuit.
func New(cfg Config) *Circuit {
	if cfg.Workers < 1 {
		cfg.Workers = 1
	}
	return &Circuit{
		cfg: cfg, byID: map[uint32]*Dataflow{}, readers: map[uint32][]*leaf{},
		barrier: newBarrier(cfg.Workers), marks: map[uint32]*mark{},
	}
}

// Workers returns the number of workers.
func (c *Circuit) Workers() int { return c.cfg.Workers }

// Flow returns the dataflow with the id, or nil.
func (c *Circuit) Flow(id uint32) *Dataflow { return c.byID[id] }

// Flows returns all dataflows, dependencies first.
func (c *Circuit) Flows() []*Dataflow { return c.flows }

// Reads tells whether some dataflow reads the object.
func (c *Circuit) Reads(object uint32) bool { return len(c.readers[object]) > 0 }

// ReadCols returns the object's columns that some dataflow reads, ascending.
func (c *Circuit) ReadCols(object uint32) []int {
	var cols []int
	for _, l := range c.readers[object] {
		cols = append(cols, l.cols...)
	}
	slices.Sort(cols)
	return slices.Compact(cols)
}

// Clocked tells whether some dataflow depends on the time, so that there have to be steps in which
// nothing else moves.
func (c *Circuit) Clocked() bool {
	return slices.ContainsFunc(c.flows, func(d *Dataflow) bool { return d.clocked && d.failed == nil })
}

// Add builds a dataflow from a stored plan. With restore its operators take up the state of the
// store's last epoch, else they start empty. Dependencies must have been added before.
func (c *Circuit) Add(id uint32, p *plan.Plan, failOnError, restore bool) (*Dataflow, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	d := &Dataflow{ID: id, Plan: p, FailOnError: failOnError, circuit: c, fresh: !restore}
	var err error
	if d.env, err = p.Env(); err != nil {
		return nil, err
	}
	leaves, err := p.Leaves()
	if err != nil {
		return nil, err
	}
	for _, l := range leaves {
		d.leaves = append(d.leaves, &leaf{flow: d, node: l.Node, object: l.Scan.Object, cols: l.Scan.Cols})
	}
	for _, n := range p.Nodes {
		spec, err := op.Lookup(n.Op)
		d.clocked = d.clocked || err == nil && spec.Clock
	}
	if d.marker, err = plan.NewMarker(p); err != nil {
		return nil, err
	}
	d.marked = d.marker.Run(c.carried)
	for _, l := range d.leaves {
		d.timed = d.timed || d.marked[l.node].Floors.Any()
	}
	for w := range c.cfg.Workers {
		in, err := newInstance(d, w)
		if err != nil {
			d.release()
			return nil, err
		}
		d.instances = append(d.instances, in)
	}
	if restore {
		if err := d.load(); err != nil {
			d.release()
			return nil, err
		}
	}
	for _, l := range d.leaves {
		c.readers[l.object] = append(c.readers[l.object], l)
	}
	c.flows = append(c.flows, d)
	c.byID[id] = d
	return d, nil
}

// load restores operator state from the last committed epoch.
func (d *Dataflow) load() error {
	snap := d.circuit.cfg.Store.Snapshot()
	defer snap.Close()
	for _, in := range d.instances {
		owns := func(vnode uint16) bool { return d.circuit.owner(vnode) == in.worker }
		for _, t := range in.tables {
			if err := t.Load(snap, owns); err != nil {
				return fmt.Errorf("restoring state of dataflow %d: %w", d.ID, err)
			}
		}
	}
	return nil
}

// Remove takes a dataflow out; what reads it must have been removed before.
func (c *Circuit) Remove(id uint32) {
	d := c.byID[id]
	if d == nil {
		return
	}
	delete(c.byID, id)
	c.sizes.Delete(id)
	c.flows = slices.DeleteFunc(c.flows, func(x *Dataflow) bool { return x == d })
	for _, l := range d.leaves {
		c.readers[l.object] = slices.DeleteFunc(c.readers[l.object], func(x *leaf) bool { return x == l })
		if len(c.readers[l.object]) == 0 {
			delete(c.readers, l.object)
		}
	}
	d.release()
}

// Replace puts dataflow new in the place of dataflow old: it takes its id, and what reads old reads it.
// It may read dataflows that were added after old.
func (c *Circuit) Replace(old, new uint32) {
	c.Remove(old)
	d := c.byID[new]
	delete(c.byID, new)
	if n, ok := c.sizes.LoadAndDelete(new); ok {
		c.sizes.Store(old, n)
	}
	d.ID = old
	c.byID[old] = d
	c.sort()
}

// sort puts the dataflows in order again, dependencies first.
func (c *Circuit) sort() {
	list := c.flows
	c.flows = nil
	seen := map[*Dataflow]bool{}
	var visit func(*Dataflow)
	visit = func(d *Dataflow) {
		if d == nil || seen[d] {
			return
		}
		seen[d] = true
		for _, l := range d.leaves {
			visit(c.byID[l.object])
		}
		c.flows = append(c.flows, d)
	}
	for _, d := range list {
		visit(d)
	}
}

// MoveColumns renumbers the columns of an object that dataflows read, between two steps.
func (c *Circuit) MoveColumns(object uint32, to func(int) int) error {
	for _, d := range c.flows {
		if !slices.ContainsFunc(d.leaves, func(l *leaf) bool { return l.object == object }) {
			continue
		}
		if err := d.Plan.MoveColumns(object, to); err != nil {
			return err
		}
		leaves, err := d.Plan.Leaves()
		if err != nil {
			return err
		}
		for i, l := range leaves {
			d.leaves[i].cols = l.Scan.Cols
		}
		if d.marker, err = plan.NewMarker(d.Plan); err != nil {
			return err
		}
	}
	return nil
}

// release gives the memory of the dataflow's state back.
func (d *Dataflow) release() {
	for _, in := range d.instances {
		in.release()
	}
}

// Stop makes the dataflow fail with err in the next step, as if it had happened there.
func (d *Dataflow) Stop(err error) {
	if d.doom == nil {
		d.doom = err
	}
}

// SetGate sets what part of the object's deltas reaches the dataflow; nil opens the gate fully.
func (d *Dataflow) SetGate(object uint32, gate func(*rows.Batch) *rows.Batch) {
	for _, l := range d.leaves {
		if l.object == object {
			l.gate = gate
		}
	}
}

// ReadCols returns the object's columns that the dataflow reads, ascending.
func (d *Dataflow) ReadCols(object uint32) []int {
	var cols []int
	for _, l := range d.leaves {
		if l.object == object {
			cols = append(cols, l.cols...)
		}
	}
	slices.Sort(cols)
	return slices.Compact(cols)
}

// Failed returns why the dataflow was stopped, or nil.
func (d *Dataflow) Failed() error { return d.failed }

// Size is what a dataflow amounts to after its last step.
type Size struct {
	StateBytes int64  // memory of the operators' state
	StateRows  int    // entries of it
	Rows       uint64 // changes emitted since start
}

// Size returns the numbers of a dataflow. Unlike the other methods it may be called from any
// goroutine.
func (c *Circuit) Size(id uint32) Size {
	if n, ok := c.sizes.Load(id); ok {
		return n.(Size)
	}
	return Size{}
}

// measure notes the dataflow's numbers for Size.
func (d *Dataflow) measure(deltas []*rows.Batch) {
	n := d.circuit.Size(d.ID)
	n.StateBytes, n.StateRows = 0, 0
	for _, b := range deltas {
		n.Rows += uint64(b.Len())
	}
	for _, in := range d.instances {
		for _, t := range in.tables {
			n.StateBytes += t.SizeBytes()
			n.StateRows += t.Len()
		}
	}
	d.circuit.sizes.Store(d.ID, n)
}

// owner maps a virtual node to the worker that owns it: contiguous ranges.
func (c *Circuit) owner(vnode uint16) int { return int(vnode) * c.cfg.Workers / rows.VNodes }
