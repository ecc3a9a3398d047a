package json_test

import (
	"testing"

	_ "tidemill/sql/fn/cast"
	"tidemill/sql/fn/fntest"
	_ "tidemill/sql/fn/json"
)

func TestRecorded(t *testing.T) { fntest.Run(t, "testdata/json.txt") }

func TestExamples(t *testing.T) { fntest.Examples(t, "JSON") }
