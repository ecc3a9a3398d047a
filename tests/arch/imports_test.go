package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// rules lists for each package, or folder of packages ("/..."), what it may import of ours, tests
// aside. A package that is not listed fails. Order matters: the first match counts. An item "a" opens
// package a and all below it, except where a is a contract (see contracts): there the implementations
// need "a/" (all below a) or their own name.
var rules = []struct {
	pkg   string
	may   string // space-separated items
	never string
}{
	{pkg: "sql/sqlerr"},
	{pkg: "sql/ast"},
	{pkg: "sql/types", may: "sql/sqlerr"},
	{pkg: "sql/timefmt", may: "sql/types sql/sqlerr"},
	{pkg: "sql/rows", may: "sql/types sql/sqlerr"},
	{pkg: "sql/are", may: "sql/sqlerr"},
	{pkg: "sql/fn", may: "sql/types sql/rows sql/sqlerr"},
	{pkg: "sql/fn/all", may: "sql/fn/", never: "sql/fn/fntest"},
	{pkg: "sql/fn/...", may: "sql/fn sql/are sql/timefmt sql/types sql/rows sql/sqlerr"},
	{pkg: "sql/expr", may: "sql/types sql/rows sql/fn sql/sqlerr"},
	{pkg: "sql/parse/lex", may: "sql/sqlerr"},
	{pkg: "sql/parse/query", may: "sql/ast sql/parse/lex sql/sqlerr"},
	{pkg: "sql/parse", may: "sql/ast sql/parse/lex sql/parse/query sql/sqlerr"},

	{pkg: "catalog", may: "sql/types sql/sqlerr"},

	{pkg: "connector", may: "sql/types sql/rows sql/sqlerr"},
	{pkg: "connector/all", may: "connector/", never: "connector/conform"},
	{pkg: "connector/conform", may: "connector sql/types sql/rows sql/sqlerr"},
	{pkg: "connector/...", may: "connector connector/format sql/types sql/rows sql/sqlerr"},

	{pkg: "exec/mem", may: "sql/sqlerr"},
	{pkg: "exec/state", may: "exec/mem sql/rows sql/sqlerr"},
	{pkg: "exec/view", may: "exec/state sql/types sql/rows sql/sqlerr"},
	{pkg: "exec/op", may: "exec/state sql/expr sql/fn sql/types sql/rows sql/sqlerr"},
	{pkg: "exec/plan", may: "exec/op sql/types"},
	{pkg: "exec/check", may: "exec/op sql/types sql/rows"},
	{pkg: "exec/op/all", may: "exec/op/", never: "exec/op/optest"},
	{pkg: "exec/op/touch"},
	{pkg: "exec/op/place", may: "exec/state sql/rows"},
	{pkg: "exec/op/order", may: "exec/op exec/plan sql/types sql/rows"},
	{pkg: "exec/op/agg", may: "exec/op exec/op/order exec/plan sql/expr sql/fn sql/types sql/rows sql/sqlerr"},
	{pkg: "exec/op/equi", may: "exec/op exec/op/place exec/state sql/types sql/rows"},
	{pkg: "exec/op/expire", may: "exec/op exec/state sql/types sql/rows"},
	{pkg: "exec/op/versions", may: "exec/op/touch exec/state"},
	{pkg: "exec/op/counted", may: "exec/op exec/op/expire exec/op/place exec/state sql/types sql/rows"},
	{pkg: "exec/op/optest", may: "exec/op exec/check exec/plan exec/state exec/mem sql/fn sql/types sql/rows sql/sqlerr"},
	{pkg: "exec/op/...", may: operator},
	{pkg: "exec/flow", may: "exec/op exec/check exec/plan exec/state exec/view exec/mem sql/fn sql/types sql/rows sql/sqlerr"},
	{pkg: "exec/batch", may: "exec/op exec/plan exec/state exec/mem sql/fn sql/expr sql/types sql/rows sql/sqlerr"},

	{pkg: "planner/logical", may: "sql/types sql/rows sql/fn sql/expr"},
	{pkg: "planner/bind", may: "planner/logical catalog sql"},
	{pkg: "planner/rewrite", may: "planner/logical sql/types sql/rows sql/fn sql/expr sql/sqlerr"},
	{pkg: "planner/lower", may: "planner/logical exec/op exec/op/ exec/plan sql/types sql/rows sql/fn sql/expr sql/sqlerr", never: "exec/op/optest exec/op/all"},
	{pkg: "planner", may: "planner/ catalog exec/op exec/op/apply exec/plan sql"},

	{pkg: "server/config", may: "sql/sqlerr"},
	{pkg: "server/auth", may: "server/config catalog sql/sqlerr"},
	{pkg: "server/pgwire", may: "server/auth server/config sql/types sql/rows sql/sqlerr"},
	{pkg: "server/engine", may: "server/auth planner connector connector/format exec catalog sql", never: "planner/"},
	{pkg: "server/pgcatalog", may: "server/engine server/config connector connector/format catalog sql"},
	{pkg: "server/session", may: "server/engine server/pgcatalog server/pgwire server/config server/auth planner connector connector/format exec/plan catalog sql", never: "planner/"},
	{pkg: "server/admin", may: "server/engine server/pgwire server/config connector catalog sql/types sql/sqlerr"},
	{pkg: "server", may: "server/ catalog connector exec/state exec/mem sql/types sql/sqlerr"},

	{pkg: "cmd/tidemill", may: "server server/config catalog connector/all connector/nexmark exec/op/all sql/fn/all"},
	{pkg: "cmd/docgen", may: "server/config connector connector/all connector/format exec/op exec/op/all sql/fn sql/fn/all sql/types"},
	{pkg: "tests/...", may: "tests server server/config connector/all connector/nexmark exec/op/all sql/fn/all"},
}

