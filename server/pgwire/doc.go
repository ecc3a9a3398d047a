// Package pgwire turns bytes into messages and back: PostgreSQL's protocol 3.0 and 3.2 from the
// server's side. It is the only importer of pgproto3 and knows no SQL: a Handler, one per client,
// gets each message and answers through a Writer.
//
// Words: a connection is a socket with its goroutine; a handler is what it talks to; to skip is to
// discard messages until Sync, as the protocol asks after an error.
//
// Invariants: every message ends in exactly the answers that the protocol allows in its place; no
// length from the network is believed beyond its limit; a panic ends one connection, never the
// process; output is bounded: a handler that writes faster than its client reads waits, and a
// client that does not read for Limits.SlowReader is dropped.
//
// Bytes enter through Server.Serve; rows leave column-wise from rows.Batch, without a row's detour.
package pgwire
