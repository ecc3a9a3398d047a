package check

import (
	"fmt"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Tracker adds up the deltas of one edge. It holds the whole relation: for tests and diagnosis.
type Tracker struct {
	schema types.Schema
	codec  *rows.RowCodec
	weight map[string]int64
	dirty  map[string]struct{} // rows touched in this epoch
	buf    []byte
}

// NewTracker returns a Tracker of an empty relation.
func NewTracker(schema types.Schema) *Tracker {
	return &Tracker{
		schema: schema, codec: rows.NewRowCodec(schema.Types()),
		weight: map[string]int64{}, dirty: map[string]struct{}{},
	}
}

// Add adds a delta.
func (t *Tracker) Add(b *rows.Batch) {
	for k := range b.Len() {
		r := b.Row(k)
		t.buf = t.codec.Append(t.buf[:0], b.Cols, r)
		key := string(t.buf)
		t.dirty[key] = struct{}{}
		if w := t.weight[key] + b.Weight(r); w != 0 {
			t.weight[key] = w
		} else {
			delete(t.weight, key)
		}
	}
}

// End ends the epoch: an error names a row whose multiplicity is now negative.
func (t *Tracker) End() error {
	defer clear(t.dirty)
	for key := range t.dirty {
		if w := t.weight[key]; w < 0 {
			b := t.batch(map[string]int64{key: w})
			return fmt.Errorf("row has multiplicity %d: %s", w, rows.FormatRow(b, 0))
		}
	}
	return nil
}

// Relation returns the relation so far.
func (t *Tracker) Relation() *rows.Batch { return t.batch(t.weight) }

func (t *Tracker) batch(weight map[string]int64) *rows.Batch {
	b := rows.NewBuilder(t.schema, len(weight))
	for key, w := range weight {
		if err := t.codec.Decode([]byte(key), b.Cols); err != nil {
			panic(err) // it was encoded by the same codec
		}
		b.EndRow(w)
	}
	return b.Finish()
}
