// Package sort is the operator sort of batch queries: it emits the rows in order.
//
// Push copies the rows, Finish sorts and emits them (see order.Sorter); rows with equal keys keep the
// order of their arrival. With a limit, rows that cannot be among the first are thrown away each time
// that their number has doubled, so memory is bounded by the limit.
package sort

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/op/order"
	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "sort"

// Config configures the operator.
type Config struct {
	Keys []plan.SortKey `json:"keys"`
	// Limit promises that at most so many leading rows (LIMIT + OFFSET) will be looked at; 0 = all. The
	// output may still have more.
	Limit int64 `json:"limit,omitempty"`
}

// slack is the number of rows beyond twice the limit at which rows are thrown away.
const slack = 4096

type sorter struct {
	env   *op.Env
	limit int64
	most  int // rows that memory was reserved for
	rows  *order.Sorter
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Emits the rows in order (batch queries only).",
		Ports:   1, Tables: op.Stateless, Format: 1, MinFormat: 1,
		New: New,
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return order.Text(c.Keys, op.Port(in, 0))
		},
	})
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	if !env.Batch {
		return nil, fmt.Errorf("sort: only for batch queries")
	}
	s, err := order.NewSorter(env.In[0], nil, c.Keys)
	return &sorter{env: env, limit: c.Limit, rows: s}, err
}

func (s *sorter) Push(_ *op.Ctx, _ int, in *rows.Batch) error {
	if s.limit <= 0 || int64(s.most) < 2*s.limit+slack {
		if err := s.env.Reserve(in, int64(in.Len())); err != nil {
			return err
		}
		s.most = s.rows.Len() + in.Len()
	}
	for k := range in.Len() {
		r := in.Row(k)
		s.rows.Add(in, r, in.Weight(r))
	}
	if s.limit > 0 && int64(s.rows.Len()) > 2*s.limit+slack {
		s.rows.Cut(int(s.limit))
	}
	return nil
}

func (s *sorter) Finish(c *op.Ctx) error {
	sorted := s.rows.Finish()
	for from := 0; from < len(sorted.Rows); from += op.ChunkRows {
		to := min(from+op.ChunkRows, len(sorted.Rows))
		if err := c.Emit(sorted.Gather(from, to)); err != nil {
			return err
		}
	}
	return nil
}
