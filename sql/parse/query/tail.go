package query

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/sqlerr"
)

// tailState remembers which clauses have been seen and how many items ORDER BY has.
type tailState struct {
	order, limit, offset, emit bool
	ties, skipLocked           bool
	items                      int
}

// tail writes ORDER BY, LIMIT, OFFSET, FETCH, FOR UPDATE and EMIT, which Postgres allows in several
// orders, all as items of ORDER BY.
func (d *desugar) tail() {
	var st tailState
	if d.c.Accept("order", "by") {
		st.order = true
		d.separate(&st)
		d.sortList()
	}
	for d.c.Err == nil && d.tailClause(&st) {
	}
	if st.ties && st.skipLocked {
		d.c.Fail(sqlerr.New(sqlerr.SyntaxError, "SKIP LOCKED and WITH TIES options cannot be used together").At(d.c.Pos()))
	}
}

// separate starts the next item of ORDER BY.
func (d *desugar) separate(st *tailState) {
	if st.items == 0 {
		d.raw(" ORDER BY ")
	} else {
		d.raw(",")
	}
	st.items++
	// Two limits and any number of FOR clauses; nobody writes more than a handful.
	if st.items > 100 {
		d.c.Fail(lex.TooMany("clauses after a query", 100, d.c.Pos()))
	}
}

// tailClause writes one clause; false when none is next.
func (d *desugar) tailClause(st *tailState) bool {
	t := d.c.Peek()
	switch {
	case !st.limit && d.c.Accept("limit"):
		st.limit = true
		d.separate(st)
		d.marked("pg_limit(", func() {
			if all := d.c.Pos(); d.c.Accept("all") {
				d.leaf(literal(all, ast.LitNull, ""))
			} else {
				d.expr(lvNone)
			}
		})
		if d.c.IsPunct(",") {
			d.c.Fail(sqlerr.New(sqlerr.SyntaxError, "LIMIT #,# syntax is not supported").
				WithHint("Use separate LIMIT and OFFSET clauses.").At(t.Pos))
		}
	case !st.offset && d.c.Accept("offset"):
		st.offset = true
		d.separate(st)
		d.marked("pg_offset(", func() { d.expr(lvNone) })
		d.c.AcceptAny("row", "rows")
	case !st.limit && d.c.Accept("fetch"):
		st.limit = true
		d.separate(st)
		d.fetch(st, t.Pos)
	case d.c.Accept("for"):
		d.separate(st)
		d.locking(st, t.Pos)
	case !st.emit && d.c.Is("emit", "on", "window", "close"):
		st.emit = true
		d.c.Expect("emit", "on", "window", "close")
		d.separate(st)
		d.raw("pg_emit(")
		d.mark(t.Pos, nil)
		d.raw(")")
	default:
		return false
	}
	return true
}

func (d *desugar) marked(marker string, arg func()) {
	d.raw(marker)
	arg()
	d.raw(")")
}

// fetch writes FETCH FIRST [n] ROWS ONLY or WITH TIES as a limit.
func (d *desugar) fetch(st *tailState, pos int) {
	if d.c.AcceptAny("first", "next") == "" {
		d.c.Unexpected()
	}
	d.raw("pg_limit(")
	if d.c.IsAny("row", "rows") {
		d.leaf(literal(d.c.Pos(), ast.LitInt, "1"))
	} else {
		d.fetchCount()
	}
	if d.c.AcceptAny("row", "rows") == "" {
		d.c.Unexpected()
	}
	if d.c.Accept("with") {
		d.c.Expect("ties")
		st.ties = true
		if !st.order {
			d.c.Fail(sqlerr.New(sqlerr.SyntaxError, "WITH TIES cannot be specified without ORDER BY clause").At(pos))
		}
		d.raw(",")
		d.mark(pos, nil)
	} else {
		d.c.Expect("only")
	}
	d.raw(")")
}

// fetchCount writes the count of FETCH, which is an operand without infix operators.
func (d *desugar) fetchCount() {
	t := d.c.Peek()
	if t.IsOp("+") || t.IsOp("-") {
		if k := d.c.At(1).Kind; k != lex.Integer && k != lex.Numeric {
			d.c.Next()
			d.c.Unexpected()
		}
	}
	d.tight()
}

// locking keeps FOR UPDATE and its kin as written.
func (d *desugar) locking(st *tailState, pos int) {
	from := d.c.Index()
	switch {
	case d.c.Accept("update"), d.c.Accept("share"), d.c.Accept("no", "key", "update"), d.c.Accept("key", "share"):
	case d.c.Accept("read", "only"):
	default:
		d.c.Unexpected()
	}
	if d.c.Accept("of") {
		d.c.Names()
	}
	if !d.c.Accept("nowait") {
		st.skipLocked = d.c.Accept("skip", "locked") || st.skipLocked
	}
	d.raw("pg_lock(")
	if d.c.Err == nil {
		d.mark(pos, textNote("for "+lex.Fold(d.c.Text(from, d.c.Index()))))
	}
	d.raw(")")
}
