package window

import (
	"encoding/json"
	"math"

	"tidemill/exec/op"
	"tidemill/sql/types"
)

// carry bounds the columns that the operator adds: a row of time t or later is in no window that
// ended by t. Windows on a zone's wall clock carry nothing, because that clock is put back at times.
func carry(cfg json.RawMessage, _ []types.Schema, out types.Schema) (op.Carry, error) {
	c, err := op.Peek[Config](cfg)
	if c.Kind == Tumble {
		c.Slide = c.Size
	}
	w := &window{Config: c}
	return func(in []op.Marks) op.Marks {
		marks := op.Extend(in[0], len(out))
		t := in[0].At(c.Col)
		if t == math.MaxInt64 { // no row comes any more
			marks[len(out)-2], marks[len(out)-1] = t, t
			return marks
		}
		if t == op.NoMark || c.Zone != "" || c.Slide <= 0 {
			return marks
		}
		at := w.place(t)
		if at-c.Size > at {
			return marks
		}
		start := floor(at-c.Size, c.Slide, c.Offset) + c.Slide
		end := start + c.Size
		if c.Kind == Cumulate {
			start, end = floor(at, c.Size, c.Offset), floor(at, c.Slide, c.Offset)+c.Slide
		}
		marks[len(out)-2], marks[len(out)-1] = w.instant(start), w.instant(end)
		return marks
	}, err
}
