package pgwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"tidemill/catalog"
	"tidemill/server/auth"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// echo is a handler that knows a few statements by heart.
type echo struct {
	status  byte
	stmts   map[string]string
	portals map[string]string
	closed  *atomic.Int64
}

func (e *echo) Status() byte { return e.status }
func (e *echo) Close()       { e.closed.Add(1) }

var oneColumn = []Column{{Name: "n", Type: types.T(types.Int4)}}

func (e *echo) Handle(ctx context.Context, m Message, w *Writer) error {
	switch m := m.(type) {
	case *Query:
		return e.run(ctx, m.SQL, w, true)
	case *Parse:
		e.stmts[m.Name] = m.SQL
		w.ParseComplete()
	case *Bind:
		sql, ok := e.stmts[m.Statement]
		if !ok {
			return sqlerr.New(sqlerr.InvalidStatementName, "no statement")
		}
		e.portals[m.Portal] = sql
		w.BindComplete()
	case *Describe:
		w.Parameters(nil)
		w.Columns(oneColumn, nil)
	case *Execute:
		return e.run(ctx, e.portals[m.Portal], w, false)
	case *Close:
		w.CloseComplete()
	}
	return nil
}

func (e *echo) run(ctx context.Context, sql string, w *Writer, columns bool) error {
	word, rest, _ := strings.Cut(sql, " ")
	switch word {
	case "rows":
		n := 0
		fmt.Sscan(rest, &n)
		if columns {
			w.Columns(oneColumn, nil)
		}
		b := rows.NewBuilder(types.Schema{{Name: "n", Type: types.T(types.Int4)}}, n)
		for i := range n {
			b.Cols[0].AppendInt(int64(i))
			b.EndRow(1)
		}
		if err := w.Rows(b.Finish(), 0, n, nil, nil); err != nil {
			return err
		}
		w.Complete(fmt.Sprintf("SELECT %d", n))
	case "wait":
		<-ctx.Done()
		return context.Cause(ctx)
	case "panic":
		panic("as asked")
	case "error":
		return sqlerr.New(sqlerr.SyntaxError, "bad %s", rest).At(7).WithHint("hint").WithDetail("detail")
	case "set":
		for _, kv := range strings.Fields(rest) {
			k, v, _ := strings.Cut(kv, "=")
			w.Setting(k, v)
		}
		w.Complete("SET")
	case "copy":
		in, err := w.CopyIn(ctx, Text, 1)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, in)
		if err != nil {
			return err
		}
		w.Complete(fmt.Sprintf("COPY %d", n))
	case "":
		w.Empty()
	default:
		w.Complete("OK")
	}
	return nil
}

type fixture struct {
	*Server
	addr   string
	closed atomic.Int64
}

func serve(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{}
	snap := catalog.New()
	opt := Options{
		Auth: auth.New(func() *catalog.Snapshot { return snap }, false, nil),
		Log:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		Open: func(_ context.Context, s *Startup, w *Writer) (Handler, error) {
			w.Setting("server_version", "15.0")
			for _, p := range s.Settings {
				w.Setting(p.Name, p.Value)
			}
			return &echo{status: 'I', stmts: map[string]string{}, portals: map[string]string{}, closed: &f.closed}, nil
		},
	}
	for _, c := range change {
		c(&opt)
	}
	f.Server = New(opt)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- f.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		f.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

type client struct {
	t testing.TB
	net.Conn
	*pgproto3.Frontend
}

func (f *fixture) dial(t testing.TB) *client {
	t.Helper()
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { nc.Close() })
	return &client{t, nc, pgproto3.NewFrontend(nc, nc)}
}

func startupBytes(params ...string) []byte {
	var b []byte
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, protocol30)
	for _, p := range append([]string{"user", "tidemill"}, params...) {
		b = append(append(b, p...), 0)
	}
	b = append(b, 0)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// login connects and reads until the first ReadyForQuery.
func (f *fixture) login(t testing.TB, params ...string) (*client, string) {
	t.Helper()
	c := f.dial(t)
	c.Write(startupBytes(params...))
	return c, c.until("Z")
}

