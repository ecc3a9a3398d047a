// Package catalog is what exists: schemas, relations, sinks and roles, what depends on what, and
// the stored physical plans. A Snapshot is immutable; a change makes a new Snapshot that the engine
// publishes in the same epoch commit in which the change takes effect.
package catalog

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"time"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// ID identifies an object for ever; it is also its Postgres OID. User objects start at FirstUserID.
type ID = uint32

// FirstUserID is the first id given to a user object; smaller ones are the system's.
const FirstUserID ID = 16384

// Given and all above it stand in plans for rows that are no object's: those that a statement computes
// something about (Given itself), and those that the data-modifying parts of its WITH return.
const Given ID = 1 << 31

// Format is the version of the stored form of an Object.
const Format = 1

// Kind is the kind of an object.
type Kind string

// The kinds of objects.
const (
	Table            Kind = "table"
	Source           Kind = "source"
	View             Kind = "view"
	MaterializedView Kind = "materialized view"
	Sink             Kind = "sink"
	Index            Kind = "index"
	SequenceKind     Kind = "sequence"
)

// State is where a relation's dataflow is in its life.
type State string

// The states of a dataflow.
const (
	Creating     State = "creating" // backfilling; not readable yet
	Running      State = "running"
	Failed       State = "failed"       // stopped by an error that Object.StateReason tells
	Inconsistent State = "inconsistent" // a check found a wrong multiplicity
)

// Column is a column of a relation.
type Column struct {
	types.Field
	// Default is the SQL text of DEFAULT, "" = none.
	Default string `json:"default,omitempty"`
	// Generated is the SQL text of the expression of GENERATED ALWAYS AS … STORED, "" = none.
	Generated string `json:"generated,omitempty"`
	// Identity is "always" or "by default" for an identity column. Sequence is where it, or the default
	// of a serial column, takes its numbers from.
	Identity string    `json:"identity,omitempty"`
	Sequence *Sequence `json:"sequence,omitempty"`
	// Source is what the records of a source call the column, "" = by its name.
	Source string `json:"source,omitempty"`
	// Include names the record metadata that fills the column of a source (key, partition, …).
	Include string `json:"include,omitempty"`
	Comment string `json:"comment,omitempty"`
}

// Sequence is the generator behind a serial or identity column. How far it has come is in the store.
type Sequence struct {
	Name  string `json:"name"` // in the schema of the table
	Start int64  `json:"start"`
	Step  int64  `json:"step"`
	Min   int64  `json:"min"`
	Max   int64  `json:"max"`
	Cycle bool   `json:"cycle,omitempty"`
	// Object tells that the sequence is an object of its own, which holds its name, of type Type.
	Object bool   `json:"object,omitempty"`
	Type   string `json:"type,omitempty"`
	// Detached tells that the column that owns it no longer takes its default from it.
	Detached bool `json:"detached,omitempty"`
}

// NamedColumn is a column of a relation, by position, and what a stored query calls it.
type NamedColumn struct {
	Name string `json:"name"`
	Col  int    `json:"col"`
}

// Check is a CHECK constraint.
type Check struct {
	Name string `json:"name"`
	Expr string `json:"expr"`           // SQL text
	Cols []int  `json:"cols,omitempty"` // columns that it names
}

// Unique is a UNIQUE constraint. Its index keeps the table's rows by the columns.
type Unique struct {
	Name    string `json:"name"`
	Columns []int  `json:"columns"`
	Table   uint32 `json:"table"` // store table id of the index
}

// Storage says how a relation's rows are kept; the values are those of exec/view.
type Storage struct {
	Kind  string `json:"kind"` // "keyed", "bag", "log"
	Key   []int  `json:"key,omitempty"`
	Table uint32 `json:"table"` // store table id
}

// IndexDef says in what order an index keeps the rows of a relation.
type IndexDef struct {
	Columns []IndexColumn `json:"columns"`
	Unique  bool          `json:"unique,omitempty"`
}

