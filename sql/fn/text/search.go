package text

import (
	"bytes"
	"unicode/utf8"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	def(familyString, "replace", sig(textT, textT, textT), textT, appending(textT, func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
		a, from, to := args[0].Bytes(i), args[1].Bytes(i), args[2].Bytes(i)
		if grow := len(to) - len(from); grow > 0 && len(from) > 0 && bytes.Count(a, from)*grow > resultMax {
			return dst, tooLong()
		}
		return appendReplaced(dst, a, from, to), nil
	}), "Replaces all occurrences of a substring.", "select replace('abcdefabcdef', 'cd', 'XX')", "abXXefabXXef")
	def(familyString, "translate", sig(textT, textT, textT), textT, appending(textT, func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
		return appendTranslated(dst, args[0].Bytes(i), []rune(string(args[1].Bytes(i))), []rune(string(args[2].Bytes(i)))), nil
	}), "Replaces each character of a set by the one at the same place in another.", "select translate('12345', '143', 'ax')", "a2x5")
	position := func(a, b []byte) int64 {
		at := bytes.Index(a, b)
		if at < 0 {
			return 0
		}
		return int64(utf8.RuneCount(a[:at])) + 1
	}
	// POSITION(a IN b) arrives as position(b, a), the order of Postgres's own function.
	for name, ex := range map[string][2]string{"position": {"select position('om' in 'Thomas')", "3"}, "strpos": {"select strpos('high', 'ig')", "2"}} {
		def(familyString, name, sig(textT, textT), int4T, fn.OfBytes2(int4T, position), "Returns the position of a substring, 0 when there is none.", ex[0], ex[1])
	}
	def(familyBinary, "position", sig(byteaT, byteaT), int4T, fn.OfBytes2(int4T, func(a, b []byte) int64 { return int64(bytes.Index(a, b)) + 1 }),
		"Returns the position of a binary substring, 0 when there is none.", `select position('\x56'::bytea in '\x1234567890'::bytea)`, "3")
	def(familyString, "starts_with", sig(textT, textT), boolT, fn.OfBytes2(boolT, func(a, b []byte) bool { return bytes.HasPrefix(a, b) }),
		"Tells whether a string starts with another.", "select starts_with('alphabet', 'alph')", "t")
	def(familyString, "^@", sig(textT, textT), boolT, fn.OfBytes2(boolT, func(a, b []byte) bool { return bytes.HasPrefix(a, b) }),
		"Tells whether a string starts with another.", "select 'alphabet' ^@ 'alph'", "t")
	def(familyString, "split_part", sig(textT, textT, int4T), textT, appending(textT, func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
		return appendPart(dst, args[0].Bytes(i), args[1].Bytes(i), args[2].I[i])
	}), "Splits at a delimiter and returns the n-th part, from the end when n is negative.", "select split_part('abc~@~def~@~ghi', '~@~', 2)", "def")

	for _, null := range []bool{false, true} {
		args, ex, res := sig(textT, textT), "select string_to_array('xx~~yy~~zz', '~~')", "{xx,yy,zz}"
		if null {
			args, ex, res = sig(textT, textT, textT), "select string_to_array('xx~~yy~~zz', '~~', 'yy')", "{xx,NULL,zz}"
		}
		fn.RegisterScalar(fn.Scalar{Name: "string_to_array", Args: args, Ret: textsT, Kernel: fn.Rowwise(textsT, false, stringToArray),
			Family: familyString, Summary: "Splits a string at a delimiter into an array; a third argument is the text that means NULL.",
			Examples: []fn.Example{{SQL: ex, Result: res}}})
	}
	for _, null := range []bool{false, true} {
		args, ex, res := sig(fn.AnyArray, textT), "select array_to_string(ARRAY[1, 2, NULL, 3], ',')", "1,2,3"
		if null {
			args, ex, res = sig(fn.AnyArray, textT, textT), "select array_to_string(ARRAY[1, 2, NULL, 5], ',', '*')", "1,2,*,5"
		}
		fn.RegisterScalar(fn.Scalar{Name: "array_to_string", Args: args, Ret: textT, Kernel: fn.Rowwise(textT, false, arrayToString),
			Volatility: fn.Stable, Family: familyString, Summary: "Joins the text forms of an array's elements; NULLs are left out unless a text for them is given.",
			Examples: []fn.Example{{SQL: ex, Result: res}}})
	}
	fn.RegisterTable(fn.Table{Name: "string_to_table", Args: sig(textT, textT),
		Columns: []types.Field{{Name: "string_to_table", Type: textT}}, Family: familyString,
		Summary:  "Splits a string at a delimiter into rows.",
		Examples: []fn.Example{{SQL: "select string_to_table from string_to_table('a,b', ',')", Result: "a\nb"}},
		Rows: func(_ *fn.Ctx, args []types.Datum, out *rows.Builder) error {
			if args[0].Null {
				return nil
			}
			for _, p := range splitParts(args[0].S, args[1].S, args[1].Null) {
				out.Cols[0].AppendBytes(p)
				out.EndRow(1)
			}
			return nil
		}})
}

