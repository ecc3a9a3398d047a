package bind

import (
	"slices"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// DML is a bound INSERT, UPDATE or DELETE. Query gives the rows to write: for an INSERT all columns
// of the table in order, for a DELETE the old row, for an UPDATE the old row and then the new one.
type DML struct {
	Table *catalog.Object
	Query *Query
	// Returning are expressions over the new row (the old one for DELETE): column i is the table's.
	Returning     []*expr.Expr
	ReturningCols []Column
	OnConflict    *OnConflict
}

// OnConflict is a bound ON CONFLICT clause.
type OnConflict struct {
	// Columns is the conflict target as table columns; nil = any unique constraint.
	Columns []int
	Update  bool
	// Set and Where are over the existing row (columns 0…n−1) and the proposed one (n…2n−1).
	Set   []SetColumn
	Where *expr.Expr
}

// SetColumn is an assignment to a table column.
type SetColumn struct {
	Col  int
	Expr *expr.Expr
}

// target finds a table that can be written.
func (b *Binder) target(name []string, pos int) (*catalog.Object, error) {
	f, err := b.resolveRelation(name, pos)
	if err != nil {
		return nil, err
	}
	if f.object == nil {
		return nil, sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for table %s", f.name).
			WithDetail("System catalogs cannot be changed by hand.").At(pos)
	}
	switch o := f.object; {
	case o.Kind == catalog.View:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot change view %q", o.Name).At(pos)
	case o.Kind == catalog.MaterializedView:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot change materialized view %q", o.Name).At(pos)
	case o.Kind != catalog.Table:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot change %s %q", o.Kind, o.Name).
			WithHint("Only tables can be written with INSERT, UPDATE and DELETE.").At(pos)
	default:
		b.dep(o.ID)
		return o, nil
	}
}

// visibleCols are the columns of a table that statements can name.
func visibleCols(o *catalog.Object) []catalog.Column {
	if o.Visible > 0 && o.Visible < len(o.Columns) {
		return o.Columns[:o.Visible]
	}
	return o.Columns
}

func columnIndex(o *catalog.Object, name string, pos int) (int, error) {
	for i, c := range visibleCols(o) {
		if c.Name == name {
			return i, nil
		}
	}
	return 0, sqlerr.New(sqlerr.UndefinedColumn, "column %q of relation %q does not exist", name, o.Name).At(pos)
}

// defaultOf is the value of a column that an INSERT leaves out.
func (b *Binder) defaultOf(o *catalog.Object, i int) (*expr.Expr, error) {
	c := o.Columns[i]
	if c.Default == "" {
		return expr.Lit(types.NullOf(c.Type)), nil
	}
	e, err := parse.ParseExpr(c.Default)
	if err != nil {
		return nil, err
	}
	return b.Default(e, c.Type, c.Name)
}

// Default binds a column's DEFAULT expression.
func (b *Binder) Default(e ast.Expr, t types.Type, name string) (*expr.Expr, error) {
	c := &exprCtx{b: b, s: &scope{}, clause: "DEFAULT expressions"}
	x, err := c.bind(e)
	if err != nil {
		if er := sqlerr.As(err); er.Code == sqlerr.UndefinedColumn {
			return nil, sqlerr.Unsupported("cannot use column reference in DEFAULT expression").At(er.Position)
		}
		return nil, err
	}
	if logical.HasSubquery(x) {
		return nil, sqlerr.Unsupported("cannot use subquery in DEFAULT expression").At(e.Position())
	}
	out, ok, err := b.coerce(x, t, fn.Assignment)
	if err == nil && !ok {
		err = sqlerr.New(sqlerr.DatatypeMismatch, "column %q is of type %s but default expression is of type %s", name, t, x.Type).
			WithHint("You will need to rewrite or cast the expression.").At(e.Position())
	}
	return out, err
}

// Insert binds INSERT.
func (b *Binder) Insert(st *ast.Insert) (*DML, error) {
	o, err := b.target(st.Table, st.Position())
	if err != nil {
		return nil, err
	}
	cols, err := insertColumns(o, st)
	if err != nil {
		return nil, err
	}
	q, err := b.insertRows(o, st, cols)
	if err != nil {
		return nil, err
	}
	out := &DML{Table: o, Query: q}
	row := b.rowScope(o, st.Alias, st.Table)
	if out.Returning, out.ReturningCols, err = b.returning(st.Returning, row); err != nil {
		return nil, err
	}
	if st.OnConflict != nil {
		out.OnConflict, err = b.onConflict(o, st, row)
	}
	return out, err
}

// insertColumns gives the table columns that an INSERT names, all when it names none.
func insertColumns(o *catalog.Object, st *ast.Insert) ([]int, error) {
	var cols []int
	for i, name := range st.Columns {
		pos := st.Position()
		if i < len(st.ColumnPos) {
			pos = st.ColumnPos[i]
		}
		c, err := columnIndex(o, name, pos)
		if err != nil {
			return nil, err
		}
		if slices.Contains(cols, c) {
			return nil, sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", name).At(pos)
		}
		cols = append(cols, c)
	}
	if st.Columns == nil {
		for i := range visibleCols(o) {
			cols = append(cols, i)
		}
	}
	return cols, nil
}

// insertRows binds the rows and extends them to all columns of the table.
func (b *Binder) insertRows(o *catalog.Object, st *ast.Insert, cols []int) (*Query, error) {
	q := &Query{Node: logical.OneRow()}
	if st.Query != nil {
		env := &queryEnv{}
		for _, c := range cols {
			env.targets = append(env.targets, o.Columns[c].Type)
			env.names = append(env.names, o.Columns[c].Name)
			env.defaults = append(env.defaults, func() (*expr.Expr, error) { return b.defaultOf(o, c) })
		}
		if st.Query.Values == nil {
			env.targets, env.defaults = nil, nil
		} else if n := len(st.Query.Values[0]); n > len(cols) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "INSERT has more expressions than target columns").At(st.Query.Values[0][len(cols)].Position())
		}
		var err error
		if q, err = b.bindQuery(st.Query, env); err != nil {
			return nil, err
		}
		if len(q.Cols) > len(cols) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "INSERT has more expressions than target columns").At(q.Cols[len(cols)].Pos)
		}
		if len(q.Cols) < len(cols) && st.Columns != nil {
			pos := st.Position()
			if len(q.Cols) < len(st.ColumnPos) {
				pos = st.ColumnPos[len(q.Cols)]
			}
			return nil, sqlerr.New(sqlerr.SyntaxError, "INSERT has more target columns than expressions").At(pos)
		}
	}
	for i := range q.Cols {
		c := o.Columns[cols[i]]
		if _, ok, _ := b.coerce(expr.Col(q.Cols[i].ID, q.Cols[i].Type), c.Type, fn.Assignment); !ok && q.Cols[i].Type.ID != types.Unknown {
			return nil, sqlerr.New(sqlerr.DatatypeMismatch, "column %q is of type %s but expression is of type %s", c.Name, c.Type, q.Cols[i].Type).
				WithHint("You will need to rewrite or cast the expression.").At(q.Cols[i].Pos)
		}
		if err := b.coerceOutput(q, i, c.Type, fn.Assignment); err != nil {
			return nil, err
		}
	}
	return b.fullRow(o, q, cols)
}

