package pgwire

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"tidemill/server/auth"
	"tidemill/sql/sqlerr"
)

const (
	startupMax = 10_000

	codeCancel = 80877102
	codeTLS    = 80877103
	codeGSS    = 80877104

	protocol30 = 3 << 16
	protocol32 = 3<<16 | 2

	tlsHandshakeByte = 0x16
)

// startup brings a connection to the point where the client's startup message is read. It returns
// nil without error when the connection is done with: a cancel request, or a client that left.
func (c *Conn) startup() (*Startup, error) {
	if err := c.directTLS(); err != nil {
		return nil, nil //nolint:nilerr // a client that can't do TLS can't be told
	}
	seenTLS, seenGSS := c.tlsState != nil, false
	for {
		packet, err := readStartup(c.nc)
		if err != nil {
			if isProtocol(err) {
				return nil, err
			}
			return nil, nil //nolint:nilerr // went away
		}
		c.server.stats.bytesIn.Add(uint64(len(packet) + 4))
		code := binary.BigEndian.Uint32(packet)
		switch {
		case code == codeCancel:
			if len(packet) > 8 {
				c.server.cancelRequest(binary.BigEndian.Uint32(packet[4:]), packet[8:])
			}
			return nil, nil
		case code == codeTLS && !seenTLS && len(packet) == 4:
			seenTLS = true
			if err := c.answerTLS(); err != nil {
				return nil, nil //nolint:nilerr // the handshake failed
			}
		case code == codeGSS && !seenGSS && len(packet) == 4:
			seenGSS = true
			if _, err := c.nc.Write([]byte{'N'}); err != nil {
				return nil, nil //nolint:nilerr // went away
			}
		default:
			return c.startupMessage(packet)
		}
	}
}

func isProtocol(err error) bool { return sqlerr.As(err).Code == sqlerr.ProtocolViolation }

// readStartup reads one packet of the time before messages have types. It takes no byte beyond it
// from the socket, so nothing sent in clear can pass for something sent encrypted.
func readStartup(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("startup: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(head[:])) - 4
	if n < 4 || n > startupMax {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid length of startup packet")
	}
	packet := make([]byte, n)
	if _, err := io.ReadFull(r, packet); err != nil {
		return nil, fmt.Errorf("startup: %w", err)
	}
	return packet, nil
}

func (c *Conn) answerTLS() error {
	if c.server.opt.TLS == nil {
		_, err := c.nc.Write([]byte{'N'})
		return err
	}
	if _, err := c.nc.Write([]byte{'S'}); err != nil {
		return err
	}
	return c.handshake(c.nc, false)
}

// directTLS handles a client that starts with the TLS handshake itself.
func (c *Conn) directTLS() error {
	if c.server.opt.TLS == nil {
		return nil
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(c.nc, first); err != nil {
		return err
	}
	again := &prefixed{Conn: c.nc, prefix: first}
	if first[0] == tlsHandshakeByte {
		return c.handshake(again, true)
	}
	c.nc = again
	return nil
}

func (c *Conn) handshake(nc net.Conn, direct bool) error {
	cfg := c.server.opt.TLS.Clone()
	if direct {
		cfg.NextProtos = []string{"postgresql"}
	}
	t := tls.Server(nc, cfg)
	if err := t.HandshakeContext(c.server.ctx); err != nil {
		return err
	}
	state := t.ConnectionState()
	if direct && state.NegotiatedProtocol != "postgresql" {
		return fmt.Errorf("direct TLS without ALPN")
	}
	c.nc, c.tlsState = t, &state
	return nil
}

// prefixed is a connection whose first bytes have been read already.
type prefixed struct {
	net.Conn
	prefix []byte
}

// Read implements net.Conn.
func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.prefix) > 0 {
		n := copy(b, p.prefix)
		p.prefix = p.prefix[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// startupMessage reads the version and the parameters.
func (c *Conn) startupMessage(packet []byte) (*Startup, error) {
	code := binary.BigEndian.Uint32(packet)
	major, minor := code>>16, code&0xffff
	if major != 3 {
		return nil, sqlerr.Unsupported("unsupported frontend protocol %d.%d: server supports 3.0 to 3.2", major, minor)
	}
	s := &Startup{PID: c.pid, Remote: c.nc.RemoteAddr(), TLS: c.tlsState != nil, Conn: c}
	unknown, err := s.parameters(packet[4:])
	if err != nil {
		return nil, err
	}
	newest := uint32(protocol32)
	if minor < 2 {
		newest = protocol30
	}
	c.key = newKey(4)
	if newest == protocol32 {
		c.key = newKey(32)
	}
	if len(unknown) > 0 || newest != code {
		c.w.send(&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: newest, UnrecognizedOptions: unknown})
	}
	if s.User == "" {
		return nil, sqlerr.New(sqlerr.InvalidAuthorization, "no PostgreSQL user name specified in startup packet")
	}
	if s.Database == "" {
		s.Database = s.User
	}
	return s, nil
}

// parameters reads the name-value pairs and returns the protocol options among them, none of which
// is known.
func (s *Startup) parameters(b []byte) (unknown []string, err error) {
	bad := sqlerr.New(sqlerr.ProtocolViolation, "invalid startup packet layout: expected terminator as last byte")
	next := func() (string, bool) {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return "", false
		}
		v := string(b[:i])
		b = b[i+1:]
		return v, true
	}
	var later []Setting
	for {
		name, ok := next()
		if !ok {
			return nil, bad
		}
		if name == "" {
			break
		}
		value, ok := next()
		if !ok {
			return nil, bad
		}
		switch {
		case name == "user":
			s.User = value
		case name == "database":
			s.Database = value
		case name == "options":
			s.Settings = append(s.Settings, ParseOptions(value)...)
		case name == "replication":
			if !slices.Contains([]string{"", "0", "off", "false", "no"}, value) {
				return nil, sqlerr.Unsupported("replication connections are not supported")
			}
		case strings.HasPrefix(name, "_pq_."):
			unknown = append(unknown, name)
		default:
			later = append(later, Setting{name, value})
		}
	}
	if len(b) != 0 {
		return nil, bad
	}
	s.Settings = append(s.Settings, later...)
	return unknown, nil
}

// ParseOptions reads the "options" parameter: words separated by blanks, where a backslash keeps the
// next character, of the forms -c name=value, -cname=value and --name=value. Others are ignored.
func ParseOptions(s string) []Setting {
	var out []Setting
	words := splitOptions(s)
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "-c" && i+1 < len(words):
			i++
			w = words[i]
		case strings.HasPrefix(w, "--"):
			w = w[2:]
		case strings.HasPrefix(w, "-c"):
			w = w[2:]
		default:
			continue
		}
		if name, value, ok := strings.Cut(w, "="); ok && name != "" {
			out = append(out, Setting{strings.ReplaceAll(name, "-", "_"), value})
		}
	}
	return out
}

