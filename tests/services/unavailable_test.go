package services

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// outcome is a testing.TB that notes how a test would have ended.
type outcome struct {
	testing.TB
	skipped, failed bool
}

func (o *outcome) Helper()               {}
func (o *outcome) Skip(...any)           { o.skipped = true }
func (o *outcome) Fatalf(string, ...any) { o.failed = true; panic(o) }

func unavailableOutcome(t *testing.T) *outcome {
	o := &outcome{TB: t}
	func() {
		defer func() { recover() }() // Fatalf ends the call, as the real one does
		Unavailable(o, "queue", errors.New("a tool's output\nno such package"))
	}()
	return o
}

func TestUnavailable(t *testing.T) {
	skips := filepath.Join(t.TempDir(), "skips")
	t.Setenv("TIDEMILL_SKIPS", skips)

	t.Setenv("TIDEMILL_REQUIRE_SERVICES", "")
	if o := unavailableOutcome(t); !o.skipped || o.failed {
		t.Errorf("not required: skipped %v, failed %v", o.skipped, o.failed)
	}
	if got, err := os.ReadFile(skips); err != nil || string(got) != "queue: no such package\n" {
		t.Errorf("recorded %q, %v", got, err)
	}

	t.Setenv("TIDEMILL_REQUIRE_SERVICES", "1")
	if o := unavailableOutcome(t); o.skipped || !o.failed {
		t.Errorf("required: skipped %v, failed %v", o.skipped, o.failed)
	}
}
