// Package tablefunc is the operator tablefunc: a set-returning function applied to every input row.
//
// The arguments are computed for the whole batch, the function is then called once per row; each of
// its rows is joined to the input row and has its weight. It is linear and has no state, which needs
// a function without side effects: the rows for a retraction must be those of the insertion. With
// outer, a row for which the function gives nothing appears once, with NULLs (LEFT JOIN LATERAL).
// A row whose arguments or function call fail is diverted.
//
// Several functions run in lock-step (more): their first rows stand side by side, then their second ones,
// the shorter functions padded with NULLs.
//
// A function in FROM without LATERAL reads the one row without columns of a values leaf.
package tablefunc

import (
	"encoding/json"
	"fmt"
	"strings"

	"tidemill/exec/op"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "tablefunc"

// Config configures the operator. The output columns are the input's, the function's and, if asked
// for, the ordinality.
type Config struct {
	Func string `json:"func"`
	// ArgTypes are the declared argument types of the chosen overload; absent = the arguments' types.
	ArgTypes []types.Type `json:"argtypes,omitempty"`
	Args     []*expr.Expr `json:"args"`
	// More are functions that run in lock-step with the first one, the shorter ones padded with NULLs.
	More       []Call `json:"more,omitempty"`
	Ordinality bool   `json:"ordinality,omitempty"` // adds a bigint counted from 1
	Outer      bool   `json:"outer,omitempty"`
}

// Call is a further function, with fields as in Config.
type Call struct {
	Func     string       `json:"func"`
	ArgTypes []types.Type `json:"argtypes,omitempty"`
	Args     []*expr.Expr `json:"args"`
	Columns  int          `json:"columns"` // it gives so many
}

// function is one of the functions with its place among the arguments and columns.
type function struct {
	spec *fn.Table
	args []types.Datum
	// rows are its own rows, where several functions run in lock-step; nil = those of the operator.
	rows *rows.Builder
}

type tablefunc struct {
	Config
	funcs  []function
	prog   *expr.Program
	out    types.Schema
	result types.Schema  // the functions' columns
	args   []types.Datum // of all functions, one after the other

	rows *rows.Builder // the function's rows
	idx  []int32       // per row of rows: its input row, −1 = to be left out
	ord  []int64       // per row of rows: its number, 0 = padding
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Joins each row with the rows of a set-returning function of it.",
		Ports:   1, Tables: op.Stateless, Format: 1, MinFormat: 1,
		New: New, Marks: op.Through,
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
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = op.ExprText(a, in)
	}
	s := c.Func + "(" + strings.Join(args, ", ") + ")"
	for _, m := range c.More {
		args = args[:0]
		for _, a := range m.Args {
			args = append(args, op.ExprText(a, in))
		}
		s += ", " + m.Func + "(" + strings.Join(args, ", ") + ")"
	}
	if c.Ordinality {
		s += " with ordinality"
	}
	if c.Outer {
		s += " outer"
	}
	return s
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	t := &tablefunc{Config: c, out: env.Out}
	from, to := len(env.In[0]), len(env.Out)
	if c.Ordinality {
		to--
	}
	if from > to {
		return nil, fmt.Errorf("tablefunc: %d output columns for %d input columns", len(env.Out), from)
	}
	t.result = env.Out[from:to]
	if err := t.find(); err != nil {
		return nil, err
	}
	t.rows = rows.NewBuilder(t.result, 64)
	return t, nil
}

// find looks the functions up and compiles their arguments.
func (t *tablefunc) find() error {
	first := len(t.result)
	for _, m := range t.More {
		first -= m.Columns
	}
	if first < 0 {
		return fmt.Errorf("tablefunc: %d columns for the columns of %d functions", len(t.result), len(t.More)+1)
	}
	var args []*expr.Expr
	at := 0
	for _, m := range append([]Call{{t.Func, t.ArgTypes, t.Args, first}}, t.More...) {
		ts := m.ArgTypes
		if ts == nil {
			for _, a := range m.Args {
				ts = append(ts, a.Type)
			}
		}
		f := function{}
		var ok bool
		if f.spec, ok = fn.FindTable(m.Func, ts); !ok {
			return fmt.Errorf("tablefunc: this build has no function %s", m.Func)
		}
		if len(t.More) > 0 {
			f.rows = rows.NewBuilder(t.result[at:at+m.Columns], 16)
		}
		at += m.Columns
		args = append(args, m.Args...)
		t.funcs = append(t.funcs, f)
	}
	t.args = make([]types.Datum, len(args))
	at = 0
	for i := range t.funcs {
		n := len(t.Args)
		if i > 0 {
			n = len(t.More[i-1].Args)
		}
		t.funcs[i].args = t.args[at : at+n]
		at += n
	}
	if len(args) == 0 {
		return nil
	}
	var err error
	t.prog, err = expr.Compile(args)
	return err
}

