package query

import (
	"slices"
	"strconv"

	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
)

// desugar writes the canonical text of one query or expression and collects its notes.
type desugar struct {
	c     *lex.Cursor
	out   []byte
	notes []note
	moved int    // bytes that wrap has moved
	plain bool   // the next call is one of FROM, where WITHIN GROUP, FILTER and OVER have no place
	match bool   // inside MATCH_RECOGNIZE, where RUNNING and FINAL may precede a call
	rows  string // "running" or "final" before the next call
	depth int    // open brackets, CASEs, prefix operators and queries around the current token
	bare  int    // depth + 1 of the restricted expression around the current token; 0 = none
}

// note is what one quoted number in the canonical text stands for.
type note struct {
	pos   int
	value any
}

// The notes that are not ast nodes themselves.
type (
	// opNote is an infix operator, LIKE and its kin (kind), or a prefix operator.
	opNote struct {
		op   string
		kind opKind
		not  bool
	}
	quantNote   struct{ all bool }
	indexNote   struct{ slice bool }
	aliasNote   string
	fieldNote   string
	collateNote []string
	joinNote    struct {
		kind    string
		natural bool
		using   []string
		match   bool // MATCH_CONDITION is the first argument
	}
	groupNote  string // "rollup", "cube", "sets", "empty", "set", "distinct"
	selectNote struct {
		distinct, values bool
		wrapped          bool // a bracketed query as an arm
	}
	sortNote struct {
		desc       bool
		nullsFirst *bool
	}
	overNote struct {
		window ast.Window
		name   string // of a WINDOW clause definition
	}
	textNote string
	rowNote  struct{} // ROW(…) written out, as against (…)
)

type opKind uint8

const (
	opPlain    opKind = iota
	opTest            // IS NULL, IS TRUE, … ; op is the test
	opDistinct        // IS DISTINCT FROM
	opLike            // op is like, ilike or similar
	opEscape
	opBetween // op is "symmetric" or ""
	opIn
)

// raw appends canonical text.
func (d *desugar) raw(text string) { d.out = append(d.out, text...) }

func (d *desugar) add(pos int, value any) string {
	d.notes = append(d.notes, note{pos, value})
	return "n" + strconv.Itoa(len(d.notes)-1)
}

// mark writes @n for a new note, the form for operators and other attributes.
func (d *desugar) mark(pos int, value any) { d.raw("@" + d.add(pos, value)) }

// ident writes "n", the form for names.
func (d *desugar) ident(pos int, value any) { d.raw(`"` + d.add(pos, value) + `"`) }

// leaf writes 'n', the form for expressions that have no parts.
func (d *desugar) leaf(e ast.Expr) { d.raw("'" + d.add(e.Position(), e) + "'") }

// wrap inserts prefix at offset at, before what has been written since. Many wraps around a long
// operand cost quadratic time, so the bytes moved have a budget, far above any honest statement.
func (d *desugar) wrap(at int, prefix string) {
	const mostMoved = 1 << 28
	if d.moved += len(d.out) - at; d.moved > mostMoved {
		d.c.Fail(d.c.Limits.TooDeep(d.c.Pos()))
		return
	}
	d.out = slices.Insert(d.out, at, []byte(prefix)...)
}

// enter counts one level of nesting and fails above the limit; leave undoes it.
func (d *desugar) enter() {
	d.depth++
	if d.depth > d.c.Limits.Depth {
		d.c.Fail(d.c.Limits.TooDeep(d.c.Pos()))
	}
}

func (d *desugar) leave() { d.depth-- }

// list calls item for every element of a comma-separated list and writes the commas.
func (d *desugar) list(what string, item func()) int {
	n := 0
	for {
		item()
		n++
		if n > d.c.Limits.ListItems {
			d.c.Fail(lex.TooMany(what, d.c.Limits.ListItems, d.c.Pos()))
		}
		if !d.c.AcceptPunct(",") {
			return n
		}
		d.raw(",")
	}
}

// literal builds a constant.
func literal(pos int, kind ast.LiteralKind, text string) *ast.Literal {
	return &ast.Literal{Pos: ast.Pos(pos), Kind: kind, Text: text}
}
