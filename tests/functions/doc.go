// Package functions compares every registered function, operator, cast and aggregate with PostgreSQL
// over values that are chosen to hurt: the same call as a constant expression, as a column of a table in
// text and in binary format, and in a materialized view. Values, types and errors must be PostgreSQL's.
//
// What is drawn comes from a seed that the test prints; TIDEMILL_SEED repeats it. It also lists the
// functions of PostgreSQL that are not there, with the reason for each family.
package functions
