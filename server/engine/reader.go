package engine

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const (
	// pollRows is the number of rows that a reader asks its connector for at a time.
	pollRows = 16 << 10
	// queueBytes bounds what waits between a source and the step loop; a full queue stops polling.
	queueBytes = 32 << 20
	// queueRows bounds the same for narrow rows, so that a step stays short.
	queueRows = 256 << 10
)

// feeder reads a source in a goroutine of its own and queues decoded batches for the step loop. The
// main feeder of a source serves all its readers; a backfill feeder re-reads the past for one
// dataflow up to the position that the main feeder had when the dataflow was created.
type feeder struct {
	source *catalog.Object
	to     uint32 // dataflow of a backfill; 0 = main
	cols   []int
	until  connector.Offset
	conn   connector.Reader
	wake   func()
	// partitioned tells that the chunks' batches are of one partition each.
	partitioned bool

	cancel context.CancelFunc
	done   chan struct{}

	mu        sync.Mutex
	room      *sync.Cond
	queue     []*connector.Chunk
	rows      int
	bytes     int
	closed    bool
	exhausted bool  // the connector said Done and everything is in the queue
	failure   error // final
	// pos is the position after everything that the step loop has taken. Only the loop uses it.
	pos connector.Offset
	// ended is set when the loop has taken the last of a source that ends.
	ended bool

	// committed is set when the source has ended and its last rows are committed.
	committed atomic.Bool

	totalRows  atomic.Uint64
	totalBytes atomic.Uint64
	totalBad   atomic.Int64
}

// openFeeder starts reading. cols are the columns to deliver; from nil means the configured start.
func openFeeder(src *catalog.Object, to uint32, cols []int, from, until connector.Offset, wake func()) (*feeder, error) {
	spec, err := connector.Lookup(src.Connector)
	if err != nil {
		return nil, err
	}
	conn, err := openReader(spec, src, cols, from, until)
	if err != nil {
		return nil, err
	}
	return startFeeder(src, to, cols, from, until, conn, wake), nil
}

// startFeeder starts reading from an open connector.
func startFeeder(src *catalog.Object, to uint32, cols []int, from, until connector.Offset, conn connector.Reader, wake func()) *feeder {
	ctx, cancel := context.WithCancel(context.Background())
	f := &feeder{
		source: src, to: to, cols: cols, until: until, conn: conn, wake: wake,
		cancel: cancel, done: make(chan struct{}), pos: from.Clone(),
	}
	if spec, err := connector.Lookup(src.Connector); err == nil {
		f.partitioned = spec.Partitioned && src.Watermark != nil
	}
	f.room = sync.NewCond(&f.mu)
	go f.read(ctx)
	return f
}

// failedReader stands for a connector that could not be opened.
type failedReader struct{ err error }

// Poll implements connector.Reader.
func (r failedReader) Poll(context.Context, int) (*connector.Chunk, error) { return nil, r.err }

// Ack implements connector.Reader.
func (failedReader) Ack(connector.Offset) {}

// Close implements connector.Reader.
func (failedReader) Close() error { return nil }

// inherit takes over the totals of the feeder that f replaces.
func (f *feeder) inherit(old *feeder) {
	f.totalRows.Add(old.totalRows.Load())
	f.totalBytes.Add(old.totalBytes.Load())
	f.totalBad.Add(old.totalBad.Load())
}

// openReader opens a source's connector for some columns. Records are decoded whole: which of them are
// bad, and so what a view holds, must not depend on the columns that it and others read. Only sources
// with columns of their own, which are generators, make no more than is read.
func openReader(spec *connector.Spec, src *catalog.Object, cols []int, from, until connector.Offset) (connector.Reader, error) {
	all := slices.Clip(cols)
	for i := range src.Columns {
		if spec.Columns == nil && !slices.Contains(cols, i) {
			all = append(all, i)
		}
	}
	r, err := spec.OpenReader(readerConfig(src, all, from, until))
	if err != nil || len(all) == len(cols) {
		return r, err
	}
	return narrowed{r, len(cols)}, nil
}

// narrowed is a reader whose batches are cut to their first columns.
type narrowed struct {
	connector.Reader
	cols int
}

// Poll implements connector.Reader.
func (r narrowed) Poll(ctx context.Context, max int) (*connector.Chunk, error) {
	chunk, err := r.Reader.Poll(ctx, max)
	if err != nil {
		return nil, err
	}
	for i, b := range chunk.Batches {
		cut := *b
		if cut.Cols = slices.Clone(b.Cols[:r.cols]); len(b.Schema) > r.cols {
			cut.Schema = b.Schema[:r.cols]
		}
		chunk.Batches[i] = &cut
	}
	return chunk, nil
}

// Status implements connector.Status.
func (r narrowed) Status() string {
	if s, ok := r.Reader.(connector.Status); ok {
		return s.Status()
	}
	return ""
}

