package badinput

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tidemill/tests/kit"
)

// TestHugeStatements sends texts that would exhaust the stack, the memory or the patience of a server
// without limits. Each is answered in bounded time and memory, with the code or, for "", a result.
func TestHugeStatements(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE t (a int, b text)", "INSERT INTO t VALUES (1, 'x'), (2, 'y')")
	rep := strings.Repeat
	nest := func(n int, open, in, end string) string { return rep(open, n) + in + rep(end, n) }
	cases := []struct{ name, code, sql string }{
		{"10 MB of blanks", "54000", "SELECT 1" + rep(" ", 10<<20)},
		{"10 MB literal", "54000", "SELECT length('" + rep("x", 10<<20) + "')"},
		{"10 MB comment", "54000", "/*" + rep("x", 10<<20) + "*/ SELECT 1"},
		{"10 MB of statements", "54000", rep("SELECT 1;", 10<<20/9)},
		{"1 MB literal", "", "SELECT length('" + rep("x", 1<<20-100) + "')"},
		{"900 KB literal over rows", "", "SELECT count(*) FROM t WHERE b < '" + rep("x", 900<<10) + "'"},
		{"10000 statements", "", rep("SELECT 1;", 10000)},
		{"10000 parentheses", "54001", "SELECT " + nest(10000, "(", "1", ")")},
		{"150 parentheses", "", "SELECT " + nest(150, "(", "1", ")")},
		{"10000 open", "54001", "SELECT " + rep("(", 10000)},
		{"10000 CASE", "54001", "SELECT " + nest(10000, "CASE WHEN true THEN ", "1", " END")},
		{"10000 ELSE", "54001", "SELECT " + nest(10000, "CASE WHEN a = 1 THEN 1 ELSE ", "1", " END") + " FROM t"},
		{"10000 NOT", "54001", "SELECT " + rep("NOT ", 10000) + "true"},
		{"10000 subqueries", "54001", nest(10000, "SELECT (", "SELECT 1", ")")},
		{"10000 derived tables", "54001", nest(10000, "SELECT * FROM (", "SELECT 1", ") x")},
		{"10000 EXISTS", "54001", "SELECT " + nest(10000, "EXISTS (SELECT 1 WHERE ", "true", ")")},
		{"10000 minus", "54001", "SELECT " + rep("- ", 10000) + "1"},
		{"10000 calls", "54001", "SELECT " + nest(10000, "abs(", "1", ")")},
		{"10000 casts", "54001", "SELECT 1" + rep("::int", 10000)},
		{"10000 arrays", "54001", "SELECT " + nest(10000, "ARRAY[", "1", "]")},
		{"10000 plus", "54001", "SELECT 1" + rep(" + 1", 10000)},
		{"10000 concatenations", "54001", "SELECT ''" + rep(" || b", 10000) + " FROM t"},
		{"10000 CTEs nested", "54001", rep("WITH x AS (", 10000) + "SELECT 1" + rep(") SELECT 1", 10000)},
		{"1000 CTEs", "", "WITH x0 AS (SELECT 1 AS a)" + ctes(1000) + " SELECT * FROM x1000"},
		{"CTEs that double", "54001", "WITH x0 AS (SELECT 1 AS a)" + doubling(60) + " SELECT count(*) FROM x60"},
		{"100000 OR", "54000", "SELECT count(*) FROM t WHERE a = 1" + rep(" OR a = 1", 100_000)},
		{"9000 OR", "", "SELECT count(*) FROM t WHERE a = 1" + rep(" OR a = 1", 9000)},
		{"9000 different OR", "", "SELECT count(*) FROM t WHERE a = 1" + numbered(" OR a = %d", 9000)},
		{"9000 AND OR", "", "SELECT count(*) FROM t WHERE true" + numbered(" AND (a = %[1]d OR a > %[1]d)", 4500)},
		{"IN of 100000", "54000", "SELECT count(*) FROM t WHERE a IN (1" + numbered(", %d", 100_000) + ")"},
		{"IN of 9000", "", "SELECT count(*) FROM t WHERE a IN (1" + numbered(", %d", 9000) + ")"},
		{"NOT IN of 9000 expressions", "", "SELECT count(*) FROM t WHERE a NOT IN (1" + numbered(", a + %d", 9000) + ")"},
		{"200 UNION ALL", "", "SELECT 1" + rep(" UNION ALL SELECT 1", 199)},
		{"200 UNION", "", "SELECT a FROM t" + rep(" UNION SELECT a FROM t", 199)},
		{"201 UNION", "54001", "SELECT 1" + rep(" UNION SELECT 1", 201)},
		{"10000 UNION", "54001", "SELECT 1" + rep(" UNION SELECT 1", 10000)},
		{"30 joins", "", "SELECT count(*) FROM t t0" + numbered(" JOIN t t%[1]d ON t%[1]d.a = t0.a", 30)},
		{"30 cross joins", "53200", "SELECT 1 FROM t t0" + numbered(" CROSS JOIN t t%d", 30) + " LIMIT 1"},
		{"1000 joins", "54001", "SELECT count(*) FROM t t0" + numbered(" JOIN t t%[1]d ON t%[1]d.a = t0.a", 1000)},
		{"2000 columns of a table", "54011", "CREATE TABLE wide (c0 int" + numbered(", c%d int", 1999) + ")"},
		{"2000 columns of a query", "54011", "SELECT 1" + rep(", 1", 1999)},
		{"1600 columns of a query", "", "SELECT 1" + rep(", 1", 1599)},
		{"9000 rows", "", "VALUES (1)" + rep(", (1)", 8999)},
		{"100000 rows", "54000", "INSERT INTO t VALUES (1, 'x')" + rep(", (1, 'x')", 99_999)},
		{"100000 arguments", "54000", "SELECT concat(1" + rep(", 1", 99_999) + ")"},
		{"1000 arguments", "", "SELECT concat(1" + rep(", 1", 999) + ")"},
		{"9000 WHEN", "", "SELECT CASE a" + numbered(" WHEN %d THEN 1", 9000) + " END FROM t"},
		{"comments nested 100000 deep", "", rep("/*", 100_000) + rep("*/", 100_000) + "SELECT 1"},
		{"comments open", "42601", rep("/*", 100_000)},
		{"dollar quote open", "42601", "SELECT $x$" + rep("$y$", 100_000)},
		{"100000 quotes", "", "SELECT length('" + rep("''", 100_000) + "')"},
		{"1000000 digits", "22003", "SELECT " + rep("9", 1_000_000)},
		{"100000 digits", "", "SELECT length((" + rep("9", 100_000) + ")::text)"},
		{"identifier of 100000", "42703", "SELECT " + rep("x", 100_000)},
		{"number too deep in JSON", "54001", "SELECT '" + nest(100_000, "[", "", "]") + "'::jsonb"},
		{"JSON objects", "54001", "SELECT '" + nest(100_000, `{"a":`, "1", "}") + "'::json"},
		{"JSON open", "54001", "SELECT '" + rep("[", 500_000) + "'::jsonb"},
		{"JSON flat", "", "SELECT length(('[1" + rep(",1", 200_000) + "]')::jsonb::text)"},
		{"array deep", "54000", "SELECT '" + nest(100_000, "{", "", "}") + "'::int[]"},
		{"array flat", "", "SELECT array_length('{1" + rep(",1", 200_000) + "}'::int[], 1)"},
		{"regular expression deep", "2201B", "SELECT 'a' ~ '" + nest(10000, "(", "a", ")") + "'"},
		{"regular expression wide", "2201B", "SELECT 'a' ~ '((((a{1,100}){1,100}){1,100}){1,100})'"},
		{"regular expression slow", "", "SELECT repeat('a', 100000) ~ '(a*)*(a*)*b'"},
		{"LIKE slow", "", "SELECT repeat('a', 20000) LIKE '" + rep("%a", 50) + "b'"},
		{"replace", "54000", "SELECT length(replace(repeat('a', 1000000), 'a', repeat('b', 1000000)))"},
		{"regexp_replace", "54000", "SELECT length(regexp_replace(repeat('a', 20000), 'a', repeat('b', 20000), 'g'))"},
		{"repeat", "54000", "SELECT repeat('x', 2000000000)"},
		{"repeat over rows", "54000", "SELECT repeat('x' || i::text, 10000000) FROM generate_series(1, 1000) i"},
		{"constant over rows", "54000", "SELECT repeat('x', 10000000) FROM generate_series(1, 1000) OFFSET 999"},
		{"string_agg", "54000", "SELECT length(string_agg(repeat('x', 100000), '')) FROM generate_series(1, 10000)"},
		{"generate_series", "54000", "SELECT count(*) FROM generate_series(1, 9000000000000000000)"},
		{"power", "22003", "SELECT 10::numeric ^ 200000"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			bounded(t, 10*time.Second, 2<<30, func() {
				_, err := kit.TryExec(w.c, c.sql)
				e := pgError(err)
				switch {
				case err == nil && c.code != "":
					t.Errorf("accepted, want %s", c.code)
				case err != nil && e == nil:
					t.Fatalf("the connection broke: %v", err)
				case e != nil && e.Code != c.code:
					t.Errorf("got %.300s, want %q", e.Error(), c.code)
				}
			})
			if took := time.Since(start); took > time.Second {
				t.Log(took.Round(time.Millisecond))
			}
		})
	}
}

