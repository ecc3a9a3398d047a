package types

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"tidemill/sql/sqlerr"
)

// JSONKind is the kind of a JSON value.
type JSONKind uint8

// The kinds, in the order in which jsonb sorts scalars.
const (
	JSONNull JSONKind = iota
	JSONString
	JSONNumber
	JSONBool
	JSONArray
	JSONObject
)

// JSONValue is a parsed JSON value.
type JSONValue struct {
	Kind    JSONKind
	Bool    bool
	Str     string // text of a string
	Num     []byte // in-column numeric of a number
	Items   []JSONValue
	Members []JSONMember
}

// JSONMember is a key and its value.
type JSONMember struct {
	Key   string
	Value JSONValue
}

// jsonDepthMax bounds the recursion on input: Go's stack overflow cannot be recovered.
const jsonDepthMax = 6400

type jsonParser struct {
	s     []byte
	i     int
	check bool // syntax only, nothing is built
	depth int
}

// ParseJSON parses a JSON text. Members keep their order and repetitions.
func ParseJSON(s []byte) (JSONValue, error) {
	p := jsonParser{s: s}
	return p.all()
}

// CheckJSON tells whether s is JSON, as the input of type json does.
func CheckJSON(s []byte) error {
	p := jsonParser{s: s, check: true}
	_, err := p.all()
	return err
}

func (p *jsonParser) all() (JSONValue, error) {
	v, err := p.value()
	if err != nil {
		return v, err
	}
	p.space()
	if p.i < len(p.s) {
		return v, p.unexpected("end of input")
	}
	return v, nil
}

func jsonError(detail string, args ...any) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type json").WithDetail(detail, args...)
}

// unexpected says what was found where something else had to stand.
func (p *jsonParser) unexpected(want string) error {
	if p.i >= len(p.s) {
		return jsonError("The input string ended unexpectedly.")
	}
	end := p.i
	for end < len(p.s) && (isAlpha(p.s[end]) || isDigit(p.s[end]) || p.s[end] == '_' || p.s[end] >= 128) {
		end++
	}
	word := end > p.i
	if !word {
		end++
	}
	token := string(p.s[p.i:end])
	switch {
	case word && token != "true" && token != "false" && token != "null" && !isDigit(token[0]):
		return jsonError("Token \"%s\" is invalid.", token)
	case !word && bytes.IndexByte([]byte("{}[],:\""), p.s[p.i]) < 0:
		return jsonError("Token \"%s\" is invalid.", token)
	}
	if token == "\"" {
		start := p.i
		q := jsonParser{s: p.s, i: p.i, check: true}
		if _, err := q.str(); err == nil {
			token = string(p.s[start:q.i])
		}
	}
	return jsonError("Expected %s, but found \"%s\".", want, token)
}

func (p *jsonParser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *jsonParser) value() (JSONValue, error) {
	p.space()
	if p.i >= len(p.s) {
		return JSONValue{}, jsonError("The input string ended unexpectedly.")
	}
	switch c := p.s[p.i]; {
	case c == '{' || c == '[':
		if p.depth++; p.depth > jsonDepthMax {
			return JSONValue{}, sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded")
		}
		defer func() { p.depth-- }()
		if c == '{' {
			return p.object()
		}
		return p.array()
	case c == '"':
		s, err := p.str()
		return JSONValue{Kind: JSONString, Str: s}, err
	case c == '-' || isDigit(c):
		return p.number()
	}
	for _, w := range []struct {
		text string
		v    JSONValue
	}{{"true", JSONValue{Kind: JSONBool, Bool: true}}, {"false", JSONValue{Kind: JSONBool}}, {"null", JSONValue{}}} {
		if bytes.HasPrefix(p.s[p.i:], []byte(w.text)) {
			end := p.i + len(w.text)
			if end < len(p.s) && (isAlpha(p.s[end]) || isDigit(p.s[end]) || p.s[end] == '_') {
				break
			}
			p.i = end
			return w.v, nil
		}
	}
	return JSONValue{}, p.unexpected("JSON value")
}

