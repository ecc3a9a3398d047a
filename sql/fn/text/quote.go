package text

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	def(familyString, "quote_ident", sig(textT), textT, fn.BytesUnary(textT, func(dst, a []byte) ([]byte, error) {
		return append(dst, types.QuoteIdent(string(a))...), nil
	}), "Quotes a string as an SQL identifier where that is needed.", `select quote_ident('Foo bar')`, `"Foo bar"`)
	def(familyString, "quote_literal", sig(textT), textT, fn.BytesUnary(textT, func(dst, a []byte) ([]byte, error) {
		return appendLiteral(dst, a), nil
	}), "Quotes a string as an SQL literal.", `select quote_literal(E'O\'Reilly')`, `'O''Reilly'`)
	fn.RegisterScalar(fn.Scalar{Name: "quote_literal", Args: sig(fn.AnyElement), Ret: textT, Strict: true, Volatility: fn.Stable,
		Kernel: fn.Rowwise(textT, true, func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
			out.AppendBytes(appendLiteral(nil, appendValue(c, nil, args[0], i)))
			return nil
		}), Family: familyString, Summary: "Quotes the text form of a value as an SQL literal.",
		Examples: []fn.Example{{SQL: "select quote_literal(42.5)", Result: "'42.5'"}}})
	for _, t := range []types.Type{textT, fn.AnyElement} {
		ex := fn.Example{SQL: "select quote_nullable('a'::text)", Result: "'a'"}
		if t.ID != types.Text {
			ex = fn.Example{SQL: "select quote_nullable(NULL::int)", Result: "NULL"}
		}
		fn.RegisterScalar(fn.Scalar{Name: "quote_nullable", Args: sig(t), Ret: textT, Volatility: fn.Stable,
			Kernel: fn.Rowwise(textT, false, func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
				if args[0].IsNull(i) {
					out.AppendString("NULL")
				} else {
					out.AppendBytes(appendLiteral(nil, appendValue(c, nil, args[0], i)))
				}
				return nil
			}), Family: familyString, Summary: "Quotes a value as an SQL literal; NULL gives the word.", Examples: []fn.Example{ex}})
	}
	registerHashes()
	def(familyBinary, "encode", sig(byteaT, textT), textT, fn.BytesBinary(textT, encode), "Writes binary data as base64, hex or escape text.", `select encode('123\000\001'::bytea, 'base64')`, "MTIzAAE=")
	def(familyBinary, "decode", sig(textT, textT), byteaT, fn.BytesBinary(byteaT, decode), "Reads binary data from base64, hex or escape text.", "select decode('MTIzAAE=', 'base64')", `\x3132330001`)
	def(familyBinary, "convert_from", sig(byteaT, textT), textT, fn.BytesBinary(textT, func(dst, a, enc []byte) ([]byte, error) {
		if err := utf8Only(enc, "source"); err != nil {
			return dst, err
		}
		return append(dst, a...), types.CheckText(string(a))
	}), "Reads binary data in an encoding as text; UTF8 is the one there is.", `select convert_from('\x61c3a9'::bytea, 'UTF8')`, "aé")
	def(familyBinary, "convert_to", sig(textT, textT), byteaT, fn.BytesBinary(byteaT, func(dst, a, enc []byte) ([]byte, error) {
		return append(dst, a...), utf8Only(enc, "destination")
	}), "Writes text in an encoding as binary data; UTF8 is the one there is.", `select convert_to('aé', 'UTF8')`, `\x61c3a9`)
	def(familyBinary, "get_byte", sig(byteaT, int4T), int4T, fn.Rowwise(int4T, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		b, n := args[0].Bytes(i), args[1].I[i]
		if n < 0 || n >= int64(len(b)) {
			return sqlerr.New("2202E", "index %d out of valid range, 0..%d", n, len(b)-1)
		}
		out.AppendInt(int64(b[n]))
		return nil
	}), "Returns a byte of a binary string.", `select get_byte('\x1234567890'::bytea, 4)`, "144")
	registerFormat()
	registerLengthCasts()
}

func utf8Only(enc []byte, what string) error {
	switch strings.ReplaceAll(strings.ToUpper(string(enc)), "-", "") {
	case "UTF8", "UNICODE", "SQL_ASCII":
		return nil
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid %s encoding name \"%s\"", what, enc)
}

