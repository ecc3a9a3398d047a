package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"tidemill/catalog"
	"tidemill/sql/sqlerr"
)

// The example of RFC 7677, section 3: user "user", password "pencil".
func TestRFC7677Vector(t *testing.T) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	v, err := derive("pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	cred := scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(v.Salt), Iters: v.Iterations},
		StoredKey:  v.StoredKey, ServerKey: v.ServerKey,
	}
	server, _ := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return cred, nil })
	conv := server.WithNonceGenerator(func() string { return "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" }).NewConversation()
	first, err := conv.Step("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
	want := "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	if err != nil || first != want {
		t.Fatalf("first %q, %v", first, err)
	}
	final, err := conv.Step("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
		"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
	if err != nil || final != "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Fatalf("final %q, %v", final, err)
	}
	back, err := parseVerifier(v.String())
	if err != nil || back.String() != v.String() {
		t.Errorf("round trip %v, %v", back, err)
	}
}

var (
	local  = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	remote = &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}
)

func withPassword(t *testing.T, s *catalog.Snapshot, role, password string) *catalog.Snapshot {
	t.Helper()
	v, err := MakeVerifier(password, MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	return s.WithRole(catalog.Role{Name: role, Login: true, Verifier: v})
}

func code(err error) sqlerr.Code {
	if err == nil {
		return ""
	}
	return sqlerr.As(err).Code
}

func login(t *testing.T, a *Authenticator, r *Request, password string) error {
	t.Helper()
	x, err := a.Begin(r)
	if err != nil || x == nil {
		return err
	}
	client, _ := scram.SHA256.NewClient("", password, "")
	conv := client.NewConversation()
	m, _ := conv.Step("")
	reply, err := x.Begin("SCRAM-SHA-256", []byte(m))
	if err != nil {
		return err
	}
	m, err = conv.Step(string(reply))
	if err != nil {
		t.Fatal(err)
	}
	reply, err = x.Finish(context.Background(), []byte(m))
	if err != nil {
		return err
	}
	if _, err := conv.Step(string(reply)); err != nil {
		return errors.New("the server's signature is wrong")
	}
	return nil
}

func TestTrustOnLoopbackUntilPassword(t *testing.T) {
	snap := catalog.New()
	a := New(func() *catalog.Snapshot { return snap }, false, nil)
	for _, c := range []struct {
		user, db string
		addr     net.Addr
		want     sqlerr.Code
	}{
		{"tidemill", "tidemill", local, ""},
		{"nobody", "tidemill", local, sqlerr.InvalidAuthorization},
		{"tidemill", "other", local, sqlerr.InvalidCatalogName},
		{"tidemill", "tidemill", remote, sqlerr.InvalidAuthorization},
	} {
		x, err := a.Begin(&Request{User: c.user, Database: c.db, Remote: c.addr})
		if x != nil || code(err) != c.want {
			t.Errorf("%+v: exchange %v, error %v", c, x, err)
		}
	}
	snap = withPassword(t, snap, "tidemill", "pw")
	if x, err := a.Begin(&Request{User: "tidemill", Database: "tidemill", Remote: local}); x == nil || err != nil {
		t.Errorf("with a password: %v, %v", x, err)
	}
}

func TestScram(t *testing.T) {
	snap := withPassword(t, catalog.New(), "tidemill", "pässword")
	snap = snap.WithRole(catalog.Role{Name: "nopass", Login: true})
	a := New(func() *catalog.Snapshot { return snap }, false, nil)
	for _, c := range []struct {
		user, db, password string
		want               sqlerr.Code
	}{
		{"tidemill", "tidemill", "pässword", ""},
		{"tidemill", "nodb", "pässword", sqlerr.InvalidCatalogName},
		{"tidemill", "tidemill", "wrong", sqlerr.InvalidPassword},
		{"nobody", "tidemill", "x", sqlerr.InvalidPassword},
		{"nopass", "tidemill", "", sqlerr.InvalidPassword},
	} {
		r := &Request{User: c.user, Database: c.db, Remote: remote}
		err := login(t, a, r, c.password)
		if code(err) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
		if c.want == sqlerr.InvalidPassword && !strings.Contains(err.Error(), `password authentication failed for user "`+c.user+`"`) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestMockSaltIsStableAndDiffers(t *testing.T) {
	a := New(func() *catalog.Snapshot { return catalog.New() }, false, nil)
	first, again := string(a.mockSalt("a")), string(a.mockSalt("a"))
	if first != again || first == string(a.mockSalt("b")) {
		t.Error("mock salts")
	}
}

func TestDowngradeAndGarbage(t *testing.T) {
	snap := withPassword(t, catalog.New(), "tidemill", "pw")
	a := New(func() *catalog.Snapshot { return snap }, false, nil)
	for _, m := range []string{"", "n", "n,,", "p=tls-server-end-point,,n=,r=abc", "n,,n=,r=", "\x00\xff", "x,,n=,r=a"} {
		x, _ := a.Begin(&Request{User: "tidemill", Database: "tidemill", Remote: local})
		if _, err := x.Begin("SCRAM-SHA-256", []byte(m)); err == nil && m != "n,,n=,r=" {
			t.Errorf("%q was accepted", m)
		}
	}
	x, _ := a.Begin(&Request{User: "tidemill", Database: "tidemill", Remote: local})
	if _, err := x.Begin("SCRAM-SHA-256-PLUS", []byte("n,,n=,r=a")); err == nil {
		t.Error("PLUS without TLS was accepted")
	}
}

func TestVerifierForms(t *testing.T) {
	v, err := MakeVerifier("secret", 0)
	if err != nil || !strings.HasPrefix(v, "SCRAM-SHA-256$15000:") {
		t.Fatalf("%q, %v", v, err)
	}
	if again, err := MakeVerifier(v, 0); err != nil || again != v {
		t.Errorf("a verifier must be kept: %q, %v", again, err)
	}
	for _, bad := range []string{"", "md5" + strings.Repeat("0", 32), "SCRAM-SHA-256$1", strings.Replace(v, "15000", "10", 1)} {
		if got, err := MakeVerifier(bad, 0); err == nil {
			t.Errorf("%q gave %q", bad, got)
		}
	}
}

func TestCheckListen(t *testing.T) {
	s := catalog.New()
	if CheckListen("127.0.0.1:5", s, false) != nil || CheckListen("0.0.0.0:5", s, true) != nil {
		t.Error("refused")
	}
	if CheckListen("0.0.0.0:5", s, false) == nil {
		t.Error("accepted")
	}
	if err := CheckListen("0.0.0.0:5", withPassword(t, s, "tidemill", "x"), false); err != nil {
		t.Error(err)
	}
}

func TestGuessesSlowDown(t *testing.T) {
	g := newGuesses()
	for range freeGuesses - 1 {
		g.failed("k")
	}
	if g.delay("k") != 0 {
		t.Error("slow from the start")
	}
	g.failed("k")
	first := g.delay("k")
	g.failed("k")
	if first != firstDelay || g.delay("k") != 2*firstDelay {
		t.Errorf("%v then %v", first, g.delay("k"))
	}
	for range 100 {
		g.failed("k")
	}
	if g.delay("k") != longestDelay {
		t.Errorf("longest %v", g.delay("k"))
	}
	g.succeeded("k")
	if g.delay("k") != 0 {
		t.Error("not forgotten")
	}
}
