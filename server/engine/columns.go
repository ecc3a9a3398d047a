package engine

import (
	"maps"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/exec/plan"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
)

// Stored queries name columns and stored plans number them. When the columns of a relation change, the
// queries that read it keep the columns that they know (catalog.Object.Fixed): * goes on to mean what it
// meant, and a renamed column is found under the name that the query gives it. Plans are renumbered.

// fixColumns lets what reads a relation keep its present columns, before they change.
func (e *Engine) fixColumns(o *catalog.Object) {
	var now []catalog.NamedColumn
	for i, c := range o.Columns[:o.Visible] {
		now = append(now, catalog.NamedColumn{Name: c.Name, Col: i})
	}
	e.eachReader(o.ID, func(x *catalog.Object) {
		if _, ok := x.Fixed[o.ID]; ok {
			return
		}
		if x.Fixed = maps.Clone(x.Fixed); x.Fixed == nil {
			x.Fixed = map[catalog.ID][]catalog.NamedColumn{}
		}
		x.Fixed[o.ID] = slices.Clone(now)
	})
}

// eachReader calls change with a copy of each object, and new definition of one, whose query reads a
// relation, and keeps the copy.
func (e *Engine) eachReader(id catalog.ID, change func(x *catalog.Object)) {
	for _, d := range e.catalogNow().Dependents(id) {
		if d.Kind == catalog.Index || d.Kind == catalog.SequenceKind || d.LateOf != 0 {
			continue
		}
		x := *d
		if slices.Contains(x.Deps, id) {
			change(&x)
		}
		if x.Replacement != nil && slices.Contains(x.Replacement.Deps, id) {
			r := *x.Replacement
			change(&r)
			x.Replacement = &r
		}
		e.put(&x)
	}
}

// moveColumns renumbers the columns of a relation in what reads it. to gives the new number, −1 for
// none.
func (e *Engine) moveColumns(id catalog.ID, to func(int) int) error {
	var failed error
	e.eachReader(id, func(x *catalog.Object) {
		if list, ok := x.Fixed[id]; ok {
			x.Fixed = maps.Clone(x.Fixed)
			x.Fixed[id] = nil
			for _, f := range list {
				if f.Col = to(f.Col); f.Col >= 0 {
					x.Fixed[id] = append(x.Fixed[id], f)
				}
			}
		}
		if len(x.Plan) == 0 {
			return
		}
		var err error
		if x.Plan, err = plan.MoveColumns(x.Plan, id, to); err != nil {
			failed = err
		}
	})
	if failed == nil {
		failed = e.circuit.MoveColumns(id, to)
	}
	return failed
}

// usersOf lists the objects whose query or plan reads a column of a relation.
func (e *Engine) usersOf(c *Caller, o *catalog.Object, col int) []*catalog.Object {
	cat := e.catalogNow()
	p := e.plannerContext(cat, c)
	var out []*catalog.Object
	for _, x := range cat.Dependents(o.ID) {
		if x.Kind == catalog.Index || x.Kind == catalog.SequenceKind || x.LateOf != 0 {
			continue
		}
		uses := slices.Contains(x.Deps, o.ID) && usesColumn(p, x, o.ID, col)
		if r := x.Replacement; r != nil && slices.Contains(r.Deps, o.ID) {
			uses = uses || usesColumn(p, r, o.ID, col)
		}
		if uses {
			out = append(out, x)
		}
	}
	return out
}

func usesColumn(p *planner.Context, x *catalog.Object, id catalog.ID, col int) bool {
	if x.Query == "" {
		return true // CREATE SINK … FROM
	}
	cols, ok := planner.Uses(p, x, id)
	return !ok || cols[col] || readsColumn(x, id, col) != nil
}

// readsColumn returns the leaf of an object's plan that reads a column, or nil.
func readsColumn(x *catalog.Object, id catalog.ID, col int) *plan.Leaf {
	if len(x.Plan) == 0 {
		return nil
	}
	pl, err := decodePlan(x.Plan)
	if err != nil {
		return nil
	}
	leaves, err := pl.Leaves()
	if err != nil {
		return nil
	}
	for _, l := range leaves {
		if l.Scan.Object == id && slices.Contains(l.Scan.Cols, col) {
			return &l
		}
	}
	return nil
}

