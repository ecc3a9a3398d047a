package expr

import (
	"fmt"
	"strconv"
	"strings"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Program is a list of compiled expressions over the columns of one input. Equal subexpressions
// are computed once, immutable ones without columns at compile time. A Program holds working
// memory: one goroutine uses it at a time.
type Program struct {
	roots []*node
	nodes []*node

	// State of the running evaluation.
	c       *fn.Ctx
	b       *rows.Batch
	n       int
	scopes  []scope
	scratch fn.Scratch
	outer   *fn.Scratch // what c used before
	buf     rows.KeyBuf
}

// node is an expression of the program, shared by all places where it occurs.
type node struct {
	e    *Expr
	args []*node
	run  runner

	// lit is the value of a constant that is known at compile time; stable marks an expression
	// without columns whose value is known only while evaluating, such as now().
	lit    *types.Datum
	stable bool
	// volatile expressions (random()) are neither shared nor folded.
	volatile bool
	// cheap expressions cannot fail and cost less than narrowing a selection to avoid them.
	cheap bool

	// memo is the last result and the scope it was computed for.
	memo  *rows.Vec
	scope int32

	konst constColumn
}

// runner computes a node for the rows of a scope.
type runner func(p *Program, n *node, s int32) *rows.Vec

// scope is a selection under which nodes are evaluated. A result computed for a scope serves all
// scopes below it, since these select fewer rows.
type scope struct {
	sel    []int32
	parent int32
}

// noScope marks a memo as empty.
const noScope = -1

// Compile builds the program of exprs. Parameters, outer references and subqueries must have been
// replaced (BindParams, BindOuter) before.
func Compile(exprs []*Expr) (*Program, error) {
	p := &Program{}
	k := &compiler{p: p, seen: map[string]*node{}, ids: map[*node]int{}}
	for _, e := range exprs {
		n, err := k.compile(e)
		if err != nil {
			return nil, err
		}
		p.roots = append(p.roots, n)
	}
	return p, nil
}

// Types returns the types of the program's expressions.
func (p *Program) Types() []types.Type {
	out := make([]types.Type, len(p.roots))
	for i, n := range p.roots {
		out[i] = n.e.Type
	}
	return out
}

type compiler struct {
	p    *Program
	seen map[string]*node
	ids  map[*node]int
}

func (k *compiler) compile(e *Expr) (*node, error) {
	n := &node{e: e, scope: noScope}
	constant := e.Kind != Column
	for _, a := range e.Args {
		c, err := k.compile(a)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, c)
		n.volatile = n.volatile || c.volatile
		constant = constant && (c.lit != nil || c.stable)
	}
	volatility, err := n.bind()
	if err != nil {
		return nil, err
	}
	n.volatile = n.volatile || volatility == fn.Volatile
	key := k.key(n)
	if old := k.seen[key]; old != nil && !n.volatile {
		return old, nil
	}
	n.cheap = n.isCheap()
	if constant && !n.volatile && n.lit == nil {
		if volatility == fn.Immutable && allLit(n.args) {
			k.p.fold(n)
		}
		n.stable = n.lit == nil
	}
	k.seen[key] = n
	k.ids[n] = len(k.p.nodes)
	k.p.nodes = append(k.p.nodes, n)
	return n, nil
}

func allLit(ns []*node) bool {
	for _, n := range ns {
		if n.lit == nil {
			return false
		}
	}
	return true
}

// key identifies a node by what it computes.
func (k *compiler) key(n *node) string {
	var sb strings.Builder
	e := n.e
	fmt.Fprintf(&sb, "%s|%s|%d|%s|", e.Kind, typeKey(e.Type), e.Index, e.Name)
	for _, t := range e.ArgTypes {
		sb.WriteString(typeKey(t))
		sb.WriteByte(',')
	}
	if e.Lit != nil {
		fmt.Fprintf(&sb, "|%t%t%d|%x|%q", e.Lit.Null, e.Lit.B, e.Lit.I, floatBitsOf(e.Lit.F), e.Lit.S)
	}
	for _, a := range n.args {
		sb.WriteByte(' ')
		sb.WriteString(strconv.Itoa(k.ids[a]))
	}
	return sb.String()
}

