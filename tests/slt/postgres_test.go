//go:build services

package slt

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"tidemill/tests/services"
)

// TestScriptsHoldInPostgres runs the scripts against PostgreSQL, but for the records that are marked
// "onlyif tidemill": what they promise is what PostgreSQL answers.
func TestScriptsHoldInPostgres(t *testing.T) {
	files, err := filepath.Glob("testdata/*.slt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".slt"), func(t *testing.T) {
			pg := services.StartPostgres(t)
			res, err := RunFile(context.Background(), f, Options{DSN: pg.ConnString(), Postgres: true, Rewrite: *rewriteFlag})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range res.Errors {
				t.Error(e)
			}
			t.Logf("%d records hold, %d are for Tidemill only", res.Passed, res.Skipped)
		})
	}
}
