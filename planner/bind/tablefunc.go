package bind

import (
	"slices"
	"strings"

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
		if name := t.Calls[0].Name[len(t.Calls[0].Name)-1]; name == "tumble" || name == "hop" {
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

// bindWindow binds TUMBLE(relation, time column, size [, offset]) and HOP(relation, time column,
// slide, size [, offset]).
func (b *Binder) bindWindow(t *ast.TableFunc, kind string, s *scope, left *source) (*source, error) {
	call := t.Calls[0]
	word := strings.ToUpper(kind)
	low := map[string]int{"tumble": 3, "hop": 4}[kind]
	if len(call.Args) < low || len(call.Args) > low+1 {
		usage := map[string]string{
			"tumble": "TUMBLE(relation, time column, size [, offset])",
			"hop":    "HOP(relation, time column, slide, size [, offset])",
		}[kind]
		return nil, sqlerr.New(sqlerr.SyntaxError, "%s needs %d arguments", word, low).WithHint("Write %s.", usage).At(call.Position())
	}
	src, err := b.windowInput(call.Args[0], word, s, left)
	if err != nil {
		return nil, err
	}
	col, err := b.windowTime(call.Args[1], word, src)
	if err != nil {
		return nil, err
	}
	w := &logical.WindowInfo{Kind: kind, Time: col.ID}
	names := []string{"window size", "window offset"}
	into := []*int64{&w.Size, &w.Offset}
	if kind == "hop" {
		names, into = append([]string{"window slide"}, names...), append([]*int64{&w.Slide}, into...)
	}
	for i, a := range call.Args[2:] {
		if *into[i], err = b.windowLength(a, word+" "+names[i], names[i] != "window offset"); err != nil {
			return nil, err
		}
	}
	if kind == "hop" && w.Size%w.Slide != 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "HOP window size must be a multiple of its slide").At(call.Position())
	}
	if kind == "tumble" {
		w.Slide = w.Size
	}
	n := &logical.Node{Op: logical.Window, In: []*logical.Node{src.node}, Win: w}
	n.Out = []logical.Col{b.NewCol("window_start", col.Type, true), b.NewCol("window_end", col.Type, true)}
	r := &relation{name: t.Alias, original: "\x00"}
	if r.name == "" {
		r.name = kind
		if len(src.rels) == 1 {
			r.name = src.rels[0].name
		}
	}
	r.cols = append(slices.Clone(src.cols), column{Col: n.Out[0]}, column{Col: n.Out[1]})
	if len(t.Columns) > len(r.cols) {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "table %q has %d columns available but %d columns specified",
			r.name, len(r.cols), len(t.Columns)).At(t.Position())
	}
	for i, name := range t.Columns {
		r.cols[i].Name = name
	}
	return &source{node: n, part: part{rels: []*relation{r}, cols: r.cols}}, nil
}

// windowInput binds the relation that a window function cuts: a name or a subquery.
func (b *Binder) windowInput(e ast.Expr, word string, s *scope, left *source) (*source, error) {
	switch e := e.(type) {
	case *ast.ColumnRef:
		return b.bindTable(&ast.TableName{Pos: e.Pos, Name: e.Parts}, s, left)
	case *ast.Subquery:
		return b.bindTable(&ast.Derived{Pos: e.Pos, Query: e.Query, Alias: "_"}, s, left)
	}
	return nil, sqlerr.New(sqlerr.DatatypeMismatch, "the first argument of %s must be a relation", word).At(e.Position())
}

func (b *Binder) windowTime(e ast.Expr, word string, src *source) (logical.Col, error) {
	c := &exprCtx{b: b, s: &scope{part: src.part}, clause: word}
	x, err := c.bind(e)
	if err != nil {
		return logical.Col{}, err
	}
	if x.Kind != expr.Column {
		return logical.Col{}, sqlerr.New(sqlerr.InvalidColumnReference, "the second argument of %s must be a column", word).
			WithHint("Compute the column in a subquery first.").At(e.Position())
	}
	if !x.Type.IsTime() {
		return logical.Col{}, sqlerr.New(sqlerr.DatatypeMismatch, "the time column of %s must be of type timestamp or timestamp with time zone, not %s", word, x.Type).At(e.Position())
	}
	col, _ := src.node.Col(x.Index)
	return col, nil
}

// windowLength binds a constant interval without months.
func (b *Binder) windowLength(e ast.Expr, what string, positive bool) (int64, error) {
	c := &exprCtx{b: b, s: &scope{}, clause: "window functions"}
	x, err := c.bind(e)
	if err != nil {
		return 0, err
	}
	if x, err = b.implicit(x, types.T(types.Interval)); err != nil {
		return 0, sqlerr.New(sqlerr.DatatypeMismatch, "%s must be an interval", what).At(e.Position())
	}
	x = Fold(x, &b.Env)
	if x.Kind != expr.Literal || x.Lit.Null {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "%s must be a constant", what).At(e.Position())
	}
	v := types.IntervalOf(x.Lit.S)
	if v.Months != 0 {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "%s must not contain months or years", what).
			WithHint("Their length varies. Use days, or group by date_trunc('month', …).").At(e.Position())
	}
	const day = 24 * 60 * 60 * 1_000_000
	us := int64(v.Days)*day + v.Micros
	if positive && us <= 0 {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "%s must be positive", what).At(e.Position())
	}
	return us, nil
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
