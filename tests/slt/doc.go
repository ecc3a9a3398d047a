// Package slt runs sqllogictest scripts against a server over the Postgres wire.
//
// The standard records are understood, so that public scripts run unchanged: statement ok / error /
// count, query with column types, sort mode and label, hash-threshold, skipif, onlyif, halt. Results
// are compared in the standard's way (one value per line, I and R formatted) or, when the record has
// as many result lines as rows, row by row with values separated by blanks, which is how Tidemill's
// own scripts are written. Extensions, as other runners have them: "retry N backoff D" after a
// record's header repeats it until it passes, "sleep D" waits, "connection NAME" switches the client.
package slt
