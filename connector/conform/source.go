// Package conform is the behaviour that every connector must show, as a test suite. A connector's
// tests call Source or Sink with what is special about it.
package conform

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"

	"tidemill/connector"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// SourceCase is a source with data ready to read.
type SourceCase struct {
	Spec *connector.Spec
	// Config returns a fresh configuration without From and Until.
	Config func() *connector.ReaderConfig
	// Rows is how many rows to read of a source without an end; one with an end must have this many,
	// bad records included.
	Rows int
	// Blocks tells that a reader at the end of the data waits for more instead of being done.
	Blocks bool
}

const patience = 20 * time.Second

// Source runs the suite for a source.
func Source(t *testing.T, c SourceCase) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Run("replay", func(t *testing.T) { replay(t, c) })
	t.Run("columns", func(t *testing.T) { columns(t, c) })
	t.Run("close during poll", func(t *testing.T) { closeDuringPoll(t, c) })
	t.Run("context", func(t *testing.T) { ended(t, c) })
	NoLeak(t, before)
}

// NoLeak fails the test when there are more goroutines than before, after some patience.
func NoLeak(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// Lines returns the rows of a batch as text, with their weights, columns in the given order.
func Lines(b *rows.Batch, order []int) []string {
	var out []string
	for k := range b.Len() {
		i := b.Row(k)
		vals := make([]string, 0, len(b.Cols)+1)
		vals = append(vals, fmt.Sprintf("%+d", b.Weight(i)))
		for _, c := range order {
			if b.Cols[c].IsNull(i) {
				vals = append(vals, "NULL")
				continue
			}
			vals = append(vals, fmt.Sprintf("%q", types.AppendText(nil, b.Cols[c].Datum(i), &types.Env{})))
		}
		out = append(out, strings.Join(vals, " "))
	}
	return out
}

// step is what one Poll gave.
type step struct {
	lines []string
	pos   connector.Offset // after it
}

// read polls until the source is done or, without an end, n rows have come.
func read(t *testing.T, c SourceCase, cfg *connector.ReaderConfig, n, max int) []step {
	t.Helper()
	r, err := c.Spec.OpenReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	order := make([]int, len(cfg.Cols))
	for i := range order {
		order[i] = i
	}
	pos := cfg.From.Clone()
	var out []step
	total := 0
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		chunk, err := r.Poll(ctx, max)
		if err != nil {
			t.Fatalf("Poll: %v", err)
		}
		for k, v := range chunk.Next {
			pos[k] = v
		}
		s := step{lines: chunkLines(t, cfg, chunk, order), pos: pos.Clone()}
		total += len(s.lines)
		out = append(out, s)
		if chunk.Done {
			return out
		}
		if cfg.Until == nil && n > 0 && total >= n {
			return out
		}
		if ctx.Err() != nil {
			t.Fatalf("%d of %d rows after %v; status %q", total, n, patience, status(r))
		}
	}
}

func chunkLines(t *testing.T, cfg *connector.ReaderConfig, chunk *connector.Chunk, order []int) []string {
	t.Helper()
	var out []string
	for _, b := range chunk.Batches {
		checkBatch(t, cfg, b)
		out = append(out, Lines(b, order)...)
	}
	for _, b := range chunk.Bad {
		if b.Reason == "" {
			t.Error("a bad record without a reason")
		}
		out = append(out, fmt.Sprintf("bad %s %s %q", b.Partition, b.Offset, b.Reason))
	}
	return out
}

func checkBatch(t *testing.T, cfg *connector.ReaderConfig, b *rows.Batch) {
	t.Helper()
	if len(b.Cols) != len(cfg.Cols) || len(b.Schema) != len(cfg.Cols) {
		t.Fatalf("a batch of %d columns instead of %d", len(b.Cols), len(cfg.Cols))
	}
	for i, v := range b.Cols {
		if v.Len() != b.N || !v.Type.Equal(cfg.Schema[cfg.Cols[i]].Type) || b.Schema[i].Name != cfg.Schema[cfg.Cols[i]].Name {
			t.Fatalf("column %d: %d values of type %s in a batch of %d rows", i, v.Len(), v.Type, b.N)
		}
	}
}

func status(r connector.Reader) string {
	if s, ok := r.(connector.Status); ok {
		return s.Status()
	}
	return ""
}

