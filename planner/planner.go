package planner

import (
	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/planner/bind"
	"tidemill/planner/logical"
	"tidemill/planner/lower"
	"tidemill/planner/rewrite"
	"tidemill/sql/ast"
	"tidemill/sql/types"
)

// Context is what a statement is planned against.
type Context = bind.Context

// System knows the virtual relations.
type System = bind.System

// Column is a result column; Table and Attnum are set for plain references to a relation's column.
type Column struct {
	types.Field
	Table  uint32
	Attnum int
}

// Query is a planned query.
type Query struct {
	Plan *plan.Plan
	// Columns are the result columns that the user sees: the first Plan.Visible of the plan's root.
	Columns []Column
	// Params are the types of $1, $2 ….
	Params []types.Type
	// Deps are the catalog objects that the query reads, plain views included.
	Deps []uint32
	// UserTypes are the types of CREATE TYPE that the query names.
	UserTypes []uint32
	// Bound tells what the relation names in the query's text mean, for catalog.Object.Names.
	Bound map[string]uint32
	// OneRow tells that the result has at most one row.
	OneRow bool
	// System tells that virtual relations are read.
	System bool
	// Names are the relations' names for EXPLAIN.
	Names map[uint32]string
	// EmitOnWindowClose tells that EMIT ON WINDOW CLOSE was written.
	EmitOnWindowClose bool
	bounds            []op.Bound // of a maintained plan's nodes
}

// followTime makes the plan emit on window close, if it is to, and finds out what limits its state.
func (q *Query) followTime(c *Context, emit bool) error {
	if emit {
		if err := emitOnClose(c, q.Plan); err != nil {
			return err
		}
	}
	t, err := timesOf(c, q.Plan)
	if err != nil {
		return err
	}
	q.bounds = bounds(q.Plan, t)
	return nil
}

// PlanQuery plans a SELECT that runs once.
func PlanQuery(c *Context, sel *ast.Select) (*Query, error) { return Options{}.PlanQuery(c, sel) }

// PlanView plans a query that is maintained incrementally. columns are the view's own column names,
// if it gives any. Hidden key columns follow the visible ones where the result's key needs them.
func PlanView(c *Context, q *ast.Select, columns []string) (*Query, error) {
	return Options{}.PlanView(c, q, columns)
}

// Options change how plans are made, for tests.
type Options struct {
	// Off names rewrite rules that do not run; "share" and "twophase" switch off what lower does.
	Off map[string]bool
}

// PlanQuery is the package's PlanQuery with options.
func (o Options) PlanQuery(c *Context, sel *ast.Select) (*Query, error) {
	b := bind.New(timed(c))
	bound, err := b.Select(sel)
	if err != nil {
		return nil, err
	}
	return o.batch(b, bound)
}

// batch plans a bound query that runs once.
func (o Options) batch(b *bind.Binder, bound *bind.Query) (*Query, error) {
	if err := b.FinishParams(); err != nil {
		return nil, err
	}
	out := newQuery(b, bound)
	visible := columnsOf(bound)
	n, err := rewrite.Run(&rewrite.Ctx{Env: &b.Env, NewID: b.NewID, Off: o.Off}, logical.Keep(bound.Node, visible), visible)
	if err != nil {
		return nil, err
	}
	n = logical.Keep(n, visible)
	out.OneRow = atMostOne(n)
	if out.Plan, err = lower.Plan(n, len(visible), &lower.Options{NewID: b.NewID, NoShare: o.Off["share"]}); err != nil {
		return nil, err
	}
	if bound.EmitOnClose {
		return out, emitOnClose(b.Context, out.Plan)
	}
	return out, nil
}

func newQuery(b *bind.Binder, bound *bind.Query) *Query {
	out := &Query{Params: b.Params, Deps: b.Deps, UserTypes: b.UserTypes, Bound: b.Names(), System: b.UsesSystem, Names: map[uint32]string{}, EmitOnWindowClose: bound.EmitOnClose}
	for _, c := range bound.Cols {
		out.Columns = append(out.Columns, Column{Field: c.Field, Table: c.Table, Attnum: c.Attnum})
	}
	names(bound.Node, out.Names)
	return out
}

// names collects the names of the relations that a tree reads.
func names(n *logical.Node, into map[uint32]string) {
	if n.Op == logical.Scan {
		into[n.Scan.Object] = n.Scan.Name
		for _, x := range n.Scan.Indexes {
			into[x.Object] = x.Name
		}
	}
	for _, in := range n.In {
		names(in, into)
	}
	for _, s := range logical.Subqueries(n) {
		names(s, into)
	}
}

func columnsOf(q *bind.Query) []logical.Col {
	out := make([]logical.Col, len(q.Cols))
	for i, c := range q.Cols {
		out[i] = logical.Col{ID: c.ID, Field: c.Field}
	}
	return out
}

func atMostOne(n *logical.Node) bool {
	for _, k := range logical.Keys(n) {
		if len(k) == 0 {
			return true
		}
	}
	return false
}
