package view

import (
	"bytes"
	"encoding/binary"

	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const (
	batchRows = 16 << 10 // rows of the batches that reads give
	batchSize = 4 << 20  // bytes of them, so that long rows do not make huge batches
	smallRows = 1 << 10  // chunks of a Log below this size are joined
)

// reader collects stored entries into batches of the wanted columns.
type reader struct {
	v      *View
	cols   []int
	schema types.Schema
	emit   func(*rows.Batch) error

	b      *rows.Builder
	fields []*rows.VecBuilder // Keyed, Bag: where each stored column goes
	waste  []*rows.VecBuilder // those that nobody wants
	packed [][]byte           // Log: columns of a chunk
	whole  *rows.Batch        // ScanFrom of a Log: a chunk given out as it is
	key    []byte             // ScanFrom: the last key read
	rows   int64
	size   int // bytes of the rows collected
}

// newReader checks the wanted columns, nil being all. −1, the row id, is only had from a Log.
func (v *View) newReader(cols []int, emit func(*rows.Batch) error) (*reader, error) {
	r := &reader{v: v, cols: cols, emit: emit}
	if cols == nil {
		r.cols = make([]int, len(v.def.Schema))
		for i := range r.cols {
			r.cols[i] = i
		}
	}
	for _, c := range r.cols {
		switch {
		case c >= 0 && c < len(v.def.Schema):
			r.schema = append(r.schema, v.def.Schema[c])
		case c == -1 && v.def.Kind == Log:
			r.schema = append(r.schema, types.Field{Name: "row_id", Type: types.T(types.Int8), NotNull: true})
		case c == -1:
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "only append-only relations have row ids")
		default:
			return nil, v.violation("no column %d", c)
		}
	}
	r.begin()
	return r, nil
}

// begin starts a new batch.
func (r *reader) begin() {
	r.b = rows.NewBuilder(r.schema, 0)
	if r.v.def.Kind == Log {
		return
	}
	r.fields = make([]*rows.VecBuilder, len(r.v.def.Schema))
	for i, c := range r.cols {
		if r.fields[c] == nil {
			r.fields[c] = r.b.Cols[i]
		}
	}
	for c, f := range r.fields {
		if f == nil {
			r.fields[c] = rows.NewVecBuilder(r.v.def.Schema[c].Type, 0)
			r.waste = append(r.waste, r.fields[c])
		}
	}
}

// flush gives out what has been collected.
func (r *reader) flush() error {
	if r.b.Len() == 0 {
		return nil
	}
	b := r.take()
	return r.emit(b)
}

// take returns what has been collected and starts anew.
func (r *reader) take() *rows.Batch {
	b := r.b.Finish()
	// A column that is wanted twice was decoded once.
	for i, c := range r.cols {
		for j := range i {
			if c >= 0 && r.cols[j] == c && r.v.def.Kind != Log {
				b.Cols[i] = b.Cols[j]
			}
		}
	}
	r.waste, r.size = r.waste[:0], 0
	r.begin()
	return b
}

// add takes a stored entry in.
func (r *reader) add(key, value []byte) error {
	switch r.v.def.Kind {
	case Log:
		return r.addChunk(key, value)
	case Keyed:
		return r.addRow(value, 1)
	}
	row, w, err := r.v.bagRow(key, value)
	if err != nil {
		return err
	}
	if w == 0 {
		r.v.zeros.note(state.KeyVNode(key), key[state.HeaderLen:])
		return nil
	}
	return r.addRow(row, w)
}

// bagRow takes an entry of a Bag apart.
func (v *View) bagRow(key, value []byte) (row []byte, w int64, err error) {
	w, payload, err := state.Weight(value)
	if err != nil || len(key) <= state.HeaderLen {
		return nil, 0, v.violation("malformed entry %x", key)
	}
	if key[state.HeaderLen] == bagDigest || v.def.Order != nil {
		return payload, w, nil
	}
	return key[state.HeaderLen+1:], w, nil
}

func (r *reader) addRow(row []byte, w int64) error {
	if err := r.v.codec.Decode(row, r.fields); err != nil {
		return err
	}
	r.b.EndRow(w)
	r.rows++
	r.size += len(row)
	n := r.b.Len()
	if n%1024 == 0 {
		for _, f := range r.waste {
			f.Truncate(0)
		}
	}
	if (n >= batchRows || r.size >= batchSize) && r.emit != nil {
		return r.flush()
	}
	return nil
}