func ctes(n int) string { return numbered(", x%d AS (SELECT a FROM x%[2]d)", n) }

// doubling makes WITH queries each of which reads the one before twice.
func doubling(n int) string { return numbered(", x%d AS (SELECT p.a FROM x%[2]d p, x%[2]d q)", n) }

// numbered repeats a format with the numbers 1 to n, and n−1 as the second argument.
func numbered(format string, n int) string {
	var b strings.Builder
	two := strings.Contains(format, "%[2]d")
	for i := 1; i <= n; i++ {
		if two {
			fmt.Fprintf(&b, format, i, i-1)
		} else {
			fmt.Fprintf(&b, format, i)
		}
	}
	return b.String()
}

// TestHugeViews does the same to views: planning one must not hold up the others for long, and what
// one may hold is bounded.
func TestHugeViews(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE t (a int, b text)", "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
		"CREATE TABLE wide (c0 int"+numbered(", c%d int", 1599)+")",
		"INSERT INTO wide (c0, c1599) VALUES (1, 2)")
	for name, sql := range map[string]string{
		"or":     "SELECT a FROM t WHERE a = 1" + numbered(" OR a = %d", 9000),
		"in":     "SELECT a FROM t WHERE a IN (1" + numbered(", %d", 9000) + ")",
		"unions": "SELECT a FROM t" + strings.Repeat(" UNION SELECT a FROM t", 199),
		"joins":  "SELECT count(*) AS n FROM t t0" + numbered(" JOIN t t%[1]d ON t%[1]d.a = t0.a", 30),
		"wide":   "SELECT * FROM wide",
		"sums":   "SELECT sum(c0) AS s0" + numbered(", sum(c%[1]d) AS s%[1]d", 500) + " FROM wide",
		"whens":  "SELECT CASE a" + numbered(" WHEN %d THEN 1", 9000) + " END AS x FROM t",
	} {
		bounded(t, 10*time.Second, 500<<20, func() {
			w.exec("CREATE MATERIALIZED VIEW v_" + name + " AS " + sql)
		})
		w.beat(t)
	}
	w.exec("INSERT INTO t VALUES (3, 'z')", "INSERT INTO wide (c0, c1599) VALUES (3, 4)")
	w.want("SELECT count(*) FROM v_or", "3")
	w.want("SELECT count(*) FROM v_unions", "3")
	w.want("SELECT n FROM v_joins", "3")
	w.want("SELECT c0, c1599 FROM v_wide ORDER BY c0", "1|2,3|4")
	w.want("SELECT s0, s500 FROM v_sums", "4|NULL")
	for _, v := range []string{"or", "in", "unions", "joins", "wide", "sums", "whens"} {
		w.want("VERIFY MATERIALIZED VIEW v_"+v, "")
	}
	w.Restart()
	w.c = w.Conn()
	w.want("SELECT c0, c1599 FROM v_wide ORDER BY c0", "1|2,3|4")
}

