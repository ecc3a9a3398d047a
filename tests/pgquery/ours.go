package pgquery

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"tidemill/sql/ast"
)

// ours writes our trees. extension tells that one held something that PostgreSQL has not.
type ours struct{ extension bool }

func (o *ours) exprs(es []ast.Expr) []string {
	out := make([]string, len(es))
	for i, e := range es {
		out[i] = o.expr(e)
	}
	return out
}

func (o *ours) optional(e ast.Expr) string {
	if e == nil {
		return ""
	}
	return o.expr(e)
}

func (o *ours) expr(e ast.Expr) string {
	switch n := e.(type) {
	case *ast.ColumnRef:
		return form("col", words(n.Parts))
	case *ast.Star:
		return form("col", words(n.Table)+".*")
	case *ast.Literal:
		return literal(n)
	case *ast.Param:
		return form("param", strconv.Itoa(n.N))
	case *ast.Unary:
		arg := o.expr(n.Expr)
		if n.Op == "not" {
			return form("not", arg)
		}
		if num, ok := negated(arg); ok && n.Op == "-" {
			return num
		}
		return form("op", n.Op, arg)
	case *ast.Binary:
		if n.Op == "and" || n.Op == "or" {
			return logic(n.Op, []string{o.expr(n.Left), o.expr(n.Right)})
		}
		return form("op", n.Op, o.expr(n.Left), o.expr(n.Right))
	case *ast.Cast:
		return form("cast", o.expr(n.Expr), o.typ(n.Type))
	case *ast.Case:
		return o.caseExpr(n)
	case *ast.ArrayLit:
		return form("array", o.exprs(n.Elems)...)
	case *ast.Row:
		return form("row", o.exprs(n.Elems)...)
	case *ast.Index:
		return form("index", o.expr(n.Expr), o.bound(n.Lo), o.bound(n.Hi), strconv.FormatBool(n.Slice))
	case *ast.FieldOf:
		return form("field", o.expr(n.Expr), word(n.Name))
	case *ast.AtTimeZone:
		return form("call", word("timezone"), o.expr(n.Zone), o.expr(n.Expr))
	case *ast.Collate:
		return form("collate", o.expr(n.Expr), words(n.Name))
	case *ast.Default:
		return "(default)"
	case *ast.Call:
		return o.call(n)
	}
	return o.test(e)
}

func (o *ours) bound(e ast.Expr) string {
	if e == nil {
		return "-"
	}
	return o.expr(e)
}

// test writes predicates and sub-queries.
func (o *ours) test(e ast.Expr) string {
	switch n := e.(type) {
	case *ast.Is:
		return form("is", n.Test, strconv.FormatBool(n.Not), o.expr(n.Expr))
	case *ast.IsDistinct:
		return form("distinct", strconv.FormatBool(n.Not), o.expr(n.Left), o.expr(n.Right))
	case *ast.Like:
		return node("like", n.Kind, strconv.FormatBool(n.Not), o.expr(n.Expr), o.expr(n.Pattern), o.optional(n.Escape))
	case *ast.Between:
		return node("between", flag("not", n.Not), flag("symmetric", n.Symmetric), o.expr(n.Expr), o.expr(n.Low), o.expr(n.High))
	case *ast.In:
		if n.Query != nil && n.Not {
			return form("not", form("any", "=", o.expr(n.Expr), o.query(n.Query)))
		}
		if n.Query != nil {
			return form("any", "=", o.expr(n.Expr), o.query(n.Query))
		}
		return node("in", flag("not", n.Not), o.expr(n.Expr), list(o.exprs(n.List)))
	case *ast.Quantified:
		name, op := "any", n.Op
		if n.All {
			name = "all"
		}
		if like := likes[op]; like != "" {
			op = like
		}
		if n.Query != nil {
			return form(name, op, o.expr(n.Left), o.query(n.Query))
		}
		return form(name, op, o.expr(n.Left), o.expr(n.Array))
	case *ast.Exists:
		return form("exists", o.query(n.Query))
	case *ast.Subquery:
		return form("scalar", o.query(n.Query))
	case *ast.ArrayQuery:
		return form("arrayquery", o.query(n.Query))
	}
	return form("unknown")
}

// likes are the operators that LIKE and its kin stand for before ANY and ALL.
var likes = map[string]string{"like": "~~", "not like": "!~~", "ilike": "~~*", "not ilike": "!~~*"}