// until reads messages up to one of the given letter and returns their short forms.
func (c *client) until(letter string) string {
	c.t.Helper()
	var out []string
	for {
		m, err := c.Receive()
		if err != nil {
			return strings.Join(append(out, "EOF"), " ")
		}
		s := short(m)
		out = append(out, s)
		if strings.HasPrefix(s, letter) {
			return strings.Join(out, " ")
		}
	}
}

func short(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.AuthenticationOk:
		return "R"
	case *pgproto3.ParameterStatus:
		return "S(" + m.Name + "=" + m.Value + ")"
	case *pgproto3.BackendKeyData:
		return "K"
	case *pgproto3.ReadyForQuery:
		return "Z" + string(m.TxStatus)
	case *pgproto3.ErrorResponse:
		return "E" + m.Code + m.Severity[:1]
	case *pgproto3.RowDescription:
		return "T"
	case *pgproto3.DataRow:
		return "D"
	case *pgproto3.CommandComplete:
		return "C(" + string(m.CommandTag) + ")"
	case *pgproto3.ParseComplete:
		return "1"
	case *pgproto3.BindComplete:
		return "2"
	case *pgproto3.CloseComplete:
		return "3"
	case *pgproto3.ParameterDescription:
		return "t"
	case *pgproto3.EmptyQueryResponse:
		return "I"
	case *pgproto3.CopyInResponse:
		return "G"
	case *pgproto3.NegotiateProtocolVersion:
		return fmt.Sprintf("v%d%v", m.NewestMinorProtocol&0xffff, m.UnrecognizedOptions)
	case *pgproto3.NotificationResponse:
		return "A"
	}
	return fmt.Sprintf("%T", m)
}

func (c *client) query(sql string) string {
	c.Send(&pgproto3.Query{String: sql})
	c.Flush()
	return c.until("Z")
}

func expect(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got  %s\n want %s", what, got, want)
	}
}

func TestStartup(t *testing.T) {
	f := serve(t)
	_, got := f.login(t, "options", `-c a=1 --b-c=x\ y -cd=2`, "application_name", "me")
	expect(t, "startup", got, "R S(server_version=15.0) S(a=1) S(b_c=x y) S(d=2) S(application_name=me) K ZI")

	for _, c := range []struct {
		name string
		send []byte
		want string
	}{
		{"other database", startupBytes("database", "x"), "E3D000F EOF"},
		{"other user", startupBytes("user", "x"), "E28000F EOF"},
		{"replication", startupBytes("replication", "database"), "E0A000F EOF"},
		{"no terminator", append(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 12}, protocol30), 'u', 's', 'e', 'r'), "E08P01F EOF"},
		{"length 0", []byte{0, 0, 0, 0}, "E08P01F EOF"},
		{"length 10001", []byte{0, 0, 0x27, 0x15}, "E08P01F EOF"},
		{"negative length", []byte{0xff, 0xff, 0xff, 0xff}, "E08P01F EOF"},
		{"protocol 2", binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, 2<<16), "E0A000F EOF"},
		{"empty startup", append(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 9}, protocol30), 0), "E28000F EOF"},
		{"cancel of nobody", append(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 16}, codeCancel), 0, 0, 0, 1, 0, 0, 0, 2), "EOF"},
	} {
		x := f.dial(t)
		x.Write(c.send)
		expect(t, c.name, x.until("Z"), c.want)
	}
}

func TestProtocolNegotiation(t *testing.T) {
	f := serve(t)
	for version, want := range map[uint32]string{
		3<<16 | 1: "v0[] R", 3<<16 | 2: "R", 3<<16 | 9: "v2[] R",
	} {
		c := f.dial(t)
		b := startupBytes()
		binary.BigEndian.PutUint32(b[4:], version)
		c.Write(b)
		if got := c.until("Z"); !strings.HasPrefix(got, want) {
			t.Errorf("version %x: %s", version, got)
		}
	}
	c := f.dial(t)
	c.Write(startupBytes("_pq_.foo", "1"))
	if got := c.until("Z"); !strings.HasPrefix(got, "v0[_pq_.foo] R") {
		t.Error(got)
	}
}

