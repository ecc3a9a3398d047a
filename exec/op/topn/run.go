package topn

import (
	"bytes"
	"encoding/binary"

	"tidemill/exec/op"
	"tidemill/exec/op/expire"
	"tidemill/exec/op/order"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

func (t *topn) Push(_ *op.Ctx, _ int, in *rows.Batch) error {
	t.work += in.Len()
	n := in.Len()
	if n == 0 {
		return nil
	}
	for i, p := range t.Partition {
		t.partCols[i] = in.Cols[p]
	}
	rows.EncodeKeys(t.partCols, in.Sel, in.N, &t.keys)
	t.hash = rows.HashKeys(t.hash[:0], &t.keys)
	t.placer.Rows(t.hash, t.Dist, in.Cols, in.Sel, in.N)
	for k := range n {
		r := in.Row(k)
		part := t.keys.Key(k)
		p := t.touch(t.hash[k], part)
		t.key = order.Append(append(t.key[:0], part...), t.Order, t.orders, in.Cols, r)
		ordered := len(t.key)
		t.key = t.codec.Append(t.key, in.Cols, r)
		t.key = binary.BigEndian.AppendUint32(t.key, uint32(len(t.key)-ordered))
		if t.appendOnly && t.hidden(p, ordered) {
			continue
		}
		t.table.AddWeight(t.vnodes[p], t.key, in.Weight(r))
	}
	return nil
}

// touch notes a partition with its visible rows as they are before the epoch changes it.
func (t *topn) touch(hash uint64, part []byte) int {
	p, added := t.parts.Upsert(hash, part)
	if !added {
		return p
	}
	vnode := uint16(0)
	if len(t.Partition) > 0 {
		vnode = rows.VNode(hash)
	}
	t.vnodes = append(t.vnodes, vnode)
	s := span{from: t.before.len()}
	s.full = t.visible(part, &t.before)
	s.to = t.before.len()
	t.spans = append(t.spans, s)
	return p
}

// hidden tells that t.key sorts behind a window that was full already, so that it can never be seen
// when nothing is retracted. ordered is the length of the key without the row.
func (t *topn) hidden(p, ordered int) bool {
	s := t.spans[p]
	if !s.full {
		return false
	}
	if s.from == s.to {
		return t.limit == 0
	}
	last := t.before.key(s.to - 1)
	if t.WithTies || t.Dense {
		return bytes.Compare(t.key[:ordered], orderPart(last)) > 0
	}
	return bytes.Compare(t.key, last) > 0
}

// orderPart returns a table key without the row.
func orderPart(key []byte) []byte {
	body := len(key) - 4
	return key[:body-int(binary.BigEndian.Uint32(key[body:]))]
}

// rowPart returns the row in a table key.
func rowPart(key []byte) []byte {
	body := len(key) - 4
	return key[body-int(binary.BigEndian.Uint32(key[body:])) : body]
}

// visible appends the visible rows of a partition to l. full tells that the window has no room.
func (t *topn) visible(part []byte, l *list) (full bool) {
	if t.limit == 0 {
		return true
	}
	if t.Dense {
		return t.groups(part, l)
	}
	skip, left := t.Offset, t.limit
	var last []byte
	t.table.Ascend(part, state.PrefixEnd(part), func(key, value []byte) bool {
		w := state.WeightOf(value)
		if w <= 0 {
			return true
		}
		if full { // only ties follow
			if !bytes.Equal(orderPart(key), last) {
				return false
			}
			l.add(key, w)
			return true
		}
		skipped := min(w, skip)
		skip -= skipped
		if w -= skipped; w == 0 {
			return true
		}
		shown := w
		if left >= 0 {
			shown = min(w, left)
			left -= shown
			full = left == 0
		}
		switch {
		case t.Number:
			for range shown {
				l.add(key, 1)
			}
		case full && t.WithTies:
			l.add(key, w)
			last = append(last, orderPart(key)...)
		default:
			l.add(key, shown)
		}
		return !full || t.WithTies
	})
	return full
}

// groups is visible where the limit counts groups of rows that are equal in order.
func (t *topn) groups(part []byte, l *list) (full bool) {
	n := int64(0)
	var last []byte
	t.table.Ascend(part, state.PrefixEnd(part), func(key, value []byte) bool {
		w := state.WeightOf(value)
		if w <= 0 {
			return true
		}
		if o := orderPart(key); n == 0 || !bytes.Equal(o, last) {
			if n == t.limit {
				return false
			}
			n++
			last = append(last[:0], o...)
		}
		l.add(key, w)
		return true
	})
	return n == t.limit
}

// Finish emits the change of every partition that was touched and drops those that none will touch.
func (t *topn) Finish(c *op.Ctx) error {
	if err := t.finish(c); err != nil {
		return err
	}
	if t.sweep != nil && t.sweep.Due(expire.Floors(c, t.Partition), t.work, t.table.Len()) {
		t.sweep.Ordered(t.table)
	}
	t.work = 0
	return nil
}

func (t *topn) finish(c *op.Ctx) error {
	if t.parts.Len() == 0 {
		return nil
	}
	t.ctx, t.changes = c, rows.NewBuilder(t.out, 64)
	for p := range t.parts.Len() {
		t.after.reset()
		full := t.visible(t.parts.Key(p), &t.after)
		if t.appendOnly && full {
			t.prune(p)
		}
		diff := t.diff
		if t.Number {
			diff = t.diffByPosition
		}
		if err := diff(t.spans[p]); err != nil {
			return err
		}
	}
	t.parts.Reset()
	t.vnodes, t.spans = t.vnodes[:0], t.spans[:0]
	t.before.reset()
	return c.EmitBatch(t.changes.Finish())
}

// prune deletes the rows behind the window in t.after.
func (t *topn) prune(p int) {
	part := t.parts.Key(p)
	lower := part
	if n := t.after.len(); n > 0 {
		lower = append(t.after.key(n-1), 0) // copies: the list's keys have no spare room
	} else if t.limit != 0 {
		return
	}
	t.drop.reset()
	t.table.Ascend(lower, state.PrefixEnd(part), func(key, _ []byte) bool {
		t.drop.add(key, 0)
		return true
	})
	for i := range t.drop.len() {
		t.table.Delete(t.vnodes[p], t.drop.key(i))
	}
}

// diff emits the difference of two sorted lists of weighted rows.
func (t *topn) diff(s span) error {
	i, j := s.from, 0
	for i < s.to || j < t.after.len() {
		c := 0
		switch {
		case i == s.to:
			c = 1
		case j == t.after.len():
			c = -1
		default:
			c = bytes.Compare(t.before.key(i), t.after.key(j))
		}
		var err error
		switch {
		case c < 0:
			err = t.emit(t.before.key(i), -t.before.w[i], 0)
			i++
		case c > 0:
			err = t.emit(t.after.key(j), t.after.w[j], 0)
			j++
		default:
			if d := t.after.w[j] - t.before.w[i]; d != 0 {
				err = t.emit(t.after.key(j), d, 0)
			}
			i++
			j++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// diffByPosition emits the positions at which another row stands.
func (t *topn) diffByPosition(s span) error {
	nb, na := s.to-s.from, t.after.len()
	for i := range max(nb, na) {
		if i < nb && i < na && bytes.Equal(t.before.key(s.from+i), t.after.key(i)) {
			continue
		}
		pos := t.Offset + int64(i) + 1
		if i < nb {
			if err := t.emit(t.before.key(s.from+i), -1, pos); err != nil {
				return err
			}
		}
		if i < na {
			if err := t.emit(t.after.key(i), 1, pos); err != nil {
				return err
			}
		}
	}
	return nil
}

// emit appends the row in a table key to the changes; pos is its number, if numbers are asked for.
func (t *topn) emit(key []byte, w, pos int64) error {
	out := t.changes
	if err := t.codec.Decode(rowPart(key), out.Cols); err != nil {
		return err
	}
	if t.Number {
		out.Cols[len(out.Cols)-1].AppendInt(pos)
	}
	out.EndRow(w)
	if out.Len() < op.ChunkRows {
		return nil
	}
	err := t.ctx.Emit(out.Finish())
	out.Reset(op.ChunkRows)
	return err
}

// list is a list of table keys with weights.
type list struct {
	data []byte
	ends []int
	w    []int64
}

func (l *list) add(key []byte, w int64) {
	l.data = append(l.data, key...)
	l.ends = append(l.ends, len(l.data))
	l.w = append(l.w, w)
}

func (l *list) len() int { return len(l.w) }

// key returns key i, without room to append in place.
func (l *list) key(i int) []byte {
	start := 0
	if i > 0 {
		start = l.ends[i-1]
	}
	return l.data[start:l.ends[i]:l.ends[i]]
}

func (l *list) reset() { l.data, l.ends, l.w = l.data[:0], l.ends[:0], l.w[:0] }
