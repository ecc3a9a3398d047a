package bind

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/sql/ast"
)

// Locks binds FOR UPDATE and its kin: for each table that the query names in FROM, the rows that are read
// of it, like those of a DELETE; where a table has no key to tell rows apart, the table as a whole. Without
// the clause there are none.
func (b *Binder) Locks(sel *ast.Select) (locks []*DML, tables []*catalog.Object, err error) {
	if sel.Locking == "" || sel.SetOp != "" || sel.Values != nil {
		return nil, nil, nil
	}
	of := lockedNames(sel.Locking)
	plain := len(sel.From) == 1 && sel.Limit == nil && sel.Offset == nil
	for _, t := range namedTables(sel.From) {
		name := t.Alias
		if name == "" {
			name = t.Name[len(t.Name)-1]
		}
		if of != nil && !slices.Contains(of, name) || slices.ContainsFunc(sel.With, func(w ast.CTE) bool { return len(t.Name) == 1 && w.Name == t.Name[0] }) {
			continue
		}
		f, err := b.resolveRelation(t.Name, t.Position())
		if err != nil {
			return nil, nil, err
		}
		if f.object == nil || f.object.Kind != catalog.Table {
			continue
		}
		if len(f.object.PrimaryKey) == 0 {
			tables = append(tables, f.object)
			continue
		}
		d := &ast.Delete{Pos: t.Pos, Table: t.Name, Alias: t.Alias, Where: sel.Where, With: &ast.With{List: sel.With, Recursive: sel.Recursive}}
		if _, alone := sel.From[0].(*ast.TableName); !plain || !alone || t.Columns != nil {
			d.Where = keyIn(f.object, name, t, sel)
			d.Alias, d.With = "", nil
		}
		if d.With != nil && len(d.With.List) == 0 {
			d.With = nil
		}
		lock, err := b.delete(d, nil)
		if err != nil {
			return nil, nil, err
		}
		lock.Kind = "lock"
		locks = append(locks, lock)
	}
	return locks, tables, nil
}

// keyIn is the condition that a row of the table is among those that the query reads.
func keyIn(o *catalog.Object, name string, t *ast.TableName, sel *ast.Select) ast.Expr {
	query := *sel
	query.Items, query.Locking = nil, ""
	var left []ast.Expr
	for _, c := range o.PrimaryKey {
		column := o.Columns[c].Name
		left = append(left, &ast.ColumnRef{Pos: t.Pos, Parts: []string{o.Name, column}})
		if c < len(t.Columns) {
			column = t.Columns[c]
		}
		query.Items = append(query.Items, ast.SelectItem{Expr: &ast.ColumnRef{Pos: t.Pos, Parts: []string{name, column}}})
	}
	in := &ast.In{Pos: t.Pos, Query: &query, Expr: left[0]}
	if len(left) > 1 {
		in.Expr = &ast.Row{Pos: t.Pos, Elems: left}
	}
	return in
}

// lockedNames are the names behind OF; nil when there is no OF.
func lockedNames(clause string) []string {
	_, list, found := strings.Cut(clause, " of ")
	if !found {
		return nil
	}
	return strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' })
}

// namedTables lists the relations that FROM names, those in joins included.
func namedTables(from []ast.TableExpr) []*ast.TableName {
	var out []*ast.TableName
	for _, f := range from {
		switch x := f.(type) {
		case *ast.TableName:
			out = append(out, x)
		case *ast.Join:
			out = append(out, namedTables([]ast.TableExpr{x.Left, x.Right})...)
		}
	}
	return out
}
