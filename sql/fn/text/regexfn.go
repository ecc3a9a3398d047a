package text

import (
	"strings"
	"unicode/utf8"

	"tidemill/sql/are"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	for _, v := range []struct {
		name      string
		not, fold bool
		ex, res   string
	}{
		{"~", false, false, "select 'thomas' ~ 't.*ma'", "t"},
		{"!~", true, false, "select 'thomas' !~ 't.*max'", "t"},
		{"~*", false, true, "select 'thomas' ~* 'T.*ma'", "t"},
		{"!~*", true, true, "select 'thomas' !~* 'T.*ma'", "f"},
	} {
		def(familyPattern, v.name, sig(textT, textT), boolT, matchKernel(v.not, v.fold),
			"Tells whether a regular expression matches somewhere in a string.", v.ex, v.res)
	}
	def(familyPattern, "similar_to_escape", sig(textT), textT, fn.BytesUnary(textT, func(dst, a []byte) ([]byte, error) {
		return similar(dst, a, []byte(`\`))
	}), "Rewrites a SIMILAR TO pattern as a regular expression.", "select similar_to_escape('a%')", "^(?:a.*)$")
	def(familyPattern, "similar_to_escape", sig(textT, textT), textT, fn.BytesBinary(textT, similar),
		"Rewrites a SIMILAR TO pattern with its escape character as a regular expression.", "select similar_to_escape('a#%', '#')", `^(?:a\%)$`)
	def(familyPattern, "substring", sig(textT, textT), textT, regexRows(textT, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		re, err := compile(view(args[1].Bytes(i)), regexFlags{})
		if err != nil {
			return err
		}
		s := args[0].Bytes(i)
		return firstGroup(re, s, out)
	}), "Returns the part that a regular expression matches, its first group when it has one.", "select substring('Thomas' from '...$')", "mas")
	registerReplace()
	registerMatch()
	registerSplit()
}

func regexRows(ret types.Type, f func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error) fn.Kernel {
	return fn.Rowwise(ret, true, f)
}

func matchKernel(not, fold bool) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := fn.NewFixed[bool](c, boolT, n)
		a, b := args[0], args[1]
		out.Valid = c.AndValid(a.Valid, b.Valid, n)
		var re *are.Regexp
		var last string
		fn.Each(sel, n, out.Valid, func(i int) {
			if p := view(b.Bytes(i)); re == nil || p != last {
				var err error
				if re, err = compile(p, regexFlags{fold: fold}); err != nil {
					c.Fail(int32(i), err)
					return
				}
				last = p
			}
			ok, err := re.Match(a.Bytes(i))
			if err != nil {
				c.Fail(int32(i), err)
			}
			o[i] = ok != not
		})
		return out
	}
}

// similar rewrites a SIMILAR TO pattern as similar_to_escape does.
func similar(dst, p, esc []byte) ([]byte, error) {
	if utf8.RuneCount(esc) > 1 {
		return dst, sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").WithHint("Escape string must be empty or one character.")
	}
	dst = append(dst, "^(?:"...)
	escaped, bracket, separators := false, false, 0
	for i := 0; i < len(p); {
		_, n := utf8.DecodeRune(p[i:])
		ch := p[i : i+n]
		i += n
		switch c := ch[0]; {
		case escaped && c == '"' && !bracket:
			// Two of these mark the part that substring gives; each part is matched by itself.
			if separators++; separators > 2 {
				return dst, tooManySeparators()
			}
			dst = append(dst, ")(?:"...)
			escaped = false
		case escaped:
			dst = append(append(dst, '\\'), ch...)
			escaped = false
		case len(esc) > 0 && string(ch) == string(esc):
			escaped = true
		case bracket:
			if c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, ch...)
			bracket = c != ']'
		case c == '[':
			dst = append(dst, c)
			bracket = true
		case c == '%':
			dst = append(dst, '.', '*')
		case c == '_':
			dst = append(dst, '.')
		case c == '(':
			dst = append(dst, "(?:"...)
		case strings.IndexByte(`\.^$`, c) >= 0:
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, ch...)
		}
	}
	return append(dst, ")$"...), nil
}

// optionalText returns argument k of row i as text, "" when it is not given.
func optionalText(args []*rows.Vec, k, i int) string {
	if k < len(args) {
		return view(args[k].Bytes(i))
	}
	return ""
}

func registerReplace() {
	run := func(fname string, s, rep []byte, pattern, flags string, start, nth int64, dst []byte) ([]byte, error) {
		f, err := parseFlags(flags, true, fname)
		if err != nil {
			return dst, err
		}
		re, err := compile(pattern, f)
		if err != nil {
			return dst, err
		}
		if nth < 0 {
			nth = 1
			if f.global {
				nth = 0
			}
		}
		return replaceMatches(dst, s, rep, re, start, nth)
	}
	plain := func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
		return run("regexp_replace()", args[0].Bytes(i), args[2].Bytes(i), view(args[1].Bytes(i)), optionalText(args, 3, i), 1, -1, dst)
	}
	const doc = "Replaces the first match of a regular expression, all with flag g; \\1 to \\9 stand for groups and \\& for the match."
	def(familyPattern, "regexp_replace", sig(textT, textT, textT), textT, appending(textT, plain), doc, "select regexp_replace('Thomas', '.[mN]a.', 'M')", "ThM")
	def(familyPattern, "regexp_replace", sig(textT, textT, textT, textT), textT, appending(textT, plain), doc, "select regexp_replace('foobarbaz', 'b(..)', 'X\\1Y', 'g')", "fooXarYXazY")
	numbered := func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
		start, nth := args[3].I[i], int64(-1)
		if start < 1 {
			return dst, badParameter("start", start)
		}
		if len(args) > 4 {
			if nth = args[4].I[i]; nth < 0 {
				return dst, badParameter("n", nth)
			}
		}
		return run("regexp_replace()", args[0].Bytes(i), args[2].Bytes(i), view(args[1].Bytes(i)), optionalText(args, 5, i), start, nth, dst)
	}
	const doc2 = "Replaces the n-th match of a regular expression from a position on, all when n is 0."
	def(familyPattern, "regexp_replace", sig(textT, textT, textT, int4T), textT, appending(textT, numbered), doc2, "select regexp_replace('Thomas', '.', 'X', 3)", "ThXmas")
	def(familyPattern, "regexp_replace", sig(textT, textT, textT, int4T, int4T), textT, appending(textT, numbered), doc2, "select regexp_replace('Thomas', '.', 'X', 3, 2)", "ThoXas")
	def(familyPattern, "regexp_replace", sig(textT, textT, textT, int4T, int4T, textT), textT, appending(textT, numbered), doc2, "select regexp_replace('Thomas', 'M', 'X', 1, 1, 'i')", "ThoXas")
}

// firstGroup appends the first group of the first match, or the match when the pattern has no groups.
func firstGroup(re *are.Regexp, s []byte, out *rows.VecBuilder) error {
	m, err := re.Find(s, 0)
	g := 0
	if len(m) > 2 {
		g = 2
	}
	if m != nil && m[g] >= 0 {
		out.AppendBytes(s[m[g]:m[g+1]])
	}
	return err
}

// eachMatch gives one match after the other from byte from on, until f returns false. After an empty
// match the search goes on a character further.
func eachMatch(re *are.Regexp, s []byte, from int, f func(m []int) bool) error {
	for from <= len(s) {
		m, err := re.Find(s, from)
		if err != nil || m == nil || !f(m) {
			return err
		}
		if from = m[1]; m[0] == m[1] {
			_, n := utf8.DecodeRune(s[from:])
			from += max(n, 1)
		}
	}
	return nil
}

func badParameter(name string, v int64) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"%s\": %d", name, v)
}

// replaceMatches replaces match nth (all for 0) from character start on.
func replaceMatches(dst, s, rep []byte, re *are.Regexp, start, nth int64) ([]byte, error) {
	if start-1 > int64(utf8.RuneCount(s)) {
		return append(dst, s...), nil
	}
	before := len(dst)
	at := cut(s, int(min(start-1, int64(len(s)))))
	done := 0
	count := int64(0)
	err := eachMatch(re, s, at, func(m []int) bool {
		count++
		if nth > 0 && count != nth {
			return true
		}
		dst = append(dst, s[done:m[0]]...)
		dst = appendReplacement(dst, s, rep, m)
		done = m[1]
		return nth == 0 && len(dst)-before <= resultMax
	})
	if err == nil && len(dst)-before > resultMax {
		err = tooLong()
	}
	return append(dst, s[done:]...), err
}

func appendReplacement(dst, s, rep []byte, m []int) []byte {
	for i := 0; i < len(rep); i++ {
		if rep[i] != '\\' || i+1 == len(rep) {
			dst = append(dst, rep[i])
			continue
		}
		i++
		g := -1
		switch c := rep[i]; {
		case c == '&':
			g = 0
		case c >= '1' && c <= '9':
			g = int(c - '0')
		case c == '\\':
			dst = append(dst, '\\')
			continue
		default:
			dst = append(dst, '\\', c)
			continue
		}
		if 2*g+1 < len(m) && m[2*g] >= 0 {
			dst = append(dst, s[m[2*g]:m[2*g+1]]...)
		}
	}
	return dst
}

// groups returns the groups of a match, or the whole of it when the pattern has none.
func groups(s []byte, m []int) []types.Datum {
	if len(m) > 2 {
		m = m[2:]
	}
	out := make([]types.Datum, 0, len(m)/2)
	for k := 0; k+1 < len(m); k += 2 {
		if m[k] < 0 {
			out = append(out, types.NullOf(textT))
		} else {
			out = append(out, types.Datum{Type: textT, S: s[m[k]:m[k+1]]})
		}
	}
	return out
}

func registerMatch() {
	match := regexRows(textsT, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		f, err := parseFlags(optionalText(args, 2, i), false, "regexp_match()")
		if err != nil {
			return err
		}
		re, err := compile(view(args[1].Bytes(i)), f)
		if err != nil {
			return err
		}
		s := args[0].Bytes(i)
		m, err := re.Find(s, 0)
		if m != nil {
			out.CommitScratch(types.AppendArray(out.Scratch(), groups(s, m)))
		}
		return err
	})
	const doc = "Returns the groups of the first match of a regular expression, NULL when there is none."
	def(familyPattern, "regexp_match", sig(textT, textT), textsT, match, doc, "select regexp_match('foobarbequebaz', '(bar)(beque)')", "{bar,beque}")
	def(familyPattern, "regexp_match", sig(textT, textT, textT), textsT, match, doc, "select regexp_match('FOO', 'fo', 'i')", "{FO}")

	registerCount()
	for n := 2; n <= 3; n++ {
		registerMatches(n)
	}
}

func registerCount() {
	count := func(args []*rows.Vec, i int) (int64, error) {
		start := int64(1)
		if len(args) > 2 {
			if start = args[2].I[i]; start < 1 {
				return 0, badParameter("start", start)
			}
		}
		f, err := parseFlags(optionalText(args, 3, i), false, "regexp_count()")
		if err != nil {
			return 0, err
		}
		re, err := compile(view(args[1].Bytes(i)), f)
		if err != nil {
			return 0, err
		}
		s := args[0].Bytes(i)
		n := int64(0)
		if start-1 > int64(utf8.RuneCount(s)) {
			return 0, nil
		}
		err = eachMatch(re, s, cut(s, int(start-1)), func([]int) bool { n++; return true })
		return n, err
	}
	k := regexRows(int4T, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		n, err := count(args, i)
		if err == nil {
			out.AppendInt(n)
		}
		return err
	})
	const cdoc = "Counts the matches of a regular expression."
	def(familyPattern, "regexp_count", sig(textT, textT), int4T, k, cdoc, "select regexp_count('123456789012', '\\d\\d\\d')", "4")
	def(familyPattern, "regexp_count", sig(textT, textT, int4T), int4T, k, cdoc, "select regexp_count('123456789012', '\\d\\d\\d', 2)", "3")
	def(familyPattern, "regexp_count", sig(textT, textT, int4T, textT), int4T, k, cdoc, "select regexp_count('aBab', 'b', 1, 'i')", "2")
	like := regexRows(boolT, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		f, err := parseFlags(optionalText(args, 2, i), false, "regexp_like()")
		if err != nil {
			return err
		}
		re, err := compile(view(args[1].Bytes(i)), f)
		if err != nil {
			return err
		}
		ok, err := re.Match(args[0].Bytes(i))
		out.AppendBool(ok)
		return err
	})
	def(familyPattern, "regexp_like", sig(textT, textT), boolT, like, "Tells whether a regular expression matches somewhere in a string.", "select regexp_like('Hello World', 'world$')", "f")
	def(familyPattern, "regexp_like", sig(textT, textT, textT), boolT, like, "Tells whether a regular expression with flags matches somewhere in a string.", "select regexp_like('Hello World', 'world$', 'i')", "t")
}

// registerMatches registers the table function with n arguments.
func registerMatches(n int) {
	fn.RegisterTable(fn.Table{Name: "regexp_matches", Args: []types.Type{textT, textT, textT}[:n],
		Columns: []types.Field{{Name: "regexp_matches", Type: textsT}}, Family: familyPattern,
		Summary:  "Returns the groups of the first match of a regular expression, of all matches with flag g.",
		Examples: []fn.Example{{SQL: "select regexp_matches from regexp_matches('foobar', 'o(.)', 'g')", Result: "{o}"}},
		Rows: func(_ *fn.Ctx, args []types.Datum, out *rows.Builder) error {
			flags := ""
			for _, a := range args {
				if a.Null {
					return nil
				}
			}
			if len(args) > 2 {
				flags = string(args[2].S)
			}
			f, err := parseFlags(flags, true, "regexp_matches()")
			if err != nil {
				return err
			}
			re, err := compile(string(args[1].S), f)
			if err != nil {
				return err
			}
			return eachMatch(re, args[0].S, 0, func(m []int) bool {
				out.Cols[0].AppendBytes(types.AppendArray(nil, groups(args[0].S, m)))
				out.EndRow(1)
				return f.global
			})
		}})
}

// splitMatches cuts s at the matches of re. An empty match at the end, or right behind another, does
// not count.
func splitMatches(s []byte, re *are.Regexp) ([][]byte, error) {
	var out [][]byte
	done := 0
	err := eachMatch(re, s, 0, func(m []int) bool {
		if m[0] < len(s) && m[1] > done {
			out = append(out, s[done:m[0]])
			done = m[1]
		}
		return true
	})
	return append(out, s[done:]), err
}

func registerSplit() {
	k := regexRows(textsT, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		f, err := parseFlags(optionalText(args, 2, i), false, "regexp_split_to_array()")
		if err != nil {
			return err
		}
		re, err := compile(view(args[1].Bytes(i)), f)
		if err != nil {
			return err
		}
		parts, err := splitMatches(args[0].Bytes(i), re)
		if err != nil {
			return err
		}
		elems := make([]types.Datum, len(parts))
		for k, p := range parts {
			elems[k] = types.Datum{Type: textT, S: p}
		}
		out.CommitScratch(types.AppendArray(out.Scratch(), elems))
		return nil
	})
	const doc = "Splits a string at the matches of a regular expression into an array."
	def(familyPattern, "regexp_split_to_array", sig(textT, textT), textsT, k, doc, "select regexp_split_to_array('hello world', '\\s+')", "{hello,world}")
	def(familyPattern, "regexp_split_to_array", sig(textT, textT, textT), textsT, k, doc, "select regexp_split_to_array('aXbxc', 'x', 'i')", "{a,b,c}")
	for n := 2; n <= 3; n++ {
		fn.RegisterTable(fn.Table{Name: "regexp_split_to_table", Args: []types.Type{textT, textT, textT}[:n],
			Columns: []types.Field{{Name: "regexp_split_to_table", Type: textT}}, Family: familyPattern,
			Summary:  "Splits a string at the matches of a regular expression into rows.",
			Examples: []fn.Example{{SQL: "select regexp_split_to_table from regexp_split_to_table('hello world', '\\s+')", Result: "hello\nworld"}},
			Rows: func(_ *fn.Ctx, args []types.Datum, out *rows.Builder) error {
				flags := ""
				if len(args) > 2 {
					flags = string(args[2].S)
				}
				f, err := parseFlags(flags, false, "regexp_split_to_table()")
				if args[0].Null || args[1].Null || len(args) > 2 && args[2].Null {
					return nil
				}
				if err != nil {
					return err
				}
				re, err := compile(string(args[1].S), f)
				if err != nil {
					return err
				}
				parts, err := splitMatches(args[0].S, re)
				for _, p := range parts {
					out.Cols[0].AppendBytes(p)
					out.EndRow(1)
				}
				return err
			}})
	}
}
