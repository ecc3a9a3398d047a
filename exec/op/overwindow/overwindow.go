// Package overwindow is the operator overwindow: window functions, f(…) OVER (PARTITION BY … ORDER BY
// … frame). The output columns are the input's and then one per function.
//
// What is computed is the same for batch queries and views (part.go, call.go, aggregate.go): a window
// of a partition's rows in order goes in, results for some of its rows come out. row_number, rank,
// dense_rank, percent_rank, cume_dist, ntile, lag and lead look at the partition; first_value,
// last_value, nth_value and the aggregates at a row's frame, up to three ranges of places. An
// aggregate of constant size slides: it folds in what enters the frame with weight +1 and what leaves
// it with −1. Others, and frames with an exclusion, take their ranges from a segment tree over the
// window. Only aggregates that are made of the rows themselves (array_agg) are computed anew for
// every frame.
//
// A batch query sorts its rows (this file) and takes one partition after the other as the window. A
// view (view.go) keeps them in order and computes again what a change concerns.
package overwindow

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/op/order"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "overwindow"

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Computes window functions.",
		Ports:   1, Tables: tables, Format: 1, MinFormat: 1,
		New: New, Marks: carry, Bound: bound,
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return c.explain(op.Port(in, 0))
		},
	})
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	in := env.In[0]
	if len(env.Out) != len(in)+len(c.Funcs) {
		return nil, fmt.Errorf("overwindow: %d output columns", len(env.Out))
	}
	calls, err := compileAll(&c, in)
	if err != nil {
		return nil, err
	}
	for _, k := range c.Partition {
		if k < 0 || k >= len(in) {
			return nil, fmt.Errorf("overwindow: partition column %d does not exist", k)
		}
	}
	orders, err := order.Of(c.Order, in)
	if err != nil {
		return nil, fmt.Errorf("overwindow: %w", err)
	}
	if !env.Batch {
		return newView(c, calls, orders, env), nil
	}
	o := &overWindow{Config: c, env: env, calls: calls, orders: orders}
	o.rows, err = order.NewSorter(in, c.Partition, c.Order)
	return o, err
}

// overWindow is the operator of batch queries.
type overWindow struct {
	env *op.Env
	Config
	rows   *order.Sorter
	calls  []*call
	orders []rows.Order
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
	identity := make([]int32, n)
	for i := range identity {
		identity[i] = int32(i)
	}
	outs := make([]*rows.VecBuilder, len(o.calls))
	for i, k := range o.calls {
		outs[i] = rows.NewVecBuilder(k.RetType, n)
	}
	var failed map[int]error // by row, for who keeps errors beside the result
	for from := 0; from < n; {
		to := from + 1
		for to < n && sorted.SamePartition(from, to) {
			to++
		}
		p := &part{
			c: c.Fn, b: b, list: identity[from:to], total: to - from, to: to - from,
			order: func(i int) []byte { return sorted.OrderKey(from + i) }, orders: o.orders,
		}
		if len(o.Order) > 0 {
			p.orderCol = o.Order[0].Col
		}
		p.number()
		for i, k := range o.calls {
			err := p.compute(k, i, outs[i], func(place int, err error) {
				if failed == nil {
					failed = map[int]error{}
				}
				if failed[from+place] == nil {
					failed[from+place] = err
				}
			})
			if err != nil {
				return err
			}
		}
		from = to
	}
	if len(c.Fn.Errs) > 0 {
		return c.Fn.Errs[0].Err
	}
	return o.finish(c, b, outs, failed)
}

// finish emits the rows that have results and diverts the others.
func (o *overWindow) finish(c *op.Ctx, b *rows.Batch, outs []*rows.VecBuilder, failed map[int]error) error {
	bad := make(map[int32]bool, len(failed))
	for r := range b.N {
		if err := failed[r]; err != nil {
			if err := c.Fail(b, r, 1, sqlerr.As(err)); err != nil {
				return err
			}
			bad[int32(r)] = true
		}
	}
	cols := b.Cols
	for _, out := range outs {
		cols = append(cols, out.Finish())
	}
	all := op.Without(&rows.Batch{Schema: o.env.Out, N: b.N, Cols: cols}, bad)
	return emit(c, all)
}

// emit emits rows in chunks.
func emit(c *op.Ctx, b *rows.Batch) error {
	n := b.Len()
	if n <= op.ChunkRows {
		return c.EmitBatch(b)
	}
	for from := 0; from < n; from += op.ChunkRows {
		part := *b
		part.Sel = make([]int32, 0, op.ChunkRows)
		for i := from; i < min(from+op.ChunkRows, n); i++ {
			part.Sel = append(part.Sel, int32(b.Row(i)))
		}
		if err := c.Emit(part.Compact()); err != nil {
			return err
		}
	}
	return nil
}
