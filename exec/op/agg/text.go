package agg

import (
	"tidemill/exec/op"
	"tidemill/exec/op/order"
	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// Needs says which tables calls need, for any input.
type Needs struct {
	Distinct bool // of values with their weights
	Multiset bool // of elements in order, min and max included
	Ranked   bool // of elements with counts
	Modes    bool // of elements by frequency
}

// NeedsOf returns what calls need. Calls that this build does not know need nothing.
func NeedsOf(calls []Call) (n Needs) {
	for _, c := range calls {
		spec, ok := fn.FindAggregate(c.Name, c.ArgTypes)
		n.Distinct = n.Distinct || c.Distinct
		if !ok {
			continue
		}
		n.Distinct = n.Distinct || spec.Derive != nil
		n.Multiset = n.Multiset || spec.Kind == fn.Ordered || spec.Kind == fn.Modal || spec.CountsValues
		n.Ranked = n.Ranked || spec.Kind == fn.Ranked || spec.Kind == fn.Hypothetical
		n.Modes = n.Modes || spec.Kind == fn.Modal
	}
	return n
}

// ReadsGroup tells that a change of the group makes the call read all of the group's elements again.
func (c *Call) ReadsGroup() bool {
	spec, ok := fn.FindAggregate(c.Name, c.ArgTypes)
	return ok && spec.Kind == fn.Ordered && !spec.Single
}

// Text writes the call for EXPLAIN.
func (c *Call) Text(in types.Schema) string {
	args, sorted := op.Cols(in, c.Args), ""
	if len(c.Order) > 0 {
		sorted = "ORDER BY " + order.Text(c.Order, in)
	}
	within := false
	if spec, ok := fn.FindAggregate(c.Name, c.ArgTypes); ok && spec.Within {
		if within = true; sorted == "" {
			sorted = "ORDER BY " + args
		}
		args = ""
		for i, d := range c.Direct {
			if i > 0 {
				args += ", "
			}
			args += op.ExprText(d, in)
		}
	} else if len(c.Args) == 0 {
		args = "*"
	}
	if c.Distinct {
		args = "DISTINCT " + args
	}
	s := c.Name + "(" + args
	switch {
	case within:
		s += ") WITHIN GROUP (" + sorted
	case sorted != "":
		s += " " + sorted
	}
	s += ")"
	if c.Filter >= 0 {
		s += " FILTER (WHERE " + op.Col(in, c.Filter) + ")"
	}
	return s
}
