// Package apply is the operator apply: it runs a subquery for each input row.
//
// Only batch queries use it, for the correlated subqueries that the planner could not turn into
// joins, and for uncorrelated ones in places where a join would not help. Rows with equal outer
// values share one run of the subquery; an uncorrelated subquery runs once.
package apply

import (
	"encoding/json"

	"tidemill/exec/op"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "apply"

// Config configures the operator. The output is the input's columns and one more: the subquery's
// value, truth or array; for the lateral kinds all columns of the subquery instead.
type Config struct {
	// Kind is scalar, exists, in, any, all, array, lateral or "lateral left".
	Kind string `json:"kind"`
	// Sub is the nested plan, whose "outer" expressions of level 1 refer to Outer by index.
	Sub json.RawMessage `json:"sub"`
	// Outer lists the input columns that the subquery sees.
	Outer []int `json:"outer,omitempty"`
	// Left and Op are the left side and the operator of in, any and all; in means op "=" ANY.
	Left *expr.Expr `json:"left,omitempty"`
	Op   string     `json:"op,omitempty"`
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Runs a subquery for each row (batch queries only).",
		Ports:   1, Tables: op.Stateless, Format: 1, MinFormat: 1,
		New: New,
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Config[Config](cfg)
			if err != nil {
				return err.Error()
			}
			if len(c.Outer) == 0 {
				return c.Kind
			}
			return c.Kind + " correlated on " + op.Cols(op.Port(in, 0), c.Outer)
		},
	})
}

type apply struct {
	cfg   Config
	env   *op.Env
	left  *expr.Program
	cache map[string]*result
}

// result is what one run of the subquery gave. For IN, whose left side is looked up in it, the values
// are kept as a set from the second row on.
type result struct {
	batches []*rows.Batch
	n       int64 // how many rows they are, by weight
	asked   bool
	set     map[string]struct{} // keys of the values that are not NULL
	null    bool                // some value is NULL
}

// maxCache bounds the number of subquery results that are kept.
const maxCache = 1024

// New makes the operator.
func New(raw json.RawMessage, env *op.Env) (op.Operator, error) {
	cfg, err := op.Config[Config](raw)
	if err != nil {
		return nil, err
	}
	a := &apply{cfg: cfg, env: env, cache: map[string]*result{}}
	if cfg.Left != nil {
		if a.left, err = expr.Compile([]*expr.Expr{cfg.Left}); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *apply) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	var left *rows.Vec
	if a.left != nil {
		cols, err := a.left.Eval(c.Fn, in)
		if err != nil {
			return err
		}
		if _, err := c.TakeErrs(in); err != nil {
			return err
		}
		left = cols[0]
	}
	out := rows.NewBuilder(a.env.Out, in.Len())
	for k := range in.Len() {
		i := in.Row(k)
		res, err := a.result(in, i)
		if err != nil {
			return err
		}
		switch a.cfg.Kind {
		case "lateral", "lateral left":
			a.lateral(out, in, i, res.batches)
			continue
		}
		v, err := a.value(c.Fn, res, left, i)
		if err != nil {
			return err
		}
		a.copyRow(out, in, i)
		out.Cols[len(in.Cols)].AppendDatum(v)
		out.EndRow(in.Weight(i))
	}
	return c.EmitBatch(out.Finish())
}

func (a *apply) Finish(*op.Ctx) error { return nil }

// result runs the subquery for row i, or finds an earlier run with the same outer values.
func (a *apply) result(in *rows.Batch, i int) (*result, error) {
	outer := make([]types.Datum, len(a.cfg.Outer))
	var key []byte
	for k, c := range a.cfg.Outer {
		outer[k] = in.Cols[c].Datum(i)
		key = rows.AppendKey(key, in.Cols[c], i)
	}
	if res, ok := a.cache[string(key)]; ok {
		return res, nil
	}
	batches, err := a.env.Subquery(a.cfg.Sub, outer)
	if err != nil {
		return nil, err
	}
	res := &result{batches: batches}
	each(batches, func(b *rows.Batch, r int) bool { res.n += b.Weight(r); return true })
	if len(a.cache) < maxCache {
		a.cache[string(key)] = res
	}
	return res, nil
}

func (a *apply) copyRow(out *rows.Builder, in *rows.Batch, i int) {
	for c, col := range in.Cols {
		out.Cols[c].AppendFrom(col, i)
	}
}

// lateral joins row i with the subquery's rows.
func (a *apply) lateral(out *rows.Builder, in *rows.Batch, i int, res []*rows.Batch) {
	n := 0
	for _, b := range res {
		for k := range b.Len() {
			a.copyRow(out, in, i)
			for c := len(in.Cols); c < len(out.Cols); c++ {
				out.Cols[c].AppendFrom(b.Cols[c-len(in.Cols)], b.Row(k))
			}
			out.EndRow(in.Weight(i) * b.Weight(b.Row(k)))
			n++
		}
	}
	if n == 0 && a.cfg.Kind == "lateral left" {
		a.copyRow(out, in, i)
		for c := len(in.Cols); c < len(out.Cols); c++ {
			out.Cols[c].AppendNull()
		}
		out.EndRow(in.Weight(i))
	}
}

