package join

import (
	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// Finish emits what the epoch changed about rows without a match (semi: with one).
func (j *join) Finish(c *op.Ctx) error {
	for p, s := range j.sides {
		if !s.watched {
			continue
		}
		f := &finisher{j: j, c: c, s: s}
		f.reset()
		if j.residual == nil {
			f.byKey(p)
		} else {
			f.byRow()
		}
		if f.err != nil {
			return f.err
		}
		if err := f.flush(); err != nil {
			return err
		}
		s.touched.reset()
	}
	j.keys.Reset()
	for p := range j.keyBefore {
		j.keyBefore[p] = j.keyBefore[p][:0]
	}
	j.expire(c)
	return nil
}

func (t *rowsTouched) reset() {
	t.set.Reset()
	t.wBefore, t.wAfter = t.wBefore[:0], t.wAfter[:0]
	t.degBefore, t.degAfter, t.key = t.degBefore[:0], t.degAfter[:0], t.key[:0]
}

// finisher emits the changes of one side's rows that are output by themselves.
type finisher struct {
	j    *join
	c    *op.Ctx
	s    *side
	cols []*rows.VecBuilder
	w    []int64
	err  error
}

// shows is the weight with which a row of weight w and the given degree is output by itself.
func (s *side) shows(w, degree int64) int64 {
	if degree > 0 == s.whenMatched {
		return w
	}
	return 0
}

// byRow compares weight and degree of every touched row before and after.
func (f *finisher) byRow() {
	t := &f.s.touched
	for i := range t.set.Len() {
		d := f.s.shows(t.wAfter[i], t.degAfter[i]) - f.s.shows(t.wBefore[i], t.degBefore[i])
		if !f.add(t.set.Key(i), d) {
			return
		}
	}
}

// byKey does the same with the other side's weight under the key as the degree of all its rows; the
// rows that were not touched themselves follow when the key has got its first match or lost its last.
func (f *finisher) byKey(port int) {
	j, s, t := f.j, f.s, &f.s.touched
	other := j.sides[1-port]
	before, after := j.keyBefore[1-port], make([]int64, j.keys.Len())
	for k := range after {
		after[k] = other.table.KeyWeight(j.keys.Hash(k), j.keys.Key(k))
	}
	for i := range t.set.Len() {
		k := t.key[i]
		d := s.shows(t.wAfter[i], after[k]) - s.shows(t.wBefore[i], before[k])
		if !f.add(t.set.Key(i), d) {
			return
		}
	}
	for k := range after {
		if (before[k] > 0) == (after[k] > 0) {
			continue
		}
		s.table.Each(j.keys.Hash(k), j.keys.Key(k), func(_ state.Ref, row []byte, w int64) bool {
			if _, done := t.set.Find(rows.HashKey(row), row); done {
				return true
			}
			return f.add(row, s.shows(w, after[k])-s.shows(w, before[k]))
		})
		if f.err != nil {
			return
		}
	}
}

// add adds a change of weight d of an encoded row; false ends the epoch with f.err.
func (f *finisher) add(row []byte, d int64) bool {
	if d == 0 {
		return true
	}
	if f.err = f.s.codec.Decode(row, f.cols); f.err != nil {
		return false
	}
	f.w = append(f.w, d)
	if len(f.w) >= op.ChunkRows {
		f.err = f.flush()
	}
	return f.err == nil
}

func (f *finisher) reset() {
	f.cols, f.w = f.cols[:0], nil
	for _, t := range f.s.types {
		f.cols = append(f.cols, rows.NewVecBuilder(t, 64))
	}
}

func (f *finisher) flush() error {
	if len(f.w) == 0 {
		return nil
	}
	b := &rows.Batch{N: len(f.w), W: f.w, Cols: make([]*rows.Vec, len(f.cols))}
	for i, col := range f.cols {
		b.Cols[i] = col.Finish()
	}
	ones := true
	for _, w := range b.W {
		ones = ones && w == 1
	}
	if ones {
		b.W = nil
	}
	f.reset()
	return f.c.EmitBatch(f.j.pad(f.s, b))
}
