package admin_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tidemill/server"
	"tidemill/server/admin"
	"tidemill/server/config"

	_ "tidemill/exec/op/all"
	_ "tidemill/sql/fn/all"
)

func TestPages(t *testing.T) {
	cfg := config.Default()
	cfg.Data, cfg.Listen, cfg.HTTP, cfg.LogLevel = t.TempDir()+"/data", "127.0.0.1:0", "127.0.0.1:0", "error"
	s, err := server.StartWith(cfg, server.Hooks{Check: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	c, err := pgx.Connect(context.Background(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), "create table t (a int); insert into t values (1),(2); create materialized view \"<b>\" as select count(*) from t"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"/healthz": {"ok"}, "/readyz": {"ready"}, "/": {"public.&lt;b&gt;", "public.t", "Materialized views"},
		"/metrics": {"tidemill_epochs_total", "tidemill_epoch_duration_seconds_bucket", "tidemill_connections 1",
			`tidemill_stored_rows{kind="table",name="public.t"} 2`, "go_goroutines", "tidemill_wire_bytes_total"},
	} {
		res, err := http.Get("http://" + s.HTTPAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("%s: %s", path, res.Status)
		}
		for _, w := range want {
			if !strings.Contains(string(body), w) {
				t.Errorf("%s lacks %q", path, w)
			}
		}
	}
	if res, err := http.Get("http://" + s.HTTPAddr() + "/nope"); err != nil || res.StatusCode != 404 {
		t.Error(res, err)
	}
}

func TestRefusesTheNetwork(t *testing.T) {
	cfg := config.Default()
	cfg.HTTP = "0.0.0.0:1"
	if _, err := admin.New(admin.Options{Config: cfg}); err == nil {
		t.Error("accepted")
	}
}