// operator is what an operator may import: the contract, what operators share, the layers below.
const operator = "exec/op exec/op/agg exec/op/counted exec/op/equi exec/op/expire exec/op/order exec/op/place exec/op/touch exec/op/versions exec/plan exec/state " +
	"sql/expr sql/fn sql/types sql/rows sql/sqlerr"

// contracts have their implementations below them: naming them in the table does not open those.
var contracts = []string{"connector", "connector/format", "exec/op", "sql/fn", "planner", "server"}

// wrapped names dependencies that one package of ours wraps: nothing else imports them, tests aside.
var wrapped = map[string]string{
	"github.com/pingcap/tidb/pkg/parser": "sql/parse/query",
	"github.com/apache/arrow-go/v18":     "sql/rows",
	"github.com/cockroachdb/apd/v3":      "sql/types",
	"golang.org/x/text":                  "sql/fn/text",
	"github.com/cockroachdb/pebble/v2":   "exec/state",
	"github.com/twmb/franz-go":           "connector/kafka",
	"github.com/jackc/pgx/v5/pgproto3":   "server/pgwire",
	"github.com/xdg-go/scram":            "server/auth",
	"github.com/prometheus":              "server/admin",
}

type pkg struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Dir        string
	// The rest of the folder: tests, and files that the build leaves out, which are those with the tag
	// services.
	TestGoFiles, XTestGoFiles, IgnoredGoFiles []string
}

func load(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles,Dir,TestGoFiles,XTestGoFiles,IgnoredGoFiles", "tidemill/...")
	out, err := cmd.Output()
	if err != nil {
		var ee *exec.ExitError
		if errors.As(err, &ee) {
			t.Fatalf("%v\n%s", err, ee.Stderr)
		}
		t.Fatal(err)
	}
	var list []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			list = append(list, p)
		}
	}
	return list
}

func TestImportTable(t *testing.T) {
	for _, p := range load(t) {
		name := strings.TrimPrefix(p.ImportPath, "tidemill/")
		i := slices.IndexFunc(rules, func(r struct{ pkg, may, never string }) bool { return matches(r.pkg, name) })
		if i < 0 {
			t.Errorf("package %s is not in the import table", name)
			continue
		}
		for _, imp := range p.Imports {
			if dep, ours := strings.CutPrefix(imp, "tidemill/"); ours {
				if !allowed(rules[i].may, dep) || rules[i].never != "" && allowed(rules[i].never, dep) {
					t.Errorf("%s must not import %s", name, dep)
				}
				continue
			}
			for lib, owner := range wrapped {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && name != owner && !strings.HasPrefix(name, "tests/") && !excused[name+" "+imp] {
					t.Errorf("%s imports %s, which only %s may", name, imp, owner)
				}
			}
		}
	}
}

func matches(rule, name string) bool {
	if folder, ok := strings.CutSuffix(rule, "/..."); ok {
		return strings.HasPrefix(name, folder+"/")
	}
	return rule == name
}

// allowed tells whether dep is one of the listed packages or below one of them. A list item that ends
// in a slash means only what is below it.
func allowed(list, dep string) bool {
	for _, l := range strings.Fields(list) {
		if below, ok := strings.CutSuffix(l, "/"); ok {
			if strings.HasPrefix(dep, below+"/") {
				return true
			}
			continue
		}
		if dep == l || strings.HasPrefix(dep, l+"/") && !slices.Contains(contracts, l) {
			return true
		}
	}
	return false
}

// TestSiblings: implementations of a contract do not know each other.
func TestSiblings(t *testing.T) {
	for _, p := range load(t) {
		name := strings.TrimPrefix(p.ImportPath, "tidemill/")
		for _, folder := range []string{"connector", "connector/format", "exec/op", "sql/fn"} {
			if path.Dir(name) != folder || path.Base(name) == "all" || shared[name] {
				continue
			}
			for _, imp := range p.Imports {
				dep := strings.TrimPrefix(imp, "tidemill/")
				if path.Dir(dep) == folder && dep != "connector/format" && !shared[dep] {
					t.Errorf("%s must not import its sibling %s", name, dep)
				}
			}
		}
	}
}
