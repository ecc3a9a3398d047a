package query

import (
	"strings"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
)

// level is a precedence level of Postgres's grammar, loosest first.
type level uint8

const (
	lvNone level = iota
	lvOr
	lvAnd
	lvNot
	lvIs
	lvCmp
	lvLike
	lvOp // every operator without a level of its own
	lvAdd
	lvMul
	lvPow
)

// carrier is the TiDB operator that stands at a level in the canonical text.
var carrier = [...]string{lvIs: " = ", lvCmp: " = ", lvLike: " | ", lvOp: " << ", lvAdd: " + ", lvMul: " * ", lvPow: " ^ "}

func opLevel(op string) level {
	switch op {
	case "<", ">", "=", "<=", ">=", "<>":
		return lvCmp
	case "+", "-":
		return lvAdd
	case "*", "/", "%":
		return lvMul
	case "^":
		return lvPow
	}
	return lvOp
}

// run is the state of one run of operands and infix operators.
type run struct {
	logic, ops int
	like       bool // a LIKE waits for its ESCAPE
	// closed is the level of a predicate that has just ended without an operand of its own (IS NULL,
	// IN (…), = ANY (…)), lvNone otherwise. A tighter operator after it takes the whole predicate as
	// its left side, which the carriers alone would not give.
	closed level
	// start is, for each level, where in the canonical text the left side of an operator of that
	// level would begin.
	start [lvPow + 1]int
}

// after notes that an operator of level lv ends at offset at.
func (st *run) after(lv level, at int) {
	for l := lv + 1; l <= lvPow; l++ {
		st.start[l] = at
	}
}

// expr writes an expression as far as operators bind tighter than min.
func (d *desugar) expr(min level) {
	var st run
	st.after(lvNone, len(d.out))
	d.operand()
	for d.c.Err == nil {
		if st.closed != lvNone && d.behindPredicate() {
			// What binds to an operand takes a whole predicate when it can take no less.
			from := st.start[st.closed]
			d.wrap(from, "(")
			d.raw(")")
			d.casts(from)
			d.zones(from, true)
			st.after(st.closed, from)
			st.closed = lvNone
			continue
		}
		lv := d.nextLevel(&st)
		if lv <= min {
			return
		}
		if st.closed != lvNone && lv > st.closed {
			from := st.start[st.closed]
			d.wrap(from, "(")
			d.raw(")")
			st.after(st.closed, from)
		}
		st.closed = lvNone
		d.infix(lv, &st)
		if st.logic > d.c.Limits.ListItems {
			d.c.Fail(lex.TooMany("conditions", d.c.Limits.ListItems, d.c.Pos()))
		}
		if st.ops > d.c.Limits.Chain {
			d.c.Fail(d.c.Limits.TooDeep(d.c.Pos()))
		}
	}
}

// behindPredicate tells whether a cast, COLLATE or AT TIME ZONE is next.
func (d *desugar) behindPredicate() bool {
	return d.c.IsPunct("::") || d.c.Is("collate") || d.c.Is("at", "time", "zone")
}

// nextLevel returns the level of the infix operator that is next, lvNone when none is.
func (d *desugar) nextLevel(st *run) level {
	t := d.c.Peek()
	if t.Kind == lex.Op {
		return opLevel(t.Text)
	}
	if t.Kind != lex.Word || d.restricted() && !d.plainInfix(t) {
		return lvNone
	}
	switch t.Text {
	case "or":
		return lvOr
	case "and":
		return lvAnd
	case "is", "isnull", "notnull":
		return lvIs
	case "overlaps":
		return lvOp
	case "operator":
		if d.c.At(1).IsPunct("(") {
			return lvOp
		}
	case "escape":
		if st.like {
			return lvLike
		}
	case "like", "ilike", "similar", "between", "in":
		return lvLike
	case "not":
		switch next := d.c.At(1); next.Text {
		case "like", "ilike", "similar", "between", "in":
			if next.Kind == lex.Word {
				return lvLike
			}
		}
	}
	return lvNone
}

// restricted tells whether the present run is one of the restricted expressions that PostgreSQL's
// grammar wants before a word that could go on the expression: without AND, OR, NOT, predicates other
// than comparisons and IS DISTINCT FROM, COLLATE, and AT TIME ZONE.
func (d *desugar) restricted() bool { return d.bare == d.depth+1 }

// plainInfix tells whether the word t is an infix operator of a restricted expression.
func (d *desugar) plainInfix(t *lex.Token) bool {
	return t.Is("operator") || t.Is("is") && (d.c.At(1).Is("distinct") || d.c.At(1).Is("not") && d.c.At(2).Is("distinct"))
}

// restrict writes a restricted expression.
func (d *desugar) restrict() {
	outer := d.bare
	d.bare = d.depth + 1
	d.expr(lvNone)
	d.bare = outer
}

