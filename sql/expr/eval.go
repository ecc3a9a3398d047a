package expr

import (
	"bytes"
	"math"
	"slices"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Eval computes the program's expressions for the selected rows of b. Each result has b.N values;
// those of rows that are not selected are unspecified. Rows that failed are in c.Errs.
//
// Results are never modified later, by this program or others, and may be kept. They may share
// buffers with b's columns and with each other.
func (p *Program) Eval(c *fn.Ctx, b *rows.Batch) ([]*rows.Vec, error) {
	if err := p.check(b); err != nil {
		return nil, err
	}
	p.begin(c, b)
	out := make([]*rows.Vec, len(p.roots))
	for i, n := range p.roots {
		out[i] = exactly(p.eval(n, 0), b.N)
	}
	p.end(out)
	return out, nil
}

// EvalWhere is EvalPred of the program's first expression and Eval of the others for the rows it keeps.
// Rows that failed in either are in c.Errs and may or may not be in the selection.
func (p *Program) EvalWhere(c *fn.Ctx, b *rows.Batch) ([]int32, []*rows.Vec, error) {
	if err := p.check(b); err != nil {
		return nil, nil, err
	}
	p.begin(c, b)
	s := p.filter(p.roots[0], 0)
	out := make([]*rows.Vec, len(p.roots)-1)
	for i, n := range p.roots[1:] {
		out[i] = exactly(p.eval(n, s), b.N)
	}
	sel := slices.Clone(p.selOf(s))
	p.end(out)
	return sel, out, nil
}

// check refuses a batch that the program was not compiled for.
func (p *Program) check(b *rows.Batch) error {
	for _, n := range p.nodes {
		if n.e.Kind == Column && (n.e.Index >= len(b.Cols) || b.Cols[n.e.Index].Type.Phys() != n.e.Type.Phys()) {
			return sqlerr.New(sqlerr.Internal, "column %d of type %s is not in the batch", n.e.Index, n.e.Type)
		}
	}
	return nil
}

// EvalScalar computes an expression without columns.
func EvalScalar(c *fn.Ctx, e *Expr) (types.Datum, error) {
	p, err := Compile([]*Expr{e})
	if err != nil {
		return types.Datum{}, err
	}
	before := len(c.Errs)
	out, err := p.Eval(c, &rows.Batch{N: 1})
	if err != nil {
		return types.Datum{}, err
	}
	if len(c.Errs) > before {
		err := c.Errs[before].Err
		c.Errs = c.Errs[:before]
		return types.Datum{}, err
	}
	d := cloneDatum(out[0].Datum(0))
	d.Type = e.Type
	return d, nil
}

func (p *Program) begin(c *fn.Ctx, b *rows.Batch) {
	p.c, p.b, p.n = c, b, b.N
	p.outer = c.UseScratch(&p.scratch)
	p.scopes = append(p.scopes[:0], scope{sel: b.Sel, parent: noScope})
}

// end recycles all buffers that keep does not use.
func (p *Program) end(keep []*rows.Vec) {
	p.scratch.Recycle(keep)
	p.c.UseScratch(p.outer)
	for _, n := range p.nodes {
		n.memo, n.scope = nil, noScope
	}
	p.c, p.b = nil, nil
}

// eval computes n for the rows of scope s, or returns what it was computed to be before.
func (p *Program) eval(n *node, s int32) *rows.Vec {
	if n.lit != nil {
		return p.constant(n, *n.lit, s)
	}
	if n.memo != nil && p.within(s, n.scope) {
		return n.memo
	}
	if n.stable && p.n != 1 {
		return p.evalStable(n, s)
	}
	v := n.run(p, n, s)
	if !v.Type.Equal(n.e.Type) {
		w := *v
		w.Type = n.e.Type
		v = &w
	}
	n.memo, n.scope = v, s
	return v
}

// within tells whether scope s is t or below it.
func (p *Program) within(s, t int32) bool {
	for s > t {
		s = p.scopes[s].parent
	}
	return s == t
}

// narrow opens a scope below s for the rows of sel.
func (p *Program) narrow(s int32, sel []int32) int32 {
	p.scopes = append(p.scopes, scope{sel: sel, parent: s})
	return int32(len(p.scopes) - 1)
}

// evalStable computes an expression without columns once for the whole batch. When it fails, it
// fails for the rows of scope s, the only ones that asked for it.
func (p *Program) evalStable(n *node, s int32) *rows.Vec {
	b, size, scopes, errs := p.b, p.n, p.scopes, len(p.c.Errs)
	p.b, p.n, p.scopes = &rows.Batch{N: 1}, 1, []scope{{parent: noScope}}
	p.forget(n.args) // what they hold is for the batch's length
	d := n.run(p, n, 0).Datum(0)
	d.Type = n.e.Type
	p.forget(n.args)
	p.b, p.n, p.scopes = b, size, scopes
	n.memo, n.scope = p.constant(n, d, s), 0
	if failed := p.c.Errs[errs:]; len(failed) > 0 {
		err := failed[0].Err
		p.c.Errs = p.c.Errs[:errs]
		p.each(s, func(i int32) { p.c.Fail(i, err) })
		n.scope = s
	}
	return n.memo
}

// each calls f for the rows of scope s.
func (p *Program) each(s int32, f func(i int32)) {
	if sel := p.scopes[s].sel; sel != nil {
		for _, i := range sel {
			f(i)
		}
		return
	}
	for i := range p.n {
		f(int32(i))
	}
}

// forget drops the results of nodes and of everything below them.
func (p *Program) forget(ns []*node) {
	for _, n := range ns {
		n.memo, n.scope = nil, noScope
		p.forget(n.args)
	}
}

// constant returns a column of d for the rows of scope s; a value so long that the column would take
// all memory fails for them.
func (p *Program) constant(n *node, d types.Datum, s int32) *rows.Vec {
	if err := fn.CheckColumnSize(len(d.S) * p.n); err != nil {
		p.each(s, func(i int32) { p.c.Fail(i, err) })
		return p.blank(n.e.Type)
	}
	return n.konst.of(d, p.n)
}

// constColumn caches a column of equal values, grown to the largest batch so far.
type constColumn struct {
	d   types.Datum
	col *rows.Vec
	n   int
}

// of returns a column of n times d.
func (k *constColumn) of(d types.Datum, n int) *rows.Vec {
	if k.col == nil || k.n < n || !sameDatum(k.d, d) {
		k.d, k.n = cloneDatum(d), n
		if len(d.S) < 64 {
			k.n = max(n, min(2*k.n, 1<<16))
		}
		k.col = rows.Const(k.d, k.n)
	}
	return exactly(k.col, n)
}

func sameDatum(a, b types.Datum) bool {
	return a.Null == b.Null && a.B == b.B && a.I == b.I && floatBitsOf(a.F) == floatBitsOf(b.F) &&
		bytes.Equal(a.S, b.S) && a.Type.Equal(b.Type)
}

func floatBitsOf(f float64) uint64 { return math.Float64bits(f) }

// exactly returns the first n values of v, which has at least n.
func exactly(v *rows.Vec, n int) *rows.Vec {
	if v.Len() == n {
		return v
	}
	out := *v
	switch v.Type.Phys() {
	case types.PhysBool:
		out.B = v.B[:n]
	case types.PhysInt:
		out.I = v.I[:n]
	case types.PhysFloat:
		out.F = v.F[:n]
	default:
		out.Off = v.Off[:n+1]
	}
	return &out
}

// blank returns a column of NULLs of type t for a scope without rows.
func (p *Program) blank(t types.Type) *rows.Vec {
	out := &rows.Vec{Type: t, Valid: p.c.Valid(p.n)}
	clear(out.Valid)
	switch t.Phys() {
	case types.PhysBool:
		out.B = p.c.Bools(p.n)
	case types.PhysInt:
		out.I = p.c.Ints(p.n)
	case types.PhysFloat:
		out.F = p.c.Floats(p.n)
	default:
		out.Off = p.c.Offsets(p.n)
		clear(out.Off)
	}
	return out
}
