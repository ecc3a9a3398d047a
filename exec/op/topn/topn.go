// Package topn is the operator topn: ORDER BY … LIMIT … OFFSET in a view, also per partition
// (ROW_NUMBER() or RANK() ≤ n), and DISTINCT ON (limit 1).
//
// State: an Ordered table with all rows of all partitions under
//
//	partition columns as a key, order columns in their directions, the row's exact bytes, their
//	length as 4 bytes big endian  →  weight
//
// so that byte order is the order asked for, ties are broken by the row itself and never by arrival,
// and the row is read back from its key.
//
// Algorithm. When a partition is touched for the first time in an epoch its visible rows, those at
// positions offset+1 … offset+limit, are read before anything changes. Finish reads them again and
// emits the difference of the two lists. The cost per epoch and touched partition is the window,
// whatever the size of the partition. With ties, the rows that are equal in order to the last visible
// one are visible too (FETCH … WITH TIES, RANK). With dense, the limit counts groups of rows that are equal
// in order (DENSE_RANK). With number, the row's position is an extra column.
//
// When the input never retracts, rows behind the window can never become visible: they are not
// stored, or dropped when others push them out, and the state is bounded by the windows.
package topn

import (
	"encoding/json"
	"fmt"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/expire"
	"tidemill/exec/op/order"
	"tidemill/exec/op/place"
	"tidemill/exec/op/touch"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "topn"

// Config configures the operator. The output columns are the input's, plus the position if asked for.
type Config struct {
	Order     []plan.SortKey `json:"order"`
	Limit     *int64         `json:"limit,omitempty"` // nil = no limit
	Offset    int64          `json:"offset,omitempty"`
	Partition []int          `json:"partition,omitempty"`
	WithTies  bool           `json:"with_ties,omitempty"`
	// Dist lists the columns that rows are spread by, if not the partition's (see exec/op/place).
	Dist []int `json:"dist"`
	// Dense makes Limit count groups of rows that are equal in order, as DENSE_RANK() numbers them, instead
	// of rows. It excludes Offset, WithTies and Number.
	Dense bool `json:"dense,omitempty"`
	// Number adds a bigint column with the row's position in its partition, from 1 on, as ROW_NUMBER()
	// gives it. It excludes WithTies.
	Number bool `json:"number,omitempty"`
}

const tableRows = "rows"

type topn struct {
	Config
	limit      int64 // −1 = none
	in, out    types.Schema
	codec      *rows.RowCodec
	orders     []rows.Order
	table      *state.Ordered
	appendOnly bool

	parts  touch.Set // touched partitions
	vnodes []uint16
	spans  []span // the visible rows before, in windows
	before list
	after  list

	partCols []*rows.Vec
	keys     rows.KeyBuf
	placer   place.Placer
	hash     []uint64
	key      []byte
	drop     list

	sweep *expire.Sweeper
	work  int // rows of this epoch

	ctx     *op.Ctx // while Finish runs
	changes *rows.Builder
}

// span is a partition's part of a list; full tells that the window had no room.
type span struct {
	from, to int
	full     bool
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Keeps the first rows by an order, as a whole or per partition.",
		Ports:   1, Format: 1, MinFormat: 1,
		Tables: func(json.RawMessage) ([]string, error) { return []string{tableRows}, nil },
		New:    New,
		Marks:  carry,
		Bound:  bound,
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
	s := "all"
	if c.Limit != nil {
		s = fmt.Sprint(*c.Limit)
	}
	if c.WithTies {
		s += " with ties"
	}
	if c.Dense {
		s += " groups of peers"
	}
	if c.Offset != 0 {
		s += fmt.Sprintf(" offset %d", c.Offset)
	}
	if len(c.Order) > 0 {
		s += " order by " + order.Text(c.Order, in)
	}
	if len(c.Partition) > 0 {
		s += " per " + op.Cols(in, c.Partition)
	}
	return strings.TrimSpace(s)
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	t := &topn{
		Config: c, limit: -1, in: env.In[0], out: env.Out, codec: rows.NewRowCodec(env.In[0].Types()),
		table: env.Tables.Ordered(tableRows), partCols: make([]*rows.Vec, len(c.Partition)),
		appendOnly: len(env.AppendOnly) > 0 && env.AppendOnly[0],
	}
	if c.Limit != nil {
		t.limit = *c.Limit
	}
	width := len(t.in)
	if c.Number {
		width++
	}
	switch {
	case c.Limit != nil && *c.Limit < 0 || c.Offset < 0:
		return nil, fmt.Errorf("topn: negative limit or offset")
	case c.Number && c.WithTies:
		return nil, fmt.Errorf("topn: number and with_ties exclude each other")
	case c.Dense && (c.WithTies || c.Number || c.Offset != 0):
		return nil, fmt.Errorf("topn: dense excludes with_ties, number and offset")
	case len(t.out) != width:
		return nil, fmt.Errorf("topn: %d output columns, want %d", len(t.out), width)
	}
	if t.orders, err = order.Of(c.Order, t.in); err != nil {
		return nil, fmt.Errorf("topn: %w", err)
	}
	var parts []types.Type
	for _, k := range c.Partition {
		if k < 0 || k >= len(t.in) {
			return nil, fmt.Errorf("topn: partition column %d does not exist", k)
		}
		parts = append(parts, t.in[k].Type)
	}
	t.sweep = expire.New(parts, expire.Columns(env.Mark(0), c.Partition))
	return t, nil
}
