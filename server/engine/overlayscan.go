package engine

import (
	"slices"

	"tidemill/catalog"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/exec/view"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// scan reads the table: what the store has and the overlay has not touched, and then the overlay's rows.
// Where the scan is narrowed, more of those come than are wanted, and no order is kept: the conditions
// are checked, and the rows sorted, above the scan.
func (o *overlay) scan(s *scanner, t *catalog.Object, v *view.View, sc *plan.Scan, f func(*rows.Batch) error) error {
	if o.t.LateOf != 0 {
		return o.scanLog(s, v, sc, f)
	}
	if o.parts[0].cols == nil {
		return o.scanBag(s.r.snap, sc, f)
	}
	cols := slices.Clone(sc.Cols)
	at := make([]int, 0, len(o.t.PrimaryKey))
	for _, k := range o.t.PrimaryKey {
		i := slices.Index(cols, k)
		if i < 0 {
			i = len(cols)
			cols = append(cols, k)
		}
		at = append(at, i)
	}
	var buf rows.KeyBuf
	untouched := func(b *rows.Batch) error {
		key := make([]*rows.Vec, len(at))
		for i, c := range at {
			key[i] = b.Cols[c]
		}
		rows.EncodeKeys(key, b.Sel, b.N, &buf)
		sel := make([]int32, 0, b.Len())
		for k := range b.Len() {
			if _, ok := o.slot(0, string(buf.Key(k))); !ok {
				sel = append(sel, int32(b.Row(k)))
			}
		}
		out := *b
		out.Cols, out.Sel = b.Cols[:len(sc.Cols)], sel
		return f(&out)
	}
	inner := plan.Scan{Object: sc.Object, Cols: cols}
	own := o.order
	var err error
	if a := sc.Access; a == nil {
		err = v.Scan(s.r.snap, cols, untouched)
	} else {
		all := *a
		all.Limit = 0
		inner.Access = &all
		if a.Index == 0 && len(a.Eq) == len(o.t.PrimaryKey) {
			own = nil
			for _, p := range a.Points() {
				var key []byte
				for _, d := range p {
					key = rows.AppendKeyDatum(key, d)
				}
				own = append(own, string(key))
			}
			slices.Sort(own)
			own = slices.Compact(own)
		}
		err = s.access(t, v, &inner, untouched)
	}
	if err != nil {
		return err
	}
	return o.emit(own, sc.Cols, f, func(_ string, s slot) int64 {
		if s.b == nil {
			return 0
		}
		return 1
	})
}

// emit hands out the overlay's rows under the keys; weight tells how often, 0 for not at all.
func (o *overlay) emit(keys []string, cols []int, f func(*rows.Batch) error, weight func(string, slot) int64) error {
	schema := make(types.Schema, len(cols))
	for i, c := range cols {
		schema[i] = o.t.Columns[c].Field
	}
	out := rows.NewBuilder(schema, 0)
	for _, k := range keys {
		s, _ := o.slot(0, k)
		w := weight(k, s)
		if w <= 0 {
			continue
		}
		for i, c := range cols {
			out.Cols[i].AppendFrom(s.b.Cols[c], int(s.row))
		}
		if out.EndRow(w); out.Len() >= expandRows {
			if err := f(out.Finish()); err != nil {
				return err
			}
			out.Reset(0)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return f(out.Finish())
}

// scanLog reads a table that only ever gets more rows.
func (o *overlay) scanLog(s *scanner, v *view.View, sc *plan.Scan, f func(*rows.Batch) error) error {
	var err error
	if sc.Access != nil {
		inner := *sc.Access
		inner.Limit = 0
		err = s.access(o.t, v, &plan.Scan{Object: sc.Object, Cols: sc.Cols, Access: &inner}, f)
	} else {
		err = v.Scan(s.r.snap, sc.Cols, f)
	}
	for i := 0; i < len(o.deltas) && err == nil; i++ {
		err = f(pickColumns(o.deltas[i:i+1], sc.Cols)[0])
	}
	return err
}

func (o *overlay) scanBag(snap *state.Snap, sc *plan.Scan, f func(*rows.Batch) error) error {
	seen := map[string]bool{}
	v := o.parts[0].v
	var buf rows.KeyBuf
	err := v.Scan(snap, nil, func(b *rows.Batch) error {
		v.KeyOf(b, &buf)
		sel := make([]int32, 0, b.N)
		weights := make([]int64, b.N)
		for r := range b.N {
			weights[r] = b.Weight(r)
			if s, ok := o.slot(0, string(buf.Key(r))); ok {
				seen[string(buf.Key(r))] = true
				weights[r] += s.w
			}
			if weights[r] > 0 {
				sel = append(sel, int32(r))
			}
		}
		out := rows.Batch{N: b.N, Sel: sel, W: weights}
		for _, c := range sc.Cols {
			out.Cols = append(out.Cols, b.Cols[c])
		}
		return f(&out)
	})
	if err != nil {
		return err
	}
	return o.emit(o.order, sc.Cols, f, func(k string, s slot) int64 {
		if seen[k] {
			return 0
		}
		return s.w
	})
}