// fullRow projects a query's columns to the table's, defaults filled in.
func (b *Binder) fullRow(o *catalog.Object, q *Query, cols []int) (*Query, error) {
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{q.Node}}
	out := &Query{Node: p}
	for i, c := range o.Columns {
		var e *expr.Expr
		if at := slices.Index(cols, i); at >= 0 && at < len(q.Cols) {
			e = expr.Col(q.Cols[at].ID, q.Cols[at].Type)
		} else {
			var err error
			if e, err = b.defaultOf(o, i); err != nil {
				return nil, err
			}
		}
		col := b.NewCol(c.Name, c.Type, false)
		p.Out, p.Exprs = append(p.Out, col), append(p.Exprs, e)
		out.Cols = append(out.Cols, Column{Field: col.Field, ID: col.ID})
	}
	return out, nil
}

// rowScope is the scope of RETURNING and ON CONFLICT: the table's row, whose column ids are 0 … n−1.
func (b *Binder) rowScope(o *catalog.Object, alias string, name []string) *scope {
	r := &relation{schema: o.Schema, name: name[len(name)-1], id: o.ID}
	if alias != "" {
		r.name, r.original = alias, o.Name
	}
	for i, c := range visibleCols(o) {
		r.cols = append(r.cols, column{Col: logical.Col{ID: i, Field: c.Field}, table: o.ID, attnum: i + 1})
	}
	return &scope{part: part{rels: []*relation{r}, cols: r.cols}}
}

