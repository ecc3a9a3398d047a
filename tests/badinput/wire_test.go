package badinput

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tidemill/tests/kit"
)

// raw is a connection that says whatever the test wants.
type raw struct {
	net.Conn
	t *testing.T
}

func (w *world) dial(t *testing.T) *raw {
	t.Helper()
	c, err := net.DialTimeout("tcp", w.Addr(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // a socket
	return &raw{c, t}
}

// login brings a connection to its first ReadyForQuery.
func (w *world) login(t *testing.T) *raw {
	t.Helper()
	c := w.dial(t)
	c.say(startup(3<<16, "user", "tidemill", "database", "tidemill"))
	c.until('Z')
	return c
}

func (c *raw) say(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatalf("writing: %v", err)
	}
}

// until reads messages up to one of a type and returns what came, one string per message.
func (c *raw) until(kind byte) []string {
	c.t.Helper()
	var out []string
	for {
		k, body, err := c.message()
		if err != nil {
			c.t.Fatalf("waiting for %q after %q: %v", kind, out, err)
		}
		out = append(out, string(k)+text(k, body))
		if k == kind {
			return out
		}
	}
}

// rest reads until the server closes the connection and returns the last error's SQLSTATE.
func (c *raw) rest() (code string) {
	c.t.Helper()
	for {
		k, body, err := c.message()
		if err != nil {
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				c.t.Fatal("the server keeps the connection open and says nothing")
			}
			return code
		}
		if k == 'E' {
			code = text('E', body)
		}
	}
}

func (c *raw) message() (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > 1<<28 {
		return 0, nil, fmt.Errorf("the server sent length %d", n)
	}
	body := make([]byte, n-4)
	_, err := io.ReadFull(c, body)
	return head[0], body, err
}

// text is the SQLSTATE of an error, the tag of a completion, the state of ReadyForQuery.
func text(kind byte, body []byte) string {
	switch kind {
	case 'E':
		for _, f := range bytes.Split(body, []byte{0}) {
			if len(f) > 0 && f[0] == 'C' {
				return string(f[1:])
			}
		}
	case 'C', 'Z':
		return string(bytes.Trim(body, "\x00"))
	}
	return ""
}

func startup(version uint32, params ...string) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 4), version)
	for _, p := range params {
		b = append(append(b, p...), 0)
	}
	b = append(b, 0)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// msg makes a message; strings in it end with NUL, ints are 16-bit, int32 are 32-bit.
func msg(kind byte, parts ...any) []byte {
	b := []byte{kind, 0, 0, 0, 0}
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(append(b, p...), 0)
		case []byte:
			b = append(b, p...)
		case int:
			b = binary.BigEndian.AppendUint16(b, uint16(p))
		case int32:
			b = binary.BigEndian.AppendUint32(b, uint32(p))
		}
	}
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-1))
	return b
}

func query(sql string) []byte { return msg('Q', sql) }

