package session

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func (s *session) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	n := in.Len()
	if n == 0 {
		return nil
	}
	for i, k := range s.Keys {
		s.keyCols[i] = in.Cols[k]
	}
	rows.EncodeKeys(s.keyCols, in.Sel, in.N, &s.keys)
	s.hash = rows.HashKeys(s.hash[:0], &s.keys)
	s.placer.Rows(s.hash, s.Dist, in.Cols, in.Sel, in.N)
	ts := in.Cols[s.Col]
	for k := range n {
		r := in.Row(k)
		t := ts.I[r]
		if ts.IsNull(r) || !types.IsFinite(t) {
			continue
		}
		if t >= math.MaxInt64-s.Gap {
			err := sqlerr.New(sqlerr.DatetimeFieldOverflow, "window of timestamp out of range")
			if err := c.Fail(in, r, in.Weight(r), err); err != nil {
				return err
			}
			continue
		}
		head := s.keys.Key(k)
		s.key = appendTime(append(s.key[:0], head...), t)
		row := len(s.key)
		s.key = s.codec.Append(s.key, in.Cols, r)
		s.key = binary.BigEndian.AppendUint32(s.key, uint32(len(s.key)-row))
		s.change(s.hash[k], len(head), in.Weight(r))
	}
	return nil
}

// change adds w to the weight of the row under s.key.
func (s *session) change(hash uint64, head int, w int64) {
	vnode := uint16(0)
	if len(s.Keys) > 0 {
		vnode = rows.VNode(hash)
	}
	s.rows.AddWeight(vnode, s.key, w)
	i, added := s.changed.Upsert(rows.HashKey(s.key), s.key)
	if added {
		s.delta, s.heads, s.vnodes = append(s.delta, 0), append(s.heads, int32(head)), append(s.vnodes, vnode)
	}
	s.delta[i] += w
}

func (s *session) Finish(c *op.Ctx) error {
	if s.changed.Len() > 0 {
		if err := s.advance(c); err != nil {
			return err
		}
	}
	s.close(c.Floor(0, s.Col))
	return nil
}

// advance applies the epoch's changes and emits what they change.
func (s *session) advance(c *op.Ctx) error {
	s.ctx, s.made = c, 0
	s.changes = rows.NewBuilder(s.out, min(s.changed.Len(), op.ChunkRows))
	s.order = s.order[:0]
	for i, d := range s.delta {
		if d != 0 {
			s.order = append(s.order, int32(i))
		}
	}
	slices.SortFunc(s.order, func(a, b int32) int { return bytes.Compare(s.changed.Key(int(a)), s.changed.Key(int(b))) })
	for from := 0; from < len(s.order); {
		first := int(s.order[from])
		s.prefix, s.vnode, s.before = s.changed.Key(first)[:s.heads[first]], s.vnodes[first], s.before[:0]
		to := from + 1
		for to < len(s.order) && bytes.HasPrefix(s.changed.Key(int(s.order[to])), s.prefix) {
			to++
		}
		if err := s.work(s.order[from:to]); err != nil {
			return err
		}
		from = to
	}
	if s.IDs && !s.batch && s.made >= numbersMax {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "a single change begins more than %d sessions", numbersMax)
	}
	s.changed.Reset()
	s.delta, s.heads, s.vnodes = s.delta[:0], s.heads[:0], s.vnodes[:0]
	return c.EmitBatch(s.changes.Finish())
}

// timeOf returns the time in the key of changed row i.
func (s *session) timeOf(i int32) int64 { return timeAt(s.changed.Key(int(i))[len(s.prefix):]) }

// work brings the sessions of one part up to date with its changed rows, which are in order, and
// emits the difference.
func (s *session) work(changed []int32) error {
	for k, i := range changed {
		t := s.timeOf(i)
		if k > 0 && t == s.timeOf(changed[k-1]) {
			continue
		}
		if s.present(t) {
			s.cover(t)
		} else {
			s.uncover(t)
		}
	}
	slices.SortFunc(s.before, func(a, b stretch) int { return cmp.Compare(a.first, b.first) })
	for _, old := range s.before {
		if err := s.moved(old); err != nil {
			return err
		}
	}
	for _, i := range changed {
		if err := s.emitChanged(int(i)); err != nil {
			return err
		}
	}
	return nil
}

// span sets s.lower and s.upper to the bounds of the part's rows with times from first to last.
func (s *session) span(first, last int64) {
	s.lower = appendTime(append(s.lower[:0], s.prefix...), first)
	s.upper = appendTime(append(s.upper[:0], s.prefix...), last+1)
}

// present tells whether there is a row at t.
func (s *session) present(t int64) (found bool) {
	s.span(t, t)
	s.rows.Ascend(s.lower, s.upper, func(_, value []byte) bool {
		found = state.WeightOf(value) > 0
		return !found
	})
	return found
}

// cover sees to it that t, which has rows, is in a session.
func (s *session) cover(t int64) {
	l, left := s.find(t)
	if left && t <= l.last {
		return
	}
	left = left && t-l.last < s.Gap
	r, right := s.after(t)
	right = right && r.first-t < s.Gap
	switch {
	case left && right:
		id := l.id
		if s.IDs && s.smaller(l, r) {
			id = r.id
		}
		s.remove(l)
		s.remove(r)
		s.put(l.first, r.last, id)
	case left:
		s.remove(l)
		s.put(l.first, t, l.id)
	case right:
		s.remove(r)
		s.put(t, r.last, r.id)
	default:
		s.put(t, t, s.number())
	}
}

