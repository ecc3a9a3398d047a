package pgwire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"tidemill/sql/sqlerr"
)

// Conn is one client's connection.
type Conn struct {
	server   *Server
	socket   net.Conn // as accepted
	nc       net.Conn // the same, or TLS over it
	tlsState *tls.ConnectionState
	backend  *pgproto3.Backend // for receiving only
	w        *Writer
	pid      uint32
	key      []byte
	handler  Handler
	counted  bool // in Server.loggedIn; under Server.mu

	// out is held by whoever may write: the connection's goroutine except while it waits for a message.
	out       sync.Mutex
	skipping  bool // after an error, until Sync
	idle      bool // since ReadyForQuery nothing came
	busySince atomic.Int64

	mu         sync.Mutex
	cancelStmt context.CancelCauseFunc // nil = no statement runs
	closing    error                   // set: end at the next chance
	idleLimit  [2]time.Duration        // outside and inside a transaction
	notes      []Notification

	Startup *Startup
	Since   time.Time
}

// Notification is what NOTIFY sends.
type Notification struct {
	PID              uint32
	Channel, Payload string
}

// errClosed says that the client has left.
var errClosed = errors.New("connection closed")

func newConn(s *Server, nc net.Conn, pid uint32) *Conn {
	c := &Conn{server: s, socket: nc, nc: nc, pid: pid, Since: time.Now()}
	c.w = &Writer{c: c, nc: nc, slow: s.limits.SlowReader, reported: map[string]string{}}
	return c
}

// PID returns the connection's process id, as pg_backend_pid shows it.
func (c *Conn) PID() uint32 { return c.pid }

// serve runs the connection from its first byte to its last.
func (c *Conn) serve() {
	defer c.server.remove(c)
	defer c.socket.Close()
	defer c.recover()
	c.out.Lock()
	defer c.out.Unlock()
	if t, ok := c.socket.(*net.TCPConn); ok {
		t.SetNoDelay(true) //nolint:errcheck // a hint
	}
	c.setReadDeadline(time.Now().Add(c.server.limits.AuthTimeout))
	err := c.open()
	if err == nil {
		err = c.loop()
	}
	if c.handler != nil {
		c.handler.Close()
	}
	if err != nil && !errors.Is(err, errClosed) && !c.w.broken(err) {
		c.w.Error("FATAL", err)
		c.w.Flush() //nolint:errcheck // closing anyway
	}
}

func (c *Conn) recover() {
	r := recover()
	if r == nil {
		return
	}
	c.server.stats.panics.Add(1)
	c.server.log.Error("panic in connection", "pid", c.pid, "panic", r, "stack", string(debug.Stack()))
	c.w.encoders = nil
	c.w.Error("FATAL", sqlerr.New(sqlerr.Internal, "internal error: %v", r))
	c.w.Flush() //nolint:errcheck // closing anyway
	func() {
		defer func() { recover() }() //nolint:errcheck // the session's state may be anything now
		if c.handler != nil {
			c.handler.Close()
		}
	}()
}

// open does everything up to the first ReadyForQuery. errClosed means that there is nothing to serve.
func (c *Conn) open() error {
	s, err := c.startup()
	if s == nil && err == nil {
		return errClosed
	}
	c.w.nc = c.nc
	if err != nil {
		return err
	}
	c.backend = pgproto3.NewBackend(counted{c.nc, &c.server.stats.bytesIn}, io.Discard)
	c.backend.SetMaxBodyLen(c.server.limits.EarlyMessage)
	if err := c.login(s); err != nil {
		return err
	}
	c.Startup = s
	h, err := c.server.opt.Open(c.server.ctx, s, c.w)
	if err != nil {
		return err
	}
	c.handler = h
	c.backend.SetMaxBodyLen(c.server.limits.Message)
	c.w.flushSettings()
	c.w.send(&pgproto3.BackendKeyData{ProcessID: c.pid, SecretKey: c.key})
	c.idle = true
	return c.w.ready(h.Status())
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Uint64
}

// Read implements io.Reader.
func (r counted) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(uint64(n))
	return n, err
}

// loop serves messages until the connection ends; the error, if any, is for the client.
func (c *Conn) loop() error {
	for {
		m, err := c.receive()
		if err != nil {
			return err
		}
		switch m.(type) {
		case *pgproto3.Terminate:
			return errClosed
		case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
			continue // left over from a COPY that failed
		}
		c.idle = false
		c.server.stats.statements.Add(1)
		if err := c.dispatch(m); err != nil {
			return err
		}
		if c.w.err != nil {
			return errClosed
		}
	}
}