// TestBadStartup: what comes before the log-in. The server closes the connection, with words where the
// client may understand them, and waits for nobody.
func TestBadStartup(t *testing.T) {
	w := newWorld(t)
	ok := startup(3<<16, "user", "tidemill", "database", "tidemill")
	length := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, c := range map[string]struct {
		bytes []byte
		code  string // "" = closed without words
	}{
		"length 0":          {length(0), "08P01"},
		"length 3":          {append(length(3), 1), "08P01"},
		"length 7":          {append(length(7), 0, 3, 0), "08P01"},
		"length -1":         {length(1<<32 - 1), "08P01"},
		"length 2^31-1":     {length(1<<31 - 1), "08P01"},
		"length 10005":      {append(length(10005), make([]byte, 10001)...), "08P01"},
		"HTTP":              {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "08P01"},
		"TLS":               {[]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, "08P01"},
		"protocol 2":        {startup(2<<16, "user", "tidemill"), "0A000"},
		"protocol 4":        {startup(4<<16, "user", "tidemill"), "0A000"},
		"no user":           {startup(3<<16, "database", "tidemill"), "28000"},
		"unknown user":      {startup(3<<16, "user", "nobody"), "28000"},
		"unknown database":  {startup(3<<16, "user", "tidemill", "database", "nope"), "3D000"},
		"bad setting":       {startup(3<<16, "user", "tidemill", "database", "tidemill", "statement_timeout", "x"), "22023"},
		"replication":       {startup(3<<16, "user", "tidemill", "replication", "true"), "0A000"},
		"no terminator":     {append(length(12), 0, 3, 0, 0, 'u', 's', 'e', 'r'), "08P01"},
		"odd parameters":    {startup(3<<16, "user"), "08P01"},
		"too much":          {append(length(11), 0, 3, 0, 0, 0, 'x', 0), "08P01"},
		"cancel, short":     {append(length(12), 4, 210, 22, 46, 0, 0, 0, 1), ""},
		"cancel, wrong key": {append(length(16), 4, 210, 22, 46, 0, 0, 3, 233, 1, 2, 3, 4), ""},
		"cancel, long":      {append(append(length(8000), 4, 210, 22, 46), make([]byte, 7992)...), ""},
		"TLS twice":         {append(append([]byte{}, 0, 0, 0, 8, 4, 210, 22, 47), 0, 0, 0, 8, 4, 210, 22, 47), "0A000"},
		"message first":     {query("SELECT 1"), "08P01"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := w.dial(t)
			conn.say(c.bytes)
			conn.SetReadDeadline(time.Now().Add(3 * time.Second)) //nolint:errcheck // a socket
			if name == "TLS twice" {
				conn.until1(t, 'N')
			}
			if name == "TLS" { // a packet of 300 MB begins like that
				conn.Close()
				return
			}
			if got := conn.rest(); got != c.code {
				t.Errorf("got %q, want %q", got, c.code)
			}
		})
	}
	for n := range len(ok) { // half a message, then gone
		conn := w.dial(t)
		conn.say(ok[:n])
		conn.Close()
	}
	conn := w.dial(t) // byte by byte
	for i := range ok {
		conn.say(ok[i : i+1])
	}
	conn.until('Z')
}

// until1 reads one byte.
func (c *raw) until1(t *testing.T, want byte) {
	t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != want {
		t.Fatalf("got %q %v, want %q", b, err, want)
	}
}

