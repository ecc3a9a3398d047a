package bind

import (
	"slices"
	"strconv"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Constraints adds the constraints of CREATE TABLE or ADD COLUMN to a table whose columns are known, and
// checks the expressions of its generated columns, which defs has. Constraints without a name are named
// as Postgres does.
func (b *Binder) Constraints(o *catalog.Object, defs []ast.ColumnDef, list []ast.Constraint, text func(ast.Expr) string) error {
	s := b.rowScope(o, "", []string{o.Name})
	for i := range defs {
		at := o.Fields().Index(defs[i].Name)
		if defs[i].Generated == nil || at < 0 {
			continue
		}
		if _, err := b.generated(defs[i].Generated, &o.Columns[at], s); err != nil {
			return err
		}
	}
	for i := range list {
		c := &list[i]
		if c.Name != "" && constraintExists(o, c.Name) {
			if c.Kind == "check" {
				return sqlerr.New(sqlerr.DuplicateObject, "check constraint %q already exists", c.Name)
			}
			return sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", c.Name)
		}
		switch c.Kind {
		case "primary key":
			o.PrimaryKeyName = c.Name
			if defs != nil {
				continue // Columns has seen to it
			}
			if len(o.PrimaryKey) > 0 {
				return sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table %q are not allowed", o.Name).At(c.Position())
			}
			cols, err := keyColumns(o.Columns, c.Columns, "primary key", c.Position())
			if err != nil {
				return err
			}
			o.PrimaryKey = cols
			for _, k := range cols {
				o.Columns[k].NotNull = true
			}
		case "unique":
			cols, err := keyColumns(o.Columns, c.Columns, "unique", c.Position())
			if err != nil {
				return err
			}
			base := o.Name
			for _, k := range cols {
				base += "_" + o.Columns[k].Name
			}
			o.Unique = append(o.Unique, catalog.Unique{Name: freeName(o, c.Name, base+"_key"), Columns: cols})
		case "check":
			x, err := b.check(c.Expr, s)
			if err != nil {
				return err
			}
			var cols []int
			for k := range logical.ColsOf(x) {
				cols = append(cols, k)
			}
			slices.Sort(cols)
			base := o.Name
			if len(cols) == 1 {
				base += "_" + o.Columns[cols[0]].Name
			}
			o.Checks = append(o.Checks, catalog.Check{Name: freeName(o, c.Name, base+"_check"), Expr: text(c.Expr), Cols: cols})
		}
	}
	return nil
}

func constraintExists(o *catalog.Object, name string) bool {
	return len(o.PrimaryKey) > 0 && o.KeyName() == name ||
		slices.ContainsFunc(o.Unique, func(u catalog.Unique) bool { return u.Name == name }) ||
		slices.ContainsFunc(o.Checks, func(c catalog.Check) bool { return c.Name == name })
}

// freeName is the given name, or base with a number where it is taken.
func freeName(o *catalog.Object, given, base string) string {
	if given != "" {
		return given
	}
	name := base
	for n := 1; constraintExists(o, name); n++ {
		name = base + strconv.Itoa(n)
	}
	return name
}

// check binds the expression of a CHECK constraint.
func (b *Binder) check(e ast.Expr, s *scope) (*expr.Expr, error) {
	c := &exprCtx{b: b, s: s, clause: "check constraints"}
	x, err := c.boolean(e, "CHECK")
	if err == nil && logical.HasSubquery(x) {
		err = sqlerr.Unsupported("cannot use subquery in check constraint").At(start(x))
	}
	return x, err
}

// generated binds the expression of a generated column.
func (b *Binder) generated(e ast.Expr, col *catalog.Column, s *scope) (*expr.Expr, error) {
	c := &exprCtx{b: b, s: s, clause: "column generation expressions"}
	x, err := c.bind(e)
	if err != nil {
		return nil, err
	}
	if logical.HasSubquery(x) {
		return nil, sqlerr.Unsupported("cannot use subquery in column generation expression").At(start(x))
	}
	out, ok, err := b.coerce(x, col.Type, fn.Assignment)
	if err == nil && !ok {
		err = sqlerr.New(sqlerr.DatatypeMismatch, "column %q is of type %s but default expression is of type %s", col.Name, col.Type, x.Type).
			WithHint("You will need to rewrite or cast the expression.")
	}
	if err != nil {
		return nil, err
	}
	if logical.Volatility(out) != fn.Immutable {
		return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "generation expression is not immutable")
	}
	for at := range logical.ColsOf(out) {
		if other := s.rels[0].cols[at].Name; b.isGenerated(s, at) {
			return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "cannot use generated column %q in column generation expression", other).
				WithDetail("A generated column cannot reference another generated column.").At(colPos(out, at))
		}
	}
	if hasLength(col.Type) {
		return b.assign(out, col.Type, col.Name, start(x))
	}
	return out, nil
}

