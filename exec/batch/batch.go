// Package batch runs a physical plan once over a snapshot: an ad hoc SELECT, the query part of DML,
// the recomputation that VERIFY compares with. It is the circuit's operators run for one epoch in
// which everything a scan reads arrives as an insertion, with throw-away state.
package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"tidemill/exec/mem"
	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// ErrStop, returned from an output function, ends a query early without an error.
var ErrStop = errors.New("enough rows")

// Scanner reads the relations of a snapshot.
type Scanner interface {
	// Scan hands the object's rows to f in batches that have the scan's columns in order. An error from f
	// ends the scan and is returned.
	Scan(ctx context.Context, s *plan.Scan, f func(*rows.Batch) error) error
}

// Query is one execution.
type Query struct {
	Plan    *plan.Plan // without parameters
	Scanner Scanner
	Fn      *fn.Ctx
	Mem     *mem.Account
	// Bounds gives the event time of an object's columns; nil = none has any.
	Bounds func(object uint32) plan.Marks
	// Divert leaves out rows whose expressions fail, as views do; otherwise the query fails.
	Divert bool
	// Out receives the result in batches that it may keep.
	Out func(*rows.Batch) error
}

// run is the state of an execution.
type run struct {
	q     *Query
	ctx   context.Context
	ops   []op.Operator
	state []*state.Tables // per operator
	ctxs  []*op.Ctx
	outs  [][]plan.Consumer
	quota int64 // rows still wanted from the root; −1 = all
}

// Run executes the query until its end, ErrStop, an error, or the end of ctx.
func Run(ctx context.Context, q *Query) error {
	err := newRun(ctx, q)
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

func newRun(ctx context.Context, q *Query) error {
	p := q.Plan
	r := &run{q: q, ctx: ctx, outs: p.Consumers(), ops: make([]op.Operator, len(p.Nodes)), ctxs: make([]*op.Ctx, len(p.Nodes)), state: make([]*state.Tables, len(p.Nodes)), quota: -1}
	if root := p.Nodes[p.Root]; root.Op == "limit" {
		var l struct {
			Limit *int64 `json:"limit"`
		}
		if err := json.Unmarshal(root.Config, &l); err == nil && l.Limit != nil && *l.Limit >= 0 {
			r.quota = *l.Limit
		}
	}
	for i := range p.Nodes {
		r.ctxs[i] = r.context(i)
		if p.Nodes[i].Op == plan.ScanOp {
			continue
		}
		r.state[i] = state.Ephemeral(q.Mem)
		o, err := p.NewOperator(i, op.Env{Tables: r.state[i], Grow: q.Mem.Grow, Batch: true, OwnsSingle: true, Subquery: r.subquery})
		if err != nil {
			return err
		}
		r.ops[i] = o
	}
	if q.Bounds != nil {
		if err := r.tellTime(); err != nil {
			return err
		}
	}
	return r.drive()
}

// tellTime lets the operators know how far event time has come.
func (r *run) tellTime() error {
	m, err := plan.NewMarker(r.q.Plan)
	if err != nil {
		return err
	}
	of := m.Run(r.q.Bounds)
	for i, c := range r.ctxs {
		c.Watermarks, c.Floors = m.Inputs(i, of)
	}
	return nil
}

// drive feeds the scans and then finishes the operators, inputs first.
func (r *run) drive() error {
	leaves, err := r.q.Plan.Leaves()
	if err != nil {
		return err
	}
	if r.quota == 0 {
		return nil
	}
	for i := range leaves {
		l := &leaves[i]
		err := r.q.Scanner.Scan(r.ctx, &l.Scan, func(b *rows.Batch) error {
			b.Schema = r.q.Plan.Nodes[l.Node].Schema
			return r.ctxs[l.Node].Emit(b)
		})
		if err != nil {
			return err
		}
	}
	for i, o := range r.ops {
		if o == nil {
			continue
		}
		if r.ctx.Err() != nil {
			return canceled(r.ctx)
		}
		if err := o.Finish(r.ctxs[i]); err != nil {
			return err
		}
	}
	return nil
}

// canceled turns the end of a context into the error that clients expect.
func canceled(ctx context.Context) error {
	var e *sqlerr.Error
	if errors.As(context.Cause(ctx), &e) {
		return e
	}
	return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
}

// context makes node i's operator context.
func (r *run) context(i int) *op.Ctx {
	f := *r.q.Fn
	f.Errs = nil
	c := &op.Ctx{Epoch: 1, Fn: &f}
	c.Emit = func(b *rows.Batch) error {
		if b == nil || b.Len() == 0 {
			return nil
		}
		if r.ctx.Err() != nil {
			return canceled(r.ctx)
		}
		for _, out := range r.outs[i] {
			if err := r.ops[out.Node].Push(r.ctxs[out.Node], out.Port, b); err != nil {
				return err
			}
			if err := r.state[out.Node].Err(); err != nil { // it did not fit into the memory budget
				return err
			}
		}
		if i == r.q.Plan.Root {
			return r.output(b)
		}
		return nil
	}
	c.Fail = func(_ *rows.Batch, _ int, _ int64, e *sqlerr.Error) error {
		if r.q.Divert {
			return nil
		}
		return e
	}
	return c
}

// output hands a root batch on and stops the query when a LIMIT is filled.
func (r *run) output(b *rows.Batch) error {
	if err := r.q.Out(b); err != nil {
		return err
	}
	if r.quota > 0 {
		if r.quota -= b.Total(); r.quota <= 0 {
			return ErrStop
		}
	}
	return nil
}

// subquery runs a nested plan for an Apply operator with the outer row bound.
func (r *run) subquery(raw json.RawMessage, outer []types.Datum) ([]*rows.Batch, error) {
	p := new(plan.Plan)
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, fmt.Errorf("nested plan: %w", err)
	}
	if err := BindOuter(p, outer); err != nil {
		return nil, err
	}
	var out []*rows.Batch
	q := *r.q
	q.Plan = p
	q.Out = func(b *rows.Batch) error { out = append(out, b.Clone()); return nil }
	err := Run(r.ctx, &q)
	return out, err
}

