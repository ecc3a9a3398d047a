package are

import (
	"bytes"
	"regexp"
	"unicode"
	"unicode/utf8"
)

// Regexp is a compiled pattern; several goroutines may use it.
type Regexp struct {
	root   *node
	groups int
	anchor bool
	fold   bool
	free   bool // of conditions on what is around a match
	// simple finds the same matches in linear time; nil when it cannot.
	simple *regexp.Regexp
}

// Compile reads a pattern. Errors are those of PostgreSQL (2201B).
func Compile(pattern string, o Options) (*Regexp, error) {
	p := &parser{p: pattern, opt: o, closed: map[int]*expr{}}
	if !o.Literal {
		p.prefix()
	}
	var root *node
	if p.opt.Literal && p.err == nil {
		re := &expr{op: opEmpty}
		for _, r := range p.p[p.i:] {
			re = cat(re, p.char(r).re)
		}
		root = &node{re: re}
	} else if p.err == nil {
		root = p.alternatives()
	}
	if p.err != nil {
		return nil, p.err
	}
	c := &compiler{}
	if err := c.node(root); err != nil {
		return nil, err
	}
	re := &Regexp{root: root, groups: p.groups, anchor: p.opt.Anchor, fold: p.opt.Fold}
	if p.mark == (features{}) {
		re.free = root.re.free()
		re.simple = simple(root, p.opt.Anchor)
	}
	return re, nil
}

func (c *compiler) node(n *node) (err error) {
	if n.prog, err = c.program(n.re); err != nil {
		return err
	}
	for _, k := range n.kids {
		if err := c.node(k); err != nil {
			return err
		}
	}
	return nil
}

// Groups returns the number of groups.
func (re *Regexp) Groups() int { return re.groups }

// usesSimple tells whether the linear matcher may look at this text. Go folds characters beyond ASCII
// in more ways than PostgreSQL does.
func (re *Regexp) usesSimple(text []byte) bool {
	if re.simple == nil {
		return false
	}
	if re.fold {
		for _, c := range text {
			if c >= utf8.RuneSelf {
				return false
			}
		}
	}
	return true
}

// Match tells whether the pattern matches somewhere in text.
func (re *Regexp) Match(text []byte) (bool, error) {
	if re.usesSimple(text) {
		return re.simple.Match(text), nil
	}
	if re.root.flags&refers == 0 {
		m := &machine{text: text, anchor: re.anchor, fold: re.fold}
		return m.somewhere(re.root.prog, 0), m.err
	}
	m, err := re.Find(text, 0)
	return m != nil, err
}

// Find returns the first match that begins at byte from or behind it: the start and end of the match
// and of each group, −1 for groups that have not taken part. It is nil when there is none. What is
// before from counts as context.
func (re *Regexp) Find(text []byte, from int) ([]int, error) {
	m := &machine{text: text, anchor: re.anchor, fold: re.fold, groups: make([]int, 2*re.groups+2)}
	if re.root.flags&shorter == 0 && (from == 0 || re.free) && re.usesSimple(text) {
		span := re.simple.FindIndex(text[from:])
		if span == nil {
			return nil, nil
		}
		return m.within(re.root, from+span[0], from+span[1])
	}
	if re.root.flags&refers == 0 && !m.somewhere(re.root.prog, from) {
		return nil, m.err
	}
	for at := from; m.err == nil; {
		if found, err := m.begin(re.root, at); found != nil || err != nil {
			return found, err
		}
		if at >= len(text) {
			break
		}
		_, n := utf8.DecodeRune(text[at:])
		at += n
	}
	return nil, m.err
}

// begin looks for a match that begins at from.
func (m *machine) begin(root *node, from int) ([]int, error) {
	low, high := from, len(m.text)
	for m.err == nil {
		end := 0
		if root.flags&shorter != 0 {
			end = m.shortest(root.prog, from, low, high)
		} else {
			end = m.longest(root.prog, from, high)
		}
		if end < 0 {
			break
		}
		if found, err := m.within(root, from, end); found != nil || err != nil {
			return found, err
		}
		if root.flags&shorter != 0 {
			low = end + 1
		} else if high = end - 1; high < from {
			break
		}
	}
	return nil, m.err
}

// within divides the pattern over a piece of the text that its automaton matches.
func (m *machine) within(root *node, from, to int) ([]int, error) {
	for i := range m.groups {
		m.groups[i] = -1
	}
	if root.flags.messy() && !m.divide(root, from, to) {
		return nil, m.err
	}
	m.groups[0], m.groups[1] = from, to
	return m.groups, m.err
}

// exact tells whether the automaton of n matches all of the piece.
func (m *machine) exact(n *node, from, to int) bool { return m.longest(n.prog, from, to) == to }

// forget takes back what the groups of a node have matched.
func (m *machine) forget(n *node) {
	if n.group > 0 {
		m.groups[2*n.group], m.groups[2*n.group+1] = -1, -1
	}
	for _, k := range n.kids {
		m.forget(k)
	}
}

