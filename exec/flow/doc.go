// Package flow runs the dataflows of all views and sinks: one DAG, W workers, synchronous epochs.
//
// A Circuit holds a Dataflow per view or sink. Step computes one epoch: the coordinator hands the
// waiting deltas of sources and tables to the workers; every worker runs the same operators in the
// same order over the virtual nodes that it owns and meets the others only at exchanges; what comes
// out of a view's root feeds the views that read it within the same epoch. Then Commit writes operator
// state, view rows and errors into one atomic store batch. Between two steps nothing runs, so
// dataflows are added and removed there without locks.
//
// A dataflow that fails (a broken invariant, out of memory) is stopped alone: its changes of the epoch
// are thrown away, those of its dependents too, everything else goes on.
package flow
