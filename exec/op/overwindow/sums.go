package overwindow

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"tidemill/exec/op/agg"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// sums summarizes runs of rows, so that any range of a partition can be summarized in logarithmic
// time. It is a tree whose shape follows from the rows alone:
//
// One row in sixteen, picked by the hash of its key, starts a run of level 1, which reaches to the next
// such row or the partition's end; one in sixteen of those starts a run of level 2 too, and so on.
// Rows before the first run of a level are in runs of lower levels only. The table has an entry per
// run:
//
//	partition columns as a key, level u8, rest of the first row's key  →
//	    rows u64, groups of peers that start u64, per summarized call its accumulator
//
// A row that comes or goes changes the one run above it on every level; where it starts a run itself,
// runs are divided or joined, and computed from the level below.
type sums struct {
	v      *view
	table  *state.Ordered
	folds  []*folder // per call; nil = not summarized
	groups bool      // groups of peers are counted
	counts bool      // results hang on how many rows there are before or after
	// extreme tells that some accumulator cannot give a row back.
	extreme bool
}

const (
	levelBits = 4
	levelMax  = 7
)

// sum is a summary.
type sum struct {
	count, groups int64
	accs          []*agg.Acc // per call; nil = not summarized
}

// numbers are the functions that count rows.
var numbers = map[string]bool{"row_number": true, "rank": true, "dense_rank": true, "percent_rank": true, "cume_dist": true, "ntile": true}

func newSums(v *view, table *state.Ordered) *sums {
	t := &sums{v: v, table: table, folds: make([]*folder, len(v.calls))}
	for i, k := range v.calls {
		t.groups = t.groups || k.Name == "dense_rank"
		t.counts = t.counts || numbers[k.Name]
		if k.set == nil || !k.set.Mergeable() || k.frame.Start.Kind != Unbounded && k.frame.End.Kind != Unbounded {
			continue
		}
		t.folds[i] = &folder{k: k}
		t.extreme = t.extreme || k.set.Funcs[0].Class == agg.Extreme
	}
	return t
}

func (t *sums) empty() *sum {
	s := &sum{accs: make([]*agg.Acc, len(t.folds))}
	for i, f := range t.folds {
		if f != nil {
			s.accs[i] = f.k.set.NewAcc()
		}
	}
	return s
}

func (t *sums) merge(to, from *sum) {
	to.count += from.count
	to.groups += from.groups
	for i, f := range t.folds {
		if f != nil {
			f.k.set.MergeAcc(to.accs[i], from.accs[i])
		}
	}
}

func (s *sum) clone(t *sums) *sum {
	c := t.empty()
	t.merge(c, s)
	return c
}

// same tells whether what is beyond two sums has the same results after either.
func (t *sums) same(s, o *sum) bool {
	if t.counts && s.count != o.count || s.groups != o.groups {
		return false
	}
	for i, a := range s.accs {
		if a == nil {
			continue
		}
		if !bytes.Equal(a.Fixed, o.accs[i].Fixed) {
			return false
		}
		for k, tail := range a.Tails {
			if !bytes.Equal(tail, o.accs[i].Tails[k]) {
				return false
			}
		}
	}
	return true
}

func (t *sums) encode(s *sum) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(s.count))
	out = binary.LittleEndian.AppendUint64(out, uint64(s.groups))
	for _, a := range s.accs {
		if a == nil {
			continue
		}
		out = append(out, a.Fixed...)
		for _, tail := range a.Tails {
			out = binary.AppendUvarint(out, uint64(len(tail)))
			out = append(out, tail...)
		}
	}
	return out
}

func (t *sums) decode(b []byte) (*sum, error) {
	corrupt := sqlerr.New(sqlerr.DataCorrupted, "malformed summary of a window partition")
	if len(b) < 16 {
		return nil, corrupt
	}
	s := t.empty()
	s.count, s.groups = int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
	b = b[16:]
	for _, a := range s.accs {
		if a == nil {
			continue
		}
		if len(b) < len(a.Fixed) {
			return nil, corrupt
		}
		b = b[copy(a.Fixed, b):]
		for i := range a.Tails {
			n, w := binary.Uvarint(b)
			if w <= 0 || n > uint64(len(b)-w) {
				return nil, corrupt
			}
			a.Tails[i] = append(a.Tails[i], b[w:w+int(n)]...)
			b = b[w+int(n):]
		}
	}
	return s, nil
}

