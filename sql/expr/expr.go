// Package expr holds bound, typed expression trees and evaluates them over batches.
//
// A tree is plain data (it is stored in physical plans as JSON); Compile turns trees into a Program
// of kernels. Evaluation is three-valued and lazy where Postgres's is: the arms of CASE, COALESCE,
// AND and OR see only the rows that reach them, so an error in a branch not taken does not happen.
package expr

import "tidemill/sql/types"

// Kind is the kind of an expression node. Stored in plans: never rename.
type Kind string

// The node kinds.
const (
	Column  Kind = "col"   // input column Index
	Literal Kind = "lit"   // Lit
	Param   Kind = "param" // statement parameter Index (0-based)
	Outer   Kind = "outer" // column Index of the Apply node's outer row, Level levels up (1 = nearest)
	Call    Kind = "call"  // function or operator Name over Args; ArgTypes pick the overload
	Cast    Kind = "cast"  // Args[0] to Type
	And     Kind = "and"   // all Args
	Or      Kind = "or"    // any Args
	Not     Kind = "not"
	IsNull  Kind = "isnull"
	// IsTrue is "is true" of a boolean: NULL gives false. IS FALSE/UNKNOWN are built from it, Not and IsNull.
	IsTrue   Kind = "istrue"
	Distinct Kind = "distinct" // Args[0] IS DISTINCT FROM Args[1]
	Case     Kind = "case"     // Args = cond, then, cond, then, …, else (always present)
	Coalesce Kind = "coalesce"
	In       Kind = "in"  // Args[0] = any of Args[1:], same type after coercion
	Any      Kind = "any" // Args[0] Name ANY(Args[1] array)
	All      Kind = "all" // Args[0] Name ALL(Args[1] array)
	Array    Kind = "array"
	Row      Kind = "row"
	Field    Kind = "field"    // field Index of the record Args[0]
	Subquery Kind = "subquery" // planner-internal: replaced by Apply before a plan is made
)

// Expr is a bound expression.
type Expr struct {
	Kind  Kind         `json:"k"`
	Type  types.Type   `json:"t"`
	Index int          `json:"i,omitempty"`
	Level int          `json:"level,omitempty"`
	Lit   *types.Datum `json:"lit,omitempty"`
	Name  string       `json:"f,omitempty"`
	// ArgTypes are the declared argument types of the chosen overload of a Call, Any or All.
	ArgTypes []types.Type `json:"at,omitempty"`
	Args     []*Expr      `json:"a,omitempty"`
	Pos      int          `json:"-"` // position in the statement text, for errors while planning

	// Sub is the planner's handle of a Subquery node.
	Sub any `json:"-"`
}

// Col returns a reference to input column i of type t.
func Col(i int, t types.Type) *Expr { return &Expr{Kind: Column, Index: i, Type: t} }

// Lit returns a literal.
func Lit(d types.Datum) *Expr { return &Expr{Kind: Literal, Type: d.Type, Lit: &d} }

// Walk visits e and everything below it,
// parents first, until f says false for a node, whose children are then skipped.
func Walk(e *Expr, f func(*Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	for _, a := range e.Args {
		Walk(a, f)
	}
}

// Rewrite returns e with f applied to each node bottom-up. Nodes are copied where a child changed;
// f may return its argument.
func Rewrite(e *Expr, f func(*Expr) *Expr) *Expr {
	if e == nil {
		return nil
	}
	out := e
	for i, a := range e.Args {
		if b := Rewrite(a, f); b != a {
			if out == e {
				c := *e
				c.Args = append([]*Expr(nil), e.Args...)
				out = &c
			}
			out.Args[i] = b
		}
	}
	return f(out)
}
