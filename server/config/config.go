package config

import (
	"net"
	"time"

	"tidemill/sql/sqlerr"
)

// Config is the configuration of a server. The table in settings.go documents every field.
type Config struct {
	File string // where it was read from; "" = nowhere

	Data    string
	Listen  string
	HTTP    string
	Workers int
	Memory  int64

	TLSCert string
	TLSKey  string
	// InsecureNetwork accepts clients from the network that prove nothing.
	InsecureNetwork bool
	ScramIterations int
	AuthTimeout     time.Duration

	MaxConnections       int
	MaxUnauthenticated   int
	MaxMessage           int64
	MaxMessageBeforeAuth int64
	MaxPrepared          int
	MaxPortals           int

	StatementTimeout   time.Duration
	IdleSessionTimeout time.Duration
	IdleInTransaction  time.Duration
	SlowReaderTimeout  time.Duration
	ShutdownGrace      time.Duration
	CopyBatchRows      int
	LogLevel           string
	LogFormat          string
	QueryMemory        int64
	Tick               time.Duration
}

// Default returns the configuration that applies where nothing is said.
func Default() *Config {
	c := &Config{}
	for _, s := range settings {
		if err := s.set(c, s.Default); err != nil {
			panic("config: default of " + s.Name + ": " + err.Error())
		}
	}
	return c
}

// Check refuses combinations that make no sense or are not safe.
func (c *Config) Check() error {
	if c.Data == "" {
		return invalid("data", "the data directory must be named")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return invalid("listen", "%q is not host:port", c.Listen)
	}
	if c.HTTP != "" {
		if _, _, err := net.SplitHostPort(c.HTTP); err != nil {
			return invalid("http", "%q is not host:port", c.HTTP)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return invalid("tls-cert", "tls-cert and tls-key go together")
	}
	if c.MaxMessageBeforeAuth > c.MaxMessage {
		return invalid("max-message-before-auth", "greater than max-message")
	}
	return nil
}

func invalid(name, format string, args ...any) *sqlerr.Error {
	e := sqlerr.New(sqlerr.InvalidParameterValue, format, args...)
	e.Message = "setting " + name + ": " + e.Message
	return e
}

// Loopback tells whether addr (host:port) can be reached from this machine only.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
