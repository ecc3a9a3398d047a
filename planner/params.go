package planner

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tidemill/exec/plan"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// BindParams returns the plan with parameters replaced by values, which must have the types of
// Query.Params. Nodes without parameters are shared with p.
func BindParams(p *plan.Plan, values []types.Datum) (*plan.Plan, error) {
	return bindPlan(p, &binding{params: values})
}

// BindOuter returns a subplan of an apply node with the outer row's columns replaced by values.
func BindOuter(p *plan.Plan, row []types.Datum) (*plan.Plan, error) {
	return bindPlan(p, &binding{outer: row})
}

// binding is what replaces parameters or outer columns.
type binding struct{ params, outer []types.Datum }

var (
	paramMark = []byte(`"k":"param"`)
	outerMark = []byte(`"k":"outer"`)
)

// touches tells whether a configuration holds anything to replace.
func (b *binding) touches(cfg []byte) bool {
	return b.params != nil && bytes.Contains(cfg, paramMark) || b.outer != nil && bytes.Contains(cfg, outerMark)
}

func (b *binding) expr(e *expr.Expr) *expr.Expr {
	if b.params != nil {
		e = expr.BindParams(e, b.params)
	}
	if b.outer != nil {
		e = expr.BindOuter(e, 1, b.outer)
	}
	return e
}

func bindPlan(p *plan.Plan, b *binding) (*plan.Plan, error) {
	out := p
	for i := range p.Nodes {
		if !b.touches(p.Nodes[i].Config) {
			continue
		}
		cfg, err := b.config(&p.Nodes[i])
		if err != nil {
			return nil, err
		}
		if out == p {
			c := *p
			c.Nodes = append([]plan.Node(nil), p.Nodes...)
			out = &c
		}
		out.Nodes[i].Config = cfg
	}
	return out, nil
}

// config replaces within one configuration.
func (b *binding) config(n *plan.Node) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(n.Config, &fields); err != nil {
		return nil, fmt.Errorf("plan of %s: %w", n.Op, err)
	}
	for name, raw := range fields {
		if !b.touches(raw) {
			continue
		}
		var err error
		switch name {
		case "limit_expr":
			err = b.count(fields, "limit", raw)
		case "offset_expr":
			err = b.count(fields, "offset", raw)
		case "access_exprs":
			err = b.access(fields, raw)
		case "sub":
			fields[name], err = b.sub(raw)
		case "aggs":
			fields[name], err = b.calls(raw)
		case "more":
			fields[name], err = b.more(raw)
		case "loop":
			fields[name], err = b.loop(raw)
		default:
			fields[name], err = b.field(raw)
		}
		if err != nil {
			return nil, err
		}
	}
	if n.Op == "values" && fields["exprs"] != nil {
		if err := valueRows(fields); err != nil {
			return nil, err
		}
	}
	return json.Marshal(fields)
}

// sub replaces parameters inside a nested plan. Outer columns there belong to another row.
func (b *binding) sub(raw json.RawMessage) (json.RawMessage, error) {
	if b.params == nil {
		return raw, nil
	}
	var p plan.Plan
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	out, err := bindPlan(&p, &binding{params: b.params})
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// calls replaces in the direct arguments of aggregate calls.
func (b *binding) calls(raw json.RawMessage) (json.RawMessage, error) { return b.each(raw, "direct") }

// more replaces in the arguments of further table functions.
func (b *binding) more(raw json.RawMessage) (json.RawMessage, error) { return b.each(raw, "args") }

// each replaces in one field of each call of a list.
func (b *binding) each(raw json.RawMessage, name string) (json.RawMessage, error) {
	var calls []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &calls); err != nil {
		return nil, err
	}
	for _, c := range calls {
		if !b.touches(c[name]) {
			continue
		}
		var err error
		if c[name], err = b.field(c[name]); err != nil {
			return nil, err
		}
	}
	return json.Marshal(calls)
}

// loop replaces inside the plan of a recursive query, which sees the same outer row.
func (b *binding) loop(raw json.RawMessage) (json.RawMessage, error) {
	var p plan.Plan
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	out, err := bindPlan(&p, b)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// field replaces in a field that holds an expression, a list of them, or a list of lists.
func (b *binding) field(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		for i := range list {
			if !b.touches(list[i]) {
				continue
			}
			var err error
			if list[i], err = b.field(list[i]); err != nil {
				return nil, err
			}
		}
		return json.Marshal(list)
	}
	var e expr.Expr
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	return json.Marshal(b.expr(&e))
}

// one evaluates an expression that has no columns.
func (b *binding) one(raw json.RawMessage) (types.Datum, error) {
	var e expr.Expr
	if err := json.Unmarshal(raw, &e); err != nil {
		return types.Datum{}, err
	}
	return expr.EvalScalar(&fn.Ctx{}, b.expr(&e))
}

func (b *binding) count(fields map[string]json.RawMessage, name string, raw json.RawMessage) error {
	d, err := b.one(raw)
	if err != nil {
		return err
	}
	delete(fields, name+"_expr")
	delete(fields, name)
	if d.Null {
		return nil
	}
	if d.I < 0 {
		code, word := sqlerr.InvalidRowCountInLimit, "LIMIT"
		if name == "offset" {
			code, word = sqlerr.InvalidRowCountInOffset, "OFFSET"
		}
		return sqlerr.New(code, "%s must not be negative", word)
	}
	fields[name], err = json.Marshal(d.I)
	return err
}

// access evaluates the values that a scan reads by. A NULL leaves nothing to read: no condition that
// the scan comes from holds for it.
func (b *binding) access(fields map[string]json.RawMessage, raw json.RawMessage) error {
	var exprs struct {
		Eq        [][]json.RawMessage `json:"eq"`
		Low, High json.RawMessage
	}
	var a plan.Access
	if err := json.Unmarshal(raw, &exprs); err != nil {
		return err
	}
	if err := json.Unmarshal(fields["access"], &a); err != nil {
		return err
	}
	nothing := false
	for _, list := range exprs.Eq {
		values := []types.Datum{}
		for _, r := range list {
			d, err := b.one(r)
			if err != nil {
				return err
			}
			if !d.Null {
				values = append(values, d)
			}
		}
		a.Eq = append(a.Eq, values)
	}
	for _, end := range []struct {
		raw json.RawMessage
		to  *plan.Bound
	}{{exprs.Low, a.Low}, {exprs.High, a.High}} {
		if end.to == nil {
			continue
		}
		d, err := b.one(end.raw)
		if err != nil {
			return err
		}
		end.to.Value, nothing = d, nothing || d.Null
	}
	if nothing {
		a.Eq, a.Low, a.High = [][]types.Datum{{}}, nil, nil
	}
	delete(fields, "access_exprs")
	var err error
	fields["access"], err = json.Marshal(&a)
	return err
}

// valueRows evaluates the rows of values.
func valueRows(fields map[string]json.RawMessage) error {
	var exprs [][]*expr.Expr
	if err := json.Unmarshal(fields["exprs"], &exprs); err != nil {
		return err
	}
	rows := make([][]types.Datum, len(exprs))
	for i, r := range exprs {
		rows[i] = make([]types.Datum, len(r))
		for k, e := range r {
			if e.Kind != expr.Literal {
				return sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", e.Index+1)
			}
			rows[i][k] = *e.Lit
		}
	}
	delete(fields, "exprs")
	var err error
	fields["rows"], err = json.Marshal(rows)
	return err
}
