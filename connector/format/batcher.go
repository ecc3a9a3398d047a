package format

import (
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Batcher makes batches out of a decoder's rows, with buffers as big as the last batch needed.
type Batcher struct {
	Out *rows.Builder

	schema types.Schema
	bytes  []int // data bytes per row of the last batches, per column
}

// NewBatcher returns a batcher for rows of the given schema.
func NewBatcher(schema types.Schema) *Batcher {
	return &Batcher{schema: schema, bytes: make([]int, len(schema))}
}

// Start makes room for a batch of about n rows.
func (b *Batcher) Start(n int) {
	b.Out = rows.NewBuilder(b.schema, n)
	for i, col := range b.Out.Cols {
		if b.bytes[i] > 0 {
			col.CommitScratch(make([]byte, 0, b.bytes[i]*n))
			col.Truncate(0)
		}
	}
}

// Finish returns the batch, or nil when it is empty.
func (b *Batcher) Finish() *rows.Batch {
	if b.Out == nil || b.Out.Len() == 0 {
		return nil
	}
	out := b.Out.Finish()
	b.Out = nil
	for i, v := range out.Cols {
		if v.Type.Phys() == types.PhysBytes {
			b.bytes[i] = min(len(v.Data)/out.N*9/8+1, 64<<10)
		}
	}
	return out
}
