package asof

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/exec/state"
	"tidemill/sql/types"
)

func (c *Config) forward() bool { return c.Op[0] == '>' }

func (c *Config) match() equi.Match {
	return equi.Match{LeftKeys: c.LeftKeys, RightKeys: c.RightKeys}
}

// carry bounds the key columns and one of the times: with left >= right a right row that comes or goes
// changes the matches of later left rows only; with left <= right a match that comes or goes is no earlier
// than what caused it. The other time can be of any age.
func carry(cfg json.RawMessage, in []types.Schema, out types.Schema) (op.Carry, error) {
	c, err := op.Peek[Config](cfg)
	if err != nil || c.Op == "" {
		return nil, err
	}
	zero := int64(0)
	m := c.match()
	b := equi.Band{Left: c.LeftTime, Right: c.RightTime}
	if c.forward() {
		b.Low = &zero
	} else {
		b.High = &zero
	}
	m.Bands = []equi.Band{b}
	return m.Carry(c.Output, equi.Pads{Right: c.Left}, len(in[0]), len(out)), nil
}

func bound(cfg json.RawMessage, in []op.Input) op.Bound {
	c, err := op.Peek[Config](cfg)
	if err != nil || c.Op == "" {
		return op.Bound{Unbounded: true, Text: "rows of both inputs"}
	}
	m := c.match()
	times := in[0].Marks.At(c.LeftTime) != op.NoMark && in[1].Marks.At(c.RightTime) != op.NoMark
	byKey := slices.ContainsFunc(m.Keys([]op.Marks{in[0].Marks, in[1].Marks}), func(f int64) bool { return f != op.NoMark })
	switch {
	case byKey || !times || !c.forward() && !in[0].AppendOnly:
		return m.Bound(in)
	case c.forward():
		b := op.ByWatermark(in[0], c.LeftTime)
		b.Text += " and one version per key"
		return b
	}
	return op.Bound{Unbounded: true, Text: "left rows that no right row has followed yet"}
}

// timeLen is the length of a time in a table key. Only integers have floors.
const timeLen = 9

func (a *asof) timeOf(entry []byte) (join []byte, t int64) {
	at := upToTime(entry)
	word := binary.BigEndian.Uint64(at[len(at)-8:])
	if a.order.Desc {
		word = ^word
	}
	return at[:len(at)-timeLen], int64(word ^ 1<<63)
}

// expire drops the rows of keys that have passed, and what no change can reach any more of the others.
func (a *asof) expire(c *op.Ctx) {
	l, r := a.sides[0].table, a.sides[1].table
	if a.sweep != nil && a.sweep.Due(a.keys.Keys(c.Floors), a.work, l.Len()+r.Len()) {
		a.sweep.Ordered(l)
		a.sweep.Ordered(r)
	}
	left, right := c.Floor(0, a.LeftTime), c.Floor(1, a.RightTime)
	floors := []int64{left, right}
	if left == op.NoMark || right == op.NoMark {
		floors = nil
	}
	if a.pace.Due(floors, a.work, l.Len()+r.Len()) {
		settled := right
		if a.retracts {
			settled = min(left, right)
		}
		if a.forward() {
			a.dropOld(settled, min(left, right))
		} else {
			a.dropFollowed(left, right)
		}
	}
	a.work = 0
}

// dropOld drops left rows before the floor of right ones, whose match is settled, and of the right rows
// before limit all but the newest of each key, which later left rows may still have as their match.
func (a *asof) dropOld(settled, limit int64) {
	var gone entries
	a.sides[0].table.Ascend(nil, nil, func(entry, _ []byte) bool {
		if _, t := a.timeOf(entry); t < settled {
			gone.add(entry)
		}
		return true
	})
	gone.drop(a.sides[0].table)
	var last []byte // the newest row so far that is before limit
	have := false
	a.sides[1].table.Ascend(nil, nil, func(entry, _ []byte) bool {
		join, t := a.timeOf(entry)
		if t >= limit {
			return true
		}
		if have {
			if before, _ := a.timeOf(last); bytes.Equal(before, join) {
				gone.add(last)
			}
		}
		last, have = append(last[:0], entry...), true
		return true
	})
	gone.drop(a.sides[1].table)
}

// dropFollowed is for matches after the left row's time. A left row is settled once there is a match
// before the floor of right ones: what comes is farther away. Right rows before both floors are then the
// match of no row that is left.
func (a *asof) dropFollowed(left, right int64) {
	until := int64(math.MaxInt64) // left rows before it do not go
	if a.retracts {
		until = left
	}
	var goneLeft, goneRight entries
	var current []byte
	seen := false
	a.sides[1].table.Ascend(nil, nil, func(entry, value []byte) bool { // newest first
		join, t := a.timeOf(entry)
		if t < min(left, right) {
			goneRight.add(entry)
		}
		if t >= right || state.WeightOf(value) <= 0 || seen && bytes.Equal(current, join) {
			return true
		}
		current, seen = append(current[:0], join...), true
		a.sides[0].table.Ascend(a.lower(upToTime(entry)), state.PrefixEnd(join), func(entry, _ []byte) bool {
			if _, t := a.timeOf(entry); t < until {
				goneLeft.add(entry)
			}
			return true
		})
		return true
	})
	goneLeft.drop(a.sides[0].table)
	goneRight.drop(a.sides[1].table)
}

// entries are table keys that are about to be deleted.
type entries struct {
	data []byte
	ends []int
}

func (e *entries) add(key []byte) {
	e.data = append(e.data, key...)
	e.ends = append(e.ends, len(e.data))
}

func (e *entries) drop(from *state.Ordered) {
	start := 0
	for _, end := range e.ends {
		from.Delete(0, e.data[start:end])
		start = end
	}
	e.data, e.ends = e.data[:0], e.ends[:0]
}