func (t *tablefunc) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	var vecs []*rows.Vec
	var bad map[int32]bool
	if t.prog != nil {
		var err error
		if vecs, err = t.prog.Eval(c.Fn, in); err != nil {
			return err
		}
		if bad, err = c.TakeErrs(in); err != nil {
			return err
		}
	}
	for k := range in.Len() {
		r := in.Row(k)
		if bad[int32(r)] {
			continue
		}
		for i, v := range vecs {
			t.args[i] = v.Datum(r)
		}
		if err := t.call(c, in, r); err != nil {
			return err
		}
		if len(t.idx) >= op.ChunkRows {
			if err := t.flush(c, in); err != nil {
				return err
			}
		}
	}
	return t.flush(c, in)
}

func (t *tablefunc) Finish(*op.Ctx) error { return nil }

// call adds the function's rows for input row r.
func (t *tablefunc) call(c *op.Ctx, in *rows.Batch, r int) error {
	before := t.rows.Len()
	var err error
	if len(t.More) == 0 {
		err = run(c, &t.funcs[0], t.rows)
	} else {
		err = t.lockStep(c)
	}
	from := int32(r)
	if err != nil {
		t.rows.AbortRow()
		if err := c.Fail(in, r, in.Weight(r), sqlerr.As(err)); err != nil {
			return err
		}
		from = -1 // rows that it gave before it failed
	}
	for i := range t.rows.Len() - before {
		t.idx, t.ord = append(t.idx, from), append(t.ord, int64(i)+1)
	}
	if err == nil && t.Outer && t.rows.Len() == before {
		for _, col := range t.rows.Cols {
			col.AppendNull()
		}
		t.rows.EndRow(1)
		t.idx, t.ord = append(t.idx, from), append(t.ord, 0)
	}
	return nil
}

// run calls a function.
func run(c *op.Ctx, f *function, out *rows.Builder) error {
	err := f.spec.Rows(c.Fn, f.args, out)
	if err == nil && len(c.Fn.Errs) > 0 {
		err = c.Fn.Errs[0].Err
	}
	c.Fn.Errs = nil
	return err
}

// lockStep calls all functions and puts their rows side by side.
func (t *tablefunc) lockStep(c *op.Ctx) error {
	most := 0
	parts := make([]*rows.Batch, len(t.funcs))
	for i := range t.funcs {
		f := &t.funcs[i]
		if err := run(c, f, f.rows); err != nil {
			f.rows.Reset(0)
			return err
		}
		parts[i] = f.rows.Finish()
		f.rows.Reset(parts[i].N)
		most = max(most, parts[i].N)
	}
	for k := range most {
		at := 0
		for _, p := range parts {
			for _, v := range p.Cols {
				if k < p.N {
					t.rows.Cols[at].AppendFrom(v, k)
				} else {
					t.rows.Cols[at].AppendNull()
				}
				at++
			}
		}
		t.rows.EndRow(1)
	}
	return nil
}

// flush emits what has been collected.
func (t *tablefunc) flush(c *op.Ctx, in *rows.Batch) error {
	n := len(t.idx)
	if n == 0 {
		return nil
	}
	all := t.rows.Finish()
	for lo := 0; lo < n; lo += op.ChunkRows { // one call may have given millions
		hi := min(lo+op.ChunkRows, n)
		if err := t.emit(c, in, all.Slice(lo, hi), t.idx[lo:hi], t.ord[lo:hi]); err != nil {
			return err
		}
	}
	t.rows.Reset(min(n, op.ChunkRows))
	t.idx, t.ord = t.idx[:0], t.ord[:0]
	return nil
}

// emit joins rows of the function to the input rows idx that they are for, −1 for those to leave out.
func (t *tablefunc) emit(c *op.Ctx, in, part *rows.Batch, idx []int32, ord []int64) error {
	n := len(idx)
	out := &rows.Batch{Schema: t.out, N: n}
	for i, r := range idx {
		if r < 0 && out.Sel == nil {
			out.Sel = make([]int32, 0, n)
			for k := range i {
				out.Sel = append(out.Sel, int32(k))
			}
		}
		if r < 0 {
			idx[i] = 0
		} else if out.Sel != nil {
			out.Sel = append(out.Sel, int32(i))
		}
	}
	for _, v := range in.Cols {
		out.Cols = append(out.Cols, v.Gather(idx))
	}
	out.Cols = append(out.Cols, part.Cols...)
	if t.Ordinality {
		out.Cols = append(out.Cols, t.ordinality(ord))
	}
	if in.W != nil {
		out.W = make([]int64, n)
		for i, r := range idx {
			out.W[i] = in.W[r]
		}
	}
	return c.EmitBatch(out)
}

func (t *tablefunc) ordinality(ord []int64) *rows.Vec {
	b := rows.NewVecBuilder(t.out[len(t.out)-1].Type, len(ord))
	for _, o := range ord {
		if o == 0 {
			b.AppendNull()
		} else {
			b.AppendInt(o)
		}
	}
	return b.Finish()
}
