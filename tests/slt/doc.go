// Package slt runs sqllogictest scripts against a server over the Postgres wire.
//
// The standard records are understood, so that public scripts run unchanged: statement ok / error /
// count, query with column types, sort mode and label, hash-threshold, skipif, onlyif, halt. Results
// are compared in the standard's way (one value per line, I and R formatted, hashed when there are
// many) or row by row with values separated by blanks, which is how Tidemill's own scripts are written.
//
// Of what other runners have added it knows
//
//	include FILE                         the records of another script
//	retry N backoff D (behind a header)  repeats the record until it passes
//	sleep D, subtest NAME                waits; names what follows
//	connection NAME, user NAME           switches the client
//	let $NAME or let (A, B), then a query, keeps its values
//	control substitution on              puts variables into SQL: $NAME, ${NAME}, ${NAME:default}
//	control sortmode MODE                the sort mode of queries that name none
//	foreach/loop … endloop               repeats records with a variable
//	mode skip/unskip, require NAME       leaves records out; require ends the script
//	query T colnames,rowsort             options separated by commas
//	statement maybe                      may succeed or fail
//	system ok                            is never carried out: it counts as skipped
//
// Scripts of other databases (Options.Foreign) are judged by meaning: an error record passes whatever
// the words of the error are, and true is t, 1.50 is 1.5. Records of a kind that is not known are
// skipped there and refused in our own scripts.
package slt