// returning binds RETURNING.
func (b *Binder) returning(items []ast.SelectItem, s *scope) ([]*expr.Expr, []Column, error) {
	if len(items) == 0 {
		return nil, nil, nil
	}
	from := []ast.TableExpr{&ast.TableName{}} // there is a table, so that * means it
	st := &selectState{b: b, s: s, sel: &ast.Select{Items: items, From: from}}
	if err := st.bindItems(); err != nil {
		return nil, nil, err
	}
	var out []*expr.Expr
	var cols []Column
	for _, it := range st.items {
		e, err := b.known(it.e)
		if err != nil {
			return nil, nil, err
		}
		if logical.HasSubquery(e) {
			return nil, nil, sqlerr.Unsupported("subqueries in RETURNING are not supported").At(e.Pos)
		}
		f := types.Field{Name: it.name, Type: e.Type}
		out, cols = append(out, e), append(cols, Column{Field: f, Table: it.table, Attnum: it.att})
	}
	return out, cols, nil
}

func (b *Binder) onConflict(o *catalog.Object, st *ast.Insert, row *scope) (*OnConflict, error) {
	oc := st.OnConflict
	out := &OnConflict{Update: oc.Update}
	for _, name := range oc.Columns {
		i, err := columnIndex(o, name, st.Position())
		if err != nil {
			return nil, err
		}
		out.Columns = append(out.Columns, i)
	}
	if out.Columns != nil {
		key, want := slices.Clone(o.PrimaryKey), slices.Clone(out.Columns)
		slices.Sort(key)
		slices.Sort(want)
		if !slices.Equal(key, want) {
			return nil, sqlerr.New(sqlerr.InvalidColumnReference, "there is no unique or exclusion constraint matching the ON CONFLICT specification").At(st.Position())
		}
	} else if oc.Update {
		return nil, sqlerr.New(sqlerr.SyntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name").
			WithHint("For example, ON CONFLICT (column_name).").At(st.Position())
	}
	if !oc.Update {
		return out, nil
	}
	excluded := &relation{name: "excluded", original: "\x00"}
	for _, c := range row.rels[0].cols {
		c.ID += len(o.Columns)
		excluded.cols = append(excluded.cols, c)
	}
	s := &scope{part: part{rels: []*relation{row.rels[0], excluded}, cols: row.cols}}
	set, err := b.assignments(o, oc.Set, s)
	if err != nil {
		return nil, err
	}
	out.Set = set
	if oc.Where != nil {
		c := &exprCtx{b: b, s: s, clause: "WHERE"}
		if out.Where, err = c.boolean(oc.Where, "WHERE"); err != nil {
			return nil, err
		}
		if logical.HasSubquery(out.Where) {
			return nil, sqlerr.Unsupported("subqueries in ON CONFLICT are not supported").At(out.Where.Pos)
		}
	}
	for _, a := range set {
		if logical.HasSubquery(a.Expr) {
			return nil, sqlerr.Unsupported("subqueries in ON CONFLICT are not supported").At(a.Expr.Pos)
		}
	}
	return out, nil
}

// assignments binds SET.
func (b *Binder) assignments(o *catalog.Object, set []ast.Assignment, s *scope) ([]SetColumn, error) {
	var out []SetColumn
	for _, a := range set {
		i, err := columnIndex(o, a.Column, a.Position())
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(c SetColumn) bool { return c.Col == i }) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "multiple assignments to same column %q", a.Column).At(a.Position())
		}
		var x *expr.Expr
		if _, ok := a.Expr.(*ast.Default); ok {
			x, err = b.defaultOf(o, i)
		} else {
			c := &exprCtx{b: b, s: s, clause: "UPDATE"}
			if x, err = c.bind(a.Expr); err == nil {
				x, err = b.assign(x, o.Columns[i].Type, a.Column, start(x))
			}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, SetColumn{Col: i, Expr: x})
	}
	return out, nil
}
