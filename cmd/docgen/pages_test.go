package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPagesAreCurrent fails when a registry has changed and the pages have not.
func TestPagesAreCurrent(t *testing.T) {
	for name, want := range Pages() {
		got, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", name))
		if err != nil || string(got) != want {
			t.Errorf("docs/reference/%s is not current: run make docs", name)
		}
	}
}
