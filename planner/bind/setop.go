package bind

import (
	"fmt"

	"strconv"
	"strings"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// bindSetOp binds UNION, INTERSECT and EXCEPT. A chain of the same UNION is bound without recursing
// along it.
func (b *Binder) bindSetOp(sel *ast.Select, env *queryEnv) (*Query, error) {
	arms := []*ast.Select{sel.Right}
	at := sel.Left
	for sel.SetOp == "union" && at.SetOp == "union" && at.SetAll == sel.SetAll && plainSetOp(at) {
		arms = append(arms, at.Right)
		at = at.Left
	}
	arms = append(arms, at)
	armEnv := &queryEnv{outer: env.outer, ctes: env.ctes}
	qs := make([]*Query, len(arms))
	for i := range arms {
		q, err := b.bindQuery(arms[len(arms)-1-i], armEnv)
		if err != nil {
			return nil, err
		}
		qs[i] = q
	}
	out, err := b.combine(sel, qs, env)
	if err != nil {
		return nil, err
	}
	if err := b.setOpOrder(sel, out); err != nil {
		return nil, err
	}
	return out, b.orderAndLimit(out, sel, &scope{parent: env.outer, ctes: env.ctes})
}

// plainSetOp tells whether an operand is a set operation without clauses of its own.
func plainSetOp(s *ast.Select) bool {
	return len(s.With) == 0 && len(s.OrderBy) == 0 && s.Limit == nil && s.Offset == nil
}

// combine unifies the arms' columns and makes the set operation.
func (b *Binder) combine(sel *ast.Select, qs []*Query, env *queryEnv) (*Query, error) {
	word := strings.ToUpper(sel.SetOp)
	n := &logical.Node{Op: logical.Union, All: sel.SetAll, Map: make([][]int, len(qs))}
	if sel.SetOp != "union" {
		n.Op, n.SetOp = logical.SetOp, sel.SetOp
	}
	out := &Query{Node: n}
	for _, q := range qs[1:] {
		if len(q.Cols) != len(qs[0].Cols) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "each %s query must have the same number of columns", word).At(armPos(q, 0))
		}
	}
	for i, first := range qs[0].Cols {
		ts := make([]types.Type, len(qs))
		for k, q := range qs {
			ts[k] = q.Cols[i].Type
		}
		t, err := fn.CommonTypeFor(word, ts)
		if err != nil {
			e := *sqlerr.As(err)
			return nil, e.At(armPos(qs[len(qs)-1], i))
		}
		notNull := true
		for _, q := range qs {
			if err := b.coerceOutput(q, i, t, fn.Implicit); err != nil {
				return nil, err
			}
			notNull = notNull && q.Cols[i].NotNull
		}
		col := b.NewCol(first.Name, t, notNull)
		n.Out = append(n.Out, col)
		out.Cols = append(out.Cols, Column{Field: col.Field, ID: col.ID, Pos: first.Pos})
	}
	for k, q := range qs {
		n.In = append(n.In, q.Node)
		for _, c := range q.Cols {
			n.Map[k] = append(n.Map[k], c.ID)
		}
	}
	if n.Op == logical.Union && !sel.SetAll {
		out.Node = &logical.Node{Op: logical.Distinct, In: []*logical.Node{n}}
	}
	return out, nil
}

// armPos is the position of an operand's column.
func armPos(q *Query, i int) int {
	if i < len(q.Cols) {
		return q.Cols[i].Pos
	}
	return 0
}

// setOpOrder binds the ORDER BY of a set operation: output names and ordinals only.
func (b *Binder) setOpOrder(sel *ast.Select, q *Query) error {
	for _, o := range sel.OrderBy {
		at := -1
		switch e := o.Expr.(type) {
		case *ast.Literal:
			if i, err := strconv.Atoi(e.Text); err == nil && e.Kind == ast.LitInt {
				if i < 1 || i > len(q.Cols) {
					return sqlerr.New(sqlerr.InvalidColumnReference, "ORDER BY position %d is not in select list", i).At(e.Position())
				}
				at = i - 1
			}
		case *ast.ColumnRef:
			if len(e.Parts) == 1 {
				for i, c := range q.Cols {
					if c.Name == e.Parts[0] {
						at = i
						break
					}
				}
				if at < 0 {
					return sqlerr.New(sqlerr.UndefinedColumn, "column %q does not exist", e.Parts[0]).At(e.Position())
				}
			}
		}
		if at < 0 {
			return sqlerr.Unsupported("invalid UNION/INTERSECT/EXCEPT ORDER BY clause").
				WithDetail("Only result column names can be used, not expressions or functions.").
				WithHint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.").At(leftmost(o.Expr))
		}
		q.Order = append(q.Order, logical.SortKey{Col: q.Cols[at].ID, Desc: o.Desc, NullsFirst: nullsFirst(o)})
	}
	return nil
}

