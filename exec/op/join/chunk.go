package join

import (
	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// chunk collects candidate pairs of the batch being pushed and stored rows of the other side.
type chunk struct {
	j          *join
	ctx        *op.Ctx
	own, other *side
	in         *rows.Batch
	visit      func(ref state.Ref, row []byte, w int64) bool
	err        error

	// The row that probes: its position in own.Sel, its row in the batch, its weight.
	at  int32
	row int32
	w   int64

	idx  []int32 // row of the batch per pair
	pos  []int32 // its position in own.Sel
	ref  []state.Ref
	wOwn []int64
	wOth []int64
	cols []*rows.VecBuilder // the stored rows
}

func (h *chunk) init(j *join) {
	h.j = j
	h.visit = h.pair // made once: a method value allocates
}

// start prepares for the pairs of one batch.
func (h *chunk) start(c *op.Ctx, own, other *side, in *rows.Batch) {
	h.ctx = c
	h.own, h.other, h.in = own, other, in
	h.err = nil
	h.reset(min(in.Len(), op.ChunkRows))
}

func (h *chunk) reset(capacity int) {
	h.idx, h.pos, h.ref = h.idx[:0], h.pos[:0], h.ref[:0]
	h.wOwn, h.wOth = h.wOwn[:0], h.wOth[:0]
	h.cols = h.cols[:0]
	if h.own.bare || h.other.bare {
		return
	}
	for _, t := range h.other.types {
		h.cols = append(h.cols, rows.NewVecBuilder(t, capacity))
	}
}

func (h *chunk) len() int { return len(h.idx) }

// pair adds a stored row as a candidate for the probing row. It runs inside of Each, where flush may
// set degrees but nothing adds rows.
func (h *chunk) pair(ref state.Ref, row []byte, w int64) bool {
	if h.err = h.other.codec.Decode(row, h.cols); h.err != nil {
		return false
	}
	h.idx = append(h.idx, h.row)
	h.wOwn, h.wOth = append(h.wOwn, h.w), append(h.wOth, w)
	if h.j.residual != nil {
		h.pos, h.ref = append(h.pos, h.at), append(h.ref, ref)
	}
	if h.len() >= op.ChunkRows {
		h.err = h.flush(h.ctx)
	}
	return h.err == nil
}

// flush evaluates the residual over the pairs, adds to degrees and emits the pairs that match.
func (h *chunk) flush(c *op.Ctx) error {
	n := h.len()
	if n == 0 {
		return nil
	}
	b := h.batch(n)
	if h.j.residual != nil {
		sel, err := h.j.residual.EvalPred(c.Fn, b)
		if err != nil {
			return err
		}
		failed := *b
		bad, err := c.TakeErrs(&failed)
		if err != nil {
			return err
		}
		b.Sel = sel
		b = op.Without(b, bad)
		h.addDegrees(b.Sel)
	}
	h.reset(min(n, op.ChunkRows))
	if !h.j.pairs {
		return nil
	}
	return c.EmitBatch(h.j.out.Project(b))
}

// batch materialises the pairs, left columns before right ones. Columns of the pushed batch that
// nobody will read stay ungathered.
func (h *chunk) batch(n int) *rows.Batch {
	j := h.j
	b := &rows.Batch{Schema: j.out.Both, N: n, Cols: make([]*rows.Vec, len(j.out.Both)), W: make([]int64, n)}
	ownAt, otherAt := 0, h.own.width
	if h.own.port == 1 {
		ownAt, otherAt = h.other.width, 0
	}
	for i, v := range h.in.Cols {
		if j.needed[ownAt+i] {
			v = v.Gather(h.idx)
		}
		b.Cols[ownAt+i] = v
	}
	for i, col := range h.cols {
		b.Cols[otherAt+i] = col.Finish()
	}
	ones := true
	for i := range b.W {
		w := h.wOwn[i] * h.wOth[i]
		b.W[i] = w
		ones = ones && w == 1
	}
	if ones {
		b.W = nil
	}
	return b
}

// addDegrees adds the matches in sel to the degrees of the rows on both sides.
func (h *chunk) addDegrees(sel []int32) {
	if h.own.watched {
		for _, p := range sel {
			h.own.degrees[h.pos[p]] += h.wOth[p]
		}
	}
	if !h.other.watched {
		return
	}
	t, table := &h.other.touched, h.other.table
	for _, p := range sel {
		ref := h.ref[p]
		before := table.Aux(ref)
		after := before + h.wOwn[p]
		table.SetAux(ref, after)
		row := table.Row(ref)
		i, isNew := t.set.Upsert(rows.HashKey(row), row)
		if isNew {
			t.wBefore, t.wAfter = append(t.wBefore, h.wOth[p]), append(t.wAfter, h.wOth[p])
			t.degBefore, t.degAfter = append(t.degBefore, before), append(t.degAfter, after)
		}
		t.degAfter[i] = after
	}
}

// pad makes output rows of rows of one side alone: with NULLs for the other side, or, in semi and
// anti joins, as they are.
func (j *join) pad(s *side, b *rows.Batch) *rows.Batch {
	if s.port == 0 {
		return j.out.Pad(b, 0)
	}
	return j.out.Pad(b, j.sides[0].width)
}
