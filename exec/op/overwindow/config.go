package overwindow

import (
	"fmt"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/order"
	"tidemill/exec/plan"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Config configures the operator. All functions share partition and order; calls with others are
// further operators.
type Config struct {
	Partition []int          `json:"partition,omitempty"`
	Order     []plan.SortKey `json:"order,omitempty"`
	Funcs     []Func         `json:"funcs"`
	// Dist lists the columns that rows are spread by, if not the partition's (see exec/op/place).
	Dist []int `json:"dist"`
	// Kept tells that the results are kept up to date, so that EXPLAIN says at what cost.
	Kept bool `json:"kept,omitempty"`
}

// Func is one call.
type Func struct {
	Name string `json:"name"`
	// ArgTypes are the declared argument types of an aggregate; the window functions do not need them.
	ArgTypes []types.Type `json:"argtypes,omitempty"`
	Args     []int        `json:"args,omitempty"`
	// Const is the value of the second argument (lag's and lead's offset, the number of nth_value) where
	// it is a constant: then it is known which rows a change concerns.
	Const *int64 `json:"const,omitempty"`
	// Filter is a boolean column for an aggregate's FILTER, nil = none.
	Filter  *int       `json:"filter,omitempty"`
	RetType types.Type `json:"rettype"`
	// Frame nil is SQL's default: from the partition's start to the last peer of the current row.
	Frame *Frame `json:"frame,omitempty"`
}

// Frame is a frame clause.
type Frame struct {
	Mode  string `json:"mode"` // "rows", "range" or "groups"
	Start Bound  `json:"start"`
	End   Bound  `json:"end"`
	// Exclude leaves rows out of the frame: "current row", "group", "ties" or "" for none.
	Exclude string `json:"exclude,omitempty"`
}

// Bound is an end of a frame.
type Bound struct {
	Kind string `json:"kind"` // "unbounded", "current", "preceding", "following"
	// Offset counts rows or groups of peers. In a RANGE frame Value is the offset instead: a number of the
	// order column's kind, or an interval for dates and times.
	Offset int64        `json:"offset,omitempty"`
	Value  *types.Datum `json:"value,omitempty"`
}

// The kinds of bounds.
const (
	Unbounded = "unbounded"
	Current   = "current"
	Preceding = "preceding"
	Following = "following"
)

// The modes of frames.
const (
	rowsMode   = "rows"
	rangeMode  = "range"
	groupsMode = "groups"
)

// The exclusions of frames.
const (
	excludeCurrent = "current row"
	excludeGroup   = "group"
	excludeTies    = "ties"
)

// defaultFrame is RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW.
var defaultFrame = &Frame{Mode: rangeMode, Start: Bound{Kind: Unbounded}, End: Bound{Kind: Current}}

func (c *Config) explain(in types.Schema) string {
	parts := make([]string, len(c.Funcs))
	for i, f := range c.Funcs {
		parts[i] = f.text(in)
	}
	s := strings.Join(parts, ", ")
	if len(c.Partition) > 0 {
		s += " per " + op.Cols(in, c.Partition)
	}
	if len(c.Order) > 0 {
		s += " order by " + order.Text(c.Order, in)
	}
	if c.Kept {
		s += ", updates: " + c.cost(in)
	}
	return s
}

// cost says how many rows of a partition one changed row may give another result.
func (c *Config) cost(in types.Schema) string {
	cost := "O(frame)"
	for i := range c.Funcs {
		k, err := compile(c, &c.Funcs[i], in)
		if err != nil {
			return "unknown" // an incomplete configuration, which Explain must bear
		}
		if r := k.reach(); r.back.all || r.fwd.all {
			cost = "O(partition)"
		}
	}
	return cost
}

func (f *Func) text(in types.Schema) string {
	args := op.Cols(in, f.Args)
	s := f.Name + "(" + args + ")"
	if f.Filter != nil {
		s += " FILTER (WHERE " + op.Col(in, *f.Filter) + ")"
	}
	if f.Frame != nil {
		s += " " + f.Frame.text()
	}
	return s
}

func (f *Frame) text() string {
	s := strings.ToUpper(f.Mode) + " BETWEEN " + f.Start.text("PRECEDING") + " AND " + f.End.text("FOLLOWING")
	if f.Exclude != "" {
		s += " EXCLUDE " + strings.ToUpper(f.Exclude)
	}
	return s
}

func (b *Bound) text(unbounded string) string {
	switch {
	case b.Kind == Unbounded:
		return "UNBOUNDED " + unbounded
	case b.Kind == Current:
		return "CURRENT ROW"
	case b.Value != nil:
		return "'" + types.TextOf(*b.Value, &types.Env{}) + "' " + strings.ToUpper(b.Kind)
	}
	return fmt.Sprintf("%d %s", b.Offset, strings.ToUpper(b.Kind))
}

// check refuses frames that the operator does not know over the given order.
func (f *Frame) check(c *Config, in types.Schema) error {
	switch f.Mode {
	case rowsMode, rangeMode, groupsMode:
	default:
		return sqlerr.Unsupported("frame mode %s", f.Mode)
	}
	switch f.Exclude {
	case "", excludeCurrent, excludeGroup, excludeTies:
	default:
		return sqlerr.Unsupported("frame exclusion %s", f.Exclude)
	}
	for _, b := range []*Bound{&f.Start, &f.End} {
		switch b.Kind {
		case Unbounded, Current:
			continue
		case Preceding, Following:
		default:
			return sqlerr.Unsupported("frame bound %s", b.Kind)
		}
		if f.Mode != rangeMode {
			if b.Offset < 0 {
				return sqlerr.New(sqlerr.WindowingError, "frame offset must not be negative")
			}
			continue
		}
		if len(c.Order) != 1 || c.Order[0].Col < 0 || c.Order[0].Col >= len(in) || b.Value == nil || b.Value.Null {
			return sqlerr.New(sqlerr.WindowingError, "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column")
		}
		if !RangeOffset(in[c.Order[0].Col].Type, b.Value.Type) {
			return sqlerr.Unsupported("RANGE with offset %s over %s", b.Value.Type, in[c.Order[0].Col].Type)
		}
	}
	return nil
}