// leftmost is where an expression begins.
func leftmost(e ast.Expr) int {
	if x, ok := e.(*ast.Binary); ok {
		return leftmost(x.Left)
	}
	return e.Position()
}

// bindValues binds VALUES. For an INSERT the values are brought to the target columns' types.
func (b *Binder) bindValues(sel *ast.Select, env *queryEnv) (*Query, error) {
	n := &logical.Node{Op: logical.Values}
	q := &Query{Node: n}
	s := &scope{parent: env.outer, ctes: env.ctes}
	width := len(sel.Values[0])
	for _, row := range sel.Values {
		if len(row) != width {
			pos := sel.Position()
			if len(row) > 0 {
				pos = row[0].Position()
			}
			return nil, sqlerr.New(sqlerr.SyntaxError, "VALUES lists must all be the same length").At(pos)
		}
		out := make([]*expr.Expr, width)
		for i, v := range row {
			x, err := b.bindValue(v, i, s, env)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		n.Rows = append(n.Rows, out)
	}
	for i := range width {
		col := make([]*expr.Expr, len(n.Rows))
		for k, r := range n.Rows {
			col[k] = r[i]
		}
		t := unknown
		if i < len(env.targets) {
			t = env.targets[i]
		} else if len(col) > 1 || col[0].Type.ID != types.Unknown || env.resolve {
			var err error
			if col, t, err = b.unify("VALUES", col); err != nil {
				return nil, err
			}
		}
		notNull := true
		for k := range n.Rows {
			n.Rows[k][i] = col[k]
			notNull = notNull && logical.NotNull(col[k], nil)
		}
		c := b.NewCol("column"+strconv.Itoa(i+1), t, notNull)
		n.Out = append(n.Out, c)
		q.Cols = append(q.Cols, Column{Field: c.Field, ID: c.ID})
	}
	return q, b.finishValues(sel, q, s)
}

func (b *Binder) finishValues(sel *ast.Select, q *Query, s *scope) error {
	for i := range q.Cols {
		if q.Cols[i].Type.ID == types.Unknown { // one unknown value: typed by whoever uses it
			p := &logical.Node{Op: logical.Project, In: []*logical.Node{logical.OneRow()}, Out: q.Node.Out, Exprs: q.Node.Rows[0]}
			q.Node = p
			break
		}
	}
	if err := b.setOpOrder(sel, q); err != nil {
		return err
	}
	return b.orderAndLimit(q, sel, s)
}

// bindValue binds one value of VALUES.
func (b *Binder) bindValue(v ast.Expr, i int, s *scope, env *queryEnv) (*expr.Expr, error) {
	if d, ok := v.(*ast.Default); ok && env.defaults != nil {
		if i >= len(env.defaults) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "INSERT has more expressions than target columns").At(d.Position())
		}
		return env.defaults[i]()
	}
	c := &exprCtx{b: b, s: s, clause: "VALUES"}
	x, err := c.bind(v)
	if err != nil {
		return nil, err
	}
	if i < len(env.targets) {
		return b.assign(x, env.targets[i], env.names[i], start(x))
	}
	return x, nil
}

// hasLength tells whether t is a character type with a length.
func hasLength(t types.Type) bool {
	return t.Mod >= 0 && (t.ID == types.Varchar || t.ID == types.Bpchar)
}

// assignLength brings a text to a column with a length. Unlike a written cast it does not cut what is
// too long.
func (b *Binder) assignLength(x *expr.Expr, t types.Type, column string, pos int) (*expr.Expr, error) {
	base := types.T(t.ID)
	v, err := b.assign(x, base, column, pos)
	if err != nil {
		return nil, err
	}
	name := "varchar"
	if t.ID == types.Bpchar {
		name = "bpchar"
	}
	args := []types.Type{base, types.T(types.Int4), types.T(types.Bool)}
	s, ok := fn.FindScalar(name, args)
	if !ok {
		return nil, fmt.Errorf("no function %s to check a length with", name)
	}
	// The function takes the modifier as the catalogue has it, 4 more than the length.
	return &expr.Expr{
		Kind: expr.Call, Type: t, Name: name, ArgTypes: s.Args, Pos: pos,
		Args: []*expr.Expr{v, expr.Lit(types.IntDatum(types.Int4, int64(t.Mod)+4)), expr.Lit(types.BoolDatum(false))},
	}, nil
}

// assign brings a value to the type of the column that it is stored into.
func (b *Binder) assign(x *expr.Expr, t types.Type, column string, pos int) (*expr.Expr, error) {
	if hasLength(t) && !x.Type.Equal(t) {
		return b.assignLength(x, t, column, pos)
	}
	out, ok, err := b.coerce(x, t, fn.Assignment)
	if err != nil {
		return nil, err
	}
	if !ok {
		if column == "" {
			column = "?"
		}
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "column %q is of type %s but expression is of type %s", column, t, x.Type).
			WithHint("You will need to rewrite or cast the expression.").At(pos)
	}
	return out, nil
}
