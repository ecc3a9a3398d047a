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
	calls, err := c.fromCalls(t)
	if err != nil {
		return nil, err
	}
	if len(calls) > 1 && !slices.ContainsFunc(calls, func(f fromCall) bool { return !fn.IsTable(f.name) }) {
		node, err := c.lockStep(calls, t.Ordinality)
		if err != nil {
			return nil, err
		}
		return b.nameFunction(t, node, node.Out)
	}
	var node *logical.Node
	var cols []logical.Col
	for i, f := range calls {
		n, out, err := c.fromFunction(f, t.Ordinality || len(calls) > 1)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			node, cols = n, out
			continue
		}
		node, cols = b.zip(node, cols, n, out)
	}
	if len(calls) > 1 && !t.Ordinality {
		cols = cols[:len(cols)-1]
	}
	return b.nameFunction(t, node, cols)
}

// fromCall is a function call in FROM with its column definition list.
type fromCall struct {
	*ast.Call
	name string
	defs []ast.ColumnDef
}

// fromCalls lists the calls of a FROM item; unnest of several arrays is one call for each.
func (c *exprCtx) fromCalls(t *ast.TableFunc) ([]fromCall, error) {
	var out []fromCall
	for i, e := range t.Calls {
		name, err := functionName(e.Name, e.Position())
		if err != nil {
			return nil, err
		}
		if err := plainOnly(e, name); err != nil {
			return nil, err
		}
		f := fromCall{Call: e, name: name}
		switch {
		case i < len(t.CallDefs) && t.CallDefs[i] != nil:
			f.defs = t.CallDefs[i]
		case len(t.Calls) == 1:
			f.defs = t.ColumnDefs
		}
		if name != "unnest" || len(e.Args) < 2 {
			out = append(out, f)
			continue
		}
		for _, a := range e.Args {
			one := *e
			one.Args = []ast.Expr{a}
			out = append(out, fromCall{Call: &one, name: name})
		}
	}
	return out, nil
}

// lockStep makes a leaf of several functions side by side.
func (c *exprCtx) lockStep(calls []fromCall, ordinality bool) (*logical.Node, error) {
	n := &logical.Node{Op: logical.TableFunc, In: []*logical.Node{logical.OneRow()}}
	for i, f := range calls {
		info, fields, err := c.definedFunction(f)
		if err != nil {
			return nil, err
		}
		info.Columns = len(fields)
		for _, f := range fields {
			n.Out = append(n.Out, c.b.NewCol(f.Name, f.Type, false))
		}
		if i == 0 {
			n.Func = info
			continue
		}
		n.Func.Volatile = n.Func.Volatile || info.Volatile
		n.Func.More = append(n.Func.More, *info)
	}
	if ordinality {
		n.Func.Ordinality = true
		n.Out = append(n.Out, c.b.NewCol("ordinality", int8Type, true))
	}
	return n, nil
}

// definedFunction resolves a call whose columns a definition list may give.
func (c *exprCtx) definedFunction(f fromCall) (*logical.FuncInfo, []types.Field, error) {
	record := fn.IsRecordTable(f.name)
	switch {
	case !record && f.defs != nil:
		return nil, nil, sqlerr.New(sqlerr.SyntaxError, "a column definition list is only allowed for functions returning \"record\"").At(f.defs[0].Position())
	case !record:
		return c.tableFunction(f.Call, f.name)
	case f.defs == nil:
		return nil, nil, sqlerr.New(sqlerr.SyntaxError, "a column definition list is required for functions returning \"record\"").At(f.Position())
	}
	var fields []types.Field
	for _, d := range f.defs {
		t, err := c.b.TypeName(d.Type)
		if err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(fields, func(o types.Field) bool { return o.Name == d.Name }) {
			return nil, nil, sqlerr.New(sqlerr.DuplicateColumn, "column name %q specified more than once", d.Name).At(d.Position())
		}
		fields = append(fields, types.Field{Name: d.Name, Type: t})
	}
	// The function is told the names as a further argument; the types are those of its columns.
	call := *f.Call
	names := &ast.ArrayLit{Pos: f.Call.Pos}
	for _, x := range fields {
		names.Elems = append(names.Elems, &ast.Literal{Kind: ast.LitString, Text: x.Name})
	}
	call.Args = append(slices.Clone(call.Args), names)
	info, _, err := c.tableFunction(&call, f.name)
	return info, fields, err
}

// fromFunction makes a leaf for one function call; with ordinality its last column counts the rows.
func (c *exprCtx) fromFunction(f fromCall, ordinality bool) (*logical.Node, []logical.Col, error) {
	if !fn.IsTable(f.name) {
		return c.scalarInFrom(f.Call, f.name, ordinality)
	}
	info, fields, err := c.definedFunction(f)
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
	if len(fields) == 1 && fields[0].Type.Fields() != nil {
		n = c.spread(n, fields[0].Type.Fields())
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
	if fields := x.Type.Fields(); fields != nil {
		n = c.spread(n, fields)
	}
	return n, n.Out, nil
}

// spread makes columns of the fields of a composite value that a function in FROM gives.
func (c *exprCtx) spread(value *logical.Node, fields []types.Field) *logical.Node {
	n := &logical.Node{Op: logical.Project, In: []*logical.Node{value}}
	x := logical.Ref(value.Out[0])
	for i, f := range fields {
		n.Out = append(n.Out, c.b.NewCol(f.Name, f.Type, false))
		n.Exprs = append(n.Exprs, c.b.fieldAt(x, i, f.Type, 0))
	}
	for _, more := range value.Out[1:] { // the ordinality
		n.Out, n.Exprs = append(n.Out, more), append(n.Exprs, logical.Ref(more))
	}
	return n
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
		if i == 0 && single && t.Alias != "" && len(t.Calls) == 1 && len(t.ColumnDefs) == 0 {
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
	for _, level := range srfLevels(st.bl.srfs) {
		info := *level[0].info
		info.Columns = len(level[0].cols)
		out := slices.Clone(level[0].cols)
		for _, s := range level[1:] {
			more := *s.info
			more.Columns = len(s.cols)
			info.Volatile = info.Volatile || more.Volatile
			info.More = append(info.More, more)
			out = append(out, s.cols...)
		}
		node = &logical.Node{Op: logical.TableFunc, In: []*logical.Node{node}, Func: &info, Out: out}
	}
	return node, nil
}

// srfLevels sorts the functions of a select list by nesting: those without another one in their
// arguments run first, in lock-step, then those around them.
func srfLevels(srfs []*srfItem) [][]*srfItem {
	level := map[int]int{} // of a column that a function makes, from 1
	var out [][]*srfItem
	for _, s := range srfs { // inner functions were bound before those around them
		at := 0
		for _, a := range s.info.Args {
			for id := range logical.ColsOf(a) {
				at = max(at, level[id])
			}
		}
		if at == len(out) {
			out = append(out, nil)
		}
		out[at] = append(out[at], s)
		for _, c := range s.cols {
			level[c.ID] = at + 1
		}
	}
	return out
}
