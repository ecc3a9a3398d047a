package engine

import (
	"encoding/binary"
	"fmt"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// lateRows is the multiset of the rows of a source that were late when they were read first. Whoever
// reads the source again leaves them out, so that all see the same rows: lateness is decided once,
// by how event time went then.
type lateRows struct {
	codec  *rows.RowCodec
	counts map[string]int64
	// changed lists the rows whose count is to be stored; all of them at first.
	changed map[string]bool
	key     []byte
}

func newLateRows(src *catalog.Object) *lateRows {
	return &lateRows{codec: rows.NewRowCodec(src.Fields().Types()), counts: map[string]int64{}, changed: map[string]bool{}}
}

// findLate returns the late rows of a source that the snapshot holds; nil when there are none.
func (e *Engine) findLate(src *catalog.Object, snap *state.Snap) (*lateRows, error) {
	e.edges.RLock()
	v := e.views[src.Watermark.Late]
	e.edges.RUnlock()
	if v == nil {
		return nil, nil
	}
	l := newLateRows(src)
	cols := make([]int, len(src.Columns))
	for i := range cols {
		cols[i] = i
	}
	err := v.Scan(snap, cols, func(b *rows.Batch) error {
		for k := range b.Len() {
			r := b.Row(k)
			l.key = l.codec.Append(l.key[:0], b.Cols, r)
			l.counts[string(l.key)] += b.Weight(r)
			l.changed[string(l.key)] = true
		}
		return nil
	})
	if err != nil || len(l.counts) == 0 {
		return nil, err
	}
	return l, nil
}

// without returns batches without the late rows, each of which it leaves out as often as it was late.
// cols are the source's columns that the batches hold: all, in some order.
func (l *lateRows) without(batches []*rows.Batch, cols []int) []*rows.Batch {
	var out []*rows.Batch
	for _, b := range batches {
		ordered := inOrder(b, cols)
		keep := make([]int32, 0, b.Len())
		for k := range b.Len() {
			r := b.Row(k)
			l.key = l.codec.Append(l.key[:0], ordered.Cols, r)
			if l.counts[string(l.key)] > 0 {
				l.counts[string(l.key)]--
				l.changed[string(l.key)] = true
				continue
			}
			keep = append(keep, int32(r))
		}
		switch len(keep) {
		case b.Len():
			out = append(out, b)
		case 0:
		default:
			part := *b
			part.Sel = keep
			out = append(out, &part)
		}
	}
	return out
}

// lateKey is the prefix under which a backfill keeps the late rows that it has yet to meet.
func lateKey(source, to uint32) []byte {
	return metaKey(state.SpacePositions, source, fmt.Sprintf("late/%d/", to))
}

// write stores what has changed since the last time.
func (l *lateRows) write(w *state.CommitWriter, prefix []byte) {
	if l == nil {
		return
	}
	for row := range l.changed {
		k := append(append([]byte(nil), prefix...), row...)
		if n := l.counts[row]; n > 0 {
			w.Set(k, binary.AppendUvarint(nil, uint64(n)))
		} else {
			w.Delete(k)
		}
	}
	clear(l.changed)
}

// restoreLate reads back what write stored; nil when nothing is left.
func restoreLate(src *catalog.Object, snap *state.Snap, prefix []byte) (*lateRows, error) {
	l := newLateRows(src)
	err := snap.Scan(prefix, state.PrefixEnd(prefix), false, func(k, v []byte) (bool, error) {
		n, _ := binary.Uvarint(v)
		l.counts[string(k[len(prefix):])] = int64(n)
		return true, nil
	})
	if err != nil || len(l.counts) == 0 {
		return nil, err
	}
	return l, nil
}

// readCols are the columns that the feeders of a source deliver when its readers want cols: all, if
// it has a watermark, because its late rows are kept whole.
func readCols(src *catalog.Object, cols []int) []int {
	if src.Watermark == nil {
		return cols
	}
	all := make([]int, len(src.Columns))
	for i := range all {
		all[i] = i
	}
	return all
}

// storedPosition is the main position of a source at the last epoch.
func (e *Engine) storedPosition(source uint32) (connector.Offset, error) {
	snap := e.store.Snapshot()
	defer snap.Close()
	p, _, err := readPosition(snap, source, 0)
	return p.Next, err
}

// pickColumns cuts batches that hold all columns to some of them.
func pickColumns(batches []*rows.Batch, cols []int) []*rows.Batch {
	out := make([]*rows.Batch, len(batches))
	for i, b := range batches {
		cut := *b
		cut.Schema, cut.Cols = nil, make([]*rows.Vec, len(cols))
		for k, c := range cols {
			cut.Cols[k] = b.Cols[c]
		}
		out[i] = &cut
	}
	return out
}
