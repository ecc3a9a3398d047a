package rangejoin

import (
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/sql/rows"
)

// chunk collects candidate pairs of the batch being pushed and stored rows of the other side, all
// pairs of a row together.
type chunk struct {
	j          *rangeJoin
	own, other *side
	in         *rows.Batch

	idx  []int32 // row of the batch per pair
	pos  []int32 // its position in own.Sel
	wOwn []int64
	wOth []int64
	data []byte // table keys of the other side
	ends []int
}

func (h *chunk) start(own, other *side, in *rows.Batch) {
	h.own, h.other, h.in = own, other, in
	h.reset()
}

func (h *chunk) reset() {
	h.idx, h.pos, h.wOwn, h.wOth = h.idx[:0], h.pos[:0], h.wOwn[:0], h.wOth[:0]
	h.data, h.ends = h.data[:0], append(h.ends[:0], 0)
}

func (h *chunk) len() int { return len(h.idx) }

func (h *chunk) pair(k, r int, w int64, entry []byte, wOth int64) {
	h.idx, h.pos = append(h.idx, int32(r)), append(h.pos, int32(k))
	h.wOwn, h.wOth = append(h.wOwn, w), append(h.wOth, wOth)
	h.data = append(h.data, entry...)
	h.ends = append(h.ends, len(h.data))
}

func (h *chunk) entry(p int32) []byte { return h.data[h.ends[p]:h.ends[p+1]] }

// flush evaluates the condition over the pairs, adds to degrees and emits the pairs that match.
func (h *chunk) flush(c *op.Ctx) error {
	n := h.len()
	if n == 0 {
		return nil
	}
	b, err := h.batch(n)
	if err != nil {
		return err
	}
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
	h.reset()
	if !h.j.pairs {
		return nil
	}
	out := h.j.out.Project(b)
	for part := range slices.Chunk(out.Sel, op.ChunkRows) {
		piece := *out
		piece.Sel = part
		if err := c.EmitBatch(&piece); err != nil {
			return err
		}
	}
	return nil
}

// batch makes the pairs, left columns before right ones.
func (h *chunk) batch(n int) (*rows.Batch, error) {
	j := h.j
	b := &rows.Batch{Schema: j.out.Both, N: n, Cols: make([]*rows.Vec, len(j.out.Both)), W: make([]int64, n)}
	ownAt, otherAt := 0, len(h.own.types)
	if h.own.port == 1 {
		ownAt, otherAt = len(h.other.types), 0
	}
	for i, v := range h.in.Cols {
		b.Cols[ownAt+i] = v.Gather(h.idx)
	}
	cols := make([]*rows.VecBuilder, len(h.other.types))
	for i, t := range h.other.types {
		cols[i] = rows.NewVecBuilder(t, n)
	}
	ones := true
	for p := range n {
		if err := h.other.codec.Decode(equi.RowPart(h.entry(int32(p))), cols); err != nil {
			return nil, err
		}
		b.W[p] = h.wOwn[p] * h.wOth[p]
		ones = ones && b.W[p] == 1
	}
	for i, col := range cols {
		b.Cols[otherAt+i] = col.Finish()
	}
	if ones {
		b.W = nil
	}
	return b, nil
}

// addDegrees adds the matches in sel to the degrees of the rows on both sides.
func (h *chunk) addDegrees(sel []int32) {
	if h.own.watched {
		for _, p := range sel {
			h.own.own[h.pos[p]].degree += h.wOth[p]
		}
	}
	if !h.other.watched {
		return
	}
	for _, p := range sel {
		key := h.entry(p)
		w, before := h.other.get(key)
		i := h.other.touch(key, w, before)
		h.other.degAfter[i] = before + h.wOwn[p]
		// Matching rows have the same key and with it the same virtual node.
		h.other.put(h.own.own[h.pos[p]].vnode, key, w, before+h.wOwn[p])
	}
}

// pad makes output rows of rows of one side alone: with NULLs for the other side, or, in semi and
// anti joins, as they are.
func (j *rangeJoin) pad(s *side, b *rows.Batch) *rows.Batch {
	if s.port == 0 {
		return j.out.Pad(b, 0)
	}
	return j.out.Pad(b, len(j.sides[0].types))
}
