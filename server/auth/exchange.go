package auth

import (
	"context"
	"crypto"
	_ "crypto/sha256" // hashes of channel bindings
	_ "crypto/sha512"
	"crypto/x509"
	"fmt"

	"github.com/xdg-go/scram"

	"tidemill/catalog"
	"tidemill/sql/sqlerr"
)

// Exchange is one SCRAM conversation with a client.
type Exchange struct {
	auth    *Authenticator
	req     *Request
	cred    scram.StoredCredentials
	binding scram.ChannelBinding
	conv    *scram.ServerConversation
	doomed  bool // the user has no password: fail at the end, whatever comes
}

func (a *Authenticator) exchange(r *Request, role *catalog.Role) *Exchange {
	x := &Exchange{auth: a, req: r}
	if role != nil && role.Verifier != "" {
		if v, err := parseVerifier(role.Verifier); err == nil {
			x.cred = scram.StoredCredentials{
				KeyFactors: scram.KeyFactors{Salt: string(v.Salt), Iters: v.Iterations},
				StoredKey:  v.StoredKey, ServerKey: v.ServerKey,
			}
		}
	}
	if x.cred.StoredKey == nil {
		x.doomed = true
		x.cred = scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(a.mockSalt(r.User)), Iters: DefaultIterations},
			StoredKey:  make([]byte, keyLen), ServerKey: make([]byte, keyLen),
		}
	}
	if r.TLS != nil && a.cert != nil {
		if b, ok := endpointBinding(a.cert); ok {
			x.binding = scram.ChannelBinding{Type: scram.ChannelBindingTLSServerEndpoint, Data: b}
		}
	}
	return x
}

// Mechanisms lists the SASL mechanisms on offer, the best first.
func (x *Exchange) Mechanisms() []string {
	if x.binding.IsSupported() {
		return []string{mechanismPlus, mechanism}
	}
	return []string{mechanism}
}

// Begin answers the client's first message with the server's first.
func (x *Exchange) Begin(mech string, data []byte) ([]byte, error) {
	if mech != mechanism && (mech != mechanismPlus || !x.binding.IsSupported()) {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "client selected an invalid SASL authentication mechanism")
	}
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return x.cred, nil })
	if err != nil {
		return nil, fmt.Errorf("scram: %w", err)
	}
	switch {
	case mech == mechanismPlus:
		x.conv = server.NewConversationWithChannelBindingRequired(x.binding)
	case x.binding.IsSupported():
		x.conv = server.NewConversationWithChannelBinding(x.binding)
	default:
		x.conv = server.NewConversation()
	}
	reply, err := x.conv.Step(string(data))
	if err != nil {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "malformed SCRAM message").WithDetail("%v", err)
	}
	return []byte(reply), nil
}

// Finish checks the client's proof and returns the server's signature. A wrong proof waits, the longer
// the more there were of this user from this address.
func (x *Exchange) Finish(ctx context.Context, data []byte) ([]byte, error) {
	key := x.req.User + "\x00" + host(x.req.Remote)
	x.auth.guesses.wait(ctx, key)
	reply, err := x.conv.Step(string(data))
	if err != nil || x.doomed || !x.conv.Valid() {
		x.auth.guesses.failed(key)
		return nil, sqlerr.New(sqlerr.InvalidPassword, "password authentication failed for user %q", x.req.User)
	}
	x.auth.guesses.succeeded(key)
	return []byte(reply), x.auth.Admit(x.req)
}

// endpointBinding is tls-server-end-point of RFC 5929: the certificate's hash by its signature's
// hash function, SHA-256 where that is weaker.
func endpointBinding(cert *x509.Certificate) ([]byte, bool) {
	hash := crypto.SHA256
	switch cert.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		hash = crypto.SHA512
	case x509.PureEd25519, x509.UnknownSignatureAlgorithm:
		return nil, false // no hash function is defined for these
	}
	h := hash.New()
	h.Write(cert.Raw)
	return h.Sum(nil), true
}