// bind chooses how the node runs and tells how its own function varies.
func (n *node) bind() (fn.Volatility, error) {
	e := n.e
	switch e.Kind {
	case Column:
		n.run = runColumn
	case Literal:
		if e.Lit == nil {
			return 0, sqlerr.New(sqlerr.Internal, "literal without a value")
		}
		d := *e.Lit
		d.Type = e.Type
		n.lit = &d
	case Call:
		s, ok := fn.FindScalar(e.Name, e.ArgTypes)
		if !ok {
			return 0, sqlerr.New(sqlerr.Internal, "function %s%s of a plan does not exist", e.Name, typeList(e.ArgTypes))
		}
		n.run = callRunner(s.Kernel)
		return s.Volatility, nil
	case Cast:
		return n.bindCast()
	case Any, All:
		return n.bindQuantified()
	case Param, Outer, Subquery:
		return 0, sqlerr.New(sqlerr.Internal, "expression kind %q in a plan", e.Kind)
	default:
		n.run = runners[e.Kind]
		if e.Kind == In {
			n.bindIn()
		}
		if n.run == nil {
			return 0, sqlerr.New(sqlerr.Internal, "unknown expression kind %q", e.Kind)
		}
	}
	return fn.Immutable, nil
}

// runners are the kinds that need no look-up. Filled by init: the runners refer to Program.eval.
var runners map[Kind]runner

func init() {
	runners = map[Kind]runner{
		And: runAnd, Or: runOr, Not: runNot, IsNull: runIsNull, IsTrue: runIsTrue,
		Distinct: runDistinct, Case: runCase, Coalesce: runCoalesce, In: runInList,
		Array: runArray, Row: runRow, Field: runField,
	}
}

func (n *node) bindCast() (fn.Volatility, error) {
	from, to := n.e.Args[0].Type, n.e.Type
	if from.ID == types.Unknown && n.args[0].lit != nil && n.args[0].lit.Null {
		d := types.NullOf(to)
		n.lit = &d
		return fn.Immutable, nil
	}
	c, ok := fn.FindCast(from, to, fn.Explicit)
	if !ok {
		return 0, sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", fn.TypeName(from), fn.TypeName(to))
	}
	n.run = callRunner(c.KernelFor(from, to))
	return c.Volatility, nil
}

func callRunner(kernel fn.Kernel) runner {
	return func(p *Program, n *node, s int32) *rows.Vec {
		var space [4]*rows.Vec
		args := space[:0]
		for _, a := range n.args {
			args = append(args, p.eval(a, s))
		}
		return kernel(p.c, args, p.scopes[s].sel, p.n)
	}
}

func runColumn(p *Program, n *node, _ int32) *rows.Vec { return p.b.Cols[n.e.Index] }

// isCheap: columns, constants, and comparisons and tests of cheap operands of the fixed classes.
func (n *node) isCheap() bool {
	switch n.e.Kind {
	case Column, Literal:
		return true
	case Call:
		if !comparison[n.e.Name] || len(n.args) != 2 || n.args[0].e.Type.Phys() == types.PhysBytes ||
			n.args[1].e.Type.Phys() == types.PhysBytes {
			return false
		}
	case Not, IsNull, IsTrue, And, Or:
	default:
		return false
	}
	for _, a := range n.args {
		if !a.cheap {
			return false
		}
	}
	return true
}

var comparison = map[string]bool{"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true}

// fold computes a node over literals. A failure is not an error yet: the row that needs the value
// will raise it.
func (p *Program) fold(n *node) {
	c := &fn.Ctx{}
	p.begin(c, &rows.Batch{N: 1})
	v := n.run(p, n, 0)
	if len(c.Errs) > 0 {
		p.end(nil)
		return
	}
	if d := v.Datum(0); len(d.S) <= FoldMax {
		d = cloneDatum(d)
		d.Type = n.e.Type
		n.lit = &d
	}
	p.end(nil)
}

// FoldMax is the longest value, in bytes, that is computed ahead: repeat('x', 1e7) is better kept as
// what it is.
const FoldMax = 64 << 10

func cloneDatum(d types.Datum) types.Datum {
	if d.S != nil {
		d.S = append([]byte{}, d.S...)
	}
	return d
}

func typeList(ts []types.Type) string {
	parts := make([]string, len(ts))
	for i, t := range ts {
		parts[i] = fn.TypeName(t)
	}
	return "(" + strings.Join(parts, ", ") + ")"
}
