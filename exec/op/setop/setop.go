// Package setop is the operator setop: INTERSECT and EXCEPT of two inputs, with ALL or distinct.
//
// With l and r the weights of a row in the two inputs, its weight in the output is
//
//	INTERSECT ALL  min(l, r)        INTERSECT  1 if l > 0 and r > 0
//	EXCEPT ALL     max(0, l − r)    EXCEPT     1 if l > 0 and r = 0
//
// NULLs are equal here, as SQL says. State and algorithm are in exec/op/counted.
package setop

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/op/counted"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "setop"

// Config configures the operator.
type Config struct {
	Kind string `json:"kind"` // "intersect" or "except"
	All  bool   `json:"all,omitempty"`
	// Dist lists the columns that rows are spread by, if not all (see exec/op/place).
	Dist []int `json:"dist"`
}

// The kinds.
const (
	Intersect = "intersect"
	Except    = "except"
)

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "INTERSECT or EXCEPT of two inputs.",
		Ports:   2, Format: 1, MinFormat: 1,
		Tables: func(json.RawMessage) ([]string, error) { return []string{counted.Table}, nil },
		New:    New,
		Marks:  op.Least,
		Bound:  func(_ json.RawMessage, in []op.Input) op.Bound { return counted.Bound(in) },
		Explain: func(cfg json.RawMessage, _ []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			switch {
			case err != nil:
				return err.Error()
			case c.All:
				return c.Kind + " all"
			}
			return c.Kind
		},
	})
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	rule := Rule(c)
	if rule == nil {
		return nil, fmt.Errorf("setop: unknown kind %q", c.Kind)
	}
	return counted.New(env, c.Dist, rule), nil
}

// Rule returns the output weight as a function of the input weights, or nil for an unknown kind.
func Rule(c Config) counted.Rule {
	switch {
	case c.Kind == Intersect && c.All:
		return func(w counted.Weights) int64 { return max(0, min(w[0], w[1])) }
	case c.Kind == Intersect:
		return func(w counted.Weights) int64 { return max(0, min(w[0], w[1], 1)) }
	case c.Kind == Except && c.All:
		return func(w counted.Weights) int64 { return max(0, max(0, w[0])-max(0, w[1])) }
	case c.Kind == Except:
		return func(w counted.Weights) int64 {
			if w[0] > 0 && w[1] <= 0 {
				return 1
			}
			return 0
		}
	}
	return nil
}
