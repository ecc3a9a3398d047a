package format

import (
	"bytes"
	"unicode/utf8"
)

// AppendJSON appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendJSON(dst, s []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		end := i
		for end < len(s) && s[end] >= 0x20 && s[end] != '"' && s[end] != '\\' {
			end++
		}
		if utf8.Valid(s[i:end]) {
			dst = append(dst, s[i:end]...)
		} else {
			dst = append(dst, bytes.ToValidUTF8(s[i:end], []byte("\ufffd"))...)
		}
		if i = end; i >= len(s) {
			break
		}
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(dst, '"')
}
