// Package expire drops operator state whose event time has passed: entries whose key has a column
// below its floor (see op.Ctx), which no row will ever look up again.
//
// Tables are not kept in the order of time, so a sweep looks at every entry. It is due only when a
// floor has moved and about as many rows have been worked on since the last sweep as entries were
// left by it. That makes its cost a constant per row, and bounds a table to twice the entries that
// are in use.
package expire

import (
	"bytes"
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Pace says when a sweep is due.
type Pace struct {
	swept []int64 // floors of the last sweep
	work  int     // rows since then
}

// Due counts work, a number of rows, and tells whether a table of the given size is to be swept now
// that floors are these. It is to be asked in every epoch.
func (p *Pace) Due(floors []int64, work, size int) bool {
	p.work += work
	moved := false
	for i, f := range floors {
		moved = moved || f != op.NoMark && (p.swept == nil || f > p.swept[i])
	}
	if !moved || p.work*2 < size {
		return false
	}
	p.work, p.swept = 0, slices.Clone(floors)
	return true
}

// Sweeper sweeps the tables of one operator, whose keys all begin with the same columns.
type Sweeper struct {
	pace   Pace
	types  []types.Type
	cols   []int    // columns of the key that may have floors
	floors []int64  // of the sweep under way
	below  [][]byte // the floors as keys
	skip   []*rows.VecBuilder
	keys   []byte
	ends   []int
}

// New returns a sweeper for keys that begin with columns of the given types; nil when marked says that
// none of them will have a floor.
func New(key []types.Type, marked []int64) *Sweeper {
	s := &Sweeper{types: key}
	for i := range key {
		if marked[i] != op.NoMark && key[i].Phys() == types.PhysInt {
			s.cols = append(s.cols, i)
		}
	}
	if len(s.cols) == 0 {
		return nil
	}
	for _, t := range key[:s.cols[len(s.cols)-1]] {
		s.skip = append(s.skip, rows.NewVecBuilder(t, 1))
	}
	return s
}

// Columns gives the bounds of some columns of a port, in their order.
func Columns(m op.Marks, cols []int) []int64 {
	out := make([]int64, len(cols))
	for i, c := range cols {
		out[i] = m.At(c)
	}
	return out
}

// Floors gives the floors of some columns of the first port, in their order.
func Floors(c *op.Ctx, cols []int) []int64 {
	out := make([]int64, len(cols))
	for i, col := range cols {
		out[i] = c.Floor(0, col)
	}
	return out
}

// Due is Pace.Due with the floors of the key's columns.
func (s *Sweeper) Due(floors []int64, work, size int) bool {
	if s == nil {
		return false
	}
	if !s.pace.Due(floors, work, size) {
		return false
	}
	s.floors = s.pace.swept
	s.below = s.below[:0]
	for _, i := range s.cols {
		s.below = append(s.below, rows.AppendKeyDatum(nil, types.Datum{Type: s.types[i], I: floors[i]}))
	}
	return true
}

// gone tells whether a key has passed.
func (s *Sweeper) gone(key []byte) bool {
	at := 0
	for k, i := range s.cols {
		for ; at < i; at++ {
			s.skip[at].Truncate(0)
			rest, err := rows.DecodeKey(s.types[at:at+1], key, s.skip[at:at+1])
			if err != nil {
				return false
			}
			key = rest
		}
		// NULLs come last in a key's order.
		if s.floors[i] != op.NoMark && bytes.Compare(key[:min(len(key), len(s.below[k]))], s.below[k]) < 0 {
			return true
		}
	}
	return false
}

// Map sweeps a Map.
func (s *Sweeper) Map(m *state.Map) {
	m.Each(func(ref state.Ref) bool {
		if s.gone(m.Key(ref)) {
			m.Delete(ref)
		}
		return true
	})
}

// Multi sweeps a Multi that does not keep a log.
func (s *Sweeper) Multi(m *state.Multi) { m.DeleteKeys(s.gone) }

// Ordered sweeps an Ordered.
func (s *Sweeper) Ordered(o *state.Ordered) {
	s.keys, s.ends = s.keys[:0], s.ends[:0]
	o.Ascend(nil, nil, func(key, _ []byte) bool {
		if s.gone(key) {
			s.keys = append(s.keys, key...)
			s.ends = append(s.ends, len(s.keys))
		}
		return true
	})
	from := 0
	for _, end := range s.ends {
		o.Delete(0, s.keys[from:end])
		from = end
	}
	if cap(s.keys) > 1<<20 {
		s.keys, s.ends = nil, nil
	}
}
