package match

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"tidemill/exec/op"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// timed tells whether the rows of partitions are in the order of event time.
func timed(c *Config, in types.Schema, m op.Marks) bool {
	if len(c.Order) == 0 || c.Order[0].Desc || m.At(c.Order[0].Col) == op.NoMark {
		return false
	}
	return in[c.Order[0].Col].Type.Phys() == types.PhysInt
}

// remind notes that a partition is to be looked at once the floor has passed the row with the key.
func (v *view) remind(key []byte) {
	if v.due == nil {
		return
	}
	if t, ok := v.timeOf(key); ok {
		v.remindAt(t)
	}
}

func (v *view) remindAt(t int64) {
	v.key = append(rows.AppendKeyDatum(v.key[:0], v.time(t)), v.part...)
	v.due.Put(v.vnode, v.key, []byte{byte(v.vnode)})
}

func (v *view) time(t int64) types.Datum { return types.Datum{Type: v.in[v.timeCol].Type, I: t} }

// timeOf reads the first order column of a row's key.
func (v *view) timeOf(key []byte) (int64, bool) {
	col := rows.NewVecBuilder(v.in[v.timeCol].Type, 1)
	if _, err := rows.DecodeKeyOrder([]types.Type{col.Type()}, v.orders[:1], key[len(v.part):], []*rows.VecBuilder{col}); err != nil {
		return 0, false
	}
	t := col.Finish()
	return t.I[0], !t.IsNull(0)
}

// settle drops the rows that no further row can bring into another match.
func (v *view) settle(c *op.Ctx) error {
	floor := c.Floor(0, v.timeCol)
	if v.due == nil || floor == op.NoMark {
		return nil
	}
	upper := rows.AppendKeyDatum(nil, v.time(floor))
	var parts [][]byte
	var vnodes []uint16
	last := ""
	time := []*rows.VecBuilder{rows.NewVecBuilder(v.in[v.timeCol].Type, 1)}
	var failure error
	v.due.Ascend(nil, upper, func(key, value []byte) bool {
		time[0].Truncate(0)
		var part []byte
		if part, failure = rows.DecodeKey([]types.Type{time[0].Type()}, key, time); failure != nil {
			return false
		}
		if len(parts) == 0 || string(part) != last {
			last = string(part)
			parts, vnodes = append(parts, []byte(last)), append(vnodes, uint16(value[0]))
		}
		return true
	})
	if failure != nil {
		return failure
	}
	v.due.DeleteRange(nil, upper)
	for i, part := range parts {
		v.enter(part, vnodes[i])
		if err := v.settlePartition(floor); err != nil {
			return err
		}
	}
	return nil
}

// settlePartition drops the rows of the partition at hand that only attempts look at which the rows
// below the floor have decided.
func (v *view) settlePartition(floor int64) error {
	bound := rows.AppendKeyOrder(append([]byte(nil), v.part...), rows.Const(v.time(floor), 1), 0, v.orders[0])
	_, begin := v.markBefore(bound)
	lower, first := v.back(begin.key)
	var l *loaded
	var r *run
	for size := firstLoad; ; size *= 4 {
		var err error
		if l, err = v.load(lower, bound, size); err != nil {
			return err
		}
		if r, err = newRun(v.matcher, v.fn, &part{b: l.b, list: l.list(l.is), first: first, last: l.last}); err != nil {
			return err
		}
		r.pos, r.number = l.place(r.p.list, begin), begin.number
		enough, err := v.search(l, r, bound, floor)
		if err != nil {
			return err
		}
		if enough {
			break
		}
	}
	keep := &point{key: bound, number: r.number}
	if r.pos < len(r.p.list) && r.pos < l.place(r.p.list, keep) {
		keep = l.pointAt(r.p.list, r.pos, r.number)
		if v.Within > 0 {
			if t, ok := v.timeOf(keep.key); ok && t+v.Within > floor {
				v.remindAt(t + v.Within - 1)
			}
		}
	}
	v.forgetBefore(bound, keep)
	return nil
}

// search makes attempts up to the first that depends on rows at or behind the bound, where it leaves
// the run.
func (v *view) search(l *loaded, r *run, bound []byte, floor int64) (enough bool, err error) {
	out := newResults(v.matcher, l.b)
	edge := l.place(r.p.list, &point{key: bound})
	times := l.b.Cols[v.timeCol].I
	for r.pos < edge {
		number, pos := r.number, r.pos
		if enough, err := r.try(out, 0); !enough || err != nil {
			return false, err
		}
		if r.far < edge {
			continue
		}
		if v.Within == 0 || v.dist.after > 0 || floor-times[r.p.list[pos]] < v.Within {
			r.number, r.pos = number, pos
			return true, nil
		}
		r.far = edge - 1 // rows from the floor on are too late for it
	}
	return true, nil
}

