package match

import (
	"fmt"
	"slices"
	"strings"

	"tidemill/sql/sqlerr"
)

// Pattern is a row pattern.
type Pattern struct {
	Kind  string     `json:"kind"`
	Label int        `json:"label,omitempty"`
	Parts []*Pattern `json:"parts,omitempty"`
	// Min and Max bound a Repeat; Max < 0 is without end.
	Min       int  `json:"min,omitempty"`
	Max       int  `json:"max,omitempty"`
	Reluctant bool `json:"reluctant,omitempty"`
}

// The kinds of patterns.
const (
	Var     = "var"
	Seq     = "seq"
	Alt     = "alt"
	Permute = "permute"
	Repeat  = "repeat"
	Exclude = "exclude" // {- … -}: rows that are not shown
	AtStart = "start"   // ^
	AtEnd   = "end"     // $
	Empty   = "empty"   // ()
)

func (p *Pattern) any(f func(*Pattern) bool) bool {
	return f(p) || slices.ContainsFunc(p.Parts, func(q *Pattern) bool { return q.any(f) })
}

// Nullable tells whether the pattern matches without any row.
func (p *Pattern) Nullable() bool {
	all := func(q *Pattern) bool { return !q.Nullable() }
	switch p.Kind {
	case Var:
		return false
	case Alt:
		return slices.ContainsFunc(p.Parts, (*Pattern).Nullable)
	case Repeat:
		return p.Min == 0 || p.Parts[0].Nullable()
	}
	return !slices.ContainsFunc(p.Parts, all)
}

// Has tells whether every match has a row with one of the labels.
func (p *Pattern) Has(labels []int) bool {
	has := func(q *Pattern) bool { return q.Has(labels) }
	switch p.Kind {
	case Var:
		return labels == nil || slices.Contains(labels, p.Label)
	case Alt:
		return !slices.ContainsFunc(p.Parts, func(q *Pattern) bool { return !q.Has(labels) })
	case Repeat:
		return p.Min > 0 && p.Parts[0].Has(labels)
	}
	return slices.ContainsFunc(p.Parts, has)
}

// length is the least number of rows of a match.
func (p *Pattern) length() int {
	n := 0
	for i, q := range p.Parts {
		if l := q.length(); p.Kind == Alt && i > 0 {
			n = min(n, l)
		} else if p.Kind == Alt {
			n = l
		} else {
			n += l
		}
	}
	switch p.Kind {
	case Var:
		return 1
	case Repeat:
		return min(n*p.Min, maxProgram)
	}
	return n
}

// least returns for every label the least number of rows of a match before the label's first row.
func (p *Pattern) least(labels int) []int {
	out := make([]int, labels)
	for i := range out {
		out[i] = maxProgram
	}
	p.walkLeast(0, out)
	return out
}

func (p *Pattern) walkLeast(before int, out []int) {
	if p.Kind == Var {
		out[p.Label] = min(out[p.Label], before)
	}
	for _, q := range p.Parts {
		q.walkLeast(before, out)
		if p.Kind == Seq {
			before = min(before+q.length(), maxProgram)
		}
	}
}

