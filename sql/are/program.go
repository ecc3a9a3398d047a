package are

import (
	"unicode/utf8"

	"tidemill/sql/sqlerr"
)

// program is a nondeterministic automaton. Its states are instructions, of which the sets and the
// match wait for a character and the others are passed at once.
type program struct {
	code []inst
	look []*program // what opLook instructions ask
}

type inst struct {
	op   instOp
	set  *set
	x, y int32 // where to go on
	chk  check
	look int32
	neg  bool
	back bool
}

type instOp uint8

const (
	iSet instOp = iota
	iSplit
	iJump
	iCheck
	iLook
	iMatch
)

// codeMax bounds the automata of one pattern together: {255} of {255} of … must not fill the memory.
const codeMax = 50000

// compiler writes programs; used counts the instructions of all of them.
type compiler struct{ used int }

func (c *compiler) program(e *expr) (*program, error) {
	p := &program{}
	if err := c.add(p, e); err != nil {
		return nil, err
	}
	p.code = append(p.code, inst{op: iMatch})
	return p, nil
}

func (c *compiler) emit(p *program, in inst) (int32, error) {
	if c.used++; c.used > codeMax {
		return 0, sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: regular expression is too complex")
	}
	p.code = append(p.code, in)
	return int32(len(p.code) - 1), nil
}

// add writes e so that it goes on at the instruction behind it.
func (c *compiler) add(p *program, e *expr) error {
	switch e.op {
	case opEmpty:
		return nil
	case opSet:
		_, err := c.emit(p, inst{op: iSet, set: e.set})
		return err
	case opCheck:
		_, err := c.emit(p, inst{op: iCheck, chk: e.check})
		return err
	case opCat:
		for _, k := range e.kids {
			if err := c.add(p, k); err != nil {
				return err
			}
		}
		return nil
	case opAlt:
		return c.alternatives(p, e)
	case opRepeat:
		return c.repeated(p, e)
	}
	sub, err := c.program(e.kids[0])
	if err != nil {
		return err
	}
	p.look = append(p.look, sub)
	_, err = c.emit(p, inst{op: iLook, look: int32(len(p.look) - 1), neg: e.neg, back: e.behind})
	return err
}

func (c *compiler) alternatives(p *program, e *expr) error {
	var ends []int32
	for i, k := range e.kids {
		split := int32(-1)
		var err error
		if i < len(e.kids)-1 {
			if split, err = c.emit(p, inst{op: iSplit}); err != nil {
				return err
			}
			p.code[split].x = split + 1
		}
		if err = c.add(p, k); err != nil {
			return err
		}
		if split >= 0 {
			end, err := c.emit(p, inst{op: iJump})
			if err != nil {
				return err
			}
			ends = append(ends, end)
			p.code[split].y = int32(len(p.code))
		}
	}
	for _, end := range ends {
		p.code[end].x = int32(len(p.code))
	}
	return nil
}

func (c *compiler) repeated(p *program, e *expr) error {
	sub := e.kids[0]
	for range e.min {
		if err := c.add(p, sub); err != nil {
			return err
		}
	}
	if e.max < 0 {
		split, err := c.emit(p, inst{op: iSplit})
		if err != nil {
			return err
		}
		if err := c.add(p, sub); err != nil {
			return err
		}
		if _, err := c.emit(p, inst{op: iJump, x: split}); err != nil {
			return err
		}
		p.code[split].x, p.code[split].y = split+1, int32(len(p.code))
		return nil
	}
	var splits []int32
	for range e.max - e.min {
		split, err := c.emit(p, inst{op: iSplit})
		if err != nil {
			return err
		}
		splits = append(splits, split)
		if err := c.add(p, sub); err != nil {
			return err
		}
	}
	for _, s := range splits {
		p.code[s].x, p.code[s].y = s+1, int32(len(p.code))
	}
	return nil
}

// states is a set of instructions that are waiting, in no order.
type states struct {
	list []int32
	mark []uint32 // the generation in which an instruction was visited
	gen  uint32
}

func (s *states) reset(n int) {
	s.list = s.list[:0]
	if len(s.mark) < n {
		s.mark = make([]uint32, n)
		s.gen = 0
	}
	if s.gen++; s.gen == 0 {
		clear(s.mark)
		s.gen = 1
	}
}

// stepsMax bounds the work on one text: some patterns take exponential time on some texts.
const stepsMax = 200 << 20

// errSteps ends a match that takes too long.
var errSteps = sqlerr.New(sqlerr.ProgramLimitExceeded, "a regular expression takes too many steps on a text").
	WithHint("Simplify its back references and lookaround constraints, or match shorter texts.")

// machine runs programs over one text.
type machine struct {
	text   []byte
	anchor bool
	fold   bool
	steps  int
	free   []*states
	stack  []int32
	behind map[*program][]bool // where a lookbehind holds
	groups []int               // start and end of each group, −1 where it has not matched
	err    error
}

func (m *machine) take(n int) *states {
	if k := len(m.free); k > 0 {
		s := m.free[k-1]
		m.free = m.free[:k-1]
		s.reset(n)
		return s
	}
	s := &states{}
	s.reset(n)
	return s
}

