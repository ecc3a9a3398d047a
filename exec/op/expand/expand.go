// Package expand is the operator expand: it repeats rows once per grouping set.
//
// For each set the input is emitted once with a copy of every grouping column that some set leaves out,
// NULL where this set does, and the number of the set. An aggregation over the copies and the number
// is then GROUPING SETS. The input's columns, selection and weights are shared, so a repetition costs
// a batch header; NULLs and set numbers are constant columns that are kept for the next batch. The
// operator is linear and has no state.
package expand

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tidemill/exec/op"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "expand"

// Config configures the operator. The output columns are the input's, a copy of each of Cols, and the
// number of the set, an integer.
type Config struct {
	Cols []int `json:"cols"`
	// Sets lists per grouping set the positions in Cols that it groups by.
	Sets [][]int `json:"sets"`
}

type expand struct {
	Config
	out   types.Schema
	nulls []*rows.Vec // per column of Cols
	ids   []*rows.Vec // per set
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Repeats rows once per grouping set.",
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
	parts := make([]string, len(c.Sets))
	for i, set := range c.Sets {
		cols := make([]int, len(set))
		for k, at := range set {
			cols[k] = c.Cols[at]
		}
		parts[i] = "(" + op.Cols(in, cols) + ")"
	}
	return "sets " + strings.Join(parts, ", ")
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	if len(env.Out) != len(env.In[0])+len(c.Cols)+1 {
		return nil, fmt.Errorf("expand: %d output columns", len(env.Out))
	}
	for _, at := range c.Cols {
		if at < 0 || at >= len(env.In[0]) {
			return nil, fmt.Errorf("expand: column %d does not exist", at)
		}
	}
	for _, set := range c.Sets {
		for _, at := range set {
			if at < 0 || at >= len(c.Cols) {
				return nil, fmt.Errorf("expand: a set has column %d of %d", at, len(c.Cols))
			}
		}
	}
	return &expand{Config: c, out: env.Out, nulls: make([]*rows.Vec, len(c.Cols)), ids: make([]*rows.Vec, len(c.Sets))}, nil
}

func (e *expand) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	if in.Len() == 0 {
		return nil
	}
	for i, set := range e.Sets {
		out := &rows.Batch{Schema: e.out, N: in.N, Sel: in.Sel, W: in.W, Cols: make([]*rows.Vec, 0, len(e.out))}
		out.Cols = append(out.Cols, in.Cols...)
		for k, at := range e.Cols {
			if slices.Contains(set, k) {
				out.Cols = append(out.Cols, in.Cols[at])
				continue
			}
			out.Cols = append(out.Cols, constant(&e.nulls[k], types.NullOf(in.Cols[at].Type), in.N))
		}
		out.Cols = append(out.Cols, constant(&e.ids[i], types.IntDatum(types.Int4, int64(i)), in.N))
		if err := c.EmitBatch(out); err != nil {
			return err
		}
	}
	return nil
}

// constant returns a column of n times d, the one in last if it is that long.
func constant(last **rows.Vec, d types.Datum, n int) *rows.Vec {
	if *last == nil || (*last).Len() != n {
		*last = rows.Const(d, n)
	}
	return *last
}

func (e *expand) Finish(*op.Ctx) error { return nil }
