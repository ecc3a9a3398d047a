package expr

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// inSet is the constant list of an IN: numbers of the int class in a map of their own, everything
// else by key encoding, whose equality is SQL's.
type inSet struct {
	ints map[int64]struct{}
	keys map[string]struct{}
	null bool // the list holds a NULL: no match gives NULL
}

// smallList is the length up to which comparing one by one beats hashing.
const smallList = 4

func newInSet(t types.Type, list []types.Datum) *inSet {
	set := &inSet{}
	if t.Phys() == types.PhysInt {
		set.ints = make(map[int64]struct{}, len(list))
	} else {
		set.keys = make(map[string]struct{}, len(list))
	}
	for _, d := range list {
		switch {
		case d.Null:
			set.null = true
		case set.ints != nil:
			set.ints[d.I] = struct{}{}
		default:
			d.Type = t
			set.keys[string(rows.AppendKeyDatum(nil, d))] = struct{}{}
		}
	}
	return set
}

// eval tests v's rows of scope s.
func (set *inSet) eval(p *Program, v *rows.Vec, s int32, ret types.Type) *rows.Vec {
	out := &rows.Vec{Type: ret, Valid: v.Valid, B: p.c.Bools(p.n)}
	sel := p.scopes[s].sel
	switch {
	case set.ints == nil:
		set.evalKeys(p, v, sel, out)
	case len(set.ints) <= smallList:
		set.evalFew(p, v, s, out)
	default:
		p.each(s, func(i int32) {
			_, ok := set.ints[v.I[i]]
			out.B[i] = ok
		})
	}
	if !set.null {
		return out
	}
	valid := p.c.Valid(p.n)
	p.each(s, func(i int32) {
		if !out.B[i] || !v.Valid.Get(int(i)) {
			valid.Clear(int(i))
		}
	})
	out.Valid = valid
	return out
}

func (set *inSet) evalFew(p *Program, v *rows.Vec, s int32, out *rows.Vec) {
	clear(out.B)
	for c := range set.ints {
		if p.scopes[s].sel == nil {
			for i, x := range v.I[:p.n] {
				out.B[i] = out.B[i] || x == c
			}
			continue
		}
		for _, i := range p.scopes[s].sel {
			out.B[i] = out.B[i] || v.I[i] == c
		}
	}
}

func (set *inSet) evalKeys(p *Program, v *rows.Vec, sel []int32, out *rows.Vec) {
	rows.EncodeKeys([]*rows.Vec{v}, sel, p.n, &p.buf)
	for k := range p.buf.Len() {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		_, out.B[i] = set.keys[string(p.buf.Key(k))] // no allocation: a look-up by converted bytes
	}
}

// bindIn prepares an IN over constants.
func (n *node) bindIn() {
	if !allLit(n.args[1:]) || len(n.args) < 2 {
		return
	}
	list := make([]types.Datum, 0, len(n.args)-1)
	for _, a := range n.args[1:] {
		list = append(list, *a.lit)
	}
	set := newInSet(n.args[0].e.Type, list)
	n.run = func(p *Program, n *node, s int32) *rows.Vec {
		return set.eval(p, p.eval(n.args[0], s), s, n.e.Type)
	}
}

// runInList computes x IN (expressions), left to right like OR.
func runInList(p *Program, n *node, s int32) *rows.Vec {
	x := p.eval(n.args[0], s)
	out := &rows.Vec{Type: n.e.Type, B: p.c.Bools(p.n)}
	clear(out.B)
	open := s
	for k, a := range n.args[1:] {
		if k > 0 && !a.cheap {
			sel := p.openRows(out, open, true)
			if len(sel) == 0 {
				break
			}
			open = p.narrow(open, sel)
		}
		y := p.eval(a, open)
		eq := &rows.Vec{Type: n.e.Type, B: p.c.Bools(p.n), Valid: p.c.AndValid(x.Valid, y.Valid, p.n)}
		p.each(open, func(i int32) {
			if eq.Valid.Get(int(i)) {
				eq.B[i] = rows.Compare(x, int(i), y, int(i)) == 0
			}
		})
		p.fold3(out, eq, open, true)
	}
	return out
}

// bindQuantified prepares x op ANY(array) and x op ALL(array).
func (n *node) bindQuantified() (fn.Volatility, error) {
	e := n.e
	op, ok := fn.FindScalar(e.Name, e.ArgTypes)
	if !ok {
		return 0, sqlerr.New(sqlerr.Internal, "operator %s%s of a plan does not exist", e.Name, typeList(e.ArgTypes))
	}
	left, arr := n.args[0], n.args[1]
	if arr.lit != nil && e.Kind == Any && e.Name == "=" && !arr.lit.Null {
		if list, err := types.ArrayElems(arr.e.Type, arr.lit.S); err == nil && sameClassOrKey(left.e.Type, arr.e.Type) {
			set := newInSet(left.e.Type, list)
			empty := len(list) == 0
			n.run = func(p *Program, n *node, s int32) *rows.Vec {
				if empty { // no elements: false even for NULL
					out := &rows.Vec{Type: n.e.Type, B: p.c.Bools(p.n)}
					clear(out.B)
					return out
				}
				return set.eval(p, p.eval(n.args[0], s), s, n.e.Type)
			}
			return op.Volatility, nil
		}
	}
	n.run = func(p *Program, n *node, s int32) *rows.Vec {
		return p.quantified(op.Kernel, p.eval(n.args[0], s), p.eval(n.args[1], s), n, s)
	}
	return op.Volatility, nil
}

// sameClassOrKey tells whether key equality decides x = element.
func sameClassOrKey(x, arr types.Type) bool {
	if arr.Elem == nil {
		return false
	}
	e := *arr.Elem
	return x.Same(e) || x.IsInteger() && e.IsInteger() || x.Phys() == types.PhysFloat && e.Phys() == types.PhysFloat
}

// quantified spreads all elements of all rows over one column, runs the operator once, and folds
// the answers back per row.
func (p *Program) quantified(op fn.Kernel, x, arr *rows.Vec, n *node, s int32) *rows.Vec {
	elemType := types.T(types.Text)
	if arr.Type.Elem != nil {
		elemType = *arr.Type.Elem
	}
	elems := rows.NewVecBuilder(elemType, p.n)
	var owner []int32
	all := n.e.Kind == All
	out := &rows.Vec{Type: n.e.Type, B: p.c.Bools(p.n), Valid: p.c.Valid(p.n)}
	p.each(s, func(i int32) {
		out.B[i] = all
		if arr.IsNull(int(i)) {
			out.Valid.Clear(int(i))
			return
		}
		list, err := types.ArrayElems(arr.Type, arr.Bytes(int(i)))
		if err != nil {
			p.c.Fail(i, err)
		}
		for _, d := range list {
			elems.AppendDatum(d)
			owner = append(owner, i)
		}
	})
	if len(owner) == 0 {
		return out
	}
	errs := len(p.c.Errs)
	got := op(p.c, []*rows.Vec{x.Gather(owner), elems.Finish()}, nil, len(owner))
	for k := range p.c.Errs[errs:] {
		e := &p.c.Errs[errs+k]
		e.Row = owner[e.Row]
	}
	for k, i := range owner {
		decided := out.Valid.Get(int(i)) && out.B[i] != all
		switch {
		case decided:
		case got.IsNull(k):
			out.Valid.Clear(int(i))
		case got.B[k] != all:
			out.B[i] = !all
			out.Valid.Set(int(i))
		}
	}
	return out
}
