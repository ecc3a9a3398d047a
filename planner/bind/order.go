package bind

import (
	"strconv"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
)

// bindOrder binds ORDER BY; expressions that are not in the select list become hidden items.
func (st *selectState) bindOrder() error {
	for _, o := range st.sel.OrderBy {
		i, err := st.sortItem(o.Expr, "ORDER BY", true)
		if err != nil {
			return err
		}
		st.order = append(st.order, orderItem{item: i, desc: o.Desc, nullsFirst: nullsFirst(o)})
	}
	return nil
}

// sortItem finds the item that an ORDER BY, GROUP BY or DISTINCT ON element means: an ordinal, an
// output name, or an expression. outputFirst tells whether output names win over input columns.
func (st *selectState) sortItem(e ast.Expr, clause string, outputFirst bool) (int, error) {
	if l, ok := e.(*ast.Literal); ok && l.Kind == ast.LitInt {
		n, err := strconv.Atoi(l.Text)
		if err != nil || n < 1 || n > st.visible {
			return 0, sqlerr.New(sqlerr.InvalidColumnReference, "%s position %s is not in select list", clause, l.Text).At(l.Position())
		}
		return n - 1, nil
	}
	if l, ok := e.(*ast.Literal); ok && l.Kind != ast.LitNull {
		return 0, sqlerr.New(sqlerr.SyntaxError, "non-integer constant in %s", clause).At(l.Position())
	}
	if r, ok := e.(*ast.ColumnRef); ok && len(r.Parts) == 1 {
		useOutput := outputFirst
		if !outputFirst {
			c, err := st.s.byName(r.Parts[0], r.Position())
			if err != nil {
				return 0, err
			}
			useOutput = c == nil
		}
		if useOutput {
			i, err := st.byOutputName(r, clause)
			if i >= 0 || err != nil {
				return i, err
			}
		}
	}
	c := &exprCtx{b: st.b, s: st.s, clause: clause, block: st.bl}
	if clause == "GROUP BY" {
		c.block = nil
	}
	x, err := c.bind(e)
	if err != nil {
		return 0, err
	}
	if x, err = st.b.known(x); err != nil {
		return 0, err
	}
	for i := range st.items {
		if logical.Equal(st.items[i].e, x) && !logical.Volatile(x) {
			return i, nil
		}
	}
	st.items = append(st.items, item{e: x, name: OutputName(e), ast: e})
	return len(st.items) - 1, nil
}

// byOutputName finds the visible item with the name; −1 when there is none.
func (st *selectState) byOutputName(r *ast.ColumnRef, clause string) (int, error) {
	found := -1
	for i := range st.visible {
		if st.items[i].name != r.Parts[0] {
			continue
		}
		if found >= 0 && !logical.Equal(st.items[found].e, st.items[i].e) {
			return -1, sqlerr.New(sqlerr.AmbiguousColumn, "%s %q is ambiguous", clause, r.Parts[0]).At(r.Position())
		}
		if found < 0 {
			found = i
		}
	}
	return found, nil
}

// bindDistinctOn binds DISTINCT ON and checks that ORDER BY starts with its expressions.
func (st *selectState) bindDistinctOn() error {
	for _, e := range st.sel.DistinctOn {
		i, err := st.sortItem(e, "SELECT DISTINCT ON", true)
		if err != nil {
			return err
		}
		st.on = append(st.on, i)
	}
	if len(st.on) == 0 {
		return nil
	}
	on := map[int]bool{}
	for _, i := range st.on {
		on[i] = true
	}
	seen := map[int]bool{}
	for _, o := range st.order {
		if on[o.item] {
			seen[o.item] = true
			continue
		}
		if len(seen) == len(on) {
			break
		}
		for k, i := range st.on {
			if !seen[i] {
				return sqlerr.New(sqlerr.InvalidColumnReference, "SELECT DISTINCT ON expressions must match initial ORDER BY expressions").
					At(st.sel.DistinctOn[k].Position())
			}
		}
	}
	return nil
}

// orderAndLimit puts Sort and Limit above a query whose Order is known.
func (b *Binder) orderAndLimit(q *Query, sel *ast.Select, s *scope) error {
	limit, err := b.rowCount(sel.Limit, "LIMIT", s)
	if err != nil {
		return err
	}
	offset, err := b.rowCount(sel.Offset, "OFFSET", s)
	if err != nil {
		return err
	}
	if len(q.Order) > 0 {
		q.Node = &logical.Node{Op: logical.Sort, In: []*logical.Node{q.Node}, Order: q.Order}
	}
	if sel.WithTies && len(q.Order) == 0 {
		return sqlerr.New(sqlerr.SyntaxError, "WITH TIES cannot be specified without ORDER BY clause").At(sel.Position())
	}
	if limit != nil || offset != nil {
		q.Node = &logical.Node{Op: logical.Limit, In: []*logical.Node{q.Node}, Limit: limit, Offset: offset, WithTies: sel.WithTies}
	}
	return nil
}

// rowCount binds LIMIT and OFFSET: a bigint without columns. NULL and ALL mean none.
func (b *Binder) rowCount(e ast.Expr, clause string, s *scope) (*expr.Expr, error) {
	if e == nil {
		return nil, nil
	}
	c := &exprCtx{b: b, s: &scope{parent: s.parent, ctes: s.ctes}, clause: clause}
	x, err := c.bind(e)
	if err != nil {
		if er := sqlerr.As(err); er.Code == sqlerr.UndefinedColumn {
			return nil, sqlerr.New(sqlerr.InvalidColumnReference, "argument of %s must not contain variables", clause).At(er.Position)
		}
		return nil, err
	}
	if len(logical.ColsOf(x)) > 0 {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "argument of %s must not contain variables", clause).At(x.Pos)
	}
	out, ok, err := b.coerce(x, int8Type, fn.Assignment)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, sqlerr.New("42804", "argument of %s must be type bigint, not type %s", clause, x.Type).At(x.Pos)
	}
	out = Fold(out, &b.Env)
	if out.Kind == expr.Literal {
		return b.checkCount(out, clause)
	}
	if out.Kind != expr.Param {
		return nil, sqlerr.Unsupported("%s must be a constant or a parameter", clause).At(x.Pos)
	}
	return out, nil
}

func (b *Binder) checkCount(e *expr.Expr, clause string) (*expr.Expr, error) {
	if e.Lit.Null {
		return nil, nil
	}
	if e.Lit.I < 0 {
		code := sqlerr.InvalidRowCountInLimit
		if clause == "OFFSET" {
			code = sqlerr.InvalidRowCountInOffset
		}
		return nil, sqlerr.New(code, "%s must not be negative", clause)
	}
	return e, nil
}
