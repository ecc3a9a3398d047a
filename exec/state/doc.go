// Package state is the durable home of everything: an ordered key-value space, the state tables of
// operators, epochs and snapshots.
//
// A Store is a Pebble database whose content is always that of a committed epoch: one Commit is one
// atomic batch of operator state, stored rows, positions and sink log. A commit is visible at once and
// durable after Sync. A Snap shows one epoch.
//
// Map, Multi and Ordered are the tables that operators work on. They live in memory without Go
// pointers, remember which entries have changed, write those into the epoch's commit (Flush) and are
// read back after a restart (Load). Every entry belongs to a virtual node, so that any number of
// workers can share the stored form. A Provider hands them out.
//
// Invariants: after a crash the store opens at some committed epoch that is not older than the last
// one synced; after a failed write or sync of the log it takes no more commits.
//
// This is the only package that imports Pebble. It must not know plans, operators or the catalog.
// docs/format/state.md describes the bytes.
package state
