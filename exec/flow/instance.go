package flow

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"tidemill/exec/check"
	"tidemill/exec/mem"
	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// instance is one worker's copy of a dataflow's operators.
type instance struct {
	flow   *Dataflow
	worker int
	ops    []op.Operator // nil for scans
	ctxs   []*op.Ctx
	tables []*state.Tables // of all nodes with operators
	byNode []*state.Tables // nil for scans
	outs   [][]plan.Consumer
	// mail holds what this worker has sent over exchange edges in this epoch: [node][port][to worker].
	mail [][][][]*rows.Batch

	// state and flight account for operator state and for the batches that wait for the end of the step.
	// A worker has its own: an account belongs to one goroutine.
	state, flight *mem.Account

	deltas   []*rows.Batch // what the root emitted
	appended int64         // rows of it
	sealed   bool          // the root's batches keep their values
	errors   []ErrorRow
	keys     rows.KeyBuf // scratch of routing
	hashes   []uint64
	err      error
}

func newInstance(d *Dataflow, worker int) (*instance, error) {
	p, c := d.Plan, d.circuit
	in := &instance{
		flow: d, worker: worker, outs: p.Consumers(),
		ops: make([]op.Operator, len(p.Nodes)), ctxs: make([]*op.Ctx, len(p.Nodes)),
		mail: make([][][][]*rows.Batch, len(p.Nodes)), byNode: make([]*state.Tables, len(p.Nodes)),
	}
	if c.cfg.Mem != nil {
		in.state, in.flight = c.cfg.Mem.Account("operator state"), c.cfg.Mem.Account("changes of one step")
	}
	in.sealed = sealed(p, p.Root)
	for i := range p.Nodes {
		n := &p.Nodes[i]
		in.ctxs[i] = in.context(i)
		in.mail[i] = make([][][]*rows.Batch, len(n.Inputs))
		for port := range n.Inputs {
			in.mail[i][port] = make([][]*rows.Batch, c.cfg.Workers)
		}
		if n.Op == plan.ScanOp {
			continue
		}
		tables := state.NewProvider(c.cfg.Store, n.Tables, in.state)
		_, marked := d.marker.Inputs(i, d.marked)
		o, err := p.NewOperator(i, op.Env{Tables: tables, OwnsSingle: c.owner(0) == worker, Marked: marked})
		if err != nil {
			return nil, fmt.Errorf("building operator %d (%s): %w", i, n.Op, err)
		}
		if c.cfg.Check {
			o = check.Wrap(o, check.Options{Name: n.Op, Schema: n.Schema, AppendOnly: n.AppendOnly})
		}
		in.ops[i] = o
		in.tables, in.byNode[i] = append(in.tables, tables), tables
	}
	return in, nil
}

// sealed tells whether the batches of a node keep their values after the step: those of sources and
// views do.
func sealed(p *plan.Plan, node int) bool {
	n := &p.Nodes[node]
	if n.Op == plan.ScanOp {
		return true
	}
	spec, err := op.Lookup(n.Op)
	if err != nil || !spec.Sealed {
		return false
	}
	for _, in := range n.Inputs {
		if !sealed(p, in.Node) {
			return false
		}
	}
	return true
}

// release gives the memory of the operator state back to the budget.
func (in *instance) release() {
	for _, t := range in.tables {
		t.Reset()
	}
	in.state.Close()
	in.flight.Close()
}

// context makes node i's operator context.
func (in *instance) context(i int) *op.Ctx {
	c := &op.Ctx{Fn: &fn.Ctx{Env: in.flow.env}}
	c.Emit = func(b *rows.Batch) error {
		if b == nil || b.Len() == 0 {
			return nil
		}
		return in.emit(i, b)
	}
	c.Fail = in.fail
	return c
}

// fail records a row that an expression failed on.
func (in *instance) fail(b *rows.Batch, row int, w int64, e *sqlerr.Error) error {
	if in.flow.FailOnError {
		return e
	}
	in.errors = append(in.errors, ErrorRow{
		Code: string(e.Code), Message: e.Message, Row: cut(RowText(b, row, &in.flow.env)), W: w,
	})
	return nil
}

// cut shortens the text of a long row, at a character.
func cut(s string) string {
	const most = 4 << 10
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n]) + "…"
}

// RowText renders a row as a record literal for the error relation.
func RowText(b *rows.Batch, row int, env *types.Env) string {
	out := []byte{'('}
	for i, c := range b.Cols {
		if i > 0 {
			out = append(out, ',')
		}
		if d := c.Datum(row); !d.Null {
			out = types.AppendText(out, d, env)
		}
	}
	return string(append(out, ')'))
}

