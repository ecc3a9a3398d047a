package bind

import (
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// recursion is an item of WITH RECURSIVE that is being bound.
type recursion struct {
	name string
	// cols are the columns as the base gives them; nil while the base is bound.
	cols []Column
	// work is the leaf that stands for the query itself, once it has been referred to.
	work *logical.Node
	// plain tells that the item has not the form base UNION [ALL] term.
	plain bool
	pos   int // of the item
	at    int // of the reference
	seen  bool
}

// ref makes the leaf for the reference to the query in its own term.
func (r *recursion) ref(b *Binder, t *ast.TableName) (*source, error) {
	bad := func(format string) error {
		return sqlerr.New(sqlerr.InvalidRecursion, format, r.name).At(t.Position())
	}
	switch {
	case r.plain:
		return nil, sqlerr.New(sqlerr.InvalidRecursion, "recursive query %q does not have the form non-recursive-term UNION [ALL] recursive-term", r.name).At(r.pos)
	case r.cols == nil:
		return nil, bad("recursive reference to query %q must not appear within its non-recursive term")
	case r.seen:
		return nil, bad("recursive reference to query %q must not appear more than once")
	}
	r.seen, r.at = true, t.Position()
	r.work = &logical.Node{Op: logical.WorkTable, Grows: true}
	cols := make([]Column, len(r.cols))
	for i, c := range r.cols {
		col := b.NewCol(c.Name, c.Type, false)
		r.work.Out = append(r.work.Out, col)
		cols[i] = Column{Field: col.Field, ID: col.ID}
	}
	alias := t.Alias
	if alias == "" {
		alias = r.name
	}
	return derivedSource(r.work, cols, alias, t.Columns, t.Position())
}

// bindRecursive binds an item of WITH RECURSIVE. nil without an error means that the item does not
// refer to itself.
func (b *Binder) bindRecursive(w *ast.CTE, outer *scope, s *cteScope) (*Query, error) {
	sel := w.Query
	s.pending = &recursion{name: w.Name, pos: w.Position()}
	defer func() { s.pending = nil }()
	if sel.SetOp != "union" {
		s.pending.plain = true
		_, err := b.bindQuery(sel, &queryEnv{outer: outer, ctes: s, resolve: true})
		return nil, err
	}
	inner, err := b.bindCTEs(sel, outer, s, false)
	if err != nil {
		return nil, err
	}
	base, err := b.bindQuery(sel.Left, &queryEnv{outer: outer, ctes: inner, resolve: true})
	if err != nil {
		return nil, err
	}
	if err := renameCols(base.Cols, w.Columns, w.Name, w.Position()); err != nil {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "WITH query %q has %d columns available but %d columns specified",
			w.Name, len(base.Cols), len(w.Columns)).At(w.Position())
	}
	s.pending.cols = append([]Column{}, base.Cols...)
	term, err := b.bindQuery(sel.Right, &queryEnv{outer: outer, ctes: inner})
	if err != nil {
		return nil, err
	}
	if !s.pending.seen {
		return nil, nil
	}
	if err := recursiveClauses(sel); err != nil {
		return nil, err
	}
	return b.recursive(w, s.pending, base, term)
}

// recursiveClauses refuses what PostgreSQL refuses behind a recursive UNION.
func recursiveClauses(sel *ast.Select) error {
	var what string
	var pos int
	switch {
	case len(sel.OrderBy) > 0:
		what, pos = "ORDER BY", sel.OrderBy[0].Expr.Position()
	case sel.Offset != nil:
		what, pos = "OFFSET", sel.Offset.Position()
	case sel.Limit != nil:
		what, pos = "LIMIT", sel.Limit.Position()
	default:
		return nil
	}
	return sqlerr.Unsupported("%s in a recursive query is not implemented", what).At(pos)
}

// recursive puts base and term together.
func (b *Binder) recursive(w *ast.CTE, r *recursion, base, term *Query) (*Query, error) {
	work := r.work
	if len(base.Cols) != len(term.Cols) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "each UNION query must have the same number of columns").At(armPos(term, 0))
	}
	if len(base.Cols) == 0 {
		return nil, sqlerr.Unsupported("a recursive query without columns is not supported").At(w.Position())
	}
	if err := r.placed(term.Node); err != nil {
		return nil, err
	}
	n := &logical.Node{Op: logical.Recursive, All: w.Query.SetAll, Map: make([][]int, 2)}
	out := &Query{Node: n}
	for i, first := range base.Cols {
		t, err := fn.CommonTypeFor("UNION", []types.Type{first.Type, term.Cols[i].Type})
		if err != nil {
			e := *sqlerr.As(err)
			return nil, e.At(armPos(term, i))
		}
		if !t.Equal(first.Type) {
			return nil, sqlerr.New(sqlerr.DatatypeMismatch, "recursive query %q column %d has type %s in non-recursive term but type %s overall", w.Name, i+1, first.Type, t).
				WithHint("Cast the output of the non-recursive term to the correct type.").At(armPos(base, i))
		}
		if err := b.coerceOutput(term, i, t, fn.Implicit); err != nil {
			return nil, err
		}
		col := b.NewCol(first.Name, t, false)
		n.Out = append(n.Out, col)
		out.Cols = append(out.Cols, Column{Field: col.Field, ID: col.ID, Pos: first.Pos})
		n.Map[0], n.Map[1] = append(n.Map[0], first.ID), append(n.Map[1], term.Cols[i].ID)
	}
	n.In = []*logical.Node{base.Node, term.Node}
	for _, c := range work.Out {
		n.Work = append(n.Work, c.ID)
	}
	return out, nil
}

// placed refuses a reference where PostgreSQL refuses it: in a subquery, under an aggregate, on the
// side of an outer join that is padded.
func (r *recursion) placed(n *logical.Node) error {
	work := r.work
	bad := func(where string) error {
		return sqlerr.New(sqlerr.InvalidRecursion, "recursive reference to query %q must not appear within %s", r.name, where).At(r.at)
	}
	for n != work {
		at := -1
		for i, in := range n.In {
			if reaches(in, work) {
				at = i
			}
		}
		if at < 0 {
			return bad("a subquery")
		}
		switch {
		case n.Op == logical.Agg:
			return sqlerr.New(sqlerr.InvalidRecursion, "aggregate functions are not allowed in a recursive query's recursive term")
		case n.Op == logical.SetOp && n.SetOp == "except" && at == 1:
			return bad("EXCEPT")
		case n.Op == logical.Join && (n.Kind == logical.Full || n.Kind == logical.Left && at == 1 || n.Kind == logical.Right && at == 0),
			n.Op == logical.Apply && n.Sub.Kind == "lateral left" && at == 1:
			return bad("an outer join")
		}
		n = n.In[at]
	}
	return nil
}

func reaches(n, work *logical.Node) bool {
	if n == work {
		return true
	}
	for _, in := range n.In {
		if reaches(in, work) {
			return true
		}
	}
	return false
}
