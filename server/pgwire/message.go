package pgwire

import (
	"context"
	"net"

	"tidemill/sql/types"
)

// Handler is one client's session. The connection's goroutine makes all calls.
type Handler interface {
	// Handle serves one message: *Query, *Parse, *Bind, *Describe, *Execute, *Close or *Sync. What the
	// message points to is valid until Handle returns. ctx ends when the client cancels, goes away or
	// the server stops; context.Cause then has the error to show. A returned error is sent to the client;
	// an error made with Fatal closes the connection as well.
	Handle(ctx context.Context, m Message, w *Writer) error
	// Status is the transaction status for ReadyForQuery: 'I', 'T' or 'E'.
	Status() byte
	// Close releases what the session holds.
	Close()
}

// Message is a request of the client.
type Message interface{ message() }

type (
	// Query is a simple query: any number of statements.
	Query struct{ SQL string }
	// Parse prepares a statement; a type OID 0 is to be inferred.
	Parse struct {
		Name, SQL string
		Params    []uint32
	}
	// Bind makes a portal of a prepared statement. A nil element of Params is NULL.
	Bind struct {
		Portal, Statement string
		ParamFormats      []int16
		Params            [][]byte
		ResultFormats     []int16
	}
	// Describe asks for the columns of a statement (Kind 'S') or portal ('P').
	Describe struct {
		Kind byte
		Name string
	}
	// Execute runs a portal for at most MaxRows rows, 0 = all.
	Execute struct {
		Portal  string
		MaxRows uint32
	}
	// Close forgets a statement (Kind 'S') or portal ('P').
	Close struct {
		Kind byte
		Name string
	}
	// Sync ends an implicit transaction. Failed tells that messages before it were skipped or failed.
	Sync struct{ Failed bool }
)

func (*Query) message()    {}
func (*Parse) message()    {}
func (*Bind) message()     {}
func (*Describe) message() {}
func (*Execute) message()  {}
func (*Close) message()    {}
func (*Sync) message()     {}

// Startup is what a client said when it connected, after it has proven who it is.
type Startup struct {
	User, Database string
	// Settings are run-time parameters in the order to apply: those of "options" first.
	Settings []Setting
	PID      uint32
	Remote   net.Addr
	TLS      bool
	// Conn gives the session a hand on its connection.
	Conn *Conn
}

// Setting is a run-time parameter given at start.
type Setting struct{ Name, Value string }

// Column describes a result column.
type Column struct {
	Name string
	Type types.Type
	// Table and Attnum say where a plain column comes from; 0 = computed.
	Table  uint32
	Attnum int16
}

// The formats of values.
const (
	Text   int16 = 0
	Binary int16 = 1
)

// fatal marks an error that ends the connection.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// Fatal marks err as one that ends the connection after it has been sent.
func Fatal(err error) error { return fatal{err} }
