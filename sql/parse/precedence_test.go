package parse

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/sql/ast"
)

// TestOraclePrecedence writes random expressions without brackets, lets PostgreSQL print them back
// from a view, where it puts every bracket, and compares the two trees. It needs
// TIDEMILL_ORACLE_DSN; it makes temporary objects only.
func TestOraclePrecedence(t *testing.T) {
	dsn := os.Getenv("TIDEMILL_ORACLE_DSN")
	if dsn == "" {
		t.Skip("TIDEMILL_ORACLE_DSN is not set")
	}
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	exec := func(sql string) (string, error) {
		res, err := conn.Exec(ctx, sql).ReadAll()
		if err != nil {
			return "", err
		}
		if last := res[len(res)-1]; len(last.Rows) > 0 {
			return string(last.Rows[0][0]), nil
		}
		return "", nil
	}
	if _, err := exec("create temp table pt (a int, b int, c int, p bool, q bool, s text, z text, t timestamptz, f float8, i int[])"); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewSource(1))
	compared := 0
	for range 20000 {
		text := randomExpr(rng, 1+rng.Intn(7))
		if _, err := exec("create temp view pv as select " + text + " as x from pt"); err != nil {
			continue
		}
		def, err := exec("select pg_get_viewdef('pv'::regclass)")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exec("drop view pv"); err != nil {
			t.Fatal(err)
		}
		ours, err := ParseExpr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		theirs, err := ParseQuery(strings.TrimSuffix(strings.TrimSpace(def), ";"))
		if err != nil {
			t.Errorf("%s: %v", def, err)
			continue
		}
		compared++
		if a, b := shape(ours), shape(theirs.Items[0].Expr); a != b {
			t.Errorf("%s\n ours   %s\n theirs %s\n from   %s", text, a, b, def)
		}
	}
	t.Log(compared, "compared")
}

// randomExpr strings n operands together; most results have no valid types and are skipped.
func randomExpr(rng *rand.Rand, n int) string {
	pick := func(list ...string) string { return list[rng.Intn(len(list))] }
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(" " + pick("+", "-", "*", "/", "%", "^", "&", "|", "#", "<<", ">>", "||", "=", "<", ">", "<=", ">=", "<>",
				"and", "or", "and", "or", "is distinct from", "is not distinct from", "like", "not like", "ilike", "~", "!~", "!~*",
				"at time zone", "@>", "operator(pg_catalog.+)", "operator(pg_catalog.=)", "collate \"C\" ||", "is null and", "is not true or", "isnull =") + " ")
		}
		b.WriteString(pick("", "", "", "", "not ", "- ", "~ ", "@ ", "- - ", "|/ ", "not not ", "- @ "))
		b.WriteString(pick("a", "b", "c", "p", "q", "s", "z", "t", "f", "a", "b", "p", "q", "i[a]", "i"))
		b.WriteString(pick("", "", "", "", "::text", "::int", " is null", " is not false", " is unknown", " collate \"C\"", " notnull",
			" in (a, b)", " not in (p, q)", " = any (i)", " between a and b", " not between b and c", " like any ('{}')"))
	}
	return b.String()
}

// shape prints an expression with every bracket and without what the server adds or respells: casts,
// table names, LIKE as an operator.
func shape(e ast.Expr) string {
	switch n := e.(type) {
	case *ast.ColumnRef:
		return n.Parts[len(n.Parts)-1]
	case *ast.Cast:
		return shape(n.Expr)
	case *ast.Literal:
		return "'" + n.Text + "'"
	case *ast.Unary:
		return "(" + n.Op + " " + shape(n.Expr) + ")"
	case *ast.Binary:
		return "(" + shape(n.Left) + " " + n.Op + " " + shape(n.Right) + ")"
	case *ast.Like:
		op := map[string]string{"like": "~~", "ilike": "~~*"}[n.Kind]
		if n.Not {
			op = "!" + op
		}
		return "(" + shape(n.Expr) + " " + op + " " + shape(n.Pattern) + ")"
	case *ast.Is:
		return fmt.Sprintf("(%s is %v %s)", shape(n.Expr), n.Not, n.Test)
	case *ast.In:
		// The server prints IN over columns as comparisons joined by OR, NOT IN by AND.
		op, join := " = ", " or "
		if n.Not {
			op, join = " <> ", " and "
		}
		out := ""
		for i, el := range n.List {
			if i > 0 {
				out += join
			}
			out += "(" + shape(n.Expr) + op + shape(el) + ")"
		}
		return "(" + out + ")"
	case *ast.ArrayLit:
		list := make([]string, len(n.Elems))
		for i, el := range n.Elems {
			list[i] = shape(el)
		}
		return fmt.Sprint(list)
	case *ast.Quantified:
		word := " some "
		if n.All {
			word = " all "
		}
		return "(" + shape(n.Left) + " " + strings.Replace(n.Op, "like", "~~", 1) + word + shape(n.Array) + ")"
	case *ast.Between:
		x, lo, hi := shape(n.Expr), shape(n.Low), shape(n.High)
		if n.Not {
			return "((" + x + " < " + lo + ") or (" + x + " > " + hi + "))"
		}
		return "((" + x + " >= " + lo + ") and (" + x + " <= " + hi + "))"
	case *ast.IsDistinct:
		// The server prints IS NOT DISTINCT FROM as NOT (… IS DISTINCT FROM …).
		s := "(" + shape(n.Left) + " distinct " + shape(n.Right) + ")"
		if n.Not {
			s = "(not " + s + ")"
		}
		return s
	case *ast.AtTimeZone:
		return "(" + shape(n.Expr) + " zone " + shape(n.Zone) + ")"
	case *ast.Collate:
		return "(" + shape(n.Expr) + " collate)"
	case *ast.Index:
		return shape(n.Expr) + "[" + shape(n.Lo) + "]"
	case *ast.Call:
		if n.Name[len(n.Name)-1] == "timezone" {
			return "(" + shape(n.Args[1]) + " zone " + shape(n.Args[0]) + ")"
		}
	}
	return fmt.Sprintf("%T", e)
}
