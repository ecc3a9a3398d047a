package are

import (
	"strings"
	"unicode/utf8"
)

// escape is what a backslash and its letter stand for: a character, a class, a constraint or a
// reference.
type escape struct {
	r          rune
	class      string
	not        bool
	constraint bool
	check      check
	ref        int
}

var plainEscapes = map[byte]rune{'a': 7, 'b': 8, 'B': '\\', 'e': 27, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

var classEscapes = map[byte]escape{
	'd': {class: "digit"}, 's': {class: "space"}, 'w': {class: "word"},
	'D': {class: "digit", not: true}, 'S': {class: "space", not: true}, 'W': {class: "word", not: true},
	'A': {constraint: true, check: textStart}, 'Z': {constraint: true, check: textEnd},
	'm': {constraint: true, check: wordStart}, 'M': {constraint: true, check: wordEnd},
	'y': {constraint: true, check: wordBound}, 'Y': {constraint: true, check: wordInner},
}

// escaped reads an escape; the cursor stands at the backslash.
func (p *parser) escaped() escape {
	p.i++
	if p.end() {
		p.fail(badEscape)
		return escape{}
	}
	c := p.p[p.i]
	if !letter(c) && !isDigit(rune(c)) {
		r, n := utf8.DecodeRuneInString(p.p[p.i:])
		p.i += n
		return escape{r: r}
	}
	p.i++
	if r, ok := plainEscapes[c]; ok {
		return escape{r: r}
	}
	if e, ok := classEscapes[c]; ok {
		return e
	}
	switch c {
	case 'c':
		if p.end() {
			break
		}
		r, n := utf8.DecodeRuneInString(p.p[p.i:])
		p.i += n
		return escape{r: r & 0o37}
	case 'u':
		return p.digits(16, 4, 4)
	case 'U':
		return p.digits(16, 8, 8)
	case 'x':
		return p.digits(16, 1, 255)
	case '0':
		p.i--
		return p.octal()
	}
	if c >= '1' && c <= '9' {
		start := p.i
		p.i--
		e := p.digits(10, 1, 255)
		if p.i == start || e.r > 0 && int(e.r) <= p.groups {
			return escape{ref: max(int(e.r), 1)}
		}
		p.i = start - 1
		return p.octal()
	}
	p.fail(badEscape)
	return escape{}
}

func (p *parser) octal() escape {
	e := p.digits(8, 1, 3)
	if e.r > 0xff {
		p.i--
		e.r >>= 3
	}
	return e
}

// digits reads a number of so many digits at least and at most.
func (p *parser) digits(base, atLeast, atMost int) escape {
	n, v := 0, int64(0)
	for ; n < atMost && !p.end(); n++ {
		d := strings.IndexByte("0123456789abcdef", p.p[p.i]|0x20)
		if p.p[p.i] < '0' || d < 0 || d >= base || v > 1<<31 {
			break
		}
		v = v*int64(base) + int64(d)
		p.i++
	}
	if n < atLeast || v > 0x7ffffffe {
		p.fail(badEscape)
	}
	return escape{r: rune(v)}
}

func (p *parser) escapedAtom() atom {
	e := p.escaped()
	switch {
	case p.err != nil:
		return atom{}
	case e.constraint:
		p.mark.words = p.mark.words || e.check >= wordStart
		return atom{re: &expr{op: opCheck, check: e.check}}
	case e.class != "":
		return atom{re: &expr{op: opSet, set: (&set{items: []item{{class: e.class, not: e.not}}}).seal()}, element: true}
	case e.ref > 0:
		re, ok := p.closed[e.ref]
		if !ok || p.look {
			p.fail(badRef)
			return atom{}
		}
		p.mark.refs = true
		return atom{re: re.unconditional(), ref: e.ref, element: true}
	}
	return p.char(e.r)
}

// brackets reads "[…]"; the cursor stands at its start.
func (p *parser) brackets() *set {
	p.i++
	s := &set{fold: p.opt.Fold}
	if p.accept("^") {
		s.not, s.stop = true, p.opt.Stop
	}
	for first := true; ; first = false {
		switch {
		case p.end():
			p.fail(badBrackets)
			return s
		case p.p[p.i] == ']' && !first:
			p.i++
			return s.seal()
		case p.is("-") && !first && !p.is("-]"): // what a range began with is read already
			p.fail(badRange)
			return s
		}
		p.member(s)
		if p.err != nil {
			return s
		}
	}
}

// member reads one member of a set: a character, a range or a class.
func (p *parser) member(s *set) {
	lo, done := p.memberStart(s)
	if done || p.err != nil {
		return
	}
	hi := lo
	if p.is("-") && !p.is("-]") {
		p.i++
		if p.is("[:") || p.is("[=") || p.end() {
			p.fail(badRange)
			return
		}
		var e escape
		if hi, e = p.endpoint(); e.class != "" || e.constraint || e.ref > 0 {
			p.fail(badRange)
			return
		}
		if lo > hi {
			p.fail(badRange)
			return
		}
	}
	s.items = append(s.items, item{lo: lo, hi: hi})
}

// memberStart reads the first character of a member; done tells that it was a class.
func (p *parser) memberStart(s *set) (lo rune, done bool) {
	if p.is("[:") {
		name := p.named(":]")
		if classes[name] == nil {
			p.fail(badClass)
			return 0, true
		}
		if s.fold && (name == "upper" || name == "lower") {
			name = "alpha"
		}
		s.items = append(s.items, item{class: name})
		return 0, true
	}
	if p.is("[=") {
		r := p.element("=]")
		s.items = append(s.items, item{lo: r, hi: r})
		return 0, true
	}
	lo, e := p.endpoint()
	switch {
	case e.class != "":
		s.items = append(s.items, item{class: e.class, not: e.not})
		return 0, true
	case e.constraint || e.ref > 0:
		p.fail(badEscape)
	}
	return lo, false
}

func (p *parser) endpoint() (rune, escape) {
	switch {
	case p.is("[."):
		return p.element(".]"), escape{}
	case p.p[p.i] == '\\':
		e := p.escaped()
		return e.r, e
	}
	r, n := utf8.DecodeRuneInString(p.p[p.i:])
	p.i += n
	return r, escape{}
}

func (p *parser) element(end string) rune {
	name := p.named(end)
	if r, n := utf8.DecodeRuneInString(name); n > 0 && n == len(name) {
		return r
	}
	r, ok := elements[name]
	if !ok {
		p.fail(badElement)
	}
	return r
}

// named reads the name between "[:" and ":]" and its like.
func (p *parser) named(end string) string {
	n := strings.Index(p.p[p.i+2:], end)
	if n < 0 {
		p.fail(badBrackets)
		return ""
	}
	name := p.p[p.i+2 : p.i+2+n]
	p.i += n + 4
	return name
}
