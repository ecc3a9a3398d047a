package pgwire

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"tidemill/sql/sqlerr"
)

// CopyIn asks the client for data in the given format of that many columns; the data comes from the
// reader. Read it to its end, or return an error: the connection then discards the rest.
func (w *Writer) CopyIn(ctx context.Context, format int16, columns int) (io.Reader, error) {
	w.send(&pgproto3.CopyInResponse{OverallFormat: byte(format), ColumnFormatCodes: formatsOf(format, columns)})
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return &copyReader{ctx: ctx, c: w.c}, nil
}

// CopyOut announces that data follows.
func (w *Writer) CopyOut(format int16, columns int) {
	w.send(&pgproto3.CopyOutResponse{OverallFormat: byte(format), ColumnFormatCodes: formatsOf(format, columns)})
}

// CopyData sends a piece of data; pieces end at row ends.
func (w *Writer) CopyData(data []byte) error {
	at := w.begin('d')
	w.buf = append(w.buf, data...)
	w.end(at)
	return w.spill()
}

// CopyDone ends the data.
func (w *Writer) CopyDone() { w.empty('c') }

func formatsOf(format int16, n int) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		out[i] = uint16(format)
	}
	return out
}

// copyReader reads the client's CopyData messages.
type copyReader struct {
	ctx  context.Context
	c    *Conn
	rest []byte // of the current message; valid until the next is received
	err  error
}

// Read implements io.Reader.
func (r *copyReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.err = r.next()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *copyReader) next() error {
	stop := context.AfterFunc(r.ctx, func() { r.c.interruptRead() })
	defer stop()
	r.c.setReadDeadline(time.Time{})
	m, err := r.c.backend.Receive()
	if r.ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return context.Cause(r.ctx)
	}
	if err != nil {
		return r.c.receiveError(err)
	}
	switch m := m.(type) {
	case *pgproto3.CopyData:
		r.rest = m.Data
		return nil
	case *pgproto3.CopyDone:
		return io.EOF
	case *pgproto3.CopyFail:
		return sqlerr.New(sqlerr.QueryCanceled, "COPY from stdin failed: %s", clean(m.Message))
	case *pgproto3.Flush, *pgproto3.Sync:
		return nil // allowed and without meaning here
	case *pgproto3.Terminate:
		return errClosed
	}
	return Fatal(sqlerr.New(sqlerr.ConnectionFailure, "unexpected message type during COPY from stdin"))
}
