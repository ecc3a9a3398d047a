// Package format is the contract of record formats and their registry: JSON, CSV and so on. Each
// format has a folder of its own below this one.
//
// A Decoder turns the bytes of one record into rows of a rows.Builder; it is pure, and a record that
// it cannot read is a value (Bad), never a panic and never a row. An Encoder turns rows into the key
// and value bytes of messages. A Framer cuts a byte stream, such as a file, into records.
//
// The package also has what decoders share: how a text or a number becomes a value of a SQL type
// (Field). Text follows PostgreSQL's input functions; the fast paths for common shapes give the same
// values as types.ParseText.
package format