// replay: from every offset given out the rest comes again; until every offset the beginning comes.
func replay(t *testing.T, c SourceCase) {
	cfg := c.Config()
	if c.Spec.End != nil {
		end, err := c.Spec.End(context.Background(), cfg)
		if err != nil {
			t.Fatalf("End: %v", err)
		}
		cfg.Until = end
	}
	full := read(t, c, cfg, c.Rows, 7)
	end := full[len(full)-1].pos
	var all []string
	for _, s := range full {
		all = append(all, s.lines...)
	}
	if cfg.Until != nil && c.Rows > 0 && len(all) != c.Rows {
		t.Fatalf("%d rows, not %d", len(all), c.Rows)
	}
	seen := 0
	for i, s := range full {
		seen += len(s.lines)
		if i > 2 && i < len(full)-2 && i%(len(full)/4+1) != 0 {
			continue
		}
		tail, head := c.Config(), c.Config()
		tail.From, tail.Until = s.pos, end
		same(t, fmt.Sprintf("from %v", s.pos), read(t, c, tail, 0, 5), all[seen:])
		head.Until = s.pos
		same(t, fmt.Sprintf("until %v", s.pos), read(t, c, head, 0, 1000), all[:seen])
	}
}

// same compares as multisets: the order across partitions is free.
func same(t *testing.T, what string, got []step, want []string) {
	t.Helper()
	var lines []string
	for _, s := range got {
		lines = append(lines, s.lines...)
	}
	want = append([]string(nil), want...)
	sort.Strings(lines)
	sort.Strings(want)
	if len(lines) != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, len(lines), len(want))
	}
	for i := range want {
		if lines[i] != want[i] {
			t.Fatalf("%s:\n got %s\nwant %s", what, lines[i], want[i])
		}
	}
}

// columns: fewer columns, in another order, hold the same values.
func columns(t *testing.T, c SourceCase) {
	cfg := c.Config()
	full := read(t, c, cfg, c.Rows, 1000)
	end := full[len(full)-1].pos
	n := len(cfg.Cols)
	for _, pick := range [][]int{{}, {n - 1}, {n - 1, 0}} {
		if n < 2 && len(pick) > 1 {
			continue
		}
		few := c.Config()
		few.Until = end
		few.Cols = nil
		for _, p := range pick {
			few.Cols = append(few.Cols, cfg.Cols[p])
		}
		var want, got []string
		for _, s := range full {
			want = append(want, project(s.lines, pick)...)
		}
		for _, s := range read(t, c, few, 0, 1000) {
			got = append(got, project(s.lines, nil)...)
		}
		// A record may be bad only for a column that is not read now.
		if len(got) < len(want) {
			t.Fatalf("columns %v: %d rows, %d with all columns", pick, len(got), len(want))
		}
		if len(got) == len(want) {
			same(t, fmt.Sprintf("columns %v", pick), []step{{lines: got}}, want)
		}
	}
}

// project keeps the given values of each row, all for nil, and drops bad records.
func project(lines []string, pick []int) []string {
	var out []string
	for _, l := range lines {
		if strings.HasPrefix(l, "bad ") {
			continue
		}
		if pick == nil {
			out = append(out, l)
			continue
		}
		vals := splitQuoted(l)
		keep := []string{vals[0]}
		for _, p := range pick {
			keep = append(keep, vals[p+1])
		}
		out = append(out, strings.Join(keep, " "))
	}
	return out
}

func splitQuoted(s string) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ' ' && !quoted:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// closeDuringPoll: Close ends a waiting Poll, and a second Close is harmless.
func closeDuringPoll(t *testing.T, c SourceCase) {
	r, err := c.Spec.OpenReader(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	polled := make(chan error, 1)
	go func() {
		for {
			chunk, err := r.Poll(context.Background(), 1000)
			if err != nil || chunk.Done {
				polled <- err
				return
			}
		}
	}()
	time.Sleep(50 * time.Millisecond)
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	select {
	case err := <-polled:
		if err != nil && !errors.Is(err, connector.ErrClosed) {
			t.Errorf("Poll after Close: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Poll does not return after Close")
	}
	if err := r.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// ended: a Poll whose context is over returns soon and is no error.
func ended(t *testing.T, c SourceCase) {
	r, err := c.Spec.OpenReader(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	start := time.Now()
	if _, err := r.Poll(ctx, 10); err != nil {
		t.Errorf("Poll with an ended context: %v", err)
	}
	if !c.Blocks {
		return
	}
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	for short.Err() == nil {
		if _, err := r.Poll(short, 10); err != nil {
			t.Errorf("Poll whose context ends: %v", err)
		}
	}
	if d := time.Since(start); d > patience/2 {
		t.Errorf("Poll returned %v late", d)
	}
}
