package text

import (
	"bytes"
	"encoding/hex"
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	count := fn.OfBytes(int4T, func(b []byte) int64 { return int64(utf8.RuneCount(b)) })
	for _, name := range []string{"length", "char_length", "character_length"} {
		def(familyString, name, sig(textT), int4T, count, "Counts the characters of a string.",
			"select "+name+"('jose')", "4")
	}
	size := fn.OfBytes(int4T, func(b []byte) int64 { return int64(len(b)) })
	def(familyBinary, "length", sig(byteaT), int4T, size, "Counts the bytes of a binary string.", `select length('\x1234'::bytea)`, "2")
	def(familyString, "octet_length", sig(textT), int4T, size, "Counts the bytes of a string.", "select octet_length('josé')", "5")
	def(familyString, "octet_length", sig(bpcharT), int4T, size, "Counts the bytes of a padded string.", "select octet_length('a'::char(3))", "3")
	def(familyBinary, "octet_length", sig(byteaT), int4T, size, "Counts the bytes of a binary string.", `select octet_length('\x1234'::bytea)`, "2")
	bits := fn.OfBytes(int4T, func(b []byte) int64 { return int64(len(b)) * 8 })
	def(familyString, "bit_length", sig(textT), int4T, bits, "Counts the bits of a string.", "select bit_length('jose')", "32")
	def(familyBinary, "bit_length", sig(byteaT), int4T, bits, "Counts the bits of a binary string.", `select bit_length('\x12'::bytea)`, "8")

	def(familyString, "lower", sig(textT), textT, fn.BytesUnary(textT, appendLower), "Converts to lower case.", "select lower('TOM')", "tom")
	def(familyString, "upper", sig(textT), textT, fn.BytesUnary(textT, appendUpper), "Converts to upper case.", "select upper('tom')", "TOM")
	def(familyString, "initcap", sig(textT), textT, fn.BytesUnary(textT, appendInitcap),
		"Puts the first letter of each word in upper case and the others in lower case.", "select initcap('hi THOMAS')", "Hi Thomas")
	def(familyString, "reverse", sig(textT), textT, fn.BytesUnary(textT, appendReverse), "Reverses the order of the characters.", "select reverse('abcde')", "edcba")
	def(familyString, "repeat", sig(textT, int4T), textT, fn.BytesInt(textT, func(dst, a []byte, n int64) ([]byte, error) {
		if n > 0 && n*int64(len(a)) > resultMax {
			return dst, tooLong()
		}
		for range n {
			dst = append(dst, a...)
		}
		return dst, nil
	}), "Repeats a string.", "select repeat('Pg', 4)", "PgPgPgPg")
	def(familyString, "left", sig(textT, int4T), textT, fn.BytesInt(textT, func(dst, a []byte, n int64) ([]byte, error) {
		if n < 0 {
			n = max(int64(utf8.RuneCount(a))+n, 0)
		}
		return append(dst, a[:cut(a, int(n))]...), nil
	}), "Returns the first n characters, or all but the last |n| when n is negative.", "select left('abcde', 2)", "ab")
	def(familyString, "right", sig(textT, int4T), textT, fn.BytesInt(textT, func(dst, a []byte, n int64) ([]byte, error) {
		skip := -n
		if n >= 0 {
			skip = int64(utf8.RuneCount(a)) - n
		}
		return append(dst, a[cut(a, int(min(skip, int64(len(a))))):]...), nil
	}), "Returns the last n characters, or all but the first |n| when n is negative.", "select right('abcde', 2)", "de")
	def(familyString, "ascii", sig(textT), int4T, fn.OfBytes(int4T, func(b []byte) int64 {
		if len(b) == 0 {
			return 0
		}
		r, _ := utf8.DecodeRune(b)
		return int64(r)
	}), "Returns the code point of the first character.", "select ascii('x')", "120")
	def(familyString, "chr", sig(int4T), textT, fn.ToBytes(textT, func(dst []byte, n int64) ([]byte, error) {
		if n == 0 {
			return dst, sqlerr.New(sqlerr.ProgramLimitExceeded, "null character not permitted")
		}
		if n < 0 {
			return dst, sqlerr.New(sqlerr.InvalidParameterValue, "character number must be positive")
		}
		if n > unicode.MaxRune {
			return dst, sqlerr.New(sqlerr.ProgramLimitExceeded, "requested character too large for encoding: %d", n)
		}
		if !utf8.ValidRune(rune(n)) {
			return dst, sqlerr.New(sqlerr.ProgramLimitExceeded, "requested character not valid for encoding: %d", n)
		}
		return utf8.AppendRune(dst, rune(n)), nil
	}), "Returns the character with the given code point.", "select chr(65)", "A")
	for _, t := range []types.Type{int4T, int8T} {
		mask := uint64(0xffffffff)
		if t.ID == types.Int8 {
			mask = ^uint64(0)
		}
		def(familyString, "to_hex", sig(t), textT, fn.ToBytes(textT, func(dst []byte, n int64) ([]byte, error) {
			return strconv.AppendUint(dst, uint64(n)&mask, 16), nil
		}), "Writes a number in hexadecimal.", "select to_hex(2147483647::"+t.Name()+")", "7fffffff")
	}
	registerSubstring()
	registerTrim()
	registerConcat()
}

