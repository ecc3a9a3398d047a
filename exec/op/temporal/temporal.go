// Package temporal is the operator temporal: a condition that compares a value of each row with the
// time, such as at > now() - INTERVAL '1 hour'. Rows come into the view and leave it as time goes on.
//
// The condition is bound ‹cmp› limit, where the bound is computed from the row and the limit from the
// epoch's time, with which it never falls. So a row passes the limit at most once:
//
//	bound > limit, bound >= limit   visible until the limit passes it, and never again
//	bound < limit, bound <= limit   visible from when the limit passes it, and ever after
//
// State
//
//	rows  Ordered: the bound as a key, the row's exact bytes, their length as 4 bytes → weight
//
// which holds the rows that have not been passed: the visible ones of the first kind, those that are
// still to come of the second. Rows that can never be visible, or always will be, are not stored.
//
// Algorithm. A change of a row that has not been passed changes its weight, and is emitted if such
// rows are visible. A change of one that has been passed before the epoch is emitted as it is, or not
// at all. Finish takes out of the state, in one range, the rows that the limit has passed in this
// epoch, and emits them: with their weights negated if they leave. The cost of a tick is the rows that
// come or go.
package temporal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/op/place"
	"tidemill/exec/state"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "temporal"

// Config configures the operator.
type Config struct {
	// Bound is computed from the row, Limit from the time alone; both have the same type. Limit must not
	// fall as time goes on. A row whose bound is NULL is dropped.
	Bound *expr.Expr `json:"bound"`
	Limit *expr.Expr `json:"limit"`
	// Cmp is "<", "<=", ">" or ">=": bound Cmp limit.
	Cmp string `json:"cmp"`
	// Dist lists the columns that rows are spread by; none = all rows are on the worker of virtual node 0.
	Dist []int `json:"dist"`
}

const tableRows = "rows"

type temporal struct {
	Config
	until  bool // visible until the limit passes, else from then on
	schema types.Schema
	codec  *rows.RowCodec
	rows   *state.Ordered
	bound  *expr.Program
	limit  *expr.Program

	// A row has been passed if its bound, as a key, is less than edge. last is the edge of the epoch
	// before, nil when that is not known, after a restart.
	edge, last []byte
	begun      bool

	hash   []uint64
	placer place.Placer
	key    []byte
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Keeps the rows for which a comparison with the time is true, as time goes on.",
		Ports:   1, Clock: true, Format: 1, MinFormat: 1,
		Tables: func(json.RawMessage) ([]string, error) { return []string{tableRows}, nil },
		New:    New,
		Bound: func(json.RawMessage, []op.Input) op.Bound {
			return op.Bound{Text: "by the rows that time can still show or hide"}
		},
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
	what := "rows arrive"
	if c.until() {
		what = "rows expire"
	}
	return fmt.Sprintf("%s %s %s, %s", op.ExprText(c.Bound, in), c.Cmp, op.ExprText(c.Limit, nil), what)
}

func (c *Config) until() bool { return c.Cmp == ">" || c.Cmp == ">=" }

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	switch c.Cmp {
	case "<", "<=", ">", ">=":
	default:
		return nil, fmt.Errorf("temporal: unknown comparison %q", c.Cmp)
	}
	if c.Bound == nil || c.Limit == nil || c.Bound.Type.ID != c.Limit.Type.ID {
		return nil, fmt.Errorf("temporal: bound and limit must have the same type")
	}
	for _, d := range c.Dist {
		if d < 0 || d >= len(env.In[0]) {
			return nil, fmt.Errorf("temporal: column %d does not exist", d)
		}
	}
	t := &temporal{
		Config: c, until: c.until(), schema: env.Out, codec: rows.NewRowCodec(env.In[0].Types()), rows: env.Tables.Ordered(tableRows),
	}
	if c.Dist == nil {
		t.Dist = []int{}
	}
	if t.bound, err = expr.Compile([]*expr.Expr{c.Bound}); err != nil {
		return nil, err
	}
	t.limit, err = expr.Compile([]*expr.Expr{c.Limit})
	return t, err
}

