package are

import (
	"strings"
	"unicode/utf8"

	"tidemill/sql/sqlerr"
)

// Options are what the flags of a call say; embedded options of a pattern override them.
type Options struct {
	Fold    bool // case does not matter
	Stop    bool // . and [^…] do not match newline
	Anchor  bool // ^ and $ match at lines
	Expand  bool // white space and comments are left out
	Literal bool // the pattern is plain text
}

const (
	repeatMax  = 255 // as in PostgreSQL
	nestingMax = 1000
)

func bad(text string) error {
	return sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: %s", text)
}

const (
	badRepeat   = "quantifier operand invalid"
	badCount    = "invalid repetition count(s)"
	badEscape   = `invalid escape \ sequence`
	badParens   = "parentheses () not balanced"
	badBrackets = "brackets [] not balanced"
	badBraces   = "braces {} not balanced"
	badRange    = "invalid character range"
	badClass    = "invalid character class"
	badElement  = "invalid collating element"
	badRef      = "invalid backreference number"
	badOption   = "invalid embedded option"
)

// parser reads a pattern. The first error stops it.
type parser struct {
	p      string
	i      int
	opt    Options
	groups int
	closed map[int]*expr // the groups that are complete
	deep   int
	look   bool // within a lookaround
	mark   features
	err    error
}

// features are what a pattern uses that decides how it is matched.
type features struct{ look, refs, words bool }

func (p *parser) fail(text string) {
	if p.err == nil {
		p.err = bad(text)
	}
	p.i = len(p.p)
}

func (p *parser) end() bool { return p.i >= len(p.p) }

func (p *parser) is(s string) bool { return strings.HasPrefix(p.p[p.i:], s) }

func (p *parser) accept(s string) bool {
	if !p.is(s) {
		return false
	}
	p.i += len(s)
	return true
}

