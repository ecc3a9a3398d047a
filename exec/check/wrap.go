package check

import (
	"fmt"

	"tidemill/exec/op"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Options describe the operator to be wrapped.
type Options struct {
	Name string
	// Schema and AppendOnly are the promises about the output.
	Schema     types.Schema
	AppendOnly bool
	// In and InAppendOnly, if given, are those about the inputs.
	In           []types.Schema
	InAppendOnly []bool
	// Track adds up the output and reports negative multiplicities. It sees what one worker emits,
	// which for an operator whose inputs are not partitioned by its rows may be negative rightly.
	Track bool
}

// Wrap returns an operator that does what o does and fails when what goes in or out is malformed.
func Wrap(o op.Operator, opt Options) op.Operator {
	w := &wrapper{o: o, opt: opt}
	if opt.Track {
		w.track = NewTracker(opt.Schema)
	}
	return w
}

type wrapper struct {
	o     op.Operator
	opt   Options
	track *Tracker
	ctx   op.Ctx
	emit  func(*rows.Batch) error
}

func (w *wrapper) Push(c *op.Ctx, port int, in *rows.Batch) error {
	if port < len(w.opt.In) {
		appendOnly := port < len(w.opt.InAppendOnly) && w.opt.InAppendOnly[port]
		if err := Batch(in, w.opt.In[port], appendOnly); err != nil {
			return fmt.Errorf("check: input %d of %s: %w", port, w.opt.Name, err)
		}
	}
	return w.o.Push(w.checked(c), port, in)
}

func (w *wrapper) Finish(c *op.Ctx) error {
	if err := w.o.Finish(w.checked(c)); err != nil || w.track == nil {
		return err
	}
	if err := w.track.End(); err != nil {
		return fmt.Errorf("check: output of %s in epoch %d: %w", w.opt.Name, c.Epoch, err)
	}
	return nil
}

// checked returns c with an Emit that checks.
func (w *wrapper) checked(c *op.Ctx) *op.Ctx {
	w.ctx, w.emit = *c, c.Emit
	w.ctx.Emit = w.out
	return &w.ctx
}

func (w *wrapper) out(b *rows.Batch) error {
	if err := Batch(b, w.opt.Schema, w.opt.AppendOnly); err != nil {
		return fmt.Errorf("check: output of %s: %w", w.opt.Name, err)
	}
	if w.track != nil {
		w.track.Add(b)
	}
	return w.emit(b)
}
