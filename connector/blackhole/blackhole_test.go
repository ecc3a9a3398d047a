package blackhole

import (
	"context"
	"testing"

	"tidemill/connector"
	"tidemill/connector/conform"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func TestCounts(t *testing.T) {
	s, err := connector.Lookup("blackhole")
	if err != nil {
		t.Fatal(err)
	}
	batch := func(uint64) []*rows.Batch {
		v := &rows.Vec{Type: types.T(types.Int8), I: []int64{1, 2, 3}}
		b := rows.FromVecs(types.Schema{{Name: "a", Type: v.Type}}, 3, []*rows.Vec{v})
		return []*rows.Batch{b, b.Negated()}
	}
	conform.Sink(t, conform.SinkCase{Spec: s, Deltas: batch, Config: func() *connector.WriterConfig { return &connector.WriterConfig{} }})
	w := &Writer{}
	if err := w.Write(context.Background(), 1, batch(1)); err != nil || w.Inserted.Load() != 3 || w.Deleted.Load() != 3 {
		t.Errorf("%v: %d inserted, %d deleted", err, w.Inserted.Load(), w.Deleted.Load())
	}
}