// begin computes the epoch's edge. It never falls.
func (t *temporal) begin(c *op.Ctx) error {
	if t.begun {
		return nil
	}
	t.begun = true
	out, err := t.limit.Eval(c.Fn, &rows.Batch{N: 1})
	if err != nil {
		return err
	}
	if len(c.Fn.Errs) > 0 {
		err := c.Fn.Errs[0].Err
		c.Fn.Errs = nil
		return err
	}
	if out[0].IsNull(0) {
		return fmt.Errorf("temporal: the limit is NULL")
	}
	edge := rows.AppendKey(nil, out[0], 0)
	if t.Cmp == ">" || t.Cmp == "<=" { // a bound that is equal has been passed, too
		edge = state.PrefixEnd(edge)
	}
	if bytes.Compare(edge, t.last) > 0 {
		t.edge = edge
	}
	return nil
}

func (t *temporal) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	if in.Len() == 0 {
		return nil
	}
	if err := t.begin(c); err != nil {
		return err
	}
	vecs, err := t.bound.Eval(c.Fn, in)
	if err != nil {
		return err
	}
	bad, err := c.TakeErrs(in)
	if err != nil {
		return err
	}
	in, v := op.Without(in, bad), vecs[0]
	n := in.Len()
	t.hash = append(t.hash[:0], make([]uint64, n)...)
	t.placer.Rows(t.hash, t.Dist, in.Cols, in.Sel, in.N)
	sel := make([]int32, 0, n)
	for k := range n {
		r := in.Row(k)
		if !v.IsNull(r) && t.change(in, v, r, rows.VNode(t.hash[k])) {
			sel = append(sel, int32(r))
		}
	}
	out := *in
	out.Sel, out.Schema = sel, t.schema
	return c.EmitBatch(&out)
}

// change takes up the change of a row and tells whether it is to be emitted at once.
func (t *temporal) change(in *rows.Batch, v *rows.Vec, r int, vnode uint16) (emit bool) {
	t.key = rows.AppendKey(t.key[:0], v, r)
	switch {
	case t.until && bytes.Compare(t.key, t.edge) < 0:
		return false // Finish takes out what was stored of it
	case !t.until && t.last != nil && bytes.Compare(t.key, t.last) < 0:
		return true
	case isTime(v.Type) && v.I[r] == types.TimeInfinity:
		return t.until // time never gets there
	}
	at := len(t.key)
	t.key = t.codec.Append(t.key, in.Cols, r)
	t.key = binary.BigEndian.AppendUint32(t.key, uint32(len(t.key)-at))
	t.rows.AddWeight(vnode, t.key, in.Weight(r))
	return t.until
}

func isTime(t types.Type) bool { return t.IsTime() || t.ID == types.Date }

func (t *temporal) Finish(c *op.Ctx) error {
	if err := t.begin(c); err != nil {
		return err
	}
	t.begun = false
	if bytes.Equal(t.edge, t.last) {
		return nil
	}
	if err := t.pass(c); err != nil {
		return err
	}
	t.last = t.edge
	return nil
}

// pass takes the rows that have been passed out of the state and emits them.
func (t *temporal) pass(c *op.Ctx) error {
	out := rows.NewBuilder(t.schema, 0)
	var err error
	t.rows.Ascend(nil, t.edge, func(key, value []byte) bool {
		body := len(key) - 4
		row := key[body-int(binary.BigEndian.Uint32(key[body:])) : body]
		if err = t.codec.Decode(row, out.Cols); err != nil {
			return false
		}
		w := state.WeightOf(value)
		if t.until {
			w = -w
		}
		if out.EndRow(w); out.Len() >= op.ChunkRows {
			err = c.Emit(out.Finish())
			out.Reset(op.ChunkRows)
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	t.rows.DeleteRange(nil, t.edge)
	return c.EmitBatch(out.Finish())
}