// TestBadMessages: what comes after the log-in. What can be told apart gets an error and the session
// goes on; what breaks the framing ends it. Nobody else notices.
func TestBadMessages(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE t (a int, b text)")
	sync, flush := msg('S'), msg('H')
	join := func(bs ...[]byte) []byte { return bytes.Join(bs, nil) }
	long := func(kind byte, n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{kind}, n) }
	parse := msg('P', "", "SELECT $1::int + 1", 0)
	for name, c := range map[string]struct {
		bytes []byte
		code  string
		ends  bool // the connection
	}{
		"length 0":                    {long('Q', 0), "08P01", true},
		"length 3":                    {long('Q', 3), "08P01", true},
		"length -1":                   {long('Q', 1<<32-1), "08P01", true},
		"length 2^31-1":               {long('Q', 1<<31-1), "08P01", true},
		"17 MiB":                      {long('Q', 17<<20), "08P01", true},
		"unknown type":                {msg('!', "x"), "08P01", true},
		"type 0":                      {msg(0), "08P01", true},
		"type 255":                    {msg(255), "08P01", true},
		"second startup":              {startup(3<<16, "user", "tidemill"), "08P01", true},
		"query without NUL":           {msg('Q', []byte("SELECT 1")), "08P01", true},
		"query with NUL inside":       {msg('Q', "SELECT \x00 1"), "08P01", true},
		"query empty body":            {msg('Q'), "08P01", true},
		"password":                    {msg('p', "x"), "08P01", true},
		"random":                      {random(1, 300), "08P01", true},
		"copy data unasked":           {join(msg('d', "x"), msg('c'), msg('f', "x"), query("SELECT 1")), "", false},
		"function call":               {msg('F', int32(1), 0, 0, 0), "0A000", false},
		"parse twice":                 {join(msg('P', "s", "SELECT 1", 0), msg('P', "s", "SELECT 1", 0), sync), "42P05", false},
		"parse of two":                {join(msg('P', "", "SELECT 1; SELECT 2", 0), sync), "42601", false},
		"parse of nothing":            {join(msg('P', "", "", 0), msg('B', "", "", 0, 0, 0), msg('E', "", int32(0)), sync), "", false},
		"parse with types missing":    {join(msg('P', "", "SELECT 1", 5), sync), "08P01", true},
		"parse with a bad type":       {join(msg('P', "", "SELECT $1", 1, int32(99999)), sync), "42704", false},
		"bind to nothing":             {join(msg('B', "", "nope", 0, 0, 0), sync), "26000", false},
		"bind too few":                {join(parse, msg('B', "", "", 0, 0, 0), sync), "08P01", false},
		"bind too many":               {join(parse, msg('B', "", "", 0, 2, int32(-1), int32(-1), 0), sync), "08P01", false},
		"bind length -2":              {join(parse, msg('B', "", "", 0, 1, int32(-2), 0), sync), "08P01", true},
		"bind length beyond":          {join(parse, msg('B', "", "", 0, 1, int32(1<<30), 0), sync), "08P01", true},
		"bind formats 2":              {join(parse, msg('B', "", "", 2, 1, 1, 1, int32(-1), 0), sync), "08P01", false},
		"bind format 7":               {join(parse, msg('B', "", "", 1, 7, 1, int32(-1), 0), sync), "22023", false},
		"bind 65535 formats":          {join(parse, msg('B', "", "", 65535), sync), "08P01", true},
		"bind result formats 3":       {join(parse, msg('B', "", "", 0, 1, int32(-1), 3, 0, 0, 0), sync), "08P01", false},
		"bind binary of wrong width":  {join(parse, msg('B', "", "", 1, 1, 1, int32(3), []byte{1, 2, 3}, 0), sync), "22P03", false},
		"bind text of wrong type":     {join(parse, msg('B', "", "", 0, 1, int32(1), []byte("x"), 0), sync), "22P02", false},
		"bind invalid UTF-8":          {join(msg('P', "", "SELECT $1::text", 0), msg('B', "", "", 0, 1, int32(1), []byte{0xff}, 0), sync), "22021", false},
		"bind NUL":                    {join(msg('P', "", "SELECT $1::text", 0), msg('B', "", "", 0, 1, int32(1), []byte{0}, 0), sync), "22021", false},
		"describe nothing":            {join(msg('D', []byte{'S'}, "nope"), sync), "26000", false},
		"describe no portal":          {join(msg('D', []byte{'P'}, "nope"), sync), "34000", false},
		"describe X":                  {join(msg('D', []byte{'X'}, ""), sync), "08P01", false},
		"execute nothing":             {join(msg('E', "nope", int32(0)), sync), "34000", false},
		"execute twice":               {join(msg('P', "", "INSERT INTO t VALUES (1)", 0), msg('B', "", "", 0, 0, 0), msg('E', "", int32(0)), msg('E', "", int32(0)), sync), "55000", false},
		"execute -1 rows":             {join(msg('P', "", "SELECT 1", 0), msg('B', "", "", 0, 0, 0), msg('E', "", int32(-1)), sync), "", false},
		"execute closed":              {join(msg('P', "", "SELECT 1", 0), msg('B', "p", "", 0, 0, 0), msg('C', []byte{'P'}, "p"), msg('E', "p", int32(0)), sync), "34000", false},
		"close nothing":               {join(msg('C', []byte{'S'}, "nope"), sync), "", false},
		"close X":                     {join(msg('C', []byte{'X'}, "nope"), sync), "08P01", false},
		"error, then skipped to Sync": {join(msg('P', "", "SELEC", 0), parse, msg('E', "", int32(0)), flush, flush, sync), "42601", false},
		"syncs":                       {bytes.Repeat(sync, 1000), "", false},
		"flushes":                     {join(bytes.Repeat(flush, 1000), sync), "", false},
		"copy that fails":             {join(query("COPY t FROM STDIN"), msg('f', "no more")), "57014", false},
		"copy of rubbish":             {join(query("COPY t FROM STDIN"), msg('d', []byte("x\ty\n")), msg('c')), "22P02", false},
		"copy of half a row":          {join(query("COPY t FROM STDIN"), msg('d', []byte("1\n")), msg('c')), "22P04", false},
		"copy with too many columns":  {join(query("COPY t FROM STDIN"), msg('d', []byte("1\t2\t3\n")), msg('c')), "22P04", false},
		"copy of bytes":               {join(query("COPY t FROM STDIN"), msg('d', []byte("1\t\xff\n")), msg('c')), "22021", false},
		"copy binary of rubbish":      {join(query("COPY t FROM STDIN (FORMAT binary)"), msg('d', []byte("rubbish")), msg('c')), "0A000", false},
		"query during copy":           {join(query("COPY t FROM STDIN"), query("SELECT 1")), "08006", true},
		"terminate during copy":       {join(query("COPY t FROM STDIN"), msg('X')), "", true},
		"terminate":                   {msg('X'), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			conn := w.login(t)
			conn.say(c.bytes)
			if c.ends {
				if !strings.HasPrefix(name, "random") && !strings.Contains(name, "startup") {
					conn.say(nil)
				}
				if tcp, ok := conn.Conn.(*net.TCPConn); ok && !strings.HasPrefix(name, "terminate") {
					tcp.CloseWrite() //nolint:errcheck // a socket
				}
				if got := conn.rest(); got != c.code {
					t.Errorf("got %q, want %q", got, c.code)
				}
				return
			}
			conn.answers(t, c.code)
			if name == "syncs" {
				for range 999 {
					conn.until('Z')
				}
			}
			conn.say(query("SELECT 41 + 1"))
			if got := strings.Join(conn.until('Z'), " "); !strings.Contains(got, "CSELECT 1") {
				t.Errorf("afterwards the session says %q", got)
			}
		})
	}
	w.want("SELECT count(*) FROM t", "1") // of "execute twice", whose first Execute was committed… or not at all
}

