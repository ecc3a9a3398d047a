package bind

import (
	"slices"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// What a MERGE does with a row, as the last column of its query says.
const (
	MergeUpdate = 1 + iota
	MergeDelete
	MergeInsert
)

// merge is a MERGE being bound.
type merge struct {
	b       *Binder
	o       *catalog.Object
	both    *scope // the table and the source
	source  *scope
	old     []logical.Col
	matched *expr.Expr
}

// Merge binds MERGE: the rows are the old row, the new one, and what is to be done.
func (b *Binder) Merge(st *ast.Merge) (*DML, error) { return b.whole(b.merge(st)) }

func (b *Binder) merge(st *ast.Merge) (*DML, error) {
	if err := reachable(st.When); err != nil {
		return nil, err
	}
	m := &merge{b: b}
	node, err := m.join(st)
	if err != nil {
		return nil, err
	}
	// First the action and the values that it needs, then the row: each condition is looked at once.
	which := &logical.Node{Op: logical.Project, In: []*logical.Node{node}}
	for _, c := range node.Cols() {
		which.Out, which.Exprs = append(which.Out, c), append(which.Exprs, logical.Ref(c))
	}
	arm, err := m.arm(st.When)
	if err != nil {
		return nil, err
	}
	number := b.NewCol("when", int4Type, false)
	which.Out, which.Exprs = append(which.Out, number), append(which.Exprs, arm)
	acts := logical.NewFilter(which, []*expr.Expr{not(isNumber(number, 0))})
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{acts}}
	q := &Query{Node: p}
	for _, c := range m.old {
		b.addCol(q, p, c.Field, logical.Ref(c))
	}
	if err := m.rows(st, q, p, number); err != nil {
		return nil, err
	}
	out := &DML{Kind: "merge", Table: m.o, Query: q}
	out.Rules, err = b.Rules(m.o)
	return out, err
}

// isNumber tells whether a row is for clause i.
func isNumber(c logical.Col, i int) *expr.Expr {
	return &expr.Expr{Kind: expr.Call, Name: "=", Type: boolType, ArgTypes: []types.Type{int4Type, int4Type},
		Args: []*expr.Expr{logical.Ref(c), expr.Lit(types.IntDatum(types.Int4, int64(i)))}}
}

// reachable refuses clauses behind one of the same kind without a condition.
func reachable(list []ast.MergeWhen) error {
	closed := map[bool]bool{}
	for i := range list {
		w := &list[i]
		if closed[w.Matched] {
			return sqlerr.New(sqlerr.SyntaxError, "unreachable WHEN clause specified after unconditional WHEN clause")
		}
		closed[w.Matched] = w.And == nil
	}
	return nil
}

// join binds the table, the source and ON.
func (m *merge) join(st *ast.Merge) (*logical.Node, error) {
	b := m.b
	var err error
	if m.o, err = b.target(st.Table, st.Position()); err != nil {
		if sqlerr.As(err).Code == sqlerr.WrongObjectType {
			err = sqlerr.Unsupported("cannot execute MERGE on relation %q", st.Table[len(st.Table)-1]).WithHint("Only tables can be written.")
		}
		return nil, err
	}
	m.both = &scope{}
	table, err := b.bindFrom([]ast.TableExpr{&ast.TableName{Pos: st.Pos, Name: st.Table, Alias: st.Alias}}, m.both)
	if err != nil {
		return nil, err
	}
	m.old = findScanOf(table, uint32(m.o.ID)).Out
	m.source = &scope{}
	if m.source.ctes, err = b.with(st.With, nil); err != nil {
		return nil, err
	}
	m.both.ctes = m.source.ctes
	source, err := b.bindFrom(st.Source, m.source)
	if err != nil {
		return nil, err
	}
	if err := checkAliases(m.both.part, m.source.part, st.Source[0].Position()); err != nil {
		return nil, err
	}
	mine := m.both.part
	m.both.part = mine.and(m.source.part)
	m.source.barred = &mine
	c := &exprCtx{b: b, s: m.both, clause: "JOIN/ON"}
	on, err := c.boolean(st.On, "JOIN/ON")
	if err != nil {
		return nil, err
	}
	kind := logical.Inner
	if slices.ContainsFunc(st.When, func(w ast.MergeWhen) bool { return !w.Matched }) {
		kind = logical.Left
	}
	there := &logical.Node{Op: logical.Project, In: []*logical.Node{table}}
	for _, c := range table.Cols() {
		there.Out, there.Exprs = append(there.Out, c), append(there.Exprs, logical.Ref(c))
	}
	flag := b.NewCol("matched", boolType, false)
	there.Out, there.Exprs = append(there.Out, flag), append(there.Exprs, expr.Lit(types.BoolDatum(true)))
	m.matched = not(isNull(logical.Ref(flag), 0))
	return logical.NewJoin(kind, source, there, logical.Conjuncts(on)), nil
}