// IndexColumn is a column of an index; Col is its position in the relation.
type IndexColumn struct {
	Col        int  `json:"col"`
	Desc       bool `json:"desc,omitempty"`
	NullsFirst bool `json:"nulls_first,omitempty"`
}

// Object is anything that has a name in a schema.
type Object struct {
	Format  int       `json:"format"`
	ID      ID        `json:"id"`
	Schema  string    `json:"schema"`
	Name    string    `json:"name"`
	Kind    Kind      `json:"kind"`
	Owner   string    `json:"owner"`
	Created time.Time `json:"created"`
	Comment string    `json:"comment,omitempty"`

	Columns    []Column `json:"columns,omitempty"`
	PrimaryKey []int    `json:"primary_key,omitempty"`
	AppendOnly bool     `json:"append_only,omitempty"`
	// PrimaryKeyName is the name that the primary key was given, "" for the usual one.
	PrimaryKeyName string   `json:"primary_key_name,omitempty"`
	Checks         []Check  `json:"checks,omitempty"`
	Unique         []Unique `json:"unique,omitempty"`
	// Shape changes whenever the columns or constraints of a table do.
	Shape uint32 `json:"shape,omitempty"`

	// Definition is the statement as the user wrote it; Query the query text of views and sinks, with
	// SearchPath the path in force when it was written.
	Definition string   `json:"definition"`
	Query      string   `json:"query,omitempty"`
	SearchPath []string `json:"search_path,omitempty"`
	// Names are the relations that Query names, as NameKey writes them: a stored query goes on to mean
	// the same objects after one of them was renamed. nil = resolve along SearchPath (old catalogs).
	Names map[string]ID `json:"names,omitempty"`
	// Fixed are the columns of relations that Query reads as it knows them, where columns have been added,
	// dropped or renamed since it was written. nil = as they are.
	Fixed map[ID][]NamedColumn `json:"fixed,omitempty"`

	// Connector, Options, Envelope, Encoding and FormatOptions describe the outside end of a source, a
	// table with a connector, or a sink.
	Connector     string            `json:"connector,omitempty"`
	Options       map[string]string `json:"options,omitempty"`
	Envelope      string            `json:"envelope,omitempty"`
	Encoding      string            `json:"encoding,omitempty"`
	FormatOptions map[string]string `json:"format_options,omitempty"`

	// Settings are the WITH options of a materialized view (on_error …).
	Settings map[string]string `json:"settings,omitempty"`

	// Plan is the stored physical plan (exec/plan) of a materialized view or sink.
	Plan json.RawMessage `json:"plan,omitempty"`
	// Scratch are store tables that ALTER TABLE was filling; they are removed when the database is opened.
	Scratch []uint32 `json:"scratch,omitempty"`
	// Storage of a table or materialized view.
	Storage *Storage `json:"storage,omitempty"`
	// Visible is how many leading columns of Columns the user sees; the rest are hidden key columns.
	Visible int `json:"visible"`

	// Number is what a sequence gives numbers by. OwnedBy names the column, of the table that it then
	// depends on, with which it goes.
	Number  *Sequence `json:"number,omitempty"`
	OwnedBy string    `json:"owned_by,omitempty"`

	// Index is what an index indexes; its Columns are those of the relation, which is its one dependency.
	Index *IndexDef `json:"index,omitempty"`
	// Replacement is the new definition of a materialized view while it is being filled: an object with
	// an id, a plan and storage of its own, which is not found by name or id.
	Replacement *Object `json:"replacement,omitempty"`
	// Deps are the objects that this one reads.
	Deps []ID `json:"deps,omitempty"`
	// Types are the types of CREATE TYPE that the query computes with; columns tell theirs themselves.
	Types []ID `json:"types,omitempty"`

	// Watermark is the event time of a source or table that declares one.
	Watermark *Watermark `json:"watermark,omitempty"`
	// LateOf is the source or table whose late rows this table holds. It comes and goes with that one,
	// and only the engine writes to it.
	LateOf ID `json:"late_of,omitempty"`

	// Identity is what a sink calls itself at its destination: given once, unlike that of any other sink
	// of any database.
	Identity string `json:"identity,omitempty"`

	State       State  `json:"state,omitempty"`
	StateReason string `json:"state_reason,omitempty"`
	// Unfilled is set when the dataflow failed before its first content was complete.
	Unfilled bool `json:"unfilled,omitempty"`
}

