package session

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tidemill/catalog"
	"tidemill/server/config"
	"tidemill/server/engine"
	"tidemill/server/pgcatalog"
	"tidemill/server/pgwire"
	"tidemill/sql/sqlerr"
)

// Manager makes the sessions of a server and knows those that exist.
type Manager struct {
	Engine engine.API
	// System is what the engine was given as engine.Config.System.
	System *pgcatalog.System
	Config *config.Config
	// Version is this program's version, for version().
	Version string
	Log     *slog.Logger
	Started time.Time

	// Wire is the server whose clients these are, for pg_cancel_backend and the like; nil in tests.
	Wire *pgwire.Server

	mu       sync.Mutex
	channels map[string]map[*Session]bool // LISTEN
	sessions map[uint32]*Session
}

// Open makes the session of a client that has logged in; it is pgwire.Options.Open.
func (m *Manager) Open(_ context.Context, st *pgwire.Startup, w *pgwire.Writer) (pgwire.Handler, error) {
	s := &Session{
		m: m, user: st.User, conn: st.Conn, pid: st.PID, w: w, remote: st.Remote, since: time.Now(),
		prepared: map[string]*statement{}, portals: map[string]*portal{},
	}
	r, err := m.Engine.Reader()
	if err != nil {
		return nil, err
	}
	role := r.Catalog.Role(st.User)
	r.Close()
	s.superuser = role != nil && role.Superuser
	s.vars = newVars(func(name, value string) { s.w.Setting(name, value) })
	if err := s.initialVars(st); err != nil {
		return nil, err
	}
	for _, name := range reported {
		v, _ := s.vars.get(name)
		w.Setting(name, v)
	}
	s.setIdle()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions == nil {
		m.sessions, m.channels = map[uint32]*Session{}, map[string]map[*Session]bool{}
	}
	m.sessions[s.pid] = s
	return s, nil
}

// initialVars applies the server's and the client's initial parameters.
func (s *Session) initialVars(st *pgwire.Startup) error {
	s.vars.preset("is_superuser", map[bool]string{true: "on", false: "off"}[s.superuser])
	s.vars.preset("session_authorization", s.user)
	if c := s.m.Config; c != nil {
		for name, d := range map[string]time.Duration{
			"statement_timeout": c.StatementTimeout, "idle_session_timeout": c.IdleSessionTimeout,
			"idle_in_transaction_session_timeout": c.IdleInTransaction,
		} {
			if err := s.vars.setInitial(name, itoa(d.Milliseconds())); err != nil {
				return err
			}
		}
	}
	for _, p := range st.Settings {
		err := s.vars.setInitial(p.Name, p.Value)
		if err == nil {
			s.vars.explicit[p.Name] = true
			continue
		}
		if sqlerr.As(err).Code == sqlerr.UndefinedObject {
			s.w.Notice("WARNING", sqlerr.As(err))
			continue // kinder than Postgres, which ends the connection
		}
		return err
	}
	return nil
}

func (m *Manager) forget(s *Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, s.pid)
	for _, set := range m.channels {
		delete(set, s)
	}
}

// Running implements pgcatalog.Host.
func (m *Manager) Running() engine.API { return m.Engine }

// Activity lists the sessions for pg_stat_activity.
func (m *Manager) Activity() []pgcatalog.Activity {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]pgcatalog.Activity, 0, len(m.sessions))
	for _, s := range m.sessions {
		s.actMu.Lock()
		out = append(out, s.activity)
		s.actMu.Unlock()
	}
	return out
}

// Superuser tells whether a role is one, for the connections that are kept for them.
func Superuser(api engine.API) func(role string) bool {
	return func(role string) bool {
		r, err := api.Reader()
		if err != nil {
			return role == catalog.DefaultRole
		}
		defer r.Close()
		x := r.Catalog.Role(role)
		return x != nil && x.Superuser
	}
}
