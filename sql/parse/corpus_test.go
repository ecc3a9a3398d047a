package parse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCorpus parses statements that real clients send. Statements are separated by lines of dashes.
func TestCorpus(t *testing.T) {
	for path, list := range corpus(t) {
		for _, text := range list {
			if _, err := Parse(text); err != nil {
				t.Errorf("%s: %v in\n%s", path, err, text)
			}
		}
		t.Logf("%s: %d statements", path, len(list))
	}
}

func corpus(t testing.TB) map[string][]string {
	files, err := filepath.Glob("testdata/corpus/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	out := map[string][]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = strings.Split(strings.TrimSpace(string(b)), "\n----\n")
	}
	return out
}