// prefix reads "***:", "***=" and "(?options)".
func (p *parser) prefix() {
	if p.accept("***=") {
		p.opt.Literal = true
		return
	}
	if p.is("***") && !p.accept("***:") {
		p.fail(badRepeat)
		return
	}
	rest := p.p[p.i:]
	if len(rest) < 3 || rest[:2] != "(?" || !letter(rest[2]) {
		return
	}
	p.i += 2
	for !p.end() && letter(p.p[p.i]) {
		switch p.p[p.i] {
		case 'b', 'e', 't':
		case 'c':
			p.opt.Fold = false
		case 'i':
			p.opt.Fold = true
		case 'm', 'n':
			p.opt.Stop, p.opt.Anchor = true, true
		case 'p':
			p.opt.Stop, p.opt.Anchor = true, false
		case 'q':
			p.opt.Literal = true
		case 's':
			p.opt.Stop, p.opt.Anchor = false, false
		case 'w':
			p.opt.Stop, p.opt.Anchor = false, true
		case 'x':
			p.opt.Expand = true
		default:
			p.fail(badOption)
			return
		}
		p.i++
	}
	if !p.accept(")") {
		p.fail(badOption)
	}
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// skip leaves out white space and comments.
func (p *parser) skip() {
	for !p.end() {
		switch {
		case p.opt.Expand && strings.IndexByte(" \t\n\r\v\f", p.p[p.i]) >= 0:
			p.i++
		case p.opt.Expand && p.p[p.i] == '#':
			for !p.end() && p.p[p.i] != '\n' {
				p.i++
			}
		case p.is("(?#"):
			if n := strings.IndexByte(p.p[p.i:], ')'); n >= 0 {
				p.i += n + 1
			} else {
				p.i = len(p.p)
			}
		default:
			return
		}
	}
}

// alternatives reads branches up to a bracket or the end.
func (p *parser) alternatives() *node {
	if p.deep++; p.deep > nestingMax {
		p.err = sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: regular expression is too complex")
		p.i = len(p.p)
	}
	defer func() { p.deep-- }()
	first := p.branch()
	p.skip()
	if !p.is("|") {
		return first
	}
	n := &node{op: alternate, flags: longer, kids: []*node{first}, re: &expr{op: opAlt, kids: []*expr{first.re}}}
	n.flags |= (n.flags | first.flags).up()
	for p.accept("|") {
		b := p.branch()
		n.kids = append(n.kids, b)
		n.re.kids = append(n.re.kids, b.re)
		n.flags |= (n.flags | b.flags).up()
		p.skip()
	}
	if !n.flags.messy() {
		n.op, n.kids = leaf, nil
	}
	return n
}

// branch reads a sequence of quantified atoms and constraints. Pieces that need not be divided grow one
// leaf; the first that does splits the branch into what is before it, itself, and the rest.
func (p *parser) branch() *node {
	top := &node{re: &expr{op: opEmpty}}
	for p.more() {
		if done := p.piece(top); done {
			break
		}
	}
	return top
}

func (p *parser) more() bool {
	p.skip()
	return !p.end() && p.p[p.i] != '|' && !(p.p[p.i] == ')' && p.deep > 1)
}

// atom is what piece has read: its automaton, and for a group or a reference more.
type atom struct {
	re      *expr
	node    *node // of a bracketed expression
	group   bool
	ref     int
	element bool // not a constraint, which takes no quantifier
}

// piece adds an atom with its quantifier to top; done tells that it has read the rest of the branch.
func (p *parser) piece(top *node) (done bool) {
	a := p.atom()
	if p.err != nil {
		return true
	}
	if !a.element {
		top.re = cat(top.re, a.re)
		return false
	}
	low, high, prefers := p.quantifier()
	if p.err != nil {
		return true
	}
	if low == 0 && high == 0 {
		return false // cancels the atom
	}
	var inner flags
	if a.node != nil {
		inner = a.node.flags
	} else if a.ref > 0 {
		inner = refers
	}
	if f := top.flags | prefers | inner; !a.group && a.ref == 0 && !f.up().messy() {
		top.re, top.flags = cat(top.re, repeat(a.re, low, high)), f
		return false
	}
	p.divide(top, p.quantified(a, low, high, prefers), combine(prefers, inner))
	return true
}

// quantified makes the node of an atom and its quantifier.
func (p *parser) quantified(a atom, low, high int, prefers flags) *node {
	n := a.node
	if n == nil {
		n = &node{re: a.re}
	}
	own := n.flags & (preference | mixed)
	f := combine(prefers, n.flags)
	switch {
	case a.ref > 0:
		return &node{op: backref, ref: a.ref, min: low, max: high, flags: f | refers, re: repeat(a.re, low, high)}
	case low == 1 && high == 1 && (prefers == 0 || own == 0 || prefers == own):
		return n
	case n.flags&(captures|refers) == 0:
		return &node{flags: f, re: repeat(a.re, low, high)}
	case low > 0 && n.flags&refers == 0: // only the last time round says what groups have matched
		before := &node{flags: f & preference, re: repeat(a.re, low-1, less(high))}
		return &node{op: concat, flags: f, kids: []*node{before, n}, re: cat(before.re, n.re)}
	}
	return &node{op: iterate, flags: f, min: low, max: high, kids: []*node{n}, re: repeat(a.re, low, high)}
}

// less is a bound less one; none stays none.
func less(bound int) int {
	if bound < 0 {
		return bound
	}
	return bound - 1
}

// divide makes top a sequence of what it was, the node x, and the rest of the branch. f are the flags
// that x and the rest begin with.
func (p *parser) divide(top, x *node, f flags) {
	prefix := *top
	tail := x
	if p.more() {
		rest := p.branch()
		tail = &node{op: concat, flags: f, kids: []*node{x, rest}, re: cat(x.re, rest.re)}
		tail.flags |= combine(tail.flags, rest.flags)
		if prefix.re.op != opEmpty && x.op == leaf && x.group == 0 && rest.op == leaf && rest.group == 0 &&
			!(x.flags | rest.flags).up().messy() {
			tail = &node{flags: combine(x.flags, rest.flags), re: tail.re}
		}
	}
	if prefix.re.op == opEmpty {
		*top = *tail
		return
	}
	*top = node{op: concat, flags: prefix.flags | combine(prefix.flags, tail.flags), kids: []*node{&prefix, tail}, re: cat(prefix.re, tail.re)}
}

// atom reads one atom or constraint.
func (p *parser) atom() atom {
	constraint := func(n int, c check) atom {
		p.i += n
		return atom{re: &expr{op: opCheck, check: c}}
	}
	switch c := p.p[p.i]; c {
	case '^':
		return constraint(1, lineStart)
	case '$':
		return constraint(1, lineEnd)
	case '*', '+', '?':
		p.fail(badRepeat)
		return atom{}
	case '{':
		p.i++
		if p.skip(); !p.end() && isDigit(rune(p.p[p.i])) {
			p.fail(badRepeat)
		}
		return p.char('{')
	case ')':
		p.fail(badParens)
		return atom{}
	case '(':
		return p.bracketed()
	case '.':
		p.i++
		return atom{re: &expr{op: opSet, set: (&set{not: true, stop: p.opt.Stop}).seal()}, element: true}
	case '[':
		switch {
		case p.is("[[:<:]]"):
			p.mark.words = true
			return constraint(7, wordStart)
		case p.is("[[:>:]]"):
			p.mark.words = true
			return constraint(7, wordEnd)
		}
		return atom{re: &expr{op: opSet, set: p.brackets()}, element: true}
	case '\\':
		return p.escapedAtom()
	}
	r, n := utf8.DecodeRuneInString(p.p[p.i:])
	p.i += n
	return p.char(r)
}

func (p *parser) char(r rune) atom {
	return atom{re: &expr{op: opSet, set: (&set{items: []item{{lo: r, hi: r}}, fold: p.opt.Fold}).seal()}, element: true}
}

// bracketed reads a group, plain brackets or a lookaround.
func (p *parser) bracketed() atom {
	p.i++
	look, neg, behind, group := false, false, false, false
	switch {
	case p.accept("?:"):
	case p.accept("?="):
		look = true
	case p.accept("?!"):
		look, neg = true, true
	case p.accept("?<="):
		look, behind = true, true
	case p.accept("?<!"):
		look, neg, behind = true, true, true
	case p.is("?"):
		p.fail(badRepeat)
		return atom{}
	default:
		group = !p.look
	}
	number, was := 0, p.look
	if group {
		p.groups++
		number = p.groups
	}
	p.look = p.look || look
	n := p.alternatives()
	p.look = was
	if !p.accept(")") {
		p.fail(badParens)
		return atom{}
	}
	if look {
		p.mark.look = true
		return atom{re: &expr{op: opLook, kids: []*expr{n.re}, neg: neg, behind: behind}}
	}
	if !group {
		return atom{re: n.re, node: n, element: true}
	}
	p.closed[number] = n.re
	if n.group > 0 {
		n = &node{op: wrap, flags: n.flags, kids: []*node{n}, re: n.re}
	}
	n.group, n.flags = number, n.flags|captures
	return atom{re: n.re, node: n, group: true, element: true}
}

// quantifier reads *, +, ?, {m}, {m,} or {m,n}, each with ? behind for the shortest.
func (p *parser) quantifier() (low, high int, prefers flags) {
	p.skip()
	low, high = 1, 1
	if p.end() {
		return low, high, 0
	}
	switch p.p[p.i] {
	case '*':
		low, high = 0, -1
	case '+':
		high = -1
	case '?':
		low = 0
	case '{':
		return p.bounds()
	default:
		return low, high, 0
	}
	p.i++
	return low, high, p.greed()
}

func (p *parser) greed() flags {
	if p.accept("?") {
		return shorter
	}
	return longer
}

func (p *parser) bounds() (low, high int, prefers flags) {
	start := p.i
	p.i++
	p.skip()
	if p.end() || !isDigit(rune(p.p[p.i])) { // a brace before anything but a digit is itself
		p.i = start
		return 1, 1, 0
	}
	exact := true
	low = p.number()
	high = low
	if p.skip(); p.accept(",") {
		exact, high = false, -1
		if p.skip(); !p.end() && isDigit(rune(p.p[p.i])) {
			if high = p.number(); high < low {
				p.fail(badCount)
			}
		}
	}
	switch p.skip(); {
	case p.err != nil:
	case p.end():
		p.fail(badBraces)
	case !p.accept("}"):
		p.fail(badCount)
	}
	if g := p.greed(); !exact {
		prefers = g
	}
	return low, high, prefers
}

func (p *parser) number() int {
	n := 0
	for !p.end() && isDigit(rune(p.p[p.i])) {
		if n = n*10 + int(p.p[p.i]-'0'); n > repeatMax {
			p.fail(badCount)
			return 0
		}
		p.i++
	}
	return n
}
