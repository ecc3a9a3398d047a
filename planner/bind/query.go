package bind

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// queryEnv is what a query is bound in.
type queryEnv struct {
	outer *scope
	ctes  *cteScope
	// resolve gives unknown output columns the type text; else they are left for the caller to coerce.
	resolve bool
	// top tells that the query is the statement: ORDER BY is kept even where it has no effect inside.
	top bool
	// targets are the column types that an INSERT wants; DEFAULT is allowed in VALUES then.
	targets  []types.Type
	names    []string // of the target columns, for messages
	defaults []func() (*expr.Expr, error)
}

// Select binds a statement's query.
func (b *Binder) Select(sel *ast.Select) (*Query, error) {
	return b.bindQuery(sel, &queryEnv{resolve: true, top: true})
}

func (b *Binder) bindQuery(sel *ast.Select, env *queryEnv) (*Query, error) {
	if err := b.enter(); err != nil {
		return nil, err
	}
	defer b.leave()
	if err := b.grow(1); err != nil {
		return nil, err
	}
	ctes, err := b.bindCTEs(sel, env.outer, env.ctes, env.top)
	if err != nil {
		return nil, err
	}
	inner := *env
	inner.ctes = ctes
	var q *Query
	switch {
	case sel.SetOp != "":
		q, err = b.bindSetOp(sel, &inner)
	case sel.Values != nil:
		q, err = b.bindValues(sel, &inner)
	default:
		q, err = b.bindSelect(sel, &inner)
	}
	if err != nil {
		return nil, err
	}
	if env.resolve {
		if err := b.resolveUnknown(q); err != nil {
			return nil, err
		}
	}
	q.EmitOnClose = q.EmitOnClose || sel.EmitOnWindowClose
	return q, nil
}

// resolveUnknown makes text of output columns that nothing has typed.
func (b *Binder) resolveUnknown(q *Query) error {
	for i := range q.Cols {
		if q.Cols[i].Type.ID == types.Unknown {
			if err := b.coerceOutput(q, i, textType, fn.Implicit); err != nil {
				return err
			}
		}
	}
	return nil
}

// coerceOutput brings output column i to type t. A literal or parameter in the topmost projection is
// typed in place; anything else is cast by a projection above.
func (b *Binder) coerceOutput(q *Query, i int, t types.Type, ctx fn.CastContext) error {
	c := &q.Cols[i]
	if c.Type.Equal(t) {
		return nil
	}
	measured := ctx == fn.Assignment && hasLength(t)
	if measured && c.Type.ID != t.ID {
		if err := b.coerceOutput(q, i, types.T(t.ID), ctx); err != nil {
			return err
		}
	}
	if done, err := b.retype(q.Node, c.ID, t, ctx); err != nil {
		return err
	} else if done {
		c.Type = t
		return nil
	}
	var e *expr.Expr
	var err error
	if measured {
		e, err = b.assign(expr.Col(c.ID, c.Type), t, c.Name, c.Pos)
	} else {
		e, err = b.cast(expr.Col(c.ID, c.Type), t, ctx)
	}
	if err != nil {
		return err
	}
	if e.Kind == expr.Column {
		c.Type = t
		return nil
	}
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{q.Node}}
	for _, in := range q.Node.Cols() {
		p.Out, p.Exprs = append(p.Out, in), append(p.Exprs, logical.Ref(in))
	}
	out := b.NewCol(c.Name, t, c.NotNull)
	p.Out, p.Exprs = append(p.Out, out), append(p.Exprs, e)
	q.Node = p
	c.ID, c.Type = out.ID, t
	return nil
}

// retype coerces a column of unknown type where it is made.
func (b *Binder) retype(n *logical.Node, id int, t types.Type, ctx fn.CastContext) (bool, error) {
	switch n.Op {
	case logical.Project:
		for i := range n.Out {
			if n.Out[i].ID != id {
				continue
			}
			e := n.Exprs[i]
			if e.Type.ID != types.Unknown {
				return false, nil
			}
			if e.Kind == expr.Column {
				done, err := b.retype(n.In[0], e.Index, t, ctx)
				if done {
					n.Exprs[i], n.Out[i].Type = expr.Col(e.Index, t), t
				}
				return done, err
			}
			x, err := b.cast(e, t, ctx)
			if err != nil {
				return false, err
			}
			n.Exprs[i], n.Out[i].Type = x, t
			return true, nil
		}
	case logical.Sort, logical.Limit, logical.Distinct, logical.TopN, logical.Filter:
		return b.retype(n.In[0], id, t, ctx)
	}
	return false, nil
}

