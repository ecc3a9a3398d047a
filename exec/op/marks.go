package op

import (
	"encoding/json"
	"math"
	"slices"

	"tidemill/sql/types"
)

// Marks are the bounds that event time has reached in a relation, one per column and in the column's
// own units (µs of a timestamp, days of a date). A bound m of a column says: in every row that is
// added or taken back in a later epoch, this column's value is m or more, and not NULL. A nil Marks
// has no bound at all.
type Marks []int64

// NoMark is the bound of a column that has none.
const NoMark = math.MinInt64

// At returns the bound of column i.
func (m Marks) At(i int) int64 {
	if i < 0 || i >= len(m) {
		return NoMark
	}
	return m[i]
}

// Any tells whether some column has a bound.
func (m Marks) Any() bool { return slices.ContainsFunc(m, func(v int64) bool { return v != NoMark }) }

// Carry computes the bounds of an operator's output columns from those of its inputs, by port. It is
// a pure function, and monotone: bounds that grow give bounds that grow. NoMark in what a result
// hangs on makes the result NoMark. A nil result stands for no bounds.
type Carry func(in []Marks) Marks

// CarryFunc makes the Carry of an operator with the configuration and schemas.
type CarryFunc func(cfg json.RawMessage, in []types.Schema, out types.Schema) (Carry, error)

// Through is the Carry of operators whose output begins with the columns of their only input and
// which emit the change of a row only when that row changes; columns behind them have no bound.
func Through(_ json.RawMessage, _ []types.Schema, out types.Schema) (Carry, error) {
	return func(in []Marks) Marks { return Extend(in[0], len(out)) }, nil
}

// Least is the Carry of operators whose inputs have the columns of the output and which emit the
// change of a row only when it changes in an input: the least bound of all inputs counts.
func Least(json.RawMessage, []types.Schema, types.Schema) (Carry, error) {
	return func(in []Marks) Marks {
		var out Marks
		for p, m := range in {
			if p == 0 {
				out = slices.Clone(m)
				continue
			}
			for i := range out {
				out[i] = min(out[i], m.At(i))
			}
		}
		return out
	}, nil
}

// Extend returns m for a relation of n columns, whose further columns have no bound.
func Extend(m Marks, n int) Marks {
	if !m.Any() {
		return nil
	}
	out := make(Marks, n)
	for i := range out {
		out[i] = m.At(i)
	}
	return out
}

// Only returns the bounds of some columns at their places in a relation of n columns; the others have none.
func Only(m Marks, cols []int, n int) Marks {
	if !m.Any() || len(cols) == 0 {
		return nil
	}
	out := make(Marks, n)
	for i := range out {
		out[i] = NoMark
	}
	for _, c := range cols {
		out[c] = m.At(c)
	}
	return out
}

// Pick returns the bounds of some columns in their order.
func Pick(m Marks, cols []int) Marks {
	if !m.Any() {
		return nil
	}
	out := make(Marks, len(cols))
	for i, c := range cols {
		out[i] = m.At(c)
	}
	return out
}

// Input is what Spec.Bound is told of an input port. Marks has something other than NoMark for the
// columns that carry a bound, with values that mean nothing.
type Input struct {
	Schema     types.Schema
	AppendOnly bool
	Marks      Marks
	// Horizon is how far behind the latest event time rows may still come, in µs: a source's delay and
	// allowed lateness together.
	Horizon int64
}

// Bound says what limits an operator's state.
type Bound struct {
	// Unbounded tells that the state grows for as long as rows come.
	Unbounded bool
	// Text is what limits it, or what makes it grow: "one group", "by watermark(window_end)", "distinct
	// rows of an append-only input".
	Text string
}

// OfInput is the bound of state with an entry for what the words say of the input's rows: it grows for
// ever when rows are never taken back.
func OfInput(in Input, what string) Bound {
	if in.AppendOnly {
		return Bound{Unbounded: true, Text: what + " of an append-only input"}
	}
	return Bound{Text: "by the " + what + " of the input"}
}

// String is the bound as EXPLAIN shows it.
func (b Bound) String() string {
	if b.Unbounded {
		return "UNBOUNDED (" + b.Text + ")"
	}
	return "bounded " + b.Text
}

// ByWatermark is the bound of state that is dropped once a column's floor has passed it; cols are
// columns of in, of which the first with a bound counts. Without one the state is unbounded.
func ByWatermark(in Input, cols ...int) Bound {
	for _, c := range cols {
		if in.Marks.At(c) != NoMark {
			return Bound{Text: "by watermark(" + Col(in.Schema, c) + ", " + Micros(in.Horizon) + ")"}
		}
	}
	return Bound{Unbounded: true}
}

// Micros writes a length of time in µs for EXPLAIN.
func Micros(micros int64) string {
	return types.TextOf(types.IntervalDatum(types.IntervalValue{Days: int32(micros / types.MicrosPerDay), Micros: micros % types.MicrosPerDay}), nil)
}
