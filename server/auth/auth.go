package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net"

	"tidemill/catalog"
	"tidemill/server/config"
	"tidemill/sql/sqlerr"
)

// Request is a connection that wants to log in.
type Request struct {
	User, Database string
	Remote         net.Addr
	TLS            *tls.ConnectionState // nil = not encrypted
}

// Authenticator decides about connections.
type Authenticator struct {
	snapshot func() *catalog.Snapshot
	insecure bool
	tlsUsed  bool
	cert     *x509.Certificate // for channel binding; nil = none
	secret   [32]byte          // keys the salts of users that do not exist
	guesses  *guesses
}

// New returns an authenticator over the current catalog. insecure says that the operator accepts
// clients from the network without proof; cert is the server's certificate, nil without TLS.
func New(snapshot func() *catalog.Snapshot, insecure bool, cert *x509.Certificate) *Authenticator {
	a := &Authenticator{snapshot: snapshot, insecure: insecure, cert: cert, tlsUsed: cert != nil, guesses: newGuesses()}
	rand.Read(a.secret[:]) //nolint:errcheck // never fails
	return a
}

// passwordSet tells whether the first administrator has a password, from when on everybody needs one.
func passwordSet(s *catalog.Snapshot) bool {
	r := s.Role(catalog.DefaultRole)
	return r == nil || r.Verifier != ""
}

// CheckListen refuses to serve an address beyond loopback while everybody would be let in.
func CheckListen(addr string, s *catalog.Snapshot, allow bool) error {
	if allow || config.Loopback(addr) || passwordSet(s) {
		return nil
	}
	return sqlerr.New(sqlerr.InvalidAuthorization, "refusing to listen on %s: role %q has no password", addr, catalog.DefaultRole).
		WithHint("Start on 127.0.0.1 and run ALTER ROLE %s PASSWORD '...' first.", catalog.DefaultRole)
}

// Begin says how the user must prove itself: a nil Exchange means that nothing more is asked.
// The error, if any, is what the client gets.
func (a *Authenticator) Begin(r *Request) (*Exchange, error) {
	snap := a.snapshot()
	local := isLoopback(r.Remote)
	if !local && !a.insecure && a.tlsUsed && r.TLS == nil {
		return nil, sqlerr.New(sqlerr.InvalidAuthorization,
			"no encryption: connections from host %q must use TLS", host(r.Remote))
	}
	if !passwordSet(snap) {
		if !local && !a.insecure {
			return nil, sqlerr.New(sqlerr.InvalidAuthorization,
				"connections from host %q are refused until role %q has a password", host(r.Remote), catalog.DefaultRole)
		}
		return nil, a.Admit(r)
	}
	return a.exchange(r, snap.Role(r.User)), nil
}

// Admit makes the last checks of a user whose identity is proven: role and database exist.
func (a *Authenticator) Admit(r *Request) error {
	role := a.snapshot().Role(r.User)
	if role == nil {
		return sqlerr.New(sqlerr.InvalidAuthorization, "role %q does not exist", r.User)
	}
	if !role.Login {
		return sqlerr.New(sqlerr.InvalidAuthorization, "role %q is not permitted to log in", r.User)
	}
	if r.Database != catalog.DefaultDatabase {
		return sqlerr.New(sqlerr.InvalidCatalogName, "database %q does not exist", r.Database)
	}
	return nil
}

func host(addr net.Addr) string {
	if addr == nil {
		return "[local]"
	}
	if h, _, err := net.SplitHostPort(addr.String()); err == nil {
		return h
	}
	return addr.String()
}

func isLoopback(addr net.Addr) bool {
	if addr == nil || addr.Network() == "unix" {
		return true
	}
	ip := net.ParseIP(host(addr))
	return ip != nil && ip.IsLoopback()
}

// mockSalt returns the salt shown for a user that has no password: always the same for the same name.
func (a *Authenticator) mockSalt(user string) []byte {
	h := hmac.New(sha256.New, a.secret[:])
	h.Write([]byte(user))
	return h.Sum(nil)[:saltLen]
}