func TestEncryptionRequestsWithoutTLS(t *testing.T) {
	f := serve(t)
	c := f.dial(t)
	for _, code := range []uint32{codeGSS, codeTLS} {
		c.Write(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, code))
		b := make([]byte, 1)
		if _, err := io.ReadFull(c.Conn, b); err != nil || b[0] != 'N' {
			t.Fatalf("%q %v", b, err)
		}
	}
	c.Write(startupBytes())
	if got := c.until("Z"); !strings.HasSuffix(got, "ZI") {
		t.Error(got)
	}
	d := f.dial(t) // twice the same
	d.Write(bytes.Repeat(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, codeTLS), 2))
	b := make([]byte, 1)
	io.ReadFull(d.Conn, b)
	expect(t, "second SSLRequest", d.until("Z"), "E0A000F EOF")
}

func TestSimpleQuery(t *testing.T) {
	c, _ := serve(t).login(t)
	expect(t, "rows", c.query("rows 3"), "T D D D C(SELECT 3) ZI")
	expect(t, "empty", c.query(""), "I ZI")
	expect(t, "error", c.query("error x"), "E42601E ZI")
	expect(t, "settings", c.query("set a=1 server_version=15.0 a=2"), "C(SET) S(a=2) ZI")
	expect(t, "nothing changed in the end", c.query("set a=5 a=2"), "C(SET) ZI")
}

func TestErrorFields(t *testing.T) {
	c, _ := serve(t).login(t)
	c.Send(&pgproto3.Query{String: "error x"})
	c.Flush()
	m, _ := c.Receive()
	e := m.(*pgproto3.ErrorResponse)
	if e.Severity != "ERROR" || e.SeverityUnlocalized != "ERROR" || e.Message != "bad x" || e.Position != 7 || e.Hint != "hint" || e.Detail != "detail" {
		t.Errorf("%+v", e)
	}
}

func TestExtended(t *testing.T) {
	c, _ := serve(t).login(t)
	c.Send(&pgproto3.Parse{Query: "rows 2"})
	c.Send(&pgproto3.Describe{ObjectType: 'S'})
	c.Send(&pgproto3.Bind{})
	c.Send(&pgproto3.Execute{})
	c.Send(&pgproto3.Close{ObjectType: 'P'})
	c.Send(&pgproto3.Sync{})
	c.Flush()
	expect(t, "cycle", c.until("Z"), "1 t T 2 D D C(SELECT 2) 3 ZI")

	c.Send(&pgproto3.Bind{PreparedStatement: "nope"})
	c.Send(&pgproto3.Execute{})
	c.Send(&pgproto3.Parse{Query: "rows 1"})
	c.Send(&pgproto3.Query{String: "rows 1"})
	c.Send(&pgproto3.Sync{})
	c.Send(&pgproto3.Sync{})
	c.Flush()
	expect(t, "skip until Sync", c.until("Z"), "E26000E ZI")
	expect(t, "second Sync", c.until("Z"), "ZI")

	c.Send(&pgproto3.Bind{PreparedStatement: "nope"})
	c.Send(&pgproto3.Flush{})
	c.Flush()
	expect(t, "an error goes out before Sync", c.until("E"), "E26000E")
	c.Send(&pgproto3.Sync{})
	c.Flush()
	c.until("Z")

	c.Send(&pgproto3.Parse{Query: "rows 1"})
	c.Send(&pgproto3.Flush{})
	c.Flush()
	expect(t, "Flush", c.until("1"), "1")
	c.Send(&pgproto3.Sync{})
	c.Flush()
	c.until("Z")
	for range 10_000 { // pipelining
		c.Send(&pgproto3.Sync{})
	}
	go c.Flush()
	for range 10_000 {
		c.until("Z")
	}
}

