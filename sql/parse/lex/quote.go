package lex

import "strings"

// QuoteIdent returns name as an identifier that reads back as the same name: bare when that is
// safe, in double quotes otherwise.
func QuoteIdent(name string) string {
	safe := name != "" && (name[0] == '_' || 'a' <= name[0] && name[0] <= 'z')
	for i := 0; safe && i < len(name); i++ {
		c := name[i]
		safe = c == '_' || 'a' <= c && c <= 'z' || isDigit(c)
	}
	if safe && !IsReserved(name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// QuoteLiteral returns text as a string constant, in the E'…' form when it holds a backslash.
func QuoteLiteral(text string) string {
	q := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.IndexByte(text, '\\') >= 0 {
		return "E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}