// BindOuter replaces the outer references of the nearest level in p's expressions by values.
func BindOuter(p *plan.Plan, outer []types.Datum) error {
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if !bytes.Contains(n.Config, []byte(`"outer"`)) {
			continue
		}
		var cfg any
		dec := json.NewDecoder(bytes.NewReader(n.Config))
		dec.UseNumber()
		if err := dec.Decode(&cfg); err != nil {
			return fmt.Errorf("plan node %d: %w", i, err)
		}
		cfg, err := bindJSON(cfg, outer, 1)
		if err != nil {
			return err
		}
		if n.Config, err = json.Marshal(cfg); err != nil {
			return err
		}
	}
	return nil
}

// bindJSON walks a decoded configuration. Nested plans (of Apply nodes) see this level as one further
// out. Working on the JSON form keeps this independent of the operators' configuration types.
func bindJSON(v any, outer []types.Datum, level int) (any, error) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			var err error
			if v[i], err = bindJSON(v[i], outer, level); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if v["k"] == string(expr.Outer) && number(v["level"]) == level {
			return bindRef(v, outer)
		}
		for _, k := range sortedKeys(v) {
			inner := level
			if k == "sub" {
				inner++
			}
			var err error
			if v[k], err = bindJSON(v[k], outer, inner); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func bindRef(v map[string]any, outer []types.Datum) (any, error) {
	i := number(v["i"])
	if i < 0 || i >= len(outer) {
		return nil, fmt.Errorf("outer reference %d of %d", i, len(outer))
	}
	lit := expr.Lit(outer[i])
	raw, err := json.Marshal(v["t"])
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &lit.Type); err != nil {
		return nil, err
	}
	lit.Lit.Type = lit.Type
	return lit, nil
}

func number(v any) int {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	i, err := n.Int64()
	if err != nil {
		return -1
	}
	return int(i)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
