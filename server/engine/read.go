package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/exec/batch"
	"tidemill/exec/mem"
	"tidemill/exec/plan"
	"tidemill/exec/view"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// ErrStop, returned from Run.Out, ends a query early without an error.
var ErrStop = batch.ErrStop

// Reader opens a snapshot of the latest committed epoch.
func (e *Engine) Reader() (*Reader, error) {
	if err := e.Err(); err != nil {
		return nil, sqlerr.New(sqlerr.CannotConnectNow, "the engine has stopped: %v", err)
	}
	if !e.readers.enter() {
		return nil, errShutdown()
	}
	e.publish.RLock()
	defer e.publish.RUnlock()
	return &Reader{Catalog: e.cat.Load(), snap: e.store.Snapshot(), engine: e, system: e.cfg.System}, nil
}

// Epoch returns the epoch that the reader sees.
func (r *Reader) Epoch() uint64 { return r.snap.Epoch() }

// Close releases the snapshot.
func (r *Reader) Close() error {
	err := r.snap.Close()
	r.engine.readers.leave()
	return err
}

// readers counts the Readers in use, so that the store is not closed under them.
type readers struct {
	mu     sync.Mutex
	open   int
	closed bool
	idle   chan struct{} // closed by the last to leave, once closed is set
	end    context.Context
	cancel context.CancelCauseFunc // ends the queries
}

func (r *readers) init() { r.end, r.cancel = context.WithCancelCause(context.Background()) }

// enter counts one in; it says no when the engine is being closed.
func (r *readers) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.open++
	return true
}

func (r *readers) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open--; r.open == 0 && r.idle != nil {
		close(r.idle)
	}
}

// shut lets no more readers in and ends the queries of those inside.
func (r *readers) shut() {
	r.mu.Lock()
	r.closed = true
	if r.idle = make(chan struct{}); r.open == 0 {
		close(r.idle)
	}
	r.mu.Unlock()
	r.cancel(errShutdown())
}

// wait returns when all readers have left.
func (r *readers) wait() {
	select {
	case <-r.idle:
	case <-time.After(10 * time.Second): // a client that does not read its rows
	}
}

// during returns a context that ends with ctx or with the engine.
func (r *readers) during(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.end, func() { cancel(context.Cause(r.end)) })
	return ctx, func() { stop(); cancel(nil) }
}

// Run executes a batch query on the snapshot.
func (r *Reader) Run(ctx context.Context, q *Run) error {
	return r.run(ctx, q, nil, r.engine.queries.Child("query_memory", r.engine.cfg.QueryMemory))
}

// run executes a query within a budget; until bounds the reading of sources, by object.
func (r *Reader) run(ctx context.Context, q *Run, until map[uint32]connector.Offset, budget *mem.Budget) error {
	ctx, done := r.engine.readers.during(ctx)
	defer done()
	acct := budget.Account("query")
	defer acct.Close()
	f := q.Fn
	if f == nil {
		f = &fn.Ctx{Now: r.engine.cfg.Now().UnixMicro()}
	}
	visible := q.Plan.Visible
	return batch.Run(ctx, &batch.Query{
		Plan: q.Plan, Scanner: &scanner{r: r, until: until}, Fn: f, Mem: acct, Divert: q.divert, Bounds: r.bounds(q.Plan),
		Out: func(b *rows.Batch) error {
			if visible < len(b.Cols) {
				cut := *b
				cut.Cols = b.Cols[:visible]
				if len(b.Schema) > visible {
					cut.Schema = b.Schema[:visible]
				}
				b = &cut
			}
			if q.Weights {
				return q.Out(b)
			}
			return expand(b, q.Out)
		},
	})
}

// expandRows is the most rows that expand hands on at a time.
const expandRows = 16 << 10

// expand hands b on with each row as often as its weight says: a row of a few bytes may stand for
// billions.
func expand(b *rows.Batch, f func(*rows.Batch) error) error {
	if b.W == nil {
		return f(b.Expand())
	}
	part := *b
	part.W, part.Sel = nil, nil
	sel := make([]int32, 0, min(b.Total(), expandRows))
	give := func() error {
		if len(sel) == 0 {
			return nil
		}
		part.Sel = sel
		out := part.Compact()
		sel = sel[:0]
		return f(out)
	}
	for k := range b.Len() {
		i := b.Row(k)
		for range b.W[i] {
			if sel = append(sel, int32(i)); len(sel) == expandRows {
				if err := give(); err != nil {
					return err
				}
			}
		}
	}
	return give()
}

// scanner reads relations of a Reader for a batch query.
type scanner struct {
	r     *Reader
	until map[uint32]connector.Offset
}

