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
// of the table in order, for a DELETE the old row, for an UPDATE the old row and then the new one; the
// columns behind them are for RETURNING.
type DML struct {
	Table *catalog.Object
	Query *Query
	// Returning are expressions over the new row (the old one for DELETE), whose column i is the table's,
	// and the query's further columns behind it.
	Returning     []*expr.Expr
	ReturningCols []Column
	OnConflict    *OnConflict
	Rules
}

// Rules are what every new row of a table has to undergo. Column i of the expressions is the table's.
type Rules struct {
	Generated []SetColumn // the values of generated columns
	Checks    []Check
}

// Check is a bound CHECK constraint.
type Check struct {
	Name string
	Expr *expr.Expr
}

// OnConflict is a bound ON CONFLICT clause.
type OnConflict struct {
	// Constraints are the names of those that are meant; nil = all.
	Constraints []string
	Update      bool
	// Set and Where are over the existing row (columns 0…n−1) and the proposed one (n…2n−1).
	Set   []SetColumn
	Where *expr.Expr
}

// Applies tells whether the clause is about the constraint.
func (c *OnConflict) Applies(name string) bool {
	return c.Constraints == nil || slices.Contains(c.Constraints, name)
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

// DefaultOf binds the value of a column that an INSERT leaves out.
func (b *Binder) DefaultOf(o *catalog.Object, i int) (*expr.Expr, error) {
	text := DefaultText(o, i)
	if text == "" {
		return expr.Lit(types.NullOf(o.Columns[i].Type)), nil
	}
	e, err := parse.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	return b.Default(e, o.Columns[i].Type, o.Columns[i].Name)
}

// DefaultText is the SQL text of a column's default, "" for NULL: of an identity column the next
// number of its sequence.
func DefaultText(o *catalog.Object, i int) string {
	c := &o.Columns[i]
	if c.Sequence == nil || c.Sequence.Detached {
		return c.Default
	}
	name := parse.QuoteIdent(o.Schema) + "." + parse.QuoteIdent(c.Sequence.Name)
	return "pg_catalog.nextval(" + parse.QuoteLiteral(name) + ")"
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
	ctes, err := b.with(st.With)
	if err != nil {
		return nil, err
	}
	q, err := b.insertRows(o, st, cols, ctes)
	if err != nil {
		return nil, err
	}
	out := &DML{Table: o, Query: q}
	row := b.rowScope(o, st.Alias, st.Table)
	if out.Returning, out.ReturningCols, err = b.returning(st.Returning, row); err != nil {
		return nil, err
	}
	if st.OnConflict != nil {
		if out.OnConflict, err = b.onConflict(o, st, row); err != nil {
			return nil, err
		}
	}
	out.Rules, err = b.Rules(o)
	return out, err
}

// Copy binds what COPY FROM needs: the rules for rows, and defaults for the columns that it leaves out.
func (b *Binder) Copy(o *catalog.Object, cols []int) (*DML, []SetColumn, error) {
	out := &DML{Table: o}
	var err error
	if out.Rules, err = b.Rules(o); err != nil {
		return nil, nil, err
	}
	var defaults []SetColumn
	for i := range o.Columns {
		if slices.Contains(cols, i) || o.Columns[i].Generated != "" {
			continue
		}
		e, err := b.DefaultOf(o, i)
		if err != nil {
			return nil, nil, err
		}
		defaults = append(defaults, SetColumn{i, e})
	}
	return out, defaults, nil
}

// with binds the WITH clause in front of a statement.
func (b *Binder) with(w *ast.With) (*cteScope, error) {
	if w == nil {
		return nil, nil
	}
	return b.bindCTEs(&ast.Select{With: w.List, Recursive: w.Recursive}, nil, nil)
}

// Rules binds a table's generated columns and checks.
func (b *Binder) Rules(o *catalog.Object) (Rules, error) {
	var r Rules
	s := b.rowScope(o, "", []string{o.Name})
	for i, c := range o.Columns {
		if c.Generated == "" {
			continue
		}
		e, err := parse.ParseExpr(c.Generated)
		if err != nil {
			return r, err
		}
		x, err := b.generated(e, &o.Columns[i], s)
		if err != nil {
			return r, err
		}
		r.Generated = append(r.Generated, SetColumn{i, x})
	}
	for _, c := range o.Checks {
		e, err := parse.ParseExpr(c.Expr)
		if err != nil {
			return r, err
		}
		x, err := b.check(e, s)
		if err != nil {
			return r, err
		}
		r.Checks = append(r.Checks, Check{c.Name, x})
	}
	return r, nil
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
func (b *Binder) insertRows(o *catalog.Object, st *ast.Insert, cols []int, ctes *cteScope) (*Query, error) {
	q := &Query{Node: logical.OneRow()}
	if st.Query != nil {
		env := &queryEnv{ctes: ctes}
		for _, c := range cols {
			env.targets = append(env.targets, o.Columns[c].Type)
			env.names = append(env.names, o.Columns[c].Name)
			env.defaults = append(env.defaults, func() (*expr.Expr, error) { return b.DefaultOf(o, c) })
		}
		if st.Query.Values == nil {
			env.targets, env.defaults = nil, nil
		} else if n := len(st.Query.Values[0]); n > len(cols) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "INSERT has more expressions than target columns").At(st.Query.Values[0][len(cols)].Position())
		}
		computed, err := givenByTable(o, st, cols)
		if err != nil {
			return nil, err
		}
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
		for i, c := range cols[:len(q.Cols)] {
			if computed[c] { // the value given is not the one that counts
				cols = slices.Clone(cols)
				cols[i] = -1
			}
		}
	}
	for i := range q.Cols {
		if cols[i] < 0 {
			continue
		}
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

// givenByTable tells which of the named columns take their value from the table and not from the
// statement. Values for such columns are refused unless they are DEFAULT.
func givenByTable(o *catalog.Object, st *ast.Insert, cols []int) (map[int]bool, error) {
	out := map[int]bool{}
	for i, c := range cols {
		col := &o.Columns[c]
		if col.Identity != "" && st.Overriding == "user" {
			out[c] = true
			continue
		}
		if col.Generated == "" && (col.Identity != "always" || st.Overriding == "system") {
			continue
		}
		all := st.Query.Values != nil
		for _, row := range st.Query.Values {
			if i < len(row) {
				_, isDefault := row[i].(*ast.Default)
				all = all && isDefault
			}
		}
		if len(st.Query.Values) > 0 && i >= len(st.Query.Values[0]) || st.Query.Values == nil && st.Query.SetOp == "" && i >= len(st.Query.Items) && !hasStar(st.Query) {
			continue // left out
		}
		if !all {
			return nil, notYours(col, "cannot insert a non-DEFAULT value into column %q", st.Overriding == "")
		}
	}
	return out, nil
}

func hasStar(sel *ast.Select) bool {
	return slices.ContainsFunc(sel.Items, func(it ast.SelectItem) bool {
		_, star := it.Expr.(*ast.Star)
		return star
	})
}

// notYours refuses a value for a column that the table computes.
func notYours(c *catalog.Column, format string, hint bool) error {
	e := sqlerr.New(sqlerr.GeneratedAlways, format, c.Name)
	if c.Generated != "" {
		return e.WithDetail("Column %q is a generated column.", c.Name)
	}
	e = e.WithDetail("Column %q is an identity column defined as GENERATED ALWAYS.", c.Name)
	if hint {
		e = e.WithHint("Use OVERRIDING SYSTEM VALUE to override.")
	}
	return e
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
			if e, err = b.DefaultOf(o, i); err != nil {
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
	return &scope{part: part{rels: []*relation{r}, cols: r.cols}, table: o}
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
	var want []int
	for _, name := range oc.Columns {
		i, err := columnIndex(o, name, st.Position())
		if err != nil {
			er := sqlerr.New(sqlerr.UndefinedColumn, "column %q does not exist", name)
			return nil, er.At(oc.Position())
		}
		if !slices.Contains(want, i) {
			want = append(want, i)
		}
	}
	slices.Sort(want)
	matches := func(name string, cols []int) {
		if oc.Constraint == name || want != nil && slices.Equal(want, slices.Sorted(slices.Values(cols))) {
			out.Constraints = append(out.Constraints, name)
		}
	}
	if len(o.PrimaryKey) > 0 {
		matches(o.KeyName(), o.PrimaryKey)
	}
	for _, u := range o.Unique {
		matches(u.Name, u.Columns)
	}
	switch {
	case out.Constraints != nil:
	case oc.Constraint != "":
		return nil, sqlerr.New(sqlerr.UndefinedObject, "constraint %q for table %q does not exist", oc.Constraint, o.Name)
	case want != nil:
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "there is no unique or exclusion constraint matching the ON CONFLICT specification")
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
	for i := range set {
		a := &set[i]
		c, err := columnIndex(o, a.Column, a.Position())
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(x SetColumn) bool { return x.Col == c }) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "multiple assignments to same column %q", a.Column)
		}
		x, err := b.assignment(o, c, a, s)
		if err != nil {
			return nil, err
		}
		out = append(out, SetColumn{Col: c, Expr: x})
	}
	return out, nil
}

