package text_test

import (
	"testing"

	_ "tidemill/sql/fn/cast"
	"tidemill/sql/fn/fntest"
	_ "tidemill/sql/fn/text"
)

func TestRecorded(t *testing.T) { fntest.Run(t, "testdata/text.txt") }

func TestExamples(t *testing.T) {
	fntest.Examples(t, "String", "Pattern matching", "Binary string")
}
