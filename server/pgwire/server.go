package pgwire

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"tidemill/server/auth"
	"tidemill/sql/sqlerr"
)

// Limits bound what a client can make the server spend. Zero fields mean the default.
type Limits struct {
	Connections     int // that are logged in
	Reserved        int // more of them, for superusers
	Unauthenticated int
	Message         int // bytes of one message
	EarlyMessage    int // bytes of one message before log-in
	AuthTimeout     time.Duration
	SlowReader      time.Duration
}

func (l Limits) withDefaults() Limits {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&l.Connections, 200)
	set(&l.Reserved, 8)
	set(&l.Unauthenticated, 32)
	set(&l.Message, 16<<20)
	set(&l.EarlyMessage, 64<<10)
	if l.AuthTimeout == 0 {
		l.AuthTimeout = 10 * time.Second
	}
	if l.SlowReader == 0 {
		l.SlowReader = time.Minute
	}
	return l
}

// Options make a Server.
type Options struct {
	Limits Limits
	TLS    *tls.Config // nil = not offered
	Auth   *auth.Authenticator
	// Superuser tells who may use the reserved connections. Nil = nobody.
	Superuser func(role string) bool
	// Open makes the handler of a client that has logged in. It reports parameters through w.
	Open func(ctx context.Context, s *Startup, w *Writer) (Handler, error)
	Log  *slog.Logger // nil = slog.Default()
}

// Server serves PostgreSQL clients.
type Server struct {
	opt    Options
	limits Limits
	log    *slog.Logger
	stats  counters

	mu       sync.Mutex
	listener map[net.Listener]bool
	conns    map[uint32]*Conn // logged in or logging in, by PID
	early    []*Conn          // not logged in, oldest first
	fewer    chan struct{}    // tells that early has become shorter
	loggedIn int
	nextPID  uint32
	closing  bool
	wg       sync.WaitGroup
	ctx      context.Context
	stop     context.CancelCauseFunc
}

type counters struct {
	accepted, refused, panics atomic.Uint64
	bytesIn, bytesOut         atomic.Uint64
	statements                atomic.Uint64
}

// Stats are totals since the start, for metrics.
type Stats struct {
	Open                                                   int
	Accepted, Refused, Panics, BytesIn, BytesOut, Messages uint64
}

// New returns a server that does not listen yet.
func New(opt Options) *Server {
	s := &Server{
		opt: opt, limits: opt.Limits.withDefaults(), log: opt.Log,
		listener: map[net.Listener]bool{}, conns: map[uint32]*Conn{}, nextPID: 1000, fewer: make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	go s.watch()
	return s
}

// Stats returns the totals.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	open := s.loggedIn
	s.mu.Unlock()
	c := &s.stats
	return Stats{Open: open, Accepted: c.accepted.Load(), Refused: c.refused.Load(), Panics: c.panics.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(), Messages: c.statements.Load()}
}

// Serve accepts connections until the listener fails or Shutdown closes it, which gives nil.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.listener[l] = true
	s.mu.Unlock()
	for {
		nc, err := l.Accept()
		if err != nil {
			if s.isClosing() {
				return nil
			}
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() || isTemporary(err) {
				time.Sleep(50 * time.Millisecond) // out of file descriptors: others may go
				continue
			}
			return fmt.Errorf("accept: %w", err)
		}
		s.stats.accepted.Add(1)
		if c := s.admit(nc); c != nil {
			go c.serve()
		} else {
			nc.Close()
		}
	}
}

func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// patience is how long a connection may take to log in while others wait for its place.
const patience = time.Second