func (r *reader) addChunk(key, value []byte) error {
	b, err := r.readChunk(key, value)
	if err != nil {
		return err
	}
	r.rows += int64(b.N)
	if r.emit != nil && (b.N >= smallRows || r.b.Len()+b.N > batchRows) {
		if err := r.flush(); err != nil {
			return err
		}
		if b.N >= smallRows {
			return r.emit(b)
		}
	}
	if r.emit == nil && b.N >= smallRows {
		r.whole = b
		return nil
	}
	for i := range b.N {
		r.b.AppendRow(b, i, 1)
	}
	return nil
}

// Scan calls f with all rows in batches of the given columns, nil being all of them, in storage
// order. Column −1 is a Log's row id. A batch has weights when a row occurs several times.
func (v *View) Scan(snap *state.Snap, cols []int, f func(*rows.Batch) error) error {
	r, err := v.newReader(cols, f)
	if err != nil {
		return err
	}
	lower, upper := v.span()
	err = snap.Scan(lower, upper, false, func(k, val []byte) (bool, error) { return true, r.add(k, val) })
	if err != nil {
		return err
	}
	return r.flush()
}

// ScanFrom reads about maxRows rows in storage order from behind cursor, nil being the beginning. b
// is nil when there were none. next is the cursor of the last row read, which is also valid for
// snapshots of later epochs; done tells that the end was reached. A Log gives whole chunks.
func (v *View) ScanFrom(snap *state.Snap, cursor []byte, maxRows int, cols []int) (b *rows.Batch, next []byte, done bool, err error) {
	r, err := v.newReader(cols, nil)
	if err != nil {
		return nil, nil, false, err
	}
	lower, upper := v.span()
	if cursor != nil {
		lower = append(bytes.Clone(cursor), 0)
	}
	done = true
	r.key = append(r.key, cursor...)
	err = snap.Scan(lower, upper, false, func(k, val []byte) (bool, error) {
		if r.rows >= int64(maxRows) || r.size >= batchSize || r.whole != nil {
			done = false
			return false, nil
		}
		if err := r.add(k, val); err != nil {
			return false, err
		}
		if r.whole != nil && r.b.Len() > 0 {
			// Small chunks and a big one: the big one comes next time, without being copied.
			r.whole, done = nil, false
			return false, nil
		}
		r.key = append(r.key[:0], k...)
		return true, nil
	})
	if err != nil {
		return nil, nil, false, err
	}
	if b = r.whole; r.b.Len() > 0 {
		b = r.take()
	}
	if len(r.key) > 0 {
		next = r.key
	}
	return b, next, done, nil
}

// UpTo returns the rows of a delta whose storage key is not behind cursor: those whose present state
// ScanFrom has read already. For a Log that is none, because new rows always go behind.
func (v *View) UpTo(cursor []byte, delta *rows.Batch) *rows.Batch {
	if cursor == nil || v.def.Kind == Log || delta.Len() == 0 {
		return nil
	}
	sel := make([]int32, 0, delta.Len())
	var buf rows.KeyBuf
	if v.def.Kind == Keyed {
		rows.EncodeKeys(v.keyCols(delta), delta.Sel, delta.N, &buf)
	} else {
		v.codec.AppendRows(delta.Cols, delta.Sel, delta.N, &buf)
	}
	prefix := v.prefix(0)
	var key []byte
	for k := range delta.Len() {
		part := buf.Data[buf.Off[k]:buf.Off[k+1]]
		vnode := rows.VNode(rows.HashKey(part))
		if v.def.Kind == Bag {
			key, vnode = bagKey(key[:0], part)
			part = key
		}
		binary.BigEndian.PutUint16(prefix[5:], vnode)
		n := len(prefix)
		full := append(prefix, part...)
		if bytes.Compare(full, cursor) <= 0 {
			sel = append(sel, int32(delta.Row(k)))
		}
		prefix = full[:n]
	}
	switch len(sel) {
	case 0:
		return nil
	case delta.Len():
		return delta
	}
	out := *delta
	out.Sel = sel
	return &out
}
