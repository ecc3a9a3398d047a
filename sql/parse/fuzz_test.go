package parse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidemill/sql/sqlerr"
)

// FuzzParse checks that any text is answered without a panic, that errors have a code of the user's
// making and a position inside the text, and that a statement's own text parses to the same tree.
func FuzzParse(f *testing.F) {
	for _, list := range corpus(f) {
		for _, text := range list {
			f.Add(text)
		}
	}
	files, _ := filepath.Glob("testdata/golden/*")
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n") {
			f.Add(line)
			f.Add("select " + line)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse(text)
		if err != nil {
			e := sqlerr.As(err)
			if e.Code == sqlerr.Internal {
				t.Fatalf("%q: %v", text, err)
			}
			if e.Position < 0 || e.Position > len(text)+1 {
				t.Fatalf("%q: position %d", text, e.Position)
			}
			return
		}
		for _, p := range list {
			again, err := Parse(p.Text)
			if err != nil || len(again) != 1 {
				t.Fatalf("%q: its own text %q gives %v", text, p.Text, err)
			}
			if dumpPos(again[0].Stmt) != dumpPos(p.Stmt) {
				t.Fatalf("%q: its own text %q gives another tree", text, p.Text)
			}
		}
	})
}