// renameColumn is RENAME COLUMN of relations of every kind.
func (e *Engine) renameColumn(c *Caller, o *catalog.Object, s *ast.AlterAction) error {
	from, to := s.Args[0], s.Args[1]
	i := o.VisibleFields().Index(from)
	if i < 0 {
		return sqlerr.New(sqlerr.UndefinedColumn, "column %q does not exist", from)
	}
	if o.Fields().Index(to) >= 0 {
		return sqlerr.New(sqlerr.DuplicateColumn, "column %q of relation %q already exists", to, o.Name)
	}
	switch o.Kind {
	case catalog.Table, catalog.Source, catalog.View, catalog.MaterializedView:
	default:
		return sqlerr.New(sqlerr.WrongObjectType, "cannot rename columns of %s %q", o.Kind, o.Name)
	}
	if o.Replacement != nil {
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "materialized view %q is being replaced", o.Name).
			WithHint("Wait until its new definition has taken its place; tidemill_catalog.views shows the progress.")
	}
	e.fixColumns(o)
	o.Columns = slices.Clone(o.Columns)
	col := &o.Columns[i]
	if o.Kind == catalog.Source && col.Source == "" && col.Include == "" {
		col.Source = col.Name
	}
	col.Name = to
	o.Shape++
	if err := renameInRules(o, from, to); err != nil {
		return err
	}
	if o.Kind == catalog.View || o.Kind == catalog.MaterializedView {
		names := make([]string, o.Visible)
		for k := range names {
			names[k] = parse.QuoteIdent(o.Columns[k].Name)
		}
		o.Definition = parse.Relist(o.Definition, "("+strings.Join(names, ", ")+")")
	}
	e.put(o)
	if o.Storage != nil {
		if err := e.addView(o); err != nil {
			return err
		}
	}
	for _, x := range e.catalogNow().Indexes(o.ID) {
		index := *x
		index.Columns = o.Columns
		e.put(&index)
	}
	e.showRenamed(c, o, i)
	if err := e.renameLateColumn(o, i); err != nil {
		return err
	}
	return nil
}

// showRenamed writes the new name of a column in the queries that use it, where that can be done. Their
// meaning does not hang on it.
func (e *Engine) showRenamed(c *Caller, o *catalog.Object, col int) {
	p := e.plannerContext(e.catalogNow(), c)
	e.eachReader(o.ID, func(x *catalog.Object) {
		if x.Query == "" {
			return
		}
		query, ok := planner.ColumnRenamed(p, x, o.ID, col)
		if !ok || query == x.Query {
			return
		}
		x.Definition = strings.Replace(x.Definition, x.Query, query, 1)
		x.Query, x.Fixed = query, maps.Clone(x.Fixed)
		x.Fixed[o.ID] = slices.Clone(x.Fixed[o.ID])
		for k, f := range x.Fixed[o.ID] {
			if f.Col == col {
				x.Fixed[o.ID][k].Name = o.Columns[col].Name
			}
		}
	})
}

// renameLateColumn lets the table of late rows follow.
func (e *Engine) renameLateColumn(o *catalog.Object, i int) error {
	if o.Watermark == nil {
		return nil
	}
	late := *e.catalogNow().ByID(o.Watermark.Late)
	e.fixColumns(&late)
	late.Columns = slices.Clone(late.Columns)
	if name := o.Columns[i].Name; late.Fields().Index(name) < 0 {
		late.Columns[i].Name = name
	} else {
		return sqlerr.New(sqlerr.DuplicateColumn, "column %q of relation %q already exists", name, late.Name)
	}
	e.put(&late)
	if t := e.times[o.ID]; t != nil {
		t.object = o
	}
	return e.addView(&late)
}

// renameInRules changes the name of a column in the expressions of a table's constraints and generated
// columns.
func renameInRules(o *catalog.Object, from, to string) error {
	var err error
	o.Checks = slices.Clone(o.Checks)
	for i := range o.Checks {
		if o.Checks[i].Expr, err = renameInText(o.Checks[i].Expr, from, to); err != nil {
			return err
		}
	}
	for i := range o.Columns {
		if g := &o.Columns[i].Generated; *g != "" {
			if *g, err = renameInText(*g, from, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// renameInText changes the name of a column in an expression over the row of one table.
func renameInText(text, from, to string) (string, error) {
	e, err := parse.ParseExpr(text)
	if err != nil {
		return "", err
	}
	changed := false
	ast.Walk(e, func(x ast.Expr) {
		if r, ok := x.(*ast.ColumnRef); ok && r.Parts[len(r.Parts)-1] == from {
			r.Parts = append(slices.Clone(r.Parts[:len(r.Parts)-1]), to)
			changed = true
		}
	})
	if !changed {
		return text, nil
	}
	return planner.Deparse(e), nil
}

// renameConstraint is RENAME CONSTRAINT.
func (e *Engine) renameConstraint(o *catalog.Object, s *ast.AlterAction) error {
	from, to := s.Args[0], s.Args[1]
	name := constraintNamed(o, from)
	if name == nil {
		return sqlerr.New(sqlerr.UndefinedObject, "constraint %q for table %q does not exist", from, o.Name)
	}
	if constraintNamed(o, to) != nil {
		return sqlerr.New(sqlerr.DuplicateObject, "constraint %q for relation %q already exists", to, o.Name)
	}
	name(to)
	o.Shape++
	e.put(o)
	return nil
}

// constraintNamed finds a constraint of a table and returns what gives it another name; nil when there
// is none. The lists of o are cloned.
func constraintNamed(o *catalog.Object, name string) func(to string) {
	if len(o.PrimaryKey) > 0 && o.KeyName() == name {
		return func(to string) { o.PrimaryKeyName = to }
	}
	o.Unique, o.Checks = slices.Clone(o.Unique), slices.Clone(o.Checks)
	for i := range o.Unique {
		if o.Unique[i].Name == name {
			return func(to string) { o.Unique[i].Name = to }
		}
	}
	for i := range o.Checks {
		if o.Checks[i].Name == name {
			return func(to string) { o.Checks[i].Name = to }
		}
	}
	return nil
}
