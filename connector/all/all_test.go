package all

import (
	"strings"
	"testing"

	"tidemill/connector"
	"tidemill/connector/format"
)

// Every connector and format describes itself; what users and the docs read must be there.
func TestSpecs(t *testing.T) {
	for _, s := range connector.All() {
		if s.Summary == "" || s.Doc == "" || s.Guarantee == "" || !strings.Contains(s.Example, "connector = '"+s.Name+"'") {
			t.Errorf("connector %s: summary, doc, guarantee or example is missing", s.Name)
		}
		if s.OpenReader == nil && s.OpenWriter == nil {
			t.Errorf("connector %s does nothing", s.Name)
		}
		checkOptions(t, s.Name, s.Options)
		for _, e := range append(append([]string(nil), s.Encodings...), s.SinkEncodings...) {
			_, name, _ := strings.Cut(e, " ")
			if _, err := format.Lookup(name); err != nil {
				t.Errorf("connector %s: %v", s.Name, err)
			}
		}
	}
	for _, f := range format.All() {
		if f.Summary == "" || f.Doc == "" || f.Example == "" || f.NewDecoder == nil {
			t.Errorf("format %s: summary, doc, example or decoder is missing", f.Name)
		}
		checkOptions(t, f.Name, f.Options)
	}
}

func checkOptions(t *testing.T, name string, options []connector.Option) {
	t.Helper()
	seen := map[string]bool{}
	for _, o := range options {
		if o.Doc == "" || seen[o.Name] {
			t.Errorf("%s: option %s has no doc or is there twice", name, o.Name)
		}
		seen[o.Name] = true
		if o.Check != nil && o.Default != "" {
			if err := o.Check(o.Default); err != nil {
				t.Errorf("%s: option %s refuses its own default: %v", name, o.Name, err)
			}
		}
	}
}
