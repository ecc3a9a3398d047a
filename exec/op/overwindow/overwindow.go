// Package overwindow is the operator overwindow of batch queries: window functions, f(…) OVER
// (PARTITION BY … ORDER BY … frame).
//
// Push copies the rows; Finish sorts them by partition and order and computes every function over one
// partition after the other. The output columns are the input's and then one per function; the rows
// come out by partition and order.
//
// row_number, rank, dense_rank, percent_rank, cume_dist, ntile, lag and lead look at the partition.
// first_value, last_value, nth_value and the aggregates look at a row's frame, a range of places
// whose two ends only ever move forward from row to row. A linear aggregate therefore folds in what
// enters the frame with weight +1 and what leaves it with −1: O(rows) for any frame. min and max keep
// the candidates that can still win in a queue, O(rows) too. Other ordered aggregates are computed
// anew when the frame has changed.
package overwindow

import (
	"encoding/json"
	"fmt"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/order"
	"tidemill/exec/plan"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "overwindow"

// Config configures the operator. All functions share partition and order; calls with others are
// further operators.
type Config struct {
	Partition []int          `json:"partition,omitempty"`
	Order     []plan.SortKey `json:"order,omitempty"`
	Funcs     []Func         `json:"funcs"`
}

// Func is one call.
type Func struct {
	Name string `json:"name"`
	// ArgTypes are the declared argument types of an aggregate; the window functions do not need them.
	ArgTypes []types.Type `json:"argtypes,omitempty"`
	Args     []int        `json:"args,omitempty"`
	// Filter is a boolean column for an aggregate's FILTER, nil = none.
	Filter  *int       `json:"filter,omitempty"`
	RetType types.Type `json:"rettype"`
	// Frame nil is SQL's default: from the partition's start to the last peer of the current row.
	Frame *Frame `json:"frame,omitempty"`
}

// Frame is a frame clause.
type Frame struct {
	Mode  string `json:"mode"` // "rows" or "range"
	Start Bound  `json:"start"`
	End   Bound  `json:"end"`
}

// Bound is an end of a frame. With mode range only unbounded and current are possible.
type Bound struct {
	Kind   string `json:"kind"` // "unbounded", "current", "preceding", "following"
	Offset int64  `json:"offset,omitempty"`
}

// The kinds of bounds.
const (
	Unbounded = "unbounded"
	Current   = "current"
	Preceding = "preceding"
	Following = "following"
)

// defaultFrame is RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW.
var defaultFrame = &Frame{Mode: "range", Start: Bound{Kind: Unbounded}, End: Bound{Kind: Current}}

type overWindow struct {
	env *op.Env
	Config
	schema types.Schema
	rows   *order.Sorter
	calls  []*call
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Computes window functions (batch queries only).",
		Ports:   1, Tables: op.Stateless, Format: 1, MinFormat: 1,
		New: New,
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return c.explain(op.Port(in, 0))
		},
	})
}

func (c *Config) explain(in types.Schema) string {
	parts := make([]string, len(c.Funcs))
	for i, f := range c.Funcs {
		parts[i] = f.Name + "(" + op.Cols(in, f.Args) + ")"
	}
	s := strings.Join(parts, ", ")
	if len(c.Partition) > 0 {
		s += " per " + op.Cols(in, c.Partition)
	}
	if len(c.Order) > 0 {
		s += " order by " + order.Text(c.Order, in)
	}
	return s
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	if !env.Batch {
		return nil, fmt.Errorf("overwindow: only for batch queries")
	}
	if len(env.Out) != len(env.In[0])+len(c.Funcs) {
		return nil, fmt.Errorf("overwindow: %d output columns", len(env.Out))
	}
	o := &overWindow{Config: c, env: env, schema: env.Out}
	for i := range c.Funcs {
		k, err := compile(&c.Funcs[i], env.In[0])
		if err != nil {
			return nil, fmt.Errorf("overwindow: %s: %w", c.Funcs[i].Name, err)
		}
		o.calls = append(o.calls, k)
	}
	o.rows, err = order.NewSorter(env.In[0], c.Partition, c.Order)
	return o, err
}