// emit hands a batch of node i to its consumers, and the root's to the view and to its readers.
func (in *instance) emit(i int, b *rows.Batch) error {
	for _, out := range in.outs[i] {
		if out.Input.Exchange == plan.Local || in.flow.circuit.cfg.Workers == 1 {
			if err := in.push(out.Node, out.Port, b); err != nil {
				return err
			}
			continue
		}
		if err := in.route(out, b); err != nil {
			return err
		}
	}
	if i == in.flow.Plan.Root {
		return in.publish(b)
	}
	return nil
}

// push hands a batch to an operator and checks that its state fits into the memory budget.
func (in *instance) push(node, port int, b *rows.Batch) error {
	if err := in.ops[node].Push(in.ctxs[node], port, b); err != nil {
		return err
	}
	return in.byNode[node].Err()
}

// publish keeps the root's batch for the view's storage and feeds it to the dataflows that read the
// view. Emitted batches may share buffers with operator scratch, so what is kept is a copy. What goes
// wrong in a reader is the reader's failure.
func (in *instance) publish(b *rows.Batch) error {
	kept, err := in.keep(b)
	if err != nil {
		return err
	}
	in.deltas = append(in.deltas, kept)
	if in.flow.Plan.AppendOnly {
		if in.appended += kept.Total(); in.appended > appendMax/int64(len(in.flow.instances)) {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "a single change adds more than %d rows", appendMax)
		}
	}
	for _, l := range in.flow.circuit.readers[in.flow.ID] {
		l.flow.instances[in.worker].guard(func() error { return l.push(in.worker, kept, nil) })
	}
	return nil
}

// appendMax is the number of rows that one epoch can add to the storage of an append-only view.
const appendMax = 1 << 24

// keep copies a batch that has to wait for the end of the step, within the memory budget.
func (in *instance) keep(b *rows.Batch) (*rows.Batch, error) {
	b = b.Clone()
	return b, in.flight.Grow(int64(b.SizeBytes()))
}

// push feeds a delta of the leaf's object to the operators behind it in one worker.
func (l *leaf) push(worker int, b *rows.Batch, have []int) error {
	if l.gate != nil {
		if b = l.gate(b); b == nil || b.Len() == 0 {
			return nil
		}
	}
	return l.enter(worker, b, have)
}

// enter hands a delta to the consumers of the scan node.
func (l *leaf) enter(worker int, b *rows.Batch, have []int) error {
	in := l.flow.instances[worker]
	if in.err != nil || !l.flow.active {
		return nil
	}
	picked, err := pick(b, l.cols, have)
	if err != nil {
		return err
	}
	picked.Schema = l.flow.Plan.Nodes[l.node].Schema
	return in.emit(l.node, picked)
}

// pick returns the wanted object columns of a batch that holds the columns listed in have (nil = all).
func pick(b *rows.Batch, want, have []int) (*rows.Batch, error) {
	out := &rows.Batch{N: b.N, Sel: b.Sel, W: b.W, Cols: make([]*rows.Vec, len(want))}
	for i, c := range want {
		at := c
		if have != nil {
			at = -1
			for k, h := range have {
				if h == c {
					at = k
				}
			}
		}
		if at < 0 || at >= len(b.Cols) {
			return nil, fmt.Errorf("column %d is not in the delta", c)
		}
		out.Cols[i] = b.Cols[at]
	}
	return out, nil
}

// route sends a batch over an exchange edge: copies of the rows, by the worker that owns each row's
// virtual node.
func (in *instance) route(out plan.Consumer, b *rows.Batch) error {
	c := in.flow.circuit
	box := in.mail[out.Node][out.Port]
	if out.Input.Exchange == plan.Single {
		kept, err := in.keep(b)
		if err != nil {
			return err
		}
		to := c.owner(0)
		box[to] = append(box[to], kept)
		return nil
	}
	cols := make([]*rows.Vec, len(out.Input.Keys))
	for i, k := range out.Input.Keys {
		cols[i] = b.Cols[k]
	}
	in.hashes = rows.HashColumns(in.hashes[:0], cols, b.Sel, b.N, &in.keys)
	sels := make([][]int32, c.cfg.Workers)
	for k := range b.Len() {
		w := c.owner(rows.VNode(in.hashes[k]))
		sels[w] = append(sels[w], int32(b.Row(k)))
	}
	for w, sel := range sels {
		if len(sel) > 0 {
			part := *b
			part.Sel = sel
			box[w] = append(box[w], part.Compact())
			if err := in.flight.Grow(int64(box[w][len(box[w])-1].SizeBytes())); err != nil {
				return err
			}
		}
	}
	return nil
}

// receive takes the batches that all workers sent to this one on an edge.
func (in *instance) receive(node, port int) error {
	for _, peer := range in.flow.instances {
		box := peer.mail[node][port]
		batches := box[in.worker]
		box[in.worker] = nil
		if in.err != nil {
			continue
		}
		for _, b := range batches {
			if err := in.push(node, port, b); err != nil {
				in.err = err
				break
			}
		}
	}
	return nil
}
