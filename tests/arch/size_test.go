package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	maxFileLines     = 800
	maxFunctionLines = 100
)

// vague are package names that say nothing.
var vague = map[string]bool{"util": true, "utils": true, "common": true, "helpers": true, "misc": true, "base": true, "internal": true}

func TestSizesAndDocs(t *testing.T) {
	for _, p := range load(t) {
		if name := filepath.Base(p.Dir); vague[name] {
			t.Errorf("package name %q says nothing", name)
		}
		documented := false
		for _, f := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles, p.IgnoredGoFiles) {
			file := filepath.Join(p.Dir, f)
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(src, []byte("DO NOT EDIT")) {
				continue
			}
			if n := bytes.Count(src, []byte("\n")); n > maxFileLines {
				t.Errorf("%s has %d lines, more than %d", file, n, maxFileLines)
			}
			fset := token.NewFileSet()
			tree, err := parser.ParseFile(fset, file, src, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || tree.Doc != nil && strings.TrimSpace(tree.Doc.Text()) != ""
			for _, d := range tree.Decls {
				fd, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if n := fset.Position(fd.End()).Line - fset.Position(fd.Pos()).Line + 1; n > maxFunctionLines {
					t.Errorf("%s: function %s has %d lines, more than %d", file, fd.Name.Name, n, maxFunctionLines)
				}
			}
		}
		if !documented {
			t.Errorf("package %s has no package comment", p.ImportPath)
		}
	}
}

// pure are folders whose code gets time, randomness, files and goroutines from outside.
var pure = []string{"exec/op", "exec/plan", "exec/check", "exec/batch", "exec/view", "sql", "planner", "catalog"}

// impure are functions, by package path and name, and whole packages that pure code leaves alone.
var impure = []string{
	"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "time.Tick",
	"os", "os/exec", "os/signal", "net", "net/http", "syscall", "math/rand", "math/rand/v2", "crypto/rand",
}

func TestPureCode(t *testing.T) {
	used := map[string]bool{}
	for _, p := range load(t) {
		name := strings.TrimPrefix(p.ImportPath, "tidemill/")
		if !slices.ContainsFunc(pure, func(f string) bool { return name == f || strings.HasPrefix(name, f+"/") }) {
			continue
		}
		report := func(pos token.Position, what string) {
			used[name+" "+what] = true
			if !excused[name+" "+what] {
				t.Errorf("%s uses %s", pos, what)
			}
		}
		for _, f := range p.GoFiles {
			fset := token.NewFileSet()
			tree, err := parser.ParseFile(fset, filepath.Join(p.Dir, f), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			imported := map[string]string{} // local name to path
			for _, spec := range tree.Imports {
				lib, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if slices.Contains(impure, lib) {
					report(fset.Position(spec.Pos()), lib)
				}
				local := path.Base(lib)
				if spec.Name != nil {
					local = spec.Name.Name
				}
				imported[local] = lib
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					report(fset.Position(n.Pos()), "a goroutine")
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok {
						if what := imported[x.Name] + "." + n.Sel.Name; slices.Contains(impure, what) {
							report(fset.Position(n.Pos()), what)
						}
					}
				}
				return true
			})
		}
	}
	for e := range excused {
		if _, what, _ := strings.Cut(e, " "); !strings.HasPrefix(what, "github.com/") && !used[e] {
			t.Errorf("the excuse %q is not needed", e)
		}
	}
}