// text writes the pattern for EXPLAIN.
func (p *Pattern) text(labels []string) string {
	parts := make([]string, len(p.Parts))
	for i, q := range p.Parts {
		if parts[i] = q.text(labels); (p.Kind == Repeat || p.Kind == Seq && q.Kind == Alt) && len(q.Parts) > 1 && q.Kind != Permute {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	switch p.Kind {
	case Var:
		return labels[p.Label]
	case Seq:
		return strings.Join(parts, " ")
	case Alt:
		return strings.Join(parts, " | ")
	case Permute:
		return "PERMUTE(" + strings.Join(parts, ", ") + ")"
	case Exclude:
		return "{- " + parts[0] + " -}"
	case AtStart:
		return "^"
	case AtEnd:
		return "$"
	case Repeat:
		return parts[0] + p.quantifier()
	}
	return "()"
}

func (p *Pattern) quantifier() string {
	s := ""
	switch {
	case p.Min == 0 && p.Max < 0:
		s = "*"
	case p.Min == 1 && p.Max < 0:
		s = "+"
	case p.Min == 0 && p.Max == 1:
		s = "?"
	case p.Max < 0:
		s = fmt.Sprintf("{%d,}", p.Min)
	case p.Min == p.Max:
		s = fmt.Sprintf("{%d}", p.Min)
	default:
		s = fmt.Sprintf("{%d,%d}", p.Min, p.Max)
	}
	if p.Reluctant {
		s += "?"
	}
	return s
}

// opcode is what an instruction of a program does.
type opcode uint8

const (
	opRow   opcode = iota // takes a row with a label
	opSplit               // goes to x, and if that fails to y
	opJump                // goes to x
	opStart               // only before the partition's first row
	opEnd                 // only behind its last
	opTime                // begins a time of loop x
	opAgain               // goes on only if that time has taken a row
	opMatch
)

type instr struct {
	op       opcode
	x, y     int32
	label    int32
	excluded bool
	bit      int32 // an opRow's number among them
}

// program is a pattern as instructions. Of several ways on, the preferred comes first.
type program struct {
	code  []instr
	rows  int // number of opRow
	loops int // number of endless loops whose body may take no row
}

// maxLoops bounds program.loops, so that a word has a bit for each.
const maxLoops = 64

// maxProgram bounds the instructions of a pattern, whose repetitions are written out.
const maxProgram = 10_000

// compile makes the program of a pattern.
func compile(p *Pattern) (*program, error) {
	g := &program{}
	if !g.add(p, false) || !g.emit(instr{op: opMatch}) {
		return nil, sqlerr.New(sqlerr.ProgramLimitExceeded, "the row pattern is too large").
			WithHint("Written out, with n copies for {n} and all orders for PERMUTE, it may have %d steps.", maxProgram)
	}
	return g, nil
}

// Check refuses a pattern that is too large.
func Check(p *Pattern) error {
	_, err := compile(p)
	return err
}

func (g *program) emit(i instr) bool {
	if i.op == opRow {
		i.bit = int32(g.rows)
		g.rows++
	}
	g.code = append(g.code, i)
	return len(g.code) < maxProgram && g.loops <= maxLoops
}

func (g *program) here() int32 { return int32(len(g.code)) }

// add appends the instructions of p; false when the program becomes too large.
func (g *program) add(p *Pattern, excluded bool) bool {
	switch p.Kind {
	case Var:
		return g.emit(instr{op: opRow, label: int32(p.Label), excluded: excluded})
	case Seq:
		return g.all(p.Parts, excluded)
	case Exclude:
		return g.all(p.Parts, true)
	case AtStart:
		return g.emit(instr{op: opStart})
	case AtEnd:
		return g.emit(instr{op: opEnd})
	case Alt:
		return g.alternatives(len(p.Parts), func(i int) bool { return g.add(p.Parts[i], excluded) })
	case Permute:
		return g.permute(p, excluded)
	case Repeat:
		return g.repeat(p, excluded)
	}
	return true
}

func (g *program) all(parts []*Pattern, excluded bool) bool {
	for _, q := range parts {
		if !g.add(q, excluded) {
			return false
		}
	}
	return true
}

// alternatives appends n alternatives, each written by arm.
func (g *program) alternatives(n int, arm func(i int) bool) bool {
	var jumps []int32
	for i := range n {
		split := g.here()
		if i+1 < n && !g.emit(instr{op: opSplit, x: split + 1}) {
			return false
		}
		if !arm(i) {
			return false
		}
		if i+1 < n {
			jumps = append(jumps, g.here())
			if !g.emit(instr{op: opJump}) {
				return false
			}
			g.code[split].y = g.here()
		}
	}
	for _, j := range jumps {
		g.code[j].x = g.here()
	}
	return true
}

// permute appends all orders of the parts, in the order in which they would be listed.
func (g *program) permute(p *Pattern, excluded bool) bool {
	n, count := len(p.Parts), 1
	for i := 2; i <= n; i++ {
		if count *= i; count > maxProgram {
			return false
		}
	}
	return g.alternatives(count, func(k int) bool {
		left := slices.Clone(p.Parts)
		size := count
		for m := n; m > 0; m-- {
			size /= m
			i := k / size
			k %= size
			if !g.add(left[i], excluded) {
				return false
			}
			left = slices.Delete(left, i, i+1)
		}
		return true
	})
}

func (g *program) repeat(p *Pattern, excluded bool) bool {
	body := p.Parts[0]
	split := func() bool { return g.emit(instr{op: opSplit}) }
	// set makes the split at go into the body, which begins behind it, or to out.
	set := func(at, in, out int32) {
		if g.code[at].x, g.code[at].y = in, out; p.Reluctant {
			g.code[at].x, g.code[at].y = out, in
		}
	}
	once := p.Max < 0 && p.Min > 0 && !body.Nullable() // the last copy can be the one that is repeated
	copies := p.Min
	if once {
		copies--
	}
	for range copies {
		if !g.add(body, excluded) {
			return false
		}
	}
	at := g.here()
	switch {
	case once:
		if !g.add(body, excluded) || !split() {
			return false
		}
		set(g.here()-1, at, g.here())
		return true
	case p.Max < 0:
		loop := int32(g.loops)
		nullable := body.Nullable()
		if nullable {
			g.loops++
		}
		ok := split() && (!nullable || g.emit(instr{op: opTime, x: loop})) && g.add(body, excluded) &&
			(!nullable || g.emit(instr{op: opAgain, x: loop})) && g.emit(instr{op: opJump, x: at})
		set(at, at+1, g.here())
		return ok
	}
	var splits []int32
	for range p.Max - p.Min {
		splits = append(splits, g.here())
		if !split() || !g.add(body, excluded) {
			return false
		}
	}
	for _, s := range splits {
		set(s, s+1, g.here())
	}
	return true
}
