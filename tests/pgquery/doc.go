// Package pgquery holds Tidemill's SQL front against PostgreSQL's own grammar. Statements are read by
// both; the two trees are written in one canonical form, in which every bracket is explicit, and
// compared. It is a module of its own, so that the product depends neither on cgo nor on the C code of
// PostgreSQL's parser.
//
// What must never happen is that a statement is accepted with another meaning than PostgreSQL gives it,
// or accepted where PostgreSQL refuses it, but for the streaming extensions. What PostgreSQL accepts
// and Tidemill refuses is counted by reason.
//
// TIDEMILL_CORPUS=dir compares the .sql files of a folder too, such as PostgreSQL's regression tests.
package pgquery