// infix writes the infix operator that is next, whose level is lv, and its right operand.
func (d *desugar) infix(lv level, st *run) {
	t := d.c.Peek()
	switch {
	case lv == lvOr || lv == lvAnd:
		st.logic++
		st.ops, st.like = 0, false // chains of AND and OR are flat, and what they join starts anew
		d.c.Next()
		d.raw(map[level]string{lvOr: " OR ", lvAnd: " AND "}[lv])
		st.after(lv, len(d.out))
		d.operand()
	case lv == lvIs:
		st.ops++
		d.isTest(st)
	case lv == lvLike:
		d.predicate(t, st)
	case t.Is("operator"):
		d.binary(st, d.operatorName(), lv, t.Pos)
	default:
		d.c.Next()
		d.binary(st, t.Text, lv, t.Pos)
	}
}

// binary writes the carrier, the operator's note and the right operand.
func (d *desugar) binary(st *run, op string, lv level, pos int) {
	st.ops++
	d.carry(st, lv, pos, opNote{op: op})
	d.right(st, lv)
}

// carry writes the carrier of a level around an operator's note.
func (d *desugar) carry(st *run, lv level, pos int, n opNote) {
	d.raw(carrier[lv])
	d.mark(pos, n)
	d.raw(carrier[lv])
	st.after(lv, len(d.out))
}

// right writes the right operand of an operator of level lv, which may be ANY or ALL.
func (d *desugar) right(st *run, lv level) {
	if d.quantifier() {
		st.closed = lv
	} else {
		d.operand()
	}
}

// quantifier writes ANY/SOME/ALL (array or query) if that is next.
func (d *desugar) quantifier() bool {
	if !d.c.IsAny("any", "some", "all") || !d.c.At(1).IsPunct("(") {
		return false
	}
	t := d.c.Next()
	d.raw("pg_any(")
	d.mark(t.Pos, quantNote{all: t.Text == "all"})
	d.raw(",")
	if d.isQuery(d.c.Index()) {
		d.subquery()
	} else {
		d.enter()
		d.c.ExpectPunct("(")
		d.expr(lvNone)
		d.c.ExpectPunct(")")
		d.leave()
	}
	d.raw(")")
	return true
}

// operatorName reads OPERATOR(schema.op) and drops the schema.
func (d *desugar) operatorName() string {
	d.c.Expect("operator")
	d.c.ExpectPunct("(")
	for d.c.Peek().IsColID() {
		d.c.Next()
		d.c.ExpectPunct(".")
	}
	if d.c.Peek().Kind != lex.Op {
		d.c.Unexpected()
	}
	op := d.c.Next().Text
	d.c.ExpectPunct(")")
	return op
}

// isTest writes IS [NOT] NULL/TRUE/FALSE/UNKNOWN/DISTINCT FROM, ISNULL, NOTNULL.
func (d *desugar) isTest(st *run) {
	t := d.c.Next()
	if t.Text != "is" {
		d.test(st, t.Pos, "null", t.Text == "notnull")
		return
	}
	not := d.c.Accept("not")
	if test := d.c.AcceptAny("null", "true", "false", "unknown"); test != "" {
		d.test(st, t.Pos, test, not)
		return
	}
	switch {
	case d.c.Accept("distinct"):
		d.c.Expect("from")
		d.carry(st, lvIs, t.Pos, opNote{kind: opDistinct, not: not})
		d.operand()
	case d.c.IsAny("document", "normalized", "nfc", "nfd", "nfkc", "nfkd", "json", "of"):
		d.c.Unsupported(t.Pos, "IS %s is not supported", upper(d.c.Peek().Text))
	default:
		d.c.Unexpected()
	}
}

// test writes a test that has no right operand.
func (d *desugar) test(st *run, pos int, test string, not bool) {
	d.raw(carrier[lvIs])
	d.mark(pos, opNote{op: test, kind: opTest, not: not})
	st.closed = lvIs
}

// predicate writes [NOT] LIKE, ILIKE, SIMILAR TO, BETWEEN, IN, or the ESCAPE of a LIKE.
func (d *desugar) predicate(t *lex.Token, st *run) {
	d.c.Next()
	if t.Text == "escape" {
		st.like = false
		d.carry(st, lvLike, t.Pos, opNote{kind: opEscape})
		d.operand()
		return
	}
	word, not := t, t.Text == "not"
	if not {
		word = d.c.Next()
	}
	st.ops++
	st.like = false
	switch word.Text {
	case "between":
		d.between(st, t.Pos, not)
	case "in":
		d.in(st, t.Pos, not)
	default:
		if word.Text == "similar" {
			d.c.Expect("to")
		}
		d.carry(st, lvLike, t.Pos, opNote{op: word.Text, kind: opLike, not: not})
		d.right(st, lvLike)
		st.like = st.closed == lvNone
	}
}

func (d *desugar) between(st *run, pos int, not bool) {
	n := opNote{kind: opBetween, not: not}
	if d.c.Accept("symmetric") {
		n.op = "symmetric"
	} else {
		d.c.Accept("asymmetric")
	}
	d.carry(st, lvLike, pos, n)
	d.enter()
	d.raw("pg_between(")
	d.restrict()
	d.c.Expect("and")
	d.raw(",")
	d.expr(lvLike)
	d.raw(")")
	d.leave()
}

