// Package bind resolves the names and types of a syntax tree against a catalog snapshot and makes a
// logical tree of it, by Postgres's rules and with Postgres's messages.
//
// A scope is what a part of a query sees: relations by name and columns by name. A block is one
// SELECT while it is being bound: it collects the aggregates, window functions and set-returning
// functions that its expressions contain; in the bound expressions these are plain columns already.
// Subqueries stay in expressions as expr.Subquery nodes for planner/rewrite. Every implicit cast is
// explicit in the result and no node of type unknown is left.
package bind
