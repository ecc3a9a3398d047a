package bind

import (
	"strconv"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// row binds ROW(…). A star among its elements stands for the columns.
func (c *exprCtx) row(e *ast.Row) (*expr.Expr, error) {
	out := &expr.Expr{Kind: expr.Row, Pos: e.Position()}
	for _, el := range e.Elems {
		xs, err := c.rowElement(el)
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, xs...) // literals stay unknown: a composite type may tell what they are
	}
	out.Type = rowType(out.Args)
	return out, nil
}

// rowElement binds an element of ROW(…), which may stand for several fields.
func (c *exprCtx) rowElement(e ast.Expr) ([]*expr.Expr, error) {
	star, isStar := e.(*ast.Star)
	f, isField := e.(*ast.FieldOf)
	if !isStar && !(isField && f.Name == "*") {
		x, err := c.bind(e)
		return []*expr.Expr{x}, err
	}
	var x *expr.Expr
	var err error
	if isStar {
		x, err = c.wholeRow(star.Table, star.Position())
	} else {
		x, err = c.bind(f.Expr)
	}
	if err != nil {
		return nil, err
	}
	if x.Kind == expr.Row {
		return x.Args, nil
	}
	return c.allFields(x, e.Position())
}

// rowType is the type of ROW(…), whose fields are called f1, f2 and so on.
func rowType(args []*expr.Expr) types.Type {
	t := types.T(types.Record)
	t.Row = &types.Row{Fields: []types.Field{}}
	for i, a := range args {
		f := types.Field{Name: "f" + strconv.Itoa(i+1), Type: a.Type}
		if f.Type.ID == types.Unknown {
			f.Type = textType
		}
		t.Row.Fields = append(t.Row.Fields, f)
	}
	return t
}

// wholeRow binds t or t.* as one value.
func (c *exprCtx) wholeRow(parts []string, pos int) (*expr.Expr, error) {
	rel, err := c.s.findRelation(parts, pos)
	if err != nil {
		return nil, err
	}
	if rel == nil {
		return nil, c.s.missingTable(parts, pos)
	}
	c.b.useAll(rel.cols, pos)
	if rel.scalar && len(rel.cols) == 1 {
		return colRef(rel.cols[0].Col, pos), nil
	}
	out := &expr.Expr{Kind: expr.Row, Type: types.T(types.Record), Pos: pos}
	out.Type.Row = &types.Row{Fields: []types.Field{}}
	for _, col := range rel.cols {
		out.Args = append(out.Args, colRef(col.Col, pos))
		out.Type.Row.Fields = append(out.Type.Row.Fields, types.Field{Name: col.Name, Type: col.Type})
	}
	if c.b.Catalog != nil {
		if o := c.b.Catalog.ByID(rel.id); o != nil && o.HasRow() {
			fields := out.Type.Row.Fields
			if out.Type = o.RowType(); c.b.Fixed[rel.id] != nil {
				out.Type.Row.Fields = fields
			}
		}
	}
	if rel.optional {
		return optionalRow(out, rel), nil
	}
	return out, nil
}

// optionalRow is NULL where an outer join found no row for the relation: where a column of it that is
// never NULL is, or all are.
func optionalRow(row *expr.Expr, rel *relation) *expr.Expr {
	var tests []*expr.Expr
	for i, a := range row.Args {
		if rel.witness == 0 || rel.witness == rel.cols[i].ID {
			tests = append(tests, isNull(a, row.Pos))
		}
	}
	if len(tests) == 0 {
		return row
	}
	return &expr.Expr{Kind: expr.Case, Type: row.Type, Pos: row.Pos,
		Args: []*expr.Expr{logical.AndAll(tests), expr.Lit(types.NullOf(row.Type)), row}}
}

