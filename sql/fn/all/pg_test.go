package all

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// These tests compare with a real PostgreSQL. TIDEMILL_PG holds the arguments of psql that reach one
// with the C locale and time zone UTC, e.g. "-h /tmp -p 5432 -U postgres".

// psql runs a script and returns what it prints, unaligned and without headers.
func psql(t *testing.T, script string) string {
	t.Helper()
	conn := os.Getenv("TIDEMILL_PG")
	if conn == "" {
		t.Skip("TIDEMILL_PG is not set")
	}
	cmd := exec.Command("psql", append(strings.Fields(conn), "-AtqX", "-P", "null=NULL")...)
	cmd.Stdin = strings.NewReader(script)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, errs.String())
	}
	return string(out) + errs.String()
}

const separator = "----next----"

// undocumented tells whether a function of the reference pages lacks something. What functions of the
// system say depends on the server, and those of enums need a type to be made first, so they need no
// example.
func undocumented(family, summary string, examples []fn.Example) bool {
	switch family {
	case "":
		return false
	case "Administration", "Enums", "Session information", "System catalogue":
		return summary == ""
	}
	return summary == "" || len(examples) == 0
}

// Every example is true of PostgreSQL itself, so the reference pages cannot promise what it does not do.
func TestExamplesHoldInPostgres(t *testing.T) {
	var examples []fn.Example
	for _, s := range fn.Scalars() {
		examples = append(examples, s.Examples...)
		if undocumented(s.Family, s.Summary, s.Examples) {
			t.Errorf("%s%v: no example or summary", s.Name, s.Args)
		}
	}
	for _, a := range fn.Aggregates() {
		examples = append(examples, a.Examples...)
		if undocumented(a.Family, a.Summary, a.Examples) {
			t.Errorf("%s%v: no example or summary", a.Name, a.Args)
		}
	}
	for _, f := range fn.Tables() {
		examples = append(examples, f.Examples...)
		if undocumented(f.Family, f.Summary, f.Examples) {
			t.Errorf("%s%v: no example or summary", f.Name, f.Args)
		}
	}
	var script strings.Builder
	for _, e := range examples {
		fmt.Fprintf(&script, "%s;\n\\echo %s\n", e.SQL, separator)
	}
	got := strings.Split(psql(t, script.String()), separator+"\n")
	for i, e := range examples {
		want := strings.TrimRight(e.Result, "\n") + "\n"
		if i >= len(got) || got[i] != want {
			t.Errorf("%s\ngot  %q\nwant %q", e.SQL, got[min(i, len(got)-1)], want)
		}
	}
}

// samples are the arguments that every function is tried with, per type.
var samples = map[types.ID][]string{
	types.Bool:        {"true", "false"},
	types.Int2:        {"0", "1", "-1", "7", "-32768", "32767", "3"},
	types.Int4:        {"0", "1", "-1", "7", "-2147483648", "2147483647", "31", "46341"},
	types.Int8:        {"0", "1", "-1", "7", "-9223372036854775808", "9223372036854775807", "3037000500", "33"},
	types.Float4:      {"0", "1.5", "-2", "NaN", "Infinity", "3e38", "1e-40"},
	types.Float8:      {"0", "-0", "1", "0.5", "-0.5", "2.5", "30", "-45", "NaN", "Infinity", "-Infinity", "1e308", "1e-308", "700"},
	types.Numeric:     {"0", "1", "-1.50", "2.5", "0.001", "NaN", "Infinity", "-Infinity", "12345678901234567890.123", "-7", "100.00"},
	types.Text:        {"", "a", "B", "ab", "é", "twelve bytes", "thirteen byte", "0123456789", "a somewhat longer text of 3 blocks"},
	types.Name:        {"", "a"},
	types.Bpchar:      {"a", "a  ", "b"},
	types.Bytea:       {`\x`, `\x00`, `\x0001`},
	types.Date:        {"2024-02-29", "1969-12-31", "infinity", "-infinity"},
	types.Time:        {"00:00", "23:59:59.999999"},
	types.Timestamp:   {"2024-02-29 00:00", "1969-12-31 12:34:56.789", "infinity"},
	types.Timestamptz: {"2024-02-29 00:00+00", "1969-12-31 00:00+02", "-infinity"},
	types.Interval:    {"1 month", "30 days", "720:00:00", "-1 day", "0"},
	types.UUID:        {"00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
	types.JSONB:       {`{"a":1}`, `[1,2]`, `"x"`, `null`, `1.0`, `1.00`, `[]`},
	types.OID:         {"0", "42"},
}

// Every operator and function of fixed argument types gives what PostgreSQL gives, errors included,
// over all combinations of samples.
func TestScalarsAgreeWithPostgres(t *testing.T) {
	script := strings.Builder{}
	script.WriteString(`create or replace function pg_temp.try(q text) returns text language plpgsql as $$
declare r text; begin execute 'select (' || q || ')::text' into r; return coalesce(r, 'NULL');
exception when others then return 'ERROR ' || sqlstate || ' ' || sqlerrm; end $$;
set extra_float_digits = 1;
`)
	type call struct{ sql, got string }
	var calls []call
	for _, s := range fn.Scalars() {
		if s.Volatility == fn.Volatile || len(s.Args) == 0 || !mine[s.Name] {
			continue
		}
		for _, args := range combinations(s.Args, 90) {
			sql := callSQL(s, args)
			calls = append(calls, call{sql, evaluate(t, s, args)})
			fmt.Fprintf(&script, "select replace(pg_temp.try($q$%s$q$), E'\\n', ' ');\n", sql)
		}
	}
	lines := strings.Split(psql(t, script.String()), "\n")
	if len(lines) < len(calls) {
		t.Fatalf("%d answers to %d calls", len(lines), len(calls))
	}
	bad := 0
	for i, c := range calls {
		if lines[i] != c.got && !close(lines[i], c.got) {
			if bad++; bad <= 60 {
				t.Errorf("%s\n got %s\nwant %s", c.sql, c.got, lines[i])
			}
		}
	}
	t.Logf("%d calls, %d differ", len(calls), bad)
}

// mine are the names that this package's neighbours cmp and math register.
var mine = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`= <> < <= > >= + - * / % ^ & | # ~ << >> @ |/ ||/ greatest least nullif abs ceil ceiling
		floor round trunc sign sqrt cbrt power pow exp ln log log10 mod div gcd lcm degrees radians sin cos tan cot sind
		cosd tand cotd asin acos atan asind acosd atand atan2 atan2d sinh cosh tanh asinh acosh atanh width_bucket scale
		hashint2 hashint4 hashint8 hashtext min_scale trim_scale factorial num_nulls num_nonnulls`) {
		m[n] = true
	}
	return m
}()

