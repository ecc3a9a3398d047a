package text

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

func normalForm(args []*rows.Vec, i int) (norm.Form, error) {
	if len(args) < 2 {
		return norm.NFC, nil
	}
	switch name := args[1].Bytes(i); strings.ToUpper(string(name)) {
	case "NFC":
		return norm.NFC, nil
	case "NFD":
		return norm.NFD, nil
	case "NFKC":
		return norm.NFKC, nil
	case "NFKD":
		return norm.NFKD, nil
	default:
		return norm.NFC, sqlerr.New(sqlerr.InvalidParameterValue, "invalid normalization form: %s", name)
	}
}

func init() {
	for n := 1; n <= 2; n++ {
		args := sig(textT, textT)[:n]
		def(familyString, "normalize", args, textT, appending(textT, func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
			f, err := normalForm(args, i)
			if err != nil {
				return dst, err
			}
			return f.Append(dst, args[0].Bytes(i)...), nil
		}), "Brings a string to a Unicode normalization form, NFC unless another is given.", `select length(normalize(U&'\0061\0308bc', NFC))`, "3")
		def(familyString, "is_normalized", args, boolT, fn.Rowwise(boolT, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
			f, err := normalForm(args, i)
			if err == nil {
				out.AppendBool(f.IsNormal(args[0].Bytes(i)))
			}
			return err
		}), "Tells whether a string is in a Unicode normalization form: NFC unless another is given.", `select is_normalized(U&'\0061\0308bc', 'NFD')`, "t")
	}
	def(familyString, "unistr", sig(textT), textT, fn.BytesUnary(textT, unistr),
		`Puts characters for Unicode escapes: \xxxx, \+xxxxxx, \uxxxx, \Uxxxxxxxx and \\.`, `select unistr('d\0061t\+000061')`, "data")
}

func unistr(dst, s []byte) ([]byte, error) {
	invalid := func() ([]byte, error) {
		return dst, sqlerr.New(sqlerr.SyntaxError, "invalid Unicode escape").
			WithHint(`Unicode escapes must be \XXXX, \+XXXXXX, \uXXXX, or \UXXXXXXXX.`)
	}
	high := rune(0)
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 < len(s) && s[i+1] == '\\' {
			if high != 0 {
				return dst, sqlerr.New(sqlerr.SyntaxError, "invalid Unicode surrogate pair")
			}
			if s[i] == '\\' {
				i++
			}
			dst = append(dst, s[i])
			i++
			continue
		}
		skip, digits := 1, 4
		if i+1 < len(s) {
			switch s[i+1] {
			case '+':
				skip, digits = 2, 6
			case 'u':
				skip = 2
			case 'U':
				skip, digits = 2, 8
			}
		}
		if i+skip+digits > len(s) {
			return invalid()
		}
		v, err := strconv.ParseUint(string(s[i+skip:i+skip+digits]), 16, 32)
		if err != nil {
			return invalid()
		}
		r := rune(v)
		switch {
		case v == 0 || v > utf8.MaxRune:
			return dst, sqlerr.New(sqlerr.SyntaxError, "invalid Unicode code point: %04X", v)
		case high != 0 && r >= 0xDC00 && r < 0xE000:
			dst = utf8.AppendRune(dst, (high-0xD800)<<10+(r-0xDC00)+0x10000)
			high = 0
		case high != 0 || r >= 0xDC00 && r < 0xE000:
			return dst, sqlerr.New(sqlerr.SyntaxError, "invalid Unicode surrogate pair")
		case r >= 0xD800 && r < 0xDC00:
			high = r
		default:
			dst = utf8.AppendRune(dst, r)
		}
		i += skip + digits
	}
	if high != 0 {
		return dst, sqlerr.New(sqlerr.SyntaxError, "invalid Unicode surrogate pair")
	}
	return dst, nil
}