func (d *desugar) in(st *run, pos int, not bool) {
	d.carry(st, lvLike, pos, opNote{kind: opIn, not: not})
	d.raw("pg_in(")
	if d.isQuery(d.c.Index()) {
		d.subquery()
	} else {
		d.enter()
		d.c.ExpectPunct("(")
		d.list("list items", func() { d.expr(lvNone) })
		d.c.ExpectPunct(")")
		d.leave()
	}
	d.raw(")")
	st.closed = lvLike
}

// operand writes one operand with its prefix operators, casts, subscripts, COLLATE and AT TIME ZONE.
func (d *desugar) operand() { d.zoned(true) }

func (d *desugar) zoned(at bool) {
	start := len(d.out)
	d.tight()
	d.zones(start, at)
}

// zones writes COLLATE and AT TIME ZONE around the operand that has been written from start on.
func (d *desugar) zones(start int, at bool) {
	wraps := 0
	for d.c.Err == nil && !d.restricted() {
		pos := d.c.Pos()
		switch {
		case d.c.Accept("collate"):
			name := d.c.Name()
			d.wrap(start, "pg_collate(")
			d.raw(",")
			d.mark(pos, collateNote(name))
			d.raw(")")
		case at && d.c.Accept("at", "time", "zone"):
			d.wrap(start, "pg_at(")
			d.raw(",")
			d.mark(pos, nil)
			d.raw(",")
			d.zoned(false)
			d.raw(")")
		default:
			return
		}
		if wraps++; d.depth+wraps > d.c.Limits.Depth {
			d.c.Fail(d.c.Limits.TooDeep(pos))
		}
	}
}

// tight writes an operand as far as unary signs and postfix forms reach.
func (d *desugar) tight() {
	t := d.c.Peek()
	switch {
	case t.IsOp("-") || t.IsOp("+"):
		d.c.Next()
		d.prefix(t.Pos, t.Text, d.tight)
	case t.Kind == lex.Op && opLevel(t.Text) == lvOp:
		d.c.Next()
		d.prefix(t.Pos, t.Text, func() { d.expr(lvOp) })
	case t.Is("operator") && d.c.At(1).IsPunct("("):
		d.prefix(t.Pos, d.operatorName(), func() { d.expr(lvOp) })
	case t.Is("not") && !d.restricted():
		d.c.Next()
		d.prefix(t.Pos, "not", func() { d.expr(lvNot) })
	default:
		d.postfix()
	}
}

// prefix writes a prefix operator around what arg writes.
func (d *desugar) prefix(pos int, op string, arg func()) {
	d.enter()
	d.raw("pg_pre(")
	d.mark(pos, opNote{op: op})
	d.raw(",")
	arg()
	d.raw(")")
	d.leave()
}

// postfix writes a primary and the casts, subscripts and field selections after it.
func (d *desugar) postfix() {
	start, wraps := len(d.out), 0
	indirect := d.primary()
	for d.c.Err == nil {
		t := d.c.Peek()
		switch {
		case t.IsPunct("::"):
			d.casts(start)
			indirect = false
		case indirect && t.IsPunct("["):
			d.wrap(start, "pg_index(")
			d.subscript(t.Pos)
		case indirect && t.IsPunct("."):
			d.c.Next()
			name := "*"
			if !d.c.AcceptOp("*") {
				name = d.c.Label()
			}
			d.wrap(start, "pg_field(")
			d.raw(",")
			d.mark(t.Pos, fieldNote(name))
			d.raw(")")
		default:
			return
		}
		if wraps++; d.depth+wraps > d.c.Limits.Depth {
			d.c.Fail(d.c.Limits.TooDeep(t.Pos))
		}
	}
}

// casts writes ::type around the operand that has been written from start on.
func (d *desugar) casts(start int) {
	for n := 0; d.c.IsPunct("::") && d.c.Err == nil; n++ {
		pos := d.c.Pos()
		d.c.Next()
		typ := Type(d.c)
		d.wrap(start, "pg_cast(")
		d.raw(",")
		d.mark(pos, typ)
		d.raw(")")
		if d.depth+n > d.c.Limits.Depth {
			d.c.Fail(d.c.Limits.TooDeep(pos))
		}
	}
}

// subscript writes the rest of pg_index(x, for [i], [lo:hi], [:hi], [lo:] and [:].
func (d *desugar) subscript(pos int) {
	d.enter()
	d.c.ExpectPunct("[")
	n := &indexNote{}
	d.raw(",")
	d.mark(pos, n)
	if !d.c.IsPunct(":") {
		d.raw(",pg_lo(")
		d.expr(lvNone)
		d.raw(")")
	}
	if d.c.AcceptPunct(":") {
		n.slice = true
		if !d.c.IsPunct("]") {
			d.raw(",pg_hi(")
			d.expr(lvNone)
			d.raw(")")
		}
	}
	d.c.ExpectPunct("]")
	d.raw(")")
	d.leave()
}

// constant writes a constant expression.
func (d *desugar) constant(t *lex.Token, kind ast.LiteralKind) {
	d.leaf(literal(t.Pos, kind, t.Text))
}

// upper spells a keyword for a message.
func upper(word string) string { return strings.ToUpper(word) }
