// Package lex cuts SQL text into tokens exactly as PostgreSQL does and gives the parsers a cursor
// over them.
//
// Words: a token is one lexical element with its byte range and its 1-based character position; a
// bracket group is a token ( or [ together with its partner, whose index is in Match, so that the
// flat token list is also the bracket tree in pre-order.
//
// Invariant: text that passes Scan is valid UTF-8 without NUL, not longer than Limits.TextBytes,
// its brackets pair up and nest at most Limits.Depth deep. Nothing later needs to check this again.
//
// Text enters through Scan; tokens leave through Cursor. The package knows nothing of statements,
// of the syntax tree or of the TiDB grammar.
package lex
