// Package distinct is the operator distinct: every row that occurs at all, once (SELECT DISTINCT,
// and UNION over a union).
//
// The weight of each row is kept; the output changes when it passes between zero and positive. Rows
// are equal by SQL's equality and come out in canonical form: 1.00 and 1.0 are one row that shows as
// 1. State and algorithm are in exec/op/counted.
package distinct

import (
	"encoding/json"

	"tidemill/exec/op"
	"tidemill/exec/op/counted"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "distinct"

// Config configures the operator.
type Config struct {
	// Dist lists the columns that rows are spread by, if not all (see exec/op/place).
	Dist []int `json:"dist"`
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Keeps each different row once.",
		Ports:   1, Format: 1, MinFormat: 1,
		Tables:  func(json.RawMessage) ([]string, error) { return []string{counted.Table}, nil },
		New:     New,
		Marks:   op.Through,
		Bound:   func(_ json.RawMessage, in []op.Input) op.Bound { return counted.Bound(in) },
		Explain: func(json.RawMessage, []types.Schema) string { return "" },
	})
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	return counted.New(env, c.Dist, func(w counted.Weights) int64 { return min(1, max(0, w[0])) }), nil
}
