package lookupjoin

import (
	"bytes"
	"encoding/binary"
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// Push enters right rows and collects left ones.
func (j *lookupJoin) Push(c *op.Ctx, port int, in *rows.Batch) error {
	if in.Len() == 0 {
		return nil
	}
	j.passing.work += in.Len()
	keys := &j.keys[port]
	keys.Split(in)
	if port == 0 && j.Left && len(keys.Unkeyed) > 0 {
		if err := c.EmitBatch(j.out.Pad(keys.Lone(in), 0)); err != nil {
			return err
		}
	}
	keys.Encode(in)
	j.codecs[port].AppendRows(in.Cols, keys.Sel, in.N, &j.rowBuf)
	for k, r := range keys.Sel {
		w := in.Weight(int(r))
		if port == 1 {
			j.right.Add(keys.Hash[k], keys.Buf.Key(k), j.rowBuf.Key(k), w)
			continue
		}
		j.key = append(j.key[:0], keys.Buf.Key(k)...)
		j.key = binary.BigEndian.AppendUint32(j.key, uint32(len(j.rowBuf.Key(k))))
		j.key = append(j.key, j.rowBuf.Key(k)...)
		i, added := j.touched.Upsert(rows.HashKey(j.key), j.key)
		if added {
			j.change, j.hash = append(j.change, 0), append(j.hash, keys.Hash[k])
			j.keyLen = append(j.keyLen, len(keys.Buf.Key(k)))
		}
		j.change[i] += w
	}
	return nil
}

// Finish joins the left rows that came and takes back what those that went were joined with.
func (j *lookupJoin) Finish(c *op.Ctx) error {
	h := &j.chunk
	for i, w := range j.change {
		var err error
		switch {
		case w > 0:
			h.begin(i, w)
			keyLen := j.keyLen[i]
			j.right.Each(j.hash[i], j.touched.Key(i)[:keyLen], func(_ state.Ref, row []byte, w int64) bool {
				h.add(row, w)
				return true
			})
			err = h.end(c)
		case w < 0:
			err = j.takeBack(c, i, -w)
		}
		if err != nil {
			return err
		}
	}
	err := h.flush(c)
	j.expire(c)
	j.touched.Reset()
	j.change, j.hash, j.keyLen = j.change[:0], j.hash[:0], j.keyLen[:0]
	return err
}

// takeBack joins w occurrences of a left row with what they were joined with.
func (j *lookupJoin) takeBack(c *op.Ctx, i int, w int64) error {
	if j.memo == nil {
		return nil
	}
	prefix := j.touched.Key(i)
	vnode := rows.VNode(j.hash[i])
	for w > 0 {
		var entry []byte
		var have int64
		j.memo.Ascend(prefix, state.PrefixEnd(prefix), func(k, v []byte) bool {
			entry, have = bytes.Clone(k), state.WeightOf(v)
			return false
		})
		if entry == nil {
			return nil // its arrival was never seen
		}
		n := min(w, have)
		w -= n
		j.memo.AddWeight(vnode, entry, -n)
		j.chunk.begin(i, -n)
		for rest := entry[len(prefix):]; len(rest) > 0; {
			size := int(binary.BigEndian.Uint32(rest))
			j.chunk.add(rest[4:4+size], int64(binary.BigEndian.Uint64(rest[4+size:])))
			rest = rest[12+size:]
		}
		if err := j.chunk.end(c); err != nil {
			return err
		}
	}
	return nil
}

// chunk collects candidate pairs of left rows, all pairs of a left row together.
type chunk struct {
	j     *lookupJoin
	items []item
	of    []int32 // item per pair
	pairs []byte  // right rows
	ends  []int
	w     []int64 // weight of the right row
}

// item is a left row that came (w > 0) or goes.
type item struct {
	touched int
	w       int64
}

func (h *chunk) reset() {
	h.items, h.of, h.pairs, h.w = h.items[:0], h.of[:0], h.pairs[:0], h.w[:0]
	h.ends = append(h.ends[:0], 0)
}

func (h *chunk) begin(touched int, w int64) { h.items = append(h.items, item{touched, w}) }

func (h *chunk) add(right []byte, w int64) {
	h.of = append(h.of, int32(len(h.items)-1))
	h.pairs = append(h.pairs, right...)
	h.ends = append(h.ends, len(h.pairs))
	h.w = append(h.w, w)
}

func (h *chunk) right(p int32) []byte { return h.pairs[h.ends[p]:h.ends[p+1]] }

func (h *chunk) left(i int) []byte {
	return h.j.touched.Key(h.items[i].touched)[h.j.keyLen[h.items[i].touched]+4:]
}

func (h *chunk) end(c *op.Ctx) error {
	if len(h.of) < op.ChunkRows && len(h.items) < op.ChunkRows {
		return nil
	}
	return h.flush(c)
}

// flush evaluates the residual over the pairs, emits those that match and the left rows without any,
// and writes the memo.
func (h *chunk) flush(c *op.Ctx) error {
	if len(h.items) == 0 {
		return nil
	}
	j := h.j
	b, err := h.batch()
	if err != nil {
		return err
	}
	kept := make([]bool, b.N)
	if j.residual != nil && b.N > 0 {
		sel, err := j.residual.EvalPred(c.Fn, b)
		if err != nil {
			return err
		}
		failed := *b
		bad, err := c.TakeErrs(&failed)
		if err != nil {
			return err
		}
		for p := range bad {
			kept[p] = true
		}
		b.Sel = sel
		b = op.Without(b, bad)
	}
	matched := make([]bool, len(h.items))
	for k := range b.Len() {
		p := b.Row(k)
		kept[p], matched[h.of[p]] = true, true
	}
	if j.memo != nil {
		h.remember(kept)
	}
	if err := h.emit(c, b); err != nil {
		return err
	}
	err = h.emitUnmatched(c, matched)
	h.reset()
	return err
}

// batch makes the candidate pairs, left columns before right ones.
func (h *chunk) batch() (*rows.Batch, error) {
	j := h.j
	out := rows.NewBuilder(j.out.Both, len(h.of))
	for p, i := range h.of {
		if err := j.codecs[0].Decode(h.left(int(i)), out.Cols[:j.width]); err != nil {
			return nil, err
		}
		if err := j.codecs[1].Decode(h.right(int32(p)), out.Cols[j.width:]); err != nil {
			return nil, err
		}
		out.EndRow(h.items[i].w * h.w[p])
	}
	return out.Finish(), nil
}

// emit hands on the pairs that match.
func (h *chunk) emit(c *op.Ctx, b *rows.Batch) error {
	out := h.j.out.Project(b)
	if out.Len() <= op.ChunkRows {
		return c.EmitBatch(out)
	}
	if out.Sel == nil {
		for k := range out.N {
			out.Sel = append(out.Sel, int32(k))
		}
	}
	for part := range slices.Chunk(out.Sel, op.ChunkRows) {
		piece := *out
		piece.Sel = part
		if err := c.EmitBatch(&piece); err != nil {
			return err
		}
	}
	return nil
}

// emitUnmatched hands on the left rows without a match, if the join keeps them.
func (h *chunk) emitUnmatched(c *op.Ctx, matched []bool) error {
	if !h.j.Left || !slices.Contains(matched, false) {
		return nil
	}
	out := rows.NewBuilder(h.j.out.Both[:h.j.width], len(h.items))
	for i, it := range h.items {
		if matched[i] {
			continue
		}
		if err := h.j.codecs[0].Decode(h.left(i), out.Cols); err != nil {
			return err
		}
		out.EndRow(it.w)
	}
	return c.EmitBatch(h.j.out.Pad(out.Finish(), 0))
}

// remember writes what the left rows that came were joined with.
func (h *chunk) remember(kept []bool) {
	j := h.j
	p := int32(0)
	for i, it := range h.items {
		var group []int32
		for ; int(p) < len(h.of) && int(h.of[p]) == i; p++ {
			if kept[p] {
				group = append(group, p)
			}
		}
		if it.w < 0 {
			continue
		}
		slices.SortFunc(group, func(a, b int32) int { return bytes.Compare(h.right(a), h.right(b)) })
		j.key = append(j.key[:0], j.touched.Key(it.touched)...)
		for _, g := range group {
			j.key = binary.BigEndian.AppendUint32(j.key, uint32(len(h.right(g))))
			j.key = append(j.key, h.right(g)...)
			j.key = binary.BigEndian.AppendUint64(j.key, uint64(h.w[g]))
		}
		j.memo.AddWeight(rows.VNode(j.hash[it.touched]), j.key, it.w)
	}
}