// Reads lists the objects that this one or its replacement reads.
func (o *Object) Reads() []ID {
	if o.Replacement == nil {
		return o.Deps
	}
	return append(slices.Clip(o.Deps), o.Replacement.Deps...)
}

// Watermark says how event time goes in a source or table: it has come as far as the greatest value
// of Column less Delay, in the partition that is behind all others. Durations are in µs.
type Watermark struct {
	Column int   `json:"column"` // a timestamp or timestamptz
	Delay  int64 `json:"delay"`
	// Idle is how long a partition without rows holds the others back; 0 = for ever.
	Idle int64 `json:"idle,omitempty"`
	// Lateness is how far behind the watermark rows are still taken in.
	Lateness int64 `json:"lateness,omitempty"`
	// MaxAhead is how far ahead of the clock a row may move the watermark; nil = any distance.
	MaxAhead *int64 `json:"max_ahead,omitempty"`
	// Late is the table of the rows that came too late.
	Late ID `json:"late"`
}

// Fields returns all columns, hidden ones included, as a schema.
func (o *Object) Fields() types.Schema {
	out := make(types.Schema, len(o.Columns))
	for i, c := range o.Columns {
		out[i] = c.Field
	}
	return out
}

// VisibleFields returns the columns that the user sees.
func (o *Object) VisibleFields() types.Schema { return o.Fields()[:o.Visible] }

// QualifiedName returns schema.name for messages.
func (o *Object) QualifiedName() string { return o.Schema + "." + o.Name }

// KeyName is the name of the primary key's constraint.
func (o *Object) KeyName() string {
	if o.PrimaryKeyName != "" {
		return o.PrimaryKeyName
	}
	return o.Name + "_pkey"
}

// Role is a role that can log in or own things.
type Role struct {
	OID       uint32 `json:"oid"`
	Name      string `json:"name"`
	Login     bool   `json:"login"`
	Superuser bool   `json:"superuser"`
	// Verifier is the SCRAM-SHA-256 verifier in Postgres's text form; "" = no password set.
	Verifier string `json:"verifier,omitempty"`
}

// Snapshot is the catalog at one version. It is immutable: With… methods return changed copies.
type Snapshot struct {
	Version uint64
	// NextID is the next object id; NextTable the next store table id.
	NextID    ID
	NextTable uint32
	schemas   map[string]ID
	objects   map[ID]*Object
	names     map[string]ID // schema + "\x00" + name; relations share one namespace
	roles     map[string]*Role
	comments  map[ID]string // of schemas, roles and the database
	types     map[ID]*UserType
}

// DefaultRole and DefaultDatabase exist from the start.
const (
	DefaultRole     = "tidemill"
	DefaultDatabase = "tidemill"
	DefaultSchema   = "public"
	// PublicSchemaID is Postgres's OID of schema public.
	PublicSchemaID ID = 2200
	// DatabaseID is the OID of the one database.
	DatabaseID ID = 5
)

// New returns the catalog of an empty database.
func New() *Snapshot {
	return &Snapshot{
		Version: 1, NextID: FirstUserID, NextTable: 1,
		schemas: map[string]ID{DefaultSchema: PublicSchemaID},
		objects: map[ID]*Object{}, names: map[string]ID{}, types: map[ID]*UserType{},
		roles: map[string]*Role{DefaultRole: {OID: 10, Name: DefaultRole, Login: true, Superuser: true}},
	}
}

func key(schema, name string) string { return schema + "\x00" + name }

func (s *Snapshot) clone() *Snapshot {
	c := *s
	c.Version++
	c.schemas, c.objects = maps.Clone(s.schemas), maps.Clone(s.objects)
	c.names, c.roles = maps.Clone(s.names), maps.Clone(s.roles)
	c.comments, c.types = maps.Clone(s.comments), maps.Clone(s.types)
	return &c
}

