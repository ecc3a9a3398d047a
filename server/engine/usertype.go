package engine

import (
	"math/rand/v2"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// maxLabel is Postgres's limit on the length of an enum's label, in bytes.
const maxLabel = 63

// putType makes t part of the pending catalog and known to running queries.
func (e *Engine) putType(t *catalog.UserType) {
	e.pending.catalog = e.catalogNow().WithType(t)
	t.Publish()
}

func (e *Engine) createType(c *Caller, s *ast.CreateType) error {
	cat := e.catalogNow()
	schema, name, err := creatable(cat, c, s.Name)
	if err != nil {
		return err
	}
	if err := cat.CheckNewType(schema, name); err != nil {
		return err
	}
	t := &catalog.UserType{Format: catalog.Format, Schema: schema, Name: name, Owner: c.User, Created: e.cfg.Now().UTC(),
		Composite: !s.Enum}
	if s.Enum {
		places := types.FirstLabels(len(s.Labels))
		for i, label := range s.Labels {
			if err := checkLabel(label); err != nil {
				return err
			}
			if labelAt(t, label) >= 0 {
				return sqlerr.New(sqlerr.UniqueViolation, "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"").
					WithDetail("Key (enumtypid, enumlabel)=(%d, %s) already exists.", cat.NextID, label)
			}
			t.Labels = append(t.Labels, types.Label{OID: cat.NextID + 2 + uint32(i), Name: label, Pos: places[i]})
		}
	}
	for i := range s.Fields {
		f, err := planner.AttributeFromAST(e.plannerContext(cat, c), &s.Fields[i])
		if err != nil {
			return err
		}
		if fieldAt(t, f.Name) >= 0 {
			return sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", f.Name)
		}
		t.Fields = append(t.Fields, f)
	}
	t.ID, t.ArrayID, t.Ref = cat.NextID, cat.NextID+1, types.NewRef(rand.Uint32, t.Composite)
	if t.Composite && t.Fields == nil {
		t.Fields = []types.Field{}
	}
	e.pending.catalog = cat.WithIDs(2+uint32(len(t.Labels)), 0)
	e.putType(t)
	return nil
}

// creatable is the schema and name of a type to be created.
func creatable(cat *catalog.Snapshot, c *Caller, name []string) (schema, base string, err error) {
	base = name[len(name)-1]
	switch len(name) {
	case 1:
		for _, s := range c.SearchPath {
			if cat.HasSchema(s) {
				return s, base, nil
			}
		}
		return "", "", sqlerr.New(sqlerr.InvalidSchemaName, "no schema has been selected to create in")
	case 2:
		return name[0], base, nil
	}
	if name[0] != catalog.DefaultDatabase {
		return "", "", sqlerr.Unsupported("cross-database references are not implemented: %q", strings.Join(name, "."))
	}
	return name[1], base, nil
}

func checkLabel(label string) error {
	if len(label) > maxLabel {
		return sqlerr.New(sqlerr.InvalidName, "invalid enum label %q", label).
			WithDetail("Labels must be %d bytes or less.", maxLabel)
	}
	return nil
}

func labelAt(t *catalog.UserType, label string) int {
	return slices.IndexFunc(t.Labels, func(l types.Label) bool { return l.Name == label })
}

func fieldAt(t *catalog.UserType, name string) int {
	return slices.IndexFunc(t.Fields, func(f types.Field) bool { return f.Name == name })
}

// findType finds the type that a statement names; nil when there is none.
func findType(cat *catalog.Snapshot, c *Caller, name []string, verb string) (*catalog.UserType, error) {
	t, ok := cat.ResolveType(c.SearchPath, name)
	if !ok {
		if builtin, err := types.ByName(name[len(name)-1], nil, 0); err == nil && (len(name) == 1 || name[0] == "pg_catalog") {
			return nil, sqlerr.New(sqlerr.DependentObjects, "cannot %s type %s because it is required by the database system", verb, builtin)
		}
		return nil, nil
	}
	if t.Row != nil {
		o := cat.ByID(t.Row.Rel)
		return nil, sqlerr.New(sqlerr.WrongObjectType, "%s is a %s's row type", t, o.Kind).
			WithHint("Use ALTER %s or DROP %s instead.", strings.ToUpper(string(o.Kind)), strings.ToUpper(string(o.Kind)))
	}
	return cat.TypeByRef(t.Ref), nil
}

func noType(name []string) error {
	return sqlerr.New(sqlerr.UndefinedObject, "type %q does not exist", strings.Join(name, "."))
}

func (e *Engine) alterType(c *Caller, s *ast.Alter) error {
	cat := e.catalogNow()
	old, err := findType(cat, c, s.Name, "alter")
	if err != nil {
		return err
	}
	if old == nil {
		return noType(s.Name)
	}
	t := *old
	switch s.Action {
	case "add value", "rename value":
		if t.Composite {
			return sqlerr.New(sqlerr.WrongObjectType, "%s is not an enum", t.Type())
		}
		if s.Action == "add value" {
			return e.addValue(c, &t, s)
		}
		return e.renameValue(&t, s)
	case "add attribute", "drop attribute", "alter attribute", "rename attribute":
		if !t.Composite {
			return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", t.Name)
		}
		return e.alterAttribute(c, &t, s)
	case "rename", "set schema":
		return e.moveType(c, &t, s)
	case "owner":
		if cat.Role(s.Args[0]) == nil {
			return sqlerr.New(sqlerr.UndefinedObject, "role %q does not exist", s.Args[0])
		}
		t.Owner = s.Args[0]
		e.putType(&t)
		return nil
	}
	return sqlerr.Unsupported("ALTER TYPE … %s is not supported", strings.ToUpper(s.Action))
}

// addValue puts a label between two others, or at the end. The places of the labels that are there do
// not change, so that nothing that is stored does.
func (e *Engine) addValue(c *Caller, t *catalog.UserType, s *ast.Alter) error {
	label := s.Args[0]
	if err := checkLabel(label); err != nil {
		return err
	}
	if labelAt(t, label) >= 0 {
		if s.IfExists {
			c.notice(sqlerr.DuplicateObject, "enum label %q already exists, skipping", label)
			return nil
		}
		return sqlerr.New(sqlerr.DuplicateObject, "enum label %q already exists", label)
	}
	at := len(t.Labels)
	if len(s.Args) == 3 {
		if at = labelAt(t, s.Args[2]); at < 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "%q is not an existing enum label", s.Args[2])
		}
		if s.Args[1] == "after" {
			at++
		}
	}
	if err := e.labelsFree(t, planner.ReadsLabels, "add a value to"); err != nil {
		return err
	}
	var low, high []byte
	if at > 0 {
		low = t.Labels[at-1].Pos
	}
	if at < len(t.Labels) {
		high = t.Labels[at].Pos
	}
	cat := e.catalogNow().WithIDs(1, 0)
	e.pending.catalog = cat
	t.Labels = slices.Insert(slices.Clone(t.Labels), at, types.Label{OID: cat.NextID - 1, Name: label, Pos: types.LabelBetween(low, high)})
	e.putType(t)
	return nil
}