// isGenerated tells whether a column of the table that the scope shows is generated.
func (b *Binder) isGenerated(s *scope, at int) bool {
	return s.table != nil && s.table.Columns[at].Generated != ""
}

// colPos is where an expression names a column.
func colPos(e *expr.Expr, at int) int {
	if e.Kind == expr.Column && e.Index == at {
		return e.Pos
	}
	for _, a := range e.Args {
		if p := colPos(a, at); p > 0 {
			return p
		}
	}
	return 0
}

// AlterType binds USING, or the column itself, as the value of a column whose type changes.
func (b *Binder) AlterType(o *catalog.Object, i int, t ast.TypeName, using ast.Expr) (types.Type, *expr.Expr, error) {
	col := &o.Columns[i]
	to, err := b.TypeName(t)
	if err != nil {
		return to, nil, err
	}
	if to.ID == types.Record || to.ID == types.Void || to.ID == types.Unknown {
		return to, nil, sqlerr.New(sqlerr.InvalidTableDefinition, "column %q has pseudo-type %s", col.Name, to)
	}
	s := b.rowScope(o, "", []string{o.Name})
	c := &exprCtx{b: b, s: s, clause: "transform expressions"}
	x := expr.Col(i, col.Type)
	if using != nil {
		if x, err = c.bind(using); err != nil {
			return to, nil, err
		}
		if logical.HasSubquery(x) {
			return to, nil, sqlerr.Unsupported("cannot use subquery in transform expression").At(start(x))
		}
	}
	out, ok, err := b.coerce(x, to, fn.Assignment)
	switch {
	case err != nil:
	case !ok && using != nil:
		err = sqlerr.New(sqlerr.DatatypeMismatch, "result of USING clause for column %q cannot be cast automatically to type %s", col.Name, to).
			WithHint("You might need to add an explicit cast.")
	case !ok:
		err = sqlerr.New(sqlerr.DatatypeMismatch, "column %q cannot be cast automatically to type %s", col.Name, to).
			WithHint("You might need to specify \"USING %s::%s\".", types.QuoteIdent(col.Name), to)
	case hasLength(to) && !x.Type.Equal(to):
		out, err = b.assign(x, to, col.Name, start(x))
	}
	return to, out, err
}

// CheckDefault tells whether the default of a column of type before can be one of the column's type now.
func (b *Binder) CheckDefault(o *catalog.Object, i int, before types.Type) error {
	old := *o
	old.Columns = slices.Clone(o.Columns)
	old.Columns[i].Type = before
	x, err := b.DefaultOf(&old, i)
	if err != nil {
		return err
	}
	if _, ok, err := b.coerce(x, o.Columns[i].Type, fn.Assignment); err != nil || !ok {
		return sqlerr.New(sqlerr.DatatypeMismatch, "default for column %q cannot be cast automatically to type %s", o.Columns[i].Name, o.Columns[i].Type)
	}
	_, err = b.DefaultOf(o, i)
	return err
}
