// Package parse turns SQL text in Postgres's dialect into sql/ast.
//
// Words: a statement is what stands between semicolons; a query or expression inside it is read by
// sql/parse/query, which carries it over the TiDB grammar; everything else is read here by recursive
// descent over the tokens of sql/parse/lex. Names in the result are folded as Postgres folds them and
// positions count characters from 1 within the statement's own text (Parsed.Text).
//
// Invariant: whatever the text, Parse returns; it never panics, never overflows the stack and takes
// time linear in the text, because sql/parse/lex.Limits bound text, depth and lists beforehand. An
// error is a *sqlerr.Error in Postgres's words with the position in the whole text.
//
// Text enters through Parse (messages of clients) and ParseQuery, ParseExpr, ParseType (stored
// texts); trees leave. Only sql/parse and its parts may import the TiDB parser. The package must not
// import the catalog or the planner: it looks no name up.
package parse
