package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	_ "tidemill/connector/all"
	_ "tidemill/exec/op/all"
	"tidemill/exec/state"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/fn"
	_ "tidemill/sql/fn/all"
	"tidemill/sql/parse"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// db is an engine that a test drives without a server.
type db struct {
	testing.TB
	*Engine
	fs  vfs.FS
	cfg Config
}

// memtable is the size of the stores' memtables: small ones make them write files.
var memtable int64 = 4 << 20

// open starts an engine on a new file system in memory. It is closed at the end of the test.
func open(t testing.TB, change ...func(*Config)) *db {
	t.Helper()
	return openOn(t, vfs.NewMem(), change...)
}

func openOn(t testing.TB, fs vfs.FS, change ...func(*Config)) *db {
	t.Helper()
	d := &db{TB: t, fs: fs, cfg: Config{Workers: 2, Check: true, SyncInterval: 5 * time.Millisecond, MemoryLimit: 1 << 30}}
	for _, f := range change {
		f(&d.cfg)
	}
	d.start()
	t.Cleanup(d.stop)
	return d
}

func (d *db) start() {
	d.Helper()
	if err := d.tryStart(); err != nil {
		d.Fatalf("open: %v", err)
	}
}

func (d *db) tryStart() (err error) {
	d.Engine, err = Open(d.withStore())
	return err
}

// withStore is the configuration with the opened store.
func (d *db) withStore() Config {
	d.Helper()
	cfg := d.cfg
	var err error
	if cfg.Store, err = state.Open(state.Options{Dir: "db", FS: d.fs, MemTableBytes: memtable, CacheBytes: 4 << 20}); err != nil {
		d.Fatal(err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return cfg
}

func (d *db) stop() {
	if d.Engine == nil {
		return
	}
	if err := d.Close(); err != nil {
		d.Errorf("close: %v", err)
	}
	d.Engine = nil
}

func (d *db) restart() {
	d.Helper()
	d.stop()
	d.start()
}

// run executes statements that must succeed.
func (d *db) run(texts ...string) {
	d.Helper()
	for _, text := range texts {
		if _, err := d.try(text); err != nil {
			d.Fatalf("%s\n%v", text, err)
		}
	}
}

// query returns the rows of a SELECT as text, sorted.
func (d *db) query(text string) []string {
	d.Helper()
	out, err := d.try(text)
	if err != nil {
		d.Fatalf("%s\n%v", text, err)
	}
	slices.Sort(out)
	return out
}

// one returns the only value of a SELECT.
func (d *db) one(text string) string {
	d.Helper()
	return strings.Join(d.query(text), "\n")
}

// try executes statements and returns the rows of the last.
func (d *db) try(text string) ([]string, error) { return tryOn(context.Background(), d.Engine, text) }

func tryOn(ctx context.Context, e *Engine, text string) (out []string, err error) {
	list, err := parse.Parse(text)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if out, err = execute(ctx, e, list[i].Stmt, list[i].Text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func execute(ctx context.Context, e *Engine, stmt ast.Statement, text string) ([]string, error) {
	path := []string{"public"}
	pc := &planner.Context{Catalog: e.Catalog(), SearchPath: path, User: "tidemill"}
	f := &fn.Ctx{Now: time.Now().UnixMicro()}
	var d *planner.DML
	var err error
	switch x := stmt.(type) {
	case *ast.Query:
		q, err := planner.PlanQuery(pc, x.Select)
		if err != nil {
			return nil, err
		}
		r, err := e.Reader()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		var out []string
		err = r.Run(ctx, &Run{Plan: q.Plan, Fn: f, Out: func(b *rows.Batch) error { out = append(out, texts(b)...); return nil }})
		return out, err
	case *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge:
		d, err = planner.PlanDML(pc, stmt)
	default:
		return nil, e.Define(ctx, &Caller{User: "tidemill", SearchPath: path, Text: text, Fn: f}, stmt)
	}
	if err != nil {
		return nil, err
	}
	_, err = e.Modify(ctx, f, Write{DML: d})
	return nil, err
}

// texts renders rows with their values separated by spaces.
func texts(b *rows.Batch) []string {
	var out []string
	for k := range b.Len() {
		var line []byte
		for i, c := range b.Cols {
			if i > 0 {
				line = append(line, ' ')
			}
			if v := c.Datum(b.Row(k)); v.Null {
				line = append(line, "NULL"...)
			} else {
				line = types.AppendText(line, v, nil)
			}
		}
		out = append(out, string(line))
	}
	return out
}

// verify compares views with their definitions.
func (d *db) verify(views ...string) {
	d.Helper()
	for _, name := range views {
		diff, err := d.Verify(context.Background(), d.Catalog().ByName("public", name), 5)
		if err != nil {
			d.Errorf("verify %s: %v", name, err)
		} else if len(diff) > 0 {
			d.Errorf("verify %s:\n%s", name, strings.Join(diff, "\n"))
		}
	}
}

// until waits for a condition.
func (d *db) until(what string, cond func() bool) {
	d.Helper()
	if !waitFor(cond) {
		d.Fatalf("waited in vain: %s", what)
	}
}

func waitFor(cond func() bool) bool {
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if cond() {
			return true
		}
	}
	return false
}

// status returns the status of an object.
func (d *db) status(name string) Status {
	d.Helper()
	for _, st := range d.Statuses() {
		if st.Object.Name == name {
			return st
		}
	}
	d.Fatalf("no status of %s", name)
	return Status{}
}

// fill inserts rows (i, i % 10, i) for i in [from, to) into t.
func (d *db) fill(from, to int) {
	d.Helper()
	d.run(fmt.Sprintf("INSERT INTO t SELECT g, g %% 10, g FROM generate_series(%d, %d) g", from, to-1))
}