// value computes the column that a subquery expression adds.
func (a *apply) value(f *fn.Ctx, found *result, left *rows.Vec, i int) (types.Datum, error) {
	if v, ok := a.lookUp(found, left, i); ok {
		return v, nil
	}
	res, n := found.batches, found.n
	t := a.env.Out[len(a.env.Out)-1].Type
	switch a.cfg.Kind {
	case "exists":
		return types.BoolDatum(n > 0), nil
	case "array":
		elems := make([]types.Datum, 0, n)
		each(res, func(b *rows.Batch, r int) bool {
			for range b.Weight(r) {
				elems = append(elems, b.Cols[0].Datum(r))
			}
			return true
		})
		if n > 0 && elems[0].Type.ID == types.Array {
			b, err := types.StackArrays(nil, elems)
			return types.Datum{Type: t, S: b}, err
		}
		return types.Datum{Type: t, S: types.AppendArray(nil, elems)}, nil
	case "scalar":
		if n > 1 {
			return types.Datum{}, sqlerr.New(sqlerr.CardinalityViolation, "more than one row returned by a subquery used as an expression")
		}
		v := types.NullOf(t)
		each(res, func(b *rows.Batch, r int) bool { v = b.Cols[0].Datum(r); v.Type = t; return true })
		return v, nil
	}
	return a.quantified(f, res, left.Datum(i))
}

// lookUp answers left = ANY (subquery) and left <> ALL (subquery) from the set of the values. It leaves
// a single question, and sides of different types, to the comparison of value with value.
func (a *apply) lookUp(res *result, left *rows.Vec, i int) (types.Datum, bool) {
	all := a.cfg.Kind == "all" && a.cfg.Op == "<>"
	if !all && a.cfg.Kind != "in" && !(a.cfg.Kind == "any" && a.cfg.Op == "=") {
		return types.Datum{}, false
	}
	if !res.asked {
		res.asked = true
		return types.Datum{}, false
	}
	if res.set == nil {
		res.set = map[string]struct{}{}
		var key []byte
		each(res.batches, func(b *rows.Batch, r int) bool {
			if b.Cols[0].IsNull(r) {
				res.null = true
				return true
			}
			key = rows.AppendKey(key[:0], b.Cols[0], r)
			res.set[string(key)] = struct{}{}
			return true
		})
	}
	empty := len(res.set) == 0 && !res.null
	if len(res.batches) > 0 && !res.batches[0].Cols[0].Type.Same(left.Type) {
		return types.Datum{}, false
	}
	if left.IsNull(i) && !empty {
		return types.NullOf(types.T(types.Bool)), true
	}
	if !empty {
		if _, in := res.set[string(rows.AppendKey(nil, left, i))]; in {
			return types.BoolDatum(!all), true
		}
		if res.null {
			return types.NullOf(types.T(types.Bool)), true
		}
	}
	return types.BoolDatum(all), true
}

// quantified computes left op ANY/ALL (subquery) in three-valued logic.
func (a *apply) quantified(f *fn.Ctx, res []*rows.Batch, left types.Datum) (types.Datum, error) {
	name := a.cfg.Op
	if a.cfg.Kind == "in" {
		name = "="
	}
	all := a.cfg.Kind == "all"
	unknown, decided := false, false
	var failure error
	each(res, func(b *rows.Batch, r int) bool {
		right := b.Cols[0].Datum(r)
		if left.Null || right.Null {
			unknown = true
			return true
		}
		v, err := compare(f, name, left, right)
		if err != nil {
			failure = err
			return false
		}
		if v.Null {
			unknown = true
		} else if v.B != all {
			decided = true
			return false
		}
		return true
	})
	switch {
	case failure != nil:
		return types.Datum{}, failure
	case decided:
		return types.BoolDatum(!all), nil
	case unknown:
		return types.NullOf(types.T(types.Bool)), nil
	}
	return types.BoolDatum(all), nil
}

func compare(f *fn.Ctx, name string, left, right types.Datum) (types.Datum, error) {
	s, at, err := fn.ResolveScalar(name, []types.Type{left.Type, right.Type})
	if err != nil {
		return types.Datum{}, err
	}
	e := &expr.Expr{
		Kind: expr.Call, Type: types.T(types.Bool), Name: s.Name, ArgTypes: s.Args,
		Args: []*expr.Expr{cast(expr.Lit(left), at[0]), cast(expr.Lit(right), at[1])},
	}
	return expr.EvalScalar(f, e)
}

func cast(e *expr.Expr, to types.Type) *expr.Expr {
	if e.Type.Same(to) {
		return e
	}
	return &expr.Expr{Kind: expr.Cast, Type: to, Args: []*expr.Expr{e}}
}

// each visits the rows of a result until f says false.
func each(res []*rows.Batch, f func(b *rows.Batch, row int) bool) {
	for _, b := range res {
		for k := range b.Len() {
			if !f(b, b.Row(k)) {
				return
			}
		}
	}
}
