// Package mem accounts for memory: who may use how much, and who uses how much.
//
// A Budget is a node of a tree: the process, below it the views and the connections, below those the
// queries. An Account is a leaf that one goroutine or one set of state tables draws from; it takes
// memory from its budget in portions, so that most calls touch no shared word. When a limit would be
// passed Grow fails with SQLSTATE 53200 and nothing is taken.
//
// The package counts what callers report; it allocates nothing. It must not import other packages of
// exec.
package mem
