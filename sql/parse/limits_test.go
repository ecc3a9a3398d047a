package parse

import (
	"strings"
	"testing"
	"time"

	"tidemill/sql/sqlerr"
)

// TestLimits feeds texts that would exhaust the stack or the memory of a parser without limits. Each
// must be answered quickly with the given code, or accepted when the code is empty.
func TestLimits(t *testing.T) {
	rep := strings.Repeat
	nest := func(n int, open, in, end string) string { return rep(open, n) + in + rep(end, n) }
	cases := []struct {
		name, text string
		code       sqlerr.Code
	}{
		{"text", "select 1" + rep(" ", 1<<20), sqlerr.ProgramLimitExceeded},
		{"blanks", rep(" ", 1<<20), ""},
		{"semicolons", rep(";", 1<<20), ""},
		{"statements", rep("select 1;", 1000), ""},
		{"brackets 190", "select " + nest(190, "(", "1", ")"), ""},
		{"brackets 201", "select " + nest(201, "(", "1", ")"), sqlerr.StatementTooComplex},
		{"brackets open", "select " + rep("(", 1_000_000), sqlerr.StatementTooComplex},
		{"square", "select a" + rep("[a", 300_000), sqlerr.StatementTooComplex},
		{"not", "select " + rep("not ", 250_000) + "true", sqlerr.StatementTooComplex},
		{"minus", "select " + rep("- ", 500_000) + "1", sqlerr.StatementTooComplex},
		{"tilde", "select " + rep("~ ", 500_000) + "1", sqlerr.StatementTooComplex},
		{"case", "select " + rep("case when ", 100_000), sqlerr.StatementTooComplex},
		{"case else", "select " + nest(250, "case when a then b else ", "c", " end"), sqlerr.StatementTooComplex},
		{"casts", "select a" + rep("::int", 200_000), sqlerr.StatementTooComplex},
		{"subscripts", "select a" + rep("[1]", 300_000), sqlerr.StatementTooComplex},
		{"fields", "select (a)" + rep(".b", 400_000), sqlerr.StatementTooComplex},
		{"zones", "select a" + rep(" at time zone b", 60_000), sqlerr.StatementTooComplex},
		{"collates", "select a" + rep(" collate b", 60_000), sqlerr.StatementTooComplex},
		{"selects", rep("select (", 100_000), sqlerr.StatementTooComplex},
		{"exists", "select " + nest(190, "exists (select 1 where ", "true", ")"), ""},
		{"derived", nest(190, "select * from (", "select 1", ") x"), ""},
		{"derived 210", nest(210, "select * from (", "select 1", ") x"), sqlerr.StatementTooComplex},
		{"with", rep("with a as (", 300) + "select 1", sqlerr.StatementTooComplex},
		{"plus 1000", "select 1" + rep("+1", 1000), ""},
		{"plus", "select 1" + rep("+1", 500_000), sqlerr.StatementTooComplex},
		{"mixed levels", "select " + rep("a+a*a^", 100_000) + "a", sqlerr.StatementTooComplex},
		{"concat", "select ''" + rep("||a", 300_000), sqlerr.StatementTooComplex},
		{"compare", "select a" + rep(" = a", 200_000), sqlerr.StatementTooComplex},
		{"is null", "select a" + rep(" is null", 100_000), sqlerr.StatementTooComplex},
		{"in", "select a" + rep(" in (b)", 100_000), sqlerr.StatementTooComplex},
		{"or 9999", "select a" + rep(" or a", 9999), ""},
		{"equal or 9999", "select a = 1" + rep(" or a = 1", 9999), ""},
		{"or", "select a" + rep(" or a", 200_000), sqlerr.ProgramLimitExceeded},
		{"and or", "select a" + rep(" and a or b", 90_000), sqlerr.ProgramLimitExceeded},
		{"and in or", "select a" + rep(" or (a"+rep(" and b", 100)+")", 1000), ""},
		{"deep chains", "select " + nest(190, "(a"+rep("+a", 900)+"+", "1", ")"), sqlerr.StatementTooComplex},
		{"deep logic", "select " + nest(190, "(a"+rep(" or a", 200)+" or ", "a", ")"), ""},
		{"list 10000", "select a in (1" + rep(",1", 9999) + ")", ""},
		{"list", "select a in (1" + rep(",1", 400_000) + ")", sqlerr.ProgramLimitExceeded},
		{"rows", "values (1)" + rep(",(1)", 200_000), sqlerr.ProgramLimitExceeded},
		{"items", "select 1" + rep(",1", 400_000), sqlerr.ProgramLimitExceeded},
		{"arguments", "select f(1" + rep(",1", 400_000) + ")", sqlerr.ProgramLimitExceeded},
		{"array", "select array[1" + rep(",1", 400_000) + "]", sqlerr.ProgramLimitExceeded},
		{"whens", "select case" + rep(" when a then b", 70_000) + " end", sqlerr.ProgramLimitExceeded},
		{"unions 200", "select 1" + rep(" union select 1", 199), ""},
		{"unions", "select 1" + rep(" union select 1", 60_000), sqlerr.StatementTooComplex},
		{"nested unions", nest(80, "(select 1 union ", "select 1", ")"), ""},
		{"joins 32", "select 1 from a" + rep(" join a on true", 31), ""},
		{"joins", "select 1 from a" + rep(" join a on true", 50_000), sqlerr.StatementTooComplex},
		{"commas", "select 1 from a" + rep(",a", 400_000), sqlerr.StatementTooComplex},
		{"ctes", "with a as (select 1)" + rep(", a as (select 1)", 50_000) + " select 1", sqlerr.ProgramLimitExceeded},
		{"cube", "select 1 group by cube(a" + rep(",a", 9000) + ")", sqlerr.StatementTooComplex},
		{"nested cube", "select 1 group by grouping sets (cube(" + rep("a,", 30) + "a))", sqlerr.StatementTooComplex},
		{"columns 1600", "create table t (a int" + rep(",a int", 1599) + ")", ""},
		{"columns", "create table t (a int" + rep(",a int", 100_000) + ")", sqlerr.TooManyColumns},
		{"comment", rep("/*", 500_000), sqlerr.SyntaxError},
		{"explain", rep("explain ", 100_000) + "select 1", sqlerr.SyntaxError},
		{"prepare", rep("prepare a as ", 70_000) + "select 1", sqlerr.SyntaxError},
		{"quotes", "select " + rep("'", 1_000_001), sqlerr.SyntaxError},
		{"dots", "select a" + rep(".a", 500_000), ""},
		{"operator", "select a " + rep("@", 1_000_000) + " b", sqlerr.SyntaxError},
		{"hex", "select 0x" + rep("f", 1_000_000), sqlerr.SyntaxError},
		{"digits", "select " + rep("9", 1_000_000), ""},
		{"tail", "select 1" + rep(" for update", 80_000), sqlerr.ProgramLimitExceeded},
		{"wraps", "select " + nest(100, "(", "f(1"+rep(",1", 9990)+")", ")"+rep("::int", 90)), sqlerr.StatementTooComplex},
		{"wide wraps", "select " + nest(100, "(", rep("f(1"+rep(",1", 9990)+"),", 40)+"1", ")"+rep("::int", 20)), sqlerr.StatementTooComplex},
		{"in chain", "select a" + rep(" in ("+rep("1,", 400)+"1) + a", 900), sqlerr.StatementTooComplex},
		{"nul", "select 1\x00", sqlerr.CharacterNotInRepertoire},
		{"latin1", "select '\xe9'", sqlerr.CharacterNotInRepertoire},
		{"overlong", "select '\xc0\xaf'", sqlerr.CharacterNotInRepertoire},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse(c.text)
			took := time.Since(start)
			if took > 3*time.Second {
				t.Errorf("took %s", took)
			}
			t.Log(took.Round(100 * time.Microsecond))
			switch {
			case err == nil && c.code != "":
				t.Errorf("accepted, want %s", c.code)
			case err != nil && sqlerr.As(err).Code != c.code:
				t.Errorf("got %.200s, want %q", err.Error(), c.code)
			}
		})
	}
}
