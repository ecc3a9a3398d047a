package flow

import (
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/plan"
)

// mark is the event time of a source or table.
type mark struct {
	cols, col        int
	watermark, floor int64
}

// Declare tells that column col of the object's cols columns has a watermark. It must be called
// before dataflows that read the object are added.
func (c *Circuit) Declare(object uint32, cols, col int) {
	c.marks[object] = &mark{cols: cols, col: col, watermark: op.NoMark, floor: op.NoMark}
}

// Undeclare forgets an object that was dropped.
func (c *Circuit) Undeclare(object uint32) { delete(c.marks, object) }

// SetWatermark tells how far event time has come in a declared object once the rows of the coming
// step are in: below floor no row comes in later steps. Neither may go back.
func (c *Circuit) SetWatermark(object uint32, watermark, floor int64) {
	c.marks[object].watermark, c.marks[object].floor = watermark, floor
}

// columns returns the mark's bounds for all columns of its object.
func (m *mark) columns() plan.Marks {
	w, f := make(op.Marks, m.cols), make(op.Marks, m.cols)
	for i := range w {
		w[i], f[i] = op.NoMark, op.NoMark
	}
	w[m.col], f[m.col] = m.watermark, m.floor
	return plan.Marks{Watermarks: w, Floors: f}
}

// SomeTime stands for a bound where it only matters that there is one.
const SomeTime = 1_700_000_000_000_000

// carried returns which columns of an object have bounds, with SomeTime for those of sources and
// tables.
func (c *Circuit) carried(object uint32) plan.Marks {
	if m := c.marks[object]; m != nil {
		some := *m
		some.watermark, some.floor = SomeTime, SomeTime
		return some.columns()
	}
	if d := c.byID[object]; d != nil {
		return d.marked[d.Plan.Root]
	}
	return plan.Marks{}
}

// Carried tells which columns of a dataflow's result have bounds.
func (d *Dataflow) Carried() op.Marks { return d.marked[d.Plan.Root].Floors }

// Hold keeps bounds from the dataflow while it is being filled with the past, which is below them.
func (d *Dataflow) Hold(held bool) { d.held = held }

// bounds returns the bounds of an object as they stand in this step.
func (c *Circuit) bounds(object uint32) plan.Marks {
	if m := c.marks[object]; m != nil {
		return m.columns()
	}
	if d := c.byID[object]; d != nil && d.bounds != nil {
		return d.bounds[d.Plan.Root]
	}
	return plan.Marks{}
}

// advance brings the dataflow's bounds up to date and tells whether one of its leaves moved.
func (d *Dataflow) advance() bool {
	if d.held || !d.timed {
		return false
	}
	moved := false
	for _, l := range d.leaves {
		now := d.circuit.bounds(l.object)
		if !slices.Equal(now.Watermarks, l.seen.Watermarks) || !slices.Equal(now.Floors, l.seen.Floors) {
			l.seen, moved = now, true
		}
	}
	if !moved {
		return false
	}
	d.bounds = d.marker.Run(func(object uint32) plan.Marks {
		for _, l := range d.leaves {
			if l.object == object {
				return l.seen
			}
		}
		return plan.Marks{}
	})
	for i := range d.Plan.Nodes {
		w, f := d.marker.Inputs(i, d.bounds)
		for _, in := range d.instances {
			in.ctxs[i].Watermarks, in.ctxs[i].Floors = w, f
		}
	}
	return true
}

// BoundsOf returns the bounds of an object's columns as of the last step.
func (c *Circuit) BoundsOf(object uint32) plan.Marks { return c.bounds(object) }