// bindSelect binds one SELECT block.
func (b *Binder) bindSelect(sel *ast.Select, env *queryEnv) (*Query, error) {
	s := &scope{parent: env.outer, ctes: env.ctes}
	node, err := b.bindFrom(sel.From, s)
	if err != nil {
		return nil, err
	}
	bl := &block{windows: sel.Windows}
	st := &selectState{b: b, s: s, sel: sel, bl: bl}
	s.block = bl
	if err := st.bindItems(); err != nil {
		return nil, err
	}
	s.block = nil
	if sel.Where != nil {
		c := &exprCtx{b: b, s: s, clause: "WHERE"}
		w, err := c.boolean(sel.Where, "WHERE")
		if err != nil {
			return nil, err
		}
		node = logical.NewFilter(node, logical.Conjuncts(w))
	}
	s.block = bl
	if sel.Having != nil {
		c := &exprCtx{b: b, s: s, clause: "HAVING", block: bl, noSRF: true, noWindow: true}
		if st.having, err = c.boolean(sel.Having, "HAVING"); err != nil {
			return nil, err
		}
	}
	if err := st.bindOrder(); err != nil {
		return nil, err
	}
	if err := st.bindGroups(); err != nil {
		return nil, err
	}
	if err := st.bindDistinctOn(); err != nil {
		return nil, err
	}
	if node, err = st.aggregate(node); err != nil {
		return nil, err
	}
	if node, err = st.overs(node); err != nil {
		return nil, err
	}
	if node, err = st.tableFuncs(node); err != nil {
		return nil, err
	}
	s.block = nil
	return st.finish(node)
}

// item is one output column of a SELECT, or a hidden sort column.
type item struct {
	e     *expr.Expr
	name  string
	table uint32
	att   int
	ast   ast.Expr
	fixed bool // the name was given by AS
}

// orderItem is one ORDER BY element: an index into the items.
type orderItem struct {
	item             int
	desc, nullsFirst bool
}

// selectState is a SELECT block on its way from syntax to tree.
type selectState struct {
	b   *Binder
	s   *scope
	sel *ast.Select
	bl  *block

	items   []item // the visible ones first
	visible int
	order   []orderItem
	on      []int // DISTINCT ON: indexes of items
	groups  []*expr.Expr
	sets    [][]int // grouping sets as numbers of groups; one without ROLLUP and the like
	grouped bool
	having  *expr.Expr
}

// bindItems binds the select list, stars expanded.
func (st *selectState) bindItems() error {
	for _, it := range st.sel.Items {
		if star, ok := it.Expr.(*ast.Star); ok {
			if err := st.expandStar(star); err != nil {
				return err
			}
			continue
		}
		if f, ok := it.Expr.(*ast.FieldOf); ok && f.Name == "*" {
			if err := st.expandRecord(f); err != nil {
				return err
			}
			continue
		}
		c := &exprCtx{b: st.b, s: st.s, clause: "SELECT", block: st.bl}
		e, err := c.bind(it.Expr)
		if err != nil {
			return err
		}
		out := item{e: e, name: it.Alias, ast: it.Expr, fixed: it.Alias != ""}
		if out.name == "" {
			out.name = OutputName(it.Expr)
			if n := len(st.b.Uses); n > 0 && st.b.Uses[n-1].Pos == it.Expr.Position() {
				_, st.b.Uses[n-1].Bare = it.Expr.(*ast.ColumnRef)
			}
		}
		st.origin(&out)
		st.items = append(st.items, out)
	}
	st.visible = len(st.items)
	if st.visible > maxCols {
		return sqlerr.New(sqlerr.TooManyColumns, "target lists can have at most %d entries", maxCols)
	}
	return nil
}

// origin notes the relation's column that an item is a plain reference to.
func (st *selectState) origin(it *item) {
	if it.e.Kind != expr.Column {
		return
	}
	for s := st.s; s != nil; s = s.parent {
		for _, r := range s.rels {
			for _, c := range r.cols {
				if c.ID == it.e.Index {
					it.table, it.att = c.table, c.attnum
					return
				}
			}
		}
	}
}

func (st *selectState) expandStar(star *ast.Star) error {
	cols := st.s.cols
	if len(star.Table) > 0 {
		r, err := st.s.findRelation(star.Table, star.Position())
		if err != nil {
			return err
		}
		if r == nil {
			return st.s.missingTable(star.Table, star.Position())
		}
		cols = r.cols
	} else if len(st.sel.From) == 0 {
		return sqlerr.New(sqlerr.SyntaxError, "SELECT * with no tables specified is not valid").At(star.Position())
	}
	st.b.useAll(cols, star.Position())
	for _, c := range cols {
		st.items = append(st.items, item{e: colRef(c.Col, star.Position()), name: c.Name, table: c.table, att: c.attnum})
	}
	return nil
}