// levelOf returns the highest level on which a row starts a run; 0 = none.
func levelOf(key []byte) int {
	return min(bits.TrailingZeros64(rows.HashKey(key))/levelBits, levelMax)
}

// runKey returns the table's key of the run that starts at a row; a bound of rows gives a bound of runs.
func (t *sums) runKey(level int, key []byte) []byte {
	n := len(t.v.part)
	if key == nil || len(key) < n || !bytes.Equal(key[:n], t.v.part) { // the partition's end
		return t.runKey(level+1, t.v.part)
	}
	out := append(make([]byte, 0, len(key)+1), t.v.part...)
	return append(append(out, byte(level)), key[n:]...)
}

// rowKey returns the key of the row at which a run starts.
func (t *sums) rowKey(run []byte) []byte {
	n := len(t.v.part)
	out := append(make([]byte, 0, len(run)), run[:n]...)
	return append(out, run[n+1:]...)
}

// of summarizes the partition's rows in [lower, upper) as the tables have them.
func (t *sums) of(lower, upper []byte) (*sum, error) {
	s := t.empty()
	return s, t.fold(levelMax, lower, upper, s)
}

func (t *sums) fold(level int, lower, upper []byte, to *sum) error {
	if bytes.Equal(lower, upper) && upper != nil {
		return nil
	}
	if level == 0 {
		return t.foldRows(lower, upper, to)
	}
	var first, last []byte
	var pending *sum
	var failure error
	t.table.Ascend(t.runKey(level, lower), t.runKey(level, upper), func(key, value []byte) bool {
		if last = t.rowKey(key); first == nil {
			first = last
		} else {
			t.merge(to, pending)
		}
		pending, failure = t.decode(value)
		return failure == nil
	})
	if failure != nil {
		return failure
	}
	if first == nil {
		return t.fold(level-1, lower, upper, to)
	}
	if err := t.fold(level-1, lower, first, to); err != nil {
		return err
	}
	if upper == nil || bytes.Equal(upper, t.v.end) {
		t.merge(to, pending)
		return nil
	}
	return t.fold(level-1, last, upper, to)
}

func (t *sums) foldRows(lower, upper []byte, to *sum) error {
	v := t.v
	var group []byte
	if t.groups {
		v.Table.Descend(v.part, lower, func(key, _ []byte) bool {
			group = bytes.Clone(groupOf(key))
			return false
		})
	}
	b := rows.NewBuilder(v.env.In[0], 16)
	var weights []int64
	var failure error
	v.Table.Ascend(lower, upper, func(key, value []byte) bool {
		w := state.WeightOf(value)
		if w <= 0 {
			return true
		}
		to.count += w
		if g := groupOf(key); t.groups && (group == nil || !bytes.Equal(g, group)) {
			group = bytes.Clone(g)
			to.groups++
		}
		if failure = v.codec.Decode(rowPart(key), b.Cols); failure != nil {
			return false
		}
		b.EndRow(1)
		weights = append(weights, w)
		return true
	})
	if failure != nil {
		return failure
	}
	batch := b.Finish()
	t.ready(batch)
	for r, w := range weights {
		t.add(to, batch, int32(r), w)
	}
	return nil
}

func (t *sums) ready(b *rows.Batch) {
	for _, f := range t.folds {
		if f != nil {
			f.c = t.v.fn
			f.k.set.Ready(b)
		}
	}
}

// add folds row r of b into the accumulators.
func (t *sums) add(s *sum, b *rows.Batch, r int32, w int64) {
	for i, f := range t.folds {
		if f != nil {
			f.add(b, s.accs[i], r, w)
		}
	}
}

// addLoaded adds rows from … to−1 of a window by weight.
func (t *sums) addLoaded(s *sum, l *loaded, weight []int64, from, to int) {
	t.ready(l.b)
	var group []byte
	for i := from; i < to; i++ {
		if weight[i] == 0 {
			continue
		}
		s.count += weight[i]
		if g := groupOf(l.key(i)); t.groups && (group == nil || !bytes.Equal(g, group)) {
			s.groups++
			group = g
		}
		t.add(s, l.b, int32(i), weight[i])
	}
}