// admit registers a new connection. When too many have not logged in yet it waits, as do those behind
// it in the system's queue; an oldest one that takes too long makes room, so that silent connections
// cannot lock others out.
func (s *Server) admit(nc net.Conn) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closing && len(s.early) >= s.limits.Unauthenticated {
		left := patience - time.Since(s.early[0].Since)
		if left <= 0 {
			s.early[0].nc.Close()
			s.early = s.early[1:]
			s.stats.refused.Add(1)
			break
		}
		s.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-s.fewer:
		case <-s.ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		s.mu.Lock()
	}
	if s.closing {
		return nil
	}
	for s.nextPID++; s.conns[s.nextPID] != nil || s.nextPID == 0 || s.nextPID > 1<<30; s.nextPID++ {
		if s.nextPID > 1<<30 {
			s.nextPID = 1000
		}
	}
	c := newConn(s, nc, s.nextPID)
	s.conns[c.pid] = c
	s.early = append(s.early, c)
	s.wg.Add(1)
	return c
}

// loginDone moves a connection to those that are logged in, unless there are too many.
func (s *Server) loginDone(c *Conn, user string) error {
	super := s.opt.Superuser != nil && s.opt.Superuser(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.limits.Connections
	if super {
		limit += s.limits.Reserved
	}
	if s.loggedIn >= limit {
		s.stats.refused.Add(1)
		return sqlerr.New(sqlerr.TooManyConnections, "sorry, too many clients already")
	}
	s.dropEarly(c)
	s.loggedIn++
	c.counted = true
	return nil
}

func (s *Server) dropEarly(c *Conn) {
	for i, e := range s.early {
		if e == c {
			s.early = append(s.early[:i:i], s.early[i+1:]...)
			select {
			case s.fewer <- struct{}{}:
			default:
			}
			return
		}
	}
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	delete(s.conns, c.pid)
	s.dropEarly(c)
	if c.counted {
		s.loggedIn--
	}
	s.mu.Unlock()
	s.wg.Done()
}

func (s *Server) byPID(pid uint32) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[pid]
}

// Connections returns the connections that are logged in.
func (s *Server) Connections() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Conn
	for _, c := range s.conns {
		if c.counted {
			out = append(out, c)
		}
	}
	return out
}

// cancelRequest serves a CancelRequest: the key must be right, and nobody is told whether it was.
func (s *Server) cancelRequest(pid uint32, key []byte) {
	if c := s.byPID(pid); c != nil && subtle.ConstantTimeCompare(c.key, key) == 1 {
		c.Cancel()
	}
}

// Cancel cancels the running statement of a connection, as pg_cancel_backend does.
func (s *Server) Cancel(pid uint32) bool {
	c := s.byPID(pid)
	if c != nil {
		c.Cancel()
	}
	return c != nil
}

// Terminate ends a connection, as pg_terminate_backend does.
func (s *Server) Terminate(pid uint32) bool {
	c := s.byPID(pid)
	if c != nil {
		c.terminate(sqlerr.New(sqlerr.AdminShutdown, "terminating connection due to administrator command"))
	}
	return c != nil
}

// Shutdown stops listening, closes idle connections and waits for busy ones until ctx ends, then
// cancels their statements. It returns when all connections are gone.
func (s *Server) Shutdown(ctx context.Context) {
	reason := sqlerr.New(sqlerr.AdminShutdown, "terminating connection due to administrator command")
	s.mu.Lock()
	s.closing = true
	for l := range s.listener {
		l.Close()
	}
	conns := make([]*Conn, 0, len(s.conns))
	for _, c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.closeWhenIdle(reason)
	}
	gone := make(chan struct{})
	go func() { s.wg.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-ctx.Done():
		for _, c := range conns {
			c.terminate(reason)
		}
		select {
		case <-gone:
		case <-time.After(5 * time.Second): // a statement that does not listen
			for _, c := range conns {
				c.nc.Close()
			}
		}
	}
	s.stop(reason)
}

// watch looks after clients that went away while their statement runs.
func (s *Server) watch() {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range s.Connections() {
			if since := c.busySince.Load(); since != 0 && time.Now().UnixNano()-since > int64(time.Second) && hungUp(c.socket) {
				c.cancel(sqlerr.New(sqlerr.ConnectionFailure, "connection to client lost"))
			}
		}
	}
}

func newKey(n int) []byte {
	k := make([]byte, n)
	rand.Read(k) //nolint:errcheck // never fails
	return k
}
