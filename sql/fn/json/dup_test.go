package json_test

import (
	"testing"

	"tidemill/sql/fn"
	_ "tidemill/sql/fn/all"
)

// TestRegistersBesideAllFamilies fails when another family registers the same overload.
func TestRegistersBesideAllFamilies(t *testing.T) {
	if len(fn.Scalars()) == 0 {
		t.Fatal("nothing registered")
	}
}
