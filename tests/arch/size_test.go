package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
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
		for _, f := range p.GoFiles {
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
var pure = []string{"exec/op", "sql", "planner"}

func TestPureCode(t *testing.T) {
	for _, p := range load(t) {
		name := strings.TrimPrefix(p.ImportPath, "tidemill/")
		isPure := false
		for _, f := range pure {
			isPure = isPure || name == f || strings.HasPrefix(name, f+"/")
		}
		if !isPure {
			continue
		}
		for _, f := range p.GoFiles {
			file := filepath.Join(p.Dir, f)
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s starts a goroutine", file)
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok {
						if call := x.Name + "." + n.Sel.Name; impure[call] && !excused[name+" "+call] {
							t.Errorf("%s uses %s", file, call)
						}
					}
				}
				return true
			})
		}
	}
}

var impure = map[string]bool{
	"time.Now": true, "time.Sleep": true, "os.Open": true, "os.ReadFile": true, "os.Create": true, "os.WriteFile": true,
}
