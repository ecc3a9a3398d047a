package admin

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tidemill/server/config"
	"tidemill/server/engine"
	"tidemill/server/pgwire"
	"tidemill/sql/sqlerr"
)

// Engine is what the pages need of *engine.Engine.
type Engine interface {
	engine.API
	Metrics() *engine.Metrics
	Err() error
}

// Options make the handler.
type Options struct {
	Engine  Engine
	Wire    *pgwire.Server // nil = no connections to count
	Config  *config.Config
	Started time.Time
	Version string
}

// New returns the handler of all pages.
func New(o Options) (http.Handler, error) {
	if c := o.Config; c != nil && !config.Loopback(c.HTTP) && !c.InsecureNetwork {
		return nil, sqlerr.New(sqlerr.InvalidAuthorization, "refusing to serve the status page on %s: it asks for no password", c.HTTP).
			WithHint("Use a loopback address, or an empty --http to turn it off.")
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{o: o},
	)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", o.health)
	mux.HandleFunc("GET /readyz", o.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /{$}", o.page)
	return secure(mux), nil
}

// secure sets headers that keep pages from being framed, cached or mixed with others' scripts.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		next.ServeHTTP(w, r)
	})
}

// health says whether the process does its work at all.
func (o Options) health(w http.ResponseWriter, _ *http.Request) {
	if err := o.Engine.Err(); err != nil {
		http.Error(w, "stopped: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n")) //nolint:errcheck // the client is gone
}

// ready says whether statements can be served.
func (o Options) ready(w http.ResponseWriter, _ *http.Request) {
	r, err := o.Engine.Reader()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	r.Close()
	w.Write([]byte("ready\n")) //nolint:errcheck // the client is gone
}