func appendLower(dst, a []byte) ([]byte, error) {
	if ascii(a) {
		for _, c := range a {
			if c >= 'A' && c <= 'Z' {
				c += 32
			}
			dst = append(dst, c)
		}
		return dst, nil
	}
	return appendMapped(dst, a, unicode.ToLower), nil
}

func appendUpper(dst, a []byte) ([]byte, error) {
	if ascii(a) {
		for _, c := range a {
			if c >= 'a' && c <= 'z' {
				c -= 32
			}
			dst = append(dst, c)
		}
		return dst, nil
	}
	return appendMapped(dst, a, unicode.ToUpper), nil
}

func appendMapped(dst, a []byte, f func(rune) rune) []byte {
	for _, r := range view(a) {
		dst = utf8.AppendRune(dst, f(r))
	}
	return dst
}

func appendInitcap(dst, a []byte) ([]byte, error) {
	word := false
	for _, r := range view(a) {
		if word {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		} else {
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
		}
		word = unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	return dst, nil
}

func appendReverse(dst, a []byte) ([]byte, error) {
	for len(a) > 0 {
		_, n := utf8.DecodeLastRune(a)
		dst = append(dst, a[len(a)-n:]...)
		a = a[:len(a)-n]
	}
	return dst, nil
}

// span clamps a 1-based start and a length to 0-based bounds, as substring does: a start before the
// string eats from the length.
func span(start, length int64, unbounded bool) (from, to int64, err error) {
	from = start - 1
	if unbounded {
		return max(from, 0), 1 << 40, nil
	}
	if length < 0 {
		return 0, 0, sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
	}
	to = from + length
	return max(from, 0), max(to, 0), nil
}

func registerSubstring() {
	chars := func(dst, a []byte, from, to int64) []byte {
		lo := cut(a, int(min(from, int64(len(a)))))
		if to <= from {
			return dst
		}
		rest := a[lo:]
		return append(dst, rest[:cut(rest, int(min(to-from, int64(len(rest)))))]...)
	}
	octets := func(dst, a []byte, from, to int64) []byte {
		n := int64(len(a))
		from, to = min(from, n), min(to, n)
		if to <= from {
			return dst
		}
		return append(dst, a[from:to]...)
	}
	for _, v := range []struct {
		t      types.Type
		family string
		slice  func(dst, a []byte, from, to int64) []byte
		ex     [2]string
	}{
		{textT, familyString, chars, [2]string{"select substr('alphabet', 3)", "phabet"}},
		{byteaT, familyBinary, octets, [2]string{`select substr('\x123456'::bytea, 2)`, `\x3456`}},
	} {
		for _, name := range []string{"substring", "substr"} {
			def(v.family, name, sig(v.t, int4T), v.t, fn.BytesInt(v.t, func(dst, a []byte, n int64) ([]byte, error) {
				from, to, err := span(n, 0, true)
				return v.slice(dst, a, from, to), err
			}), "Returns the rest of a string from a position on.", v.ex[0], v.ex[1])
			def(v.family, name, sig(v.t, int4T, int4T), v.t, appending(v.t, func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
				from, to, err := span(args[1].I[i], args[2].I[i], false)
				if err != nil {
					return dst, err
				}
				return v.slice(dst, args[0].Bytes(i), from, to), nil
			}), "Returns part of a string: from a position, so many characters.", "select "+name+"('alphabet', 3, 2)", "ph")
		}
	}
	overlay := func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
		a, b, start := args[0].Bytes(i), args[1].Bytes(i), args[2].I[i]
		n := int64(utf8.RuneCount(b))
		if len(args) > 3 {
			n = args[3].I[i]
		}
		if start <= 0 {
			return dst, sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
		}
		if start-1+n > math.MaxInt32 {
			return dst, sqlerr.New(sqlerr.NumericValueOutOfRange, "integer out of range")
		}
		dst = append(dst, a[:cut(a, int(start-1))]...)
		dst = append(dst, b...)
		return append(dst, a[cut(a, int(max(start-1+n, 0))):]...), nil
	}
	def(familyString, "overlay", sig(textT, textT, int4T), textT, appending(textT, overlay),
		"Replaces the part of a string that starts at a position.", "select overlay('Txxxxas' placing 'hom' from 2)", "Thomxas")
	def(familyString, "overlay", sig(textT, textT, int4T, int4T), textT, appending(textT, overlay),
		"Replaces so many characters of a string from a position on.", "select overlay('Txxxxas' placing 'hom' from 2 for 4)", "Thomas")
}