// readerConfig describes how a source is read.
func readerConfig(src *catalog.Object, cols []int, from, until connector.Offset) *connector.ReaderConfig {
	include := map[int]string{}
	fields := src.Fields()
	for i, c := range src.Columns {
		if c.Include != "" {
			include[i] = c.Include
		}
		if c.Source != "" { // the column was renamed; the records were not
			fields[i].Name = c.Source
		}
	}
	return &connector.ReaderConfig{
		Options: options(src), Schema: fields, Cols: cols, Include: include,
		From: from, Until: until, ByPartition: src.Watermark != nil, Env: types.Env{},
	}
}

// options are an object's connector options as its connector sees them.
func options(o *catalog.Object) *connector.Options {
	return &connector.Options{Values: o.Options, Envelope: o.Envelope, Encoding: o.Encoding, Format: o.FormatOptions}
}

// read polls until the end of the source, a failure, or close.
func (f *feeder) read(ctx context.Context) {
	defer close(f.done)
	defer f.wake()
	for {
		chunk, err := f.poll(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			f.mu.Lock()
			f.failure = err
			f.mu.Unlock()
			return
		}
		if !f.enqueue(chunk) || chunk.Done {
			return
		}
	}
}

// poll asks the connector. A panic in it, in a decoder say, ends this source and nothing else.
func (f *feeder) poll(ctx context.Context) (c *connector.Chunk, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic in a source", "source", f.source.QualifiedName(), "panic", p, "stack", string(debug.Stack()))
			err = sqlerr.New(sqlerr.Internal, "internal error while reading: %v", p)
		}
	}()
	return f.conn.Poll(ctx, pollRows)
}

// enqueue waits for room and queues a chunk; it says no when the feeder was closed meanwhile.
func (f *feeder) enqueue(c *connector.Chunk) bool {
	n := 0
	for _, b := range c.Batches {
		n += b.Len()
	}
	if n == 0 && len(c.Bad) == 0 && len(c.Next) == 0 && !c.Done {
		return true
	}
	size := 0
	for _, b := range c.Batches {
		size += b.SizeBytes()
	}
	f.mu.Lock()
	for !f.closed && len(f.queue) > 0 && (f.bytes+size > queueBytes || f.rows+n > queueRows) {
		f.room.Wait()
	}
	if f.closed {
		f.mu.Unlock()
		return false
	}
	f.queue = append(f.queue, c)
	f.rows += n
	f.bytes += size
	f.exhausted = f.exhausted || c.Done
	f.mu.Unlock()
	f.wake()
	return true
}

// taken is what the step loop takes from a feeder for one epoch.
type taken struct {
	batches []*rows.Batch
	parts   []string // the partition of each batch, in sources that keep them apart
	known   []string // partitions that have turned up, with rows or without
	bad     []connector.BadRecord
	rows    int
	moved   bool // the position changed
	ended   bool // the source has nothing more, ever
}

// take removes whole chunks from the queue, at least one if any waits, until about max rows.
func (f *feeder) take(max int) taken {
	f.mu.Lock()
	defer f.mu.Unlock()
	var t taken
	for len(f.queue) > 0 && (t.rows == 0 || t.rows < max) {
		c := f.queue[0]
		f.queue[0] = nil
		f.queue = f.queue[1:]
		for i, b := range c.Batches {
			t.rows += b.Len()
			f.rows -= b.Len()
			f.bytes -= b.SizeBytes()
			if b.Len() == 0 {
				continue
			}
			if t.batches = append(t.batches, b); f.partitioned {
				t.parts = append(t.parts, c.Partitions[i])
			}
		}
		t.bad = append(t.bad, c.Bad...)
		f.totalBytes.Add(uint64(c.SizeBytes))
		f.totalBad.Add(int64(len(c.Bad)))
		if f.pos == nil {
			f.pos = connector.Offset{}
		}
		for part, off := range c.Next {
			f.pos[part] = off
			if t.moved = true; f.partitioned {
				t.known = append(t.known, part)
			}
		}
	}
	f.totalRows.Add(uint64(t.rows))
	t.ended = f.exhausted && len(f.queue) == 0
	f.room.Broadcast()
	return t
}

// waiting tells whether take would find something new.
func (f *feeder) waiting() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.queue) > 0
}

// failed returns the error that ended the reading, once everything before it has been taken.
func (f *feeder) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) > 0 {
		return nil
	}
	return f.failure
}

// status returns what is wrong with the source, or "".
func (f *feeder) status() string {
	f.mu.Lock()
	err := f.failure
	f.mu.Unlock()
	if err != nil {
		return err.Error()
	}
	if s, ok := f.conn.(connector.Status); ok {
		return s.Status()
	}
	return ""
}

// close stops the goroutine and releases the connector. What is still queued is dropped: it lies
// behind pos and will be read again by whoever starts from there.
func (f *feeder) close() {
	f.mu.Lock()
	f.closed = true
	f.room.Broadcast()
	f.mu.Unlock()
	f.cancel()
	closed := make(chan struct{})
	go func() {
		f.conn.Close()
		<-f.done
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second): // a connector that hangs must not hang the engine
	}
}