func (o *overWindow) Push(_ *op.Ctx, _ int, in *rows.Batch) error {
	if err := o.env.Reserve(in, in.Total()); err != nil {
		return err
	}
	for k := range in.Len() {
		r := in.Row(k)
		w := in.Weight(r)
		if w < 0 {
			return fmt.Errorf("overwindow: a batch query retracted a row")
		}
		for range w { // every occurrence has a place of its own
			o.rows.Add(in, r, 1)
		}
	}
	return nil
}

func (o *overWindow) Finish(c *op.Ctx) error {
	sorted := o.rows.Finish()
	n := len(sorted.Rows)
	if n == 0 {
		return nil
	}
	b := sorted.Gather(0, n)
	outs := make([]*rows.VecBuilder, len(o.calls))
	for i, k := range o.calls {
		outs[i] = rows.NewVecBuilder(k.RetType, n)
	}
	for from := 0; from < n; {
		to := from + 1
		for to < n && sorted.SamePartition(from, to) {
			to++
		}
		p := newPartition(c.Fn, b, sorted, from, to)
		for i, k := range o.calls {
			if err := k.run(p, outs[i]); err != nil {
				return err
			}
		}
		from = to
	}
	if len(c.Fn.Errs) > 0 {
		return c.Fn.Errs[0].Err
	}
	cols := b.Cols
	for _, out := range outs {
		cols = append(cols, out.Finish())
	}
	return o.emit(c, &rows.Batch{Schema: o.schema, N: n, Cols: cols})
}

// emit emits the result in chunks.
func (o *overWindow) emit(c *op.Ctx, b *rows.Batch) error {
	if b.N <= op.ChunkRows {
		return c.Emit(b)
	}
	for from := 0; from < b.N; from += op.ChunkRows {
		part := *b
		part.Sel = nil
		for r := from; r < min(from+op.ChunkRows, b.N); r++ {
			part.Sel = append(part.Sel, int32(r))
		}
		if err := c.Emit(part.Compact()); err != nil {
			return err
		}
	}
	return nil
}

// partition is the rows from … to−1 of the sorted batch.
type partition struct {
	fn       *fn.Ctx
	b        *rows.Batch
	from, to int
	group    []int // per row of the partition: the place of its first peer
	peers    []int // and the place after its last peer; places count from 0 in the partition
}

func newPartition(c *fn.Ctx, b *rows.Batch, s *order.Sorted, from, to int) *partition {
	p := &partition{fn: c, b: b, from: from, to: to, group: make([]int, to-from), peers: make([]int, to-from)}
	for i := 0; i < p.len(); {
		j := i + 1
		for j < p.len() && s.Peers(from+i, from+j) {
			j++
		}
		for k := i; k < j; k++ {
			p.group[k], p.peers[k] = i, j
		}
		i = j
	}
	return p
}

func (p *partition) len() int { return p.to - p.from }

// frame returns the places [lo, hi) of row i's frame; hi < lo is made empty.
func (p *partition) frame(f *Frame, i int) (lo, hi int) {
	n := p.len()
	if f.Mode == "range" {
		if f.Start.Kind == Current {
			lo = p.group[i]
		}
		if hi = n; f.End.Kind == Current {
			hi = p.peers[i]
		}
		return lo, hi
	}
	lo = clamp(place(f.Start, i, 0), n)
	hi = clamp(place(f.End, i, n-1)+1, n)
	return lo, max(lo, hi)
}

// place returns the place that a bound of a ROWS frame of row i names.
func place(b Bound, i, unbounded int) int {
	switch b.Kind {
	case Preceding:
		return i - int(min(b.Offset, 1<<40))
	case Following:
		return i + int(min(b.Offset, 1<<40))
	case Current:
		return i
	}
	return unbounded
}

func clamp(x, n int) int { return max(0, min(x, n)) }

func checkFrame(f *Frame) error {
	if f == nil {
		return nil
	}
	for _, b := range []Bound{f.Start, f.End} {
		switch {
		case b.Offset < 0:
			return sqlerr.New(sqlerr.WindowingError, "frame offset must not be negative")
		case b.Kind == Unbounded || b.Kind == Current:
		case f.Mode != "rows" || b.Kind != Preceding && b.Kind != Following:
			return sqlerr.Unsupported("frame %s %s", f.Mode, b.Kind)
		}
	}
	if f.Mode != "rows" && f.Mode != "range" {
		return sqlerr.Unsupported("frame mode %s", f.Mode)
	}
	return nil
}
