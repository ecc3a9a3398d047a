package view

import (
	"flag"
	"os"
	"testing"
)

// TestMain keeps the random tests short unless the command line asks for a number of runs.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		_ = flag.Set("rapid.checks", "12")
	}
	os.Exit(m.Run())
}