// inSet tells whether the character at the front (or back) of b is in set, and its size.
func inSet(b, set []byte, back bool) (int, bool) {
	var r rune
	var n int
	if back {
		r, n = utf8.DecodeLastRune(b)
	} else {
		r, n = utf8.DecodeRune(b)
	}
	if r == utf8.RuneError && n <= 1 {
		if len(b) == 0 {
			return 0, false
		}
		at := 0
		if back {
			at = len(b) - 1
		}
		return 1, bytes.IndexByte(set, b[at]) >= 0
	}
	return n, bytes.ContainsRune(set, r)
}

func trim(a, set []byte, front, back bool) []byte {
	for front && len(a) > 0 {
		n, ok := inSet(a, set, false)
		if !ok {
			break
		}
		a = a[n:]
	}
	for back && len(a) > 0 {
		n, ok := inSet(a, set, true)
		if !ok {
			break
		}
		a = a[:len(a)-n]
	}
	return a
}

func registerTrim() {
	blank := []byte(" ")
	for _, v := range []struct {
		name        string
		front, back bool
		summary     string
		ex          [4]string
	}{
		{"btrim", true, true, "Removes characters from both ends", [4]string{"select btrim('  trim ')", "trim", "select btrim('xyxtrimyyx', 'xyz')", "trim"}},
		{"ltrim", true, false, "Removes characters from the start", [4]string{"select ltrim('  trim')", "trim", "select ltrim('zzzytest', 'xyz')", "test"}},
		{"rtrim", false, true, "Removes characters from the end", [4]string{"select rtrim('trim  ')", "trim", "select rtrim('testxxzx', 'xyz')", "test"}},
	} {
		def(familyString, v.name, sig(textT), textT, fn.BytesUnary(textT, func(dst, a []byte) ([]byte, error) {
			return append(dst, trim(a, blank, v.front, v.back)...), nil
		}), v.summary+": blanks.", v.ex[0], v.ex[1])
		def(familyString, v.name, sig(textT, textT), textT, fn.BytesBinary(textT, func(dst, a, set []byte) ([]byte, error) {
			return append(dst, trim(a, set, v.front, v.back)...), nil
		}), v.summary+": those of a set.", v.ex[2], v.ex[3])
	}
	for _, v := range []struct {
		name, where string
		front, back bool
		result      string
	}{
		{"btrim", "both ends", true, true, `\x345678`},
		{"ltrim", "the start", true, false, `\x34567890`},
		{"rtrim", "the end", false, true, `\x12345678`},
	} {
		def(familyBinary, v.name, sig(byteaT, byteaT), byteaT, fn.BytesBinary(byteaT, func(dst, a, set []byte) ([]byte, error) {
			for v.front && len(a) > 0 && bytes.IndexByte(set, a[0]) >= 0 {
				a = a[1:]
			}
			for v.back && len(a) > 0 && bytes.IndexByte(set, a[len(a)-1]) >= 0 {
				a = a[:len(a)-1]
			}
			return append(dst, a...), nil
		}), "Removes the bytes of a set from "+v.where+".", `select `+v.name+`('\x1234567890'::bytea, '\x9012'::bytea)`, v.result)
	}
	pad := func(left bool) func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
		return func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
			a, fill := args[0].Bytes(i), blank
			if len(args) > 2 {
				fill = args[2].Bytes(i)
			}
			want := max(args[1].I[i], 0)
			have := int64(utf8.RuneCount(a))
			if want > resultMax {
				return dst, tooLong()
			}
			if have >= want {
				return append(dst, a[:cut(a, int(want))]...), nil
			}
			if !left {
				dst = append(dst, a...)
			}
			if len(fill) > 0 {
				per := int64(utf8.RuneCount(fill))
				for n := want - have; n > 0; n -= per {
					dst = append(dst, fill[:cut(fill, int(min(n, per)))]...)
				}
			}
			if left {
				dst = append(dst, a...)
			}
			return dst, nil
		}
	}
	def(familyString, "lpad", sig(textT, int4T), textT, appending(textT, pad(true)), "Pads on the left with blanks, or cuts, to a length.", "select lpad('hi', 5)", "   hi")
	def(familyString, "lpad", sig(textT, int4T, textT), textT, appending(textT, pad(true)), "Pads on the left, or cuts, to a length.", "select lpad('hi', 5, 'xy')", "xyxhi")
	def(familyString, "rpad", sig(textT, int4T), textT, appending(textT, pad(false)), "Pads on the right with blanks, or cuts, to a length.", "select rpad('hi', 5) || '|'", "hi   |")
	def(familyString, "rpad", sig(textT, int4T, textT), textT, appending(textT, pad(false)), "Pads on the right, or cuts, to a length.", "select rpad('hi', 5, 'xy')", "hixyx")
}

