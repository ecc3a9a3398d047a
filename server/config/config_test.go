package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func envOf(m map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	path := write(t, "listen: 127.0.0.1:1\nhttp: 127.0.0.1:2\nworkers: 3\nmax_connections: 7\n")
	c, rest, err := Load([]string{"--listen", "127.0.0.1:9", "--config=" + path, "x"},
		envOf(map[string]string{"TIDEMILL_LISTEN": "127.0.0.1:5", "TIDEMILL_HTTP": "127.0.0.1:6"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:9" || c.HTTP != "127.0.0.1:6" || c.Workers != 3 || c.MaxConnections != 7 {
		t.Errorf("got %+v", c)
	}
	if c.AuthTimeout != 10*time.Second || c.MaxMessage != 16<<20 || c.File != path {
		t.Errorf("defaults: %+v", c)
	}
	if len(rest) != 1 || rest[0] != "x" {
		t.Errorf("rest %q", rest)
	}
}

func TestRefusals(t *testing.T) {
	none := envOf(nil)
	for _, c := range []struct{ name, file, flag, want string }{
		{"unknown key", "lisen: x", "", `no setting "lisen"`},
		{"duplicate key", "workers: 1\nworkers: 2", "", "already defined"},
		{"nested", "listen:\n  a: 1", "", "takes one value"},
		{"wrong unit", "", "--memory=5XB", "not a size"},
		{"negative", "", "--workers=-1", "outside"},
		{"huge", "", "--memory=9223372036854775808", "not a size"},
		{"duration", "", "--auth-timeout=5", "not a duration"},
		{"listen", "", "--listen=5477", "not host:port"},
		{"key alone", "", "--tls-cert=a", "go together"},
		{"no file", "", "--config=/nonexistent", "no such file"},
		{"unknown flag", "", "--frob", "not defined"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var args []string
			if c.flag != "" {
				args = append(args, c.flag)
			}
			if c.file != "" {
				args = append(args, "--config", write(t, c.file))
			}
			if _, _, err := Load(args, none, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestHelpAndReferenceNameEverySetting(t *testing.T) {
	var b bytes.Buffer
	if _, _, err := Load([]string{"--help"}, envOf(nil), &b); !errors.Is(err, ErrHelp) {
		t.Errorf("error %v", err)
	}
	ref := Reference()
	for _, s := range Settings() {
		if !strings.Contains(b.String(), "--"+s.Name) || !strings.Contains(ref, s.Env()) {
			t.Errorf("%s is not documented", s.Name)
		}
		if !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("%s: the meaning is not a sentence", s.Name)
		}
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "localhost:5": true, "0.0.0.0:1": false, ":1": false,
		"192.168.1.1:1": false, "db.example:1": false, "bad": false,
	} {
		if Loopback(addr) != want {
			t.Errorf("Loopback(%q) = %v", addr, !want)
		}
	}
}
