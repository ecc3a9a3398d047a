// Package planner turns statements into physical plans: planner/bind resolves names and types,
// planner/rewrite improves the logical tree, planner/lower makes the plan. This package is the façade
// that the server calls; it also explains plans and binds parameters.
package planner
