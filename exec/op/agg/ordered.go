package agg

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Element returns what row r adds to an Ordered call, nil when it does not count. The set must be
// ready for the batch.
func (f *Func) Element(in *rows.Batch, r int) []byte {
	if f.Filter >= 0 {
		if v := in.Cols[f.Filter]; v.IsNull(r) || !v.B[r] {
			return nil
		}
	}
	if !f.Spec.KeepNulls && len(f.args) > 0 && f.args[0].IsNull(r) {
		return nil
	}
	return f.Elem.Append([]byte{}, f.args, in.Cols, r)
}

// ResultOf appends the result of an Ordered call over elements in the given order.
func (f *Func) ResultOf(c *fn.Ctx, elems [][]byte, out *rows.VecBuilder) error {
	cols := f.Elem.Builders(len(elems))
	for _, e := range elems {
		if err := f.Elem.Decode(e, cols); err != nil {
			return err
		}
	}
	vecs := make([]*rows.Vec, len(cols))
	for i, c := range cols {
		vecs[i] = c.Finish()
	}
	at := -1
	next := func() ([]types.Datum, int64, bool) {
		if at++; at >= len(elems) {
			return nil, 0, false
		}
		row := make([]types.Datum, len(vecs))
		for i, v := range vecs {
			row[i] = v.Datum(at)
		}
		return row, 1, true
	}
	return f.Spec.FinalOrdered(c, int64(len(elems)), next, out)
}
