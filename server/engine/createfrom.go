package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/exec/view"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// createTableAs is CREATE TABLE AS and SELECT INTO: the table is there with its rows or not at all.
func (e *Engine) createTableAs(ctx context.Context, c *Caller, s *ast.CreateTable) error {
	if _, _, skip, err := e.place(e.cat.Load(), c, s.Name, s.IfNotExists); err != nil || skip {
		return err
	}
	if len(s.Options) > 0 || s.Format != nil {
		if err := tableSettings(&ast.AlterAction{Options: s.Options}); err != nil {
			return err
		}
	}
	r, err := e.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	q, err := planner.PlanQuery(e.plannerContext(r.Catalog, c), s.AsQuery)
	if err != nil {
		return err
	}
	var names []string
	for _, col := range s.Columns {
		names = append(names, col.Name)
	}
	fields, err := tableFields(q, names)
	if err != nil {
		return err
	}
	m := &modification{e: e, fn: c.Fn, plan: q.Plan}
	if !s.NoData {
		if err := m.collect(ctx, r); err != nil {
			return err
		}
	}
	return e.define(ctx, func() error {
		schema, name, skip, err := e.place(e.catalogNow(), c, s.Name, s.IfNotExists)
		if err != nil || skip {
			return err
		}
		o := e.newObject(c, catalog.Table, schema, name)
		for _, f := range fields {
			o.Columns = append(o.Columns, catalog.Column{Field: f})
		}
		o.Visible = len(o.Columns)
		o.Storage = &catalog.Storage{Kind: string(view.Bag), Table: e.newTable()}
		e.put(o)
		if err := e.addView(o); err != nil {
			return err
		}
		for _, b := range m.result {
			e.addDeltas(&e.pending, o.ID, []*rows.Batch{{Schema: fields, N: b.N, Cols: b.Cols[:len(fields)]}})
		}
		return nil
	})
}

// tableFields are the columns of a table made from a query.
func tableFields(q *planner.Query, names []string) (types.Schema, error) {
	fields, err := outputFields(q, names)
	if err != nil {
		return nil, err
	}
	for i := range fields {
		f := &fields[i]
		f.NotNull = false
		switch f.Type.ID {
		case types.Unknown:
			f.Type = types.T(types.Text)
		case types.Record, types.Void:
			return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "column %q has pseudo-type %s", f.Name, f.Type)
		}
	}
	return fields, nil
}

// expandLike puts the columns and constraints of the tables that LIKE names into CREATE TABLE.
func (e *Engine) expandLike(c *Caller, s *ast.CreateTable) (*ast.CreateTable, error) {
	out := *s
	out.Columns, out.Constraints = nil, nil
	from := 0
	for _, l := range s.Likes {
		t := e.catalogNow().Resolve(c.SearchPath, l.Table)
		if t == nil {
			return nil, sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(l.Table, ".")).At(l.Position())
		}
		if t.Kind == catalog.Index || t.Kind == catalog.Sink || t.Kind == catalog.SequenceKind {
			return nil, sqlerr.New(sqlerr.WrongObjectType, "relation %q is invalid in LIKE clause", t.Name).
				WithDetail("This operation is not supported for %ss.", t.Kind).At(l.Position())
		}
		list, err := parse.Parse("CREATE TABLE x (" + strings.Join(likeElements(t, l.Including), ", ") + ")")
		if err != nil {
			return nil, fmt.Errorf("LIKE %s: %w", t.Name, err)
		}
		like := list[0].Stmt.(*ast.CreateTable)
		out.Columns = append(append(out.Columns, s.Columns[from:l.At]...), like.Columns...)
		out.Constraints = append(out.Constraints, like.Constraints...)
		if like.PrimaryKey != nil {
			if out.PrimaryKey != nil {
				return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table %q are not allowed", s.Name[len(s.Name)-1]).At(l.Position())
			}
			out.PrimaryKey = like.PrimaryKey
		}
		from = l.At
	}
	out.Columns = append(out.Columns, s.Columns[from:]...)
	out.Constraints = append(out.Constraints, s.Constraints...)
	out.Likes = nil
	return &out, nil
}

// likeElements writes what LIKE takes over of a relation as the elements of a CREATE TABLE.
func likeElements(t *catalog.Object, including map[string]bool) []string {
	var out []string
	quoted := func(cols []int) string {
		names := make([]string, len(cols))
		for i, k := range cols {
			names[i] = parse.QuoteIdent(t.Columns[k].Name)
		}
		return "(" + strings.Join(names, ", ") + ")"
	}
	for i, col := range t.Columns[:t.Visible] {
		text := parse.QuoteIdent(col.Name) + " " + col.Type.String()
		if t.Kind == catalog.Table && col.NotNull || slices.Contains(t.PrimaryKey, i) {
			text += " NOT NULL"
		}
		switch {
		case col.Generated != "" && including["generated"]:
			text += " GENERATED ALWAYS AS (" + col.Generated + ") STORED"
		case col.Identity != "" && including["identity"]:
			s := col.Sequence
			text += fmt.Sprintf(" GENERATED %s AS IDENTITY (START %d INCREMENT %d MINVALUE %d MAXVALUE %d", strings.ToUpper(col.Identity), s.Start, s.Step, s.Min, s.Max)
			if s.Cycle {
				text += " CYCLE"
			}
			text += ")"
		case col.Identity == "" && col.Generated == "" && including["defaults"]:
			if d := planner.DefaultText(t, i); d != "" {
				text += " DEFAULT " + d
			}
		}
		out = append(out, text)
	}
	if including["constraints"] {
		for _, c := range t.Checks {
			out = append(out, "CONSTRAINT "+parse.QuoteIdent(c.Name)+" CHECK ("+c.Expr+")")
		}
	}
	if including["indexes"] {
		if len(t.PrimaryKey) > 0 {
			out = append(out, "PRIMARY KEY "+quoted(t.PrimaryKey))
		}
		for _, u := range t.Unique {
			out = append(out, "UNIQUE "+quoted(u.Columns))
		}
	}
	return out
}

// finishLike gives a new table the indexes and comments that LIKE takes over.
func (e *Engine) finishLike(c *Caller, o *catalog.Object, likes []ast.LikeTable) error {
	for _, l := range likes {
		t := e.catalogNow().Resolve(c.SearchPath, l.Table)
		if l.Including["comments"] {
			for _, col := range t.Columns[:t.Visible] {
				if i := o.Fields().Index(col.Name); i >= 0 {
					o.Columns[i].Comment = col.Comment
				}
			}
		}
		if !l.Including["indexes"] {
			continue
		}
		for _, x := range e.catalogNow().Indexes(t.ID) {
			def := *x.Index
			def.Columns = slices.Clone(def.Columns)
			for k := range def.Columns {
				d := &def.Columns[k]
				d.Col = o.Fields().Index(t.Columns[d.Col].Name)
			}
			index := e.newObject(c, catalog.Index, o.Schema, indexName(e.catalogNow(), o, &def))
			index.Deps, index.Index, index.State = []catalog.ID{o.ID}, &def, catalog.Creating
			if _, err := e.startIndex(index); err != nil {
				return err
			}
		}
	}
	return nil
}