func literal(n *ast.Literal) string {
	switch n.Kind {
	case ast.LitNull:
		return "(null)"
	case ast.LitBool:
		return form("bool", n.Text)
	case ast.LitString:
		return form("str", word(n.Text))
	case ast.LitBit:
		return form("bit", word(strings.ToLower(n.Text[:1])+strings.Trim(n.Text[1:], "'")))
	}
	return number(n.Text)
}

func (o *ours) caseExpr(n *ast.Case) string {
	var arms []string
	for _, w := range n.Whens {
		arms = append(arms, form("when", o.expr(w.Cond), o.expr(w.Then)))
	}
	return node("case", part("of", o.optional(n.Operand)), list(arms), part("else", o.optional(n.Else)))
}

// typ writes a type: its name, modifiers and array dimensions.
func (o *ours) typ(t ast.TypeName) string {
	mods := make([]string, len(t.Mods))
	for i, m := range t.Mods {
		mods[i] = strconv.Itoa(m)
	}
	if len(t.Name) == 1 && t.Name[0] == "interval" {
		if mask := intervalMask(t.Fields); mask != 0 {
			mods = append([]string{strconv.Itoa(mask)}, mods...)
		} else if len(mods) > 0 {
			mods = append([]string{"32767"}, mods...)
		}
	}
	return node("type", function(t.Name), part("mods", list(mods)), strings.Repeat("[]", t.Dims))
}

// intervalMask is PostgreSQL's type modifier for "day to second" and the like.
func intervalMask(fields string) int {
	names := []string{"year", "month", "day", "hour", "minute", "second"}
	bits := []int{4, 2, 8, 1024, 2048, 4096}
	first, last, ranged := strings.Cut(fields, " to ")
	if !ranged {
		last = first
	}
	mask := 0
	for i := slices.Index(names, first); i >= 0 && i <= slices.Index(names, last); i++ {
		mask |= bits[i]
	}
	return mask
}

func (o *ours) call(n *ast.Call) string {
	if n.Partition != nil {
		o.extension = true
	}
	args := o.exprs(n.Args)
	for i, name := range n.ArgNames {
		if name != "" {
			args[i] = form("named", word(name), args[i])
		}
	}
	lowerWords(n.Name, args)
	order := o.order(n.OrderBy)
	if n.WithinGroup != nil {
		order = append([]string{"within"}, o.order(n.WithinGroup)...)
	}
	over := ""
	if n.Over != nil {
		over = o.window(n.Over)
		if n.Over.Name != "" && !n.Over.Copies {
			over = word(n.Over.Name)
		}
	}
	return node("call", append([]string{function(n.Name)}, append(args, flag("*", n.Star), flag("distinct", n.Distinct), flag("variadic", n.Variadic),
		part("order", list(order)), part("filter", o.optional(n.Filter)), part("over", over))...)...)
}

func (o *ours) order(items []ast.OrderItem) []string {
	var out []string
	for _, it := range items {
		nulls := ""
		if it.NullsFirst != nil {
			nulls = "last"
			if *it.NullsFirst {
				nulls = "first"
			}
		}
		out = append(out, node("by", o.expr(it.Expr), flag("desc", it.Desc), part("nulls", nulls)))
	}
	return out
}

func (o *ours) window(w *ast.Window) string {
	base, frame := "", ""
	if w.Copies {
		base = word(w.Name)
	}
	if f := w.Frame; f != nil {
		frame = node("frame", f.Unit, word(f.Start.Kind), o.optional(f.Start.Offset), word(f.End.Kind), o.optional(f.End.Offset), part("exclude", strings.ReplaceAll(f.Exclude, " ", "_")))
	}
	return node("window", base, part("partition", list(o.exprs(w.PartitionBy))), part("order", list(o.order(w.OrderBy))), frame)
}

func (o *ours) query(s *ast.Select) string {
	if s.EmitOnWindowClose {
		o.extension = true
	}
	var ctes []string
	for _, c := range s.With {
		mat := ""
		if c.Materialized != nil {
			mat = strconv.FormatBool(*c.Materialized)
		}
		ctes = append(ctes, node("cte", word(c.Name), part("columns", words(c.Columns)), part("materialized", mat), o.cteBody(c)))
	}
	limit := o.optional(s.Limit)
	return node("select", part("with", list(ctes)), flag("recursive", s.Recursive), o.block(s),
		part("order", list(o.order(s.OrderBy))), part("limit", limit), flag("ties", s.WithTies),
		part("offset", o.optional(s.Offset)), flag("lock", s.Locking != "" && s.Locking != "for read only"))
}