// divide finds out how a node matches a piece of the text that its automaton matches, and notes its
// groups. It is false when back references forbid the match.
func (m *machine) divide(n *node, from, to int) (ok bool) {
	switch n.op {
	case leaf:
		ok = true
	case wrap:
		ok = m.divide(n.kids[0], from, to)
	case alternate:
		for _, k := range n.kids {
			if m.exact(k, from, to) && m.divide(k, from, to) {
				ok = true
				break
			}
		}
	case concat:
		ok = m.split(n.kids[0], n.kids[1], from, to)
	case iterate:
		ok = m.iterate(n, from, to)
	case backref:
		ok = m.repeats(n, from, to)
	}
	if ok = ok && m.err == nil; ok && n.group > 0 {
		m.groups[2*n.group], m.groups[2*n.group+1] = from, to
	}
	return ok
}

// split divides a piece between two neighbours; the left one takes what it prefers.
func (m *machine) split(left, right *node, from, to int) bool {
	low, high := from, to
	for m.err == nil {
		mid := 0
		if left.flags&shorter != 0 {
			mid = m.shortest(left.prog, from, low, to)
		} else {
			mid = m.longest(left.prog, from, high)
		}
		if mid < 0 {
			return false
		}
		if m.exact(right, mid, to) && m.divide(left, from, mid) && m.divide(right, mid, to) {
			return true
		}
		m.forget(left)
		m.forget(right)
		if left.flags&shorter != 0 {
			if low = mid + 1; low > to {
				return false
			}
		} else if high = mid - 1; high < from {
			return false
		}
	}
	return false
}

// iterate divides a piece into repetitions, each as long or short as the repeated node prefers.
func (m *machine) iterate(n *node, from, to int) bool {
	none := from == to && n.min == 0
	if none && n.kids[0].flags&shorter != 0 {
		return true
	}
	most := to - from
	if n.max >= 0 {
		most = min(most, n.max)
	}
	if m.repetition(n, from, to, 1, max(n.min, 1), max(most, n.min, 1)) {
		return true
	}
	m.forget(n.kids[0])
	return none && m.err == nil
}

// repetition places repetition k of a node at from and those behind it up to to.
func (m *machine) repetition(n *node, from, to, k, least, most int) bool {
	kid := n.kids[0]
	short := kid.flags&shorter != 0
	low, high := from, to
	for m.err == nil {
		end := 0
		if short {
			end = m.shortest(kid.prog, from, low, to)
		} else {
			end = m.longest(kid.prog, from, high)
		}
		if end < 0 {
			return false
		}
		if m.worth(from, end, to, k, least, most) && m.placed(n, from, end, to, k, least, most) {
			return true
		}
		if short {
			if low = end + 1; low > to {
				return false
			}
		} else if high = end - 1; high < from {
			return false
		}
	}
	return false
}

// worth tells whether repetition k may end at end: the last one must be of a number that is allowed, and
// an empty one that is not the last is worth it only to reach the number that is asked for.
func (m *machine) worth(from, end, to, k, least, most int) bool {
	if end == to {
		return k >= least
	}
	return k < most && (end > from || k < least && least-k >= to-end)
}

// placed checks repetition k between from and end, and places the others behind it. The last one's
// groups stay.
func (m *machine) placed(n *node, from, end, to, k, least, most int) bool {
	kid := n.kids[0]
	saved := append([]int(nil), m.groups...)
	m.forget(kid)
	if !m.divide(kid, from, end) {
		copy(m.groups, saved)
		return false
	}
	if end == to || m.repetition(n, end, to, k+1, least, most) {
		return true
	}
	copy(m.groups, saved)
	return false
}

// repeats tells whether a piece is what the group has matched, as often as the reference asks.
func (m *machine) repeats(n *node, from, to int) bool {
	start, end := m.groups[2*n.ref], m.groups[2*n.ref+1]
	if start < 0 {
		return false
	}
	word := m.text[start:end]
	switch {
	case len(word) == 0:
		return from == to
	case from == to:
		return n.min == 0
	}
	times := 0
	for at := from; at < to; times++ {
		next, ok := m.prefix(at, to, word)
		if !ok {
			return false
		}
		at = next
	}
	return times >= n.min && (n.max < 0 || times <= n.max)
}

// prefix tells whether the text at a place begins with word, and where that ends.
func (m *machine) prefix(at, to int, word []byte) (end int, ok bool) {
	if !m.fold {
		return at + len(word), bytes.HasPrefix(m.text[at:to], word)
	}
	for len(word) > 0 {
		if at >= to {
			return 0, false
		}
		a, n := utf8.DecodeRune(m.text[at:to])
		b, k := utf8.DecodeRune(word)
		if a != b && unicode.ToLower(a) != unicode.ToLower(b) {
			return 0, false
		}
		at, word = at+n, word[k:]
	}
	return at, true
}