// appendValue appends a value of any type as a cast to text does.
func appendValue(c *fn.Ctx, dst []byte, v *rows.Vec, i int) []byte {
	if v.Type.ID == types.Bool {
		return strconv.AppendBool(dst, v.B[i])
	}
	return types.AppendText(dst, v.Datum(i), &c.Env)
}

// concatTypes are the types that || joins to text; arrays have operators of their own.
var concatTypes = []types.ID{types.Bool, types.Int2, types.Int4, types.Int8, types.Float4, types.Float8,
	types.Numeric, types.Date, types.Time, types.Timestamp, types.Timestamptz, types.Interval, types.UUID,
	types.JSON, types.OID, types.Record, types.Name, types.InternalChar, types.Regclass, types.Regtype, types.Regproc}

func registerConcat() {
	join := func(dst, a, b []byte) ([]byte, error) { return append(append(dst, a...), b...), nil }
	def(familyString, "||", sig(textT, textT), textT, fn.BytesBinary(textT, join), "Joins two strings.", "select 'Post' || 'greSQL'", "PostgreSQL")
	def(familyBinary, "||", sig(byteaT, byteaT), byteaT, fn.BytesBinary(byteaT, join), "Joins two binary strings.", `select '\x12'::bytea || '\x34'::bytea`, `\x1234`)
	k := fn.Rowwise(textT, true, func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		out.CommitScratch(appendValue(c, appendValue(c, out.Scratch(), args[0], i), args[1], i))
		return nil
	})
	for _, id := range concatTypes {
		vol := fn.Immutable
		if id == types.Timestamptz {
			vol = fn.Stable
		}
		for _, args := range [][]types.Type{{textT, types.T(id)}, {types.T(id), textT}} {
			fn.RegisterScalar(fn.Scalar{Name: "||", Args: args, Ret: textT, Strict: true, Volatility: vol, Kernel: k})
		}
	}
	for _, args := range [][]types.Type{{textT, fn.AnyEnum}, {fn.AnyEnum, textT}} {
		fn.RegisterScalar(fn.Scalar{Name: "||", Args: args, Ret: textT, Strict: true, Kernel: k})
	}
	concat := func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		dst := out.Scratch()
		for _, a := range args {
			if !a.IsNull(i) {
				dst = types.AppendText(dst, a.Datum(i), &c.Env)
			}
		}
		out.CommitScratch(dst)
		return nil
	}
	fn.RegisterScalar(fn.Scalar{Name: "concat", Args: sig(fn.Any), Variadic: true, Ret: textT, Volatility: fn.Stable,
		Kernel: fn.Rowwise(textT, false, concat), Family: familyString,
		Summary:  "Joins the text forms of its arguments, leaving NULLs out.",
		Examples: []fn.Example{{SQL: "select concat('abcde', 2, NULL, 22)", Result: "abcde222"}}})
	withSep := func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		if args[0].IsNull(i) {
			return nil
		}
		dst, first := out.Scratch(), true
		for _, a := range args[1:] {
			if a.IsNull(i) {
				continue
			}
			if !first {
				dst = append(dst, args[0].Bytes(i)...)
			}
			dst, first = types.AppendText(dst, a.Datum(i), &c.Env), false
		}
		out.CommitScratch(dst)
		return nil
	}
	fn.RegisterScalar(fn.Scalar{Name: "concat_ws", Args: sig(textT, fn.Any), Variadic: true, Ret: textT, Volatility: fn.Stable,
		Kernel: fn.Rowwise(textT, false, withSep), Family: familyString,
		Summary:  "Joins the text forms of its arguments with a separator, leaving NULLs out.",
		Examples: []fn.Example{{SQL: "select concat_ws(',', 'abcde', 2, NULL, 22)", Result: "abcde,2,22"}}})
}

// hexText appends b in hexadecimal.
func hexText(dst, b []byte) []byte { return hex.AppendEncode(dst, b) }
