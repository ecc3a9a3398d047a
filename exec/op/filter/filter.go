// Package filter is the operator filter: it keeps the rows for which a predicate is true.
//
// It is linear and has no state: the change of the output is the filtered change of the input. Rows
// are not copied, the batch's selection is narrowed. NULL counts as false. A row whose predicate
// fails is diverted and does not reach the output.
package filter

import (
	"encoding/json"

	"tidemill/exec/op"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "filter"

// Config configures the operator.
type Config struct {
	// Pred is a boolean over the input columns.
	Pred *expr.Expr `json:"pred"`
}

type filter struct{ prog *expr.Program }

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Keeps the rows for which a predicate is true.",
		Ports:   1, Tables: op.Stateless, Sealed: true, Format: 1, MinFormat: 1,
		New: New, Marks: op.Through,
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return op.ExprText(c.Pred, op.Port(in, 0))
		},
	})
}

// New makes the operator.
func New(cfg json.RawMessage, _ *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	prog, err := expr.Compile([]*expr.Expr{c.Pred})
	if err != nil {
		return nil, err
	}
	return &filter{prog: prog}, nil
}

func (f *filter) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	sel, err := f.prog.EvalPred(c.Fn, in)
	if err != nil {
		return err
	}
	bad, err := c.TakeErrs(in)
	if err != nil {
		return err
	}
	out := *in
	out.Sel = sel
	return c.EmitBatch(op.Without(&out, bad))
}

func (f *filter) Finish(*op.Ctx) error { return nil }
