// Package state is the durable home of everything: ordered key-value space, state tables of
// operators, epochs and snapshots.
package state
