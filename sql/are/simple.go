package are

import (
	"regexp"
	"strconv"
	"strings"
)

// simple writes a pattern without lookaround, back references and word boundaries in the syntax of Go's
// package. The matches that it finds are the longest ones, as those of a node that prefers the longest.
// It is nil where Go's limits on repetitions are in the way.
func simple(root *node, anchor bool) *regexp.Regexp {
	var b strings.Builder
	root.re.goSyntax(&b, anchor)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil
	}
	re.Longest()
	return re
}

func (e *expr) goSyntax(b *strings.Builder, anchor bool) {
	switch e.op {
	case opSet:
		e.set.goSyntax(b)
	case opCat:
		for _, k := range e.kids {
			k.goSyntax(b, anchor)
		}
	case opAlt:
		b.WriteString("(?:")
		for i, k := range e.kids {
			if i > 0 {
				b.WriteByte('|')
			}
			k.goSyntax(b, anchor)
		}
		b.WriteByte(')')
	case opRepeat:
		b.WriteString("(?:")
		e.kids[0].goSyntax(b, anchor)
		b.WriteString("){" + strconv.Itoa(e.min) + ",")
		if e.max >= 0 {
			b.WriteString(strconv.Itoa(e.max))
		}
		b.WriteByte('}')
	case opCheck:
		switch {
		case e.check == textStart, e.check == lineStart && !anchor:
			b.WriteString(`\A`)
		case e.check == textEnd, e.check == lineEnd && !anchor:
			b.WriteString(`\z`)
		case e.check == lineStart:
			b.WriteString(`(?m:^)`)
		default:
			b.WriteString(`(?m:$)`)
		}
	}
}

// goSyntax writes a set; case is folded by Go.
func (s *set) goSyntax(b *strings.Builder) {
	if s.fold {
		b.WriteString("(?i:")
		defer b.WriteByte(')')
	}
	s.goSet(b)
}

// free tells that the expression has no conditions on what is around a match.
func (e *expr) free() bool {
	for _, k := range e.kids {
		if !k.free() {
			return false
		}
	}
	return e.op != opCheck && e.op != opLook
}
