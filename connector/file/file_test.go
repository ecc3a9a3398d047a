package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tidemill/connector"
	"tidemill/connector/conform"
	_ "tidemill/connector/format/csv"
	_ "tidemill/connector/format/json"
	_ "tidemill/connector/format/raw"
	"tidemill/sql/types"
)

var schema = types.Schema{
	{Name: "a", Type: types.T(types.Int8)},
	{Name: "b", Type: types.T(types.Text)},
	{Name: "at", Type: types.T(types.Int8)},
	{Name: "file", Type: types.T(types.Text)},
}

func config(path, mode, encoding string, opts map[string]string) *connector.ReaderConfig {
	return &connector.ReaderConfig{
		Options: &connector.Options{Values: map[string]string{optPath: path, optMode: mode}, Encoding: encoding, Format: opts},
		Schema:  schema, Cols: []int{0, 1, 2, 3},
		Include: map[int]string{2: "offset", 3: "partition"},
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func spec(t testing.TB) *connector.Spec {
	t.Helper()
	s, err := connector.Lookup("file")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformJSON(t *testing.T) {
	dir := t.TempDir()
	for f := range 3 {
		var sb strings.Builder
		for i := range 40 {
			if i == 7 {
				sb.WriteString("{\"a\":\n\n")
			}
			fmt.Fprintf(&sb, "{\"a\":%d,\"b\":\"x\\n%d\"}\n", i, f)
		}
		sb.WriteString(`{"a":99}`) // no line break
		write(t, filepath.Join(dir, fmt.Sprint(f, ".jsonl")), sb.String())
	}
	for _, c := range []struct {
		mode string
		rows int
	}{{once, 3 * 42}, {follow, 3 * 41}} {
		t.Run(c.mode, func(t *testing.T) {
			conform.Source(t, conform.SourceCase{Spec: spec(t), Rows: c.rows, Blocks: c.mode == follow,
				Config: func() *connector.ReaderConfig { return config(dir+"/*.jsonl", c.mode, "json", nil) }})
		})
	}
}

func TestConformCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	text := "b,a\n"
	for i := range 50 {
		text += fmt.Sprintf("\"line\nbreak, %d\",%d\n", i, i)
	}
	write(t, path, text+"\"open")
	for _, c := range []struct {
		mode string
		rows int
	}{{once, 51}, {follow, 50}} {
		t.Run(c.mode, func(t *testing.T) {
			conform.Source(t, conform.SourceCase{Spec: spec(t), Rows: c.rows, Blocks: c.mode == follow,
				Config: func() *connector.ReaderConfig {
					return config(path, c.mode, "csv", map[string]string{"header": "true"})
				}})
		})
	}
}

// poll reads until n rows or bad records have come, and returns them with the last position.
func poll(t *testing.T, r connector.Reader, n int, pos connector.Offset) []string {
	t.Helper()
	var out []string
	for end := time.Now().Add(10 * time.Second); len(out) < n; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		c, err := r.Poll(ctx, 100)
		cancel()
		if err != nil {
			return append(out, err.Error())
		}
		for k, v := range c.Next {
			pos[k] = v
		}
		for _, b := range c.Batches {
			out = append(out, conform.Lines(b, []int{0, 1, 2})...)
		}
		for _, b := range c.Bad {
			out = append(out, "bad "+b.Offset+" "+b.Reason)
		}
		if c.Done || time.Now().After(end) {
			break
		}
	}
	return out
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.jsonl")
	cfg := config(dir+"/*.jsonl", follow, "json", nil)
	r, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Poll(short, 10); err != nil {
		t.Fatal(err)
	}
	if s := r.(connector.Status).Status(); !strings.HasPrefix(s, "no file matches") {
		t.Errorf("status %q", s)
	}
	pos := connector.Offset{}
	write(t, path, "{\"a\":1}\n{\"a\":")
	wantLines(t, poll(t, r, 1, pos), `+1 "1" NULL "0"`)
	add(t, path, "2}\n")
	wantLines(t, poll(t, r, 1, pos), `+1 "2" NULL "8"`)
	write(t, filepath.Join(dir, "b.jsonl"), "\ufeff{\"a\":3}\n")
	wantLines(t, poll(t, r, 1, pos), `+1 "3" NULL "3"`)

	// After a restart the unchanged files go on.
	again := config(dir+"/*.jsonl", follow, "json", nil)
	again.From = pos.Clone()
	add(t, path, "{\"a\":4}\n")
	r2, _ := open(again)
	wantLines(t, poll(t, r2, 1, pos), `+1 "4" NULL "16"`)
	r2.Close()

	refused := func(want string) {
		t.Helper()
		again.From = pos.Clone()
		r, err := open(again)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got := poll(t, r, 1, connector.Offset{}); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	write(t, path, "{\"a\":1}\n")
	refused("was truncated: it has 8 bytes, and 24 were read before")
	write(t, path, "{\"a\":7}\n{\"a\":2}\n{\"a\":5}\n{\"a\":6}\n")
	refused("was replaced: its first 24 bytes are not those")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused("is gone")
	// The reader that was running finds out too.
	if got := poll(t, r, 1, pos); len(got) != 1 || !strings.Contains(got[0], "truncated") && !strings.Contains(got[0], "replaced") {
		t.Errorf("the running reader says %q", got)
	}
}

func TestLongRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	long := strings.Repeat("x", 20<<20)
	write(t, path, "{\"a\":1}\n"+long+"\n{\"a\":2}\n")
	cfg := config(path, once, "json", nil)
	r, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	got := poll(t, r, 3, connector.Offset{})
	wantLines(t, got, `+1 "1" NULL "0"`, "bad 8 no end of the record within 8 MiB; reading goes on at the next line", `+1 "2" NULL "20971529"`)
	r.Close()
	conform.Source(t, conform.SourceCase{Spec: spec(t), Rows: 3, Config: func() *connector.ReaderConfig { return config(path, once, "json", nil) }})
}

func TestNoFiles(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/dev/zero", link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                   "is a directory",
		fifo:                  "is a named pipe",
		"/dev/null":           "is a device",
		link:                  "is a device",
		dir + "/nope":         "no file matches",
		dir + "/*.nope":       "no file matches",
		"/proc/self/mem":      "", // regular by its mode: reading fails later
		dir + "/[":            "not a file pattern",
		"/proc/self/fd/nope/": "no file matches",
	} {
		err := check(config(path, once, "json", nil).Options, nil)
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func BenchmarkReadJSON(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.jsonl")
	write(b, path, strings.Repeat("{\"a\":12345,\"b\":\"some text of ordinary length\",\"c\":[1,2,3]}\n", 100_000))
	rows := 0
	for b.Loop() {
		r, err := open(&connector.ReaderConfig{Options: config(path, once, "json", nil).Options, Schema: schema, Cols: []int{0, 1}})
		if err != nil {
			b.Fatal(err)
		}
		for done := false; !done; {
			c, err := r.Poll(context.Background(), 16<<10)
			if err != nil {
				b.Fatal(err)
			}
			for _, x := range c.Batches {
				rows += x.N
			}
			done = c.Done
		}
		r.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}
