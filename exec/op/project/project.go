// Package project is the operator project: it computes columns from the input's.
//
// It is linear and has no state. An expression that is a plain column shares the input's column
// without a copy; the selection and the weights are shared too. A row of which any expression fails
// is diverted and does not reach the output. With a condition the operator is a filter as well; what the
// condition has computed is not computed again for the columns.
package project

import (
	"encoding/json"
	"strings"

	"tidemill/exec/op"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "project"

// Config configures the operator.
type Config struct {
	// Exprs are the output columns over the input columns.
	Exprs []*expr.Expr `json:"exprs"`
	// Where, if not nil, keeps the rows for which it is true.
	Where *expr.Expr `json:"where,omitempty"`
}

// FormatOf is the oldest format of Config that has all that c uses.
func FormatOf(c Config) int {
	if c.Where != nil {
		return 2
	}
	return 1
}

type project struct {
	prog   *expr.Program // computes what is not a plain column; nil = nothing
	from   []int         // per output column: the input column, or −1−k for result k of prog
	where  bool          // the first result of prog is the condition, and is not counted in from
	schema types.Schema
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Computes columns from the input's columns.",
		Ports:   1, Tables: op.Stateless, Sealed: true, Format: 2, MinFormat: 1,
		New:   New,
		Marks: carry(false), CivilMarks: carry(true),
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			parts := make([]string, len(c.Exprs))
			for i, e := range c.Exprs {
				parts[i] = op.ExprText(e, op.Port(in, 0))
			}
			text := strings.Join(parts, ", ")
			if c.Where != nil {
				text += " where " + op.ExprText(c.Where, op.Port(in, 0))
			}
			return text
		},
	})
}

func carry(civil bool) op.CarryFunc {
	return func(cfg json.RawMessage, _ []types.Schema, _ types.Schema) (op.Carry, error) {
		c, err := op.Peek[Config](cfg)
		if err != nil {
			return nil, err
		}
		return op.CarryExprs(c.Exprs, civil)
	}
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	p := &project{schema: env.Out, where: c.Where != nil}
	var computed []*expr.Expr
	for _, e := range c.Exprs {
		if e.Kind == expr.Column {
			p.from = append(p.from, e.Index)
			continue
		}
		p.from = append(p.from, -1-len(computed))
		computed = append(computed, e)
	}
	if p.where {
		computed = append([]*expr.Expr{c.Where}, computed...)
	}
	if len(computed) > 0 {
		if p.prog, err = expr.Compile(computed); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *project) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	var vecs []*rows.Vec
	var bad map[int32]bool
	if p.prog != nil {
		var err error
		if p.where {
			kept := *in
			kept.Sel, vecs, err = p.prog.EvalWhere(c.Fn, in)
			in = &kept
		} else {
			vecs, err = p.prog.Eval(c.Fn, in)
		}
		if err != nil {
			return err
		}
		if bad, err = c.TakeErrs(in); err != nil {
			return err
		}
	}
	out := &rows.Batch{Schema: p.schema, N: in.N, Sel: in.Sel, W: in.W, Cols: make([]*rows.Vec, len(p.from))}
	for i, from := range p.from {
		v := (*rows.Vec)(nil)
		if from >= 0 {
			v = in.Cols[from]
		} else {
			v = vecs[-1-from]
		}
		out.Cols[i] = v
	}
	return c.EmitBatch(op.Without(out, bad))
}

func (p *project) Finish(*op.Ctx) error { return nil }
