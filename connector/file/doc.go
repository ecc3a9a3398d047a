// Package file reads CSV, JSON lines and lines of text from files of the server's machine: once, or
// following files that grow and appear.
//
// A partition is a file, its position the byte after the last record read. The position carries a
// fingerprint of the bytes before it, so that a file that was cut or replaced is an error and never
// read on as if it were the old one.
package file
