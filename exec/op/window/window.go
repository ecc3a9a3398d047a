// Package window is the operator window: it assigns rows to windows of event time by adding the
// columns window_start and window_end.
//
// Algorithm. Windows are half-open intervals [start, end) whose places on the time line are counted
// in microseconds or in months. Their starts are the multiples of the slide, shifted by the offset:
//
//	tumble    start = offset + k·size, end = start + size: each row is in exactly one window and the
//	          input's columns are shared
//	hop       start = offset + k·slide, end = start + size: a row is repeated for each of the
//	          size/slide windows that contain it
//	cumulate  start = offset + k·size, end = start + step, start + 2·step, … start + size: windows
//	          that grow by the step (the slide) until they have their size
//
// With a time zone, whose use needs lengths of whole days or months, windows are cut on the wall
// clock of that zone: a day window then starts at local midnight and lasts 23 or 25 hours when the
// clock changes. Other windows are cut on UTC.
//
// A row whose time is NULL or infinite is in no window and is dropped. (Flink fails such rows; a
// WHERE on the window columns would drop them too.) The operator is linear and has no state.
//
// Aggregation over windows that overlap should not repeat every row. The cheap plan is
//
//	window{tumble, size = gcd(size, slide)} → partialagg by (slice, keys)
//	→ window{hop, col = slice start} → hashagg{mode merge} by (window, keys)
//
// which is right because a window contains a slice's start exactly when it contains all of the slice.
package window

import (
	"encoding/json"
	"fmt"
	"time"

	"tidemill/exec/op"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "window"

// The kinds of windows.
const (
	Tumble   = "tumble"
	Hop      = "hop"
	Cumulate = "cumulate"
)

// Config configures the operator. Lengths are in microseconds, or in months.
type Config struct {
	Kind   string `json:"kind"`
	Col    int    `json:"col"` // the time column, a timestamp or timestamptz
	Size   int64  `json:"size"`
	Slide  int64  `json:"slide,omitempty"` // of hop; the step of cumulate
	Offset int64  `json:"offset,omitempty"`
	// Months tells that lengths and offset are numbers of months.
	Months bool `json:"months,omitempty"`
	// Zone is the time zone of windows of whole days or months over a timestamptz; "" = UTC.
	Zone string `json:"zone,omitempty"`
}

const (
	day       = 24 * 60 * 60 * 1_000_000
	perRowMax = 100_000 // windows that contain one row
	monthsMax = 5_000_000
)

type window struct {
	Config
	loc    *time.Location // nil = UTC
	schema types.Schema
	starts types.Type // type of the added columns

	// The last window found, which the next row is likely to share (tumble).
	start, end int64

	idx          []int32 // scratch of hop
	wstart, wend []int64
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Assigns rows to tumbling, hopping or cumulating windows of event time.",
		Ports:   1, Tables: op.Stateless, Format: 1, MinFormat: 1,
		New: New, Marks: carry,
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return c.explain(op.Port(in, 0))
		},
	})
}

func (c *Config) explain(in types.Schema) string {
	s := fmt.Sprintf("%s of %s on %s", c.Kind, c.length(c.Size), op.Col(in, c.Col))
	switch c.Kind {
	case Hop:
		s += " every " + c.length(c.Slide)
	case Cumulate:
		s += " by steps of " + c.length(c.Slide)
	}
	if c.Offset != 0 {
		s += " shifted by " + c.length(c.Offset)
	}
	if c.Zone != "" {
		s += " in " + c.Zone
	}
	return s
}

func (c *Config) length(n int64) string {
	if c.Months {
		return fmt.Sprintf("%d mon", n)
	}
	return (time.Duration(n) * time.Microsecond).String()
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	if c.Kind == Tumble {
		c.Slide = c.Size
	}
	switch {
	case c.Kind != Tumble && c.Kind != Hop && c.Kind != Cumulate:
		return nil, fmt.Errorf("window: unknown kind %q", c.Kind)
	case c.Size <= 0 || c.Slide <= 0:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "window size and slide must be positive")
	case c.Months && max(c.Size, c.Slide) > monthsMax:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "window size out of range")
	case c.Kind == Cumulate && c.Size%c.Slide != 0:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "window size must be a multiple of the step")
	case c.Size/c.Slide > perRowMax:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "more than %d windows per row", perRowMax)
	case c.Col < 0 || c.Col >= len(env.In[0]) || !env.In[0][c.Col].Type.IsTime():
		return nil, fmt.Errorf("window: column %d is not a timestamp", c.Col)
	}
	w := &window{Config: c, schema: env.Out, starts: env.In[0][c.Col].Type}
	if c.Zone != "" && w.starts.ID == types.Timestamptz && (c.Months || c.Size%day == 0 && c.Slide%day == 0) {
		if w.loc, err = types.ParseZone(c.Zone); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *window) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	if w.Kind == Tumble {
		return w.tumble(c, in)
	}
	return w.repeat(c, in)
}

func (w *window) Finish(*op.Ctx) error { return nil }

