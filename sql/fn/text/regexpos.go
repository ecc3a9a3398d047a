package text

import (
	"bytes"
	"unicode/utf8"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// regexpArgs are the arguments that regexp_instr and regexp_substr share.
type regexpArgs struct {
	start, n, end, group int64
	flags                string
}

// nthMatch finds match n from character start on and returns the bounds of one of its groups.
func nthMatch(args []*rows.Vec, i int, a regexpArgs, fname string) (from, to int, ok bool, err error) {
	switch {
	case a.start < 1:
		return 0, 0, false, badParameter("start", a.start)
	case a.n < 1:
		return 0, 0, false, badParameter("n", a.n)
	case a.end < 0 || a.end > 1:
		return 0, 0, false, badParameter("endoption", a.end)
	case a.group < 0:
		return 0, 0, false, badParameter("subexpr", a.group)
	}
	f, err := parseFlags(a.flags, false, fname)
	if err != nil {
		return 0, 0, false, err
	}
	re, err := compile(view(args[1].Bytes(i)), f)
	if err != nil {
		return 0, 0, false, err
	}
	s := args[0].Bytes(i)
	if a.start-1 > int64(utf8.RuneCount(s)) {
		return 0, 0, false, nil
	}
	err = eachMatch(re, s, cut(s, int(a.start-1)), func(m []int) bool {
		if a.n--; a.n > 0 {
			return true
		}
		if g := int(a.group); 2*g+1 < len(m) && m[2*g] >= 0 {
			from, to, ok = m[2*g], m[2*g+1], true
		}
		return false
	})
	return from, to, ok, err
}

func init() {
	number := func(args []*rows.Vec, k, i int, missing int64) int64 {
		if k < len(args) {
			return args[k].I[i]
		}
		return missing
	}
	instr := fn.Rowwise(int4T, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		a := regexpArgs{start: number(args, 2, i, 1), n: number(args, 3, i, 1), flags: optionalText(args, 5, i), group: number(args, 6, i, 0)}
		a.end = number(args, 4, i, 0)
		from, to, ok, err := nthMatch(args, i, a, "regexp_instr()")
		if err != nil {
			return err
		}
		if a.end == 1 {
			from = to
		}
		pos := int64(0)
		if ok {
			pos = int64(utf8.RuneCount(args[0].Bytes(i)[:from])) + 1
		}
		out.AppendInt(pos)
		return nil
	})
	all := sig(textT, textT, int4T, int4T, int4T, textT, int4T)
	for n := 2; n <= 7; n++ {
		def(familyPattern, "regexp_instr", all[:n], int4T, instr, "Returns the position of a match of a regular expression, or of one of its groups; 0 when there is none.",
			`select regexp_instr('ABCDEF', 'c(.)(..)', 1, 1, 0, 'i')`, "3")
	}
	substr := fn.Rowwise(textT, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		a := regexpArgs{start: number(args, 2, i, 1), n: number(args, 3, i, 1), flags: optionalText(args, 4, i), group: number(args, 5, i, 0)}
		from, to, ok, err := nthMatch(args, i, a, "regexp_substr()")
		if ok {
			out.AppendBytes(args[0].Bytes(i)[from:to])
		}
		return err
	})
	all = sig(textT, textT, int4T, int4T, textT, int4T)
	for n := 2; n <= 6; n++ {
		def(familyPattern, "regexp_substr", all[:n], textT, substr, "Returns a match of a regular expression, or one of its groups.",
			`select regexp_substr('ABCDEF', 'c(.)(..)', 1, 1, 'i', 2)`, "EF")
	}
	def(familyPattern, "substring", sig(textT, textT, textT), textT, fn.Rowwise(textT, true, similarPart),
		"Returns the part that a SQL regular expression puts between escaped quotes.", `select substring('Thomas' similar '%#"o_a#"_' escape '#')`, "oma")
	textArray := func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		strict := len(args) < 2 || args[1].B[i]
		parts, err := parseIdent(args[0].Bytes(i), strict)
		if err != nil {
			return err
		}
		elems := make([]types.Datum, len(parts))
		for k, p := range parts {
			elems[k] = types.TextDatum(p)
		}
		out.CommitScratch(types.AppendArray(out.Scratch(), elems))
		return nil
	}
	for n := 1; n <= 2; n++ {
		def(familyString, "parse_ident", sig(textT, boolT)[:n], textsT, fn.Rowwise(textsT, true, textArray),
			"Splits a qualified name into its parts.", `select parse_ident('"SomeSchema".someTable')`, "{SomeSchema,sometable}")
	}
}

