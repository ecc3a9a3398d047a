package parse

import (
	"fmt"
	"sync"
	"testing"

	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

func TestSeveralStatements(t *testing.T) {
	text := " /* é */ select 1 ;; select 'é', $2 -- end\n; commit; "
	list, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, p := range list {
		got += fmt.Sprintf("%T %q %d %d\n", p.Stmt, p.Text, p.Offset, p.Params)
	}
	want := "*ast.Query \"select 1\" 9 0\n*ast.Query \"select 'é', $2\" 21 2\n*ast.Transaction \"commit\" 45 0\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	_, err = Parse("select 'é'; select (; select 1")
	if e := sqlerr.As(err); e.Position != 21 || e.Message != `syntax error at or near ";"` {
		t.Errorf("got %v at %d", e, e.Position)
	}
	for _, empty := range []string{"", ";", " ; -- x\n;", "/* x */"} {
		if list, err := Parse(empty); len(list) != 0 || err != nil {
			t.Errorf("%q: %v %v", empty, list, err)
		}
	}
}

func TestStored(t *testing.T) {
	if s, err := ParseQuery("select a from t"); err != nil || len(s.Items) != 1 {
		t.Error(s, err)
	}
	if e, err := ParseExpr("a + 1"); err != nil || e.(*ast.Binary).Op != "+" {
		t.Error(e, err)
	}
	if n, err := ParseType("timestamp(3) with time zone[]"); err != nil || n.Name[0] != "timestamptz" || n.Dims != 1 {
		t.Error(n, err)
	}
	for _, text := range []string{"select 1; select 2", "", "delete from t"} {
		if s, err := ParseQuery(text); err == nil {
			t.Errorf("%q: accepted as %v", text, s)
		}
	}
	if _, err := ParseExpr("a b"); err == nil {
		t.Error("two expressions accepted")
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "a_1": "a_1", "A": `"A"`, "a b": `"a b"`, `a"b`: `"a""b"`, "select": `"select"`, "": `""`,
		"1a": `"1a"`, "between": `"between"`, "left": `"left"`, "name": "name", "é": `"é"`,
	} {
		if got := QuoteIdent(in); got != want {
			t.Errorf("QuoteIdent(%q) = %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"a": "'a'", "it's": "'it''s'", `a\b`: `E'a\\b'`, "": "''"} {
		got := QuoteLiteral(in)
		if got != want {
			t.Errorf("QuoteLiteral(%q) = %s, want %s", in, got, want)
		}
		if e, err := ParseExpr(got); err != nil || e.(*ast.Literal).Text != in {
			t.Errorf("%s reads back as %v, %v", got, e, err)
		}
	}
}

// TestConcurrent shares the pooled grammar parsers between goroutines; run it with -race.
func TestConcurrent(t *testing.T) {
	texts := []string{"select a + b from t where c", "values (1), (2)", "select f(x) over (order by y)", "select ("}
	want := make([]string, len(texts))
	for i, text := range texts {
		want[i] = parseText(text, dumpPos)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				n := (i + g) % len(texts)
				if got := parseText(texts[n], dumpPos); got != want[n] {
					t.Errorf("%s: got %s", texts[n], got)
				}
			}
		})
	}
	wg.Wait()
}
