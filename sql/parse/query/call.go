package query

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/lex"
	"tidemill/sql/sqlerr"
)

// call writes a function call; the cursor stands at its bracket. The parts that the TiDB grammar
// lacks follow the arguments as marker calls.
func (d *desugar) call(name []string, pos int) {
	n := &ast.Call{Pos: ast.Pos(pos), Name: name, Rows: d.rows}
	plain := d.plain
	d.plain, d.rows = false, ""
	d.ident(pos, n)
	d.raw("(")
	d.enter()
	d.c.ExpectPunct("(")
	some, ordered := d.callArgs(n, plain)
	d.c.ExpectPunct(")")
	d.leave()
	if plain {
		d.raw(")")
		return
	}
	section := func(text string) {
		if some {
			d.raw(",")
		}
		some = true
		d.raw(text)
	}
	if at := d.c.Pos(); d.c.Accept("within", "group") {
		switch {
		case ordered:
			d.c.Fail(sqlerr.New(sqlerr.SyntaxError, "cannot use multiple ORDER BY clauses with WITHIN GROUP").At(at))
		case n.Distinct:
			d.c.Fail(sqlerr.New(sqlerr.SyntaxError, "cannot use DISTINCT with WITHIN GROUP").At(at))
		case n.Variadic:
			d.c.Fail(sqlerr.New(sqlerr.SyntaxError, "cannot use VARIADIC with WITHIN GROUP").At(at))
		}
		d.c.ExpectPunct("(")
		section("pg_within(")
		d.c.Expect("order", "by")
		d.sortList()
		d.raw(")")
		d.c.ExpectPunct(")")
	}
	if d.c.Is("filter") && d.c.At(1).IsPunct("(") {
		d.c.Next()
		d.c.Next()
		section("pg_filter(")
		d.enter()
		d.c.Expect("where")
		d.expr(lvNone)
		d.leave()
		d.raw(")")
		d.c.ExpectPunct(")")
	}
	if d.c.Is("over") {
		section("")
		d.over()
	}
	d.raw(")")
}

// callArgs writes what stands between the brackets of a call and tells whether it was anything, and
// whether there was an ORDER BY. plain is set for a function in FROM.
func (d *desugar) callArgs(n *ast.Call, plain bool) (some, ordered bool) {
	if d.c.IsPunct(")") {
		return false, false
	}
	if d.c.IsOp("*") {
		d.c.Next()
		n.Star = true
		return false, false
	}
	if d.c.Accept("distinct") {
		n.Distinct = true
	} else {
		d.c.Accept("all")
	}
	count, named := 0, false
	d.list("arguments", func() {
		if n.Variadic {
			d.c.Unexpected()
		}
		if d.c.Accept("variadic") {
			n.Variadic = true
		}
		arg := ""
		if p := d.c.At(1); p.IsPunct("=>") || p.IsPunct(":=") {
			if !d.c.Peek().IsTypeFunc() {
				d.c.Unexpected()
			}
			arg = d.c.Next().Text
			d.c.Next()
			if !named {
				named = true
				n.ArgNames = make([]string, count)
			}
		} else if named {
			d.c.Fail(sqlerr.New(sqlerr.SyntaxError, "positional argument cannot follow named argument").At(d.c.Pos()))
		}
		if named {
			n.ArgNames = append(n.ArgNames, arg)
		}
		count++
		if plain && len(n.Name) == 1 && ast.IsWindowFunction(n.Name[0]) {
			d.windowArg(n, count)
		} else {
			d.expr(lvNone)
		}
	})
	if ordered = d.c.Accept("order", "by"); ordered {
		d.raw(",pg_order(")
		d.sortList()
		d.raw(")")
	}
	return true, ordered
}

// over writes OVER name or OVER (definition).
func (d *desugar) over() {
	pos := d.c.Pos()
	d.c.Expect("over")
	n := &overNote{}
	n.window.Pos = ast.Pos(d.c.Pos())
	d.raw("pg_over(")
	d.mark(pos, n)
	if d.c.IsPunct("(") {
		d.window(n)
	} else {
		n.window.Name = d.c.ColID()
	}
	d.raw(")")
}