// expandRecord expands (x).*: the columns of a table function, or the fields of a composite value.
func (st *selectState) expandRecord(f *ast.FieldOf) error {
	c := &exprCtx{b: st.b, s: st.s, clause: "SELECT", block: st.bl}
	if ref, ok := f.Expr.(*ast.ColumnRef); ok {
		x, err := st.s.lookup(st.b, ref.Parts, ref.Position())
		if err != nil {
			return err
		}
		if x == nil {
			return st.expandStar(&ast.Star{Pos: f.Pos, Table: ref.Parts})
		}
	}
	if call, ok := f.Expr.(*ast.Call); ok {
		name, err := functionName(call.Name, call.Position())
		if err != nil {
			return err
		}
		if fn.IsTable(name) && !fn.IsScalar(name) {
			it, err := c.srf(call, name)
			if err != nil {
				return err
			}
			if len(it.cols) == 1 && it.cols[0].Type.Fields() != nil {
				return st.addFields(c, colRef(it.cols[0], f.Position()), f.Position())
			}
			for _, col := range it.cols {
				st.items = append(st.items, item{e: colRef(col, f.Position()), name: col.Name})
			}
			return nil
		}
	}
	x, err := c.bind(f.Expr)
	if err != nil {
		return err
	}
	return st.addFields(c, x, f.Position())
}

// addFields adds the fields of a composite value to the select list.
func (st *selectState) addFields(c *exprCtx, x *expr.Expr, pos int) error {
	fields, err := c.allFields(x, pos)
	if err != nil {
		return err
	}
	for i, e := range fields {
		st.items = append(st.items, item{e: e, name: x.Type.Fields()[i].Name})
	}
	return nil
}

// finish makes the projection, DISTINCT, ORDER BY and LIMIT of the block.
func (st *selectState) finish(node *logical.Node) (*Query, error) {
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{node}}
	in := node.Cols()
	q := &Query{}
	ids := make([]int, len(st.items))
	for i := range st.items {
		it := &st.items[i]
		if i >= st.visible && it.e.Type.ID == types.Unknown {
			var err error
			if it.e, err = st.b.known(it.e); err != nil {
				return nil, err
			}
		}
		col := st.b.NewCol(it.name, it.e.Type, logical.NotNull(it.e, in))
		ids[i] = col.ID
		p.Out, p.Exprs = append(p.Out, col), append(p.Exprs, it.e)
		if i < st.visible {
			q.Cols = append(q.Cols, Column{Field: col.Field, ID: col.ID, Table: it.table, Attnum: it.att, Pos: start(it.e)})
		}
	}
	st.compose(p)
	q.Node = p
	for _, o := range st.order {
		q.Order = append(q.Order, logical.SortKey{Col: ids[o.item], Desc: o.desc, NullsFirst: o.nullsFirst})
	}
	if st.sel.Distinct {
		if err := st.b.resolveUnknown(q); err != nil {
			return nil, err
		}
	}
	if err := st.distinct(q, ids); err != nil {
		return nil, err
	}
	if err := st.b.orderAndLimit(q, st.sel, st.s); err != nil {
		return nil, err
	}
	return q, nil
}

// compose remembers the fields of output columns that are whole records of a table function.
func (st *selectState) compose(p *logical.Node) {
	for i, e := range p.Exprs {
		if e.Kind != expr.Row || i >= st.visible {
			continue
		}
		var fields []logical.Col
		for _, a := range e.Args {
			if a.Kind != expr.Column {
				fields = nil
				break
			}
			c, _ := p.In[0].Col(a.Index)
			out := st.b.NewCol(c.Name, c.Type, c.NotNull)
			fields = append(fields, out)
			p.Out, p.Exprs = append(p.Out, out), append(p.Exprs, a)
		}
		if fields != nil {
			if st.b.composites == nil {
				st.b.composites = map[int][]logical.Col{}
			}
			st.b.composites[p.Out[i].ID] = fields
		}
	}
}

func (st *selectState) distinct(q *Query, ids []int) error {
	switch {
	case st.sel.DistinctOn != nil:
		keys := make([]int, len(st.on))
		for i, it := range st.on {
			keys[i] = ids[it]
		}
		one := expr.Lit(types.IntDatum(types.Int8, 1))
		q.Node = &logical.Node{Op: logical.TopN, In: []*logical.Node{q.Node}, Keys: keys, Order: slices.Clone(q.Order), Limit: one}
	case st.sel.Distinct:
		if len(st.items) > st.visible {
			return sqlerr.New(sqlerr.InvalidColumnReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list").
				At(start(st.items[st.visible].e))
		}
		q.Node = &logical.Node{Op: logical.Distinct, In: []*logical.Node{q.visible()}}
	}
	return nil
}
