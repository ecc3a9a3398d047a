package bind

import (
	"slices"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// Update binds UPDATE: the rows are the old row followed by the new one.
func (b *Binder) Update(st *ast.Update) (*DML, error) {
	o, s, node, err := b.changed(st.Table, st.Alias, st.From, st.Where, st.Position())
	if err != nil {
		return nil, err
	}
	set, err := b.assignments(o, st.Set, s)
	if err != nil {
		return nil, err
	}
	old := findScanOf(node, o.ID)
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{node}}
	q := &Query{Node: p}
	add := func(f types.Field, e *expr.Expr) {
		col := b.NewCol(f.Name, f.Type, false)
		p.Out, p.Exprs = append(p.Out, col), append(p.Exprs, e)
		q.Cols = append(q.Cols, Column{Field: col.Field, ID: col.ID})
	}
	for _, c := range old.Out {
		add(c.Field, logical.Ref(c))
	}
	for i, c := range old.Out {
		e := logical.Ref(c)
		if at := slices.IndexFunc(set, func(a SetColumn) bool { return a.Col == i }); at >= 0 {
			e = set[at].Expr
		}
		add(c.Field, e)
	}
	b.oneMatch(o, q, old, len(st.From) > 0)
	out := &DML{Table: o, Query: q}
	out.Returning, out.ReturningCols, err = b.returning(st.Returning, b.rowScope(o, st.Alias, st.Table))
	return out, err
}

// Delete binds DELETE: the rows are the old rows. USING means that a match exists.
func (b *Binder) Delete(st *ast.Delete) (*DML, error) {
	where := st.Where
	if len(st.Using) > 0 {
		where = nil
	}
	o, s, node, err := b.changed(st.Table, st.Alias, nil, where, st.Position())
	if err != nil {
		return nil, err
	}
	q := &Query{Node: node}
	for _, c := range findScanOf(node, o.ID).Out {
		q.Cols = append(q.Cols, Column{Field: c.Field, ID: c.ID})
	}
	if len(st.Using) > 0 {
		if q.Node, err = b.using(node, s, st); err != nil {
			return nil, err
		}
	}
	q.Node = q.visible()
	out := &DML{Table: o, Query: q}
	out.Returning, out.ReturningCols, err = b.returning(st.Returning, b.rowScope(o, st.Alias, st.Table))
	return out, err
}

// using keeps the rows of the table for which USING and WHERE give a match.
func (b *Binder) using(node *logical.Node, s *scope, st *ast.Delete) (*logical.Node, error) {
	rest, err := b.bindFrom(st.Using, s)
	if err != nil {
		return nil, err
	}
	if st.Where != nil {
		c := &exprCtx{b: b, s: s, clause: "WHERE"}
		w, err := c.boolean(st.Where, "WHERE")
		if err != nil {
			return nil, err
		}
		rest = logical.NewFilter(rest, logical.Conjuncts(w))
	}
	match, _ := subExpr("exists", boolType, rest, st.Position())
	return logical.NewFilter(node, []*expr.Expr{match}), nil
}

// oneMatch keeps one row per row of the table when a join may have matched it several times.
func (b *Binder) oneMatch(o *catalog.Object, q *Query, scan *logical.Node, joined bool) {
	if !joined {
		return
	}
	n := &logical.Node{Op: logical.TopN, In: []*logical.Node{q.Node}, Limit: expr.Lit(types.IntDatum(types.Int8, 1))}
	key := o.PrimaryKey
	if len(key) == 0 {
		for i := range o.Columns {
			key = append(key, i)
		}
	}
	for _, k := range key {
		n.Keys = append(n.Keys, q.Cols[k].ID)
	}
	for _, c := range q.Cols {
		n.Order = append(n.Order, logical.SortKey{Col: c.ID})
	}
	q.Node = n
	if len(o.PrimaryKey) == 0 {
		b.everyCopy(q, scan)
	}
}

// everyCopy joins the changed rows of a table without key back to it, so that equal rows are all
// changed.
func (b *Binder) everyCopy(q *Query, scan *logical.Node) {
	copied, to := logical.Clone(scan, b.NewID)
	var same []*expr.Expr
	for i, c := range scan.Out {
		l, r := expr.Col(to[c.ID], c.Type), expr.Col(q.Cols[i].ID, c.Type)
		same = append(same, not(&expr.Expr{Kind: expr.Distinct, Type: boolType, Args: []*expr.Expr{l, r}}))
	}
	q.Node = logical.NewJoin(logical.Inner, copied, q.Node, same)
}

// changed binds the table, FROM and WHERE of UPDATE and DELETE. The table comes first in the tree.
func (b *Binder) changed(name []string, alias string, from []ast.TableExpr, where ast.Expr, pos int) (*catalog.Object, *scope, *logical.Node, error) {
	o, err := b.target(name, pos)
	if err != nil {
		return nil, nil, nil, err
	}
	s := &scope{}
	items := append([]ast.TableExpr{&ast.TableName{Pos: ast.Pos(pos), Name: name, Alias: alias}}, from...)
	node, err := b.bindFrom(items, s)
	if err != nil {
		return nil, nil, nil, err
	}
	if where != nil {
		c := &exprCtx{b: b, s: s, clause: "WHERE"}
		w, err := c.boolean(where, "WHERE")
		if err != nil {
			return nil, nil, nil, err
		}
		node = logical.NewFilter(node, logical.Conjuncts(w))
	}
	return o, s, node, nil
}

// findScanOf finds the first scan of an object, which is the table being changed.
func findScanOf(n *logical.Node, id uint32) *logical.Node {
	if n.Op == logical.Scan && n.Scan.Object == id {
		return n
	}
	for _, in := range n.In {
		if s := findScanOf(in, id); s != nil {
			return s
		}
	}
	return nil
}