// window writes a bracketed window definition as further arguments of a marker call.
func (d *desugar) window(n *overNote) {
	d.enter()
	d.c.ExpectPunct("(")
	if d.c.Peek().IsColID() && !d.c.IsAny("partition", "range", "rows", "groups") {
		n.window.Name, n.window.Copies = d.c.ColID(), true
	}
	if d.c.Accept("partition", "by") {
		d.raw(",pg_part(")
		d.list("partition expressions", func() { d.expr(lvNone) })
		d.raw(")")
	}
	if d.c.Accept("order", "by") {
		d.raw(",pg_order(")
		d.sortList()
		d.raw(")")
	}
	if unit := d.c.AcceptAny("range", "rows", "groups"); unit != "" {
		d.frame(n, unit)
	}
	d.c.ExpectPunct(")")
	d.leave()
}

// frame writes a window frame.
func (d *desugar) frame(n *overNote, unit string) {
	f := &ast.Frame{Unit: unit, End: ast.Bound{Kind: "current row"}}
	n.window.Frame = f
	between := d.c.Accept("between")
	start := d.c.Pos()
	end := start
	f.Start = d.bound("pg_start(")
	if between {
		d.c.Expect("and")
		end = d.c.Pos()
		f.End = d.bound("pg_end(")
	}
	d.checkFrame(f, start, end)
	if !d.c.Accept("exclude") {
		return
	}
	switch {
	case d.c.Accept("current", "row"):
		f.Exclude = "current row"
	case d.c.Accept("group"):
		f.Exclude = "group"
	case d.c.Accept("ties"):
		f.Exclude = "ties"
	default:
		d.c.Expect("no", "others")
	}
}

// checkFrame refuses the bounds that Postgres's grammar refuses; they stand at the given positions.
func (d *desugar) checkFrame(f *ast.Frame, startPos, endPos int) {
	refuse := func(text string) {
		pos := endPos
		if f.Start.Kind == "unbounded following" {
			pos = startPos
		}
		d.c.Fail(sqlerr.New(sqlerr.WindowingError, "%s", text).At(pos))
	}
	start, end := f.Start.Kind, f.End.Kind
	switch {
	case d.c.Err != nil:
	case start == "unbounded following":
		refuse("frame start cannot be UNBOUNDED FOLLOWING")
	case end == "unbounded preceding":
		refuse("frame end cannot be UNBOUNDED PRECEDING")
	case start == "current row" && end == "preceding":
		refuse("frame starting from current row cannot have preceding rows")
	case start == "following" && end == "preceding":
		refuse("frame starting from following row cannot have preceding rows")
	case start == "following" && end == "current row":
		refuse("frame starting from following row cannot end with current row")
	}
}

// bound reads a frame bound and writes its offset, if any, in a marker call.
func (d *desugar) bound(marker string) ast.Bound {
	switch {
	case d.c.Accept("current", "row"):
		return ast.Bound{Kind: "current row"}
	case d.c.Is("unbounded") && (d.c.At(1).Is("preceding") || d.c.At(1).Is("following")):
		d.c.Next()
		return ast.Bound{Kind: "unbounded " + d.c.Next().Text}
	}
	d.raw("," + marker)
	d.expr(lvNone)
	d.raw(")")
	kind := d.c.AcceptAny("preceding", "following")
	if kind == "" {
		d.c.Unexpected()
	}
	return ast.Bound{Kind: kind}
}

// sortList writes the items of ORDER BY.
func (d *desugar) sortList() { d.list("sort keys", d.sortItem) }

func (d *desugar) sortItem() {
	n := &sortNote{}
	d.raw("pg_sort(")
	d.mark(d.c.Pos(), n)
	d.raw(",")
	d.expr(lvNone)
	d.raw(")")
	switch d.c.AcceptAny("asc", "desc", "using") {
	case "desc":
		n.desc = true
	case "using":
		n.desc = d.usingOperator()
	}
	if d.c.Accept("nulls") {
		first := d.c.Accept("first")
		if !first {
			d.c.Expect("last")
		}
		n.nullsFirst = &first
	}
}

// usingOperator reads the operator of ORDER BY x USING op, where only < and > have a meaning here.
func (d *desugar) usingOperator() bool {
	t := d.c.Peek()
	op := t.Text
	if t.Is("operator") {
		op = d.operatorName()
	} else if t.Kind == lex.Op {
		d.c.Next()
	} else {
		d.c.Unexpected()
	}
	if op != "<" && op != ">" {
		d.c.Unsupported(t.Pos, "ORDER BY USING %s is not supported", op)
	}
	return op == ">"
}
