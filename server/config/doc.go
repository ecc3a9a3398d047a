// Package config is the server's configuration: one typed Config, filled from flags, the
// environment, a YAML file and defaults, in that order of precedence.
//
// A setting is one line of the table in settings.go: its name, default, meaning and the field that
// it fills. The flag --max-connections, the variable TIDEMILL_MAX_CONNECTIONS and the file key
// max_connections are the same setting; the reference page is printed from the same table.
//
// Invariant: a Config that Load returns has passed Check. The package must not import any other
// package of the server.
package config