// Scan reads a stored relation, a source up to its present end, or a virtual relation.
func (s *scanner) Scan(ctx context.Context, sc *plan.Scan, f func(*rows.Batch) error) error {
	if sc.Object >= catalog.Given {
		for _, b := range pickColumns(s.r.given[sc.Object], sc.Cols) {
			if err := f(b); err != nil {
				return err
			}
		}
		return nil
	}
	if sc.Object < catalog.FirstUserID {
		return s.virtual(ctx, sc, f)
	}
	o := s.r.Catalog.ByID(sc.Object)
	if o == nil {
		return sqlerr.New(sqlerr.UndefinedTable, "relation with OID %d does not exist", sc.Object)
	}
	if o.Kind == catalog.Source {
		return s.source(ctx, o, sc.Cols, f)
	}
	if o.Storage == nil {
		return fmt.Errorf("%s %s has no rows", o.Kind, o.Name)
	}
	if o.Unfilled {
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "%s %q stopped before it was populated", o.Kind, o.Name).
			WithDetail("%s", o.StateReason).WithHint("Drop it, and create it again.")
	}
	if o.State == catalog.Creating {
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "materialized view %q has not been populated", o.Name).
			WithHint("It is being filled; SHOW JOBS tells how far it is.")
	}
	v, err := s.r.view(o)
	if err != nil {
		return err
	}
	if over := s.r.over[o.ID]; over != nil {
		return over.scan(s, o, v, sc, f)
	}
	if sc.Access != nil {
		return s.access(o, v, sc, f)
	}
	return v.Scan(s.r.snap, sc.Cols, f)
}

// view returns the storage handle of an object of the reader's catalog.
func (r *Reader) view(o *catalog.Object) (*view.View, error) {
	r.engine.edges.RLock()
	v := r.engine.views[o.ID]
	r.engine.edges.RUnlock()
	if v != nil && v.Def().Table == o.Storage.Table {
		return v, nil
	}
	return newView(o, false) // dropped or replaced since
}

// Count returns the number of rows of a table or materialized view.
func (r *Reader) Count(o *catalog.Object) (int64, error) {
	v, err := r.view(o)
	if err != nil {
		return 0, err
	}
	return v.Count(r.snap)
}

func (s *scanner) virtual(ctx context.Context, sc *plan.Scan, f func(*rows.Batch) error) error {
	if s.r.system == nil {
		return fmt.Errorf("no virtual relation %d", sc.Object)
	}
	b, err := s.r.system.Rows(ctx, sc.Object, s.r)
	if err != nil || b.Len() == 0 {
		return err
	}
	out := &rows.Batch{N: b.N, Sel: b.Sel, W: b.W}
	for _, c := range sc.Cols {
		out.Cols = append(out.Cols, b.Cols[c])
	}
	return f(out)
}

// endTimeout is how long a SELECT waits for a source to tell its end.
const endTimeout = 10 * time.Second

// source reads a source from its start to its end of now (or the given positions), without the rows
// that were late when they were read for views. A source without an end can be read as far as the
// query goes on asking, that is, under a LIMIT.
func (s *scanner) source(ctx context.Context, o *catalog.Object, cols []int, f func(*rows.Batch) error) error {
	spec, err := connector.Lookup(o.Connector)
	if err != nil {
		return err
	}
	until := s.until[o.ID]
	if s.until != nil && len(until) == 0 {
		return nil // nothing of it has been read at that epoch
	}
	if until == nil && spec.End != nil {
		look, cancel := context.WithTimeout(ctx, endTimeout)
		until, err = spec.End(look, readerConfig(o, cols, nil, nil))
		cancel()
		if ctx.Err() != nil {
			return canceledErr(ctx)
		}
		if err != nil {
			return err
		}
		if len(until) == 0 {
			return nil
		}
	}
	var late *lateRows
	wanted := cols
	if o.Watermark != nil {
		if late, err = s.r.engine.findLate(o, s.r.snap); err != nil {
			return err
		}
		if late != nil {
			cols = readCols(o, cols)
		}
	}
	conn, err := openReader(spec, o, cols, nil, until)
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		chunk, err := conn.Poll(ctx, pollRows)
		if ctx.Err() != nil {
			return canceledErr(ctx)
		}
		if err != nil {
			return err
		}
		if late != nil {
			chunk.Batches = pickColumns(late.without(chunk.Batches, cols), wanted)
		}
		for _, b := range chunk.Batches {
			if b.Len() == 0 {
				continue
			}
			if err := f(b); err != nil {
				return err
			}
		}
		if chunk.Done {
			return nil
		}
	}
}

func canceledErr(ctx context.Context) error {
	var e *sqlerr.Error
	if errors.As(context.Cause(ctx), &e) {
		return e
	}
	return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
}
