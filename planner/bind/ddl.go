package bind

import (
	"slices"

	"tidemill/catalog"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Columns resolves the column list of CREATE TABLE or CREATE SOURCE and its primary key. text gives
// the source text of a DEFAULT expression, which is what the catalog keeps.
func (b *Binder) Columns(defs []ast.ColumnDef, key []string, pos int, text func(ast.Expr) string) ([]catalog.Column, []int, error) {
	var cols []catalog.Column
	for i := range defs {
		d := &defs[i]
		if slices.ContainsFunc(cols, func(c catalog.Column) bool { return c.Name == d.Name }) {
			return nil, nil, sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", d.Name).At(d.Position())
		}
		c, err := b.Column(d, text)
		if err != nil {
			return nil, nil, err
		}
		cols = append(cols, c)
	}
	pk, err := keyColumns(cols, key, "primary key", pos)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range pk {
		cols[i].NotNull = true
	}
	return cols, pk, nil
}

// keyColumns resolves the columns of a primary key or UNIQUE constraint.
func keyColumns(cols []catalog.Column, names []string, what string, pos int) ([]int, error) {
	var out []int
	for _, name := range names {
		i := slices.IndexFunc(cols, func(c catalog.Column) bool { return c.Name == name })
		if i < 0 {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q named in key does not exist", name).At(pos)
		}
		if slices.Contains(out, i) {
			return nil, sqlerr.New(sqlerr.DuplicateColumn, "column %q appears twice in %s constraint", name, what).At(pos)
		}
		if t := cols[i].Type; t.ID == types.JSON {
			return nil, sqlerr.New(sqlerr.UndefinedObject, "data type %s has no default operator class for access method \"btree\"", t).
				WithHint("You must specify an operator class for the index or define a default operator class for the data type.").At(pos)
		}
		out = append(out, i)
	}
	return out, nil
}

// Column resolves one column of a table or source. Its generated expression is checked by Constraints,
// which knows the other columns.
func (b *Binder) Column(d *ast.ColumnDef, text func(ast.Expr) string) (catalog.Column, error) {
	c := catalog.Column{}
	t, err := b.TypeName(d.Type)
	if err != nil {
		return c, err
	}
	if err := storable(t, d); err != nil {
		return c, err
	}
	c.Field = types.Field{Name: d.Name, Type: t, NotNull: d.NotNull || d.PrimaryKey}
	switch {
	case d.Generated != nil:
		c.Generated = text(d.Generated)
	case d.Identity != "" || d.Serial:
		c.Identity = d.Identity
		c.Sequence, err = Sequence(nil, d.Sequence, t)
		return c, err
	case d.Default != nil:
		if _, err := b.Default(d.Default, t, d.Name); err != nil {
			return c, err
		}
		c.Default = text(d.Default)
	}
	return c, nil
}

// Include checks the metadata columns of a source and returns them as columns.
func (b *Binder) Include(items []ast.IncludeColumn, have []catalog.Column) ([]catalog.Column, error) {
	kinds := map[string]types.Type{
		"key": types.T(types.Bytea), "partition": int4Type, "offset": int8Type, "timestamp": types.T(types.Timestamptz),
		"header": types.T(types.JSONB), "headers": types.T(types.JSONB),
	}
	var out []catalog.Column
	for _, it := range items {
		t, ok := kinds[it.What]
		if !ok {
			return nil, sqlerr.New(sqlerr.SyntaxError, "INCLUDE %s is not known", it.What).
				WithHint("Known: key, partition, offset, timestamp, headers.").At(it.Position())
		}
		what := it.What
		if what == "header" {
			what = "headers"
		}
		name := it.As
		if name == "" {
			name = "_" + what
		}
		for _, c := range append(slices.Clone(have), out...) {
			if c.Name == name {
				return nil, sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", name).At(it.Position())
			}
		}
		out = append(out, catalog.Column{Field: types.Field{Name: name, Type: t}, Include: what})
	}
	return out, nil
}
