package planner

import (
	"tidemill/catalog"
	"tidemill/planner/bind"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// DML is a planned INSERT, UPDATE or DELETE.
type DML struct {
	Table *catalog.Object
	Kind  string // "insert", "update", "delete"
	// Query gives the rows to write. insert: all columns of the table in order; delete: the old row;
	// update: the old row followed by the new row; then the columns that only Returning reads. COPY has
	// no query.
	Query *Query
	// Returning are expressions over the new row, for a delete over the old one: column i is the
	// table's column i, and the query's further columns follow. Nil = no RETURNING. Parameters in them
	// are not replaced yet.
	Returning     []*expr.Expr
	ReturningCols []Column
	OnConflict    *OnConflict
	Params        []types.Type
	Rules
}

// Rules are the generated columns and checks of a table.
type Rules = bind.Rules

// OnConflict says what an INSERT does with a row whose key exists.
type OnConflict = bind.OnConflict

// SetColumn is an assignment of ON CONFLICT DO UPDATE.
type SetColumn = bind.SetColumn

// PlanInsert plans an INSERT.
func PlanInsert(c *Context, st *ast.Insert) (*DML, error) {
	b := bind.New(timed(c))
	d, err := b.Insert(st)
	return finishDML(b, "insert", d, err)
}

// PlanUpdate plans an UPDATE.
func PlanUpdate(c *Context, st *ast.Update) (*DML, error) {
	b := bind.New(timed(c))
	d, err := b.Update(st)
	return finishDML(b, "update", d, err)
}

// PlanDelete plans a DELETE.
func PlanDelete(c *Context, st *ast.Delete) (*DML, error) {
	b := bind.New(timed(c))
	d, err := b.Delete(st)
	return finishDML(b, "delete", d, err)
}

func finishDML(b *bind.Binder, kind string, d *bind.DML, err error) (*DML, error) {
	if err != nil {
		return nil, err
	}
	q, err := Options{}.batch(b, d.Query)
	if err != nil {
		return nil, err
	}
	out := &DML{Table: d.Table, Kind: kind, Query: q, Returning: d.Returning, OnConflict: d.OnConflict, Params: q.Params, Rules: d.Rules}
	for i, e := range out.Returning {
		out.Returning[i] = logical.Fold(e, &b.Env)
	}
	if oc := out.OnConflict; oc != nil {
		for i := range oc.Set {
			oc.Set[i].Expr = logical.Fold(oc.Set[i].Expr, &b.Env)
		}
		if oc.Where != nil {
			oc.Where = logical.Fold(oc.Where, &b.Env)
		}
	}
	for _, c := range d.ReturningCols {
		out.ReturningCols = append(out.ReturningCols, Column{Field: c.Field, Table: c.Table, Attnum: c.Attnum})
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