func (e *Engine) renameValue(t *catalog.UserType, s *ast.Alter) error {
	at := labelAt(t, s.Args[0])
	switch {
	case at < 0:
		return sqlerr.New(sqlerr.InvalidParameterValue, "%q is not an existing enum label", s.Args[0])
	case labelAt(t, s.Args[1]) >= 0:
		return sqlerr.New(sqlerr.DuplicateObject, "enum label %q already exists", s.Args[1])
	}
	if err := checkLabel(s.Args[1]); err != nil {
		return err
	}
	if err := e.labelsFree(t, planner.ReadsLabels|planner.WritesLabels, "rename a value of"); err != nil {
		return err
	}
	t.Labels = slices.Clone(t.Labels)
	t.Labels[at].Name = s.Args[1]
	e.putType(t)
	return nil
}

// labelsFree refuses a change of a type's labels or field names while a maintained query computes with
// them: what it has emitted for a row would not be what it takes back later.
func (e *Engine) labelsFree(t *catalog.UserType, uses planner.LabelUses, what string) error {
	for _, o := range e.catalogNow().Objects() {
		if o.Kind != catalog.MaterializedView && o.Kind != catalog.Sink {
			continue
		}
		used, err := planner.UsesOfLabels(o, t.Ref)
		if err != nil {
			return err
		}
		if o.Kind == catalog.Sink && slices.ContainsFunc(o.Columns, func(c catalog.Column) bool { return t.In(c.Type) }) {
			used |= planner.WritesLabels
		}
		if used&uses != 0 {
			return sqlerr.New(sqlerr.DependentObjects, "cannot %s type %s because %s %s computes with its names", what, t.Type(), o.Kind, o.Name).
				WithHint("Drop the %s first, and create it again afterwards.", o.Kind)
		}
	}
	return nil
}

