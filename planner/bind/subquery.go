package bind

import (
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// subquery binds a query inside an expression.
func (c *exprCtx) subquery(sel *ast.Select) (*Query, error) {
	return c.b.bindQuery(sel, &queryEnv{outer: c.s, ctes: c.s.ctes, resolve: true})
}

func (c *exprCtx) oneColumn(sel *ast.Select, pos int) (*Query, error) {
	q, err := c.subquery(sel)
	if err != nil {
		return nil, err
	}
	if len(q.Cols) != 1 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "subquery must return only one column").At(pos)
	}
	return q, nil
}

func subExpr(kind string, t types.Type, n *logical.Node, pos int) (*expr.Expr, *logical.Subquery) {
	sub := &logical.Subquery{Node: n}
	sub.Kind = kind
	return &expr.Expr{Kind: expr.Subquery, Type: t, Sub: sub, Pos: pos}, sub
}

// visible is the query's tree with just its result columns.
func (q *Query) visible() *logical.Node {
	cols := make([]logical.Col, len(q.Cols))
	for i, c := range q.Cols {
		cols[i] = logical.Col{ID: c.ID, Field: c.Field}
	}
	return logical.Keep(q.Node, cols)
}

func (c *exprCtx) scalarQuery(e *ast.Subquery) (*expr.Expr, error) {
	q, err := c.oneColumn(e.Query, e.Position())
	if err != nil {
		return nil, err
	}
	out, _ := subExpr("scalar", q.Cols[0].Type, q.visible(), e.Position())
	return out, nil
}

func (c *exprCtx) arrayQuery(e *ast.ArrayQuery) (*expr.Expr, error) {
	q, err := c.oneColumn(e.Query, e.Position())
	if err != nil {
		return nil, err
	}
	t := q.Cols[0].Type
	if t.ID != types.Array {
		t = types.ArrayOf(t)
	}
	out, _ := subExpr("array", t, q.visible(), e.Position())
	return out, nil
}

func (c *exprCtx) exists(e *ast.Exists) (*expr.Expr, error) {
	q, err := c.subquery(e.Query)
	if err != nil {
		return nil, err
	}
	out, _ := subExpr("exists", boolType, q.Node, e.Position())
	return out, nil
}

// inQuery binds x [NOT] IN (query).
func (c *exprCtx) inQuery(e *ast.In, condition bool) (*expr.Expr, error) {
	if row, ok := e.Expr.(*ast.Row); ok {
		return c.anyRow(rowQuery{row: row, op: "=", sel: e.Query, pos: e.Position()}, condition, e.Not)
	}
	out, err := c.compareQuery("in", "=", e.Expr, e.Query, e.Position())
	if err != nil {
		return nil, err
	}
	if e.Not {
		out = not(out)
	}
	return out, nil
}

// compareQuery binds x op ANY/ALL (query) and x IN (query).
func (c *exprCtx) compareQuery(kind, op string, left ast.Expr, sel *ast.Select, pos int) (*expr.Expr, error) {
	l, err := c.bind(left)
	if err != nil {
		return nil, err
	}
	q, err := c.subquery(sel)
	if err != nil {
		return nil, err
	}
	if len(q.Cols) != 1 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "subquery has too many columns").At(pos)
	}
	n := q.visible()
	col := n.Cols()[0]
	cmp, err := c.operator(op, []*expr.Expr{l, colRef(col, pos)}, pos)
	if err != nil {
		return nil, err
	}
	if cmp.Type.ID != types.Bool {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "op ANY/ALL requires operator to yield boolean").At(pos)
	}
	if r := cmp.Args[1]; r.Kind != expr.Column {
		out := c.b.NewCol(col.Name, r.Type, col.NotNull)
		n = &logical.Node{Op: logical.Project, In: []*logical.Node{n}, Out: []logical.Col{out}, Exprs: []*expr.Expr{r}}
	}
	out, sub := subExpr(kind, boolType, n, pos)
	sub.Left, sub.Cmp, sub.CmpTypes = cmp.Args[0], cmp.Name, cmp.ArgTypes
	return out, nil
}

// rowQuery is a comparison of a row with the rows of a query, by op; with negated set, by its opposite.
type rowQuery struct {
	row     *ast.Row
	op      string
	negated bool
	sel     *ast.Select
	pos     int
}

// anyRow turns row op ANY (query) into EXISTS over the query's rows that meet the comparison and, where
// none does, into unknown if there is one for which it is unknown. In a condition one EXISTS is
// enough, also below NOT: there the rows that may meet it count.
func (c *exprCtx) anyRow(q rowQuery, condition, below bool) (*expr.Expr, error) {
	match, sure, err := c.rowExists(q, condition && below)
	if err != nil {
		return nil, err
	}
	if !condition && !sure {
		maybe, _, err := c.rowExists(q, true)
		if err != nil {
			return nil, err
		}
		match = &expr.Expr{Kind: expr.Case, Type: boolType, Pos: q.pos, Args: []*expr.Expr{
			match, expr.Lit(types.BoolDatum(true)), maybe, expr.Lit(types.NullOf(boolType)), expr.Lit(types.BoolDatum(false))}}
	}
	if below {
		return not(match), nil
	}
	return match, nil
}

