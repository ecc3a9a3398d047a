package asof

import (
	"bytes"
	"encoding/binary"
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// span is a range of left table keys whose matches the epoch may change.
type span struct{ lower, upper []byte }

// Finish applies the epoch's changes key by key and emits what they change.
func (a *asof) Finish(c *op.Ctx) error {
	l, r := a.sides[0].sorted(), a.sides[1].sorted()
	a.cols = builders(a.out.Both)
	for len(l) > 0 || len(r) > 0 {
		key := a.firstKey(l, r)
		ln, rn := a.sides[0].run(l, key), a.sides[1].run(r, key)
		if err := a.key(c, key, l[:ln], r[:rn]); err != nil {
			return err
		}
		l, r = l[ln:], r[rn:]
	}
	for _, s := range a.sides {
		s.reset()
	}
	a.expire(c)
	return a.flush(c)
}

// sorted returns the numbers of the changed entries in the order of their table keys.
func (s *side) sorted() []int {
	var list []int
	for i, w := range s.change {
		if w != 0 {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(i, j int) int { return bytes.Compare(s.touched.Key(i), s.touched.Key(j)) })
	return list
}

func (s *side) joinKey(i int) []byte { return s.touched.Key(i)[:s.keyLen[i]] }

// run is how many of the sorted entries, from the first on, have the join key.
func (s *side) run(list []int, key []byte) int {
	n := 0
	for n < len(list) && bytes.Equal(s.joinKey(list[n]), key) {
		n++
	}
	return n
}

// firstKey is the lesser of the first join keys of two sorted lists.
func (a *asof) firstKey(l, r []int) []byte {
	switch {
	case len(l) == 0:
		return a.sides[1].joinKey(r[0])
	case len(r) == 0:
		return a.sides[0].joinKey(l[0])
	}
	x, y := a.sides[0].joinKey(l[0]), a.sides[1].joinKey(r[0])
	if bytes.Compare(x, y) <= 0 {
		return x
	}
	return y
}

// key works on one join key: l and r are its changed entries.
func (a *asof) key(c *op.Ctx, key []byte, l, r []int) error {
	left, right := a.sides[0], a.sides[1]
	a.spans = a.affected(key, r)
	a.pairs.Reset()
	a.change = a.change[:0]
	for _, s := range a.spans {
		a.collect(key, s, -1)
	}
	for _, i := range r {
		right.table.AddWeight(right.vnode[i], right.touched.Key(i), right.change[i])
	}
	for _, i := range l {
		entry := left.touched.Key(i)
		left.table.AddWeight(left.vnode[i], entry, left.change[i])
		if !a.inSpan(entry) {
			a.add(equi.RowPart(entry), a.match(key, upToTime(entry)), left.change[i])
		}
	}
	for _, s := range a.spans {
		a.collect(key, s, 1)
	}
	return a.emit(c)
}

// affected returns the ranges of left rows whose match the changed right entries may change, in order
// and apart from each other. The right table is as before the epoch.
func (a *asof) affected(key []byte, r []int) []span {
	right, end := a.sides[1], state.PrefixEnd(key)
	spans := a.spans[:0]
	for n, i := range r {
		at := upToTime(right.touched.Key(i))
		if n > 0 && bytes.Equal(at, upToTime(right.touched.Key(r[n-1]))) {
			continue
		}
		// The next right time, among those that were there and those that come.
		next := end
		after := state.PrefixEnd(at)
		right.table.Ascend(after, end, func(k, _ []byte) bool {
			next = a.lower(upToTime(k))
			return false
		})
		for _, j := range r[n+1:] {
			if t := upToTime(right.touched.Key(j)); !bytes.Equal(t, at) {
				if from := a.lower(t); next == nil || bytes.Compare(from, next) < 0 {
					next = from
				}
				break
			}
		}
		from := a.lower(at)
		if len(spans) > 0 && bytes.Equal(spans[len(spans)-1].upper, from) {
			spans[len(spans)-1].upper = next
		} else {
			spans = append(spans, span{from, next})
		}
	}
	return spans
}

// lower is the least left table key that a right row at the given key and time can match.
func (a *asof) lower(at []byte) []byte {
	if a.strict {
		return state.PrefixEnd(at)
	}
	return bytes.Clone(at)
}

func (a *asof) inSpan(entry []byte) bool {
	n, found := slices.BinarySearchFunc(a.spans, entry, func(s span, entry []byte) int { return bytes.Compare(s.lower, entry) })
	if !found {
		n-- // the last one that begins before the entry
	}
	return n >= 0 && (a.spans[n].upper == nil || bytes.Compare(entry, a.spans[n].upper) < 0)
}

// collect adds the pairs of the left rows in a range with the given sign.
func (a *asof) collect(key []byte, s span, sign int64) {
	var at, match []byte
	known := false
	a.sides[0].table.Ascend(s.lower, s.upper, func(entry, value []byte) bool {
		if t := upToTime(entry); !known || !bytes.Equal(t, at) {
			at, match, known = append(at[:0], t...), a.match(key, t), true
		}
		a.add(equi.RowPart(entry), match, sign*state.WeightOf(value))
		return true
	})
}

// match returns the right row for a left row at the given key and time; nil when there is none. It is
// a view of the table.
func (a *asof) match(key, at []byte) (row []byte) {
	upper := at
	if !a.strict {
		upper = state.PrefixEnd(at)
	}
	a.sides[1].table.Descend(key, upper, func(k, value []byte) bool {
		if state.WeightOf(value) <= 0 {
			return true
		}
		row = equi.RowPart(k)
		return false
	})
	return row
}

// add adds w to the weight of a pair; right is nil for a left row alone.
func (a *asof) add(left, right []byte, w int64) {
	if right == nil && !a.Left {
		return
	}
	a.pair = binary.BigEndian.AppendUint32(a.pair[:0], uint32(len(left)))
	a.pair = append(a.pair, left...)
	if right != nil {
		a.pair = append(append(a.pair, 1), right...)
	}
	i, added := a.pairs.Upsert(rows.HashKey(a.pair), a.pair)
	if added {
		a.change = append(a.change, 0)
	}
	a.change[i] += w
}

// emit decodes the pairs whose weight has changed.
func (a *asof) emit(c *op.Ctx) error {
	left, right := a.sides[0], a.sides[1]
	width := len(left.types)
	for i, w := range a.change {
		if w == 0 {
			continue
		}
		pair := a.pairs.Key(i)
		n := 4 + int(binary.BigEndian.Uint32(pair))
		if err := left.codec.Decode(pair[4:n], a.cols[:width]); err != nil {
			return err
		}
		if n == len(pair) {
			for _, col := range a.cols[width:] {
				col.AppendNull()
			}
		} else if err := right.codec.Decode(pair[n+1:], a.cols[width:]); err != nil {
			return err
		}
		a.w = append(a.w, w)
		if len(a.w) >= op.ChunkRows {
			if err := a.flush(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush emits the decoded rows.
func (a *asof) flush(c *op.Ctx) error {
	if len(a.w) == 0 {
		return nil
	}
	b := &rows.Batch{N: len(a.w), W: a.w, Cols: make([]*rows.Vec, len(a.cols))}
	for i, col := range a.cols {
		b.Cols[i] = col.Finish()
	}
	if !slices.ContainsFunc(a.w, func(w int64) bool { return w != 1 }) {
		b.W = nil
	}
	a.cols, a.w = builders(a.out.Both), nil
	return c.EmitBatch(a.out.Project(b))
}
