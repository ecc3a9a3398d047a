// Package union is the operator union: UNION ALL of any number of inputs.
//
// It is linear and has no state: every batch of every port is handed on under the output's column
// names. UNION is this operator followed by distinct.
package union

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "union"

type union struct{ schema types.Schema }

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Hands on the rows of all inputs (UNION ALL).",
		Ports:   -1, Tables: op.Stateless, Format: 1, MinFormat: 1,
		New: New, Marks: op.Least,
		Explain: func(_ json.RawMessage, in []types.Schema) string {
			return fmt.Sprintf("%d inputs", len(in))
		},
	})
}

// New makes the operator; it has no configuration.
func New(_ json.RawMessage, env *op.Env) (op.Operator, error) {
	for p, s := range env.In {
		if len(s) != len(env.Out) {
			return nil, fmt.Errorf("union: port %d has %d columns, the output %d", p, len(s), len(env.Out))
		}
	}
	return &union{schema: env.Out}, nil
}

func (u *union) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	out := *in
	out.Schema = u.schema
	return c.EmitBatch(&out)
}

func (u *union) Finish(*op.Ctx) error { return nil }
