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

// DML is a bound INSERT, UPDATE, DELETE or MERGE, or a query whose WITH holds such statements. Query gives the rows to write: for an INSERT all columns
// of the table in order, for a DELETE the old row, for an UPDATE the old row and then the new one; the
// columns behind them are for RETURNING. For a MERGE they are the old row, the new row and what is done.
type DML struct {
	Kind  string // "insert", "update", "delete", "merge", "select"
	Table *catalog.Object
	Query *Query
	// Returning is over the new row (the old one for DELETE), whose column i is the table's, and the
	// query's further columns behind it.
	Returning     *Calc
	ReturningCols []Column
	OnConflict    *OnConflict
	// With are the data-modifying statements of WITH. Others read what such a statement returns as the
	// object Result; Read tells that one does.
	With   []*DML
	Result uint32
	Read   bool
	Rules
}

// Calc is what a statement computes from rows that it has at hand: expressions whose column i is that of
// the rows, or, where there are subqueries, a query that reads them as the object catalog.Given, with
// their number behind them, and gives a row for each in that order.
type Calc struct {
	Exprs []*expr.Expr
	Query *Query
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
	Set         []int // the columns that get Values
	// Values and Where are over the existing row (columns 0…n−1) and the proposed one (n…2n−1).
	Values, Where *Calc
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
func (b *Binder) Insert(st *ast.Insert) (*DML, error) { return b.whole(b.insert(st, nil)) }

// insert binds an INSERT that may read the queries of in.
func (b *Binder) insert(st *ast.Insert, in *cteScope) (*DML, error) {
	o, err := b.target(st.Table, st.Position())
	if err != nil {
		return nil, err
	}
	cols, err := insertColumns(o, st)
	if err != nil {
		return nil, err
	}
	ctes, err := b.with(st.With, in)
	if err != nil {
		return nil, err
	}
	q, err := b.insertRows(o, st, cols, ctes)
	if err != nil {
		return nil, err
	}
	out := &DML{Kind: "insert", Table: o, Query: q}
	row, ids := b.newRow(o, st.Alias, st.Table, ctes)
	list, err := b.returning(out, st.Returning, row)
	if err == nil {
		out.Returning, err = b.calc(list, ids)
	}
	if err != nil {
		return nil, err
	}
	if st.OnConflict != nil {
		if out.OnConflict, err = b.onConflict(o, st, row, ids); err != nil {
			return nil, err
		}
	}
	out.Rules, err = b.Rules(o)
	return out, err
}

// Copy binds what COPY FROM needs: the rules for rows, and defaults for the columns that it leaves out.
func (b *Binder) Copy(o *catalog.Object, cols []int) (*DML, []SetColumn, error) {
	out := &DML{Kind: "insert", Table: o}
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
func (b *Binder) with(w *ast.With, in *cteScope) (*cteScope, error) {
	if w == nil {
		return in, nil
	}
	return b.bindCTEs(&ast.Select{With: w.List, Recursive: w.Recursive}, nil, in, in == nil)
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
	given := len(q.Cols)
	b.numberRows(q)
	for i := range given {
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
	if len(q.Cols) > given {
		q.Node = &logical.Node{Op: logical.Sort, In: []*logical.Node{q.Node}, Order: []logical.SortKey{{Col: q.Cols[given].ID}}}
		q.Cols = q.Cols[:given]
	}
	return b.fullRow(o, q, cols)
}

// numberRows adds a column with their number to the rows of a VALUES that has subqueries: they would not
// come in the order in which they are written, in which they are to be inserted.
func (b *Binder) numberRows(q *Query) {
	v := q.Node
	if v.Op != logical.Values || len(v.Rows) < 2 {
		return
	}
	if !slices.ContainsFunc(v.Rows, func(row []*expr.Expr) bool { return slices.ContainsFunc(row, logical.HasSubquery) }) {
		return
	}
	number := b.NewCol("number", types.T(types.Int8), true)
	v.Out = append(v.Out, number)
	for i := range v.Rows {
		v.Rows[i] = append(v.Rows[i], expr.Lit(types.IntDatum(types.Int8, int64(i))))
	}
	q.Cols = append(q.Cols, Column{Field: number.Field, ID: number.ID})
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

// newRow is rowScope under column ids of its own, for expressions that may hold subqueries.
func (b *Binder) newRow(o *catalog.Object, alias string, name []string, ctes *cteScope) (*scope, []logical.Col) {
	s := b.rowScope(o, alias, name)
	s.ctes = ctes
	ids := make([]logical.Col, len(o.Columns))
	for i, c := range o.Columns {
		ids[i] = b.NewCol(c.Name, c.Type, false)
	}
	for i := range s.rels[0].cols {
		s.rels[0].cols[i].ID = ids[i].ID
	}
	s.cols = s.rels[0].cols
	return s, ids
}

// returning binds RETURNING.
func (b *Binder) returning(d *DML, items []ast.SelectItem, s *scope) ([]*expr.Expr, error) {
	if len(items) == 0 {
		return nil, nil
	}
	from := []ast.TableExpr{&ast.TableName{}} // there is a table, so that * means it
	st := &selectState{b: b, s: s, sel: &ast.Select{Items: items, From: from}}
	if err := st.bindItems(); err != nil {
		return nil, err
	}
	var out []*expr.Expr
	for _, it := range st.items {
		e, err := b.known(it.e)
		if err != nil {
			return nil, err
		}
		f := types.Field{Name: it.name, Type: e.Type}
		out, d.ReturningCols = append(out, e), append(d.ReturningCols, Column{Field: f, Table: it.table, Attnum: it.att})
	}
	return out, nil
}

// calc makes a Calc of expressions over the columns of row; nil of none.
func (b *Binder) calc(exprs []*expr.Expr, row []logical.Col) (*Calc, error) {
	if len(exprs) == 0 {
		return nil, nil
	}
	if !slices.ContainsFunc(exprs, logical.HasSubquery) {
		at := map[int]*expr.Expr{}
		for i, c := range row {
			at[c.ID] = expr.Col(i, c.Type)
		}
		out := &Calc{}
		for _, e := range exprs {
			out.Exprs = append(out.Exprs, logical.Replace(e, at))
		}
		return out, nil
	}
	number := b.NewCol("number", types.T(types.Int8), true)
	scan := &logical.Node{Op: logical.Scan, Out: append(slices.Clone(row), number), Scan: &logical.ScanInfo{Object: uint32(catalog.Given), Name: "changed rows"}}
	for i := range scan.Out {
		scan.Scan.Cols = append(scan.Scan.Cols, i)
	}
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{scan}}
	q := &Query{}
	for _, e := range exprs {
		b.addCol(q, p, types.Field{Name: "?column?", Type: e.Type}, e)
	}
	p.Out, p.Exprs = append(p.Out, logical.Col{ID: b.NewID(), Field: number.Field}), append(p.Exprs, logical.Ref(number))
	q.Node = &logical.Node{Op: logical.Sort, In: []*logical.Node{p}, Order: []logical.SortKey{{Col: p.Out[len(exprs)].ID}}}
	return &Calc{Query: q}, nil
}

// whole hands the data-modifying statements of WITH to the statement that they belong to.
func (b *Binder) whole(d *DML, err error) (*DML, error) {
	if err == nil {
		d.With = b.writes
	}
	return d, err
}

// Modifying binds a query whose WITH may hold data-modifying statements.
func (b *Binder) Modifying(sel *ast.Select) (*DML, error) {
	q, err := b.Select(sel)
	if err != nil {
		return nil, err
	}
	return b.whole(&DML{Kind: "select", Query: q, ReturningCols: q.Cols}, nil)
}

// bindWrite binds a data-modifying statement of WITH, and the query that reads what it returns.
func (b *Binder) bindWrite(w *ast.CTE, in *cteScope, c *cte) (*Query, error) {
	var err error
	switch st := w.Write.(type) {
	case *ast.Insert:
		c.write, err = b.insert(st, in)
	case *ast.Update:
		c.write, err = b.update(st, in)
	case *ast.Delete:
		c.write, err = b.delete(st, in)
	}
	if err != nil {
		return nil, err
	}
	b.writes = append(b.writes, c.write)
	c.write.Result = uint32(catalog.Given) + uint32(len(b.writes))
	scan := &logical.Node{Op: logical.Scan, Scan: &logical.ScanInfo{Object: c.write.Result, Name: w.Name}}
	q := &Query{Node: scan}
	for i, col := range c.write.ReturningCols {
		id := b.NewCol(col.Name, col.Type, false)
		scan.Out, scan.Scan.Cols = append(scan.Out, id), append(scan.Scan.Cols, i)
		q.Cols = append(q.Cols, Column{Field: id.Field, ID: id.ID, Table: col.Table, Attnum: col.Attnum})
	}
	return q, nil
}

func (b *Binder) onConflict(o *catalog.Object, st *ast.Insert, row *scope, ids []logical.Col) (*OnConflict, error) {
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
	if oc.Infer != nil { // an index over all rows serves any of them
		c := &exprCtx{b: b, s: row, clause: "WHERE"}
		if _, err := c.boolean(oc.Infer, "WHERE"); err != nil {
			return nil, err
		}
	}
	if !oc.Update {
		return out, nil
	}
	excluded := &relation{name: "excluded", original: "\x00"}
	excluded.cols = append(excluded.cols, row.rels[0].cols...)
	for _, c := range o.Columns {
		ids = append(ids, b.NewCol(c.Name, c.Type, false))
	}
	for i := range excluded.cols {
		excluded.cols[i].ID = ids[len(o.Columns)+i].ID
	}
	s := &scope{part: part{rels: []*relation{row.rels[0], excluded}, cols: row.cols}, ctes: row.ctes}
	set, err := b.assignments(o, oc.Set, s)
	if err != nil {
		return nil, err
	}
	var values []*expr.Expr
	for _, a := range set {
		out.Set, values = append(out.Set, a.Col), append(values, a.Expr)
	}
	if out.Values, err = b.calc(values, ids); err != nil {
		return nil, err
	}
	if oc.Where != nil {
		c := &exprCtx{b: b, s: s, clause: "WHERE"}
		w, err := c.boolean(oc.Where, "WHERE")
		if err != nil {
			return nil, err
		}
		if out.Where, err = b.calc([]*expr.Expr{w}, ids); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// assignments binds SET.
func (b *Binder) assignments(o *catalog.Object, set []ast.Assignment, s *scope) ([]SetColumn, error) {
	var out []SetColumn
	byField := map[int]bool{} // columns that are assigned to field by field
	for i := range set {
		a := &set[i]
		c, err := columnIndex(o, a.Column, a.Position())
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(out, func(x SetColumn) bool { return x.Col == c })
		if at >= 0 && !(byField[c] && len(a.Path) > 0) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "multiple assignments to same column %q", a.Column)
		}
		var x *expr.Expr
		if len(a.Path) > 0 {
			if byField[c] = true; at >= 0 {
				x = out[at].Expr
			}
			x, err = b.assignField(o, c, a, s, x)
		} else {
			x, err = b.assignment(o, c, a, s)
		}
		if err != nil {
			return nil, err
		}
		if at >= 0 {
			out[at].Expr = x
			continue
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
