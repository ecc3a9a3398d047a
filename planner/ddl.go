package planner

import (
	"tidemill/catalog"
	"tidemill/planner/bind"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// TableFromAST resolves the columns and the primary key of CREATE TABLE. A CREATE TABLE … AS has
// none; its columns are those of the query.
func TableFromAST(c *Context, st *ast.CreateTable) ([]catalog.Column, []int, error) {
	if len(st.Checks) > 0 {
		return nil, nil, sqlerr.Unsupported("CHECK constraints are not supported").At(st.Checks[0].Position())
	}
	return bind.New(c).Columns(st.Columns, st.PrimaryKey, st.Position(), Deparse)
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

// BindDefault binds a column's stored DEFAULT text to the column's type.
func BindDefault(c *Context, col *catalog.Column) (*expr.Expr, error) {
	if col.Default == "" {
		return expr.Lit(types.NullOf(col.Type)), nil
	}
	e, err := parse.ParseExpr(col.Default)
	if err != nil {
		return nil, err
	}
	return bind.New(c).Default(e, col.Type, col.Name)
}

// TypeFromAST resolves a type name, for PREPARE and casts outside queries.
func TypeFromAST(c *Context, t ast.TypeName) (types.Type, error) { return bind.New(c).TypeName(t) }