// rowChange is the change of a row's weight, which the table of rows has already.
type rowChange struct {
	key           []byte
	vnode         uint16
	b             *rows.Batch
	row           int32
	before, after int64
}

// update brings the runs above a row up to date.
func (t *sums) update(c *rowChange) error {
	c.before, c.after = max(c.before, 0), max(c.after, 0)
	turned := (c.before > 0) != (c.after > 0)
	groups := int64(0)
	if t.groups && turned {
		var err error
		if groups, err = t.regroup(c); err != nil {
			return err
		}
	}
	starts := levelOf(c.key)
	for level := 1; level <= levelMax; level++ {
		if turned && level <= starts {
			if err := t.divide(c, level); err != nil {
				return err
			}
			continue
		}
		run, s, err := t.above(level, c.key)
		if err != nil || s == nil { // nor is there any on the levels above
			return err
		}
		if t.extreme && c.after < c.before {
			if err := t.renew(level, run, t.next(level, run), c.vnode); err != nil {
				return err
			}
			continue
		}
		s.count += c.after - c.before
		s.groups += groups
		t.ready(c.b)
		t.add(s, c.b, c.row, c.after-c.before)
		t.table.Put(c.vnode, t.runKey(level, run), t.encode(s))
	}
	return nil
}

// above returns the run of a level in which a row is, by its first row; nil when there is none.
func (t *sums) above(level int, key []byte) (run []byte, s *sum, err error) {
	t.table.Descend(t.runKey(level, t.v.part), keyAfter(t.runKey(level, key)), func(k, value []byte) bool {
		run = t.rowKey(k)
		s, err = t.decode(value)
		return false
	})
	return run, s, err
}

// next returns the first row of the next run of a level; nil when there is none.
func (t *sums) next(level int, run []byte) (next []byte) {
	t.table.Ascend(keyAfter(t.runKey(level, run)), t.runKey(level, nil), func(k, _ []byte) bool {
		next = t.rowKey(k)
		return false
	})
	if next == nil {
		return t.v.end
	}
	return next
}

// renew computes a run from the level below.
func (t *sums) renew(level int, run, next []byte, vnode uint16) error {
	s := t.empty()
	if err := t.fold(level-1, run, next, s); err != nil {
		return err
	}
	t.table.Put(vnode, t.runKey(level, run), t.encode(s))
	return nil
}

// divide starts a run at a row that has come, or joins it with the one before when the row has gone.
func (t *sums) divide(c *rowChange, level int) error {
	next := t.next(level, c.key)
	if c.after > 0 {
		if err := t.renew(level, c.key, next, c.vnode); err != nil {
			return err
		}
		next = c.key
	} else {
		t.table.Delete(c.vnode, t.runKey(level, c.key))
	}
	var last []byte
	t.table.Descend(t.runKey(level, t.v.part), t.runKey(level, c.key), func(k, _ []byte) bool {
		last = t.rowKey(k)
		return false
	})
	if last == nil {
		return nil
	}
	return t.renew(level, last, next, c.vnode)
}

// regroup returns by how much the number of groups changes with a row that came or went, at the row
// itself, and moves the start of the group to or from the row after it.
func (t *sums) regroup(c *rowChange) (int64, error) {
	group := groupOf(c.key)
	inner := false
	t.v.Table.Descend(t.v.part, c.key, func(key, _ []byte) bool {
		inner = bytes.Equal(groupOf(key), group)
		return false
	})
	if inner {
		return 0, nil
	}
	by := int64(1)
	if c.after == 0 {
		by = -1
	}
	var peer []byte
	t.v.Table.Ascend(keyAfter(c.key), t.v.end, func(key, _ []byte) bool {
		if bytes.Equal(groupOf(key), group) {
			peer = bytes.Clone(key)
		}
		return false
	})
	for level := 1; peer != nil && level <= levelMax; level++ {
		run, s, err := t.above(level, peer)
		if err != nil {
			return 0, err
		}
		if s == nil {
			break
		}
		s.groups -= by
		t.table.Put(c.vnode, t.runKey(level, run), t.encode(s))
	}
	return by, nil
}
