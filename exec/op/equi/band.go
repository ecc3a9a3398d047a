package equi

import (
	"math"
	"strconv"
	"time"

	"tidemill/exec/op"
	"tidemill/sql/types"
)

// Band bounds the distance of a left and a right column of one type whose values are integers inside,
// in their own units (µs of times, days of dates): Low <= left − right <= High in all joined pairs. An
// end that is nil is open.
type Band struct {
	Left  int    `json:"left"`
	Right int    `json:"right"` // among the columns of the right side
	Low   *int64 `json:"low,omitempty"`
	High  *int64 `json:"high,omitempty"`
}

// Col is the band's column of a side.
func (b *Band) Col(port int) int {
	if port == 0 {
		return b.Left
	}
	return b.Right
}

// Reach returns the bounds of the left and of the right column in pairs that come or go later: each is
// at or above its own side's bound, or within the distance of the other's. NoMark = there is none.
func (b *Band) Reach(marks []op.Marks) (left, right int64) {
	if len(marks) < 2 {
		return op.NoMark, op.NoMark
	}
	l, r := marks[0].At(b.Left), marks[1].At(b.Right)
	return min(l, later(r, b.Low)), min(r, earlier(l, b.High))
}

// Cut returns the value of the side's column below which its rows meet no new row of the other side and,
// where the side retracts, no longer go themselves.
func (b *Band) Cut(port int, retracts bool, marks []op.Marks) int64 {
	left, right := b.Reach(marks)
	switch {
	case len(marks) < 2:
		return op.NoMark
	case retracts:
		return [2]int64{left, right}[port]
	case port == 0:
		return later(marks[1].At(b.Right), b.Low)
	}
	return earlier(marks[0].At(b.Left), b.High)
}

// later moves a bound by a distance, earlier by one back.
func later(m int64, by *int64) int64 {
	if by == nil || m == op.NoMark {
		return op.NoMark
	}
	return Shift(types.T(types.Timestamp), m, *by)
}

func earlier(m int64, by *int64) int64 {
	if by == nil || m == op.NoMark || *by == math.MinInt64 {
		return op.NoMark
	}
	return Shift(types.T(types.Timestamp), m, -*by)
}

// Shift moves a value of type t. It stops at the ends of the integers, which for times are the infinities
// and stay where they are.
func Shift(t types.Type, v, by int64) int64 {
	if (t.IsTime() || t.ID == types.Date) && !types.IsFinite(v) {
		return v
	}
	sum := v + by
	switch {
	case by > 0 && sum < v:
		return math.MaxInt64
	case by < 0 && sum > v:
		return math.MinInt64
	}
	return sum
}

// Text writes the distance for EXPLAIN.
func (b *Band) Text(left, right types.Schema) string {
	diff := op.Col(left, b.Left) + " - " + op.Col(right, b.Right)
	t := types.Type{}
	if b.Left >= 0 && b.Left < len(left) {
		t = left[b.Left].Type
	}
	switch {
	case b.Low != nil && b.High != nil:
		return diff + " between " + distance(t, *b.Low) + " and " + distance(t, *b.High)
	case b.Low != nil:
		return diff + " >= " + distance(t, *b.Low)
	case b.High != nil:
		return diff + " <= " + distance(t, *b.High)
	}
	return diff
}

// distance writes a difference of two values of type t.
func distance(t types.Type, v int64) string {
	if t.IsTime() {
		return (time.Duration(v) * time.Microsecond).String()
	}
	return strconv.FormatInt(v, 10)
}

// Match is a join's condition as far as event time knows of it: equal key columns and distances.
type Match struct {
	LeftKeys, RightKeys []int
	Bands               []Band
}

// Valid tells whether the columns of the bands exist and can have distances.
func (m *Match) Valid(env *op.Env) bool {
	for i := range m.Bands {
		for port, in := range env.In {
			if c := m.Bands[i].Col(port); c < 0 || c >= len(in) || in[c].Type.Phys() != types.PhysInt {
				return false
			}
		}
	}
	return true
}