func tooManySeparators() error {
	return sqlerr.New("2200C", "SQL regular expression may not contain more than two escape-double-quote separators")
}

// similarPart is substring(text SIMILAR pattern ESCAPE escape): the pattern has three parts, divided
// by the escape character and a quote, and the middle one is returned.
func similarPart(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
	s, p, esc := args[0].Bytes(i), args[1].Bytes(i), args[2].Bytes(i)
	if utf8.RuneCount(esc) > 1 {
		return sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").WithHint("Escape string must be empty or one character.")
	}
	parts := [][]byte{p}
	if len(esc) > 0 {
		parts = bytes.Split(p, append(bytes.Clone(esc), '"'))
	}
	switch {
	case len(parts) > 3:
		return tooManySeparators()
	case len(parts) == 2:
		return nil
	}
	var src []byte
	for k, part := range parts {
		re, err := similar(nil, part, esc)
		if err != nil {
			return err
		}
		re = re[len("^(?:") : len(re)-len(")$")]
		switch {
		case len(parts) == 3 && k == 0: // as short as it can be
			src = append(append(append(src, "^(?:"...), re...), "){1,1}?"...)
		case len(parts) == 3 && k == 1:
			src = append(append(append(src, '('), re...), "){1,1}"...)
		case len(parts) == 3:
			src = append(append(append(src, "(?:"...), re...), ")$"...)
		default:
			src = append(append(append(src, "^(?:"...), re...), ")$"...)
		}
	}
	re, err := compile(string(src), regexFlags{})
	if err != nil {
		return err
	}
	return firstGroup(re, s, out)
}

// parseIdent splits a name as the parser would.
func parseIdent(s []byte, strict bool) ([]string, error) {
	bad := func(detail string) error {
		e := sqlerr.New(sqlerr.InvalidParameterValue, "string is not a valid identifier: \"%s\"", s)
		if detail != "" {
			e = e.WithDetail("%s", detail)
		}
		return e
	}
	space := func(i int) int {
		for i < len(s) && bytes.IndexByte([]byte(" \t\n\r\f"), s[i]) >= 0 {
			i++
		}
		return i
	}
	var out []string
	i := space(0)
	for {
		switch {
		case i < len(s) && s[i] == '"':
			var name []byte
			i++
			for {
				end := bytes.IndexByte(s[i:], '"')
				if end < 0 {
					return nil, bad("String has unclosed double quotes.")
				}
				name = append(name, s[i:i+end]...)
				i += end + 1
				if i >= len(s) || s[i] != '"' {
					break
				}
				name = append(name, '"')
				i++
			}
			if len(name) == 0 {
				return nil, bad("Quoted identifier must not be empty.")
			}
			out = append(out, string(name))
		case i < len(s) && (s[i] == '_' || s[i] >= 0x80 || s[i]|32 >= 'a' && s[i]|32 <= 'z'):
			start := i
			for i < len(s) && (s[i] == '_' || s[i] == '$' || s[i] >= 0x80 || s[i]|32 >= 'a' && s[i]|32 <= 'z' || s[i] >= '0' && s[i] <= '9') {
				i++
			}
			out = append(out, string(bytes.ToLower(s[start:i])))
		case i < len(s) && s[i] == '.':
			return nil, bad("No valid identifier before \".\".")
		case len(out) > 0:
			return nil, bad("No valid identifier after \".\".")
		default:
			return nil, bad("")
		}
		if i = space(i); i < len(s) && s[i] == '.' {
			i = space(i + 1)
			continue
		}
		if i < len(s) && strict {
			return nil, bad("")
		}
		return out, nil
	}
}