// last returns the start and the end of the tumbling window that contains t; ok is false when they
// are out of the range of timestamps.
func (w *window) last(t int64) (start, end int64, ok bool) {
	at := w.place(t)
	first := floor(at, w.Size, w.Offset)
	if first > at || first+w.Size < first {
		return 0, 0, false
	}
	start, end = w.instant(first), w.instant(first+w.Size)
	return start, end, start <= t && t < end
}

// floor returns the greatest multiple of unit, shifted by the offset, that is not after at.
func floor(at, unit, offset int64) int64 {
	m := (at - offset) % unit
	if m < 0 {
		m += unit
	}
	return at - m
}

func (w *window) outOfRange(c *op.Ctx, in *rows.Batch, r int) error {
	err := sqlerr.New(sqlerr.DatetimeFieldOverflow, "window of timestamp out of range")
	return c.Fail(in, r, in.Weight(r), err)
}

// tumble shares the input's columns and narrows the selection where rows are dropped.
func (w *window) tumble(c *op.Ctx, in *rows.Batch) error {
	ts := in.Cols[w.Col]
	starts, ends := make([]int64, in.N), make([]int64, in.N)
	sel, narrowed := in.Sel, false
	n := in.Len()
	start, end := w.start, w.end
	for k := range n {
		r := in.Row(k)
		t := ts.I[r]
		if t < start || t >= end || ts.IsNull(r) {
			ok := !ts.IsNull(r) && types.IsFinite(t)
			if ok {
				if start, end, ok = w.last(t); !ok {
					start, end = 0, 0
					if err := w.outOfRange(c, in, r); err != nil {
						return err
					}
				}
			}
			if !ok {
				if !narrowed {
					sel, narrowed = head(in, k), true
				}
				continue
			}
		}
		starts[r], ends[r] = start, end
		if narrowed {
			sel = append(sel, int32(r))
		}
	}
	w.start, w.end = start, end
	out := &rows.Batch{Schema: w.schema, N: in.N, Sel: sel, W: in.W}
	out.Cols = append(append(out.Cols, in.Cols...),
		&rows.Vec{Type: w.starts, I: starts}, &rows.Vec{Type: w.starts, I: ends})
	return c.EmitBatch(out)
}

// head returns the first k selected rows, with room for the rest.
func head(in *rows.Batch, k int) []int32 {
	sel := make([]int32, k, in.Len())
	for i := range sel {
		sel[i] = int32(in.Row(i))
	}
	return sel
}

// repeat gives each row once per window, in chunks.
func (w *window) repeat(c *op.Ctx, in *rows.Batch) error {
	ts := in.Cols[w.Col]
	windows := w.hop
	if w.Kind == Cumulate {
		windows = w.cumulate
	}
	n := in.Len()
	for k := range n {
		r := in.Row(k)
		t := ts.I[r]
		if ts.IsNull(r) || !types.IsFinite(t) {
			continue
		}
		if mark := len(w.idx); !windows(w.place(t), int32(r)) {
			w.idx, w.wstart, w.wend = w.idx[:mark], w.wstart[:mark], w.wend[:mark]
			if err := w.outOfRange(c, in, r); err != nil {
				return err
			}
		}
		if len(w.idx) >= op.ChunkRows {
			if err := w.flush(c, in); err != nil {
				return err
			}
		}
	}
	return w.flush(c, in)
}

// hop adds row r once per window that contains the place at, oldest window last. ok is false when a
// window is out of the range of timestamps.
func (w *window) hop(at int64, r int32) (ok bool) {
	for start := floor(at, w.Slide, w.Offset); start > at-w.Size; start -= w.Slide {
		if start > at || start+w.Size < start {
			return false
		}
		if !w.add(r, start, start+w.Size) {
			return false
		}
	}
	return true
}

// cumulate adds row r once per window that has grown beyond the place at.
func (w *window) cumulate(at int64, r int32) (ok bool) {
	start := floor(at, w.Size, w.Offset)
	if start > at || start+w.Size < start {
		return false
	}
	for end := floor(at, w.Slide, w.Offset) + w.Slide; end <= start+w.Size; end += w.Slide {
		if !w.add(r, start, end) {
			return false
		}
	}
	return true
}

func (w *window) add(r int32, start, end int64) (ok bool) {
	from, to := w.instant(start), w.instant(end)
	w.idx, w.wstart, w.wend = append(w.idx, r), append(w.wstart, from), append(w.wend, to)
	return from < to
}

func (w *window) flush(c *op.Ctx, in *rows.Batch) error {
	if len(w.idx) == 0 {
		return nil
	}
	n := len(w.idx)
	out := &rows.Batch{Schema: w.schema, N: n, Cols: make([]*rows.Vec, 0, len(in.Cols)+2)}
	for _, v := range in.Cols {
		out.Cols = append(out.Cols, v.Gather(w.idx))
	}
	out.Cols = append(out.Cols,
		&rows.Vec{Type: w.starts, I: append([]int64(nil), w.wstart...)},
		&rows.Vec{Type: w.starts, I: append([]int64(nil), w.wend...)})
	if in.W != nil {
		out.W = make([]int64, n)
		for i, r := range w.idx {
			out.W[i] = in.W[r]
		}
	}
	w.idx, w.wstart, w.wend = w.idx[:0], w.wstart[:0], w.wend[:0]
	return c.Emit(out)
}