func TestCopyIn(t *testing.T) {
	c, _ := serve(t).login(t)
	start := func() {
		c.Send(&pgproto3.Query{String: "copy"})
		c.Flush()
		expect(t, "start", c.until("G"), "G")
	}
	start()
	c.Send(&pgproto3.CopyData{Data: []byte("abc")})
	c.Send(&pgproto3.CopyData{Data: nil})
	c.Send(&pgproto3.Flush{})
	c.Send(&pgproto3.CopyData{Data: []byte("de")})
	c.Send(&pgproto3.CopyDone{})
	c.Flush()
	expect(t, "done", c.until("Z"), "C(COPY 5) ZI")
	start()
	c.Send(&pgproto3.CopyFail{Message: "no"})
	c.Flush()
	expect(t, "fail", c.until("Z"), "E57014E ZI")
	c.Send(&pgproto3.CopyData{Data: []byte("left over")})
	c.Send(&pgproto3.CopyDone{})
	c.Flush()
	expect(t, "left over", c.query("x"), "C(OK) ZI")
	start()
	c.Send(&pgproto3.Query{String: "x"})
	c.Flush()
	expect(t, "wrong message", c.until("Z"), "E08006F EOF")
}

func TestCancel(t *testing.T) {
	f := serve(t)
	c := f.dial(t)
	c.Write(startupBytes())
	var key *pgproto3.BackendKeyData
	for key == nil {
		m, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if k, ok := m.(*pgproto3.BackendKeyData); ok {
			key = &pgproto3.BackendKeyData{ProcessID: k.ProcessID, SecretKey: bytes.Clone(k.SecretKey)}
		}
	}
	c.until("Z")
	send := func(secret []byte) {
		x := f.dial(t)
		b := binary.BigEndian.AppendUint32([]byte{0, 0, 0, byte(12 + len(secret))}, codeCancel)
		x.Write(append(binary.BigEndian.AppendUint32(b, key.ProcessID), secret...))
		expect(t, "cancel connection", x.until("Z"), "EOF")
	}
	c.Send(&pgproto3.Query{String: "wait"})
	c.Flush()
	send([]byte{1, 2, 3, 4})
	send(nil)
	time.Sleep(50 * time.Millisecond)
	if f.byPID(key.ProcessID).busySince.Load() == 0 {
		t.Fatal("a wrong key cancelled the statement")
	}
	send(key.SecretKey)
	expect(t, "cancelled", c.until("Z"), "E57014E ZI")
	expect(t, "goes on", c.query("rows 1"), "T D C(SELECT 1) ZI")
}

func TestCancelDuringCopy(t *testing.T) {
	f := serve(t)
	c, _ := f.login(t)
	c.Send(&pgproto3.Query{String: "copy"})
	c.Flush()
	c.until("G")
	f.Connections()[0].Cancel()
	expect(t, "cancelled", c.until("Z"), "E57014E ZI")
	expect(t, "goes on", c.query("rows 1"), "T D C(SELECT 1) ZI")
}

func TestPanicEndsOneConnection(t *testing.T) {
	f := serve(t)
	a, _ := f.login(t)
	b, _ := f.login(t)
	expect(t, "panic", a.query("panic"), "EXX000F EOF")
	expect(t, "the other", b.query("rows 1"), "T D C(SELECT 1) ZI")
	if f.closed.Load() != 1 || f.Stats().Panics != 1 {
		t.Error("session not closed, or panic not counted")
	}
}

func TestMessageLimits(t *testing.T) {
	f := serve(t, func(o *Options) { o.Limits.Message = 1000 })
	c, _ := f.login(t)
	expect(t, "at the limit", c.query("x"+strings.Repeat(" ", 998)), "C(OK) ZI")
	expect(t, "beyond", c.query("x"+strings.Repeat(" ", 999)), "E08P01F EOF")
	for _, raw := range []string{"Q\xff\xff\xff\xff", "Q\x00\x00\x00\x03", "Q\x7f\xff\xff\xff", "~\x00\x00\x00\x04", "B\x00\x00\x00\x05\x00", "p\x00\x00\x00\x06x\x00"} {
		c, _ := f.login(t)
		c.Write([]byte(raw))
		expect(t, fmt.Sprintf("%q", raw), c.until("Z"), "E08P01F EOF")
	}
}