// answers reads up to ReadyForQuery and checks the code of the error on the way, "" being none.
func (c *raw) answers(t *testing.T, code string) {
	t.Helper()
	got := ""
	for _, m := range c.until('Z') {
		if m[0] == 'E' {
			got = m[1:]
		}
	}
	if got != code {
		t.Errorf("got %q, want %q", got, code)
	}
}

// random bytes, the same each time.
func random(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestRandomBytes sends rubbish before and after the log-in, and good messages with a byte changed.
func TestRandomBytes(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE t (a int)")
	good := bytes.Join([][]byte{
		msg('P', "s", "SELECT $1::int, a FROM t", 1, int32(23)), msg('D', []byte{'S'}, "s"), msg('B', "p", "s", 1, 1, 1, int32(4), int32(7), 1, 1),
		msg('D', []byte{'P'}, "p"), msg('E', "p", int32(5)), msg('C', []byte{'P'}, "p"), msg('S'), query("SELECT 1"),
	}, nil)
	hello := startup(3<<16, "user", "tidemill", "database", "tidemill")
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		var conn *raw
		var b []byte
		switch seed % 3 {
		case 0:
			conn, b = w.dial(t), random(seed, r.IntN(2000))
		case 1:
			conn, b = w.dial(t), bytes.Clone(hello)
			b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
			b = append(b, good...)
		default:
			conn, b = w.login(t), bytes.Clone(good)
			for range 1 + r.IntN(3) {
				b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
			}
		}
		conn.Write(b)                         //nolint:errcheck // the server may have had enough
		conn.Conn.(*net.TCPConn).CloseWrite() //nolint:errcheck // the same
		n, err := io.Copy(io.Discard, conn.Conn)
		if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
			t.Fatalf("seed %d: the server hangs after %d bytes", seed, n)
		}
		conn.Close()
	}
}

// TestSplitMessages: a conversation in pieces split at each byte, and one that ends at each byte.
func TestSplitMessages(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE t (a int)")
	talk := bytes.Join([][]byte{
		msg('P', "", "INSERT INTO t VALUES ($1) RETURNING a", 1, int32(23)), msg('B', "", "", 1, 1, 1, int32(4), int32(7), 1, 1),
		msg('E', "", int32(0)), msg('S'),
	}, nil)
	conn := w.login(t)
	for i := 1; i < len(talk); i++ {
		conn.say(talk[:i])
		time.Sleep(100 * time.Microsecond)
		conn.say(talk[i:])
		if got := strings.Join(conn.until('Z'), " "); !strings.HasPrefix(got, "1 2 D CINSERT 0 1 Z") {
			t.Fatalf("split at %d: %q", i, got)
		}
	}
	w.want("SELECT count(*) FROM t", fmt.Sprint(len(talk)-1))
	for i := range len(talk) {
		conn := w.login(t)
		conn.say(talk[:i])
		conn.Close()
	}
	w.soon("SELECT count(*) FROM pg_stat_activity", "2") // this one and the one above
}

