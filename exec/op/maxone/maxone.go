// Package maxone is the operator maxone of batch queries: it passes its input on and fails when
// there is more than one row, as a scalar subquery must (SQLSTATE 21000).
package maxone

import (
	"encoding/json"

	"tidemill/exec/op"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "maxone"

type maxone struct{ rows int64 }

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Fails when there is more than one row (scalar subqueries of batch queries).",
		Ports:   1, Tables: op.Stateless, Format: 1, MinFormat: 1,
		New:     New,
		Explain: func(json.RawMessage, []types.Schema) string { return "" },
	})
}

// New makes the operator; it has no configuration.
func New(json.RawMessage, *op.Env) (op.Operator, error) { return &maxone{}, nil }

func (m *maxone) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	for k := range in.Len() {
		m.rows += in.Weight(in.Row(k))
	}
	if m.rows > 1 {
		return sqlerr.New(sqlerr.CardinalityViolation, "more than one row returned by a subquery used as an expression")
	}
	return c.EmitBatch(in)
}

func (m *maxone) Finish(*op.Ctx) error { return nil }