func TestConnectionLimits(t *testing.T) {
	f := serve(t, func(o *Options) { o.Limits.Connections, o.Limits.Unauthenticated = 2, 3 })
	f.login(t)
	c, _ := f.login(t)
	_, got := f.login(t)
	expect(t, "too many", got, "E53300F EOF")
	c.Send(&pgproto3.Terminate{})
	c.Flush()
	for range 100 {
		if _, got = f.login(t); strings.HasSuffix(got, "ZI") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.HasSuffix(got, "ZI") {
		t.Error("no room after one left: ", got)
	}
	// Silent connections do not lock others out.
	var silent []*client
	for range 10 {
		silent = append(silent, f.dial(t))
	}
	if _, got := f.login(t); !strings.HasPrefix(got, "E53300F") {
		t.Error(got)
	}
	expect(t, "the oldest made room", silent[0].until("Z"), "EOF")
}

func TestTimeouts(t *testing.T) {
	f := serve(t, func(o *Options) { o.Limits.AuthTimeout = 100 * time.Millisecond })
	c := f.dial(t)
	c.Write([]byte{0, 0})
	begin := time.Now()
	if got := c.until("Z"); got != "EOF" || time.Since(begin) > 3*time.Second {
		t.Error(got, time.Since(begin))
	}
	d, _ := f.login(t)
	time.Sleep(150 * time.Millisecond)
	expect(t, "logged in in time", d.query("x"), "C(OK) ZI")
	f.Connections()[0].SetIdleTimeouts(50*time.Millisecond, 0)
	expect(t, "arm", d.query("x"), "C(OK) ZI")
	expect(t, "idle", d.until("Z"), "E57P05F EOF")
}

func TestShutdown(t *testing.T) {
	f := serve(t)
	idle, _ := f.login(t)
	busy, _ := f.login(t)
	busy.Send(&pgproto3.Query{String: "wait"})
	busy.Flush()
	for len(f.Connections()) < 2 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	f.Shutdown(ctx)
	expect(t, "idle", idle.until("Z"), "E57P01F EOF")
	expect(t, "busy", busy.until("Z"), "E57P01F EOF")
	if f.closed.Load() != 2 {
		t.Error("sessions closed: ", f.closed.Load())
	}
}

func TestSlowReaderWaitsAndIsDropped(t *testing.T) {
	f := serve(t, func(o *Options) { o.Limits.SlowReader = 300 * time.Millisecond })
	c, _ := f.login(t)
	c.Send(&pgproto3.Query{String: "rows 3000000"})
	c.Flush()
	deadline := time.Now().Add(10 * time.Second)
	for f.closed.Load() == 0 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if f.closed.Load() != 1 {
		t.Error("the connection is still there")
	}
}

func TestNotificationWhileIdle(t *testing.T) {
	f := serve(t)
	c, _ := f.login(t)
	f.Connections()[0].Notify(Notification{1, "ch", "x"})
	expect(t, "notification", c.until("A"), "A")
	expect(t, "after", c.query("x"), "C(OK) ZI")
}

// conversation is a session's worth of bytes.
func conversation() []byte {
	var out []byte
	add := func(m pgproto3.FrontendMessage) { out, _ = m.Encode(out) }
	add(&pgproto3.Query{String: "rows 2"})
	add(&pgproto3.Parse{Name: "s", Query: "rows 1", ParameterOIDs: []uint32{23}})
	add(&pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{nil, []byte("x")}, ResultFormatCodes: []int16{0}})
	add(&pgproto3.Describe{ObjectType: 'S', Name: "s"})
	add(&pgproto3.Execute{})
	add(&pgproto3.Close{ObjectType: 'S', Name: "s"})
	add(&pgproto3.Sync{})
	add(&pgproto3.Query{String: "copy"})
	add(&pgproto3.CopyData{Data: []byte("abc")})
	add(&pgproto3.CopyDone{})
	add(&pgproto3.Query{String: "error"})
	add(&pgproto3.Terminate{})
	return out
}

const conversationAnswer = "T D D C(SELECT 2) ZI 1 2 t T D C(SELECT 1) 3 ZI G C(COPY 3) ZI E42601E ZI EOF"

