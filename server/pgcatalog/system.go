package pgcatalog

import (
	"context"
	"net"
	"sync"
	"time"

	"tidemill/server/engine"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// System gives the planner and the engine the virtual relations.
type System struct {
	mu      sync.Mutex
	api     engine.API
	version uint64 // of the cached rows
	cache   map[uint32]*rows.Batch
	started time.Time
}

// New returns the virtual relations. Bind connects them with the server once it runs.
func New() *System { return &System{cache: map[uint32]*rows.Batch{}, started: time.Now()} }

// Host is the running server behind the relations.
type Host interface {
	// Running returns the engine, whose numbers some relations show.
	Running() engine.API
}

// Bind gives access to the running server.
func (s *System) Bind(h Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.api = h.Running()
}

// Lookup implements planner.System; schema "" is the implicit search of pg_catalog.
func (s *System) Lookup(schema, name string) (uint32, types.Schema, bool) {
	if schema == "" {
		schema = "pg_catalog"
	}
	r := relationNames[schema+"."+name]
	if r == nil {
		return 0, nil, false
	}
	return r.ID, r.Columns, true
}

// Rows implements engine.System.
func (s *System) Rows(ctx context.Context, id uint32, snap *engine.Reader) (*rows.Batch, error) {
	r := relations[id]
	if r == nil {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation with OID %d does not exist", id)
	}
	if !r.live {
		if b := s.cached(id, snap.Catalog.Version); b != nil {
			return b, nil
		}
	}
	t := &table{
		Relation: r, sys: s, snap: snap.Catalog, reader: snap, sess: sessionOf(ctx),
		out: rows.NewBuilder(r.Columns, 16), set: make([]bool, len(r.Columns)), vals: make([]any, len(r.Columns)),
	}
	if r.rows != nil {
		r.rows(t)
	}
	if t.err != nil {
		return nil, t.err
	}
	b := t.out.Finish()
	if !r.live {
		s.keep(id, snap.Catalog.Version, b)
	}
	return b, nil
}

func (s *System) cached(id uint32, version uint64) *rows.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version != version {
		return nil
	}
	return s.cache[id]
}

func (s *System) keep(id uint32, version uint64, b *rows.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version < s.version {
		return
	}
	if version > s.version {
		s.version = version
		clear(s.cache)
	}
	s.cache[id] = b
}

func (s *System) engine() engine.API {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.api
}

// Session is what the relations about the own session and its neighbours show.
type Session interface {
	// Info answers "user", "database" and the like, as fn.Session does.
	Info(what string) string
	Settings() []Setting
	Prepared() []Prepared
	Cursors() []Cursor
	Activity() []Activity
}

// Setting is a row of pg_settings.
type Setting struct {
	Name, Value, Unit, Category, Doc, Context, Kind, Min, Max, Boot, Reset string
	Values                                                                 []string
	Changed                                                                bool
}

// Prepared is a row of pg_prepared_statements.
type Prepared struct {
	Name, Text string
	Made       time.Time
	Types      []string
	FromSQL    bool
}

// Cursor is a row of pg_cursors.
type Cursor struct {
	Name, Text   string
	Hold, Binary bool
}

// Activity is a row of pg_stat_activity.
type Activity struct {
	PID                              uint32
	User, Application, State, Query  string
	Started, QueryStart, StateChange time.Time
	Remote                           net.Addr
}

type sessionKey struct{}

// WithSession returns a context that carries the session a query runs for.
func WithSession(ctx context.Context, s Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

func sessionOf(ctx context.Context) Session {
	s, _ := ctx.Value(sessionKey{}).(Session)
	return s
}