func (p *jsonParser) array() (JSONValue, error) {
	v := JSONValue{Kind: JSONArray}
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == ']' {
		p.i++
		return v, nil
	}
	for {
		item, err := p.value()
		if err != nil {
			return v, err
		}
		if !p.check {
			v.Items = append(v.Items, item)
		}
		p.space()
		switch {
		case p.i < len(p.s) && p.s[p.i] == ',':
			p.i++
		case p.i < len(p.s) && p.s[p.i] == ']':
			p.i++
			return v, nil
		default:
			return v, p.unexpected("\",\" or \"]\"")
		}
	}
}

func (p *jsonParser) object() (JSONValue, error) {
	v := JSONValue{Kind: JSONObject}
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '}' {
		p.i++
		return v, nil
	}
	for {
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != '"' {
			want := "string"
			if len(v.Members) == 0 {
				want = "string or \"}\""
			}
			return v, p.unexpected(want)
		}
		key, err := p.str()
		if err != nil {
			return v, err
		}
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != ':' {
			return v, p.unexpected("\":\"")
		}
		p.i++
		val, err := p.value()
		if err != nil {
			return v, err
		}
		if !p.check {
			v.Members = append(v.Members, JSONMember{key, val})
		}
		p.space()
		switch {
		case p.i < len(p.s) && p.s[p.i] == ',':
			p.i++
		case p.i < len(p.s) && p.s[p.i] == '}':
			p.i++
			return v, nil
		default:
			return v, p.unexpected("\",\" or \"}\"")
		}
	}
}

func (p *jsonParser) number() (JSONValue, error) {
	start := p.i
	if p.s[p.i] == '-' {
		p.i++
	}
	digits := func() bool {
		from := p.i
		for p.i < len(p.s) && isDigit(p.s[p.i]) {
			p.i++
		}
		return p.i > from
	}
	ok := digits()
	if first := bytes.TrimLeft(p.s[start:p.i], "-"); len(first) > 1 && first[0] == '0' {
		ok = false
	}
	if ok && p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		ok = digits()
	}
	if ok && p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		ok = digits()
	}
	if ok && p.i < len(p.s) && (isAlpha(p.s[p.i]) || p.s[p.i] == '_' || p.s[p.i] == '.') {
		ok = false
	}
	if !ok {
		for p.i < len(p.s) && bytes.IndexByte([]byte(" \t\r\n,]}:"), p.s[p.i]) < 0 {
			p.i++
		}
		return JSONValue{}, jsonError("Token \"%s\" is invalid.", p.s[start:p.i])
	}
	v := JSONValue{Kind: JSONNumber}
	if p.check {
		return v, nil
	}
	num, err := NumericParse(nil, string(p.s[start:p.i]))
	v.Num = num
	return v, err
}

// str reads a string literal at p.i.
func (p *jsonParser) str() (string, error) {
	p.i++
	start := p.i
	for p.i < len(p.s) { // the common case has no escapes
		c := p.s[p.i]
		if c == '"' {
			p.i++
			if p.check {
				return "", nil
			}
			return string(p.s[start : p.i-1]), nil
		}
		if c == '\\' || c < 0x20 {
			break
		}
		p.i++
	}
	out := append([]byte(nil), p.s[start:p.i]...)
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return string(out), nil
		case c < 0x20:
			return "", jsonError("Character with value 0x%02x must be escaped.", c)
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
			p.i++
		}
	}
	return "", jsonError("Token \"%s\" is invalid.", p.s[start-1:])
}

var jsonEscapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads \x or \uXXXX, with its other half when it is a surrogate.
func (p *jsonParser) escape() (rune, error) {
	p.i++
	if p.i >= len(p.s) {
		return 0, jsonError("The input string ended unexpectedly.")
	}
	c := p.s[p.i]
	if r, ok := jsonEscapes[c]; ok {
		p.i++
		return r, nil
	}
	if c != 'u' {
		return 0, jsonError("Escape sequence \"\\%c\" is invalid.", c)
	}
	r, err := p.hex4()
	if err != nil {
		return 0, err
	}
	if r == 0 && !p.check {
		return 0, sqlerr.New("22P05", "unsupported Unicode escape sequence").WithDetail("\\u0000 cannot be converted to text.")
	}
	if p.check || !utf16.IsSurrogate(r) { // type json does not look into its strings
		return r, nil
	}
	if r >= 0xDC00 {
		return 0, jsonError("Unicode low surrogate must follow a high surrogate.")
	}
	if p.i+1 >= len(p.s) || p.s[p.i] != '\\' || p.s[p.i+1] != 'u' {
		return 0, jsonError("Unicode low surrogate must follow a high surrogate.")
	}
	p.i++
	lo, err := p.hex4()
	if err != nil {
		return 0, err
	}
	if lo < 0xDC00 || lo > 0xDFFF {
		if lo >= 0xD800 && lo < 0xDC00 {
			return 0, jsonError("Unicode high surrogate must not follow a high surrogate.")
		}
		return 0, jsonError("Unicode low surrogate must follow a high surrogate.")
	}
	return utf16.DecodeRune(r, lo), nil
}

func (p *jsonParser) hex4() (rune, error) {
	p.i++ // the u
	if p.i+4 > len(p.s) {
		return 0, jsonError("\"\\u\" must be followed by four hexadecimal digits.")
	}
	n, err := strconv.ParseUint(string(p.s[p.i:p.i+4]), 16, 16)
	if err != nil {
		return 0, jsonError("\"\\u\" must be followed by four hexadecimal digits.")
	}
	p.i += 4
	return rune(n), nil
}

// CanonicalJSON appends the jsonb text of a JSON text: keys sorted by length, then bytes, the last of
// repeated keys kept, one space behind ':' and ','.
func CanonicalJSON(dst, s []byte) ([]byte, error) {
	v, err := ParseJSON(s)
	if err != nil {
		return dst, err
	}
	return AppendJSONB(dst, &v), nil
}

// AppendJSONB appends v as jsonb text; it sorts v's members in place.
func AppendJSONB(dst []byte, v *JSONValue) []byte { return appendJSON(dst, v, false) }

// JSONBKey appends a text that is the same for all jsonb values that compare equal: numbers lose
// their trailing zeros.
func JSONBKey(dst, s []byte) []byte {
	v, err := ParseJSON(s)
	if err != nil {
		return append(dst, s...)
	}
	return appendJSON(dst, &v, true)
}

func appendJSON(dst []byte, v *JSONValue, key bool) []byte {
	switch v.Kind {
	case JSONNull:
		return append(dst, "null"...)
	case JSONBool:
		return strconv.AppendBool(dst, v.Bool)
	case JSONNumber:
		if key {
			return NumericAppendText(dst, NumericCanonical(nil, v.Num))
		}
		return NumericAppendText(dst, v.Num)
	case JSONString:
		return AppendJSONString(dst, v.Str)
	case JSONArray:
		dst = append(dst, '[')
		for i := range v.Items {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendJSON(dst, &v.Items[i], key)
		}
		return append(dst, ']')
	}
	v.SortMembers()
	dst = append(dst, '{')
	for i := range v.Members {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(AppendJSONString(dst, v.Members[i].Key), ": "...)
		dst = appendJSON(dst, &v.Members[i].Value, key)
	}
	return append(dst, '}')
}

// SortMembers puts an object's members in jsonb's order and drops all but the last of equal keys.
func (v *JSONValue) SortMembers() {
	slices.SortStableFunc(v.Members, func(a, b JSONMember) int { return CompareJSONKeys(a.Key, b.Key) })
	out := v.Members[:0]
	for i, m := range v.Members {
		if i+1 < len(v.Members) && v.Members[i+1].Key == m.Key {
			continue
		}
		out = append(out, m)
	}
	v.Members = out
}

// CompareJSONKeys orders object keys as jsonb does: shorter first.
func CompareJSONKeys(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// AppendJSONString appends s as a JSON string literal.
func AppendJSONString[S ~string | ~[]byte](dst []byte, s S) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			if c < 0x20 {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
}