// receive waits for a message. Meanwhile others may write notifications.
func (c *Conn) receive() (pgproto3.FrontendMessage, error) {
	c.deliver()
	var limit time.Duration
	inTransaction := c.handler.Status() != 'I'
	if c.idle {
		limit = c.idleTimeout(inTransaction)
	}
	c.armRead(limit)
	c.out.Unlock()
	c.deliverIfIdle()
	m, err := c.backend.Receive()
	c.out.Lock()
	if err == nil {
		return m, nil
	}
	c.mu.Lock()
	closing := c.closing
	c.mu.Unlock()
	switch {
	case closing != nil:
		return nil, closing
	case errors.Is(err, os.ErrDeadlineExceeded) && inTransaction:
		return nil, sqlerr.New("25P03", "terminating connection due to idle-in-transaction timeout")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, sqlerr.New("57P05", "terminating connection due to idle-session timeout")
	}
	return nil, c.receiveError(err)
}

// receiveError turns a failure to receive into what the client may hear.
func (c *Conn) receiveError(err error) error {
	var tooLong *pgproto3.ExceededMaxBodyLenErr
	ne := net.Error(nil)
	switch {
	case errors.As(err, &tooLong):
		return Fatal(sqlerr.New(sqlerr.ProtocolViolation, "message of %d bytes is longer than the limit of %d",
			tooLong.ActualBodyLen, tooLong.MaxExpectedBodyLen))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &ne):
		return errClosed
	}
	return Fatal(sqlerr.New(sqlerr.ProtocolViolation, "invalid message: %v", err))
}

// dispatch serves one message of the normal phase.
func (c *Conn) dispatch(m pgproto3.FrontendMessage) error {
	if c.skipping {
		switch m.(type) {
		case *pgproto3.Sync:
		default:
			return nil
		}
	}
	switch m := m.(type) {
	case *pgproto3.Query:
		return c.cycle(&Query{SQL: m.String})
	case *pgproto3.Sync:
		failed := c.skipping
		c.skipping = false
		return c.cycle(&Sync{Failed: failed})
	case *pgproto3.Flush:
		c.w.Flush() //nolint:errcheck // kept in w.err
		return nil
	case *pgproto3.FunctionCall:
		c.w.Error("ERROR", sqlerr.Unsupported("function calls by protocol message are not supported"))
		c.idle = true
		return c.readyResult(c.w.ready(c.handler.Status()))
	case *pgproto3.Parse:
		return c.step(&Parse{Name: m.Name, SQL: m.Query, Params: m.ParameterOIDs})
	case *pgproto3.Bind:
		return c.step(&Bind{Portal: m.DestinationPortal, Statement: m.PreparedStatement,
			ParamFormats: m.ParameterFormatCodes, Params: m.Parameters, ResultFormats: m.ResultFormatCodes})
	case *pgproto3.Describe:
		return c.step(&Describe{Kind: m.ObjectType, Name: m.Name})
	case *pgproto3.Execute:
		return c.step(&Execute{Portal: m.Portal, MaxRows: m.MaxRows})
	case *pgproto3.Close:
		return c.step(&Close{Kind: m.ObjectType, Name: m.Name})
	}
	return sqlerr.New(sqlerr.ProtocolViolation, "unexpected message in this phase")
}

// cycle serves a message that ends with ReadyForQuery.
func (c *Conn) cycle(m Message) error {
	if err := c.handle(m); err != nil {
		if end := c.report(err); end != nil {
			return end
		}
	}
	c.idle = true
	return c.readyResult(c.w.ready(c.handler.Status()))
}

func (c *Conn) readyResult(err error) error {
	if err != nil {
		return errClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// step serves a message of the extended protocol, after whose failure the rest up to Sync is skipped.
func (c *Conn) step(m Message) error {
	err := c.handle(m)
	if err == nil {
		return nil
	}
	c.skipping = true
	if end := c.report(err); end != nil {
		return end
	}
	c.w.Flush() //nolint:errcheck // kept in w.err; the client may wait for the error before it sends Sync
	return nil
}

// report sends a statement's error; the result ends the connection.
func (c *Conn) report(err error) error {
	var f fatal
	if errors.As(err, &f) || errors.Is(err, errClosed) || c.w.err != nil {
		return err
	}
	if e := sqlerr.As(err); e.Code == sqlerr.AdminShutdown {
		return err
	} else if e.Code == sqlerr.Internal {
		c.server.log.Error("internal error", "pid", c.pid, "error", err)
	}
	c.w.Error("ERROR", err)
	return nil
}

// handle calls the handler with a context that Cancel ends.
func (c *Conn) handle(m Message) error {
	ctx, cancel := context.WithCancelCause(c.server.ctx)
	c.mu.Lock()
	c.cancelStmt = cancel
	c.mu.Unlock()
	c.busySince.Store(time.Now().UnixNano())
	defer func() {
		c.busySince.Store(0)
		c.mu.Lock()
		c.cancelStmt = nil
		c.mu.Unlock()
		cancel(nil)
	}()
	err := c.handler.Handle(ctx, m, c.w)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return context.Cause(ctx)
	}
	return err
}
