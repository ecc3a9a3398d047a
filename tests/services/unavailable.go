package services

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func required() bool { return os.Getenv("TIDEMILL_REQUIRE_SERVICES") == "1" }

// Unavailable ends the test because service cannot be had: as skipped, or as failed where services
// are required.
func Unavailable(tb testing.TB, service string, reason error) {
	tb.Helper()
	if required() {
		tb.Fatalf("%s: %v", service, reason)
	}
	// The last line is the one that says what to do; those above are a tool's own output.
	lines := strings.Split(strings.TrimSpace(reason.Error()), "\n")
	skip := fmt.Sprintf("%s: %s", service, lines[len(lines)-1])
	if path := os.Getenv("TIDEMILL_SKIPS"); path != "" {
		if err := appendLine(path, skip); err != nil {
			tb.Fatalf("recording a skip: %v", err)
		}
	}
	tb.Skip(skip)
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