// arm is the number of the clause that applies to a row, counted from 1, or 0 when nothing is to be done.
func (m *merge) arm(list []ast.MergeWhen) (*expr.Expr, error) {
	out := &expr.Expr{Kind: expr.Case, Type: int4Type}
	for i := range list {
		w := &list[i]
		cond := m.matched
		s := m.both
		if !w.Matched {
			cond, s = not(m.matched), m.source
		}
		if w.And != nil {
			c := &exprCtx{b: m.b, s: s, clause: "MERGE WHEN"}
			and, err := c.boolean(w.And, "WHEN")
			if err != nil {
				return nil, err
			}
			// A condition is looked at only for rows of its kind.
			cond = &expr.Expr{Kind: expr.Case, Type: boolType, Args: []*expr.Expr{cond, and, expr.Lit(types.BoolDatum(false))}}
		}
		n := int64(i + 1)
		if w.Action == "nothing" {
			n = 0
		}
		out.Args = append(out.Args, cond, expr.Lit(types.IntDatum(types.Int4, n)))
	}
	out.Args = append(out.Args, expr.Lit(types.IntDatum(types.Int4, 0)))
	return out, nil
}

// rows adds the new row and the action to the query.
func (m *merge) rows(st *ast.Merge, q *Query, p *logical.Node, number logical.Col) error {
	values := make([]*expr.Expr, len(m.o.Columns))
	for i, c := range m.old {
		values[i] = &expr.Expr{Kind: expr.Case, Type: c.Type}
	}
	action := &expr.Expr{Kind: expr.Case, Type: int4Type}
	for i := range st.When {
		w := &st.When[i]
		cond := isNumber(number, i+1)
		var row []*expr.Expr
		var err error
		kind := int64(MergeDelete)
		switch w.Action {
		case "update":
			kind = MergeUpdate
			row, err = m.updated(w)
		case "insert":
			kind = MergeInsert
			row, err = m.inserted(w)
		case "nothing":
			continue
		}
		if err != nil {
			return err
		}
		for c, e := range row {
			values[c].Args = append(values[c].Args, cond, e)
		}
		action.Args = append(action.Args, cond, expr.Lit(types.IntDatum(types.Int4, kind)))
	}
	for i, c := range m.old {
		e := expr.Lit(types.NullOf(c.Type))
		if len(values[i].Args) > 0 {
			values[i].Args = append(values[i].Args, e)
			e = values[i]
		}
		m.b.addCol(q, p, c.Field, e)
	}
	none := expr.Lit(types.IntDatum(types.Int4, 0))
	if len(action.Args) > 0 {
		action.Args = append(action.Args, none)
		none = action
	}
	m.b.addCol(q, p, types.Field{Name: "action", Type: int4Type}, none)
	return nil
}

// updated is the new row of an UPDATE.
func (m *merge) updated(w *ast.MergeWhen) ([]*expr.Expr, error) {
	set, err := m.b.assignments(m.o, w.Set, m.both)
	if err != nil {
		return nil, err
	}
	var row []*expr.Expr
	for i, c := range m.old {
		e := logical.Ref(c)
		if at := slices.IndexFunc(set, func(a SetColumn) bool { return a.Col == i }); at >= 0 {
			e = set[at].Expr
		}
		row = append(row, e)
	}
	return row, nil
}

// inserted is the row of an INSERT.
func (m *merge) inserted(w *ast.MergeWhen) ([]*expr.Expr, error) {
	st := &ast.Insert{Pos: w.Pos, Columns: w.Columns, ColumnPos: w.ColumnPos, Overriding: w.Overriding,
		Query: &ast.Select{Pos: w.Pos, Values: [][]ast.Expr{w.Values}}}
	cols, err := insertColumns(m.o, st)
	if err != nil {
		return nil, err
	}
	if n := len(w.Values); n > len(cols) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "INSERT has more expressions than target columns").At(w.Values[len(cols)].Position())
	} else if w.Values != nil && n < len(cols) && w.Columns != nil {
		return nil, sqlerr.New(sqlerr.SyntaxError, "INSERT has more target columns than expressions").At(w.ColumnPos[n])
	}
	computed, err := givenByTable(m.o, st, cols)
	if err != nil {
		return nil, err
	}
	row := make([]*expr.Expr, len(m.o.Columns))
	for i, v := range w.Values {
		c := cols[i]
		if _, isDefault := v.(*ast.Default); isDefault || computed[c] {
			continue
		}
		x, err := (&exprCtx{b: m.b, s: m.source, clause: "VALUES"}).bind(v)
		if err != nil {
			return nil, err
		}
		if row[c], err = m.b.assign(x, m.o.Columns[c].Type, m.o.Columns[c].Name, start(x)); err != nil {
			return nil, err
		}
	}
	for c := range row {
		if row[c] != nil {
			continue
		}
		if row[c], err = m.b.DefaultOf(m.o, c); err != nil {
			return nil, err
		}
	}
	return row, nil
}
