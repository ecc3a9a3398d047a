package text

import (
	"unicode/utf8"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func registerFormat() {
	k := fn.Rowwise(textT, false, format)
	fn.RegisterScalar(fn.Scalar{Name: "format", Args: sig(textT), Ret: textT, Volatility: fn.Stable, Kernel: k,
		Family: familyString, Summary: "Returns the format string; %% stands for a percent sign.",
		Examples: []fn.Example{{SQL: "select format('100%%')", Result: "100%"}}})
	fn.RegisterScalar(fn.Scalar{Name: "format", Args: sig(textT, fn.Any), Variadic: true, Ret: textT, Volatility: fn.Stable, Kernel: k,
		Family: familyString, Summary: "Fills a format string: %s is a value, %I an identifier, %L a literal, %2$s the second argument.",
		Examples: []fn.Example{{SQL: "select format('Hello %s, %1$s', 'World')", Result: "Hello World, World"}}})
}

func formatError(msg string, args ...any) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidParameterValue, msg, args...)
}

// formatSpec is one %[position$][-][width]type.
type formatSpec struct {
	pos, width, widthArg int // 0 = not given; widthArg -1 = next argument
	left                 bool
	verb                 byte
}

func format(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
	if args[0].IsNull(i) {
		return nil
	}
	f := args[0].Bytes(i)
	dst := out.Scratch()
	next := 1
	for p := 0; p < len(f); p++ {
		if f[p] != '%' {
			dst = append(dst, f[p])
			continue
		}
		if p++; p == len(f) {
			return formatError("unterminated format() type specifier").WithHint("For a single \"%%\" use \"%%%%\".")
		}
		if f[p] == '%' {
			dst = append(dst, '%')
			continue
		}
		spec, at, err := parseFormatSpec(f, p)
		if err != nil {
			return err
		}
		p = at
		if spec.widthArg != 0 {
			if spec.widthArg < 0 {
				spec.widthArg = next
				next++
			}
			if spec.widthArg >= len(args) {
				return formatError("too few arguments for format()")
			}
			if err := widthFromArg(&spec, args[spec.widthArg], i); err != nil {
				return err
			}
		}
		k := spec.pos
		if k == 0 {
			k = next
		}
		next = k + 1
		if k >= len(args) {
			return formatError("too few arguments for format()")
		}
		text, err := formatValue(c, args[k], i, spec.verb)
		if err != nil {
			return err
		}
		pad := max(spec.width-utf8.RuneCount(text), 0)
		if spec.left {
			dst = append(dst, text...)
		}
		for range pad {
			dst = append(dst, ' ')
		}
		if !spec.left {
			dst = append(dst, text...)
		}
	}
	out.CommitScratch(dst)
	return nil
}

func widthFromArg(spec *formatSpec, v *rows.Vec, i int) error {
	if v.IsNull(i) {
		return nil
	}
	if v.Type.Phys() != types.PhysInt {
		n, err := types.ParseInt(types.Int4, types.TextOf(v.Datum(i), nil))
		if err != nil {
			return err
		}
		spec.width = int(n)
	} else {
		spec.width = int(v.I[i])
	}
	if spec.width < 0 {
		spec.left, spec.width = true, -spec.width
	}
	if spec.width > resultMax {
		return tooLong()
	}
	return nil
}

func parseFormatSpec(f []byte, p int) (s formatSpec, at int, err error) {
	number := func() (int, bool) {
		n, start := 0, p
		for p < len(f) && f[p] >= '0' && f[p] <= '9' {
			if n = n*10 + int(f[p]-'0'); n > resultMax {
				return 0, false
			}
			p++
		}
		return n, p > start
	}
	if n, ok := number(); ok {
		if p < len(f) && f[p] == '$' {
			if n == 0 {
				return s, p, formatError("format specifies argument 0, but arguments are numbered from 1")
			}
			s.pos = n
			p++
		} else {
			s.width = n
		}
	}
	if s.width == 0 {
		for p < len(f) && f[p] == '-' {
			s.left = true
			p++
		}
		if p < len(f) && f[p] == '*' {
			p++
			s.widthArg = -1
			if n, ok := number(); ok {
				if p == len(f) || f[p] != '$' {
					return s, p, formatError("width argument position must be ended by \"$\"")
				}
				if n == 0 {
					return s, p, formatError("format specifies argument 0, but arguments are numbered from 1")
				}
				s.widthArg = n
				p++
			}
		} else if n, ok := number(); ok {
			s.width = n
		}
	}
	if p == len(f) {
		return s, p, formatError("unterminated format() type specifier").WithHint("For a single \"%%\" use \"%%%%\".")
	}
	switch s.verb = f[p]; s.verb {
	case 's', 'I', 'L':
		return s, p, nil
	}
	r, _ := utf8.DecodeRune(f[p:])
	return s, p, formatError("unrecognized format() type specifier \"%c\"", r).WithHint("For a single \"%%\" use \"%%%%\".")
}

func formatValue(c *fn.Ctx, v *rows.Vec, i int, verb byte) ([]byte, error) {
	if v.IsNull(i) {
		switch verb {
		case 'L':
			return []byte("NULL"), nil
		case 'I':
			return nil, sqlerr.New(sqlerr.NullValueNotAllowed, "null values cannot be formatted as an SQL identifier")
		}
		return nil, nil
	}
	text := types.AppendText(nil, v.Datum(i), &c.Env)
	switch verb {
	case 'I':
		return []byte(types.QuoteIdent(string(text))), nil
	case 'L':
		return appendLiteral(nil, text), nil
	}
	return text, nil
}
