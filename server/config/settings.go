package config

import (
	"strconv"
	"strings"
	"time"
)

// Setting describes one setting for the reference page and the command line.
type Setting struct {
	Name    string // as a flag; the file key has underscores
	Default string
	Doc     string
	set     func(c *Config, value string) error
	boolean bool
}

// Env returns the name of the environment variable.
func (s *Setting) Env() string { return "TIDEMILL_" + strings.ToUpper(s.Key()) }

// Key returns the name of the key in the configuration file.
func (s *Setting) Key() string { return strings.ReplaceAll(s.Name, "-", "_") }

// Settings lists all settings in the order of the reference page.
func Settings() []Setting { return settings }

var settings = []Setting{
	str("data", "tidemill-data", "Directory of the database. It is created when missing.",
		func(c *Config) *string { return &c.Data }),
	str("listen", "127.0.0.1:5477", "Address for PostgreSQL clients. Beyond loopback the server starts only when role tidemill has a password.",
		func(c *Config) *string { return &c.Listen }),
	str("http", "127.0.0.1:5478", "Address of the status page, health checks and metrics; empty turns them off. They ask for no password.",
		func(c *Config) *string { return &c.HTTP }),
	num("workers", "0", 0, 1024, "Number of workers that share the rows; 0 means one per processor.",
		func(c *Config) *int { return &c.Workers }),
	size("memory", "0", "Memory for state and queries together; 0 means three quarters of the machine's.",
		func(c *Config) *int64 { return &c.Memory }),
	size("query-memory", "256MiB", "Memory that one query may use before it fails with 53200.",
		func(c *Config) *int64 { return &c.QueryMemory }),
	dur("tick", "1s", "How fine the time is that now() has in materialized views, which make an epoch each time it moves.",
		func(c *Config) *time.Duration { return &c.Tick }),

	str("tls-cert", "", "File with the server's TLS certificate chain (PEM). With it clients may encrypt, and from beyond loopback they must.",
		func(c *Config) *string { return &c.TLSCert }),
	str("tls-key", "", "File with the private key of tls-cert (PEM). Others must not be able to read it.",
		func(c *Config) *string { return &c.TLSKey }),
	flag("i-accept-unauthenticated-network-access", "Listen beyond loopback without passwords and without TLS. Anybody who reaches the port owns the database.",
		func(c *Config) *bool { return &c.InsecureNetwork }),
	num("scram-iterations", "15000", 4096, 10_000_000, "Hash iterations of passwords that are set from now on.",
		func(c *Config) *int { return &c.ScramIterations }),
	dur("auth-timeout", "10s", "Time for a new connection to log in.",
		func(c *Config) *time.Duration { return &c.AuthTimeout }),

	num("max-connections", "200", 1, 100_000, "Connections at a time; 8 more are kept for superusers. Others get 53300.",
		func(c *Config) *int { return &c.MaxConnections }),
	num("max-unauthenticated", "32", 1, 100_000, "Connections at a time that have not logged in yet.",
		func(c *Config) *int { return &c.MaxUnauthenticated }),
	size("max-message", "16MiB", "Longest protocol message from a client.",
		func(c *Config) *int64 { return &c.MaxMessage }),
	size("max-message-before-auth", "64KiB", "Longest protocol message before log-in.",
		func(c *Config) *int64 { return &c.MaxMessageBeforeAuth }),
	num("max-prepared-statements", "1000", 1, 1_000_000, "Prepared statements of one session.",
		func(c *Config) *int { return &c.MaxPrepared }),
	num("max-portals", "100", 1, 1_000_000, "Open portals and cursors of one session.",
		func(c *Config) *int { return &c.MaxPortals }),
	num("copy-batch-rows", "8192", 1, 1_000_000, "Rows that COPY FROM hands on at a time.",
		func(c *Config) *int { return &c.CopyBatchRows }),

	dur("statement-timeout", "60s", "Initial statement_timeout of sessions. As long as a session has not set it itself it spares statements that define objects and those that wait for changes (SUBSCRIBE). 0 = none.",
		func(c *Config) *time.Duration { return &c.StatementTimeout }),
	dur("idle-session-timeout", "0", "Initial idle_session_timeout: a session outside a transaction that says nothing for so long is closed. 0 = never.",
		func(c *Config) *time.Duration { return &c.IdleSessionTimeout }),
	dur("idle-in-transaction-timeout", "60s", "Initial idle_in_transaction_session_timeout. 0 = never.",
		func(c *Config) *time.Duration { return &c.IdleInTransaction }),
	dur("slow-reader-timeout", "60s", "A client that does not take its results for so long is disconnected.",
		func(c *Config) *time.Duration { return &c.SlowReaderTimeout }),
	dur("shutdown-grace", "10s", "Time for running statements to end when the server stops.",
		func(c *Config) *time.Duration { return &c.ShutdownGrace }),

	oneOf("log-level", "info", []string{"debug", "info", "warn", "error"}, "Least level of messages in the log.",
		func(c *Config) *string { return &c.LogLevel }),
	oneOf("log-format", "text", []string{"text", "json"}, "Form of the log on standard error.",
		func(c *Config) *string { return &c.LogFormat }),
}

