package session

import (
	"context"
	"fmt"
	"runtime/debug"

	"tidemill/server/engine"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// stream runs a query in a goroutine that works only while someone waits for the next batch: the
// query's side and the session's side never run at the same time.
type stream struct {
	batches chan *rows.Batch
	more    chan struct{}
	done    chan error // the query's end; closed after the error, if any, was taken
	cancel  context.CancelCauseFunc
	list    []*rows.Batch // of a stream without a query
	start   func()
	ended   bool
}

// newStream prepares a query whose rows are taken one batch at a time. It starts with the first call
// of next. r must stay open until close returns.
func newStream(ctx context.Context, r *engine.Reader, run *engine.Run) *stream {
	ctx, cancel := context.WithCancelCause(ctx)
	st := &stream{batches: make(chan *rows.Batch), more: make(chan struct{}, 1), done: make(chan error, 1), cancel: cancel}
	run.Out = func(b *rows.Batch) error {
		if b.Len() == 0 {
			return nil
		}
		select {
		case st.batches <- b:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select { // the batch is the reader's until it asks for more
		case <-st.more:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	st.start = func() {
		go func() {
			defer func() {
				if p := recover(); p != nil {
					st.done <- fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				}
				close(st.done)
			}()
			if err := r.Run(ctx, run); err != nil {
				st.done <- err
			}
		}()
	}
	return st
}

// canned is a stream of batches that exist already.
func canned(list []*rows.Batch) *stream { return &stream{list: list} }

// next returns the next batch, nil at the end. The batch is valid until the next call.
func (st *stream) next(ctx context.Context) (*rows.Batch, error) {
	if st.done == nil {
		if len(st.list) == 0 {
			return nil, nil
		}
		b := st.list[0]
		st.list = st.list[1:]
		return b, nil
	}
	if st.ended {
		return nil, nil
	}
	if st.start != nil {
		st.start()
		st.start = nil
	} else {
		st.more <- struct{}{}
	}
	stop := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		if cause == nil {
			cause = sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
		}
		st.cancel(cause)
	})
	defer stop()
	select {
	case b := <-st.batches:
		return b, nil
	case err := <-st.done:
		st.ended = true
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
}

// close ends the query and waits for its goroutine.
func (st *stream) close() {
	if st.done == nil {
		return
	}
	st.cancel(context.Canceled)
	if st.start == nil {
		for range st.done { //nolint:revive // waits for the close
		}
	}
}