func splitOptions(s string) []string {
	var out []string
	var word []byte
	inWord := false
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r' || ch == '\v' || ch == '\f':
			if inWord {
				out = append(out, string(word))
			}
			word, inWord = word[:0], false
			continue
		case ch == '\\' && i+1 < len(s):
			i++
			ch = s[i]
		}
		word, inWord = append(word, ch), true
	}
	if inWord {
		out = append(out, string(word))
	}
	return out
}

// login proves who the client is.
func (c *Conn) login(s *Startup) error {
	r := &auth.Request{User: s.User, Database: s.Database, Remote: s.Remote, TLS: c.tlsState}
	x, err := c.server.opt.Auth.Begin(r)
	if err != nil {
		return err
	}
	if x != nil {
		if err := c.sasl(x); err != nil {
			return err
		}
	}
	if err := c.server.loginDone(c, s.User); err != nil {
		return err
	}
	c.w.send(&pgproto3.AuthenticationOk{})
	return nil
}

func (c *Conn) sasl(x *auth.Exchange) error {
	bad := sqlerr.New(sqlerr.ProtocolViolation, "expected SASL response")
	c.w.send(&pgproto3.AuthenticationSASL{AuthMechanisms: x.Mechanisms()})
	m, err := c.authMessage(pgproto3.AuthTypeSASL)
	if err != nil {
		return err
	}
	first, ok := m.(*pgproto3.SASLInitialResponse)
	if !ok {
		return bad
	}
	reply, err := x.Begin(first.AuthMechanism, first.Data)
	if err != nil {
		return err
	}
	c.w.send(&pgproto3.AuthenticationSASLContinue{Data: reply})
	if m, err = c.authMessage(pgproto3.AuthTypeSASLContinue); err != nil {
		return err
	}
	last, ok := m.(*pgproto3.SASLResponse)
	if !ok {
		return bad
	}
	ctx, cancel := context.WithTimeout(c.server.ctx, c.server.limits.AuthTimeout)
	defer cancel()
	c.setReadDeadline(time.Now().Add(c.server.limits.AuthTimeout))
	if reply, err = x.Finish(ctx, last.Data); err != nil {
		return err
	}
	c.w.send(&pgproto3.AuthenticationSASLFinal{Data: reply})
	return nil
}

func (c *Conn) authMessage(kind uint32) (pgproto3.FrontendMessage, error) {
	if err := c.w.Flush(); err != nil {
		return nil, err
	}
	if err := c.backend.SetAuthType(kind); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	m, err := c.backend.Receive()
	if err != nil {
		return nil, c.receiveError(err)
	}
	return m, nil
}