// ByID returns the object with the id, or nil.
func (s *Snapshot) ByID(id ID) *Object { return s.objects[id] }

// ByName returns the object called name in schema, or nil.
func (s *Snapshot) ByName(schema, name string) *Object {
	if id, ok := s.names[key(schema, name)]; ok {
		return s.objects[id]
	}
	return nil
}

// Resolve finds a possibly qualified name along the search path. Parts may be name, schema.name or
// database.schema.name. It returns nil when nothing has the name.
func (s *Snapshot) Resolve(path []string, parts []string) *Object {
	switch len(parts) {
	case 1:
		for _, schema := range path {
			if o := s.ByName(schema, parts[0]); o != nil {
				return o
			}
		}
		return nil
	case 2:
		return s.ByName(parts[0], parts[1])
	case 3:
		if parts[0] == DefaultDatabase {
			return s.ByName(parts[1], parts[2])
		}
	}
	return nil
}

// Objects returns all objects ordered by id.
func (s *Snapshot) Objects() []*Object {
	out := make([]*Object, 0, len(s.objects))
	for _, o := range s.objects {
		out = append(out, o)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// Schemas returns the user schemas' names with their ids.
func (s *Snapshot) Schemas() map[string]ID { return maps.Clone(s.schemas) }

// HasSchema tells whether a user schema exists.
func (s *Snapshot) HasSchema(name string) bool { _, ok := s.schemas[name]; return ok }

// Role returns the role called name, or nil.
func (s *Snapshot) Role(name string) *Role { return s.roles[name] }

// Roles returns the roles ordered by name.
func (s *Snapshot) Roles() []*Role {
	out := slices.Collect(maps.Values(s.roles))
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Ordered returns all objects with those that an object reads before it, by id otherwise. A replaced
// view may read objects that are younger than itself.
func (s *Snapshot) Ordered() []*Object {
	var out []*Object
	seen := map[ID]bool{}
	var visit func(*Object)
	visit = func(o *Object) {
		if o == nil || seen[o.ID] {
			return
		}
		seen[o.ID] = true
		for _, d := range o.Deps {
			visit(s.objects[d])
		}
		out = append(out, o)
	}
	for _, o := range s.Objects() {
		visit(o)
	}
	return out
}

// Dependents returns the objects that read id directly, ordered by id.
func (s *Snapshot) Dependents(id ID) []*Object {
	var out []*Object
	for _, o := range s.Objects() {
		if slices.Contains(o.Reads(), id) {
			out = append(out, o)
		}
	}
	return out
}

// Indexes returns the indexes on a relation, ordered by id.
func (s *Snapshot) Indexes(id ID) []*Object {
	var out []*Object
	for _, o := range s.objects {
		if o.Kind == Index && o.Deps[0] == id {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *Object) int { return int(a.ID) - int(b.ID) })
	return out
}

// DropOrder returns id's object and everything that depends on it, dependents first: the order in
// which a cascading drop removes them.
func (s *Snapshot) DropOrder(id ID) []*Object {
	readers := map[ID][]ID{}
	for _, o := range s.Objects() {
		for _, d := range o.Reads() {
			readers[d] = append(readers[d], o.ID)
		}
	}
	var out []*Object
	seen := map[ID]bool{}
	var visit func(ID)
	visit = func(id ID) {
		if seen[id] {
			return
		}
		seen[id] = true
		for _, d := range readers[id] {
			visit(d)
		}
		out = append(out, s.objects[id])
	}
	visit(id)
	return out
}

// CheckNewName refuses a name that is taken, a missing schema and names that are too long.
func (s *Snapshot) CheckNewName(schema, name string) error {
	if err := s.checkSchema(schema, name); err != nil {
		return err
	}
	if s.ByName(schema, name) != nil {
		return sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", name)
	}
	if t := s.TypeByName(schema, name); t != nil && t.Composite {
		return sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", name)
	} else if t != nil {
		return sqlerr.New(sqlerr.DuplicateObject, "type %q already exists", name).
			WithHint("A relation has an associated type of the same name, so you must use a name that doesn't conflict with any existing type.")
	}
	return nil
}

// checkSchema refuses to create in a schema that is missing or the system's.
func (s *Snapshot) checkSchema(schema, name string) error {
	if !s.HasSchema(schema) {
		if schema == "pg_catalog" || schema == "information_schema" {
			return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied to create %q", schema+"."+name).
				WithDetail("System catalog modifications are currently disallowed.")
		}
		return sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", schema)
	}
	return nil
}

// WithObject returns a snapshot with o added or replaced (same ID).
func (s *Snapshot) WithObject(o *Object) *Snapshot {
	c := s.clone()
	if old := c.objects[o.ID]; old != nil {
		delete(c.names, key(old.Schema, old.Name))
	}
	c.objects[o.ID] = o
	c.names[key(o.Schema, o.Name)] = o.ID
	c.NextID = max(c.NextID, o.ID+1)
	return c
}

// WithoutObject returns a snapshot without the object.
func (s *Snapshot) WithoutObject(id ID) *Snapshot {
	c := s.clone()
	if o := c.objects[id]; o != nil {
		delete(c.names, key(o.Schema, o.Name))
		delete(c.objects, id)
	}
	return c
}

// WithIDs returns a snapshot whose id counters have moved past n objects and t store tables.
func (s *Snapshot) WithIDs(n, t uint32) *Snapshot {
	c := s.clone()
	c.NextID += n
	c.NextTable += t
	return c
}

// WithSchema returns a snapshot with a schema added.
func (s *Snapshot) WithSchema(name string) *Snapshot {
	c := s.clone()
	c.schemas[name] = c.NextID
	c.NextID++
	return c
}

// WithSchemaRenamed returns a snapshot in which a schema, with all that is in it, is called to.
func (s *Snapshot) WithSchemaRenamed(from, to string) *Snapshot {
	c := s.clone()
	c.schemas[to] = c.schemas[from]
	delete(c.schemas, from)
	for id, o := range c.objects {
		if o.Schema != from && !slices.Contains(o.SearchPath, from) {
			continue
		}
		moved := *o
		moved.SearchPath = slices.Clone(o.SearchPath)
		for i, p := range moved.SearchPath {
			if p == from {
				moved.SearchPath[i] = to
			}
		}
		if o.Schema == from {
			delete(c.names, key(o.Schema, o.Name))
			moved.Schema = to
			c.names[key(to, o.Name)] = id
		}
		c.objects[id] = &moved
	}
	for id, t := range c.types {
		if t.Schema == from {
			moved := *t
			moved.Schema = to
			c.types[id] = &moved
		}
	}
	return c
}

// Comment returns the comment on a schema, a role or the database, by its OID, "" when there is none.
func (s *Snapshot) Comment(id ID) string { return s.comments[id] }

// WithComment returns a snapshot with such a comment set, or removed when text is "".
func (s *Snapshot) WithComment(id ID, text string) *Snapshot {
	c := s.clone()
	if c.comments == nil {
		c.comments = map[ID]string{}
	}
	c.comments[id] = text
	if text == "" {
		delete(c.comments, id)
	}
	return c
}

// WithoutSchema returns a snapshot without the schema.
func (s *Snapshot) WithoutSchema(name string) *Snapshot {
	c := s.clone()
	delete(c.comments, c.schemas[name])
	delete(c.schemas, name)
	return c
}

// WithRole returns a snapshot with r added or replaced. A role without an OID is given one.
func (s *Snapshot) WithRole(r Role) *Snapshot {
	c := s.clone()
	if r.OID == 0 {
		r.OID = c.NextID
		c.NextID++
	}
	c.roles[r.Name] = &r
	return c
}

// WithoutRole returns a snapshot without the role.
func (s *Snapshot) WithoutRole(name string) *Snapshot {
	c := s.clone()
	if r := c.roles[name]; r != nil {
		delete(c.comments, r.OID)
	}
	delete(c.roles, name)
	return c
}
