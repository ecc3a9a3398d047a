// Package timefmt holds the template language of to_char, to_date and to_timestamp: what a template
// consists of, and how a text is read by one. The rules, strange as some are, are PostgreSQL's.
package timefmt

import (
	"strings"
	"unicode/utf8"

	"tidemill/sql/sqlerr"
)

// Kind says what a piece of a template is.
type Kind uint8

// The kinds of pieces.
const (
	Word      Kind = iota // a pattern word: YYYY, Month
	Space                 // white space
	Separator             // punctuation
	Char                  // another character, or one in double quotes
)

// Node is one piece of a template.
type Node struct {
	Kind   Kind
	Text   string // the word as written, or the character
	Name   string // the word in capitals
	FM     bool   // without padding
	Suffix string // "TH", "th" or ""
}

// wordList lists the pattern words, longer ones first where one is a prefix of another; lower-case forms
// are the same.
var wordList = strings.Fields("A.D. A.M. AD AM B.C. BC CC DAY Day DDD DD DY Dy D FF1 FF2 FF3 FF4 FF5 FF6 FX HH24 HH12 HH IDDD ID IW IYYY IYY IY I " +
	"J MI MM MONTH Month MON Mon MS OF P.M. PM Q RM SSSSS SSSS SS TZH TZM TZ US WW W Y,YYY YYYY YYY YY Y")

var words = func() map[byte][]string {
	m := map[byte][]string{}
	for _, w := range wordList {
		m[w[0]] = append(m[w[0]], w)
		if l := strings.ToLower(w); w == strings.ToUpper(w) {
			m[l[0]] = append(m[l[0]], l)
		}
	}
	return m
}()

// Parse cuts a template into its pieces. Strict templates, those of JSON paths, have words and certain
// separators only.
func Parse(template string, strict bool) ([]Node, error) {
	var out []Node
	for f := template; f != ""; {
		n := Node{Kind: Char}
		for _, p := range []string{"FM", "fm", "TM", "tm"} {
			if rest, ok := strings.CutPrefix(f, p); ok {
				n.FM = p == "FM" || p == "fm"
				f = rest
				break
			}
		}
		if f == "" {
			break
		}
		if w := word(f); w != "" {
			n.Kind, n.Text, n.Name = Word, w, strings.ToUpper(w)
			f = f[len(w):]
			for _, s := range []string{"TH", "th", "SP"} {
				if rest, ok := strings.CutPrefix(f, s); ok {
					f = rest
					if s != "SP" {
						n.Suffix = s
					}
					break
				}
			}
			out = append(out, n)
			continue
		}
		if f[0] == '"' {
			out, f = quoted(out, f[1:])
			continue
		}
		if strict && !strings.Contains("-./,':; ", f[:1]) {
			return nil, sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid datetime format separator: \"%s\"", character(f))
		}
		if strings.HasPrefix(f, `\"`) {
			f = f[1:]
		}
		n = Node{Kind: Char, Text: character(f)}
		switch {
		case separator(f[0]):
			n.Kind = Separator
		case space(f[0]):
			n.Kind = Space
		}
		out = append(out, n)
		f = f[len(n.Text):]
	}
	return out, nil
}

func word(f string) string {
	for _, w := range words[f[0]] {
		if strings.HasPrefix(f, w) {
			return w
		}
	}
	return ""
}

// quoted reads text up to a double quote; a backslash takes the next character as it stands.
func quoted(out []Node, f string) ([]Node, string) {
	for f != "" {
		if f[0] == '"' {
			return out, f[1:]
		}
		if f[0] == '\\' && len(f) > 1 {
			f = f[1:]
		}
		c := character(f)
		out = append(out, Node{Kind: Char, Text: c})
		f = f[len(c):]
	}
	return out, f
}

func character(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

func space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func separator(c byte) bool {
	return c > ' ' && c < 0x7f && !digit(c) && !(c|0x20 >= 'a' && c|0x20 <= 'z')
}
