package expr

import (
	"tidemill/sql/rows"
)

// runAnd and runOr evaluate an argument only for the rows that the arguments before it left open,
// unless it is cheap: then narrowing would cost more than it saves.

func runAnd(p *Program, n *node, s int32) *rows.Vec { return p.logic(n, s, false) }

func runOr(p *Program, n *node, s int32) *rows.Vec { return p.logic(n, s, true) }

// logic computes AND (decisive value false) or OR (decisive value true).
func (p *Program) logic(n *node, s int32, decisive bool) *rows.Vec {
	out := &rows.Vec{Type: n.e.Type, B: p.c.Bools(p.n)}
	for i := range out.B {
		out.B[i] = !decisive
	}
	open := s
	for k, a := range n.args {
		if k > 0 && !a.cheap {
			sel := p.openRows(out, open, decisive)
			if len(sel) == 0 {
				break
			}
			open = p.narrow(open, sel)
		}
		p.fold3(out, p.eval(a, open), open, decisive)
	}
	return out
}

// openRows lists the rows of scope s whose result is not the decisive value.
func (p *Program) openRows(out *rows.Vec, s int32, decisive bool) []int32 {
	sel := p.c.Offsets(p.n)[:0]
	p.each(s, func(i int32) {
		if out.B[i] != decisive || !out.Valid.Get(int(i)) {
			sel = append(sel, i)
		}
	})
	return sel
}

// fold3 combines v into out for the rows of scope s by three-valued logic. In out a NULL row holds
// the value that is not decisive.
func (p *Program) fold3(out, v *rows.Vec, s int32, decisive bool) {
	sel := p.scopes[s].sel
	if v.Valid == nil && out.Valid == nil {
		switch {
		case sel != nil:
			for _, i := range sel {
				if v.B[i] == decisive {
					out.B[i] = decisive
				}
			}
		case decisive:
			for i, x := range v.B[:p.n] {
				out.B[i] = out.B[i] || x
			}
		default:
			for i, x := range v.B[:p.n] {
				out.B[i] = out.B[i] && x
			}
		}
		return
	}
	if out.Valid == nil {
		out.Valid = p.c.Valid(p.n)
	}
	p.each(s, func(i int32) {
		switch {
		case out.B[i] == decisive && out.Valid.Get(int(i)):
		case !v.Valid.Get(int(i)):
			out.Valid.Clear(int(i))
		case v.B[i] == decisive:
			out.B[i] = decisive
			out.Valid.Set(int(i))
		}
	})
}

func runNot(p *Program, n *node, s int32) *rows.Vec {
	v := p.eval(n.args[0], s)
	out := &rows.Vec{Type: n.e.Type, Valid: v.Valid, B: p.c.Bools(p.n)}
	for i, x := range v.B[:p.n] {
		out.B[i] = !x
	}
	return out
}

func runIsNull(p *Program, n *node, s int32) *rows.Vec {
	v := p.eval(n.args[0], s)
	out := &rows.Vec{Type: n.e.Type, B: p.c.Bools(p.n)}
	if v.Valid == nil {
		clear(out.B)
		return out
	}
	for i := range out.B {
		out.B[i] = !v.Valid.Get(i)
	}
	return out
}

func runIsTrue(p *Program, n *node, s int32) *rows.Vec {
	v := p.eval(n.args[0], s)
	if v.Valid == nil {
		return v
	}
	out := &rows.Vec{Type: n.e.Type, B: p.c.Bools(p.n)}
	for i, x := range v.B[:p.n] {
		out.B[i] = x && v.Valid.Get(i)
	}
	return out
}

func runDistinct(p *Program, n *node, s int32) *rows.Vec {
	v, w := p.eval(n.args[0], s), p.eval(n.args[1], s)
	out := &rows.Vec{Type: n.e.Type, B: p.c.Bools(p.n)}
	p.each(s, func(row int32) {
		i := int(row)
		switch vn, wn := v.IsNull(i), w.IsNull(i); {
		case vn || wn:
			out.B[i] = vn != wn
		default:
			out.B[i] = rows.Compare(v, i, w, i) != 0
		}
	})
	return out
}

// split divides the rows of scope s by a condition; NULL counts as false.
func (p *Program) split(v *rows.Vec, s int32) (yes, no []int32) {
	yes, no = p.c.Offsets(p.n)[:0], p.c.Offsets(p.n)[:0]
	p.each(s, func(i int32) {
		if v.B[i] && v.Valid.Get(int(i)) {
			yes = append(yes, i)
		} else {
			no = append(no, i)
		}
	})
	return yes, no
}

func runCase(p *Program, n *node, s int32) *rows.Vec {
	m := p.newMerge(n.e.Type)
	rest := s
	last := len(n.args) - 1
	for k := 0; k+1 < len(n.args); k += 2 {
		yes, no := p.split(p.eval(n.args[k], rest), rest)
		if len(yes) > 0 {
			arm := p.narrow(rest, yes)
			m.take(p.eval(n.args[k+1], arm), yes)
		}
		if len(no) == 0 {
			return m.finish()
		}
		rest = p.narrow(rest, no)
	}
	m.take(p.eval(n.args[last], rest), p.selOf(rest))
	return m.finish()
}

func runCoalesce(p *Program, n *node, s int32) *rows.Vec {
	first := p.eval(n.args[0], s)
	if first.Valid == nil || len(n.args) == 1 {
		return first
	}
	m := p.newMerge(n.e.Type)
	rest := s
	for k, a := range n.args {
		v := p.eval(a, rest)
		if k == len(n.args)-1 {
			m.take(v, p.selOf(rest))
			break
		}
		got, open := p.c.Offsets(p.n)[:0], p.c.Offsets(p.n)[:0]
		p.each(rest, func(i int32) {
			if v.Valid.Get(int(i)) {
				got = append(got, i)
			} else {
				open = append(open, i)
			}
		})
		m.take(v, got)
		if len(open) == 0 {
			break
		}
		rest = p.narrow(rest, open)
	}
	return m.finish()
}

// selOf lists the rows of scope s.
func (p *Program) selOf(s int32) []int32 {
	if sel := p.scopes[s].sel; sel != nil {
		return sel
	}
	sel := p.c.Offsets(p.n)[:p.n]
	for i := range sel {
		sel[i] = int32(i)
	}
	return sel
}