// forgetBefore drops what searches from keep on do not need; they are made for changes at or behind
// the bound only.
func (v *view) forgetBefore(bound []byte, keep *point) {
	lower, first := v.back(keep.key)
	if !first {
		v.Table.DeleteRange(v.part, lower)
	}
	// Marks behind the bound may lead back further: that it is too late was not known then.
	upper := v.end
	v.marks.Ascend(bound, v.end, func(key, value []byte) bool {
		if upper = key; keep.after(readMark(key, value)) {
			upper = v.end
			return true
		}
		return false
	})
	v.marks.DeleteRange(v.part, slices.Clone(upper))
	any := v.counted(keep).number > 0
	v.Table.Ascend(v.part, v.end, func([]byte, []byte) bool {
		any = true
		return false
	})
	if any {
		v.putMark(bound, keep)
	}
}

// carry gives the output the bounds of the partition columns and, where WITHIN bounds how old a match
// can be that still changes, those of columns that show the time of one of its rows.
func carry(cfg json.RawMessage, in []types.Schema, out types.Schema) (op.Carry, error) {
	c, err := op.Peek[Config](cfg)
	if err != nil || len(c.Order) == 0 || c.Pattern == nil {
		return nil, err
	}
	d := c.distances()
	lag := make([]int64, len(out)) // behind the floor of the column from; −1 = no bound
	from := make([]int, len(out))
	time := c.Order[0].Col
	follows := c.Within > 0 && d.after == 0 && !c.Order[0].Desc
	for i := range out {
		lag[i] = -1
		switch {
		case i >= len(c.Out):
			if e := c.Measures[i-len(c.Out)]; follows && e.Kind == "col" && c.shows(c.Reads[e.Index], time) {
				from[i], lag[i] = time, c.Within
			}
		case slices.Contains(c.Partition, c.Out[i]):
			from[i], lag[i] = c.Out[i], 0
		case follows && c.Out[i] == time:
			from[i], lag[i] = time, c.Within
		}
	}
	return func(in []op.Marks) op.Marks {
		if !in[0].Any() {
			return nil
		}
		marks := make(op.Marks, len(out))
		for i := range marks {
			if marks[i] = op.NoMark; lag[i] < 0 {
				continue
			}
			if m := in[0].At(from[i]); m >= op.NoMark+1+lag[i] && m != math.MaxInt64 {
				marks[i] = m - lag[i]
			} else if m == math.MaxInt64 {
				marks[i] = m
			}
		}
		return marks
	}, nil
}

// shows tells whether a read is always the time of a row of the match.
func (c *Config) shows(r Read, time int) bool {
	return c.Rows == OneRow && r.Kind == ReadValue && r.Col == time && r.Move == 0 && r.Skip == 0 &&
		!c.Pattern.Nullable() && c.Pattern.Has(c.Sets[r.Set])
}

// last speaks of the last n rows.
func last(n int) string {
	if n == 1 {
		return "the last row of each partition"
	}
	return fmt.Sprintf("the last %d rows of each partition", n)
}

func bound(cfg json.RawMessage, in []op.Input) op.Bound {
	c, err := op.Peek[Config](cfg)
	if err != nil || c.Pattern == nil {
		return op.Bound{Unbounded: true, Text: "unknown"}
	}
	if b := op.ByWatermark(in[0], c.Partition...); !b.Unbounded {
		return b
	}
	if !timed(&c, in[0].Schema, in[0].Marks) {
		return op.OfInput(in[0], "rows")
	}
	d := c.distances()
	switch {
	case d.number && len(c.Partition) > 0:
		return op.Bound{Unbounded: true, Text: "the number of matches of each partition"}
	case d.lead > 0 && len(c.Partition) > 0:
		return op.Bound{Unbounded: true, Text: last(d.lead) + ", at which PREV or ^ may look"}
	case d.after > 0 && len(c.Partition) > 0:
		return op.Bound{Unbounded: true, Text: last(d.after) + ", for which NEXT or $ waits"}
	}
	open := c.Pattern.any(func(p *Pattern) bool { return p.Kind == Repeat && p.Max < 0 })
	if c.Within == 0 && (open || len(c.Partition) > 0) {
		return op.Bound{Unbounded: true, Text: "the rows of matches that are still open, which WITHIN bounds"}
	}
	b := op.ByWatermark(in[0], c.Order[0].Col)
	if c.Within > 0 {
		b.Text += " within " + op.Micros(c.Within)
	}
	return b
}