func TestSplitAtEveryByte(t *testing.T) {
	f := serve(t, func(o *Options) { o.Limits.Unauthenticated = 1000 })
	whole := append(startupBytes(), conversation()...)
	for cut := 0; cut <= len(whole); cut += 1 + cut/64 {
		c := f.dial(t)
		c.Write(whole[:cut])
		time.Sleep(200 * time.Microsecond)
		c.Write(whole[cut:])
		c.until("Z")
		expect(t, fmt.Sprintf("cut at %d", cut), c.until("never"), conversationAnswer)
		c.Conn.Close()
	}
}

func TestDisconnectAtEveryByte(t *testing.T) {
	f := serve(t, func(o *Options) { o.Limits.Unauthenticated = 1000 })
	whole := append(startupBytes(), conversation()...)
	for cut := range whole {
		c := f.dial(t)
		c.Write(whole[:cut])
		c.Conn.Close()
	}
	alive(t, f)
}

// alive checks that the server still serves and that no connection hangs about.
func alive(t *testing.T, f *fixture) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		f.mu.Lock()
		n := len(f.conns)
		f.mu.Unlock()
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections hang", n)
		}
		time.Sleep(10 * time.Millisecond)
	}
	c, _ := f.login(t)
	expect(t, "alive", c.query("rows 1"), "T D C(SELECT 1) ZI")
	if f.Stats().Panics != 0 {
		t.Error("panics: ", f.Stats().Panics)
	}
}

func TestMutatedBytes(t *testing.T) {
	f := serve(t, func(o *Options) { o.Limits.Unauthenticated, o.Limits.AuthTimeout = 1000, 200*time.Millisecond })
	r := rand.New(rand.NewPCG(1, 2))
	body := conversation()
	for range 1500 {
		c := f.dial(t)
		switch r.IntN(4) {
		case 0: // garbage from the start
			b := make([]byte, r.IntN(200))
			for i := range b {
				b[i] = byte(r.IntN(256))
			}
			c.Write(b)
		case 1: // garbage after log-in
			b := make([]byte, r.IntN(300))
			for i := range b {
				b[i] = byte(r.IntN(256))
			}
			c.Write(append(startupBytes(), b...))
		default: // a conversation with some bytes changed
			b := bytes.Clone(body)
			for range 1 + r.IntN(4) {
				b[r.IntN(len(b))] = byte(r.IntN(256))
			}
			c.Write(append(startupBytes(), bytes.ReplaceAll(b, []byte("panic"), []byte("pamic"))...))
		}
		if tc, ok := c.Conn.(*net.TCPConn); ok {
			tc.CloseWrite()
		}
		io.Copy(io.Discard, c.Conn)
		c.Conn.Close()
	}
	alive(t, f)
}

func TestOptionsWords(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "[]",
		"-c a=b":                         "[{a b}]",
		`-c a=b\ c --x-y=1`:              "[{a b c} {x_y 1}]",
		`-c`:                             "[]",
		`-c =x -d 5 --z`:                 "[]",
		`-c search_path=a,b\\c   -cq=''`: `[{search_path a,b\c} {q ''}]`,
	} {
		if got := fmt.Sprint(ParseOptions(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestFatalUnwraps(t *testing.T) {
	e := sqlerr.New(sqlerr.Internal, "x")
	if !errors.Is(Fatal(e), e) || sqlerr.As(Fatal(e)) != e {
		t.Error("Fatal hides its error")
	}
}

func BenchmarkRows(b *testing.B) {
	schema := types.Schema{{Name: "a", Type: types.T(types.Int8)}, {Name: "b", Type: types.T(types.Text)}, {Name: "c", Type: types.T(types.Timestamptz)}}
	bl := rows.NewBuilder(schema, 1000)
	for i := range 1000 {
		bl.Cols[0].AppendInt(int64(i))
		bl.Cols[1].AppendString("some text")
		bl.Cols[2].AppendInt(int64(i) * 1e9)
		bl.EndRow(1)
	}
	batch := bl.Finish()
	var env types.Env
	w := &Writer{nc: discard{}}
	b.ReportAllocs()
	for b.Loop() {
		w.Rows(batch, 0, 1000, nil, &env)
	}
}

type discard struct{ net.Conn }

func (discard) Write(p []byte) (int, error) { return len(p), nil }
