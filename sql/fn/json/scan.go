package json

import (
	"bytes"
	"strconv"

	"tidemill/sql/types"
)

// The functions here walk the text of a valid JSON value without building a tree. Values in columns
// are valid (input functions check them), so malformed text only has to be survived.

func skipSpace(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the offset behind the string literal that starts at i.
func stringEnd(s []byte, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// valueEnd returns the offset behind the value that starts at i.
func valueEnd(s []byte, i int) int {
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			i = stringEnd(s, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				if depth < 0 {
					return i
				}
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r', ':':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(s)
}

// kindOf returns the kind of a value from its first byte.
func kindOf(s []byte) types.JSONKind {
	i := skipSpace(s, 0)
	if i >= len(s) {
		return types.JSONNull
	}
	switch s[i] {
	case '{':
		return types.JSONObject
	case '[':
		return types.JSONArray
	case '"':
		return types.JSONString
	case 't', 'f':
		return types.JSONBool
	case 'n':
		return types.JSONNull
	}
	return types.JSONNumber
}

var kindNames = [...]string{"null", "string", "number", "boolean", "array", "object"}

// eachMember calls f for the members of an object until it says false; key is the literal with quotes.
func eachMember(s []byte, f func(key, value []byte) bool) {
	i := skipSpace(s, 0)
	if i >= len(s) || s[i] != '{' {
		return
	}
	for i = skipSpace(s, i+1); i < len(s) && s[i] == '"'; {
		end := stringEnd(s, i)
		key := s[i:end]
		i = skipSpace(s, skipSpace(s, end)+1)
		end = valueEnd(s, i)
		if !f(key, s[i:end]) {
			return
		}
		if i = skipSpace(s, end); i < len(s) && s[i] == ',' {
			i = skipSpace(s, i+1)
		}
	}
}

// eachItem calls f for the elements of an array until it says false.
func eachItem(s []byte, f func(value []byte) bool) {
	i := skipSpace(s, 0)
	if i >= len(s) || s[i] != '[' {
		return
	}
	for i = skipSpace(s, i+1); i < len(s) && s[i] != ']'; {
		end := valueEnd(s, i)
		if end == i || !f(s[i:end]) {
			return
		}
		if i = skipSpace(s, end); i < len(s) && s[i] == ',' {
			i = skipSpace(s, i+1)
		}
	}
}

// isKey tells whether a key literal means the given text.
func isKey(lit, key []byte) bool {
	if bytes.IndexByte(lit, '\\') < 0 {
		return len(lit) == len(key)+2 && bytes.Equal(lit[1:len(lit)-1], key)
	}
	return string(appendString(nil, lit)) == string(key)
}

// appendString appends the text of a string literal.
func appendString(dst, lit []byte) []byte {
	if bytes.IndexByte(lit, '\\') < 0 && len(lit) >= 2 {
		return append(dst, lit[1:len(lit)-1]...)
	}
	v, err := types.ParseJSON(lit)
	if err != nil {
		return dst
	}
	return append(dst, v.Str...)
}

// field returns the member of an object; of repeated keys the last, which json can have.
func field(s, key []byte) (value []byte, ok bool) {
	eachMember(s, func(k, v []byte) bool {
		if isKey(k, key) {
			value, ok = v, true
		}
		return true
	})
	return value, ok
}

// item returns an element of an array; a negative index counts from the end.
func item(s []byte, n int64) (value []byte, ok bool) {
	if n < 0 {
		if n += count(s); n < 0 {
			return nil, false
		}
	}
	eachItem(s, func(v []byte) bool {
		if n == 0 {
			value, ok = v, true
			return false
		}
		n--
		return true
	})
	return value, ok
}

// count returns the number of elements of an array.
func count(s []byte) (n int64) {
	eachItem(s, func([]byte) bool { n++; return true })
	return n
}

// path follows keys and indexes.
func path(s []byte, steps []types.Datum) (value []byte, ok bool) {
	s = bytes.TrimSpace(s)
	for _, p := range steps {
		if p.Null {
			return nil, false
		}
		switch kindOf(s) {
		case types.JSONObject:
			s, ok = field(s, p.S)
		case types.JSONArray:
			n, err := strconv.ParseInt(string(p.S), 10, 32)
			if err != nil {
				return nil, false
			}
			s, ok = item(s, n)
		default:
			return nil, false
		}
		if !ok {
			return nil, false
		}
	}
	return s, true
}
