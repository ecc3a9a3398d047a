package text

import (
	"bytes"
	"unicode/utf8"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// LIKE arrives as the operators ~~ and !~~, ILIKE as ~~* and !~~*; an ESCAPE clause as a call of
// like_escape around the pattern.
func init() {
	for _, v := range []struct {
		name      string
		not, fold bool
		ex, res   string
	}{
		{"~~", false, false, "select 'abc' LIKE 'a%'", "t"},
		{"!~~", true, false, "select 'abc' NOT LIKE '_b_'", "f"},
		{"~~*", false, true, "select 'ABC' ILIKE 'a%'", "t"},
		{"!~~*", true, true, "select 'ABC' NOT ILIKE 'b%'", "t"},
	} {
		def(familyPattern, v.name, sig(textT, textT), boolT, likeKernel(v.not, v.fold),
			"Matches a whole string with a pattern in which % stands for any text and _ for any character.", v.ex, v.res)
		if !v.fold {
			def(familyBinary, v.name, sig(byteaT, byteaT), boolT, likeKernel(v.not, false),
				"Matches a binary string with a pattern.", `select '\x6162'::bytea `+v.name+` '\x6125'::bytea`, map[bool]string{false: "t", true: "f"}[v.not])
		}
	}
	def(familyPattern, "like_escape", sig(textT, textT), textT, fn.BytesBinary(textT, likeEscape),
		"Rewrites a LIKE pattern with another escape character to one with backslash.", `select like_escape('a#%', '#')`, `a\%`)
}

// likeShape is the form of a constant pattern, which most patterns have.
type likeShape uint8

const (
	likeGeneral likeShape = iota
	likeExact
	likePrefix
	likeSuffix
	likeContains
)

// shapeOf recognizes literal, literal%, %literal and %literal%.
func shapeOf(p []byte) (likeShape, []byte) {
	if bytes.IndexByte(p, '\\') >= 0 || bytes.IndexByte(p, '_') >= 0 {
		return likeGeneral, nil
	}
	lead, trail := bytes.HasPrefix(p, []byte("%")), len(p) > 1 && bytes.HasSuffix(p, []byte("%"))
	body := bytes.TrimSuffix(bytes.TrimPrefix(p, []byte("%")), []byte("%"))
	switch {
	case bytes.IndexByte(body, '%') >= 0:
		return likeGeneral, nil
	case lead && trail, lead && len(body) == 0:
		return likeContains, body
	case lead:
		return likeSuffix, body
	case trail:
		return likePrefix, body
	}
	return likeExact, body
}

func likeKernel(not, fold bool) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := fn.NewFixed[bool](c, boolT, n)
		a, b := args[0], args[1]
		out.Valid = c.AndValid(a.Valid, b.Valid, n)
		// The pattern is the same for all rows as a rule: look at it once.
		var last, lit, low, lowPattern []byte
		shape, known := likeGeneral, false
		fn.Each(sel, n, out.Valid, func(i int) {
			s, p := a.Bytes(i), b.Bytes(i)
			if !known || !bytes.Equal(p, last) {
				last, known = p, true
				if fold {
					lowPattern, _ = appendLower(lowPattern[:0], p)
				} else {
					lowPattern = p
				}
				shape, lit = shapeOf(lowPattern)
			}
			if fold {
				low, _ = appendLower(low[:0], s)
				s = low
			}
			ok := false
			switch shape {
			case likeExact:
				ok = bytes.Equal(s, lit)
			case likePrefix:
				ok = bytes.HasPrefix(s, lit)
			case likeSuffix:
				ok = bytes.HasSuffix(s, lit)
			case likeContains:
				ok = bytes.Contains(s, lit)
			default:
				var err error
				if ok, err = like(s, lowPattern); err != nil {
					c.Fail(int32(i), err)
				}
			}
			o[i] = ok != not
		})
		return out
	}
}

// like matches s with p. It goes back to the last % only, which is enough: an earlier one cannot
// do better.
func like(s, p []byte) (bool, error) {
	si, pi := 0, 0
	starS, starP := -1, -1
	for si < len(s) {
		if pi < len(p) {
			switch c := p[pi]; c {
			case '%':
				starP, starS = pi+1, si
				pi++
				continue
			case '_':
				_, n := utf8.DecodeRune(s[si:])
				si, pi = si+n, pi+1
				continue
			case '\\':
				if pi+1 == len(p) {
					return false, sqlerr.New(sqlerr.InvalidEscapeSequence, "LIKE pattern must not end with escape character")
				}
				if p[pi+1] == s[si] {
					si, pi = si+1, pi+2
					continue
				}
			default:
				if c == s[si] {
					si, pi = si+1, pi+1
					continue
				}
			}
		}
		if starP < 0 {
			return false, nil
		}
		_, n := utf8.DecodeRune(s[starS:])
		starS += n
		si, pi = starS, starP
	}
	for pi < len(p) && p[pi] == '%' {
		pi++
	}
	return pi == len(p), nil
}

func likeEscape(dst, p, esc []byte) ([]byte, error) {
	if utf8.RuneCount(esc) > 1 {
		return dst, sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").WithHint("Escape string must be empty or one character.")
	}
	if bytes.Equal(esc, []byte("\\")) {
		return append(dst, p...), nil
	}
	for i := 0; i < len(p); {
		_, n := utf8.DecodeRune(p[i:])
		switch {
		case len(esc) > 0 && bytes.HasPrefix(p[i:], esc):
			i += n
			dst = append(dst, '\\')
			if i < len(p) {
				_, n = utf8.DecodeRune(p[i:])
				dst = append(dst, p[i:i+n]...)
				i += n
			}
			continue
		case p[i] == '\\':
			dst = append(dst, '\\')
		}
		dst = append(dst, p[i:i+n]...)
		i += n
	}
	return dst, nil
}
