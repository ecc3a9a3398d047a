package arr_test

import (
	"testing"

	_ "tidemill/sql/fn/arr"
	_ "tidemill/sql/fn/cast"
	"tidemill/sql/fn/fntest"
)

func TestRecorded(t *testing.T) { fntest.Run(t, "testdata/arr.txt") }

func TestExamples(t *testing.T) { fntest.Examples(t, "Array") }
