// Package blackhole is the sink that counts what it gets and forgets it, for benchmarks and tests.
package blackhole

import (
	"context"
	"sync/atomic"

	"tidemill/connector"
	"tidemill/sql/rows"
)

func init() {
	connector.Register(connector.Spec{
		Name:    "blackhole",
		Summary: "Counts rows and forgets them.",
		Doc:     `For benchmarks and tests. It keeps nothing, so that after a restart it may be given rows again.`,
		Example: `CREATE SINK nothing FROM totals WITH (connector = 'blackhole');`,

		Guarantee:  connector.AtLeastOnce,
		OpenWriter: func(*connector.WriterConfig) (connector.Writer, error) { return &Writer{}, nil },
	})
}

// Writer is the sink. Its counts may be read while it runs.
type Writer struct {
	Inserted, Deleted, Epochs atomic.Int64
}

// Write implements connector.Writer.
func (w *Writer) Write(_ context.Context, _ uint64, deltas []*rows.Batch) error {
	w.Epochs.Add(1)
	for _, b := range deltas {
		if b.AppendOnly() {
			w.Inserted.Add(int64(b.Len()))
			continue
		}
		for k := range b.Len() {
			if weight := b.Weight(b.Row(k)); weight > 0 {
				w.Inserted.Add(weight)
			} else {
				w.Deleted.Add(-weight)
			}
		}
	}
	return nil
}

// Committed implements connector.Writer.
func (w *Writer) Committed(context.Context) (uint64, error) { return 0, nil }

// Close implements connector.Writer.
func (w *Writer) Close() error { return nil }
