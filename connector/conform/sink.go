package conform

import (
	"context"
	"runtime"
	"slices"
	"testing"

	"tidemill/connector"
	"tidemill/sql/rows"
)

// SinkCase is a sink ready to write to an empty destination.
type SinkCase struct {
	Spec   *connector.Spec
	Config func() *connector.WriterConfig
	// Deltas returns the changes of an epoch, 1, 2 or 3.
	Deltas func(epoch uint64) []*rows.Batch
	// Read returns what the destination holds, in an order that does not depend on luck.
	Read func() []string
	// Want is what it holds after the three epochs.
	Want []string
}

// Sink runs the suite for a sink.
func Sink(t *testing.T, c SinkCase) {
	t.Helper()
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	exact := c.Spec.Guarantee == connector.ExactlyOnce

	w := openWriter(t, c)
	wantCommitted(ctx, t, w, 0)
	for epoch := uint64(1); epoch <= 2; epoch++ {
		if err := w.Write(ctx, epoch, c.Deltas(epoch)); err != nil {
			t.Fatalf("Write: %v", err)
		}
	}
	if exact {
		wantCommitted(ctx, t, w, 2)
	}
	closeWriter(t, w)

	// The engine comes back, asks, and goes on with the next epoch.
	w = openWriter(t, c)
	if exact {
		wantCommitted(ctx, t, w, 2)
	}
	if err := w.Write(ctx, 3, c.Deltas(3)); err != nil {
		t.Fatalf("Write: %v", err)
	}
	if err := w.Write(ctx, 4, nil); err != nil {
		t.Fatalf("Write of an empty epoch: %v", err)
	}
	closeWriter(t, w)
	NoLeak(t, before)
	if c.Read != nil {
		if got := c.Read(); !slices.Equal(got, c.Want) {
			t.Errorf("the destination holds\n%q\nwant\n%q", got, c.Want)
		}
	}
}

func openWriter(t *testing.T, c SinkCase) connector.Writer {
	t.Helper()
	w, err := c.Spec.OpenWriter(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func closeWriter(t *testing.T, w connector.Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func wantCommitted(ctx context.Context, t *testing.T, w connector.Writer, want uint64) {
	t.Helper()
	got, err := w.Committed(ctx)
	if err != nil || got != want {
		t.Errorf("Committed: %d, %v; want %d", got, err, want)
	}
}
