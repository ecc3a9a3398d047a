package query

import (
	"strconv"
	"strings"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/sqlerr"
)

// patternReader reads a row pattern. The scanner joins operator characters that stand together, as in
// A*|B, so they are taken off one by one.
type patternReader struct {
	d     *desugar
	taken int // characters of the current operator token that have been read
	nodes int
}

// pattern reads a row pattern up to its closing bracket.
func (d *desugar) pattern() *ast.Pattern {
	r := &patternReader{d: d}
	p := r.alternatives()
	if r.taken > 0 {
		d.c.Unexpected()
	}
	return p
}

// isOp tells whether the operator character is next.
func (r *patternReader) isOp(char byte) bool {
	t := r.d.c.Peek()
	return t.Kind == lex.Op && r.taken < len(t.Text) && t.Text[r.taken] == char
}

func (r *patternReader) acceptOp(char byte) bool {
	if !r.isOp(char) {
		return false
	}
	r.take()
	return true
}

// take steps over an operator character.
func (r *patternReader) take() {
	if r.taken++; r.taken == len(r.d.c.Peek().Text) {
		r.d.c.Next()
		r.taken = 0
	}
}

func (r *patternReader) node(kind string, parts ...*ast.Pattern) *ast.Pattern {
	if r.nodes++; r.nodes > r.d.c.Limits.ListItems {
		r.d.c.Fail(lex.TooMany("pattern elements", r.d.c.Limits.ListItems, r.d.c.Pos()))
	}
	return &ast.Pattern{Pos: ast.Pos(r.d.c.Pos()), Kind: kind, Parts: parts}
}

// alternatives reads a | b | …
func (r *patternReader) alternatives() *ast.Pattern {
	r.d.enter()
	defer r.d.leave()
	first := r.sequence()
	if !r.isOp('|') {
		return first
	}
	out := r.node("alt", first)
	for r.acceptOp('|') {
		out.Parts = append(out.Parts, r.sequence())
	}
	return out
}

// sequence reads a b … with their quantifiers; it is not empty, () is.
func (r *patternReader) sequence() *ast.Pattern {
	var parts []*ast.Pattern
	for r.d.c.Err == nil {
		p := r.primary()
		if p == nil {
			break
		}
		parts = append(parts, r.quantified(p))
	}
	switch len(parts) {
	case 0:
		r.d.c.Unexpected()
		return nil
	case 1:
		return parts[0]
	}
	return r.node("seq", parts...)
}

// primary reads an element without its quantifier; nil when none is next.
func (r *patternReader) primary() *ast.Pattern {
	c := r.d.c
	t := c.Peek()
	if r.taken > 0 && !r.isOp('^') {
		return nil
	}
	switch {
	case t.IsPunct("("):
		c.Next()
		if c.AcceptPunct(")") {
			return r.node("empty")
		}
		p := r.alternatives()
		c.ExpectPunct(")")
		return p
	case t.IsPunct("{"):
		c.Next()
		if !r.acceptOp('-') {
			c.Unexpected()
		}
		p := r.node("exclude", r.alternatives())
		if !r.acceptOp('-') {
			c.Unexpected()
		}
		c.ExpectPunct("}")
		return p
	case r.isOp('^'):
		p := r.node("start")
		r.take()
		return p
	case t.IsPunct("$"):
		p := r.node("end")
		c.Next()
		return p
	case t.Is("permute") && c.At(1).IsPunct("("):
		return r.permute()
	case t.IsColID():
		return r.variable()
	}
	return nil
}

// variable reads a pattern variable. The scanner takes a $ right behind the last one for a part of
// its name.
func (r *patternReader) variable() *ast.Pattern {
	p := r.node("var")
	t := r.d.c.Next()
	p.Name = t.Text
	if name, found := strings.CutSuffix(t.Text, "$"); found && t.Kind == lex.Word && r.d.c.IsPunct(")") {
		p.Name = name
		return r.node("seq", p, r.node("end"))
	}
	return p
}

// permute reads PERMUTE(a, b, …).
func (r *patternReader) permute() *ast.Pattern {
	p := r.node("permute")
	r.d.c.Next()
	r.d.c.ExpectPunct("(")
	for {
		p.Parts = append(p.Parts, r.alternatives())
		if !r.d.c.AcceptPunct(",") {
			break
		}
	}
	r.d.c.ExpectPunct(")")
	return p
}

// quantified reads the quantifier behind p, if there is one.
func (r *patternReader) quantified(p *ast.Pattern) *ast.Pattern {
	q := &ast.Pattern{Pos: p.Pos, Kind: "repeat", Parts: []*ast.Pattern{p}, Max: -1}
	pos := r.d.c.Pos()
	switch {
	case r.acceptOp('*'):
	case r.acceptOp('+'):
		q.Min = 1
	case r.acceptOp('?'):
		q.Max = 1
	case r.taken == 0 && r.d.c.IsPunct("{") && !r.startsExclusion():
		r.d.c.Next()
		r.counts(q)
	default:
		return p
	}
	if p.Kind == "start" || p.Kind == "end" {
		r.d.c.Fail(sqlerr.New(sqlerr.SyntaxError, "an anchor of a row pattern takes no quantifier").At(pos))
	}
	q.Reluctant = r.acceptOp('?')
	return q
}

// startsExclusion tells whether the brace that is next is that of {- … -}.
func (r *patternReader) startsExclusion() bool {
	t := r.d.c.At(1)
	return t.Kind == lex.Op && t.Text[0] == '-'
}

// counts reads n}, n,}, n,m} or ,m}.
func (r *patternReader) counts(q *ast.Pattern) {
	c := r.d.c
	pos := c.Pos()
	if !c.IsPunct(",") {
		q.Min = r.count()
		q.Max = q.Min
	}
	if c.AcceptPunct(",") {
		if q.Max = -1; !c.IsPunct("}") || q.Min == 0 && c.At(-2).IsPunct("{") {
			q.Max = r.count()
		}
	}
	c.ExpectPunct("}")
	switch {
	case q.Max >= 0 && q.Max < q.Min:
		c.Fail(sqlerr.New(sqlerr.SyntaxError, "the bounds {%d,%d} of a row pattern are in the wrong order", q.Min, q.Max).At(pos))
	case q.Max == 0:
		c.Fail(sqlerr.New(sqlerr.SyntaxError, "the upper bound of a row pattern's quantifier must be greater than zero").At(pos))
	}
}

// count reads a number of repetitions.
func (r *patternReader) count() int {
	const most = 1_000_000 // far above what a pattern may grow to
	pos := r.d.c.Pos()
	n, err := strconv.Atoi(r.d.c.Integer())
	if r.d.c.Err == nil && (err != nil || n > most) {
		r.d.c.Fail(sqlerr.New(sqlerr.ProgramLimitExceeded, "the quantifier of a row pattern is too large").At(pos))
	}
	return n
}