func appendReplaced(dst, a, from, to []byte) []byte {
	if len(from) == 0 {
		return append(dst, a...)
	}
	for {
		i := bytes.Index(a, from)
		if i < 0 {
			return append(dst, a...)
		}
		dst = append(append(dst, a[:i]...), to...)
		a = a[i+len(from):]
	}
}

func appendTranslated(dst, a []byte, from, to []rune) []byte {
next:
	for _, r := range view(a) {
		for k, f := range from {
			if f == r {
				if k < len(to) {
					dst = utf8.AppendRune(dst, to[k])
				}
				continue next
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

func appendPart(dst, a, sep []byte, n int64) ([]byte, error) {
	if n == 0 {
		return dst, sqlerr.New(sqlerr.InvalidParameterValue, "field position must not be zero")
	}
	if len(sep) == 0 {
		if n == 1 || n == -1 {
			return append(dst, a...), nil
		}
		return dst, nil
	}
	if n < 0 {
		if n += int64(bytes.Count(a, sep)) + 2; n <= 0 {
			return dst, nil
		}
	}
	for ; ; n-- {
		i := bytes.Index(a, sep)
		if n == 1 {
			if i >= 0 {
				a = a[:i]
			}
			return append(dst, a...), nil
		}
		if i < 0 {
			return dst, nil
		}
		a = a[i+len(sep):]
	}
}

// splitParts cuts a at sep; a NULL separator splits into characters, an empty one not at all.
func splitParts(a, sep []byte, nullSep bool) [][]byte {
	switch {
	case len(a) == 0:
		return nil
	case nullSep:
		return bytes.Split(a, nil)
	case len(sep) == 0:
		return [][]byte{a}
	}
	return bytes.Split(a, sep)
}

func stringToArray(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
	if args[0].IsNull(i) {
		return nil
	}
	null := []byte(nil)
	if len(args) > 2 && !args[2].IsNull(i) {
		null = args[2].Bytes(i)
	}
	parts := splitParts(args[0].Bytes(i), args[1].Bytes(i), args[1].IsNull(i))
	elems := make([]types.Datum, len(parts))
	for k, p := range parts {
		elems[k] = types.Datum{Type: textT, S: p}
		if len(args) > 2 && !args[2].IsNull(i) && bytes.Equal(p, null) {
			elems[k] = types.NullOf(textT)
		}
	}
	out.CommitScratch(types.AppendArray(out.Scratch(), elems))
	return nil
}

func arrayToString(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
	if args[0].IsNull(i) || args[1].IsNull(i) {
		return nil
	}
	elems, err := types.ArrayElems(args[0].Type, args[0].Bytes(i))
	if err != nil {
		return err
	}
	dst, first := out.Scratch(), true
	for _, e := range elems {
		if e.Null && (len(args) < 3 || args[2].IsNull(i)) {
			continue
		}
		if !first {
			dst = append(dst, args[1].Bytes(i)...)
		}
		first = false
		if e.Null {
			dst = append(dst, args[2].Bytes(i)...)
		} else {
			dst = types.AppendText(dst, e, &c.Env)
		}
	}
	out.CommitScratch(dst)
	return nil
}