// fieldOf binds (x).name: a field of a row of a table function's columns or of a composite value.
func (c *exprCtx) fieldOf(e *ast.FieldOf) (*expr.Expr, error) {
	if call, ok := e.Expr.(*ast.Call); ok {
		name, err := functionName(call.Name, call.Position())
		if err != nil {
			return nil, err
		}
		if fn.IsTable(name) && !fn.IsScalar(name) {
			item, err := c.srf(call, name)
			if err != nil {
				return nil, err
			}
			for _, col := range item.cols {
				if col.Name == e.Name {
					return colRef(col, e.Position()), nil
				}
			}
			if len(item.cols) == 1 && item.cols[0].Type.ID == types.Record {
				return c.field(colRef(item.cols[0], e.Position()), e.Name, e.Position())
			}
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q not found in data type record", e.Name).At(e.Position())
		}
	}
	if ref, ok := e.Expr.(*ast.ColumnRef); ok {
		if x, err := c.s.lookup(c.b, ref.Parts, ref.Position()); x == nil && err == nil {
			if rel, err := c.s.findRelation(ref.Parts, e.Position()); err == nil && rel != nil {
				return c.columnRef(&ast.ColumnRef{Pos: ref.Pos, Parts: append(append([]string{}, ref.Parts...), e.Name)})
			}
		}
	}
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	pos := start(x)
	if pos == 0 {
		pos = e.Position()
	}
	return c.field(x, e.Name, pos)
}

// field takes the field called name out of a composite value.
func (c *exprCtx) field(x *expr.Expr, name string, pos int) (*expr.Expr, error) {
	if x.Type.ID != types.Record {
		if x.Type.ID == types.Unknown || x.Kind == expr.Param {
			x, _ = c.b.known(x)
		}
		return nil, sqlerr.New(sqlerr.WrongObjectType, "column notation .%s applied to type %s, which is not a composite type", name, x.Type).At(pos)
	}
	for i, f := range x.Type.Fields() {
		if f.Name == name {
			return c.b.fieldAt(x, i, f.Type, pos), nil
		}
	}
	if x.Type.Anonymous() {
		return nil, sqlerr.New(sqlerr.UndefinedColumn, "could not identify column %q in record data type", name).At(pos)
	}
	return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q not found in data type %s", name, x.Type).At(pos)
}

// fieldAt takes field i, of type t, out of a composite value. Of a row that is written out, or that a
// subquery wrote out, it is the expression itself.
func (b *Binder) fieldAt(x *expr.Expr, i int, t types.Type, pos int) *expr.Expr {
	if x.Kind == expr.Row && i < len(x.Args) {
		return x.Args[i]
	}
	if cols := b.composites[x.Index]; x.Kind == expr.Column && i < len(cols) {
		return colRef(cols[i], pos)
	}
	return &expr.Expr{Kind: expr.Field, Index: i, Type: t, Args: []*expr.Expr{x}, Pos: pos}
}

// allFields takes a composite value apart.
func (c *exprCtx) allFields(x *expr.Expr, pos int) ([]*expr.Expr, error) {
	fields := x.Type.Fields()
	switch {
	case x.Type.ID != types.Record:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "type %s is not composite", x.Type).At(pos)
	case fields == nil:
		return nil, sqlerr.Unsupported("record type has not been registered").
			WithHint("Cast the value to a composite type, whose fields are known.").At(pos)
	}
	out := make([]*expr.Expr, len(fields))
	for i, f := range fields {
		out[i] = c.b.fieldAt(x, i, f.Type, pos)
	}
	return out, nil
}

// coerceRow brings a row that is written out to a composite type, field by field.
func (b *Binder) coerceRow(e *expr.Expr, t types.Type, ctx fn.CastContext) (*expr.Expr, error) {
	fields := t.Fields()
	bad := func(pos int, format string, args ...any) error {
		return sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", e.Type, t).WithDetail(format, args...).At(pos)
	}
	out := *e
	out.Type, out.Args = t, make([]*expr.Expr, len(fields))
	for i, f := range fields {
		if i >= len(e.Args) {
			return nil, bad(e.Pos, "Input has too few columns.")
		}
		a := e.Args[i]
		var ok bool
		var err error
		if ctx != fn.Explicit && hasLength(f.Type) && !a.Type.Equal(f.Type) {
			out.Args[i], err = b.assignLength(a, f.Type, f.Name, a.Pos)
			ok = true
		} else {
			out.Args[i], ok, err = b.coerce(a, f.Type, ctx)
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, bad(start(a), "Cannot cast type %s to %s in column %d.", a.Type, f.Type, i+1)
		}
	}
	if len(e.Args) > len(fields) {
		return nil, bad(e.Pos, "Input has too many columns.")
	}
	return &out, nil
}