// cteBody writes what a CTE computes: a query or a statement that writes.
func (o *ours) cteBody(c ast.CTE) string {
	if c.Write != nil {
		return o.statement(c.Write)
	}
	return o.query(c.Query)
}

// block writes a query without the clauses around it.
func (o *ours) block(s *ast.Select) string {
	switch {
	case s.SetOp != "":
		return node(s.SetOp, flag("all", s.SetAll), o.query(s.Left), o.query(s.Right))
	case s.Values != nil:
		var rows []string
		for _, r := range s.Values {
			rows = append(rows, list(o.exprs(r)))
		}
		return form("values", rows...)
	}
	distinct := flag("[all]", s.Distinct && s.DistinctOn == nil)
	if s.DistinctOn != nil {
		distinct = list(o.exprs(s.DistinctOn))
	}
	var windows []string
	for name, w := range s.Windows {
		windows = append(windows, word(name)+"="+o.window(w))
	}
	sort.Strings(windows)
	return node("block", part("distinct", distinct), part("items", list(o.items(s.Items))), part("from", list(o.tables(s.From))),
		part("where", o.optional(s.Where)), part("group", list(o.groups(s))), flag("groupdistinct", s.GroupDistinct),
		part("having", o.optional(s.Having)), part("windows", list(windows)))
}

func (o *ours) items(items []ast.SelectItem) []string {
	var out []string
	for _, it := range items {
		out = append(out, node("as", o.expr(it.Expr), part("name", quoted(it.Alias))))
	}
	return out
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return word(s)
}

func (o *ours) groups(s *ast.Select) []string {
	var out []string
	for _, g := range s.GroupBy {
		if g.Kind == "" {
			out = append(out, o.expr(g.Expr))
			continue
		}
		var sets []string
		for _, set := range g.Sets {
			sets = append(sets, list(o.exprs(set)))
		}
		out = append(out, form(g.Kind, sets...))
	}
	if s.GroupAll {
		out = append(out, "(empty)")
	}
	return out
}

func (o *ours) tables(ts []ast.TableExpr) []string {
	var out []string
	for _, t := range ts {
		out = append(out, o.table(t))
	}
	return out
}

func alias(name string, columns []string) string {
	if name == "" && len(columns) == 0 {
		return ""
	}
	return node("alias", quoted(name), words(columns))
}

func (o *ours) table(t ast.TableExpr) string {
	switch n := t.(type) {
	case *ast.TableName:
		if n.AsOf != nil {
			o.extension = true
		}
		return node("table", words(n.Name), alias(n.Alias, n.Columns))
	case *ast.Derived:
		return node("derived", flag("lateral", n.Lateral), o.query(n.Query), alias(n.Alias, n.Columns))
	case *ast.Join:
		kind := n.Kind
		if strings.HasPrefix(kind, "asof") {
			o.extension = true
		}
		if kind == "cross" {
			kind = "inner"
		}
		return node("join", kind, flag("natural", n.Natural), o.table(n.Left), o.table(n.Right), part("on", o.optional(n.On)), part("using", words(n.Using)))
	case *ast.TableFunc:
		return o.tableFunc(n)
	case *ast.MatchRecognize:
		o.extension = true
	}
	return form("unknown")
}

func (o *ours) tableFunc(n *ast.TableFunc) string {
	var calls []string
	for i, c := range n.Calls {
		if len(c.Name) == 1 && ast.IsWindowFunction(c.Name[0]) {
			o.extension = true
		}
		defs := ""
		if i < len(n.CallDefs) {
			defs = list(o.defs(n.CallDefs[i]))
		}
		calls = append(calls, o.call(c)+part("defs", defs))
	}
	return node("functions", flag("lateral", n.Lateral), list(calls), flag("ordinality", n.Ordinality),
		alias(n.Alias, n.Columns), part("defs", list(o.defs(n.ColumnDefs))))
}

func (o *ours) defs(defs []ast.ColumnDef) []string {
	var out []string
	for _, d := range defs {
		out = append(out, form("def", word(d.Name), o.typ(d.Type)))
	}
	return out
}