// uncover takes t, which has no rows any more, out of its session. What of the session is before t
// has been brought up to date; later times that have lost their rows are dealt with when it is their
// turn.
func (s *session) uncover(t int64) {
	f, ok := s.find(t)
	if !ok || t > f.last {
		return
	}
	prev, hasPrev := s.lastRow(f.first, t-1)
	next, hasNext := s.firstRow(t+1, f.last)
	switch {
	case !hasPrev && !hasNext:
		s.remove(f)
	case !hasPrev:
		s.remove(f)
		s.put(next, f.last, f.id)
	case !hasNext:
		s.remove(f)
		s.put(f.first, prev, f.id)
	case next-prev >= s.Gap:
		l, r := stretch{first: f.first, last: prev, id: f.id}, stretch{first: next, last: f.last, id: f.id}
		if s.IDs && s.smaller(l, r) {
			l.id = s.number()
		} else {
			r.id = s.number()
		}
		s.remove(f)
		s.put(l.first, l.last, l.id)
		s.put(r.first, r.last, r.id)
	}
}

// lastRow returns the time of the last row from first to last.
func (s *session) lastRow(first, last int64) (t int64, ok bool) {
	s.span(first, last)
	s.rows.Descend(s.lower, s.upper, func(key, value []byte) bool {
		t, ok = timeAt(key[len(s.prefix):]), state.WeightOf(value) > 0
		return !ok
	})
	return t, ok
}

// firstRow returns the time of the first row from first to last.
func (s *session) firstRow(first, last int64) (t int64, ok bool) {
	s.span(first, last)
	s.rows.Ascend(s.lower, s.upper, func(key, value []byte) bool {
		t, ok = timeAt(key[len(s.prefix):]), state.WeightOf(value) > 0
		return !ok
	})
	return t, ok
}

// smaller tells whether l has fewer rows than r, in time proportional to the smaller of the two.
func (s *session) smaller(l, r stretch) bool {
	for limit := 16; ; limit *= 4 {
		nl, nr := s.count(l, limit), s.count(r, limit)
		if nl < limit || nr < limit {
			return nl < nr
		}
	}
}

// count counts the rows of a session up to a limit.
func (s *session) count(f stretch, limit int) (n int) {
	s.span(f.first, f.last)
	s.rows.Ascend(s.lower, s.upper, func(_, _ []byte) bool {
		n++
		return n < limit
	})
	return n
}

// same tells whether rows of the two sessions look the same in the output.
func (s *session) same(a, b stretch) bool {
	if s.IDs {
		return a.id == b.id
	}
	return a.first == b.first && a.last == b.last
}

// moved emits the rows that were in the session old before the epoch and are in another one now.
func (s *session) moved(old stretch) error {
	now, ok := s.find(old.first)
	if !ok || now.last < old.first {
		now, ok = s.after(old.first)
	}
	for ok && now.first <= old.last {
		if !s.same(old, now) {
			if err := s.move(old, now); err != nil {
				return err
			}
		}
		now, ok = s.after(now.first)
	}
	return nil
}

// move emits the rows in both old and now.
func (s *session) move(old, now stretch) (err error) {
	s.span(max(old.first, now.first), min(old.last, now.last))
	s.rows.Ascend(s.lower, s.upper, func(key, value []byte) bool {
		after := state.WeightOf(value)
		before := after
		if i, ok := s.changed.Find(rows.HashKey(key), key); ok {
			before -= s.delta[i]
		}
		if before == 0 { // a new row
			return true
		}
		if err = s.emit(key, old, -before); err == nil {
			err = s.emit(key, now, after)
		}
		return err == nil
	})
	return err
}

// emitChanged emits what is due for a row whose weight has changed and that move has not emitted.
func (s *session) emitChanged(i int) error {
	key := s.changed.Key(i)
	t := timeAt(key[len(s.prefix):])
	after := int64(0)
	if v, ok := s.rows.Get(key); ok {
		after = state.WeightOf(v)
	}
	before := after - s.delta[i]
	now, _ := s.find(t)
	if before == 0 {
		return s.emit(key, now, after)
	}
	old := s.was(t, now)
	switch {
	case after == 0:
		return s.emit(key, old, -before)
	case s.same(old, now):
		return s.emit(key, now, s.delta[i])
	}
	return nil
}

// was returns the session that a row at t was in before the epoch; now is the one that contains t.
func (s *session) was(t int64, now stretch) stretch {
	at, found := slices.BinarySearchFunc(s.before, t, func(f stretch, t int64) int { return cmp.Compare(f.first, t) })
	if !found {
		at--
	}
	if at >= 0 && s.before[at].last >= t {
		return s.before[at]
	}
	return now
}

// emit appends the row in a key of the table rows to the changes.
func (s *session) emit(key []byte, f stretch, w int64) error {
	out := s.changes
	body := len(key) - 4
	row := key[body-int(binary.BigEndian.Uint32(key[body:])) : body]
	if err := s.codec.Decode(row, out.Cols); err != nil {
		return err
	}
	n := len(s.in)
	if s.IDs {
		out.Cols[n].AppendInt(f.id)
	} else {
		out.Cols[n].AppendInt(f.first)
		out.Cols[n+1].AppendInt(f.last + s.Gap)
	}
	out.EndRow(w)
	if out.Len() < op.ChunkRows {
		return nil
	}
	err := s.ctx.Emit(out.Finish())
	out.Reset(op.ChunkRows)
	return err
}
