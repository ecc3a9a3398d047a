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
	var pk []int
	for i := range defs {
		d := &defs[i]
		if slices.ContainsFunc(cols, func(c catalog.Column) bool { return c.Name == d.Name }) {
			return nil, nil, sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", d.Name).At(d.Position())
		}
		c, err := b.column(d, text)
		if err != nil {
			return nil, nil, err
		}
		if d.PrimaryKey {
			if len(key) == 1 && key[0] == d.Name {
				key = nil // the parser lists a column's own constraint too
			}
			if len(pk) > 0 || len(key) > 0 {
				return nil, nil, sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for a table are not allowed").At(d.Position())
			}
			pk = []int{i}
		}
		cols = append(cols, c)
	}
	for _, name := range key {
		i := slices.IndexFunc(cols, func(c catalog.Column) bool { return c.Name == name })
		if i < 0 {
			return nil, nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q named in key does not exist", name).At(pos)
		}
		if slices.Contains(pk, i) {
			return nil, nil, sqlerr.New(sqlerr.DuplicateColumn, "column %q appears twice in primary key constraint", name).At(pos)
		}
		pk = append(pk, i)
	}
	for _, i := range pk {
		if t := cols[i].Type; t.ID == types.JSON {
			return nil, nil, sqlerr.New(sqlerr.UndefinedObject, "data type %s has no default operator class for access method \"btree\"", t).At(pos)
		}
		cols[i].NotNull = true
	}
	return cols, pk, nil
}

func (b *Binder) column(d *ast.ColumnDef, text func(ast.Expr) string) (catalog.Column, error) {
	c := catalog.Column{}
	t, err := b.TypeName(d.Type)
	if err != nil {
		return c, err
	}
	switch t.ID {
	case types.Record, types.Void, types.Unknown:
		return c, sqlerr.New(sqlerr.InvalidTableDefinition, "column %q has pseudo-type %s", d.Name, t).At(d.Position())
	}
	c.Field = types.Field{Name: d.Name, Type: t, NotNull: d.NotNull || d.PrimaryKey}
	switch {
	case d.Identity != "":
		return c, sqlerr.Unsupported("identity columns are not supported").At(d.Position())
	case d.Generated != nil:
		return c, sqlerr.Unsupported("generated columns are not supported").
			WithHint("Compute the column in a view over the table.").At(d.Position())
	case d.Check != nil:
		return c, sqlerr.Unsupported("CHECK constraints are not supported").At(d.Position())
	case d.Unique:
		return c, sqlerr.Unsupported("UNIQUE constraints are not supported").
			WithHint("Only PRIMARY KEY is enforced.").At(d.Position())
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
