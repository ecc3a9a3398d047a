package match

import (
	"fmt"
	"slices"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/exec/op/order"
	"tidemill/exec/plan"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// Config configures the operator. The output columns are those of Out and then one per measure.
type Config struct {
	Partition []int          `json:"partition,omitempty"`
	Order     []plan.SortKey `json:"order"`
	// Labels are the names of the pattern variables; elsewhere they are numbers in this list.
	Labels  []string `json:"labels"`
	Pattern *Pattern `json:"pattern"`
	// Sets are the sets of labels of whose rows Reads speak; nil stands for all labels.
	Sets [][]int `json:"sets,omitempty"`
	// Reads are what conditions and measures read, as the columns of their expressions.
	Reads []Read     `json:"reads,omitempty"`
	Aggs  []agg.Call `json:"aggs,omitempty"`
	// Conds are the conditions by label; a label without one may be any row.
	Conds    []*expr.Expr `json:"conds"`
	Measures []*expr.Expr `json:"measures,omitempty"`
	// Rows is "one" for a row per match, or what rows of matches there are: "show" and "omit" (empty
	// matches), "unmatched" (rows of no match too).
	Rows string `json:"rows"`
	// Skip says where the search goes on after a match: "past" its last row, at the "next" row after its
	// first, at the "first" or "last" row of the labels in SkipTo.
	Skip   string `json:"skip"`
	SkipTo []int  `json:"skip_to,omitempty"`
	// Within is the time in µs below which the first and the last row of a match must be apart by the first
	// order column; 0 = any.
	Within int64 `json:"within,omitempty"`
	Out    []int `json:"out"`
	// Dist lists the columns that rows are spread by, if not the partition's (see exec/op/place).
	Dist []int `json:"dist"`
}

// The kinds of output.
const (
	OneRow    = "one"
	Show      = "show"
	Omit      = "omit"
	Unmatched = "unmatched"
)

// Where the search goes on.
const (
	SkipPast  = "past"
	SkipNext  = "next"
	SkipFirst = "first"
	SkipLast  = "last"
)

// Read is a column of the conditions' and measures' expressions.
type Read struct {
	// Kind is "value" (of input column Col), "label" (the name of the row's label), "number" (of the match)
	// or "agg" (Aggs[Agg] over the rows of Set).
	Kind string `json:"kind"`
	Col  int    `json:"col,omitempty"`
	Agg  int    `json:"agg,omitempty"`
	// Set is the set of labels in Sets. The row is the Skip-th after the first or before the last of its
	// rows, and then Move rows on in the partition.
	Set   int  `json:"set"`
	First bool `json:"first,omitempty"`
	Skip  int  `json:"skip,omitempty"`
	Move  int  `json:"move,omitempty"`
	// Final tells that all rows of the match count, not only those up to the current one.
	Final bool       `json:"final,omitempty"`
	Type  types.Type `json:"type"`
}

// The kinds of reads.
const (
	ReadValue  = "value"
	ReadLabel  = "label"
	ReadNumber = "number"
	ReadAgg    = "agg"
)

func (c *Config) explain(in types.Schema) string {
	if c.Pattern == nil {
		return ""
	}
	s := c.Pattern.text(c.Labels)
	if len(c.Partition) > 0 {
		s += " per " + op.Cols(in, c.Partition)
	}
	if s += " order by " + order.Text(c.Order, in); c.Within > 0 {
		s += " within " + op.Micros(c.Within)
	}
	switch c.Skip {
	case SkipNext:
		s += ", skip to next row"
	case SkipFirst, SkipLast:
		names := make([]string, len(c.SkipTo))
		for i, l := range c.SkipTo {
			names[i] = c.Labels[l]
		}
		s += ", skip to " + c.Skip + " " + strings.Join(names, ", ")
	}
	if c.Rows != OneRow {
		s += ", all rows"
	}
	return s
}

// check refuses configurations that the operator cannot run over the input.
func (c *Config) check(in types.Schema, out int) error {
	column := func(i int) bool { return i >= 0 && i < len(in) }
	for _, i := range slices.Concat(c.Partition, c.Out) {
		if !column(i) {
			return fmt.Errorf("column %d does not exist", i)
		}
	}
	switch {
	case c.Pattern == nil || len(c.Labels) == 0:
		return fmt.Errorf("no pattern")
	case c.Pattern.any(func(p *Pattern) bool {
		return p.Label < 0 || p.Label >= len(c.Labels) || p.Kind == Repeat && len(p.Parts) != 1
	}):
		return fmt.Errorf("malformed pattern")
	case len(c.Conds) != len(c.Labels):
		return fmt.Errorf("%d conditions of %d labels", len(c.Conds), len(c.Labels))
	case out != len(c.Out)+len(c.Measures):
		return fmt.Errorf("%d output columns", out)
	case !slices.Contains([]string{OneRow, Show, Omit, Unmatched}, c.Rows):
		return fmt.Errorf("rows %q", c.Rows)
	case !slices.Contains([]string{SkipPast, SkipNext, SkipFirst, SkipLast}, c.Skip):
		return fmt.Errorf("skip %q", c.Skip)
	case c.Within > 0 && (len(c.Order) == 0 || !column(c.Order[0].Col) || !in[c.Order[0].Col].Type.IsTime() || c.Order[0].Desc):
		return fmt.Errorf("within without an order by time")
	}
	for _, r := range c.Reads {
		switch {
		case r.Kind == ReadValue && column(r.Col), r.Kind == ReadLabel, r.Kind == ReadNumber:
		case r.Kind == ReadAgg && r.Agg >= 0 && r.Agg < len(c.Aggs):
		default:
			return fmt.Errorf("read %+v", r)
		}
		if r.Set < 0 || r.Kind != ReadNumber && r.Set >= len(c.Sets) {
			return fmt.Errorf("set %d does not exist", r.Set)
		}
	}
	return nil
}

// in tells whether a label is in a set.
func (c *Config) in(set, label int) bool {
	return c.Sets[set] == nil || slices.Contains(c.Sets[set], label)
}

// current tells whether a read in the condition of a label is relative to the row that is tested.
func (c *Config) current(r Read, label int) bool {
	return (r.Kind == ReadValue || r.Kind == ReadLabel) && !r.First && r.Skip == 0 && c.in(r.Set, label)
}

// reads returns the numbers of the reads in an expression, and the expression over just these.
func (c *Config) reads(e *expr.Expr) ([]int, *expr.Expr) {
	used := expr.Columns(e)
	return used, expr.RemapFunc(e, func(i int) int { return slices.Index(used, i) })
}

// columns are the reads in an expression, which may be nil.
func columns(e *expr.Expr) []int {
	if e == nil {
		return nil
	}
	return expr.Columns(e)
}

// distances are how far rows are looked at around those of a match.
type distances struct {
	// after is the largest move forward from a row of a match, lead how far before its first row is looked.
	after, lead int
	// number tells that some result depends on the number of the match, and so on all matches before.
	number bool
}

func (c *Config) distances() distances {
	var d distances
	anchor := func(kind string) bool { return c.Pattern.any(func(p *Pattern) bool { return p.Kind == kind }) }
	if anchor(AtStart) {
		d.lead = 1
	}
	if anchor(AtEnd) {
		d.after = 1
	}
	least := c.Pattern.least(len(c.Labels))
	for label, e := range c.Conds {
		for _, i := range columns(e) {
			if r := c.Reads[i]; c.current(r, label) {
				d.lead = max(d.lead, -r.Move-least[label])
			} else {
				d.lead = max(d.lead, -r.Move)
			}
		}
	}
	for _, e := range c.Measures {
		for _, i := range expr.Columns(e) {
			d.lead = max(d.lead, -c.Reads[i].Move)
		}
	}
	for _, r := range c.Reads {
		d.after = max(d.after, r.Move)
		d.number = d.number || r.Kind == ReadNumber
	}
	return d
}
