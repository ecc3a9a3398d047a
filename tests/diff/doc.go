// Package diff holds the differential tests: the same tables, rows and query in Tidemill, kept
// incrementally through random epochs of inserts, updates and deletes and asked ad hoc, and in
// PostgreSQL, computed in batch. After every round all answers must be the same multiset of rows.
//
// Everything is drawn from a seed that a failure prints; TIDEMILL_SEED repeats it.
package diff