func (m *machine) give(s ...*states) { m.free = append(m.free, s...) }

// enter adds an instruction, and what follows it without a character, at a place of the text; it tells
// whether the program matches there.
func (m *machine) enter(p *program, s *states, pc int32, at int) (matched bool) {
	base := len(m.stack)
	m.stack = append(m.stack, pc)
	for len(m.stack) > base {
		pc = m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if s.mark[pc] == s.gen {
			continue
		}
		s.mark[pc] = s.gen
		if m.steps++; m.steps > stepsMax {
			m.err = errSteps
			m.stack = m.stack[:base]
			return false
		}
		switch in := &p.code[pc]; in.op {
		case iSet:
			s.list = append(s.list, pc)
		case iSplit:
			m.stack = append(m.stack, in.y, in.x)
		case iJump:
			m.stack = append(m.stack, in.x)
		case iCheck:
			if m.holds(in.chk, at) {
				m.stack = append(m.stack, pc+1)
			}
		case iLook:
			if m.looks(p.look[in.look], in.back, at) != in.neg {
				m.stack = append(m.stack, pc+1)
			}
		case iMatch:
			matched = true
		}
	}
	return matched
}

// step moves all states over the character r to the place at behind it.
func (m *machine) step(p *program, from, to *states, r rune, at int) (matched bool) {
	to.reset(len(p.code))
	for _, pc := range from.list {
		if p.code[pc].set.has(r) && m.enter(p, to, pc+1, at) {
			matched = true
		}
	}
	m.steps += len(from.list)
	return matched
}

// ends walks the ends of matches that begin at from, up to limit, until yield returns false.
func (m *machine) ends(p *program, from, limit int, yield func(end int) bool) {
	cur, next := m.take(len(p.code)), m.take(len(p.code))
	matched := m.enter(p, cur, 0, from)
	for at := from; m.err == nil; {
		if matched && !yield(at) || at >= limit || len(cur.list) == 0 {
			break
		}
		r, n := utf8.DecodeRune(m.text[at:])
		if at += n; at > limit { // the limit lies within a character
			break
		}
		matched = m.step(p, cur, next, r, at)
		cur, next = next, cur
	}
	m.give(cur, next)
}

// longest returns the last end of a match that begins at from, up to limit, or −1.
func (m *machine) longest(p *program, from, limit int) int {
	end := -1
	m.ends(p, from, limit, func(e int) bool { end = e; return true })
	return end
}

// shortest returns the first end of a match that begins at from, between low and limit, or −1.
func (m *machine) shortest(p *program, from, low, limit int) int {
	end := -1
	m.ends(p, from, limit, func(e int) bool {
		if e >= low {
			end = e
		}
		return end < 0
	})
	return end
}

// somewhere tells whether the program matches anything that begins at from or behind it.
func (m *machine) somewhere(p *program, from int) bool {
	cur, next := m.take(len(p.code)), m.take(len(p.code))
	defer func() { m.give(cur, next) }()
	matched := m.enter(p, cur, 0, from)
	for at := from; m.err == nil; {
		if matched || at >= len(m.text) {
			return matched
		}
		r, n := utf8.DecodeRune(m.text[at:])
		at += n
		matched = m.step(p, cur, next, r, at)
		matched = m.enter(p, next, 0, at) || matched
		cur, next = next, cur
	}
	return false
}

// looks answers a lookaround. Those behind are answered for the whole text in one walk.
func (m *machine) looks(p *program, behind bool, at int) bool {
	if !behind {
		return m.shortest(p, at, at, len(m.text)) >= 0
	}
	known := m.behind[p]
	if known == nil {
		known = make([]bool, len(m.text)+1)
		cur, next := m.take(len(p.code)), m.take(len(p.code))
		known[0] = m.enter(p, cur, 0, 0)
		for i := 0; i < len(m.text) && m.err == nil; {
			r, n := utf8.DecodeRune(m.text[i:])
			i += n
			matched := m.step(p, cur, next, r, i)
			known[i] = m.enter(p, next, 0, i) || matched
			cur, next = next, cur
		}
		m.give(cur, next)
		if m.behind == nil {
			m.behind = map[*program][]bool{}
		}
		m.behind[p] = known
	}
	return known[at]
}

// holds tells whether a condition holds at a place.
func (m *machine) holds(c check, at int) bool {
	switch c {
	case textStart:
		return at == 0
	case textEnd:
		return at == len(m.text)
	case lineStart:
		return at == 0 || m.anchor && m.text[at-1] == '\n'
	case lineEnd:
		return at == len(m.text) || m.anchor && m.text[at] == '\n'
	}
	before, after := false, false
	if at > 0 {
		r, _ := utf8.DecodeLastRune(m.text[:at])
		before = isWord(r)
	}
	if at < len(m.text) {
		r, _ := utf8.DecodeRune(m.text[at:])
		after = isWord(r)
	}
	switch c {
	case wordStart:
		return !before && after
	case wordEnd:
		return before && !after
	case wordBound:
		return before != after
	}
	return before == after
}
