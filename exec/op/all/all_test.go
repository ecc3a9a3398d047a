package all

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	_ "tidemill/sql/fn/agg"

	"tidemill/exec/op"
	"tidemill/sql/types"
)

// TestSpecs checks what every operator has to say about itself.
func TestSpecs(t *testing.T) {
	for _, s := range op.All() {
		if s.Summary == "" || !strings.HasSuffix(s.Summary, ".") {
			t.Errorf("%s: summary %q", s.Name, s.Summary)
		}
		if s.MinFormat < 1 || s.MinFormat > s.Format {
			t.Errorf("%s: reads formats %d to %d", s.Name, s.MinFormat, s.Format)
		}
		if s.New == nil || s.Explain == nil || s.Tables == nil {
			t.Errorf("%s: incomplete", s.Name)
			continue
		}
		s.Explain(nil, nil) // must not panic
		if _, err := s.Tables(json.RawMessage(`{"no such field": 1}`)); err != nil {
			continue
		}
		if _, err := s.Tables(nil); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

// TestConfigs keeps the stored form of configurations: each case is an operator's configuration as
// plans hold it, over the columns a, b, c, d, and prints its tables and its line in EXPLAIN.
func TestConfigs(t *testing.T) {
	schema := types.Schema{
		{Name: "a", Type: types.T(types.Int4)}, {Name: "b", Type: types.T(types.Text)},
		{Name: "c", Type: types.T(types.Timestamptz)}, {Name: "d", Type: types.T(types.Bool)},
	}
	datadriven.RunTest(t, "testdata/configs.txt", func(t *testing.T, d *datadriven.TestData) string {
		s, err := op.Lookup(d.Cmd)
		if err != nil {
			return err.Error() + "\n"
		}
		raw := json.RawMessage(d.Input)
		tables, err := s.Tables(raw)
		if err != nil {
			return err.Error() + "\n"
		}
		text := strings.TrimRight(d.Cmd+" "+s.Explain(raw, []types.Schema{schema, schema}), " ")
		return fmt.Sprintf("%s\ntables: %s\n", text, strings.Join(tables, " "))
	})
}
