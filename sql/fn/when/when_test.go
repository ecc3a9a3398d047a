package when_test

import (
	"testing"

	_ "tidemill/sql/fn/cast"
	"tidemill/sql/fn/fntest"
	_ "tidemill/sql/fn/text"
	_ "tidemill/sql/fn/when"
)

func TestRecorded(t *testing.T) { fntest.Run(t, "testdata/when.txt") }

func TestExamples(t *testing.T) { fntest.Examples(t, "Date/time", "Formatting") }
