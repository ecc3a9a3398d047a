package types

import (
	"strings"

	"tidemill/sql/sqlerr"
)

// appendRecordText appends (a,"b c",).
func appendRecordText(dst []byte, b []byte, env *Env) []byte {
	fields, err := RecordFields(b)
	if err != nil {
		return append(dst, "()"...)
	}
	dst = append(dst, '(')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		if f.Null {
			continue
		}
		text := AppendText(nil, f, env)
		quote := len(text) == 0
		for _, c := range text {
			switch c {
			case '"', '\\', '(', ')', ',', ' ', '\t', '\n', '\r', '\v', '\f':
				quote = true
			}
		}
		if !quote {
			dst = append(dst, text...)
			continue
		}
		dst = append(dst, '"')
		for _, c := range text {
			if c == '"' || c == '\\' {
				dst = append(dst, c)
			}
			dst = append(dst, c)
		}
		dst = append(dst, '"')
	}
	return append(dst, ')')
}

// parseRecord reads what appendRecordText writes, for a composite type.
func parseRecord(t Type, src string, env *Env) (Datum, error) {
	known := t.Fields()
	if known == nil {
		return Datum{}, sqlerr.New(sqlerr.FeatureNotSupported, "input of anonymous composite types is not implemented")
	}
	fail := func(detail string) (Datum, error) {
		return Datum{}, sqlerr.New(sqlerr.InvalidTextRepresentation, "malformed record literal: \"%s\"", src).WithDetail("%s", detail)
	}
	s := strings.TrimLeft(src, spaces)
	if !strings.HasPrefix(s, "(") {
		return fail("Missing left parenthesis.")
	}
	s = s[1:]
	fields := make([]Datum, len(known))
	for i, f := range known {
		if i > 0 {
			if !strings.HasPrefix(s, ",") {
				return fail("Too few columns.")
			}
			s = s[1:]
		}
		if s != "" && (s[0] == ',' || s[0] == ')') {
			fields[i] = NullOf(f.Type)
			continue
		}
		text, rest, ok := recordField(s)
		if !ok {
			return fail("Unexpected end of input.")
		}
		s = rest
		d, err := ParseText(f.Type, text, env)
		if err != nil {
			return Datum{}, err
		}
		fields[i] = d
	}
	if !strings.HasPrefix(s, ")") {
		return fail("Too many columns.")
	}
	if strings.Trim(s[1:], spaces) != "" {
		return fail("Junk after right parenthesis.")
	}
	return Datum{Type: t, S: AppendRecord(nil, fields)}, nil
}

// recordField cuts one field up to the comma or bracket behind it; ok is false when neither comes.
func recordField(s string) (text, rest string, ok bool) {
	var out []byte
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case !quoted && (c == ',' || c == ')'):
			return string(out), s[i:], true
		case c == '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			out = append(out, s[i])
		case c == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			i++
			out = append(out, '"')
		case c == '"':
			quoted = !quoted
		default:
			out = append(out, c)
		}
	}
	return "", "", false
}
