package expr

import (
	"bytes"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// EvalPred returns the selected rows of b, ascending, for which all of the program's expressions
// are true. Each conjunct sees only the rows that the ones before it kept. Rows that failed are in
// c.Errs and may or may not be in the result, which belongs to the caller.
func (p *Program) EvalPred(c *fn.Ctx, b *rows.Batch) ([]int32, error) {
	if err := p.check(b); err != nil {
		return nil, err
	}
	p.begin(c, b)
	s := int32(0)
	for _, n := range p.roots {
		if s = p.filter(n, s); len(p.scopes[s].sel) == 0 && p.scopes[s].sel != nil {
			break
		}
	}
	// An exact copy: the working selection has room for the whole batch and goes on being used.
	sel := p.selOf(s)
	out := make([]int32, len(sel))
	copy(out, sel)
	p.end(nil)
	return out, nil
}

// filter opens the scope of the rows of s for which n is true.
func (p *Program) filter(n *node, s int32) int32 {
	if n.e.Kind == And {
		for _, a := range n.args {
			s = p.filter(a, s)
			if sel := p.scopes[s].sel; sel != nil && len(sel) == 0 {
				break
			}
		}
		return s
	}
	if n.lit != nil && n.lit.B && !n.lit.Null {
		return s
	}
	// One more than the rows: the filters write the next candidate before they know whether it stays.
	out := p.c.Offsets(p.n)
	if sel, ok := p.fused(n, s, out); ok {
		return p.narrow(s, sel)
	}
	v := p.eval(n, s)
	return p.narrow(s, filterTrue(v, p.scopes[s].sel, p.n, out))
}

// filterTrue lists the rows of sel for which v is true. out has room for them and one more.
func filterTrue(v *rows.Vec, sel []int32, n int, out []int32) []int32 {
	k := 0
	if sel == nil {
		for i, x := range v.B[:n] {
			out[k] = int32(i)
			k += b2i(x)
		}
	} else {
		for _, i := range sel {
			out[k] = i
			k += b2i(v.B[i])
		}
	}
	return dropNull(v.Valid, out[:k])
}

// dropNull keeps the rows of sel that are not NULL, in place.
func dropNull(valid rows.Bitmap, sel []int32) []int32 {
	if valid == nil {
		return sel
	}
	k := 0
	for _, i := range sel {
		sel[k] = i
		k += int(valid[i>>6] >> (uint(i) & 63) & 1)
	}
	return sel[:k]
}

// b2i compiles to a flag move, not a branch.
func b2i(b bool) int {
	k := 0
	if b {
		k = 1
	}
	return k
}

// fused filters by the predicates that need no boolean column: a column against a constant or
// another column of its class, and tests for NULL.
func (p *Program) fused(n *node, s int32, out []int32) ([]int32, bool) {
	if n.memo != nil && p.within(s, n.scope) {
		return nil, false // computed already
	}
	sel := p.scopes[s].sel
	if n.e.Kind != Call || len(n.args) != 2 || !comparison[n.e.Name] || !sameClass(n.e.ArgTypes) {
		return nil, false
	}
	op, x, y := n.e.Name, n.args[0], n.args[1]
	if x.lit != nil {
		op, x, y = flipped[op], y, x
	}
	if x.e.Kind != Column {
		return nil, false
	}
	col := p.b.Cols[x.e.Index]
	switch {
	case y.lit != nil:
		if y.lit.Null {
			return out[:0], true
		}
		return filterLit(op, col, *y.lit, sel, p.n, out)
	case y.e.Kind == Column && col.Type.Phys() == types.PhysInt:
		other := p.b.Cols[y.e.Index]
		got := filterPair(op, col.I[:p.n], other.I[:p.n], sel, out)
		return dropNull(other.Valid, dropNull(col.Valid, got)), true
	}
	return nil, false
}

var flipped = map[string]string{"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// sameClass tells whether values of both types compare by their representation.
func sameClass(ts []types.Type) bool {
	if len(ts) != 2 {
		return false
	}
	a, b := ts[0], ts[1]
	switch a.ID {
	case types.Bpchar, types.Bool:
		return false
	case types.Text, types.Varchar, types.Name, types.Bytea, types.UUID, types.Enum, fn.AnyEnum.ID:
		return a.ID == b.ID
	}
	return a.Phys() != types.PhysBytes &&
		(a.ID == b.ID || a.IsInteger() && b.IsInteger() || a.Phys() == types.PhysFloat && b.Phys() == types.PhysFloat)
}

func filterLit(op string, col *rows.Vec, d types.Datum, sel []int32, n int, out []int32) ([]int32, bool) {
	switch col.Type.Phys() {
	case types.PhysInt:
		return dropNull(col.Valid, filterConst(op, col.I[:n], d.I, sel, out)), true
	case types.PhysFloat:
		if d.F != d.F {
			return nil, false
		}
		return dropNull(col.Valid, filterConst(op, col.F[:n], d.F, sel, out)), true
	case types.PhysBytes:
		if op == "=" || op == "<>" {
			return dropNull(col.Valid, filterEqual(col, d.S, op == "=", sel, n, out)), true
		}
	}
	return nil, false
}

// filterConst lists the rows whose value compares as asked with c, which is not NaN. A NaN in xs is
// greater than c, hence the negated forms.
func filterConst[T int64 | float64](op string, xs []T, c T, sel, out []int32) []int32 {
	switch op {
	case "=":
		return scan(xs, sel, out, func(x T) bool { return x == c })
	case "<>":
		return scan(xs, sel, out, func(x T) bool { return x != c })
	}
	k := 0
	less := op == "<" || op == ">="
	want := op == "<" || op == "<="
	switch {
	case sel == nil && less:
		for i, x := range xs {
			out[k] = int32(i)
			k += b2i((x < c) == want)
		}
	case sel == nil:
		for i, x := range xs {
			out[k] = int32(i)
			k += b2i((x <= c) == want)
		}
	case less:
		for _, i := range sel {
			out[k] = i
			k += b2i((xs[i] < c) == want)
		}
	default:
		for _, i := range sel {
			out[k] = i
			k += b2i((xs[i] <= c) == want)
		}
	}
	return out[:k]
}

// scan lists the rows for which f is true; f is small enough to be inlined with it.
func scan[T int64 | float64](xs []T, sel, out []int32, f func(T) bool) []int32 {
	k := 0
	if sel == nil {
		for i, x := range xs {
			out[k] = int32(i)
			k += b2i(f(x))
		}
		return out[:k]
	}
	for _, i := range sel {
		out[k] = i
		k += b2i(f(xs[i]))
	}
	return out[:k]
}

func filterPair(op string, xs, ys []int64, sel, out []int32) []int32 {
	if op == ">" || op == ">=" {
		op, xs, ys = flipped[op], ys, xs
	}
	k := 0
	keep := func(i int32, x, y int64) {
		out[k] = i
		switch op {
		case "=":
			k += b2i(x == y)
		case "<>":
			k += b2i(x != y)
		case "<":
			k += b2i(x < y)
		default:
			k += b2i(x <= y)
		}
	}
	if sel == nil {
		for i, x := range xs {
			keep(int32(i), x, ys[i])
		}
		return out[:k]
	}
	for _, i := range sel {
		keep(i, xs[i], ys[i])
	}
	return out[:k]
}

func filterEqual(col *rows.Vec, s []byte, want bool, sel []int32, n int, out []int32) []int32 {
	k := 0
	if sel == nil {
		for i := range n {
			out[k] = int32(i)
			k += b2i(bytes.Equal(col.Data[col.Off[i]:col.Off[i+1]], s) == want)
		}
		return out[:k]
	}
	for _, i := range sel {
		out[k] = i
		k += b2i(bytes.Equal(col.Data[col.Off[i]:col.Off[i+1]], s) == want)
	}
	return out[:k]
}
