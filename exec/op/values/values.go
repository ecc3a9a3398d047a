// Package values is the operator values: a leaf with constant rows.
//
// The rows are emitted in the first epoch, by the worker that owns virtual node 0 alone. A view
// remembers across restarts, in the Map table "done" under the empty key, that it has emitted them.
package values

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "values"

// Config configures the operator. A row has one value per output column; the type inside a value is
// not looked at, the column's counts.
type Config struct {
	Rows [][]types.Datum `json:"rows"`
}

const tableDone = "done"

type values struct {
	Config
	schema types.Schema
	owns   bool
	done   *state.Map
	ran    bool
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Emits constant rows once.",
		Ports:   0, Format: 1, MinFormat: 1,
		Tables: func(json.RawMessage) ([]string, error) { return []string{tableDone}, nil },
		New:    New,
		Explain: func(cfg json.RawMessage, _ []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return fmt.Sprintf("%d rows", len(c.Rows))
		},
	})
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	for _, r := range c.Rows {
		if len(r) != len(env.Out) {
			return nil, fmt.Errorf("values: a row of %d values for %d columns", len(r), len(env.Out))
		}
	}
	return &values{Config: c, schema: env.Out, owns: env.OwnsSingle, done: env.Tables.Map(tableDone)}, nil
}

func (v *values) Push(*op.Ctx, int, *rows.Batch) error {
	return fmt.Errorf("values: has no input")
}

func (v *values) Finish(c *op.Ctx) error {
	if v.ran || !v.owns {
		return nil
	}
	v.ran = true
	hash := state.WithVNode(rows.HashKey(nil), 0)
	if _, first := v.done.Upsert(hash, nil, 8); !first {
		return nil
	}
	b := rows.NewBuilder(v.schema, len(v.Rows))
	for _, r := range v.Rows {
		for i, d := range r {
			b.Cols[i].AppendDatum(d)
		}
		b.EndRow(1)
	}
	return c.EmitBatch(b.Finish())
}
