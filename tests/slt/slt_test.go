package slt

import (
	"context"
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"tidemill/tests/kit"
)

var rewriteFlag = flag.Bool("rewrite", false, "replace expected results by what the server answers")

// TestScripts runs every script of testdata against a server of its own.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.slt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".slt"), func(t *testing.T) {
			s := kit.Start(t)
			res, err := RunFile(context.Background(), f, Options{DSN: s.DSN(), Rewrite: *rewriteFlag})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range res.Errors {
				t.Error(e)
			}
			if res.Passed == 0 {
				t.Error("no record passed")
			}
		})
	}
}