func (e *Engine) alterAttribute(c *Caller, t *catalog.UserType, s *ast.Alter) error {
	cat := e.catalogNow()
	missing := func(name string) error {
		return sqlerr.New(sqlerr.UndefinedColumn, "column %q of relation %q does not exist", name, t.Name)
	}
	exists := func(name string) error {
		return sqlerr.New(sqlerr.DuplicateColumn, "column %q of relation %q already exists", name, t.Name)
	}
	fields := slices.Clone(t.Fields)
	switch s.Action {
	case "rename attribute":
		at := fieldAt(t, s.Args[0])
		if at < 0 {
			return sqlerr.New(sqlerr.UndefinedColumn, "column %q does not exist", s.Args[0])
		}
		if fieldAt(t, s.Args[1]) >= 0 {
			return exists(s.Args[1])
		}
		if err := e.labelsFree(t, planner.ReadsLabels|planner.WritesLabels, "rename an attribute of"); err != nil {
			return err
		}
		if err := fieldNamesFree(cat, t); err != nil {
			return err
		}
		fields[at].Name = s.Args[1]
	case "add attribute", "alter attribute":
		f, err := planner.AttributeFromAST(e.plannerContext(cat, c), s.Column)
		if err != nil {
			return err
		}
		if t.In(f.Type) {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "composite type %s cannot be made a member of itself", t.Name)
		}
		at := fieldAt(t, f.Name)
		switch {
		case s.Action == "add attribute" && at >= 0:
			return exists(f.Name)
		case s.Action == "add attribute":
			fields = append(fields, f)
		case at < 0:
			return missing(f.Name)
		default:
			fields[at] = f
		}
	case "drop attribute":
		at := fieldAt(t, s.Args[0])
		if at < 0 {
			if s.IfExists {
				c.notice(sqlerr.SuccessfulCompletion, "column %q of relation %q does not exist, skipping", s.Args[0], t.Name)
				return nil
			}
			return missing(s.Args[0])
		}
		fields = slices.Delete(fields, at, at+1)
	}
	if s.Action != "rename attribute" {
		if err := unstored(cat, t); err != nil {
			return err
		}
	}
	t.Fields = fields
	e.putType(t)
	return nil
}

// fieldNamesFree refuses to rename a field while stored queries name the type: their texts may name it.
func fieldNamesFree(cat *catalog.Snapshot, t *catalog.UserType) error {
	objects, _ := cat.TypeUsers(t)
	for _, o := range objects {
		if o.Query != "" {
			return sqlerr.New(sqlerr.DependentObjects, "cannot rename an attribute of type %s because %s %s uses it", t.Type(), o.Kind, o.Name).
				WithHint("Drop the %s first, and create it again afterwards.", o.Kind)
		}
	}
	return nil
}

// unstored refuses to change the fields of a type while values of it are stored or queries use it.
func unstored(cat *catalog.Snapshot, t *catalog.UserType) error {
	objects, composites := cat.TypeUsers(t)
	if len(objects) > 0 {
		o := objects[0]
		if cols := o.ColumnsOf(t); len(cols) > 0 {
			return sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter type %q because column \"%s.%s\" uses it", t.Name, o.Name, o.Columns[cols[0]].Name)
		}
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter type %q because %s %q uses it", t.Name, o.Kind, o.Name)
	}
	for _, u := range composites {
		at := slices.IndexFunc(u.Fields, func(f types.Field) bool { return t.Of(f.Type) })
		if err := unstored(cat, u); err != nil {
			return sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter type %q because column \"%s.%s\" uses it", t.Name, u.Name, u.Fields[at].Name)
		}
	}
	return nil
}

// moveType gives a type another name or schema. Plans and columns know it by its Ref; the texts of
// queries, defaults and constraints are brought up to date.
func (e *Engine) moveType(c *Caller, t *catalog.UserType, s *ast.Alter) error {
	before := e.catalogNow()
	if s.Action == "rename" {
		t.Name = s.Args[0]
	} else {
		if s.Args[0] == t.Schema {
			return nil
		}
		t.Schema = s.Args[0]
	}
	if s.Action == "set schema" && before.HasSchema(t.Schema) && before.TypeByName(t.Schema, t.Name) != nil {
		return sqlerr.New(sqlerr.DuplicateObject, "type %q already exists in schema %q", t.Name, t.Schema)
	}
	if err := before.CheckNewType(t.Schema, t.Name); err != nil {
		return err
	}
	e.putType(t)
	e.retypeTexts(c, before)
	return nil
}

// tableTexts are the SQL texts that a table keeps.
func tableTexts(o *catalog.Object) []*string {
	var out []*string
	for i := range o.Columns {
		out = append(out, &o.Columns[i].Default, &o.Columns[i].Generated)
	}
	for i := range o.Checks {
		out = append(out, &o.Checks[i].Expr)
	}
	return out
}

// retypeTexts writes the present names of types into stored texts, which were right in before.
func (e *Engine) retypeTexts(c *Caller, before *catalog.Snapshot) {
	for _, o := range e.catalogNow().Objects() {
		e.rewriteNames(c, o)
		if o.Kind != catalog.Table {
			continue
		}
		p := e.plannerContext(e.catalogNow(), c)
		p.SearchPath = o.SearchPath
		now := *o
		now.Columns, now.Checks = slices.Clone(o.Columns), slices.Clone(o.Checks)
		changed := false
		for _, text := range tableTexts(&now) {
			if *text == "" {
				continue
			}
			renamed := planner.RenamedTypes(p, before, *text)
			changed = changed || renamed != *text
			*text = renamed
		}
		if changed {
			e.put(&now)
		}
	}
}

// commentType is COMMENT ON TYPE.
func (e *Engine) commentType(c *Caller, name []string, text string) error {
	old, err := findType(e.catalogNow(), c, name, "comment on")
	if err != nil {
		return err
	}
	if old == nil {
		return noType(name)
	}
	t := *old
	t.Comment = text
	e.putType(&t)
	return nil
}
