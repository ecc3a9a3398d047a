package session

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"tidemill/catalog"
	"tidemill/server/engine"
	"tidemill/server/pgcatalog"
	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Session is one client's session.
type Session struct {
	m         *Manager
	user      string
	superuser bool
	conn      *pgwire.Conn
	pid       uint32
	remote    net.Addr
	since     time.Time
	w         *pgwire.Writer // of the message being served

	vars     *vars
	prepared map[string]*statement
	portals  map[string]*portal // the protocol's portals and SQL's cursors: one namespace
	block    block

	// snap is the catalog that the running statement sees, for the functions that ask.
	snap *catalog.Snapshot
	// clock is the time of the statement or block, µs since 1970.
	clock int64
	// ctx is that of the statement being run.
	ctx context.Context

	// sequences are those that the session has used, by name as written; lastSequence gave the last number.
	sequences    map[string]*sequenceUse
	lastSequence *sequenceUse

	noticeMu sync.Mutex
	notices  []notice

	actMu    sync.Mutex
	activity pgcatalog.Activity
}

type notice struct {
	severity string
	err      *sqlerr.Error
}

// Handle implements pgwire.Handler.
func (s *Session) Handle(ctx context.Context, m pgwire.Message, w *pgwire.Writer) error {
	s.w, s.ctx = w, ctx
	var err error
	switch m := m.(type) {
	case *pgwire.Query:
		err = s.simple(ctx, m.SQL)
	case *pgwire.Parse:
		err = s.parse(m)
	case *pgwire.Bind:
		err = s.bind(m)
	case *pgwire.Describe:
		err = s.describe(m)
	case *pgwire.Execute:
		err = s.execute(ctx, m)
	case *pgwire.Close:
		err = s.close(m)
	case *pgwire.Sync:
		err = s.sync(ctx)
	}
	if err != nil {
		err = settle(ctx, err)
		s.failed()
	}
	s.sendNotices()
	return err
}

// settle replaces the error of a context that ended by the reason why it ended.
func settle(ctx context.Context, err error) error {
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	var e *sqlerr.Error
	if errors.As(err, &e) {
		return err
	}
	return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
}

// Status implements pgwire.Handler.
func (s *Session) Status() byte {
	switch {
	case s.block.failed:
		return 'E'
	case s.block.open:
		return 'T'
	}
	return 'I'
}

// Close implements pgwire.Handler.
func (s *Session) Close() {
	for name := range s.portals {
		s.closePortal(name)
	}
	s.block.drop()
	s.m.forget(s)
}

// simple runs the text of a simple query: all its statements or none after the first that fails.
func (s *Session) simple(ctx context.Context, text string) error {
	delete(s.prepared, "")
	s.closePortal("")
	s.observe("active", text)
	defer s.observe("idle", "")
	list, err := parseText(text)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		s.w.Empty()
		return nil
	}
	s.block.implicit = len(list) > 1
	for _, st := range list {
		if err := s.runSimple(ctx, st); err != nil {
			return err
		}
	}
	return s.endImplicit(ctx)
}

func (s *Session) runSimple(ctx context.Context, st *statement) error {
	p := &portal{st: st}
	defer p.close()
	if _, later := st.stmt.(*ast.Prepare); st.bare != nil && !later {
		return st.locate(st.bare)
	}
	ctx, cancel := s.deadline(ctx, st)
	defer cancel()
	err := s.start(ctx, p)
	if err == nil {
		if p.cols != nil {
			s.w.Columns(p.cols, nil)
		}
		err = s.run(ctx, p, 0)
	}
	if err != nil {
		return st.locate(settle(ctx, err))
	}
	return nil
}

// start readies a portal for its first run: checks that it may run now, and plans.
func (s *Session) start(_ context.Context, p *portal) error {
	if err := s.mayRun(p.st.stmt); err != nil {
		return err
	}
	s.tick()
	return s.resolve(p)
}

// mayRun refuses statements in a block that has failed.
func (s *Session) mayRun(stmt any) error {
	if s.block.failed && !endsBlock(stmt) {
		return sqlerr.New(sqlerr.InFailedTransaction, "current transaction is aborted, commands ignored until end of transaction block")
	}
	return nil
}

