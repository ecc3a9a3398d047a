package pgquery

import (
	"strconv"
	"strings"
)

// form writes a node: its name and its parts in brackets.
func form(name string, parts ...string) string {
	return "(" + strings.Join(append([]string{name}, parts...), " ") + ")"
}

// list writes parts that have no name.
func list(parts []string) string { return "[" + strings.Join(parts, " ") + "]" }

// part writes a named part, or nothing when it is empty.
func part(name, value string) string {
	if value == "" || value == "[]" {
		return ""
	}
	return name + ":" + value
}

// node is form without its empty parts.
func node(name string, parts ...string) string {
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return form(name, kept...)
}

// word writes an identifier or a text. Quotes keep it one token.
func word(s string) string { return strconv.Quote(s) }

func eachWord(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = word(s)
	}
	return out
}

func words(list []string) string { return strings.Join(eachWord(list), ".") }

func flag(name string, set bool) string {
	if set {
		return name
	}
	return ""
}

// number writes a numeric constant, without underscores and zeros in front.
func number(text string) string {
	text = strings.ReplaceAll(text, "_", "")
	for len(text) > 1 && text[0] == '0' && '0' <= text[1] && text[1] <= '9' {
		text = text[1:]
	}
	return form("num", text)
}

// negated is the constant that PostgreSQL's grammar makes of a sign before a number.
func negated(num string) (string, bool) {
	text, ok := strings.CutPrefix(num, "(num ")
	if !ok {
		return "", false
	}
	text = strings.TrimSuffix(text, ")")
	if rest, minus := strings.CutPrefix(text, "-"); minus || text == "0" {
		return number(rest), true
	}
	return number("-" + text), true
}

// logic writes AND and OR flat, since both are associative.
func logic(op string, args []string) string {
	var flat []string
	for _, a := range args {
		if inner, ok := strings.CutPrefix(a, "("+op+" "); ok {
			flat = append(flat, strings.TrimSuffix(inner, ")"))
		} else {
			flat = append(flat, a)
		}
	}
	return form(op, flat...)
}

// lowerWords brings the keywords that are arguments to one case: extract("Year" FROM x), normalize(x, NFC).
func lowerWords(name []string, args []string) {
	switch n := name[len(name)-1]; {
	case n == "normalize" && len(args) == 2:
		args[1] = strings.ToLower(args[1])
	case n == "extract" && len(args) == 2:
		args[0] = strings.ToLower(args[0])
	}
}

// function writes a function's name without the schema that the grammar puts before those of its own.
func function(name []string) string {
	if len(name) == 2 && name[0] == "pg_catalog" {
		name = name[1:]
	}
	return words(name)
}