// assignment binds one column's new value.
func (b *Binder) assignment(o *catalog.Object, i int, a *ast.Assignment, s *scope) (*expr.Expr, error) {
	col := &o.Columns[i]
	if _, ok := a.Expr.(*ast.Default); ok {
		return b.DefaultOf(o, i)
	}
	if col.Generated != "" || col.Identity == "always" {
		return nil, notYours(col, "column %q can only be updated to DEFAULT", false)
	}
	c := &exprCtx{b: b, s: s, clause: "UPDATE"}
	var x *expr.Expr
	var err error
	if sub, ok := a.Expr.(*ast.Subquery); ok && a.Of > 0 {
		x, err = c.fieldQuery(sub, a.Field, a.Of)
	} else {
		x, err = c.bind(a.Expr)
	}
	if err != nil {
		return nil, err
	}
	return b.assign(x, col.Type, a.Column, start(x))
}

// fieldQuery binds one column of a query that must have n.
func (c *exprCtx) fieldQuery(e *ast.Subquery, i, n int) (*expr.Expr, error) {
	q, err := c.subquery(e.Query)
	if err != nil {
		return nil, err
	}
	if len(q.Cols) != n {
		return nil, sqlerr.New(sqlerr.SyntaxError, "number of columns does not match number of values").At(e.Position())
	}
	col := q.Cols[i]
	out, _ := subExpr("scalar", col.Type, logical.Keep(q.Node, []logical.Col{{ID: col.ID, Field: col.Field}}), e.Position())
	return out, nil
}
