// Package view is the stored content of tables and materialized views.
//
// A View turns the deltas of an epoch into writes of the epoch's commit, and reads rows back from a
// snapshot. How rows are stored is its Kind: by a unique key (Keyed), as a multiset without one (Bag),
// or in columnar chunks in order of arrival (Log). docs/format/state.md has the bytes.
//
// Invariant: the content at an epoch is the sum of all deltas up to it, and Count is its number of
// rows. Nothing is read before a write, except in checking mode.
//
// The package must not know the catalog, plans or operators.
package view
