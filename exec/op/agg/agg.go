// Package agg compiles the aggregate calls of a plan and folds rows into their accumulators. The
// operators hashagg and partialagg share it.
//
// The accumulators of a group are a fixed area, one byte range per call, changed in place, and a
// list of tails, byte strings that vary in length. What a call keeps depends on its class:
//
//	Fixed    a linear accumulator of constant size, in the fixed area
//	Var      a linear accumulator of varying size: a tail
//	Extreme  min or max of an input that never retracts: the tail is the current best element
//	Ordered  a function of the sorted multiset of its arguments, which the operator keeps in a table;
//	         here only the number of elements (fixed area) and the last result (tail)
//	Ranked   like Ordered, but the multiset is a table with counts, in which places are looked up
//	Modal    like Ordered, but the multiset is kept by frequency
//	Place    like Ranked, of rows by their ORDER BY columns alone
package agg

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"tidemill/exec/plan"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Call is one aggregate call as plans store it.
type Call struct {
	Name string `json:"name"`
	// ArgTypes are the declared argument types of the chosen overload.
	ArgTypes []types.Type `json:"argtypes"`
	// Args are the argument columns. Where partial accumulators are merged it is the one column with
	// this call's accumulators.
	Args     []int `json:"args"`
	Distinct bool  `json:"distinct,omitempty"`
	// Filter is a boolean column; rows for which it is not true are left out. −1 (the default when the
	// field is absent) = none.
	Filter  int        `json:"filter"`
	RetType types.Type `json:"rettype"`
	// Direct are the direct arguments of an ordered-set aggregate, literals once the plan runs.
	Direct []*expr.Expr `json:"direct,omitempty"`
	// Order is the ORDER BY inside the call, over input columns.
	Order []plan.SortKey `json:"order,omitempty"`
}

// UnmarshalJSON reads a call; without a filter field it has no filter.
func (c *Call) UnmarshalJSON(data []byte) error {
	type plain Call
	p := plain{Filter: -1}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*c = Call(p)
	return nil
}

// Class says what a call keeps per group.
type Class uint8

// The classes.
const (
	Fixed Class = iota
	Var
	Extreme
	Ordered
	Ranked
	Modal
	Place
)

// Func is a compiled call.
type Func struct {
	Call
	Spec  *fn.Aggregate
	Class Class
	// First tells that an Ordered or Extreme call's result is the first element (min, max).
	First bool
	// Off and Size are the call's range in the fixed area, Tail its number among the tails or −1.
	Off, Size, Tail int
	// Elem encodes the elements of calls that are not linear.
	Elem *Elem
	// Desc tells that a Ranked or Modal call counts from the greatest value.
	Desc bool
	// At are the direct arguments; Hypo is a Place call's hypothetical row as an element begins.
	At   []types.Datum
	Hypo []byte

	// Arguments of the batch being folded.
	args []*rows.Vec

	buf []byte
	st  [][]byte
}

// Mode says what the input rows are.
type Mode uint8

// The modes.
const (
	Raw   Mode = iota // rows to aggregate
	Merge             // accumulators from a partial aggregation
)

// Set is the compiled list of calls.
type Set struct {
	Funcs     []*Func
	FixedSize int // bytes of the fixed area
	Tails     int // number of tails
}

// Compile resolves calls over the columns in. appendOnly tells that no row is ever retracted;
// partial that the accumulators will be merged later, which not all calls allow.
func Compile(calls []Call, in types.Schema, mode Mode, appendOnly, partial bool) (*Set, error) {
	s := &Set{}
	for i := range calls {
		f, err := s.compile(calls[i], in, mode, appendOnly || mode == Merge)
		if err != nil {
			return nil, fmt.Errorf("aggregate %s: %w", calls[i].Name, err)
		}
		if partial || mode == Merge {
			switch {
			case f.Distinct:
				return nil, fmt.Errorf("aggregate %s(DISTINCT) has no partial form", f.Name)
			case f.FromTable() || f.Class != Extreme && f.Spec.Merge == nil:
				return nil, fmt.Errorf("aggregate %s has no partial form", f.Name)
			}
		}
		s.Funcs = append(s.Funcs, f)
	}
	return s, nil
}

