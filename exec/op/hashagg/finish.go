package hashagg

import (
	"bytes"
	"encoding/binary"

	"tidemill/exec/op"
	"tidemill/exec/op/expire"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// failure is a group's row that could not be computed.
type failure struct {
	key []byte // the group's
	w   int64
	err *sqlerr.Error
}

// output collects the epoch's changes.
type output struct {
	b     *rows.Builder
	pairs []int32 // rows that are the −before of a −before, +after pair
}

// Finish emits the change of every group that was touched and drops groups that none will touch.
func (h *hashagg) Finish(c *op.Ctx) error {
	if err := h.finish(c); err != nil {
		return err
	}
	if h.sweep != nil && h.sweep.Due(expire.Floors(c, h.Keys), h.work, h.groups.Len()) {
		h.sweep.Map(h.groups)
		if h.distinct != nil {
			h.sweep.Map(h.distinct)
		}
		if h.multiset != nil {
			h.sweep.Ordered(h.multiset)
		}
	}
	h.work = 0
	return nil
}

func (h *hashagg) finish(c *op.Ctx) error {
	if h.global && h.env.OwnsSingle && !h.opened {
		h.open()
	}
	if len(h.refs) == 0 {
		return nil
	}
	out := &output{b: rows.NewBuilder(h.out, min(2*len(h.refs), op.ChunkRows))}
	for slot := range h.refs {
		if err := h.finishGroup(c, slot, out); err != nil {
			return err
		}
		if out.b.Len() >= op.ChunkRows {
			if err := h.emit(c, out); err != nil {
				return err
			}
			out.b.Reset(op.ChunkRows)
		}
	}
	if err := h.emit(c, out); err != nil {
		return err
	}
	if err := h.fail(c); err != nil {
		return err
	}
	h.resetTouched()
	return nil
}

// open makes the one group of an aggregate without keys.
func (h *hashagg) open() {
	h.opened = true
	if ref, added := h.groups.Upsert(globalHash, nil, headSize+h.set.FixedSize); added {
		h.touch(ref, globalHash, h.groups.Value(ref), true)
	}
}

// resetTouched forgets the epoch. Buffers of an unusually large epoch are let go.
func (h *hashagg) resetTouched() {
	const groupsMax, imagesMax = 1 << 18, 32 << 20
	if cap(h.refs) > groupsMax || cap(h.images) > imagesMax {
		h.touched = touched{}
		return
	}
	t := &h.touched
	t.refs, t.before, t.hashes, t.images, t.tails, t.stale = t.refs[:0], t.before[:0], t.hashes[:0], t.images[:0], t.tails[:0], t.stale[:0]
}

// finishGroup adds a touched group's change to out and brings its stored value up to date.
func (h *hashagg) finishGroup(c *op.Ctx, slot int, out *output) error {
	ref := h.refs[slot]
	tails := h.tails[slot*h.set.Tails : (slot+1)*h.set.Tails]
	v := h.groups.Value(ref)
	binary.LittleEndian.PutUint32(v, 0)
	fixed := v[headSize : headSize+h.set.FixedSize]
	isNow := h.global || int64(binary.LittleEndian.Uint64(v[countAt:])) > 0

	var image, was []byte // the value before and its fixed area
	var oldTails [][]byte
	wasThere := false
	if at := h.before[slot]; at >= 0 {
		image = h.images[at:]
		wasThere = h.global || int64(binary.LittleEndian.Uint64(image[countAt:])) > 0
		was = image[headSize : headSize+h.set.FixedSize]
		oldTails = h.oldTails(image)
	}
	if err := h.results(c, slot, fixed, tails); err != nil {
		return err
	}
	if !wasThere || !isNow || !bytes.Equal(fixed, was) || !equalTails(tails, oldTails) {
		key := h.groups.Key(ref)
		done := false
		var err error
		if wasThere {
			if done, err = h.row(c, key, was, oldTails, -1, out.b); err != nil {
				return err
			}
		}
		if isNow {
			first := int32(out.b.Len() - 1)
			added, err := h.row(c, key, fixed, tails, 1, out.b)
			if err != nil {
				return err
			}
			if done && added {
				out.pairs = append(out.pairs, first)
			}
		}
	}
	switch count := binary.LittleEndian.Uint64(v[countAt:]); {
	case count == 0 && !h.global:
		h.groups.Delete(ref)
	case h.set.Tails > 0 && !equalTails(tails, oldTails):
		h.key = append(h.key[:0], v[:headSize+h.set.FixedSize]...)
		for _, t := range tails {
			h.key = binary.AppendUvarint(h.key, uint64(len(t)))
			h.key = append(h.key, t...)
		}
		h.groups.SetValue(ref, h.key)
	}
	return nil
}

// oldTails reads the tails of a value before.
func (h *hashagg) oldTails(image []byte) [][]byte {
	if h.set.Tails == 0 {
		return nil
	}
	out := make([][]byte, h.set.Tails)
	rest := image[headSize+h.set.FixedSize:]
	for i := range out {
		out[i], rest = cutTail(rest)
	}
	return out
}

func equalTails(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// row appends a group's row with weight w; ok is false when it was diverted instead.
func (h *hashagg) row(c *op.Ctx, key, fixed []byte, tails [][]byte, w int64, b *rows.Builder) (ok bool, err error) {
	if _, err := rows.DecodeKey(h.keyTypes, key, b.Cols); err != nil {
		return false, err
	}
	for i, f := range h.set.Funcs {
		if err := f.Result(c.Fn, fixed, tails, b.Cols[len(h.Keys)+i]); err != nil {
			b.AbortRow()
			h.failures = append(h.failures, failure{key: bytes.Clone(key), w: w, err: sqlerr.As(err)})
			return false, nil
		}
	}
	b.EndRow(w)
	return true, nil
}

// emit hands on what out holds, without pairs whose rows are equal.
func (h *hashagg) emit(c *op.Ctx, out *output) error {
	b := out.b.Finish()
	var drop map[int32]bool
	for _, p := range out.pairs {
		if h.sameRow(b, int(p)) {
			if drop == nil {
				drop = make(map[int32]bool)
			}
			drop[p], drop[p+1] = true, true
		}
	}
	out.pairs = out.pairs[:0]
	return c.EmitBatch(op.Without(b, drop))
}

// sameRow tells whether rows i and i+1, of one group, have equal results.
func (h *hashagg) sameRow(b *rows.Batch, i int) bool {
	for _, v := range b.Cols[len(h.Keys):] {
		if !sameValue(v, i, i+1) {
			return false
		}
	}
	return true
}

func sameValue(v *rows.Vec, i, j int) bool {
	if v.IsNull(i) || v.IsNull(j) {
		return v.IsNull(i) && v.IsNull(j)
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		return v.B[i] == v.B[j]
	case types.PhysInt:
		return v.I[i] == v.I[j]
	case types.PhysFloat:
		x, y := v.F[i], v.F[j]
		return x == y && (x != 0 || 1/x == 1/y) || x != x && y != y
	}
	return bytes.Equal(v.Bytes(i), v.Bytes(j))
}

// fail diverts the rows that could not be computed: the group's key with NULL results.
func (h *hashagg) fail(c *op.Ctx) error {
	if len(h.failures) == 0 {
		return nil
	}
	b := rows.NewBuilder(h.out, len(h.failures))
	for _, f := range h.failures {
		if _, err := rows.DecodeKey(h.keyTypes, f.key, b.Cols); err != nil {
			return err
		}
		for _, col := range b.Cols[len(h.Keys):] {
			col.AppendNull()
		}
		b.EndRow(f.w)
	}
	in := b.Finish()
	failures := h.failures
	h.failures = nil
	for i, f := range failures {
		if err := c.Fail(in, i, f.w, f.err); err != nil {
			return err
		}
	}
	return nil
}
