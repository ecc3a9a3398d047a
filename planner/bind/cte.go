package bind

import (
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// cte is a WITH query that has been bound. Every reference gets a copy of the tree under fresh
// column ids; equal copies become one shared node again when the plan is made.
type cte struct {
	name  string
	q     *Query
	used  bool
	write *DML // whose RETURNING the query reads
}

// cteScope is the WITH queries that are visible, innermost first.
type cteScope struct {
	parent  *cteScope
	list    []*cte
	pending *recursion // the item of WITH RECURSIVE that is being bound
}

// find looks a name up: a query that has been bound, or the recursive one that is being bound.
func (s *cteScope) find(name string) (*cte, *recursion) {
	for at := s; at != nil; at = at.parent {
		if at.pending != nil && at.pending.name == name {
			return nil, at.pending
		}
		for i := len(at.list) - 1; i >= 0; i-- {
			if at.list[i].name == name {
				return at.list[i], nil
			}
		}
	}
	return nil, nil
}

// bindCTEs binds a WITH clause and returns the scope of the query that it stands before.
//
// Only the WITH of a whole statement, top, may hold statements that modify.
func (b *Binder) bindCTEs(sel *ast.Select, outer *scope, in *cteScope, top bool) (*cteScope, error) {
	if len(sel.With) == 0 {
		return in, nil
	}
	s := &cteScope{parent: in}
	for i := range sel.With {
		w := &sel.With[i]
		for _, o := range s.list {
			if o.name == w.Name {
				return nil, sqlerr.New(sqlerr.DuplicateAlias, "WITH query name %q specified more than once", w.Name).At(w.Position())
			}
		}
		var q *Query
		var err error
		c := &cte{name: w.Name}
		switch {
		case w.Write != nil && !top:
			err = sqlerr.Unsupported("WITH clause containing a data-modifying statement must be at the top level").At(w.Position())
		case w.Write != nil:
			q, err = b.bindWrite(w, s, c)
		case sel.Recursive:
			q, err = b.bindRecursive(w, outer, s)
		}
		if q == nil && err == nil && w.Write == nil {
			q, err = b.bindQuery(w.Query, &queryEnv{outer: outer, ctes: s, resolve: true})
		}
		if err != nil {
			return nil, err
		}
		if len(w.Columns) > len(q.Cols) {
			return nil, sqlerr.New(sqlerr.InvalidColumnReference, "WITH query %q has %d columns available but %d columns specified",
				w.Name, len(q.Cols), len(w.Columns)).At(w.Position())
		}
		if err := renameCols(q.Cols, w.Columns, w.Name, w.Position()); err != nil {
			return nil, err
		}
		c.q = q
		s.list = append(s.list, c)
	}
	return s, nil
}

// renameCols applies a column alias list.
func renameCols(cols []Column, names []string, table string, pos int) error {
	if len(names) > len(cols) {
		return sqlerr.New(sqlerr.InvalidColumnReference, "table %q has %d columns available but %d columns specified",
			table, len(cols), len(names)).At(pos)
	}
	for i, n := range names {
		cols[i].Name = n
	}
	return nil
}

// ref makes a copy of the WITH query for one reference.
func (c *cte) ref(b *Binder, pos int) (*logical.Node, []Column, error) {
	if c.write != nil {
		if c.write.Returning == nil {
			return nil, nil, sqlerr.Unsupported("WITH query %q does not have a RETURNING clause", c.name).At(pos)
		}
		c.write.Read = true
	}
	if !c.used {
		c.used = true
		return c.q.Node, c.q.Cols, nil
	}
	if err := b.grow(logical.Count(c.q.Node, maxNodes)); err != nil {
		return nil, nil, err
	}
	n, m := logical.Clone(c.q.Node, b.NewID)
	cols := append([]Column(nil), c.q.Cols...)
	for i := range cols {
		cols[i].ID = m[cols[i].ID]
	}
	return n, cols, nil
}

// fieldsOf turns result columns into nameable ones.
func fieldsOf(cols []Column) []column {
	out := make([]column, len(cols))
	for i, c := range cols {
		out[i] = column{Col: logical.Col{ID: c.ID, Field: c.Field}, table: c.Table, attnum: c.Attnum}
		if out[i].Type.ID == types.Unknown {
			out[i].Type = types.T(types.Text)
		}
	}
	return out
}