func (s *Set) compile(c Call, in types.Schema, mode Mode, appendOnly bool) (*Func, error) {
	spec, ok := fn.FindAggregate(c.Name, c.ArgTypes)
	if !ok {
		return nil, fmt.Errorf("this build has no such function")
	}
	f := &Func{Call: c, Spec: spec, Off: s.FixedSize, Tail: -1}
	for _, a := range c.Args {
		if a < 0 || a >= len(in) {
			return nil, fmt.Errorf("argument column %d does not exist", a)
		}
	}
	if c.Filter >= len(in) || c.Filter >= 0 && in[c.Filter].Type.Phys() != types.PhysBool {
		return nil, fmt.Errorf("filter column %d is not a boolean", c.Filter)
	}
	minmax := spec.Kind == fn.Ordered && (c.Name == "min" || c.Name == "max")
	if minmax {
		f.First, f.Distinct, f.Order = true, false, nil
	}
	f.Distinct = f.Distinct || spec.Derive != nil
	for _, d := range c.Direct {
		if d.Kind != expr.Literal {
			return nil, fmt.Errorf("a direct argument is not a constant")
		}
		f.At = append(f.At, *d.Lit)
	}
	switch {
	case minmax && appendOnly:
		f.Class = Extreme
	case spec.Kind != fn.Linear:
		f.Class, f.Size = classes[spec.Kind], 8
	case spec.Size > 0:
		f.Class, f.Size = Fixed, spec.Size
	default:
		f.Class = Var
	}
	if f.Class != Fixed {
		f.Tail = s.Tails
		s.Tails++
	}
	if f.Class == Ranked || f.Class == Modal {
		f.Desc = len(c.Order) > 0 && c.Order[0].Desc
		f.Order = nil // of ascending elements; NULLs are not among them
	}
	switch f.Class {
	case Fixed, Var:
	case Place:
		if len(f.At) != len(f.Order) {
			return nil, fmt.Errorf("%d direct arguments for %d columns", len(f.At), len(f.Order))
		}
		f.Elem = NewElem(nil, f.Order)
		for i, d := range f.At {
			o := f.Order[i]
			f.Hypo = rows.AppendKeyOrder(f.Hypo, rows.Const(d, 1), 0, rows.Order{Desc: o.Desc, NullsFirst: o.NullsFirst})
		}
	default:
		argTypes := []types.Type{c.RetType} // of merged minima and maxima
		if mode == Raw {
			argTypes = nil
			for _, a := range c.Args {
				argTypes = append(argTypes, in[a].Type)
			}
		}
		f.Elem = NewElem(argTypes, f.Order)
	}
	s.FixedSize += (f.Size + 7) &^ 7
	f.args = make([]*rows.Vec, len(c.Args))
	return f, nil
}

var classes = map[fn.AggKind]Class{fn.Ordered: Ordered, fn.Ranked: Ranked, fn.Modal: Modal, fn.Hypothetical: Place}

// FromTable tells that the call's result is computed from a table of its group's elements.
func (f *Func) FromTable() bool { return f.Class >= Ordered }

// Ready prepares the calls for folding rows of batch in.
func (s *Set) Ready(in *rows.Batch) {
	for _, f := range s.Funcs {
		if f.Spec.Derive != nil {
			f.args = []*rows.Vec{f.Spec.Derive([]*rows.Vec{in.Cols[f.Args[0]]}, in.Sel, in.N)}
			continue
		}
		for i, a := range f.Args {
			f.args[i] = in.Cols[a]
			if f.Distinct && !exact(in.Cols[a].Type) {
				f.args[i] = canonical(in.Cols[a], in)
			}
		}
	}
}

// Columns returns the arguments of the batch being folded.
func (f *Func) Columns() []*rows.Vec { return f.args }

// Rows is a list of rows to fold, one entry per row in each slice.
type Rows struct {
	Row   []int32
	W     []int64
	Ones  bool     // all weights are 1
	Group [][]byte // the fixed area of the row's group
	Slot  []int32  // the number of the row's group; its tails are Tails[Slot*tails:]
}

// Reset empties the list.
func (r *Rows) Reset() {
	r.Ones = false
	r.Row, r.W, r.Group, r.Slot = r.Row[:0], r.W[:0], r.Group[:0], r.Slot[:0]
}

// Fill makes the list that of the given rows of a batch with weights w (nil = 1 each), and makes
// room for their groups.
func (r *Rows) Fill(sel []int32, w []int64) {
	r.Reset()
	r.Ones = w == nil
	r.Row = append(r.Row, sel...)
	r.W, r.Group, r.Slot = slices.Grow(r.W, len(sel)), slices.Grow(r.Group, len(sel)), slices.Grow(r.Slot, len(sel))
	r.W, r.Group, r.Slot = r.W[:len(sel)], r.Group[:len(sel)], r.Slot[:len(sel)]
	for k, i := range sel {
		if r.W[k] = 1; w != nil {
			r.W[k] = w[i]
		}
	}
}

