package engine

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
)

// alter runs the forms of ALTER that change names, owners and settings. What reads the object goes on:
// plans and stored queries refer to it by its id.
// The rewrite is nil when all is done with the coming epoch.
func (e *Engine) alter(c *Caller, s *ast.Alter) (*rewrite, error) {
	switch s.Kind {
	case "schema":
		return nil, e.alterSchema(c, s)
	case "type":
		return nil, e.alterType(c, s)
	}
	cat := e.catalogNow()
	old := cat.Resolve(c.SearchPath, s.Name)
	if s.Kind == "sequence" && old == nil {
		if t, def := SequenceNamed(cat, c.SearchPath, s.Name); t != nil {
			return nil, e.alterColumnSequence(t, def, &s.AlterAction)
		}
	}
	if old == nil {
		if s.IfExists {
			c.notice(sqlerr.SuccessfulCompletion, "relation %q does not exist, skipping", strings.Join(s.Name, "."))
			return nil, nil
		}
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(s.Name, "."))
	}
	list := append([]ast.AlterAction{s.AlterAction}, s.More...)
	if err := alterable(old, s.Kind, list); err != nil {
		return nil, err
	}
	if old.Kind == catalog.Table && s.Kind == "table" && (len(list) > 1 || reshapes(s.Action) || s.Action == "nothing" || s.Action == "set" || s.Action == "reset") {
		return e.alterTable(c, old, list)
	}
	for i := range list {
		o := *e.catalogNow().ByID(old.ID)
		if err := e.alterOne(c, &o, s.Kind, &list[i]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// alterable refuses actions that the kind of an object does not have.
func alterable(old *catalog.Object, word string, list []ast.AlterAction) error {
	if old.LateOf != 0 {
		return sqlerr.New(sqlerr.WrongObjectType, "cannot alter a table of late rows")
	}
	kind, ok := kinds[word]
	if !ok || kind == old.Kind {
		return nil
	}
	for _, a := range list {
		// As in Postgres, ALTER TABLE renames relations of every kind.
		named := a.Action == "rename" || a.Action == "rename column" || a.Action == "set schema" || a.Action == "owner"
		switch {
		case kind == catalog.Table && named:
		case kind == catalog.Table && reshapes(a.Action):
			return sqlerr.New(sqlerr.WrongObjectType, "ALTER action %s cannot be performed on relation %q", actionWords(a.Action), old.Name).
				WithDetail("This operation is not supported for %ss.", old.Kind)
		default:
			return sqlerr.New(sqlerr.WrongObjectType, "%q is not a %s", old.Name, word)
		}
	}
	return nil
}

// actionWords names an action of ALTER TABLE as Postgres does.
func actionWords(action string) string {
	switch action {
	case "alter column type":
		return "ALTER COLUMN ... SET DATA TYPE"
	case "set default", "drop default":
		return "ALTER COLUMN ... SET DEFAULT"
	case "set not null", "drop not null", "drop identity", "drop expression":
		return "ALTER COLUMN ... " + strings.ToUpper(action)
	}
	return strings.ToUpper(action)
}

// roleOf finds a role by its name or by what it is to the session.
func roleOf(cat *catalog.Snapshot, c *Caller, name string) (string, error) {
	switch name {
	case "current_user", "session_user", "current_role":
		name = c.User
	}
	if cat.Role(name) == nil {
		return "", sqlerr.New(sqlerr.UndefinedObject, "role %q does not exist", name)
	}
	return name, nil
}

// alterOne carries out an action of ALTER on a copy of an object.
func (e *Engine) alterOne(c *Caller, o *catalog.Object, word string, s *ast.AlterAction) error {
	cat := e.catalogNow()
	switch s.Action {
	case "rename":
		if err := cat.CheckNewName(o.Schema, s.Args[0]); err != nil {
			return err
		}
		old := *o
		if o.Name = s.Args[0]; o.Kind == catalog.SequenceKind {
			def := *o.Number
			def.Name, o.Number = o.Name, &def
			if err := e.moveSequence(&old, o); err != nil {
				return err
			}
		}
		o.Definition = parse.Retitle(o.Definition, parse.QuoteIdent(o.Name))
		e.moveObjects(c, o)
		return e.alterLate(o)
	case "set schema":
		if err := e.setSchema(c, o, s.Args[0]); err != nil {
			return err
		}
		return e.alterLate(e.catalogNow().ByID(o.ID))
	case "owner":
		owner, err := roleOf(cat, c, s.Args[0])
		if err != nil {
			return err
		}
		o.Owner = owner
		e.put(o)
		return e.alterLate(o)
	case "rename column":
		return e.renameColumn(c, o, s)
	case "rename constraint":
		if o.Kind == catalog.Table {
			return e.renameConstraint(o, s)
		}
	case "add column":
		if o.Kind == catalog.Source {
			return e.addSourceColumn(c, o, s)
		}
	case "set", "reset":
		return e.alterSettings(o, word, s)
	case "sequence":
		return e.alterSequence(c, o, s)
	case "set default", "drop default":
		if o.Kind == catalog.View { // it counts where a view can be written to
			return nil
		}
	}
	return sqlerr.Unsupported("ALTER %s … %s is not supported", strings.ToUpper(word), strings.ToUpper(s.Action))
}

// setSchema moves an object, and the indexes on it, to another schema.
func (e *Engine) setSchema(c *Caller, o *catalog.Object, schema string) error {
	cat := e.catalogNow()
	if o.Kind == catalog.Index {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot move index %q to another schema", o.Name).
			WithHint("An index is in the schema of its table.")
	}
	if schema == o.Schema {
		return nil
	}
	moved := []*catalog.Object{o}
	for _, x := range cat.Dependents(o.ID) {
		if x.Kind == catalog.Index || x.Kind == catalog.SequenceKind {
			index := *x
			moved = append(moved, &index)
		}
	}
	before := *o
	for _, x := range moved {
		if !cat.HasSchema(schema) {
			return cat.CheckNewName(schema, x.Name)
		}
		if cat.ByName(schema, x.Name) != nil {
			return sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists in schema %q", x.Name, schema)
		}
		x.Schema = schema
		x.Definition = parse.Retitle(x.Definition, parse.QuoteIdent(schema)+"."+parse.QuoteIdent(x.Name))
	}
	e.moveObjects(c, moved...)
	if o.Kind == catalog.SequenceKind {
		return e.moveSequence(&before, o)
	}
	return nil
}

// moveObjects puts objects under their new names and brings the names in the queries of what reads
// them up to date.
func (e *Engine) moveObjects(c *Caller, moved ...*catalog.Object) {
	for _, o := range moved {
		e.put(o)
	}
	for _, o := range moved {
		for _, d := range e.catalogNow().Dependents(o.ID) {
			e.rewriteNames(c, d)
		}
	}
}

// rewriteNames shows the present names in a stored query. Its meaning does not hang on it.
func (e *Engine) rewriteNames(c *Caller, o *catalog.Object) {
	if o.Query == "" || o.Names == nil {
		return
	}
	p := e.plannerContext(e.catalogNow(), c)
	query, names := planner.Renamed(p, o)
	if query == o.Query {
		return
	}
	now := *o
	now.Query, now.Names = query, names
	now.Definition = strings.Replace(o.Definition, o.Query, query, 1)
	e.put(&now)
}

// alterSettings changes the options of a materialized view while it runs.
func (e *Engine) alterSettings(o *catalog.Object, word string, s *ast.AlterAction) error {
	switch o.Kind {
	case catalog.MaterializedView:
	case catalog.Index:
		return tableSettings(s)
	default:
		return sqlerr.Unsupported("ALTER %s … %s is not supported", strings.ToUpper(word), strings.ToUpper(s.Action)).
			WithHint("Options of a %s are fixed: drop it, and create it again.", o.Kind)
	}
	settings, err := viewSettings(s.Options)
	if err != nil {
		return err
	}
	all := map[string]string{}
	for k, v := range o.Settings {
		all[k] = v
	}
	for k, v := range settings {
		all[k] = v
	}
	for _, name := range s.Args {
		if _, err := viewSettings([]ast.Option{{Name: name, Value: "divert"}}); err != nil {
			return err
		}
		delete(all, name)
	}
	o.Settings = all
	if d := e.circuit.Flow(o.ID); d != nil {
		d.FailOnError = all["on_error"] == "fail"
	}
	e.put(o)
	return nil
}

// alterSchema renames a schema.
func (e *Engine) alterSchema(c *Caller, s *ast.Alter) error {
	cat, name := e.catalogNow(), s.Name[len(s.Name)-1]
	if !cat.HasSchema(name) {
		return sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", name)
	}
	switch s.Action {
	case "rename":
		if err := checkSchemaName(cat, s.Args[0]); err != nil {
			return err
		}
		e.pending.catalog = cat.WithSchemaRenamed(name, s.Args[0])
		for _, o := range e.catalogNow().Objects() {
			e.rewriteNames(c, o)
		}
		for _, t := range e.catalogNow().UserTypes() {
			t.Publish()
		}
		e.retypeTexts(c, cat)
		return nil
	case "owner":
		if cat.Role(s.Args[0]) == nil {
			return sqlerr.New(sqlerr.UndefinedObject, "role %q does not exist", s.Args[0])
		}
		return sqlerr.Unsupported("ALTER SCHEMA … OWNER is not supported: schemas have no owner")
	}
	return sqlerr.Unsupported("ALTER SCHEMA … %s is not supported", strings.ToUpper(s.Action))
}

// checkSchemaName refuses names that a new schema cannot have.
func checkSchemaName(cat *catalog.Snapshot, name string) error {
	if cat.HasSchema(name) || name == "pg_catalog" || name == "information_schema" || name == "tidemill_catalog" {
		return sqlerr.New(sqlerr.DuplicateSchema, "schema %q already exists", name)
	}
	if strings.HasPrefix(name, "pg_") {
		return sqlerr.New(sqlerr.ReservedName, "unacceptable schema name %q", name).
			WithDetail(`The prefix "pg_" is reserved for system schemas.`)
	}
	return nil
}

// comment keeps the text of COMMENT ON.
func (e *Engine) comment(c *Caller, s *ast.Comment) error {
	text := ""
	if s.Text != nil {
		text = *s.Text
	}
	cat, base := e.catalogNow(), s.Name[len(s.Name)-1]
	switch s.Kind {
	case "schema":
		id, ok := cat.Schemas()[base]
		if !ok {
			return sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", base)
		}
		e.pending.catalog = cat.WithComment(id, text)
		return nil
	case "database":
		if base != catalog.DefaultDatabase {
			return sqlerr.New(sqlerr.InvalidCatalogName, "database %q does not exist", base)
		}
		e.pending.catalog = cat.WithComment(catalog.DatabaseID, text)
		return nil
	case "role":
		r := cat.Role(base)
		if r == nil {
			return sqlerr.New(sqlerr.UndefinedObject, "role %q does not exist", base)
		}
		e.pending.catalog = cat.WithComment(r.OID, text)
		return nil
	case "type":
		return e.commentType(c, s.Name, text)
	case "column":
		return e.commentColumn(c, s.Name, text)
	}
	kind, ok := kinds[s.Kind]
	if !ok {
		return sqlerr.Unsupported("COMMENT ON %s is not supported", strings.ToUpper(s.Kind))
	}
	old := cat.Resolve(c.SearchPath, s.Name)
	if old == nil {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(s.Name, "."))
	}
	if old.Kind != kind {
		return sqlerr.New(sqlerr.WrongObjectType, "%q is not a %s", old.Name, s.Kind)
	}
	o := *old
	o.Comment = text
	e.put(&o)
	return nil
}

func (e *Engine) commentColumn(c *Caller, name []string, text string) error {
	if len(name) < 2 {
		return sqlerr.New(sqlerr.SyntaxError, "column name must be qualified")
	}
	name, column := name[:len(name)-1], name[len(name)-1]
	old := e.catalogNow().Resolve(c.SearchPath, name)
	if old == nil {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(name, "."))
	}
	i := old.VisibleFields().Index(column)
	if i < 0 {
		return sqlerr.New(sqlerr.UndefinedColumn, "column %q of relation %q does not exist", column, old.Name)
	}
	o := *old
	o.Columns = slices.Clone(o.Columns)
	o.Columns[i].Comment = text
	e.put(&o)
	return nil
}
