package planner

import (
	"slices"

	"tidemill/catalog"
	"tidemill/planner/bind"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// DML is a planned INSERT, UPDATE, DELETE or MERGE, or a query whose WITH holds such statements.
type DML struct {
	Table *catalog.Object // nil of a query
	Kind  string          // "insert", "update", "delete", "merge", "select", "lock"
	// Query gives the rows to write. insert: all columns of the table in order; delete: the old row;
	// update: the old row followed by the new row; then the columns that only Returning reads. merge: the
	// old row, the new row, and one of MergeUpdate, MergeDelete and MergeInsert. COPY has no query.
	Query *Query
	// Returning is over the new row, for a delete over the old one: column i is the table's column i, and
	// the query's further columns follow. Nil = no RETURNING.
	Returning     *Calc
	ReturningCols []Column
	OnConflict    *OnConflict
	// With are the data-modifying statements of WITH. What such a statement returns is read as the object
	// Result by others; Read tells that one does.
	With   []*DML
	Result uint32
	Read   bool
	Params []types.Type
	Rules
}

// Calc is what a statement computes from rows at hand: expressions whose column i is that of the rows, or
// a query that reads them, and their number behind them, as the object catalog.Given, and gives a row for
// each in that order. Parameters in them are not replaced yet.
type Calc struct {
	Exprs []*expr.Expr
	Query *Query
}

// What a MERGE does with a row.
const (
	MergeUpdate = bind.MergeUpdate
	MergeDelete = bind.MergeDelete
	MergeInsert = bind.MergeInsert
)

// Rules are the generated columns and checks of a table.
type Rules = bind.Rules

// OnConflict says what an INSERT does with a row whose key exists.
type OnConflict struct {
	*bind.OnConflict
	Values, Where *Calc // over the existing row and the proposed one
}

// SetColumn is the value of a column.
type SetColumn = bind.SetColumn

// Inner lists the queries of the statement that are run over rows at hand.
func (d *DML) Inner() []*Query {
	calcs := []*Calc{d.Returning}
	if d.OnConflict != nil {
		calcs = append(calcs, d.OnConflict.Values, d.OnConflict.Where)
	}
	var out []*Query
	for _, c := range calcs {
		if c != nil && c.Query != nil {
			out = append(out, c.Query)
		}
	}
	return out
}

// PlanDML plans an INSERT, UPDATE, DELETE or MERGE, or a query whose WITH holds such statements; of
// anything else it gives nil.
func PlanDML(c *Context, st ast.Statement) (*DML, error) {
	b := bind.New(timed(c))
	var d *bind.DML
	var err error
	switch x := st.(type) {
	case *ast.Insert:
		d, err = b.Insert(x)
	case *ast.Update:
		d, err = b.Update(x)
	case *ast.Delete:
		d, err = b.Delete(x)
	case *ast.Merge:
		d, err = b.Merge(x)
	case *ast.Query:
		d, err = b.Modifying(x.Select)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return planDML(b, d)
}

// Modifies tells whether a query's WITH holds a statement that modifies.
func Modifies(sel *ast.Select) bool {
	return slices.ContainsFunc(sel.With, func(w ast.CTE) bool { return w.Write != nil })
}

func planDML(b *bind.Binder, d *bind.DML) (*DML, error) {
	q, err := Options{}.batch(b, d.Query)
	if err != nil {
		return nil, err
	}
	out := &DML{Table: d.Table, Kind: d.Kind, Query: q, Result: d.Result, Read: d.Read, Params: q.Params, Rules: d.Rules}
	for _, x := range d.With {
		w, err := planDML(b, x)
		if err != nil {
			return nil, err
		}
		out.With = append(out.With, w)
	}
	if out.Returning, err = planCalc(b, d.Returning); err != nil {
		return nil, err
	}
	if oc := d.OnConflict; oc != nil {
		out.OnConflict = &OnConflict{OnConflict: oc}
		if out.OnConflict.Values, err = planCalc(b, oc.Values); err != nil {
			return nil, err
		}
		if out.OnConflict.Where, err = planCalc(b, oc.Where); err != nil {
			return nil, err
		}
	}
	for _, c := range d.ReturningCols {
		out.ReturningCols = append(out.ReturningCols, Column{Field: c.Field, Table: c.Table, Attnum: c.Attnum})
	}
	return out, nil
}

func planCalc(b *bind.Binder, c *bind.Calc) (*Calc, error) {
	if c == nil {
		return nil, nil
	}
	out := &Calc{}
	for _, e := range c.Exprs {
		out.Exprs = append(out.Exprs, logical.Fold(e, &b.Env))
	}
	var err error
	if c.Query != nil {
		out.Query, err = Options{}.batch(b, c.Query)
	}
	return out, err
}

// Locks are what FOR UPDATE keeps others from changing: the rows that DMLs of kind "lock" give, and whole
// tables.
type Locks struct {
	Rows   []*DML
	Tables []*catalog.Object
}

// PlanLocks plans FOR UPDATE and its kin; nil when the query has no such clause.
func PlanLocks(c *Context, sel *ast.Select) (*Locks, error) {
	if sel.Locking == "" {
		return nil, nil
	}
	b := bind.New(c)
	list, tables, err := b.Locks(sel)
	if err != nil {
		return nil, err
	}
	out := &Locks{Tables: tables}
	for _, x := range list {
		d, err := planDML(b, x)
		if err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, d)
	}
	return out, nil
}

// PlanCopy plans COPY FROM into columns of a table: a DML without a query, and the defaults of the
// columns that are left out.
func PlanCopy(c *Context, o *catalog.Object, cols []int) (*DML, []SetColumn, error) {
	d, defaults, err := bind.New(c).Copy(o, cols)
	if err != nil {
		return nil, nil, err
	}
	return &DML{Table: o, Kind: "insert", Rules: d.Rules}, defaults, nil
}
