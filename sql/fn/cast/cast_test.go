package cast_test

import (
	"testing"

	_ "tidemill/sql/fn/cast"
	"tidemill/sql/fn/fntest"
)

func TestRecorded(t *testing.T) { fntest.Run(t, "testdata/casts.txt") }
