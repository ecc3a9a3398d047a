package bind

import (
	"slices"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Context is what a statement is planned against.
type Context struct {
	Catalog *catalog.Snapshot
	// SearchPath is the effective search path; pg_catalog is searched first unless it is listed.
	SearchPath []string
	System     System // virtual relations; may be nil
	Env        types.Env
	// ParamTypes are the types that a client gave for $1, $2 …; Invalid or Unknown = infer.
	ParamTypes []types.Type
	User       string
	// Bound tells what the relation names of a stored query mean, by NameKey; it comes before the search
	// path. nil for what a client sends.
	Bound map[string]uint32
	// Fixed are the columns of relations as a stored query knows them, where they have changed since.
	Fixed map[uint32][]catalog.NamedColumn
	// EventTime tells which columns of a relation follow a watermark; nil = none is known to.
	EventTime func(object uint32) []int
}

// System knows the virtual relations of pg_catalog, information_schema and tidemill_catalog.
type System interface {
	// Lookup finds a relation; schema "" is the implicit search, pg_catalog.
	Lookup(schema, name string) (id uint32, cols types.Schema, ok bool)
}

// Column is a result column. Table and Attnum (1-based) are set for plain references to a column of
// a relation.
type Column struct {
	types.Field
	ID     int
	Table  uint32
	Attnum int
	Pos    int // where its expression begins in the text
}

// Query is a bound query.
type Query struct {
	Node *logical.Node
	Cols []Column
	// Order is the query's ORDER BY, also when the tree holds it as a Sort.
	Order []logical.SortKey
	// EmitOnClose tells that EMIT ON WINDOW CLOSE was written.
	EmitOnClose bool
}

// limits against statements that would take all memory.
const (
	maxDepth  = 3000  // nesting of expressions and queries
	maxViews  = 50    // nesting of views
	maxNodes  = 20000 // nodes of the tree, views and CTEs expanded
	maxCols   = 1664  // columns of a select list, as in Postgres
	maxParams = 65535
)

// Binder binds one statement.
type Binder struct {
	*Context
	// Params are the parameter types as far as they are known.
	Params []types.Type
	fixed  []bool // parameter types that the client gave
	// Deps are the catalog objects that the statement reads.
	Deps []uint32
	// UserTypes are the types of CREATE TYPE that it names.
	UserTypes []uint32
	// System tells that a virtual relation is read.
	UsesSystem bool
	// Refs are the places where the statement's own text, not that of views in it, names a relation.
	Refs []Ref
	// Uses are the columns of relations that the statement's own text names, or means by *.
	Uses []Use

	// composites maps a column that stands for a record to the columns of its fields.
	composites map[int][]logical.Col

	writes []*DML // the data-modifying statements of WITH

	nextID int
	depth  int
	views  int
	nodes  int
}

// New returns a binder for one statement.
func New(c *Context) *Binder {
	b := &Binder{Context: c}
	for _, t := range c.ParamTypes {
		known := t.ID != types.Invalid && t.ID != types.Unknown
		if !known {
			t = types.T(types.Unknown)
		}
		b.Params, b.fixed = append(b.Params, t), append(b.fixed, known)
	}
	return b
}

// NewID gives out a column id.
func (b *Binder) NewID() int {
	b.nextID++
	return b.nextID
}

// NewCol makes a column.
func (b *Binder) NewCol(name string, t types.Type, notNull bool) logical.Col {
	return logical.Col{ID: b.NewID(), Field: types.Field{Name: name, Type: t, NotNull: notNull}}
}

// enter counts a level of nesting; the caller defers leave.
func (b *Binder) enter() error {
	b.depth++
	if b.depth > maxDepth {
		return sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded").
			WithHint("The statement nests more than %d levels deep.", maxDepth)
	}
	return nil
}

func (b *Binder) leave() { b.depth-- }

// grow counts nodes of the tree.
func (b *Binder) grow(n int) error {
	b.nodes += n
	if b.nodes > maxNodes {
		return sqlerr.New(sqlerr.StatementTooComplex, "the query has more than %d operations when its views and WITH queries are expanded", maxNodes)
	}
	return nil
}

func (b *Binder) dep(id uint32) {
	if !slices.Contains(b.Deps, id) {
		b.Deps = append(b.Deps, id)
	}
}

// param returns the type of $n (1-based), extending the list.
func (b *Binder) param(n int) (types.Type, error) {
	if n < 1 || n > maxParams {
		return types.Type{}, sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", n)
	}
	for len(b.Params) < n {
		b.Params, b.fixed = append(b.Params, types.T(types.Unknown)), append(b.fixed, false)
	}
	return b.Params[n-1], nil
}

// FinishParams decides what is still open: a parameter that no context gave a type.
func (b *Binder) FinishParams() error {
	for i, t := range b.Params {
		if t.ID == types.Unknown {
			return sqlerr.New(sqlerr.IndeterminateDatatype, "could not determine data type of parameter $%d", i+1)
		}
	}
	return nil
}

// colRef is a reference to a column.
func colRef(c logical.Col, pos int) *expr.Expr {
	e := expr.Col(c.ID, c.Type)
	e.Pos = pos
	return e
}

// inherit makes a binder for the query text of a view that shares counters and dependencies.
func (b *Binder) inherit(o *catalog.Object) *Binder {
	c := *b.Context
	c.SearchPath, c.Bound, c.Fixed = o.SearchPath, o.Names, o.Fixed
	sub := *b
	sub.Context = &c
	return &sub
}

// absorb takes the counters of a binder made by inherit back.
func (b *Binder) absorb(sub *Binder) {
	b.nextID, b.nodes, b.Deps, b.UsesSystem = sub.nextID, sub.nodes, sub.Deps, sub.UsesSystem
	b.UserTypes = sub.UserTypes
}