// TestHangUps: clients that leave in the middle of things.
func TestHangUps(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE t (a int PRIMARY KEY, b text)",
		"INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 50000) i", "CREATE TABLE copied (a int, b text)")
	t.Run("during a big result", func(t *testing.T) {
		for range 8 {
			conn := w.login(t)
			conn.say(query("SELECT x.a, y.b FROM t x, t y"))
			io.CopyN(io.Discard, conn, 1<<20) //nolint:errcheck // as far as it goes
			conn.Close()
		}
		w.soon("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'", "1")
	})
	t.Run("during a long query", func(t *testing.T) {
		for range 4 {
			conn := w.login(t)
			conn.say(query("SELECT count(*) FROM t x, t y, t z"))
			time.Sleep(50 * time.Millisecond)
			conn.Close()
		}
		w.soon("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'", "1")
	})
	t.Run("during CREATE MATERIALIZED VIEW", func(t *testing.T) {
		for i := range 5 {
			conn := w.login(t)
			conn.say(query(fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS SELECT x.a %% 10 AS k, count(*) AS n FROM t x JOIN t y ON x.a = y.a GROUP BY 1", i)))
			time.Sleep(time.Duration(i*10) * time.Millisecond)
			conn.Close()
		}
		w.beat(t)
		// Each is there and right in the end, or not there at all.
		kit.Eventually(t, 15*time.Second, func() error {
			for _, v := range kit.Rows(t, w.c, "SELECT name, state FROM tidemill_catalog.views WHERE name LIKE 'v%'") {
				if name, state, _ := strings.Cut(v, "|"); state != "running" {
					return fmt.Errorf("%s is %s", name, state)
				}
			}
			return nil
		})
		for _, v := range w.rows("SELECT name FROM tidemill_catalog.views WHERE name LIKE 'v%'") {
			w.want("SELECT sum(n) FROM "+v, "50000")
			w.exec("DROP MATERIALIZED VIEW " + v)
		}
	})
	t.Run("during INSERT", func(t *testing.T) {
		w.exec("CREATE TABLE ins (a int PRIMARY KEY)", "CREATE MATERIALIZED VIEW insv AS SELECT count(*) AS n FROM ins")
		for i := range 20 {
			conn := w.login(t)
			conn.say(query(fmt.Sprintf("INSERT INTO ins SELECT %d + i FROM generate_series(1, 1000) i", i*1000)))
			time.Sleep(time.Duration(i) * 500 * time.Microsecond)
			conn.Close()
		}
		w.soon("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'", "1")
		kit.Eventually(t, 10*time.Second, func() error { // all rows of a statement or none
			got := w.rows("SELECT count(*), count(*) % 1000, (SELECT n FROM insv) - count(*) FROM ins")[0]
			if !strings.HasSuffix(got, "|0|0") {
				return fmt.Errorf("rows, partial statements, view: %s", got)
			}
			return nil
		})
	})
	t.Run("during COPY in", func(t *testing.T) {
		for range 4 {
			conn := w.login(t)
			conn.say(query("COPY copied FROM STDIN"))
			conn.say(msg('d', bytes.Repeat([]byte("1\tx\n"), 1000)))
			conn.Close()
		}
		w.soon("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'", "1")
		w.want("SELECT count(*) FROM copied", "0")
	})
	t.Run("during COPY out", func(t *testing.T) {
		conn := w.login(t)
		conn.say(query("COPY (SELECT x.a FROM t x, t y) TO STDOUT"))
		io.CopyN(io.Discard, conn, 1<<20) //nolint:errcheck // as far as it goes
		conn.Close()
		w.soon("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'", "1")
	})
	t.Run("in a block", func(t *testing.T) {
		conn := w.login(t)
		conn.say(query("BEGIN; INSERT INTO copied VALUES (1, 'x'); DECLARE c CURSOR FOR SELECT * FROM t; FETCH 10 FROM c"))
		conn.until('Z')
		conn.Close()
		w.soon("SELECT count(*) FROM pg_stat_activity", "1")
		w.want("SELECT count(*) FROM copied", "0")
	})
}

// TestCancel: a cancel request ends a long statement within a second, whatever it is at.
func TestCancel(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE t (a int PRIMARY KEY, b text)", "INSERT INTO t SELECT i, repeat('x', 10) FROM generate_series(1, 30000) i")
	for _, sql := range []string{
		"SELECT count(*) FROM t x, t y, t z",
		"SELECT x.a FROM t x, t y, t z WHERE x.a + y.a + z.a < 0",
		"SELECT x.a, count(*) FROM t x, t y, t z GROUP BY 1",
		"UPDATE t SET b = (SELECT count(*) FROM t x, t y, t z)::text",
		"DELETE FROM t WHERE a > (SELECT count(*) FROM t x, t y, t z)",
		"INSERT INTO t SELECT x.a FROM t x, t y, t z WHERE x.a + y.a + z.a < 0",
		"COPY (SELECT x.a FROM t x, t y, t z WHERE x.a + y.a + z.a < 0) TO STDOUT",
		"SELECT pg_sleep(100)",
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		c, err := pgx.Connect(ctx, w.DSN())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(100 * time.Millisecond)
			c.PgConn().CancelRequest(ctx) //nolint:errcheck // seen below
		}()
		start := time.Now()
		_, err = kit.TryExec(c, sql)
		if e := pgError(err); e == nil || e.Code != "57014" {
			t.Errorf("%s: %v", sql, err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: cancelled after %v", sql, took.Round(time.Millisecond))
		}
		if got, err := kit.TryRows(c, "SELECT 1"); err != nil || got[0] != "1" {
			t.Errorf("after %s: %v %v", sql, got, err)
		}
		c.Close(ctx) //nolint:errcheck // done
		cancel()
	}
	w.exec("SET statement_timeout = '200ms'")
	w.fails("SELECT count(*) FROM t x, t y, t z", "57014", "statement timeout")
	w.exec("RESET statement_timeout")
	w.want("SELECT count(*), min(length(b)) FROM t", "30000|10")
}

// TestManyConnections: 300 at once. Those above the limit are told, the others work.
func TestManyConnections(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE t (a int)", "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM t")
	var served, full, early atomic.Int64
	var all sync.WaitGroup
	hold := make(chan struct{})
	for i := range 300 {
		all.Add(1)
		go func() {
			defer all.Done()
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			c, err := pgx.Connect(ctx, w.DSN())
			switch e := pgError(err); {
			case e != nil && e.Code == "53300":
				full.Add(1)
				return
			case err != nil:
				early.Add(1) // too many that had not logged in yet
				return
			}
			defer c.Close(ctx)
			served.Add(1)
			if _, err := c.Exec(ctx, "INSERT INTO t VALUES ($1)", i); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
			<-hold
		}()
	}
	kit.Eventually(t, 20*time.Second, func() error {
		if n := served.Load() + full.Load() + early.Load(); n < 300 {
			return fmt.Errorf("%d of 300 connections answered", n)
		}
		return nil
	})
	w.soon("SELECT n FROM v", fmt.Sprint(served.Load()))
	t.Logf("%d served, %d refused with 53300, %d dropped before their log-in", served.Load(), full.Load(), early.Load())
	if served.Load() < 100 || served.Load() > 208 {
		t.Errorf("%d connections were served", served.Load())
	}
	close(hold)
	all.Wait()
	w.soon("SELECT count(*) FROM pg_stat_activity", "1")

	// Silent connections do not lock out others.
	for range 100 {
		w.dial(t)
	}
	w.beat(t)
}

// TestSlowReader: a client that does not take its result costs little memory and is thrown out.
func TestSlowReader(t *testing.T) {
	w := newWorld(t, "--slow-reader-timeout", "1s")
	w.exec("CREATE TABLE t (a int PRIMARY KEY, b text)", "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 2000) i")
	bounded(t, 20*time.Second, 200<<20, func() {
		var conns []*raw
		for range 5 {
			conn := w.login(t)
			conn.say(query("SELECT x.b FROM t x, t y"))
			conns = append(conns, conn)
		}
		time.Sleep(200 * time.Millisecond)
		w.beat(t)
		// One that reads slowly but steadily gets on.
		steady := w.login(t)
		steady.say(query("SELECT b FROM t"))
		kind := byte(0)
		for kind != 'Z' {
			k, _, err := steady.message()
			if err != nil {
				t.Fatal(err)
			}
			if kind = k; k == 'D' && rand.N(100) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		steady.Close()
		w.soon("SELECT count(*) FROM pg_stat_activity", "1")
		for _, c := range conns {
			c.Close()
		}
	})
}
