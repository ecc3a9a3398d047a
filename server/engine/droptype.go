package engine

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// dropTypes is DROP TYPE.
func (e *Engine) dropTypes(c *Caller, s *ast.Drop) error {
	cat := e.catalogNow()
	var named []*catalog.UserType
	for _, name := range s.Names {
		t, err := droppableType(cat, c, s, name)
		if err != nil {
			return err
		}
		if t != nil && !slices.Contains(named, t) {
			named = append(named, t)
		}
	}
	d := findTypeUses(c, cat, named)
	if len(d.lines) > 0 && !s.Cascade {
		return d.needed(c, cat, named)
	}
	if err := d.removable(c, cat, nil); err != nil {
		return err
	}
	order, err := dropOrder(c, cat, d.objects, true)
	if err != nil {
		return err
	}
	switch len(d.lines) {
	case 0:
	case 1:
		c.notice(sqlerr.SuccessfulCompletion, "drop cascades to %s", strings.Split(d.lines[0], " depends on ")[0])
	default:
		c.notice(sqlerr.SuccessfulCompletion, "drop cascades to %d other objects", len(d.lines))
	}
	for _, o := range order {
		e.remove(o)
	}
	e.forgetTypes(named)
	e.closeUnread()
	return nil
}

// forgetTypes takes types that nothing uses any more out of the catalog.
func (e *Engine) forgetTypes(named []*catalog.UserType) {
	for _, t := range named {
		e.pending.catalog = e.catalogNow().WithoutType(t.ID)
	}
}

// droppableType finds a type that DROP names; nil when there is none and IF EXISTS was given.
func droppableType(cat *catalog.Snapshot, c *Caller, s *ast.Drop, name []string) (*catalog.UserType, error) {
	if rel, ok := cat.ResolveType(c.SearchPath, name); ok && rel.Row != nil {
		what := describe(c, cat, cat.ByID(rel.Row.Rel))
		return nil, sqlerr.New(sqlerr.DependentObjects, "cannot drop type %s because %s requires it", rel, what).
			WithHint("You can drop %s instead.", what)
	}
	t, err := findType(cat, c, name, "drop")
	if t != nil || err != nil {
		return t, err
	}
	if len(name) > 1 && !cat.HasSchema(name[len(name)-2]) {
		schema := name[len(name)-2]
		if !s.IfExists {
			return nil, sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", schema)
		}
		c.notice(sqlerr.SuccessfulCompletion, "schema %q does not exist, skipping", schema)
		return nil, nil
	}
	if !s.IfExists {
		return nil, noType(name)
	}
	c.notice(sqlerr.SuccessfulCompletion, "type %q does not exist, skipping", strings.Join(name, "."))
	return nil, nil
}

// typeUses is what stands in the way of dropping types.
type typeUses struct {
	objects []*catalog.Object
	types   []*catalog.UserType // that have fields of them and are not dropped themselves
	lines   []string            // that say so, as Postgres words them
}

func findTypeUses(c *Caller, cat *catalog.Snapshot, named []*catalog.UserType) *typeUses {
	d := &typeUses{}
	for _, t := range named {
		on := " depends on " + typeTitle(c, cat, t)
		users, composites := cat.TypeUsers(t)
		for _, o := range users {
			if !slices.Contains(d.objects, o) {
				d.objects = append(d.objects, o)
			}
			if o.Query != "" {
				d.lines = append(d.lines, describe(c, cat, o)+queryUse(c, cat, o, t, on))
				continue
			}
			for _, k := range o.ColumnsOf(t) {
				array := ""
				if o.Columns[k].Type.ID == types.Array {
					array = "[]"
				}
				d.lines = append(d.lines, "column "+parse.QuoteIdent(o.Columns[k].Name)+" of "+describe(c, cat, o)+on+array)
			}
		}
		for _, u := range composites {
			if slices.Contains(named, u) {
				continue
			}
			for _, f := range u.Fields {
				if t.Of(f.Type) {
					d.lines = append(d.lines, "column "+parse.QuoteIdent(f.Name)+" of composite type "+parse.QuoteIdent(u.Name)+on)
				}
			}
			d.types = append(d.types, u)
		}
	}
	return d
}

// queryUse says what ties a query to a type: a column that it reads, or else the type itself.
func queryUse(c *Caller, cat *catalog.Snapshot, o *catalog.Object, t *catalog.UserType, on string) string {
	if slices.Contains(o.Types, t.ID) {
		return on
	}
	for _, id := range o.Deps {
		x := cat.ByID(id)
		if x == nil || x.Query != "" {
			continue
		}
		if cols := x.ColumnsOf(t); len(cols) > 0 {
			return " depends on column " + parse.QuoteIdent(x.Columns[cols[0]].Name) + " of " + describe(c, cat, x)
		}
	}
	return on
}

// needed is Postgres's refusal of DROP TYPE without CASCADE.
func (d *typeUses) needed(c *Caller, cat *catalog.Snapshot, named []*catalog.UserType) error {
	what, them := "desired object(s)", "them"
	if len(named) == 1 {
		what, them = typeTitle(c, cat, named[0]), "it"
	}
	return sqlerr.New(sqlerr.DependentObjects, "cannot drop %s because other objects depend on %s", what, them).
		WithDetail("%s", strings.Join(append(d.lines, dependents(c, cat, d.objects)...), "\n")).
		WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
}

// removable refuses what CASCADE cannot do: Postgres would take columns out of tables and fields out of
// types. Objects that are dropped too do not count.
func (d *typeUses) removable(c *Caller, cat *catalog.Snapshot, dropped []*catalog.Object) error {
	for _, o := range d.objects {
		if (o.Kind == catalog.Table || o.Kind == catalog.Source) && !slices.Contains(dropped, o) {
			return sqlerr.Unsupported("cannot drop the type because %s has a column of it", describe(c, cat, o)).
				WithHint("Drop the %s first.", o.Kind)
		}
	}
	for _, u := range d.types {
		return sqlerr.Unsupported("cannot drop the type because %s has an attribute of it", typeTitle(c, cat, u)).
			WithHint("Drop that type first.")
	}
	return nil
}

// typeTitle names a type with its kind for messages.
func typeTitle(c *Caller, cat *catalog.Snapshot, t *catalog.UserType) string {
	if found, ok := cat.ResolveType(c.SearchPath, []string{t.Name}); ok && found.Ref == t.Ref {
		return "type " + parse.QuoteIdent(t.Name)
	}
	return "type " + parse.QuoteIdent(t.Schema) + "." + parse.QuoteIdent(t.Name)
}
