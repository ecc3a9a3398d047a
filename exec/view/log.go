package view

import (
	"encoding/binary"
	"math"

	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// A Log is a sequence of chunks under virtual node 0. A chunk's key is the id of its first row, 8
// bytes big endian; the ids of the others follow. Its value is
//
//	logFormat, uvarint columns, uvarint rows, and per column u32 length and the column as a packed
//	batch of one column
//
// so that a reader decodes the columns that it wants. A row id is epoch<<rowBits + position in the
// epoch.
const (
	logFormat = 1
	rowBits   = 24

	chunkRows = 16 << 10
)

// RowID returns the id that a Log gives to the row at a position, from 0, of an epoch's changes.
func RowID(epoch, pos uint64) int64 { return int64(epoch<<rowBits + pos) }

// applyLog appends the rows of the deltas in order.
func (v *View) applyLog(w *state.CommitWriter, epoch uint64, deltas []*rows.Batch) (grown int64, err error) {
	if epoch != v.epoch {
		v.epoch, v.pos = epoch, 0
	}
	plain := make([]*rows.Batch, len(deltas))
	for i, b := range deltas { // nothing is written if there is a violation
		if plain[i], err = v.unweighted(b); err != nil {
			return 0, err
		}
	}
	for _, b := range plain {
		n := b.Len()
		if n == 0 {
			continue
		}
		if v.pos+uint64(n) > 1<<rowBits || epoch > math.MaxInt64>>rowBits {
			return 0, v.violation("more than %d rows in an epoch", 1<<rowBits)
		}
		if b.Sel != nil {
			b = b.Compact()
		}
		for lo := 0; lo < n; lo += chunkRows {
			part := b
			if n > chunkRows {
				part = b.Slice(lo, min(lo+chunkRows, n))
			}
			v.writeChunk(w, part)
		}
		grown += int64(n)
	}
	return grown, nil
}

// unweighted returns the rows of b with those of weight n written n times.
func (v *View) unweighted(b *rows.Batch) (*rows.Batch, error) {
	if b.W == nil {
		return b, nil
	}
	var sel []int32
	plain := true
	for k := range b.Len() {
		i := b.Row(k)
		w := b.W[i]
		if w < 0 {
			return nil, v.violation("retraction from an append-only relation: %s", rows.FormatRow(b, i))
		}
		plain = plain && w == 1
		for range w {
			sel = append(sel, int32(i))
		}
	}
	out := *b
	out.W = nil
	if !plain {
		// Repeats are not allowed in a selection, but Compact, which gathers them, does not mind.
		out.Sel = sel
		return out.Compact(), nil
	}
	return &out, nil
}

func (v *View) writeChunk(w *state.CommitWriter, b *rows.Batch) {
	key := binary.BigEndian.AppendUint64(v.prefix(0), uint64(RowID(v.epoch, v.pos)))
	out := append(v.row[:0], logFormat)
	out = binary.AppendUvarint(out, uint64(len(b.Cols)))
	out = binary.AppendUvarint(out, uint64(b.N))
	for c := range b.Cols {
		at := len(out)
		out = append(out, 0, 0, 0, 0)
		out = rows.AppendBatch(out, &rows.Batch{Schema: v.def.Schema[c : c+1], N: b.N, Cols: b.Cols[c : c+1]})
		binary.LittleEndian.PutUint32(out[at:], uint32(len(out)-at-4))
	}
	w.Set(key, out)
	v.row = out
	v.pos += uint64(b.N)
}

// readChunk decodes the wanted columns of a chunk; column −1 is the row id.
func (r *reader) readChunk(key, value []byte) (*rows.Batch, error) {
	bad := func() error { return r.v.violation("malformed chunk %x", key) }
	if len(key) != state.HeaderLen+8 || len(value) == 0 || value[0] != logFormat {
		return nil, bad()
	}
	first := int64(binary.BigEndian.Uint64(key[state.HeaderLen:]))
	p := value[1:]
	ncols, k := binary.Uvarint(p)
	n, m := binary.Uvarint(p[max(k, 0):])
	if k <= 0 || m <= 0 || n > 1<<rowBits || ncols != uint64(len(r.v.def.Schema)) {
		return nil, bad()
	}
	p = p[k+m:]
	packed := r.packed[:0]
	for range ncols {
		if len(p) < 4 || uint64(len(p)-4) < uint64(binary.LittleEndian.Uint32(p)) {
			return nil, bad()
		}
		size := int(binary.LittleEndian.Uint32(p))
		packed = append(packed, p[4:4+size])
		p = p[4+size:]
	}
	r.packed = packed
	out := &rows.Batch{Schema: r.schema, N: int(n), Cols: make([]*rows.Vec, len(r.cols))}
	for i, c := range r.cols {
		if c < 0 {
			ids := make([]int64, n)
			for j := range ids {
				ids[j] = first + int64(j)
			}
			out.Cols[i] = &rows.Vec{Type: r.schema[i].Type, I: ids}
			continue
		}
		b, err := rows.DecodeBatch(r.v.def.Schema[c:c+1], packed[c])
		if err != nil {
			return nil, err
		}
		if b.N != int(n) {
			return nil, bad()
		}
		out.Cols[i] = b.Cols[0]
	}
	return out, nil
}
