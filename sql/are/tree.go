package are

// expr is the syntax of a piece of a pattern, as far as an automaton can know it.
type expr struct {
	op       exprOp
	set      *set
	kids     []*expr
	min, max int // of opRepeat; max < 0 = no bound
	check    check
	neg      bool // of opLook
	behind   bool
}

type exprOp uint8

const (
	opEmpty exprOp = iota
	opSet
	opCat
	opAlt
	opRepeat
	opCheck
	opLook
)

// check is a condition on a place of the text that needs its neighbours only.
type check uint8

const (
	lineStart check = iota
	lineEnd
	textStart
	textEnd
	wordStart
	wordEnd
	wordBound
	wordInner
)

func cat(a, b *expr) *expr {
	if a.op == opEmpty {
		return b
	}
	if b.op == opEmpty {
		return a
	}
	return &expr{op: opCat, kids: []*expr{a, b}}
}

func repeat(e *expr, minimum, maximum int) *expr {
	if minimum == 1 && maximum == 1 {
		return e
	}
	return &expr{op: opRepeat, kids: []*expr{e}, min: minimum, max: maximum}
}

// unconditional is the expression without conditions on what is around it: what a group has matched
// may come again elsewhere.
func (e *expr) unconditional() *expr {
	switch {
	case e.op == opCheck || e.op == opLook:
		return &expr{op: opEmpty}
	case e.free():
		return e
	}
	out := *e
	out.kids = make([]*expr, len(e.kids))
	for i, k := range e.kids {
		out.kids[i] = k.unconditional()
	}
	return &out
}

// flags are what a node knows of its preference and contents. The first two hold for the node only.
type flags uint8

const (
	longer flags = 1 << iota
	shorter
	mixed    // holds pieces of both preferences
	captures // holds groups
	refers   // holds back references
)

const preference = longer | shorter

// messy tells that the node must be divided to know its groups.
func (f flags) messy() bool { return f&(mixed|captures|refers) != 0 }

// up is what a node hands to the one that contains it.
func (f flags) up() flags {
	out := f &^ preference
	if f&preference == preference {
		out |= mixed
	}
	return out
}

// combine gives the flags of a followed by b; the first preference counts.
func combine(a, b flags) flags {
	p := a & preference
	if p == 0 {
		p = b & preference
	}
	return (a | b).up() | p
}

type nodeOp uint8

const (
	leaf nodeOp = iota // the automaton says it all
	concat
	alternate
	iterate
	backref
	wrap // a group around a group
)

// node is a piece of the pattern that is divided over the text as a whole.
type node struct {
	op       nodeOp
	flags    flags
	group    int // the group that it is, 0 = none
	ref      int // of a back reference
	min, max int
	kids     []*node
	re       *expr
	prog     *program
}
