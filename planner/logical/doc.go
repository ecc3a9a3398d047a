// Package logical is the relational algebra between the binder and the physical plan.
//
// A Node is one operation. Every column that a query ever computes has an id of its own (Col.ID),
// unique within the statement; expressions refer to columns by id (expr.Column with Index = id).
// So moving an expression up or down the tree never renumbers it, and a column of an enclosing
// query is simply an id that the node's inputs do not have (a free column). Positions appear only
// when planner/lower makes the physical plan.
//
// Nodes are built by planner/bind and rewritten by planner/rewrite; properties (unique keys,
// append-only, not null) are computed bottom-up on demand. The package imports sql/* only.
package logical
