package bind

import (
	"maps"
	"slices"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// Update binds UPDATE: the rows are the old row followed by the new one.
func (b *Binder) Update(st *ast.Update) (*DML, error) { return b.whole(b.update(st, nil)) }

func (b *Binder) update(st *ast.Update, in *cteScope) (*DML, error) {
	o, s, node, err := b.changed(st.With, in, st.Table, st.Alias, st.From, st.Where, st.Position())
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
	for _, c := range old.Out {
		b.addCol(q, p, c.Field, logical.Ref(c))
	}
	for i, c := range old.Out {
		e := logical.Ref(c)
		if at := slices.IndexFunc(set, func(a SetColumn) bool { return a.Col == i }); at >= 0 {
			e = set[at].Expr
		}
		b.addCol(q, p, c.Field, e)
	}
	out := &DML{Kind: "update", Table: o, Query: q}
	if err := b.returningFrom(out, st.Returning, s, p); err != nil {
		return nil, err
	}
	b.oneMatch(o, q, old, len(st.From) > 0)
	out.Rules, err = b.Rules(o)
	return out, err
}

// Delete binds DELETE: the rows are the old rows.
func (b *Binder) Delete(st *ast.Delete) (*DML, error) { return b.whole(b.delete(st, nil)) }

func (b *Binder) delete(st *ast.Delete, in *cteScope) (*DML, error) {
	o, s, node, err := b.changed(st.With, in, st.Table, st.Alias, st.Using, st.Where, st.Position())
	if err != nil {
		return nil, err
	}
	old := findScanOf(node, o.ID)
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{node}}
	q := &Query{Node: p}
	for _, c := range old.Out {
		b.addCol(q, p, c.Field, logical.Ref(c))
	}
	out := &DML{Kind: "delete", Table: o, Query: q}
	if err := b.returningFrom(out, st.Returning, s, p); err != nil {
		return nil, err
	}
	b.oneMatch(o, q, old, len(st.Using) > 0)
	return out, nil
}

// addCol adds a column to a query's projection.
func (b *Binder) addCol(q *Query, p *logical.Node, f types.Field, e *expr.Expr) {
	col := b.NewCol(f.Name, f.Type, false)
	p.Out, p.Exprs = append(p.Out, col), append(p.Exprs, e)
	q.Cols = append(q.Cols, Column{Field: col.Field, ID: col.ID})
}

// returningFrom binds RETURNING of UPDATE and DELETE. The table's columns mean those of the changed
// row; the others are added to the query.
func (b *Binder) returningFrom(d *DML, items []ast.SelectItem, s *scope, p *logical.Node) error {
	changed, ids := b.newRow(d.Table, "", []string{d.Table.Name}, s.ctes)
	now := map[int]int{} // column id of the row in the query → that of the changed row
	for i, c := range s.rels[0].cols {
		now[c.ID] = changed.cols[i].ID
	}
	row := &scope{ctes: s.ctes}
	for _, r := range s.rels {
		out := *r
		out.cols = renumbered(r.cols, now)
		row.rels = append(row.rels, &out)
	}
	row.cols = renumbered(s.cols, now)
	list, err := b.returning(d, items, row)
	if err != nil {
		return err
	}
	others := map[int]logical.Col{}
	for _, c := range slices.Concat(s.cols, colsOf(s.rels)) {
		if _, own := now[c.ID]; !own {
			others[c.ID] = c.Col
		}
	}
	for _, e := range list {
		for _, id := range slices.Sorted(maps.Keys(logical.ColsOf(e))) {
			if f, ok := others[id]; ok {
				b.addCol(d.Query, p, f.Field, logical.Ref(f))
				ids = append(ids, f)
				delete(others, id)
			}
		}
	}
	d.Returning, err = b.calc(list, ids)
	return err
}

func renumbered(cols []column, to map[int]int) []column {
	out := slices.Clone(cols)
	for i := range out {
		if id, ok := to[out[i].ID]; ok {
			out[i].ID = id
		}
	}
	return out
}

func colsOf(rels []*relation) []column {
	var out []column
	for _, r := range rels {
		out = append(out, r.cols...)
	}
	return out
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
func (b *Binder) changed(with *ast.With, in *cteScope, name []string, alias string, from []ast.TableExpr, where ast.Expr, pos int) (*catalog.Object, *scope, *logical.Node, error) {
	o, err := b.target(name, pos)
	if err != nil {
		return nil, nil, nil, err
	}
	s := &scope{}
	node, err := b.bindFrom([]ast.TableExpr{&ast.TableName{Pos: ast.Pos(pos), Name: name, Alias: alias}}, s)
	if err != nil {
		return nil, nil, nil, err
	}
	if s.ctes, err = b.with(with, in); err != nil {
		return nil, nil, nil, err
	}
	if len(from) > 0 {
		more := &scope{ctes: s.ctes}
		rest, err := b.bindFrom(from, more)
		if err != nil {
			return nil, nil, nil, err
		}
		if err := checkAliases(s.part, more.part, from[0].Position()); err != nil {
			return nil, nil, nil, err
		}
		node = logical.NewJoin(logical.Inner, node, rest, nil)
		s.part = s.part.and(more.part)
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