// Add appends entry k of src with weight w.
func (r *Rows) Add(src *Rows, k int, w int64) {
	r.Row, r.W = append(r.Row, src.Row[k]), append(r.W, w)
	r.Group, r.Slot = append(r.Group, src.Group[k]), append(r.Slot, src.Slot[k])
}

// Filtered returns the entries of src that pass the call's FILTER: src itself or dst.
func (f *Func) Filtered(in *rows.Batch, src, dst *Rows) *Rows {
	if f.Filter < 0 {
		return src
	}
	dst.Reset()
	dst.Ones = src.Ones
	col := in.Cols[f.Filter]
	for k, r := range src.Row {
		if col.B[r] && col.Valid.Get(int(r)) {
			dst.Add(src, k, src.W[k])
		}
	}
	return dst
}

// Fold folds rows into the accumulators of a call that is not Ordered.
func (s *Set) Fold(c *fn.Ctx, f *Func, rs *Rows, tails [][]byte) {
	switch f.Class {
	case Fixed:
		f.st = f.st[:0]
		for _, g := range rs.Group {
			f.st = append(f.st, g[f.Off:f.Off+f.Size])
		}
		w := rs.W
		if rs.Ones {
			w = nil
		}
		f.Spec.Step(c, f.args, rs.Row, w, f.st)
	case Var:
		c.Direct = f.At
		for k, r := range rs.Row {
			t := &tails[int(rs.Slot[k])*s.Tails+f.Tail]
			*t = f.Spec.StepVar(c, orNil(*t), f.args, r, rs.W[k])
		}
	case Extreme:
		v := f.args[0]
		for k, r := range rs.Row {
			if v.IsNull(int(r)) {
				continue
			}
			f.buf = f.Elem.Append(f.buf[:0], f.args, nil, int(r))
			f.better(&tails[int(rs.Slot[k])*s.Tails+f.Tail], f.buf)
		}
	}
}

// MergeRows adds the partial accumulators in the call's argument column.
func (s *Set) MergeRows(f *Func, rs *Rows, tails [][]byte) {
	v := f.args[0]
	for k, r := range rs.Row {
		if v.IsNull(int(r)) {
			continue
		}
		part := v.Bytes(int(r))
		for range rs.W[k] {
			switch f.Class {
			case Fixed:
				st := rs.Group[k][f.Off : f.Off+f.Size]
				copy(st, f.Spec.Merge(st, part))
			case Var:
				t := &tails[int(rs.Slot[k])*s.Tails+f.Tail]
				if len(*t) == 0 {
					*t = append(*t, part...) // Merge might keep part, which is not ours
				} else {
					*t = f.Spec.Merge(*t, part)
				}
			case Extreme:
				f.better(&tails[int(rs.Slot[k])*s.Tails+f.Tail], part)
			}
		}
	}
}

// better replaces the best element so far when elem beats it.
func (f *Func) better(best *[]byte, elem []byte) {
	if len(*best) == 0 || f.Elem.Less(elem, *best) != f.Spec.Descending {
		*best = append((*best)[:0], elem...)
	}
}

// Partial appends a partial accumulator to a bytea column.
func (s *Set) Partial(f *Func, fixed []byte, tails [][]byte, out *rows.VecBuilder) {
	switch {
	case f.Class == Fixed:
		out.AppendBytes(fixed[f.Off : f.Off+f.Size])
	case len(tails[f.Tail]) == 0:
		out.AppendNull()
	default:
		out.AppendBytes(tails[f.Tail])
	}
}

// Result appends the result of a call from a group's accumulators. An Ordered call's tail must hold
// its last result.
func (f *Func) Result(c *fn.Ctx, fixed []byte, tails [][]byte, out *rows.VecBuilder) error {
	switch {
	case f.Class == Fixed:
		return f.Spec.Final(c, fixed[f.Off:f.Off+f.Size], out)
	case f.Class == Var:
		c.Direct = f.At
		return f.Spec.Final(c, orNil(tails[f.Tail]), out)
	case !f.First:
		return cellValue(tails[f.Tail], out)
	case len(tails[f.Tail]) == 0:
		out.AppendNull()
		return nil
	}
	return f.Elem.Decode(tails[f.Tail], []*rows.VecBuilder{out})
}

// AddTotal adds w to the number of elements of an Ordered call.
func (f *Func) AddTotal(fixed []byte, w int64) {
	p := fixed[f.Off:]
	binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)+uint64(w))
}

// Total returns the number of elements of an Ordered call.
func (f *Func) Total(fixed []byte) int64 {
	return int64(binary.LittleEndian.Uint64(fixed[f.Off:]))
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}