// rowExists binds EXISTS over the query's rows that meet a comparison or, with maybe set, for which it is
// not false. It is sure when nothing compared can be NULL.
func (c *exprCtx) rowExists(q rowQuery, maybe bool) (out *expr.Expr, sure bool, err error) {
	n, cmp, sure, err := c.rowCompare(q)
	if err != nil {
		return nil, false, err
	}
	if q.negated {
		cmp = not(cmp)
	}
	preds := logical.Conjuncts(cmp)
	if maybe {
		preds = []*expr.Expr{not(isTrue(not(cmp), q.pos))}
	}
	out, _ = subExpr("exists", boolType, logical.NewFilter(n, preds), q.pos)
	return out, sure, nil
}

// rowCompare binds the query and the comparison of the row with one of its own.
func (c *exprCtx) rowCompare(q rowQuery) (n *logical.Node, cmp *expr.Expr, sure bool, err error) {
	ls, err := c.bindAll(q.row.Elems)
	if err != nil {
		return nil, nil, false, err
	}
	bound, err := c.subquery(q.sel)
	if err != nil {
		return nil, nil, false, err
	}
	if len(bound.Cols) != len(ls) {
		few := "few"
		if len(bound.Cols) > len(ls) {
			few = "many"
		}
		return nil, nil, false, sqlerr.New(sqlerr.SyntaxError, "subquery has too %s columns", few).At(q.pos)
	}
	n, sure = bound.visible(), true
	cols := c.s.columns()
	var rs []*expr.Expr
	for i, col := range n.Cols() {
		rs = append(rs, colRef(col, q.pos))
		sure = sure && col.NotNull && logical.NotNull(ls[i], cols)
	}
	cmp, err = c.compareFields(q.op, ls, rs, q.pos)
	return n, cmp, sure, err
}

// compareRowQuery binds row op (query): NULL without a row, an error with several.
func (c *exprCtx) compareRowQuery(op string, row *ast.Row, sub *ast.Subquery, pos int) (*expr.Expr, error) {
	n, cmp, _, err := c.rowCompare(rowQuery{row: row, op: op, sel: sub.Query, pos: pos})
	if err != nil {
		return nil, err
	}
	met := c.b.NewCol("met", boolType, false)
	n = &logical.Node{Op: logical.Project, In: []*logical.Node{n}, Out: []logical.Col{met}, Exprs: []*expr.Expr{cmp}}
	out, _ := subExpr("scalar", boolType, n, pos)
	return out, nil
}

// quantified binds x op ANY/ALL over an array or a query.
func (c *exprCtx) quantified(e *ast.Quantified) (*expr.Expr, error) {
	if row, ok := e.Left.(*ast.Row); ok && e.Query != nil {
		return c.anyRow(rowQuery{row: row, op: e.Op, negated: e.All, sel: e.Query, pos: e.Position()}, false, e.All)
	}
	if e.Query != nil {
		switch {
		case e.Op == "=" && !e.All:
			return c.compareQuery("in", "=", e.Left, e.Query, e.Position())
		case e.Op == "<>" && e.All:
			in, err := c.compareQuery("in", "=", e.Left, e.Query, e.Position())
			if err != nil {
				return nil, err
			}
			return not(in), nil
		case e.All:
			return c.compareQuery("all", e.Op, e.Left, e.Query, e.Position())
		}
		return c.compareQuery("any", e.Op, e.Left, e.Query, e.Position())
	}
	l, err := c.bind(e.Left)
	if err != nil {
		return nil, err
	}
	arr, err := c.bind(e.Array)
	if err != nil {
		return nil, err
	}
	return c.quantifiedArray(e, l, arr)
}

// patternOps are the operators behind LIKE and its kin.
var patternOps = map[string]string{"like": "~~", "not like": "!~~", "ilike": "~~*", "not ilike": "!~~*"}

func (c *exprCtx) quantifiedArray(e *ast.Quantified, l, arr *expr.Expr) (*expr.Expr, error) {
	elem := unknown
	switch t := c.b.typeOf(arr); t.ID {
	case types.Unknown:
	case types.Array:
		elem = *t.Elem
	case types.Int2Vector:
		elem = types.T(types.Int2)
	case types.OIDVector:
		elem = types.T(types.OID)
	default:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "op ANY/ALL (array) requires array on right side").At(e.Position())
	}
	probe := expr.Lit(types.NullOf(elem))
	op := e.Op
	if p := patternOps[op]; p != "" {
		op = p
	}
	cmp, err := c.operator(op, []*expr.Expr{l, probe}, e.Position())
	if err != nil {
		return nil, err
	}
	if cmp.Type.ID != types.Bool {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "op ANY/ALL (array) requires operator to yield boolean").At(e.Position())
	}
	left, want := cmp.Args[0], types.ArrayOf(cmp.Args[1].Type)
	if arr, err = c.b.implicitArg(arr, want); err != nil {
		return nil, err
	}
	kind := expr.Any
	if e.All {
		kind = expr.All
	}
	return &expr.Expr{Kind: kind, Type: boolType, Name: cmp.Name, ArgTypes: cmp.ArgTypes,
		Args: []*expr.Expr{left, arr}, Pos: e.Position()}, nil
}
