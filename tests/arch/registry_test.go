package arch

import (
	"os"
	"strings"
	"testing"

	"tidemill/connector"
	_ "tidemill/connector/all"
	"tidemill/connector/format"
	"tidemill/exec/op"
	_ "tidemill/exec/op/all"
	"tidemill/sql/fn"
	_ "tidemill/sql/fn/all"
)

// TestRegistriesAreDocumented: what is registered says what it does and shows it, for the reference
// is made of nothing else.
func TestRegistriesAreDocumented(t *testing.T) {
	documented := map[string]bool{} // a function's overloads share one entry, that of the one that has it
	add := func(kind, name, family, text string, examples []fn.Example) {
		what := kind + " " + name
		ok := family != "" && strings.TrimSpace(text) != "" && (len(examples) > 0 || unshowable[family]) || inner[name]
		documented[what] = documented[what] || ok
	}
	for _, s := range fn.Scalars() {
		add("function", s.Name, s.Family, s.Summary, s.Examples)
	}
	for _, a := range fn.Aggregates() {
		add("aggregate", a.Name, a.Family, a.Summary, a.Examples)
	}
	for _, f := range fn.Tables() {
		add("table function", f.Name, f.Family, f.Summary, f.Examples)
	}
	for what, ok := range documented {
		if !ok {
			t.Errorf("%s has no overload with a family, a summary and an example", what)
		}
	}
	configs, err := os.ReadFile("../../exec/op/all/testdata/configs.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range op.All() {
		// An operator's example is a configuration as plans store it.
		if !strings.Contains(string(configs), "\n"+s.Name+"\n") {
			t.Errorf("operator %s has no case in exec/op/all/testdata/configs.txt", s.Name)
		}
		summary(t, "operator "+s.Name, s.Summary)
	}
	for _, s := range connector.All() {
		summary(t, "connector "+s.Name, s.Summary)
		if s.OpenReader != nil && !strings.Contains(s.Example, "CREATE SOURCE") && !strings.Contains(s.Example, "CREATE TABLE") ||
			s.OpenWriter != nil && !strings.Contains(s.Example, "CREATE SINK") {
			t.Errorf("connector %s: the example does not show each role:\n%s", s.Name, s.Example)
		}
		options(t, "connector "+s.Name, s.Options)
	}
	for _, s := range format.All() {
		summary(t, "format "+s.Name, s.Summary)
		if s.Example == "" {
			t.Errorf("format %s has no example", s.Name)
		}
		options(t, "format "+s.Name, s.Options)
	}
}

// unshowable are families whose results depend on the session or the server, or need a type to be made
// first.
var unshowable = map[string]bool{"Session information": true, "System catalogue": true, "Administration": true, "Enums": true}

// inner are functions that the binder puts in place of casts and NULL tests; nobody calls them by name.
var inner = map[string]bool{"varchar": true, "bpchar": true, "record_all_null": true, "record_none_null": true}

func summary(t *testing.T, what, text string) {
	t.Helper()
	if strings.TrimSpace(text) == "" {
		t.Errorf("%s has no summary", what)
	}
}

func options(t *testing.T, what string, list []connector.Option) {
	t.Helper()
	for _, o := range list {
		if strings.TrimSpace(o.Doc) == "" {
			t.Errorf("%s: option %s has no doc", what, o.Name)
		}
	}
}
