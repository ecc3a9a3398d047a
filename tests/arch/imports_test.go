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

// rules lists for each package, or folder of packages ("/..."), what it may import of ours. A package
// that is not listed fails. Order matters: the first match counts.
var rules = []struct {
	pkg   string
	may   string // space-separated prefixes
	never string
}{
	{pkg: "sql/sqlerr", may: ""},
	{pkg: "sql/types", may: "sql/sqlerr"},
	{pkg: "sql/ast", may: ""},
	{pkg: "sql/rows", may: "sql/types sql/sqlerr"},
	{pkg: "sql/fn", may: "sql/types sql/rows sql/sqlerr"},
	{pkg: "sql/fn/all", may: "sql/fn"},
	{pkg: "sql/fn/...", may: "sql/fn sql/types sql/rows sql/sqlerr", never: "sql/fn/"},
	{pkg: "sql/expr", may: "sql/types sql/rows sql/fn sql/sqlerr", never: "sql/fn/"},
	{pkg: "sql/parse/...", may: "sql/ast sql/sqlerr sql/types sql/parse"},
	{pkg: "sql/parse", may: "sql/ast sql/sqlerr sql/types sql/parse"},
	{pkg: "catalog", may: "sql/types sql/sqlerr"},
	{pkg: "connector", may: "sql/types sql/rows sql/sqlerr"},
	{pkg: "connector/all", may: "connector"},
	{pkg: "connector/conform", may: "connector sql"},
	{pkg: "connector/format/...", may: "connector connector/format sql/types sql/rows sql/sqlerr"},
	{pkg: "connector/format", may: "connector sql/types sql/rows sql/sqlerr"},
	{pkg: "connector/...", may: "connector connector/format sql/types sql/rows sql/sqlerr"},
	{pkg: "exec/mem", may: "sql/sqlerr"},
	{pkg: "exec/state", may: "exec/mem sql/types sql/rows sql/sqlerr"},
	{pkg: "exec/state/...", may: "exec/mem exec/state sql/types sql/rows sql/sqlerr"},
	{pkg: "exec/view", may: "exec/state exec/mem sql/types sql/rows sql/sqlerr"},
	{pkg: "exec/op", may: "exec/state exec/mem sql", never: "sql/parse sql/ast"},
	{pkg: "exec/op/all", may: "exec/op"},
	{pkg: "exec/op/...", may: "exec/op exec/plan exec/state exec/mem sql", never: "sql/parse sql/ast"},
	{pkg: "exec/plan", may: "exec/op sql/types sql/rows sql/expr"},
	{pkg: "exec/check", may: "exec/op sql/types sql/rows"},
	{pkg: "exec/flow", may: "exec/op exec/check exec/plan exec/state exec/view exec/mem sql/types sql/rows sql/fn sql/sqlerr"},
	{pkg: "exec/batch", may: "exec/op exec/plan exec/state exec/mem sql/types sql/rows sql/fn sql/expr sql/sqlerr"},
	{pkg: "planner/logical", may: "sql planner/logical", never: "sql/parse"},
	{pkg: "planner/...", may: "sql catalog connector exec/op exec/plan planner"},
	{pkg: "planner", may: "sql catalog connector exec/op exec/plan planner"},
	{pkg: "server/config", may: "sql/sqlerr"},
	{pkg: "server/auth", may: "server/config catalog sql/sqlerr"},
	{pkg: "server/pgwire", may: "server/auth server/config sql/types sql/rows sql/sqlerr"},
	{pkg: "server/engine", may: "server/auth catalog connector exec planner sql"},
	{pkg: "server/session", may: "server/engine server/pgwire server/config server/auth catalog connector exec/plan planner sql"},
	{pkg: "server/pgcatalog", may: "server/engine server/config catalog connector planner sql"},
	{pkg: "server/admin", may: "server/engine server/pgwire server/config catalog connector sql"},
	{pkg: "server", may: "server catalog connector exec planner sql"},
	{pkg: "cmd/tidemill", may: "server connector exec/op/all sql/fn/all"},
	{pkg: "cmd/docgen", may: "server/config connector exec/op sql catalog"},
	{pkg: "tests/...", may: "tests server connector exec planner sql catalog"},
}

// wrapped names dependencies that exactly one package of ours may import.
var wrapped = map[string]string{
	"github.com/pingcap/tidb/pkg/parser": "sql/parse",
	"github.com/cockroachdb/pebble/v2":   "exec/state",
	"github.com/twmb/franz-go":           "connector/kafka",
	"github.com/jackc/pgx/v5/pgproto3":   "server/pgwire",
}

type pkg struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Dir        string
}

func load(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles,Dir", "tidemill/...")
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
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && name != owner && !strings.HasPrefix(name, owner+"/") && !strings.HasPrefix(name, "tests/") {
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
		if dep == l || strings.HasPrefix(dep, l+"/") && !slices.Contains(leafOnly, l) {
			return true
		}
	}
	return false
}

// leafOnly are contracts: naming them in the table does not open their implementations.
var leafOnly = []string{"connector", "connector/format", "exec/op", "sql/fn", "exec/state"}

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
