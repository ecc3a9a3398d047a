// Package engine owns the running database: the catalog, the store, the circuit of all dataflows and
// the readers and writers at its edges. Sessions call it; it knows nothing of the wire.
//
// One goroutine, the step loop, changes anything: statements that define or modify are requests to
// it, executed between two epochs. Reads run in the caller's goroutine on a store snapshot, which is
// one epoch of all relations together.
package engine

import (
	"context"

	"tidemill/catalog"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Caller says on whose behalf a statement runs.
type Caller struct {
	User       string
	SearchPath []string
	Env        types.Env
	// Text is the statement as the user wrote it, kept as the object's definition.
	Text string
	// Fn is the context of expressions that the statement computes with the session's functions.
	Fn *fn.Ctx
	// Notice receives messages for the client (NOTICE: table "x" does not exist, skipping). May be nil.
	Notice func(severity, code, message string)
}

// System provides the rows of virtual relations (pg_catalog …) to batch queries.
type System interface {
	planner.System
	// Rows returns the content of a virtual relation, all columns.
	Rows(ctx context.Context, id uint32, snap *Reader) (*rows.Batch, error)
}

// Reader is a consistent view of the database at one epoch: catalog and rows. Close it soon: it pins
// old versions in the store.
type Reader struct {
	Catalog *catalog.Snapshot
	snap    *state.Snap
	engine  *Engine
	system  System
	over    overlays                 // changes beside the snapshot
	given   map[uint32][]*rows.Batch // what a statement's parts hand to each other, by catalog.Given…
}

// Run is a batch query to execute on a Reader.
type Run struct {
	Plan *plan.Plan // parameters bound
	// Fn is the context of expressions: settings, now(), session functions.
	Fn *fn.Ctx
	// Out receives result batches of the plan's visible columns in order; returning ErrStop ends the
	// query early without error.
	Out func(*rows.Batch) error
	// Weights asks for batches as they come, where equal rows may be one with a weight; otherwise each
	// row stands for itself.
	Weights bool
	divert  bool // leave out rows whose expressions fail
}

// Write is an INSERT, UPDATE or DELETE, or rows for a table.
type Write struct {
	DML    *planner.DML
	Params []types.Datum

	// Rows, when not nil, are what an INSERT inserts: all columns in order. Its plan has no query then.
	Rows []*rows.Batch
	// Restart puts the table's sequences back to their start, for TRUNCATE. Only Modify does it.
	Restart bool
}

// Change is the outcome of INSERT, UPDATE or DELETE.
type Change struct {
	// Rows is the count for the command tag.
	Rows int64
	// Returning holds the rows of a RETURNING clause.
	Returning []*rows.Batch
	// Late counts the rows that were set aside instead, because their event time has passed.
	Late int64
}

// API is what sessions use; *Engine implements it.
type API interface {
	// Reader opens a snapshot of the latest committed epoch. It sees every change acknowledged before.
	Reader() (*Reader, error)
	// Define runs a statement that changes the catalog: CREATE, DROP, ALTER, COMMENT, GRANT. It returns
	// when the effect is durable and, for CREATE MATERIALIZED VIEW, when the backfill is done.
	Define(ctx context.Context, c *Caller, stmt ast.Statement) error
	// Modify applies writes together, all or nothing, and returns when they are durable.
	Modify(ctx context.Context, f *fn.Ctx, writes ...Write) ([]*Change, error)
	// Begin starts a transaction of several writes on a Reader's snapshot.
	Begin(r *Reader) *Txn
	// Nextval takes the next number of a table's sequence; Setval sets it.
	Nextval(ctx context.Context, table uint32, s *catalog.Sequence) (int64, error)
	Setval(ctx context.Context, table uint32, s *catalog.Sequence, n int64, called bool) error
	// Verify reruns a materialized view's definition as batch and compares; it returns one line per
	// difference, at most limit.
	Verify(ctx context.Context, view *catalog.Object, limit int) ([]string, error)
	// Subscribe follows a stored relation's changes from now on, or from behind an epoch.
	Subscribe(ctx context.Context, o *catalog.Object, since *uint64) (*Subscription, error)
	// Statuses lists the running dataflows and edges for SHOW JOBS, metrics and tidemill_catalog.
	Statuses() []Status
}

// Status is the state of one source, view or sink.
type Status struct {
	Object    *catalog.Object
	Rows      uint64 // rows processed since start
	Bytes     uint64 // raw bytes read or written since start
	StateSize int64  // bytes of operator state
	StateRows int    // entries of operator state
	LateRows  uint64 // rows set aside since start because the watermark had passed them
	ErrorRows int64  // rows in the error relation since start
	// Message is "" when healthy, else what is wrong.
	Message string
	// Position is the committed position of a source or the last delivered epoch of a sink.
	Position string
	// Progress of a backfill between 0 and 1; 1 when done.
	Progress float64
}
