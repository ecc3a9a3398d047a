//go:build services

package functions

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tidemill/sql/are"
	"tidemill/sql/sqlerr"
	"tidemill/tests/kit"
)

// TestRegexesEqualPostgres matches random patterns, with all that the syntax has, with random texts of a
// few letters: whether, where, and what the groups are.
func TestRegexesEqualPostgres(t *testing.T) { matching(t) }

// TestSoakRegexes is the same for as long as TIDEMILL_SOAK says.
func TestSoakRegexes(t *testing.T) {
	soak(t)
	matching(t)
}

func matching(t *testing.T) {
	s := seed(t)
	pg := postgres(t)
	kit.Exec(t, pg, helper)
	r := rand.New(rand.NewPCG(s, 3))
	end := time.Now().Add(length(t, 10*time.Second))
	const batch = 200
	bad, tried, matched := 0, 0, 0
	for tried == 0 || time.Now().Before(end) && bad < 40 {
		var patterns, texts, values []string
		for range batch {
			patterns, texts = append(patterns, pattern(r, 3)), append(texts, letters(r, r.IntN(9)))
		}
		for i := range patterns {
			values = append(values, fmt.Sprintf("(%d, %s, %s)", i, quote(patterns[i]), quote(texts[i])))
		}
		// A function of the session turns errors into values, and gives all matches.
		sql := "SELECT pg_temp.matches(t, p) FROM (VALUES " + strings.Join(values, ", ") + ") AS v (i, p, t) ORDER BY i"
		res := pg.PgConn().ExecParams(context.Background(), sql, nil, nil, nil, nil).Read()
		if res.Err != nil {
			t.Fatal(res.Err)
		}
		for i, row := range res.Rows {
			got, want := matches(patterns[i], texts[i]), string(row[0])
			tried++
			if want != "" && !strings.HasPrefix(want, "error") {
				matched++
			}
			if got != want && !(missedAtEnd(patterns[i]) && strings.HasPrefix(got, want[:strings.IndexByte(want, '/')])) {
				bad++
				t.Errorf("%q in %q: got %q, want %q", patterns[i], texts[i], got, want)
			}
		}
	}
	t.Logf("%d patterns, %d match", tried, matched)
}

// missedAtEnd tells of patterns with back references whose empty matches at the end of the text PostgreSQL
// misses: 'b' ~ '$|\\1' is false of a pattern with a group.
func missedAtEnd(p string) bool {
	return strings.ContainsAny(p, "123") && (strings.ContainsAny(p, "$") || strings.Contains(p, `\`) || strings.Contains(p, "[[:>:]]") || strings.Contains(p, "(?"))
}

// helper gives all matches with their groups, or the error.
const helper = `CREATE FUNCTION pg_temp.matches(t text, p text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text[]; out text := '';
BEGIN
  FOR m IN SELECT regexp_matches(t, p, 'g') LOOP out := out || m::text; END LOOP;
  RETURN out || '/' || regexp_replace(t, p, '<\&>', 'g') || '/' || (t ~ p);
EXCEPTION WHEN others THEN RETURN 'error ' || sqlerrm; END $$`

// matches is the same by the package.
func matches(pattern, text string) string {
	re, err := are.Compile(pattern, are.Options{})
	if err != nil {
		return "error " + sqlerr.As(err).Message
	}
	var groups, marked strings.Builder
	at, done := 0, 0
	for at <= len(text) {
		m, err := re.Find([]byte(text), at)
		if err != nil {
			return "error " + sqlerr.As(err).Message
		}
		if m == nil {
			break
		}
		marked.WriteString(text[done:m[0]] + "<" + text[m[0]:m[1]] + ">")
		done = m[1]
		if at = m[1]; m[0] == m[1] {
			at++
		}
		if len(m) > 2 {
			m = m[2:]
		}
		var list []string
		for k := 0; k < len(m); k += 2 {
			switch {
			case m[k] < 0:
				list = append(list, "NULL")
			case m[k] == m[k+1]:
				list = append(list, `""`)
			default:
				list = append(list, text[m[k]:m[k+1]])
			}
		}
		groups.WriteString("{" + strings.Join(list, ",") + "}")
	}
	ok, err := re.Match([]byte(text))
	if err != nil {
		return "error " + sqlerr.As(err).Message
	}
	return groups.String() + "/" + marked.String() + text[done:] + "/" + fmt.Sprint(ok)
}

func letters(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte("aaabbbcAB1"[r.IntN(10)])
	}
	return b.String()
}

// pattern draws a pattern; deep bounds its nesting.
func pattern(r *rand.Rand, deep int) string {
	var b strings.Builder
	if deep == 3 && r.IntN(8) == 0 {
		b.WriteString([]string{"(?i)", "(?n)", "***:", "(?x)", "***=", "(?q)", "(?w)"}[r.IntN(7)])
	}
	for alt := range 1 + r.IntN(5)/3 {
		if alt > 0 {
			b.WriteByte('|')
		}
		for range r.IntN(4) {
			b.WriteString(quantified(r, deep))
		}
	}
	return b.String()
}

func quantified(r *rand.Rand, deep int) string {
	if r.IntN(8) == 0 {
		return []string{"^", "$", `\m`, `\M`, `\y`, `\Y`, `\A`, `\Z`, "[[:<:]]", "[[:>:]]"}[r.IntN(10)]
	}
	var a string
	switch k := r.IntN(14); {
	case deep > 0 && k < 4:
		a = "(" + pattern(r, deep-1) + ")"
	case deep > 0 && k < 5:
		a = "(?:" + pattern(r, deep-1) + ")"
	case deep > 0 && k < 6:
		return []string{"(?=", "(?!", "(?<=", "(?<!"}[r.IntN(4)] + pattern(r, deep-1) + ")"
	case k < 7:
		a = []string{`\1`, `\2`, `\1`, `\3`}[r.IntN(4)]
	case k < 9:
		a = []string{".", "[ab]", "[^a]", `\w`, `\W`, `\d`, "[a-c]", "[[:upper:]]", `\s`, `[^[:alpha:]]`, "(?#x)b", `[\w]`}[r.IntN(12)]
	default:
		a = string("aabbcAB"[r.IntN(7)])
	}
	if r.IntN(3) > 0 {
		return a
	}
	return a + []string{"*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{1,2}?", "{0}", "{2}?", "{0,1}", "{1,}", "{1,1}", "{1,1}?", "{,2}"}[r.IntN(16)]
}
