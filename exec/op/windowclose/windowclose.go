// Package windowclose is the operator windowclose: EMIT ON WINDOW CLOSE. It holds the rows of its
// input back until the watermark has passed a time column of theirs and then emits them, once.
//
// State
//
//	held  Ordered: the time column as a key, the row's exact bytes → weight
//
// Algorithm. Push adds rows and retractions to the table; what was only provisional cancels out
// there. Finish emits the rows whose time is below the watermark, in the order of time, and deletes
// them. No row below the floor comes later; without allowed lateness watermark and floor are the same
// and what was emitted is final. With it, a row that comes between the two passes at once, as a
// correction of what was emitted. A row whose time is NULL is never emitted. In a batch query the
// watermark is that of the snapshot.
package windowclose

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = plan.WindowClose

// Config configures the operator. The output columns are the input's.
type Config struct {
	// Time is the column that the watermark passes.
	Time int `json:"time"`
	// Dist lists the columns that rows are spread by; none = all rows are on the worker of virtual node 0.
	Dist []int `json:"dist"`
}

const tableHeld = "held"

type windowclose struct {
	Config
	schema types.Schema
	codec  *rows.RowCodec
	held   *state.Ordered

	dist []*rows.Vec
	hash []uint64
	buf  rows.KeyBuf
	key  []byte
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Holds rows back until the watermark has passed them (EMIT ON WINDOW CLOSE).",
		Ports:   1, Format: 1, MinFormat: 1,
		Tables: func(json.RawMessage) ([]string, error) { return []string{tableHeld}, nil },
		New:    New,
		Marks: func(cfg json.RawMessage, _ []types.Schema, out types.Schema) (op.Carry, error) {
			c, err := op.Peek[Config](cfg)
			return func(in []op.Marks) op.Marks { // a held row's other columns may be of any age
				if in[0].At(c.Time) == op.NoMark {
					return nil
				}
				m := make(op.Marks, len(out))
				for i := range m {
					m[i] = op.NoMark
				}
				m[c.Time] = in[0].At(c.Time)
				return m
			}, err
		},
		Bound: func(cfg json.RawMessage, in []op.Input) op.Bound {
			c, _ := op.Peek[Config](cfg)
			return op.ByWatermark(in[0], c.Time)
		},
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return "by " + op.Col(op.Port(in, 0), c.Time)
		},
	})
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	w := &windowclose{Config: c, schema: env.Out, codec: rows.NewRowCodec(env.Out.Types()), held: env.Tables.Ordered(tableHeld)}
	if c.Time < 0 || c.Time >= len(env.Out) || env.Out[c.Time].Type.Phys() != types.PhysInt {
		return nil, fmt.Errorf("windowclose: column %d is not a time", c.Time)
	}
	for _, d := range c.Dist {
		if d < 0 || d >= len(env.Out) {
			return nil, fmt.Errorf("windowclose: column %d does not exist", d)
		}
	}
	w.dist = make([]*rows.Vec, len(c.Dist))
	return w, nil
}

func (w *windowclose) Push(_ *op.Ctx, _ int, in *rows.Batch) error {
	for i, d := range w.Dist {
		w.dist[i] = in.Cols[d]
	}
	if len(w.Dist) > 0 {
		w.hash = rows.HashColumns(w.hash[:0], w.dist, in.Sel, in.N, &w.buf)
	}
	for k := range in.Len() {
		r := in.Row(k)
		vnode := uint16(0)
		if len(w.Dist) > 0 {
			vnode = rows.VNode(w.hash[k])
		}
		w.key = rows.AppendKey(w.key[:0], in.Cols[w.Time], r)
		w.key = w.codec.Append(w.key, in.Cols, r)
		w.held.AddWeight(vnode, w.key, in.Weight(r))
	}
	return nil
}

func (w *windowclose) Finish(c *op.Ctx) error {
	mark := c.Watermark(0, w.Time)
	if mark == op.NoMark {
		return nil
	}
	upper := w.bound(mark)
	var failure error
	out, time := w.builder(), []*rows.VecBuilder{rows.NewVecBuilder(w.schema[w.Time].Type, op.ChunkRows)}
	emit := func() {
		if failure == nil {
			failure = c.EmitBatch(out.Finish())
		}
		out = w.builder()
	}
	any := false
	w.held.Ascend(nil, upper, func(key, value []byte) bool {
		any = true
		time[0].Truncate(0)
		rest, err := rows.DecodeKey([]types.Type{w.schema[w.Time].Type}, key, time)
		if err == nil {
			err = w.codec.Decode(rest, out.Cols)
		}
		if err != nil {
			failure = err
			return false
		}
		if out.EndRow(state.WeightOf(value)); out.Len() >= op.ChunkRows {
			emit()
		}
		return failure == nil
	})
	emit()
	if any && failure == nil {
		w.held.DeleteRange(nil, upper)
	}
	return failure
}

func (w *windowclose) builder() *rows.Builder { return rows.NewBuilder(w.schema, 64) }

// bound is the least key of a row with the given time.
func (w *windowclose) bound(t int64) []byte {
	return rows.AppendKeyDatum(nil, types.Datum{Type: w.schema[w.Time].Type, I: t})
}
