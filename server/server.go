// Package server assembles a running server: engine, catalogue, sessions, the Postgres listener and
// the HTTP listener.
package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"tidemill/catalog"
	"tidemill/server/admin"
	"tidemill/server/auth"
	"tidemill/server/config"
	"tidemill/server/engine"
	"tidemill/server/pgcatalog"
	"tidemill/server/pgwire"
	"tidemill/server/session"
)

// Version is what the program calls itself; the binary sets it.
var Version = "development"

// Hooks change how a server is assembled, for tests.
type Hooks struct {
	// Check runs invariant checkers on every edge and view.
	Check bool
}

// Server is a running server.
type Server struct {
	cfg    *config.Config
	log    *slog.Logger
	engine *engine.Engine
	wire   *pgwire.Server
	pg     net.Listener
	web    net.Listener
	http   *http.Server

	done chan struct{}
	once sync.Once
	err  error
}

// Start opens the data directory and serves until Shutdown or a failure.
func Start(cfg *config.Config) (*Server, error) { return StartWith(cfg, Hooks{}) }

// StartWith is Start with hooks.
func StartWith(cfg *config.Config, h Hooks) (*Server, error) {
	log, err := logger(cfg)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	system := pgcatalog.New()
	e, err := engine.Open(engine.Config{
		Dir: cfg.Data, Workers: cfg.Workers, MemoryLimit: cfg.Memory, QueryMemory: cfg.QueryMemory, Tick: cfg.Tick, System: system, Log: log, Check: h.Check,
	})
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log, engine: e, done: make(chan struct{})}
	if err := s.listen(system, started); err != nil {
		return nil, errors.Join(err, s.Shutdown())
	}
	go func() {
		<-e.Done()
		s.end(e.Err())
	}()
	return s, nil
}

// listen opens both listeners, after the refusals that keep an open server off the network.
func (s *Server) listen(system *pgcatalog.System, started time.Time) error {
	if err := auth.CheckListen(s.cfg.Listen, s.engine.Catalog(), s.cfg.InsecureNetwork); err != nil {
		return err
	}
	tlsConfig, cert, err := loadTLS(s.cfg)
	if err != nil {
		return err
	}
	m := &session.Manager{Engine: s.engine, System: system, Config: s.cfg, Version: Version, Log: s.log, Started: started}
	s.wire = pgwire.New(pgwire.Options{
		Limits: limits(s.cfg), TLS: tlsConfig,
		Auth:      auth.New(s.engine.Catalog, s.cfg.InsecureNetwork, cert),
		Superuser: session.Superuser(s.engine), Open: m.Open, Log: s.log,
	})
	m.Wire = s.wire
	system.Bind(m)
	if s.pg, err = net.Listen("tcp", s.cfg.Listen); err != nil {
		return err
	}
	go func() {
		if err := s.wire.Serve(s.pg); err != nil {
			s.end(err)
		}
	}()
	if s.cfg.HTTP == "" {
		return nil
	}
	handler, err := admin.New(admin.Options{Engine: s.engine, Wire: s.wire, Config: s.cfg, Started: started, Version: Version})
	if err != nil {
		return err
	}
	if s.web, err = net.Listen("tcp", s.cfg.HTTP); err != nil {
		return err
	}
	s.http = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := s.http.Serve(s.web); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.end(err)
		}
	}()
	return nil
}

func limits(c *config.Config) pgwire.Limits {
	return pgwire.Limits{
		Connections: c.MaxConnections, Unauthenticated: c.MaxUnauthenticated,
		Message: int(c.MaxMessage), EarlyMessage: int(c.MaxMessageBeforeAuth),
		AuthTimeout: c.AuthTimeout, SlowReader: c.SlowReaderTimeout,
	}
}

// loadTLS reads the server's certificate; nil when none is configured.
func loadTLS(c *config.Config) (*tls.Config, *x509.Certificate, error) {
	if c.TLSCert == "" {
		return nil, nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"postgresql"}}, leaf, nil
}

func logger(c *config.Config) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, fmt.Errorf("setting log-level: %w", err)
	}
	opt := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opt)), nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opt)), nil
}

// Engine gives access to the engine.
func (s *Server) Engine() *engine.Engine { return s.engine }

// Addr is the address of the Postgres listener.
func (s *Server) Addr() string { return s.pg.Addr().String() }

// HTTPAddr is the address of the HTTP listener, "" when it is off.
func (s *Server) HTTPAddr() string {
	if s.web == nil {
		return ""
	}
	return s.web.Addr().String()
}

// URL is a connection string for the first role.
func (s *Server) URL() string {
	return fmt.Sprintf("postgres://%s@%s/%s", catalog.DefaultRole, s.Addr(), catalog.DefaultDatabase)
}

// Done is closed when the server has failed or was shut down.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns what the server failed with, or nil.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

func (s *Server) end(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.done)
	})
}

// Shutdown stops accepting, ends the sessions, makes everything durable and closes the store.
func (s *Server) Shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownGrace)
	defer cancel()
	if s.http != nil {
		s.http.Close()
	}
	if s.wire != nil {
		s.wire.Shutdown(ctx)
	}
	err := s.engine.Close()
	s.end(nil)
	return err
}
