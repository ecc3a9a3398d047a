// Package agg holds the aggregate functions. Linear ones fold weighted rows into an accumulator and
// take them out again without a trace: a sum of floats is kept exactly and rounded once, when it is
// read, so that it never drifts. Ordered ones are computed from the group's values in order.
package agg
