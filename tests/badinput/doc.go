// Package badinput tests that bad input of every kind, at every edge, gets a clear answer and hurts
// nobody else: wrong SQL, broken protocol, records that cannot be decoded, files and brokers that come
// and go, expressions that fail, definitions in a storm.
//
// Each test runs on a server that also keeps an unrelated table and view; a beat at the end of every
// test checks that this view still moves with its table, and that no goroutines were left behind.
package badinput