// Key is the bound of key pair k: neither side changes below it.
func (m *Match) Key(marks []op.Marks, k int) int64 {
	if len(marks) < 2 {
		return op.NoMark
	}
	return min(marks[0].At(m.LeftKeys[k]), marks[1].At(m.RightKeys[k]))
}

// Keys are the bounds of all key pairs.
func (m *Match) Keys(marks []op.Marks) []int64 {
	out := make([]int64, len(m.LeftKeys))
	for k := range out {
		out[k] = m.Key(marks, k)
	}
	return out
}

// Cuts are the Cuts of all bands for one side.
func (m *Match) Cuts(port int, retracts bool, marks []op.Marks) []int64 {
	out := make([]int64, len(m.Bands))
	for i := range out {
		out[i] = m.Bands[i].Cut(port, retracts, marks)
	}
	return out
}

// Pads tells which sides are padded with NULLs in the output.
type Pads struct{ Left, Right bool }

// Carry makes the Carry of a join. A change of either side emits rows of its own key and within the
// distances only. Other columns can be of any age, since a new row may meet an old one, and a side that
// is padded with NULLs has no bound. source lists the output columns among those of left and right, nil
// = from the first on; width is the number of columns of the left side, out of the output.
func (m *Match) Carry(source []int, pads Pads, width, out int) op.Carry {
	if source == nil {
		for i := range out {
			source = append(source, i)
		}
	}
	return func(marks []op.Marks) op.Marks {
		if !marks[0].Any() || !marks[1].Any() {
			return nil
		}
		res := make(op.Marks, out)
		for i, s := range source {
			if s < width && !pads.Left || s >= width && !pads.Right {
				res[i] = m.column(marks, s, width)
			} else {
				res[i] = op.NoMark
			}
		}
		return res
	}
}

// column is the greatest bound that the condition gives column s of both sides.
func (m *Match) column(marks []op.Marks, s, width int) int64 {
	best := int64(op.NoMark)
	for k := range m.LeftKeys {
		if m.LeftKeys[k] == s || m.RightKeys[k] == s-width {
			best = max(best, m.Key(marks, k))
		}
	}
	for i := range m.Bands {
		b := &m.Bands[i]
		left, right := b.Reach(marks)
		if b.Left == s {
			best = max(best, left)
		}
		if b.Right == s-width {
			best = max(best, right)
		}
	}
	return best
}

// Bound says what limits the rows that both sides keep.
func (m *Match) Bound(in []op.Input) op.Bound {
	marks := []op.Marks{in[0].Marks, in[1].Marks}
	both := in[0]
	both.Horizon = max(both.Horizon, in[1].Horizon)
	for k := range m.LeftKeys {
		if m.Key(marks, k) != op.NoMark {
			return op.ByWatermark(both, m.LeftKeys[k])
		}
	}
	var by [2]*Band // what drops rows of either side
	for i := range m.Bands {
		for port := range by {
			if by[port] == nil && m.Bands[i].Cut(port, !in[port].AppendOnly, marks) != op.NoMark {
				by[port] = &m.Bands[i]
			}
		}
	}
	text := "rows of both inputs; an append-only input never shrinks"
	switch left, right := in[0].Schema, in[1].Schema; {
	case by[0] != nil && by[1] != nil:
		bound := op.ByWatermark(both, by[0].Left)
		if bound.Unbounded { // the left column follows the right one's
			both.Schema, both.Marks = right, in[1].Marks
			bound = op.ByWatermark(both, by[0].Right)
		}
		if bound.Text += " and " + by[0].Text(left, right); by[0] != by[1] {
			bound.Text += ", " + by[1].Text(left, right)
		}
		return bound
	case by[0] != nil && in[1].AppendOnly:
		text = "rows of the right input, which never shrinks; nothing bounds " + op.Col(left, by[0].Left) + " - " + op.Col(right, by[0].Right) + " from above"
	case by[1] != nil && in[0].AppendOnly:
		text = "rows of the left input, which never shrinks; nothing bounds " + op.Col(left, by[1].Left) + " - " + op.Col(right, by[1].Right) + " from below"
	}
	if in[0].AppendOnly || in[1].AppendOnly {
		return op.Bound{Unbounded: true, Text: text}
	}
	return op.Bound{Text: "by the rows of both inputs"}
}