// sameRows gives a row that is written out, or a literal, the type of the composite value that it is
// compared with.
func (c *exprCtx) sameRows(args []*expr.Expr) ([]*expr.Expr, error) {
	for i, a := range args {
		other := args[1-i]
		if other.Type.ID != types.Record || other.Type.Anonymous() && other.Kind == expr.Row {
			continue
		}
		var x *expr.Expr
		var err error
		switch {
		case c.b.typeOf(a).ID == types.Unknown && !other.Type.Anonymous():
			x, _, err = c.b.coerce(a, other.Type, fn.Implicit)
		case a.Type.Anonymous() && a.Kind == expr.Row && other.Type.Fields() != nil:
			x, err = c.likeRow(a, other.Type)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		out := []*expr.Expr{other, other}
		out[i] = x
		return out, nil
	}
	return args, nil
}

// likeRow brings a row that is written out to the type of another record, whose fields must be alike.
func (c *exprCtx) likeRow(row *expr.Expr, t types.Type) (*expr.Expr, error) {
	fields := t.Fields()
	if len(fields) != len(row.Args) {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "cannot compare record types with different numbers of columns")
	}
	out := *row
	out.Type, out.Args = t, make([]*expr.Expr, len(fields))
	for k, f := range fields {
		a, ok, err := row.Args[k], true, error(nil)
		if !a.Type.Same(f.Type) {
			a, ok, err = c.b.coerce(a, f.Type, fn.Implicit)
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, sqlerr.New(sqlerr.DatatypeMismatch, "cannot compare dissimilar column types %s and %s at record column %d",
				f.Type, row.Args[k].Type, k+1)
		}
		out.Args[k] = a
	}
	return &out, nil
}

// compositeIsNull is IS [NOT] NULL of a composite value: it is NULL, or all of its fields are; it is not
// NULL when none of them is.
func (c *exprCtx) compositeIsNull(x *expr.Expr, negate bool, pos int) (*expr.Expr, error) {
	name := "record_all_null"
	if negate {
		name = "record_none_null"
	}
	return c.resolve(name, []*expr.Expr{x}, pos)
}

// setField is a composite value with one field, which path leads to, replaced.
func (c *exprCtx) setField(old *expr.Expr, t types.Type, path []string, value ast.Expr, column string, pos int) (*expr.Expr, error) {
	if len(path) == 0 {
		x, err := c.bind(value)
		if err != nil {
			return nil, err
		}
		return c.b.assign(x, t, column, start(x))
	}
	fields := t.Fields()
	if t.ID != types.Record || t.Anonymous() {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "cannot assign to field %q of column %q because its type %s is not a composite type",
			path[0], column, t).At(pos)
	}
	out := &expr.Expr{Kind: expr.Row, Type: t, Pos: pos, Args: make([]*expr.Expr, len(fields))}
	found := false
	for i, f := range fields {
		x := c.b.fieldAt(old, i, f.Type, pos)
		if f.Name == path[0] {
			found = true
			var err error
			if x, err = c.setField(x, f.Type, path[1:], value, f.Name, pos); err != nil {
				return nil, err
			}
		}
		out.Args[i] = x
	}
	if !found {
		return nil, sqlerr.New(sqlerr.UndefinedColumn, "cannot assign to field %q of column %q because there is no such column in data type %s",
			path[0], column, t).At(pos)
	}
	return out, nil
}

// assignField binds SET column.path = value. before is what the statement has assigned to other fields
// of the column.
func (b *Binder) assignField(o *catalog.Object, i int, a *ast.Assignment, s *scope, before *expr.Expr) (*expr.Expr, error) {
	if before == nil {
		before = colRef(s.rels[0].cols[i].Col, a.Position())
	}
	c := &exprCtx{b: b, s: s, clause: "UPDATE"}
	return c.setField(before, o.Columns[i].Type, a.Path, a.Expr, a.Column, a.Position())
}