func appendLiteral(dst, a []byte) []byte {
	if bytes.IndexByte(a, '\\') >= 0 {
		dst = append(dst, 'E')
	}
	dst = append(dst, '\'')
	for _, c := range a {
		if c == '\'' || c == '\\' {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, '\'')
}

func registerHashes() {
	for _, t := range []types.Type{textT, byteaT} {
		lit := map[types.ID]string{types.Text: "'abc'", types.Bytea: `'\x616263'::bytea`}[t.ID]
		def(familyBinary, "md5", sig(t), textT, fn.BytesUnary(textT, func(dst, a []byte) ([]byte, error) {
			sum := md5.Sum(a)
			return hexText(dst, sum[:]), nil
		}), "Computes the MD5 hash, in hexadecimal.", "select md5("+lit+")", "900150983cd24fb0d6963f7d28e17f72")
	}
	sums := []struct {
		name string
		f    func(a []byte) []byte
		hex  string
	}{
		{"sha224", func(a []byte) []byte { s := sha256.Sum224(a); return s[:] }, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
		{"sha256", func(a []byte) []byte { s := sha256.Sum256(a); return s[:] }, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"sha384", func(a []byte) []byte { s := sha512.Sum384(a); return s[:] }, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
		{"sha512", func(a []byte) []byte { s := sha512.Sum512(a); return s[:] }, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
	}
	for _, s := range sums {
		def(familyBinary, s.name, sig(byteaT), byteaT, fn.BytesUnary(byteaT, func(dst, a []byte) ([]byte, error) {
			return append(dst, s.f(a)...), nil
		}), "Computes the "+strings.ToUpper(s.name)+" hash.", "select "+s.name+"('abc'::bytea)", `\x`+s.hex)
	}
}

func badEncoding(name []byte) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized encoding: \"%s\"", name)
}

func encode(dst, a, format []byte) ([]byte, error) {
	switch strings.ToLower(string(format)) {
	case "hex":
		return hexText(dst, a), nil
	case "base64":
		s := base64.StdEncoding.EncodeToString(a)
		for len(s) > 76 { // lines as in RFC 2045
			dst = append(append(dst, s[:76]...), '\n')
			s = s[76:]
		}
		return append(dst, s...), nil
	case "escape":
		for _, c := range a {
			switch {
			case c == 0 || c >= 128:
				dst = append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
			case c == '\\':
				dst = append(dst, '\\', '\\')
			default:
				dst = append(dst, c)
			}
		}
		return dst, nil
	}
	return dst, badEncoding(format)
}

func decode(dst, a, format []byte) ([]byte, error) {
	switch strings.ToLower(string(format)) {
	case "hex":
		d, err := types.ParseText(byteaT, `\x`+string(a), nil)
		return append(dst, d.S...), err
	case "escape":
		d, err := types.ParseText(byteaT, string(a), nil)
		if bytes.HasPrefix(a, []byte(`\x`)) { // escape text that looks like hex
			return dst, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
		}
		return append(dst, d.S...), err
	case "base64":
		clean := bytes.Map(func(r rune) rune {
			if strings.ContainsRune(" \t\n\r", r) {
				return -1
			}
			return r
		}, a)
		for _, c := range clean {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '=') {
				r, _ := utf8.DecodeRune(clean[bytes.IndexByte(clean, c):])
				return dst, sqlerr.New(sqlerr.InvalidParameterValue, "invalid symbol \"%c\" found while decoding base64 sequence", r)
			}
		}
		out, err := base64.StdEncoding.AppendDecode(dst, clean)
		if err != nil {
			return dst, sqlerr.New(sqlerr.InvalidParameterValue, "invalid base64 end sequence").
				WithHint("Input data is missing padding, is truncated, or is otherwise corrupted.")
		}
		return out, nil
	}
	return dst, badEncoding(format)
}

// registerLengthCasts registers varchar(v, typmod, explicit) and bpchar(…), the functions by which
// the length of a character type is enforced when a value is stored.
func registerLengthCasts() {
	for _, id := range []types.ID{types.Varchar, types.Bpchar} {
		t := types.T(id)
		fn.RegisterScalar(fn.Scalar{Name: t.Name(), Args: sig(t, int4T, boolT), Ret: t, Strict: true,
			Kernel: fn.Rowwise(t, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
				mod := args[1].I[i] - 4
				if mod <= 0 {
					out.AppendBytes(args[0].Bytes(i))
					return nil
				}
				b, err := types.FitText(args[0].Bytes(i), types.Type{ID: id, Mod: int32(mod)}, args[2].B[i])
				if err == nil {
					out.AppendBytes(b)
				}
				return err
			})})
	}
}
