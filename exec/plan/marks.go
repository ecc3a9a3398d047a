package plan

import (
	"fmt"

	"tidemill/exec/op"
	"tidemill/sql/types"
)

// Marker carries watermarks from the scans of a plan to the outputs of all its nodes.
type Marker struct {
	plan   *Plan
	carry  []op.Carry // nil = nothing goes through
	leaves []Leaf
}

// NewMarker makes the Marker of a plan that Check has accepted.
func NewMarker(p *Plan) (*Marker, error) {
	leaves, err := p.Leaves()
	if err != nil {
		return nil, err
	}
	m := &Marker{plan: p, carry: make([]op.Carry, len(p.Nodes)), leaves: leaves}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Op == ScanOp {
			continue
		}
		spec, err := op.Lookup(n.Op)
		if err != nil {
			return nil, err
		}
		carry := spec.Marks
		if spec.CivilMarks != nil && p.Settings != nil && p.Settings.TimeZone != "" {
			carry = spec.CivilMarks
		}
		if carry == nil || len(n.Inputs) == 0 {
			continue
		}
		var in []types.Schema
		for _, x := range n.Inputs {
			in = append(in, p.Nodes[x.Node].Schema)
		}
		if m.carry[i], err = carry(n.Config, in, n.Schema); err != nil {
			return nil, fmt.Errorf("operator %s: %w", n.Op, err)
		}
	}
	return m, nil
}

// Marks are the bounds of a relation's columns, twice: how far event time has come, and below what
// nothing comes any more (see op.Ctx).
type Marks struct{ Watermarks, Floors op.Marks }

// Run returns the bounds of every node's output, where object gives those of an object's columns.
func (m *Marker) Run(object func(id uint32) Marks) []Marks {
	out := make([]Marks, len(m.plan.Nodes))
	for _, l := range m.leaves {
		of := object(l.Scan.Object)
		out[l.Node] = Marks{op.Pick(of.Watermarks, l.Scan.Cols), op.Pick(of.Floors, l.Scan.Cols)}
	}
	for i := range m.plan.Nodes {
		if m.carry[i] == nil {
			continue
		}
		w, f := m.inputs(i, out)
		out[i] = Marks{m.carry[i](w), m.carry[i](f)}
	}
	return out
}

// Inputs returns the bounds of node i's inputs by port, given those of all nodes; nil when no input
// has any.
func (m *Marker) Inputs(i int, of []Marks) (watermarks, floors []op.Marks) {
	w, f := m.inputs(i, of)
	for _, x := range w {
		if x.Any() {
			return w, f
		}
	}
	return nil, nil
}

func (m *Marker) inputs(i int, of []Marks) (watermarks, floors []op.Marks) {
	n := &m.plan.Nodes[i]
	watermarks, floors = make([]op.Marks, len(n.Inputs)), make([]op.Marks, len(n.Inputs))
	for p, in := range n.Inputs {
		watermarks[p], floors[p] = of[in.Node].Watermarks, of[in.Node].Floors
	}
	return watermarks, floors
}
