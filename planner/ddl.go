package planner

import (
	"slices"

	"tidemill/catalog"
	"tidemill/planner/bind"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
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

// AddColumn adds the column of ALTER TABLE … ADD COLUMN to a copy of a table. value is what existing rows
// get in it; nil for numbers of a sequence.
func AddColumn(c *Context, o *catalog.Object, st *ast.AlterAction) (value *expr.Expr, err error) {
	b := bind.New(c)
	col, err := b.Column(st.Column, Deparse)
	if err != nil {
		return nil, err
	}
	o.Columns = append(slices.Clone(o.Columns), col)
	o.Visible = len(o.Columns)
	if err := b.Constraints(o, []ast.ColumnDef{*st.Column}, nil, Deparse); err != nil || col.Sequence != nil {
		return nil, err
	}
	return b.DefaultOf(o, len(o.Columns)-1)
}

// AddConstraints adds constraints to a copy of a table.
func AddConstraints(c *Context, o *catalog.Object, list []ast.Constraint) error {
	return bind.New(c).Constraints(o, nil, list, Deparse)
}

// AlterType binds the values of a column whose type changes, over the old row of the table.
func AlterType(c *Context, o *catalog.Object, i int, t ast.TypeName, using ast.Expr) (types.Type, *expr.Expr, error) {
	return bind.New(c).AlterType(o, i, t, using)
}

// CheckDefault tells whether the default of a column of type before can be one of the column's type now.
func CheckDefault(c *Context, o *catalog.Object, i int, before types.Type) error {
	return bind.New(c).CheckDefault(o, i, before)
}

// NewSequence makes a sequence from its options, or changes old by them.
func NewSequence(old *catalog.Sequence, o *ast.SequenceOptions, t types.Type) (*catalog.Sequence, error) {
	return bind.Sequence(old, o, t)
}

// DefaultText is the SQL text of a column's default, "" for NULL.
func DefaultText(o *catalog.Object, i int) string { return bind.DefaultText(o, i) }

// Fold computes what is constant in an expression.
func Fold(c *Context, e *expr.Expr) *expr.Expr { return logical.Fold(e, &c.Env) }

// IsVolatile tells whether an expression may give another value for each row.
func IsVolatile(e *expr.Expr) bool { return logical.Volatility(e) == fn.Volatile }

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