// TestOddNames: names of 63 bytes and more, reserved words, emoji, quotes, right-to-left marks.
func TestOddNames(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("n", 63)
	for _, name := range []string{
		"select", "Upper Case", `with "quotes"`, "tidé ☃ 🚢", "\u202ertl", "a.b", "a;b", "1", " ", "$1", "'", "\t\n", strings.Repeat("é", 31), long,
	} {
		q := pgx.Identifier{name}.Sanitize()
		w.exec("CREATE TABLE "+q+" ("+q+" int PRIMARY KEY)", "CREATE MATERIALIZED VIEW "+pgx.Identifier{"v" + name[:min(len(name), 20)]}.Sanitize()+" AS SELECT count(*) AS "+q+" FROM "+q,
			"INSERT INTO "+q+" VALUES (1), (2)")
		w.want("SELECT "+q+" FROM "+pgx.Identifier{"v" + name[:min(len(name), 20)]}.Sanitize(), "2")
		w.want("SELECT count(*) FROM pg_class WHERE relname = "+literal(name), "1")
	}
	w.Restart()
	w.c = w.Conn()
	w.want(`SELECT * FROM "select" ORDER BY 1`, "1,2")

	// Longer ones are cut to 63 bytes, at a character.
	w.exec("CREATE TABLE "+long[:60]+"xyzuvw (a int)", "INSERT INTO "+long[:60]+"xyz VALUES (1)")
	w.want("SELECT count(*) FROM pg_class WHERE relname = '"+long[:60]+"xyz'", "1")
	w.exec(`CREATE TABLE "` + strings.Repeat("ü", 40) + `" (a int)`)
	w.want(`SELECT length(relname::text) FROM pg_class WHERE relname::text LIKE 'ü%'`, "31")
	w.fails("CREATE TABLE "+long[:60]+"xyz9 (a int)", "42P07", "already exists")
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// TestOddCharacters: bytes that are no text in UTF-8 or have no place in one.
func TestOddCharacters(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct{ sql, code string }{
		"Latin-1":         {"SELECT '\xe9'", "22021"},
		"overlong":        {"SELECT '\xc0\xaf'", "22021"},
		"surrogate":       {"SELECT '\xed\xa0\x80'", "22021"},
		"too far":         {"SELECT '\xf4\x90\x80\x80'", "22021"},
		"cut":             {"SELECT '\xe2\x98", "22021"},
		"in a name":       {"SELECT \"\xff\"", "22021"},
		"in a comment":    {"SELECT 1 -- \xff", "22021"},
		"UTF-16":          {"\xff\xfeS\xd8", "22021"},
		"BOM":             {"\ufeffSELECT 1", "42601"},
		"no-break space":  {"SELECT\u00a01", "42601"},
		"smart quotes":    {"SELECT ‘a’", "42703"},
		"control":         {"SELECT \x01", "42601"},
		"escape to NUL":   {`SELECT E'\000'`, "22021"},
		"escape to half":  {`SELECT E'\xe2\x98'`, "22021"},
		"escape to snow":  {`SELECT E'\xe2\x98\x83'`, ""},
		"escape high":     {`SELECT E'\U00110000'`, "42601"},
		"chr of half":     {"SELECT chr(55296)", "54000"},
		"convert_from":    {`SELECT convert_from('\xff', 'UTF8')`, "22021"},
		"json surrogate":  {`SELECT '"\ud800"'::jsonb`, "22P02"},
		"only blanks":     {" \t\r\n\f ", ""},
		"only semicolons": {";;;", ""},
		"nothing":         {"", ""},
		"only a comment":  {"-- hello", ""},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := w.c.PgConn().Exec(ctx, c.sql).ReadAll()
		cancel()
		e := pgError(err)
		if code := ""; err != nil && e == nil {
			t.Fatalf("%s: the connection broke: %v", name, err)
		} else if e != nil {
			code = e.Code
			if code != c.code {
				t.Errorf("%s: got %v, want %q", name, e, c.code)
			}
		} else if c.code != "" {
			t.Errorf("%s: accepted, want %s", name, c.code)
		}
	}
}
