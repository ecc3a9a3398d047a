// Package check verifies what flows along the edges of a plan.
//
// Batch checks the form of one batch: physical classes, lengths, offsets, selection, weights. A
// Tracker adds up the deltas of one edge and reports a row whose multiplicity is negative when an
// epoch ends. Wrap puts both around an operator, so that operators themselves stay clean. Tests run
// everything wrapped; the flow wraps when it is told to.
//
// What is reported is always a bug of ours, never a user's error.
package check