// tick sets the time that now() shows: that of the block's start inside one.
func (s *Session) tick() {
	if (s.block.open || s.block.implicit) && s.block.now != 0 {
		s.clock = s.block.now
		return
	}
	s.clock = time.Now().UnixMicro()
	s.block.now = s.clock
}

// deadline applies statement_timeout. As long as it is the server's default it spares statements that
// define objects, as filling a view may take its time, and those that wait for changes.
func (s *Session) deadline(ctx context.Context, st *statement) (context.Context, context.CancelFunc) {
	d := s.vars.statementTimeout
	if d == 0 || !s.vars.explicit["statement_timeout"] && (isDefinition(st.stmt) || waitsForChanges(st.stmt)) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d, sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to statement timeout"))
	s.ctx = ctx
	return ctx, cancel
}

// failed is called after every error: a block fails, an implicit one is over.
func (s *Session) failed() {
	if s.block.open {
		s.block.failed = true
		if s.block.txn == nil { // else ROLLBACK TO may revive the block, and its writes belong to its epoch
			s.block.unpin()
		}
		return
	}
	s.endOfTransaction(false)
}

// env returns the settings that text forms depend on, for a statement that sees snap.
func (s *Session) env(snap *catalog.Snapshot) types.Env {
	e := s.vars.env
	e.Now = s.clock
	if snap != nil {
		e.Lookup = &pgcatalog.Names{Snap: snap, Path: s.vars.effectivePath(snap, s.user)}
	}
	return e
}

// fnCtx returns the context of a statement's expressions.
func (s *Session) fnCtx(snap *catalog.Snapshot) *fn.Ctx {
	s.snap = snap
	return &fn.Ctx{Env: s.env(snap), Now: s.clock, Session: (*functions)(s)}
}

// caller describes the session to statements that define objects.
func (s *Session) caller(snap *catalog.Snapshot, text string) *engine.Caller {
	return &engine.Caller{
		User: s.user, SearchPath: s.vars.effectivePath(snap, s.user), Env: s.env(snap), Text: text, Fn: s.fnCtx(snap),
		Notice: func(severity, code, message string) {
			s.notify(severity, sqlerr.New(sqlerr.Code(code), "%s", message))
		},
	}
}

// notify queues a message for the client; any goroutine may call it.
func (s *Session) notify(severity string, e *sqlerr.Error) {
	s.noticeMu.Lock()
	defer s.noticeMu.Unlock()
	if len(s.notices) < 1000 {
		s.notices = append(s.notices, notice{severity, e})
	}
}

func (s *Session) warn(code sqlerr.Code, format string, args ...any) {
	s.notify("WARNING", sqlerr.New(code, format, args...))
}

func (s *Session) sendNotices() {
	s.noticeMu.Lock()
	list := s.notices
	s.notices = nil
	s.noticeMu.Unlock()
	for _, n := range list {
		if s.vars.wants(n.severity) {
			s.w.Notice(n.severity, n.err)
		}
	}
}

// complete sends what waits and the command tag.
func (s *Session) complete(tag string) {
	s.sendNotices()
	s.w.Complete(tag)
}

// observe keeps what pg_stat_activity shows.
func (s *Session) observe(state, query string) {
	now := time.Now()
	s.actMu.Lock()
	defer s.actMu.Unlock()
	a := &s.activity
	if a.PID == 0 {
		*a = pgcatalog.Activity{PID: s.pid, User: s.user, Started: s.since, Remote: s.remote}
	}
	if state == "idle" {
		switch s.Status() {
		case 'T':
			state = "idle in transaction"
		case 'E':
			state = "idle in transaction (aborted)"
		}
	} else {
		a.QueryStart = now
		a.Query = strings.Clone(query[:min(len(query), 1024)])
	}
	a.State, a.StateChange = state, now
	a.Application, _ = s.vars.get("application_name")
}

// setIdle tells the connection how long the client may be silent.
func (s *Session) setIdle() {
	if s.conn != nil {
		s.conn.SetIdleTimeouts(s.vars.idleSession, s.vars.idleInBlock)
	}
}