// close allows the last digits of transcendental functions, which differ between C libraries too.
func close(a, b string) bool {
	var x, y float64
	if _, err := fmt.Sscan(a, &x); err != nil {
		return false
	}
	if _, err := fmt.Sscan(b, &y); err != nil {
		return false
	}
	if strings.Contains(a, "ERROR") || strings.Contains(b, "ERROR") {
		return false
	}
	d := x - y
	if d < 0 {
		d = -d
	}
	m := max(x, -x, 1e-300)
	return d <= m*4e-15
}

func combinations(args []types.Type, limit int) [][]string {
	out := [][]string{nil}
	for _, a := range args {
		vals := samples[a.ID]
		if vals == nil {
			return nil
		}
		var next [][]string
		for _, o := range out {
			for _, v := range vals {
				next = append(next, append(append([]string(nil), o...), v))
			}
		}
		out = next
	}
	if len(out) > limit {
		step := len(out)/limit + 1
		var some [][]string
		for i := 0; i < len(out); i += step {
			some = append(some, out[i])
		}
		out = some
	}
	return out
}

func callSQL(s *fn.Scalar, args []string) string {
	lits := make([]string, len(args))
	for i, a := range args {
		lits[i] = fmt.Sprintf("'%s'::%s", a, fn.TypeName(s.Args[i]))
		if s.Args[i].ID == types.Bpchar {
			lits[i] = fmt.Sprintf("'%s'::bpchar", a)
		}
	}
	if !strings.ContainsAny(s.Name[:1], "+-*/<>=~!@#%^&|") {
		return s.Name + "(" + strings.Join(lits, ", ") + ")"
	}
	if len(lits) == 1 {
		return s.Name + " (" + lits[0] + ")"
	}
	return lits[0] + " " + s.Name + " " + lits[1]
}

func evaluate(t *testing.T, s *fn.Scalar, args []string) string {
	e := &expr.Expr{Kind: expr.Call, Name: s.Name, ArgTypes: s.Args, Type: s.ReturnType(s.Args)}
	for i, a := range args {
		d, err := types.ParseText(s.Args[i], a, &types.Env{})
		if err != nil {
			t.Fatalf("%s %q: %v", s.Args[i], a, err)
		}
		e.Args = append(e.Args, expr.Lit(d))
	}
	c := &fn.Ctx{}
	d, err := expr.EvalScalar(c, e)
	if err != nil {
		e := sqlerr.As(err)
		return "ERROR " + string(e.Code) + " " + e.Message
	}
	if d.Null {
		return "NULL"
	}
	if d.Type.ID == types.Bool { // bool::text
		return fmt.Sprint(d.B)
	}
	return types.TextOf(d, &types.Env{})
}
