package pgwire

import (
	"encoding/binary"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Writer is the way of answers to a client. It buffers; what does not fit waits for the client.
type Writer struct {
	c   *Conn
	nc  net.Conn
	buf []byte
	err error // of the socket; sticky

	slow     time.Duration
	reported map[string]string // parameters as the client knows them
	changed  []Setting
	encoders []encoder // of the batch being written
}

const (
	writeChunk = 32 << 10 // the buffer is handed to the socket from this size on
	keepBuffer = 256 << 10
)

// send appends a message of the protocol library.
func (w *Writer) send(m pgproto3.BackendMessage) {
	b, err := m.Encode(w.buf)
	if err != nil {
		w.fail(err)
		return
	}
	w.buf = b
	w.spill() //nolint:errcheck // kept in w.err
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// spill writes the buffer when it has grown large.
func (w *Writer) spill() error {
	if len(w.buf) >= writeChunk {
		return w.Flush()
	}
	return w.err
}

// Flush hands everything to the socket and waits until the system has taken it.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.buf) == 0 {
		w.buf = w.buf[:0]
		return w.err
	}
	if w.slow > 0 {
		w.nc.SetWriteDeadline(time.Now().Add(w.slow)) //nolint:errcheck // the write tells
	}
	if _, err := w.nc.Write(w.buf); err != nil {
		w.fail(sqlerr.New(sqlerr.ConnectionFailure, "could not send data to client: %v", err))
	}
	if w.c != nil {
		w.c.server.stats.bytesOut.Add(uint64(len(w.buf)))
	}
	if w.buf = w.buf[:0]; cap(w.buf) > keepBuffer {
		w.buf = make([]byte, 0, writeChunk)
	}
	return w.err
}

// begin starts a message and returns where its length goes; end fills it in.
func (w *Writer) begin(kind byte) int {
	w.buf = append(w.buf, kind, 0, 0, 0, 0)
	return len(w.buf) - 4
}

func (w *Writer) end(at int) {
	binary.BigEndian.PutUint32(w.buf[at:], uint32(len(w.buf)-at))
}

func (w *Writer) empty(kind byte) { w.buf = append(w.buf, kind, 0, 0, 0, 4) }

// Columns sends RowDescription. formats follows Bind's rules: none = text, one = all, else one each.
func (w *Writer) Columns(cols []Column, formats []int16) {
	at := w.begin('T')
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(len(cols)))
	for i, c := range cols {
		w.buf = append(append(w.buf, c.Name...), 0)
		w.buf = binary.BigEndian.AppendUint32(w.buf, c.Table)
		w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(c.Attnum))
		t := wireType(c.Type)
		w.buf = binary.BigEndian.AppendUint32(w.buf, t.OID())
		w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(t.Len()))
		w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(t.WireMod()))
		w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(Format(formats, i)))
	}
	w.end(at)
}

// wireType is the type that a client is told: an untyped literal is text.
func wireType(t types.Type) types.Type {
	if t.ID == types.Unknown || t.ID == types.Invalid {
		return types.T(types.Text)
	}
	return t
}

// Format returns the format of column or parameter i.
func Format(formats []int16, i int) int16 {
	switch {
	case len(formats) == 0:
		return Text
	case len(formats) == 1:
		return formats[0]
	}
	return formats[i]
}

// NoData says that a statement returns no rows.
func (w *Writer) NoData() { w.empty('n') }

// Parameters sends ParameterDescription.
func (w *Writer) Parameters(ts []types.Type) {
	at := w.begin('t')
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(len(ts)))
	for _, t := range ts {
		w.buf = binary.BigEndian.AppendUint32(w.buf, wireType(t).OID())
	}
	w.end(at)
}

// ParseComplete, BindComplete and CloseComplete acknowledge the message that they name.
func (w *Writer) ParseComplete() { w.empty('1') }

// BindComplete acknowledges Bind.
func (w *Writer) BindComplete() { w.empty('2') }

// CloseComplete acknowledges Close.
func (w *Writer) CloseComplete() { w.empty('3') }

// Suspended says that a portal has reached the row limit.
func (w *Writer) Suspended() { w.empty('s') }

// Empty answers a statement without words.
func (w *Writer) Empty() { w.empty('I') }

// Complete ends a statement with its command tag.
func (w *Writer) Complete(tag string) {
	at := w.begin('C')
	w.buf = append(append(w.buf, tag...), 0)
	w.end(at)
	w.spill() //nolint:errcheck // kept in w.err
}

// Notice sends a message that is not an error; severity is NOTICE, WARNING, INFO, LOG or DEBUG.
func (w *Writer) Notice(severity string, e *sqlerr.Error) {
	n := pgproto3.NoticeResponse(*errorFields(e))
	n.Severity, n.SeverityUnlocalized = severity, severity
	w.send(&n)
}

// Error sends an error. severity is ERROR, or FATAL when the connection ends with it.
func (w *Writer) Error(severity string, err error) {
	m := errorFields(sqlerr.As(err))
	m.Severity, m.SeverityUnlocalized = severity, severity
	w.send(m)
}

func errorFields(e *sqlerr.Error) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{
		Code: string(e.Code), Message: clean(e.Message), Detail: clean(e.Detail), Hint: clean(e.Hint),
		Position: int32(e.Position), SchemaName: clean(e.Schema), TableName: clean(e.Table),
		ColumnName: clean(e.Column), DataTypeName: clean(e.Type), ConstraintName: clean(e.Constraint),
	}
}

// clean drops what cannot stand in a field of a message.
func clean(s string) string {
	for i := range len(s) {
		if s[i] == 0 {
			b := make([]byte, 0, len(s))
			for _, c := range []byte(s) {
				if c != 0 {
					b = append(b, c)
				}
			}
			return string(b)
		}
	}
	return s
}

// Setting tells the client the value of a reported parameter. It goes out before the next
// ReadyForQuery, once, and only if the client knows another value by then.
func (w *Writer) Setting(name, value string) {
	w.changed = append(w.changed, Setting{name, value})
}

func (w *Writer) flushSettings() {
	if len(w.changed) == 0 {
		return
	}
	last := map[string]string{}
	for _, s := range w.changed {
		last[s.Name] = s.Value
	}
	for _, s := range w.changed {
		v, ok := last[s.Name]
		if !ok {
			continue
		}
		delete(last, s.Name)
		if old, known := w.reported[s.Name]; known && old == v {
			continue
		}
		w.reported[s.Name] = v
		w.send(&pgproto3.ParameterStatus{Name: s.Name, Value: clean(v)})
	}
	w.changed = w.changed[:0]
}

// ready ends a query cycle.
func (w *Writer) ready(status byte) error {
	w.flushSettings()
	w.buf = append(w.buf, 'Z', 0, 0, 0, 5, status)
	return w.Flush()
}

// broken tells whether err means that the client cannot be reached any more.
func (w *Writer) broken(err error) bool { return w.err != nil && (err == nil || errors.Is(err, w.err)) }
