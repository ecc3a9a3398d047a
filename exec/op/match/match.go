// Package match is the operator match: MATCH_RECOGNIZE, row pattern recognition over the rows of
// partitions in order.
//
// One match. A pattern is compiled to a program of instructions that take a row with a label, split
// in two ways, of which the first is preferred, or jump (pattern.go). An attempt from a row (run.go)
// follows all ways through the program at once, row by row, as a list of threads in the order of
// preference; a thread that reaches the end of the program is the match so far and cuts off all
// threads that are preferred less. So no attempt goes back, and its cost is bounded by the rows that
// it looks at times the instructions.
//
// Conditions that look only at the row and its neighbours are computed for all rows at once
// (cond.go). Then two threads at one instruction have the same future, whatever rows led there and
// whatever row they began at: one of them is enough, and an instruction at a row from which an earlier
// attempt did not get to a match is not tried again. This makes the search of a partition linear.
// Conditions about earlier rows of the match (FIRST, LAST(…, 1), other variables, aggregates) depend
// on those rows; a thread carries just the rows that conditions may ask for, and threads are the same
// when these are. A limit on the steps of one attempt guards against patterns that still explode.
//
// Partitions. From the partition's start an attempt is made at each row in turn; after a match the
// search goes on where AFTER MATCH SKIP says (the next attempt never begins before the one before).
// A batch query sorts its rows and searches one partition after the other (this file). A view keeps
// the rows in order and searches again only between two points: from the first attempt that looked
// at a changed row to where the searches of the old and of the new rows are at the same row again
// (view.go).
package match

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/op/order"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "match"

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Finds matches of a row pattern in ordered partitions (MATCH_RECOGNIZE).",
		Ports:   1, Tables: tables, Format: 1, MinFormat: 1,
		New:   New,
		Marks: carry,
		Bound: bound,
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
	m, err := newMatcher(c, env.In[0], env.Out)
	if err != nil {
		return nil, fmt.Errorf("match: %w", err)
	}
	if !env.Batch {
		return newView(m, env)
	}
	o := &batch{matcher: m, env: env}
	o.rows, err = order.NewSorter(m.in, m.Partition, m.Order)
	return o, err
}

// batch is the operator of batch queries.
type batch struct {
	*matcher
	env  *op.Env
	rows *order.Sorter
}

func (o *batch) Push(_ *op.Ctx, _ int, in *rows.Batch) error {
	if err := o.env.Reserve(in, in.Total()); err != nil {
		return err
	}
	for k := range in.Len() {
		r := in.Row(k)
		w := in.Weight(r)
		if w < 0 {
			return fmt.Errorf("match: a batch query retracted a row")
		}
		for range w { // every occurrence has a place of its own
			o.rows.Add(in, r, 1)
		}
	}
	return nil
}

func (o *batch) Finish(c *op.Ctx) error {
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
	out := newResults(o.matcher, b)
	for from := 0; from < n; {
		to := from + 1
		for to < n && sorted.SamePartition(from, to) {
			to++
		}
		r, err := newRun(o.matcher, c.Fn, &part{b: b, list: identity[from:to], first: true, last: true})
		if err != nil {
			return err
		}
		for r.pos < to-from {
			if _, err := r.try(out, 1); err != nil {
				return err
			}
			if out.len() < op.ChunkRows {
				continue
			}
			if err := out.emit(c); err != nil {
				return err
			}
		}
		from = to
	}
	return out.emit(c)
}
