// Package limit is the operator limit of batch queries: it passes on rows offset+1 … offset+limit in
// the order in which they arrive. (A view's LIMIT is the operator topn.)
//
// A row of weight w counts as w rows; one that straddles a boundary passes with the part of its
// weight that is inside.
package limit

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "limit"

// Config configures the operator.
type Config struct {
	Limit  *int64 `json:"limit,omitempty"` // nil = no limit
	Offset int64  `json:"offset,omitempty"`
}

var _ op.Ender = (*limit)(nil)

type limit struct {
	skip int64 // rows still to skip
	left int64 // rows still to pass; −1 = any number
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Passes on a range of the rows in their order (batch queries only).",
		Ports:   1, Tables: op.Stateless, Format: 1, MinFormat: 1,
		New: New,
		Explain: func(cfg json.RawMessage, _ []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return Text(c.Limit, c.Offset)
		},
	})
}

// Text writes a limit and an offset for EXPLAIN.
func Text(limit *int64, offset int64) string {
	s := "all"
	if limit != nil {
		s = fmt.Sprint(*limit)
	}
	if offset != 0 {
		s += fmt.Sprintf(" offset %d", offset)
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
		return nil, fmt.Errorf("limit: only for batch queries")
	}
	l := &limit{skip: c.Offset, left: -1}
	if c.Limit != nil {
		l.left = *c.Limit
	}
	if l.left < -1 || c.Limit != nil && l.left < 0 || l.skip < 0 {
		return nil, fmt.Errorf("limit: negative limit or offset")
	}
	return l, nil
}

func (l *limit) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	if l.left == 0 {
		return nil
	}
	if in.W == nil {
		return l.plain(c, in)
	}
	var sel []int32
	w := append([]int64(nil), in.W...)
	for k := range in.Len() {
		r := in.Row(k)
		if w[r] < 0 {
			return fmt.Errorf("limit: a batch query retracted a row")
		}
		skipped := min(w[r], l.skip)
		l.skip -= skipped
		w[r] -= skipped
		if l.left >= 0 {
			w[r] = min(w[r], l.left)
			l.left -= w[r]
		}
		if w[r] > 0 {
			sel = append(sel, int32(r))
		}
	}
	out := *in
	out.Sel, out.W = sel, w
	if sel == nil {
		return nil
	}
	return c.EmitBatch(&out)
}

// plain cuts a batch whose rows all have weight 1.
func (l *limit) plain(c *op.Ctx, in *rows.Batch) error {
	n := int64(in.Len())
	from := min(n, l.skip)
	l.skip -= from
	to := n
	if l.left >= 0 {
		to = min(n, from+l.left)
		l.left -= to - from
	}
	if from == to {
		return nil
	}
	out := *in
	switch {
	case from == 0 && to == n:
	case in.Sel != nil:
		out.Sel = in.Sel[from:to]
	default:
		out.Sel = make([]int32, 0, to-from)
		for r := from; r < to; r++ {
			out.Sel = append(out.Sel, int32(r))
		}
	}
	return c.EmitBatch(&out)
}

// Done implements op.Ender.
func (l *limit) Done() bool { return l.left == 0 }

func (l *limit) Finish(*op.Ctx) error { return nil }
