package planner

import (
	"slices"

	"tidemill/catalog"
	"tidemill/planner/bind"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// TableFromAST fills in the columns and constraints of the table that CREATE TABLE makes. The indexes
// of unique constraints have no storage yet, and sequences no names.
func TableFromAST(c *Context, st *ast.CreateTable, o *catalog.Object) error {
	b := bind.New(c)
	pos := st.Position()
	for _, k := range st.Constraints {
		if k.Kind == "primary key" {
			pos = k.Position()
		}
	}
	var err error
	if o.Columns, o.PrimaryKey, err = b.Columns(st.Columns, st.PrimaryKey, pos, Deparse); err != nil {
		return err
	}
	o.Visible = len(o.Columns)
	return b.Constraints(o, st.Columns, st.Constraints, Deparse)
}

// AddColumn adds the column of ALTER TABLE … ADD COLUMN, with its constraints, to a copy of a table.
// value is what existing rows get in it.
func AddColumn(c *Context, o *catalog.Object, st *ast.Alter) (value *expr.Expr, err error) {
	b := bind.New(c)
	col, err := b.Column(st.Column, Deparse)
	if err != nil {
		return nil, err
	}
	o.Columns = append(slices.Clone(o.Columns), col)
	o.Visible = len(o.Columns)
	if err := b.Constraints(o, []ast.ColumnDef{*st.Column}, st.Constraints, Deparse); err != nil {
		return nil, err
	}
	return b.DefaultOf(o, len(o.Columns)-1)
}

// BindRules binds the generated columns and checks of a table.
func BindRules(c *Context, o *catalog.Object) (Rules, error) { return bind.New(c).Rules(o) }

// SetDefault binds and stores the DEFAULT of ALTER COLUMN … SET DEFAULT.
func SetDefault(c *Context, col *catalog.Column, e ast.Expr) error {
	if _, err := bind.New(c).Default(e, col.Type, col.Name); err != nil {
		return err
	}
	col.Default = Deparse(e)
	return nil
}

// SourceFromAST resolves the columns and the primary key of CREATE SOURCE, INCLUDE columns last.
func SourceFromAST(c *Context, st *ast.CreateSource) ([]catalog.Column, []int, error) {
	b := bind.New(c)
	cols, key, err := b.Columns(st.Columns, st.PrimaryKey, st.Position(), Deparse)
	if err != nil {
		return nil, nil, err
	}
	more, err := b.Include(st.Include, cols)
	if err != nil {
		return nil, nil, err
	}
	return append(cols, more...), key, nil
}

// AttributeFromAST resolves a field of a composite type.
func AttributeFromAST(c *Context, d *ast.ColumnDef) (types.Field, error) {
	return bind.New(c).Attribute(d)
}

// TypeFromAST resolves a type name, for PREPARE and casts outside queries.
func TypeFromAST(c *Context, t ast.TypeName) (types.Type, error) { return bind.New(c).TypeName(t) }
