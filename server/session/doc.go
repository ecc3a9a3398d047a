// Package session is one client's session: variables, prepared statements, portals, cursors and
// transactions. It implements pgwire.Handler: messages come in, calls to the parser, the planner and
// the engine go out.
//
// Words: a statement is parsed text with its plan, kept under a name; a portal is a statement bound to
// parameters, half-way through its rows perhaps; a block is what stands between BEGIN and COMMIT.
//
// Transactions are what the engine can keep: all reads of a block see one epoch, all its INSERTs are
// applied at COMMIT, and what cannot be taken back (DDL) takes effect at once and says so.
//
// Invariant: only the connection's goroutine touches a Session, or a portal's goroutine while the
// connection's waits for it. Nothing in here reads or writes the socket but through pgwire.Writer.
package session
