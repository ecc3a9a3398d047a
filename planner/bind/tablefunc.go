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

// Fold evaluates constants; see logical.Fold.
func Fold(e *expr.Expr, env *types.Env) *expr.Expr { return logical.Fold(e, env) }

// bindTableFunc binds a function in FROM. Its arguments may refer to what stands to its left.
func (b *Binder) bindTableFunc(t *ast.TableFunc, s *scope, left *source) (*source, error) {
	c := &exprCtx{b: b, s: lateralScope(s, left), clause: "functions in FROM"}
	if len(t.Calls) == 1 {
		if name := t.Calls[0].Name[len(t.Calls[0].Name)-1]; ast.IsWindowFunction(name) {
			return b.bindWindow(t, name, s, left)
		}
	}
	if len(t.ColumnDefs) > 0 {
		return nil, sqlerr.Unsupported("a column definition list is not supported for table functions").At(t.Position())
	}
	var node *logical.Node
	var cols []logical.Col
	for i, call := range t.Calls {
		n, out, err := c.fromFunction(call, t.Ordinality || len(t.Calls) > 1)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			node, cols = n, out
			continue
		}
		node, cols = b.zip(node, cols, n, out)
	}
	if len(t.Calls) > 1 && !t.Ordinality {
		cols = cols[:len(cols)-1]
	}
	return b.nameFunction(t, node, cols)
}

// fromFunction makes a leaf for one function call; with ordinality its last column counts the rows.
func (c *exprCtx) fromFunction(e *ast.Call, ordinality bool) (*logical.Node, []logical.Col, error) {
	name, err := functionName(e.Name, e.Position())
	if err != nil {
		return nil, nil, err
	}
	if err := plainOnly(e, name); err != nil {
		return nil, nil, err
	}
	if !fn.IsTable(name) {
		return c.scalarInFrom(e, name, ordinality)
	}
	info, fields, err := c.tableFunction(e, name)
	if err != nil {
		return nil, nil, err
	}
	info.Ordinality = ordinality
	n := &logical.Node{Op: logical.TableFunc, In: []*logical.Node{logical.OneRow()}, Func: info}
	for _, f := range fields {
		n.Out = append(n.Out, c.b.NewCol(f.Name, f.Type, false))
	}
	if ordinality {
		n.Out = append(n.Out, c.b.NewCol("ordinality", int8Type, true))
	}
	return n, n.Out, nil
}

// scalarInFrom is a scalar function in FROM: a relation of one row and one column.
func (c *exprCtx) scalarInFrom(e *ast.Call, name string, ordinality bool) (*logical.Node, []logical.Col, error) {
	if fn.IsAggregate(name) && !fn.IsScalar(name) {
		return nil, nil, sqlerr.New(sqlerr.GroupingError, "aggregate functions are not allowed in functions in FROM").At(e.Position())
	}
	x, err := c.bind(e)
	if err != nil {
		return nil, nil, err
	}
	if x, err = c.b.known(x); err != nil {
		return nil, nil, err
	}
	n := &logical.Node{Op: logical.Project, In: []*logical.Node{logical.OneRow()}}
	n.Out = []logical.Col{c.b.NewCol(name, x.Type, logical.NotNull(x, nil))}
	n.Exprs = []*expr.Expr{x}
	if ordinality {
		n.Out = append(n.Out, c.b.NewCol("ordinality", int8Type, true))
		n.Exprs = append(n.Exprs, expr.Lit(types.IntDatum(types.Int8, 1)))
	}
	return n, n.Out, nil
}

// zip puts two functions side by side by row number, the shorter one padded with NULLs. The last
// column of both is the row number.
func (b *Binder) zip(l *logical.Node, lc []logical.Col, r *logical.Node, rc []logical.Col) (*logical.Node, []logical.Col) {
	lo, ro := lc[len(lc)-1], rc[len(rc)-1]
	c := &exprCtx{b: b, s: &scope{}}
	eq, err := c.operator("=", []*expr.Expr{logical.Ref(lo), logical.Ref(ro)}, 0)
	if err != nil {
		panic(err) // bigint = bigint always exists
	}
	join := logical.NewJoin(logical.Full, l, r, []*expr.Expr{eq})
	cols := append(slices.Clone(lc[:len(lc)-1]), rc[:len(rc)-1]...)
	p := logical.Keep(join, cols)
	if p == join {
		return join, cols
	}
	ord := b.NewCol("ordinality", int8Type, true)
	p.Out = append(p.Out, ord)
	p.Exprs = append(p.Exprs, &expr.Expr{Kind: expr.Coalesce, Type: int8Type, Args: []*expr.Expr{logical.Ref(lo), logical.Ref(ro)}})
	return p, p.Out
}

// nameFunction names the columns of a function in FROM.
func (b *Binder) nameFunction(t *ast.TableFunc, node *logical.Node, cols []logical.Col) (*source, error) {
	name := t.Calls[0].Name[len(t.Calls[0].Name)-1]
	r := &relation{name: t.Alias, original: "\x00"}
	if r.name == "" {
		r.name = name
	}
	single := len(cols) == 1 || len(cols) == 2 && t.Ordinality
	for i, c := range cols {
		if i == 0 && single && t.Alias != "" && len(t.Calls) == 1 {
			c.Name = t.Alias // the alias of a function with one column names the column too
		}
		r.cols = append(r.cols, column{Col: c})
	}
	r.scalar = single
	if len(t.Columns) > len(r.cols) {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "table %q has %d columns available but %d columns specified",
			r.name, len(r.cols), len(t.Columns)).At(t.Position())
	}
	for i, n := range t.Columns {
		r.cols[i].Name = n
	}
	return &source{node: node, part: part{rels: []*relation{r}, cols: r.cols}}, nil
}

// tableFuncs puts the set-returning functions of the select list above node. Several run in
// lock-step, the shorter ones padded with NULLs.
func (st *selectState) tableFuncs(node *logical.Node) (*logical.Node, error) {
	switch len(st.bl.srfs) {
	case 0:
		return node, nil
	case 1:
		s := st.bl.srfs[0]
		return &logical.Node{Op: logical.TableFunc, In: []*logical.Node{node}, Func: s.info, Out: s.cols}, nil
	}
	if nestedSRF(st.bl.srfs) {
		for _, s := range st.bl.srfs { // f(g(x)): inner functions were bound first
			node = &logical.Node{Op: logical.TableFunc, In: []*logical.Node{node}, Func: s.info, Out: s.cols}
		}
		return node, nil
	}
	var zipped *logical.Node
	var cols []logical.Col
	for _, s := range st.bl.srfs {
		info := *s.info
		info.Ordinality = true
		n := &logical.Node{Op: logical.TableFunc, In: []*logical.Node{logical.OneRow()}, Func: &info}
		n.Out = append(slices.Clone(s.cols), st.b.NewCol("ordinality", int8Type, true))
		if zipped == nil {
			zipped, cols = n, n.Out
			continue
		}
		zipped, cols = st.b.zip(zipped, cols, n, n.Out)
	}
	return lateralJoin(logical.Inner, node, zipped, nil), nil
}

// nestedSRF tells whether an argument of one function is the result of another.
func nestedSRF(srfs []*srfItem) bool {
	made := logical.Set{}
	for _, s := range srfs {
		for _, a := range s.info.Args {
			if logical.ColsOf(a).Meets(made) {
				return true
			}
		}
		for _, c := range s.cols {
			made[c.ID] = true
		}
	}
	return false
}
