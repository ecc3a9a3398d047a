package view

import (
	"bytes"
	"slices"

	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// OrderColumn is a column that an index is ordered by.
type OrderColumn struct {
	Col int
	rows.Order
}

// Range is the rows whose leading key columns, of the storage key or of the index, have given values
// and whose next one lies between bounds. No value is NULL.
type Range struct {
	Eq        []types.Datum
	Low, High *Bound // nil = none; without either, NULLs are in the range
}

// Bound is an end of a Range; Strict leaves the value itself out.
type Bound struct {
	Value  types.Datum `json:"value"`
	Strict bool        `json:"strict,omitempty"`
}

// appendOrder appends the index columns of a row as key bytes.
func (v *View) appendOrder(dst []byte, b *rows.Batch, row int) []byte {
	for _, c := range v.def.Order {
		dst = rows.AppendKeyOrder(dst, b.Cols[c.Col], row, c.Order)
	}
	return dst
}

// sortOrdered collects the rows of the deltas by the index columns and the key of the relation.
func (v *View) sortOrdered(deltas []*rows.Batch) {
	for bi, b := range deltas {
		for k := range b.Len() {
			i := b.Row(k)
			if b.Weight(i) == 0 {
				continue
			}
			v.key = v.appendOrder(v.key[:0], b, i)
			for _, c := range v.def.Key {
				v.key = rows.AppendKey(v.key, b.Cols[c], i)
			}
			v.sort.Add(0, rowRef(bi, i), v.key)
		}
	}
	v.sort.Sort()
}

// Ranges calls f with the rows of the ranges, in batches of the given columns. An index gives the rows
// of a range in its order, or backwards; the ranges come one after the other. limit > 0 ends the
// reading once so many rows were given. A Keyed relation itself is partitioned: all of its key columns
// make a point read, fewer a short scan in each virtual node.
func (v *View) Ranges(snap *state.Snap, ranges []Range, reverse bool, limit int64, cols []int, f func(*rows.Batch) error) error {
	width := len(v.def.Order)
	if v.def.Order == nil {
		if width = len(v.def.Key); v.def.Kind != Keyed {
			width = -1
		}
	}
	r, err := v.newReader(cols, f)
	if err != nil {
		return err
	}
	var points [][]byte
	var spans [][2][]byte
	for _, g := range ranges {
		bounded := g.Low != nil || g.High != nil
		if n := len(g.Eq); n > width || n == width && bounded {
			return sqlerr.New(sqlerr.FeatureNotSupported, "the relation is not stored by a key of %d columns", n)
		}
		if v.def.Order == nil && len(g.Eq) == width {
			key := v.appendEq(nil, g.Eq)
			points = append(points, append(v.prefix(rows.VNode(rows.HashKey(key))), key...))
			continue
		}
		spans = append(spans, v.rangeSpans(&g)...)
	}
	slices.SortFunc(points, bytes.Compare)
	if err := v.readPoints(snap, slices.CompactFunc(points, bytes.Equal), r); err != nil {
		return err
	}
	if err := v.readSpans(snap, spans, reverse, limit, r); err != nil {
		return err
	}
	return r.flush()
}

func (v *View) readPoints(snap *state.Snap, points [][]byte, r *reader) error {
	if len(points) == 1 {
		value, found, err := snap.Get(points[0])
		if err != nil || !found {
			return err
		}
		return r.add(points[0], value)
	}
	return snap.MultiGet(points, func(i int, value []byte, found bool) error {
		if !found {
			return nil
		}
		return r.add(points[i], value)
	})
}

// readSpans reads spans, which may lie in each other: equal ones are read once.
func (v *View) readSpans(snap *state.Snap, spans [][2][]byte, reverse bool, limit int64, r *reader) error {
	if len(spans) == 0 {
		return nil
	}
	slices.SortFunc(spans, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	spans = slices.CompactFunc(spans, func(a, b [2][]byte) bool { return bytes.Equal(a[0], b[0]) && bytes.Equal(a[1], b[1]) })
	if v.def.Order == nil {
		return snap.ScanSpans(spans, func(k, val []byte) (bool, error) { return true, r.add(k, val) })
	}
	if reverse {
		slices.Reverse(spans)
	}
	for _, s := range spans {
		err := snap.Scan(s[0], s[1], reverse, func(k, val []byte) (bool, error) {
			if err := r.add(k, val); err != nil {
				return false, err
			}
			return limit <= 0 || r.rows < limit, nil
		})
		if err != nil || limit > 0 && r.rows >= limit {
			return err
		}
	}
	return nil
}

// order is the order of key column i.
func (v *View) order(i int) rows.Order {
	if v.def.Order == nil {
		return rows.Order{}
	}
	return v.def.Order[i].Order
}

func (v *View) appendEq(dst []byte, eq []types.Datum) []byte {
	for i, d := range eq {
		dst = appendDatum(dst, d, v.order(i))
	}
	return dst
}

// appendDatum appends a value that is not NULL as a key column.
func appendDatum(dst []byte, d types.Datum, o rows.Order) []byte {
	at := len(dst)
	dst = rows.AppendKeyDatum(dst, d)
	if o.Desc {
		for i := at; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

// rangeSpans are the parts of the key space that a range lies in: one of an index, one per virtual
// node of a relation.
func (v *View) rangeSpans(g *Range) [][2][]byte {
	key := v.appendEq(nil, g.Eq)
	lower, upper := key, state.PrefixEnd(key)
	if g.Low != nil || g.High != nil {
		lower, upper = bounds(key, g, v.order(len(g.Eq)))
	}
	if len(key) == 0 && g.Low == nil && g.High == nil {
		lo, hi := v.span()
		return [][2][]byte{{lo, hi}}
	}
	nodes := uint16(state.VNodes)
	if v.def.Order != nil {
		nodes = 1
	}
	out := make([][2][]byte, nodes)
	for i := range out {
		p := v.prefix(uint16(i))
		out[i] = [2][]byte{append(slices.Clip(p), lower...), append(slices.Clip(p), upper...)}
	}
	return out
}

// The tag that a value which is not NULL begins with, in an ascending and in a descending column.
const (
	tagAsc  = 0x01
	tagDesc = 0xFE
)

// bounds are the key bytes that enclose a range of the column behind key.
func bounds(key []byte, g *Range, o rows.Order) (lower, upper []byte) {
	first, last, tag := g.Low, g.High, byte(tagAsc)
	if o.Desc {
		first, last, tag = g.High, g.Low, tagDesc
	}
	lower = append(slices.Clip(key), tag)
	if first != nil {
		lower = appendDatum(slices.Clip(key), first.Value, o)
		if first.Strict {
			lower = state.PrefixEnd(lower)
		}
	}
	upper = append(slices.Clip(key), tag+1)
	if last != nil {
		upper = appendDatum(slices.Clip(key), last.Value, o)
		if !last.Strict {
			upper = state.PrefixEnd(upper)
		}
	}
	return lower, upper
}
