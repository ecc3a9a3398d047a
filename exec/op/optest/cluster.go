package optest

import (
	"github.com/cockroachdb/pebble/v2/vfs"

	"tidemill/exec/check"
	"tidemill/exec/mem"
	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// cluster runs an operator on several simulated workers over one store.
type cluster struct {
	u       *run
	spec    *op.Spec
	store   *state.Store
	ids     map[string]uint32
	workers []*worker
	output  *check.Tracker
	failed  int64 // sum of the weights of diverted rows
	lastErr error
}

type worker struct {
	o      op.Operator
	tables *state.Tables
	ctx    *op.Ctx
}

func newCluster(u *run) *cluster {
	c := &cluster{u: u, output: check.NewTracker(u.c.Out), ids: map[string]uint32{}}
	var err error
	if c.spec, err = op.Lookup(u.c.Op); err != nil {
		u.fatal("%v", err)
	}
	names, err := c.spec.Tables(RawConfig(u.c.Config))
	if err != nil {
		u.fatal("%v", err)
	}
	for i, name := range names {
		c.ids[name] = uint32(100 + i)
	}
	if !u.c.Stateless {
		if c.store, err = state.Open(state.Options{Dir: "db", FS: vfs.NewMem()}); err != nil {
			u.fatal("%v", err)
		}
	}
	c.start()
	return c
}

func (c *cluster) close() {
	if c.store != nil {
		if err := c.store.Close(); err != nil {
			c.u.fatal("%v", err)
		}
	}
}

// start makes new workers, of a random number, with the state in the store.
func (c *cluster) start() { c.startWith([]int{1, 2, 4}[c.u.r.IntN(3)]) }

func (c *cluster) startWith(n int) {
	c.workers = nil
	for i := range n {
		w, err := c.worker(i, n)
		if err != nil {
			c.u.fatal("%v", err)
		}
		c.workers = append(c.workers, w)
	}
}

func (c *cluster) worker(i, n int) (*worker, error) {
	cs := c.u.c
	w := &worker{ctx: &op.Ctx{Fn: &fn.Ctx{}}}
	w.ctx.Emit = func(b *rows.Batch) error {
		c.output.Add(b)
		return nil
	}
	w.ctx.Fail = func(_ *rows.Batch, _ int, weight int64, err *sqlerr.Error) error {
		c.failed += weight
		c.lastErr = err
		return nil
	}
	acct := mem.NewBudget("test", 0).Account("test")
	if cs.Stateless {
		w.tables = state.Ephemeral(acct)
	} else {
		w.tables = state.NewProvider(c.store, c.ids, acct)
	}
	appendOnly := make([]bool, len(cs.In))
	copy(appendOnly, cs.AppendOnly)
	env := &op.Env{Tables: w.tables, In: cs.In, Out: cs.Out, AppendOnly: appendOnly, OwnsSingle: i == 0}
	if c.u.timed() {
		env.Marked = c.u.marks(c.u.floors)
	}
	o, err := c.spec.New(RawConfig(cs.Config), env)
	if err != nil {
		return nil, err
	}
	w.o = check.Wrap(o, check.Options{
		Name: cs.Op, Schema: cs.Out, AppendOnly: cs.OutAppendOnly, In: cs.In, InAppendOnly: cs.AppendOnly,
	})
	if c.store == nil {
		return w, nil
	}
	snap := c.store.Snapshot()
	defer snap.Close()
	return w, w.tables.Load(snap, func(vnode uint16) bool { return int(vnode)%n == i })
}

// epoch pushes the batches and finishes.
func (c *cluster) epoch(epoch uint64, deltas []delta) {
	if c.u.c.Clock != nil {
		now := c.u.c.Clock(c.u.r, epoch)
		for _, w := range c.workers {
			w.ctx.Fn.Now = now
		}
	}
	for _, d := range deltas {
		for i, part := range c.split(d) {
			if part.Len() == 0 {
				continue
			}
			c.workers[i].ctx.Epoch = epoch
			if err := c.workers[i].o.Push(c.workers[i].ctx, d.port, part); err != nil {
				c.u.fatal("Push: %v", err)
			}
		}
		poison(d.b)
	}
	for _, w := range c.workers {
		w.ctx.Epoch = epoch
		if err := w.o.Finish(w.ctx); err != nil {
			c.u.fatal("Finish: %v", err)
		}
		if err := w.tables.Err(); err != nil {
			c.u.fatal("tables: %v", err)
		}
	}
}

// split spreads a batch over the workers by the virtual node of its key.
func (c *cluster) split(d delta) []*rows.Batch {
	n := len(c.workers)
	if n == 1 {
		return []*rows.Batch{d.b}
	}
	sels := make([][]int32, n)
	for i := range sels {
		sels[i] = []int32{}
	}
	if d.port >= len(c.u.c.Keys) || c.u.c.Keys[d.port] == nil {
		if c.u.c.Stateless {
			for k := range d.b.Len() {
				i := c.u.r.IntN(n)
				sels[i] = append(sels[i], int32(d.b.Row(k)))
			}
		} else {
			for k := range d.b.Len() {
				sels[0] = append(sels[0], int32(d.b.Row(k)))
			}
		}
	} else {
		var cols []*rows.Vec
		for _, k := range c.u.c.Keys[d.port] {
			cols = append(cols, d.b.Cols[k])
		}
		hashes := rows.HashColumns(nil, cols, d.b.Sel, d.b.N, &rows.KeyBuf{})
		for k, h := range hashes {
			i := int(rows.VNode(h)) % n
			sels[i] = append(sels[i], int32(d.b.Row(k)))
		}
	}
	out := make([]*rows.Batch, n)
	for i, sel := range sels {
		b := *d.b
		b.Sel = sel
		out[i] = &b
	}
	return out
}

// commit makes the epoch's state durable.
func (c *cluster) commit(epoch uint64) {
	commit := c.store.NewCommit(epoch)
	for i, w := range c.workers {
		if err := w.tables.Flush(commit.Writer(i)); err != nil {
			c.u.fatal("Flush: %v", err)
		}
	}
	if err := commit.Apply(false); err != nil {
		c.u.fatal("commit: %v", err)
	}
}

// poison overwrites a batch's buffers, as a recycling producer would.
func poison(b *rows.Batch) {
	for _, v := range b.Cols {
		for i := range v.I {
			v.I[i] = -0x2222222222222223
		}
		for i := range v.F {
			v.F[i] = -1.4568e144
		}
		for i := range v.B {
			v.B[i] = !v.B[i]
		}
		for i := range v.Data {
			v.Data[i] = 0xDD
		}
		for i := range v.Valid {
			v.Valid[i] = ^v.Valid[i]
		}
	}
	for i := range b.W {
		b.W[i] = 0x2222222222
	}
}