func str(name, def, doc string, field func(*Config) *string) Setting {
	return Setting{Name: name, Default: def, Doc: doc, set: func(c *Config, v string) error {
		*field(c) = v
		return nil
	}}
}

func oneOf(name, def string, values []string, doc string, field func(*Config) *string) Setting {
	doc += " One of " + strings.Join(values, ", ") + "."
	return Setting{Name: name, Default: def, Doc: doc, set: func(c *Config, v string) error {
		for _, x := range values {
			if x == v {
				*field(c) = v
				return nil
			}
		}
		return invalid(name, "%q is not one of %s", v, strings.Join(values, ", "))
	}}
}

func flag(name, doc string, field func(*Config) *bool) Setting {
	return Setting{Name: name, Default: "false", Doc: doc, boolean: true, set: func(c *Config, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return invalid(name, "%q is not true or false", v)
		}
		*field(c) = b
		return nil
	}}
}

func num(name, def string, low, high int, doc string, field func(*Config) *int) Setting {
	return Setting{Name: name, Default: def, Doc: doc, set: func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil {
			return invalid(name, "%q is not a whole number", v)
		}
		if n < low || n > high {
			return invalid(name, "%d is outside %d to %d", n, low, high)
		}
		*field(c) = n
		return nil
	}}
}

func dur(name, def, doc string, field func(*Config) *time.Duration) Setting {
	return Setting{Name: name, Default: def, Doc: doc, set: func(c *Config, v string) error {
		d, err := time.ParseDuration(v)
		if v == "0" {
			d, err = 0, nil
		}
		if err != nil {
			return invalid(name, "%q is not a duration such as 30s or 5m", v)
		}
		if d < 0 {
			return invalid(name, "%q is negative", v)
		}
		*field(c) = d
		return nil
	}}
}

func size(name, def, doc string, field func(*Config) *int64) Setting {
	return Setting{Name: name, Default: def, Doc: doc, set: func(c *Config, v string) error {
		n, err := ParseSize(v)
		if err != nil {
			return invalid(name, "%q is not a size such as 64MiB or 2GB", v)
		}
		*field(c) = n
		return nil
	}}
}

var sizeUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1 << 10}, {"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"TB", 1 << 40}, {"B", 1}, {"", 1},
}

// ParseSize reads a number of bytes with an optional unit. As in PostgreSQL's settings kB, MB and GB
// are powers of 1024 too.
func ParseSize(s string) (int64, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.factor {
			return 0, strconv.ErrRange
		}
		return n * u.factor, nil
	}
	return 0, strconv.ErrSyntax
}
