package pgquery

import (
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// object is a node of PostgreSQL's tree as JSON; kind opens its wrapper.
type object = map[string]any

func kind(v any) (string, object) {
	if m, ok := v.(object); ok {
		for k, inner := range m {
			o, _ := inner.(object)
			return k, o
		}
	}
	return "", nil
}

func items(v any) []any { l, _ := v.([]any); return l }

func text(v any) string { s, _ := v.(string); return s }

func truth(v any) bool { b, _ := v.(bool); return b }

func integer(v any) int { f, _ := v.(float64); return int(f) }

// names reads a list of strings; a star stays one.
func names(v any) []string {
	var out []string
	for _, it := range items(v) {
		if k, o := kind(it); k == "A_Star" {
			out = append(out, "*")
		} else {
			out = append(out, text(o["sval"]))
		}
	}
	return out
}

// theirs writes PostgreSQL's trees. unknown names the first node that it does not know: the statement
// is then not compared.
type theirs struct{ unknown string }

func (t *theirs) exprs(v any) []string {
	out := []string{}
	for _, e := range items(v) {
		out = append(out, t.expr(e))
	}
	return out
}

func (t *theirs) optional(v any) string {
	if v == nil {
		return ""
	}
	return t.expr(v)
}

func (t *theirs) strange(k string) string {
	if t.unknown == "" {
		t.unknown = k
	}
	return form("unknown", k)
}

func (t *theirs) expr(v any) string {
	k, o := kind(v)
	switch k {
	case "ColumnRef":
		parts := names(o["fields"])
		if n := len(parts) - 1; parts[n] == "*" {
			return form("col", words(parts[:n])+".*")
		}
		return form("col", words(parts))
	case "A_Const":
		return constant(o)
	case "ParamRef":
		return form("param", strconv.Itoa(integer(o["number"])))
	case "TypeCast":
		return form("cast", t.expr(o["arg"]), t.typ(o["typeName"]))
	case "A_Indirection":
		return t.indirection(o)
	case "A_ArrayExpr":
		return form("array", t.exprs(o["elements"])...)
	case "RowExpr":
		return form("row", t.exprs(o["args"])...)
	case "CaseExpr":
		var arms []string
		for _, a := range items(o["args"]) {
			_, w := kind(a)
			arms = append(arms, form("when", t.expr(w["expr"]), t.expr(w["result"])))
		}
		return node("case", part("of", t.optional(o["arg"])), list(arms), part("else", t.optional(o["defresult"])))
	case "CollateClause":
		return form("collate", t.expr(o["arg"]), words(names(o["collname"])))
	case "SetToDefault":
		return "(default)"
	case "NamedArgExpr":
		return form("named", word(text(o["name"])), t.expr(o["arg"]))
	case "List":
		return list(t.exprs(o["items"]))
	}
	return t.test(k, o)
}

// test writes predicates, calls and sub-queries.
func (t *theirs) test(k string, o object) string {
	switch k {
	case "A_Expr":
		return t.operator(o)
	case "BoolExpr":
		args := t.exprs(o["args"])
		switch o["boolop"] {
		case "NOT_EXPR":
			return form("not", args...)
		case "AND_EXPR":
			return logic("and", args)
		}
		return logic("or", args)
	case "NullTest":
		return form("is", "null", strconv.FormatBool(o["nulltesttype"] == "IS_NOT_NULL"), t.expr(o["arg"]))
	case "BooleanTest":
		what := strings.ToLower(strings.TrimPrefix(text(o["booltesttype"]), "IS_"))
		rest, not := strings.CutPrefix(what, "not_")
		return form("is", rest, strconv.FormatBool(not), t.expr(o["arg"]))
	case "SubLink":
		return t.subLink(o)
	case "CoalesceExpr":
		return node("call", append([]string{word("coalesce")}, t.exprs(o["args"])...)...)
	case "MinMaxExpr":
		name := map[string]string{"IS_GREATEST": "greatest", "IS_LEAST": "least"}[text(o["op"])]
		return node("call", append([]string{word(name)}, t.exprs(o["args"])...)...)
	case "GroupingFunc":
		return node("call", append([]string{word("grouping")}, t.exprs(o["args"])...)...)
	case "SQLValueFunction":
		name := strings.ToLower(strings.TrimPrefix(text(o["op"]), "SVFOP_"))
		if rest, precise := strings.CutSuffix(name, "_n"); precise {
			return form("call", word(rest), number(strconv.Itoa(integer(o["typmod"]))))
		}
		return form("call", word(name))
	case "FuncCall":
		return t.call(o)
	}
	return t.strange(k)
}

func constant(o object) string {
	sub := func(k string) object { m, _ := o[k].(object); return m }
	switch {
	case truth(o["isnull"]):
		return "(null)"
	case o["ival"] != nil:
		return number(strconv.Itoa(integer(sub("ival")["ival"])))
	case o["fval"] != nil:
		digits := text(sub("fval")["fval"])
		if unsigned := strings.TrimPrefix(digits, "-"); len(unsigned) > 1 && unsigned[0] == '0' && unsigned[1] > '9' {
			if n, ok := new(big.Int).SetString(strings.ReplaceAll(digits, "_", ""), 0); ok {
				digits = n.String()
			}
		}
		return number(digits)
	case o["boolval"] != nil:
		return form("bool", strconv.FormatBool(truth(sub("boolval")["boolval"])))
	case o["bsval"] != nil:
		return form("bit", word(text(sub("bsval")["bsval"])))
	}
	return form("str", word(text(sub("sval")["sval"])))
}

func (t *theirs) indirection(o object) string {
	out := t.expr(o["arg"])
	for _, it := range items(o["indirection"]) {
		k, sub := kind(it)
		switch k {
		case "A_Indices":
			slice, lo, hi := truth(sub["is_slice"]), sub["lidx"], sub["uidx"]
			if !slice {
				lo, hi = hi, nil
			}
			out = form("index", out, t.bound(lo), t.bound(hi), strconv.FormatBool(slice))
		case "A_Star":
			out = form("field", out, word("*"))
		default:
			out = form("field", out, word(text(sub["sval"])))
		}
	}
	return out
}

func (t *theirs) bound(v any) string {
	if v == nil {
		return "-"
	}
	return t.expr(v)
}

// operator writes the kinds of A_Expr.
func (t *theirs) operator(o object) string {
	parts := names(o["name"])
	op := parts[len(parts)-1]
	left, right := o["lexpr"], o["rexpr"]
	switch o["kind"] {
	case "AEXPR_OP":
		if left == nil {
			// OPERATOR(pg_catalog.-) before a number says the same as the sign.
			arg := t.expr(right)
			if num, ok := negated(arg); ok && op == "-" {
				return num
			}
			return form("op", op, arg)
		}
		return form("op", op, t.expr(left), t.expr(right))
	case "AEXPR_OP_ANY":
		return form("any", op, t.expr(left), t.expr(right))
	case "AEXPR_OP_ALL":
		return form("all", op, t.expr(left), t.expr(right))
	case "AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT":
		return form("distinct", strconv.FormatBool(o["kind"] != "AEXPR_DISTINCT"), t.expr(left), t.expr(right))
	case "AEXPR_NULLIF":
		return form("call", word("nullif"), t.expr(left), t.expr(right))
	case "AEXPR_IN":
		return node("in", flag("not", op == "<>"), t.expr(left), t.expr(right))
	case "AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR":
		pattern, escape := right, any(nil)
		if k, f := kind(right); k == "FuncCall" {
			if fn := names(f["funcname"]); slices.Equal(fn, []string{"pg_catalog", "like_escape"}) || slices.Equal(fn, []string{"pg_catalog", "similar_to_escape"}) {
				args := items(f["args"])
				if pattern = args[0]; len(args) > 1 {
					escape = args[1]
				}
			}
		}
		name := strings.ToLower(strings.TrimPrefix(text(o["kind"]), "AEXPR_"))
		return node("like", name, strconv.FormatBool(op[0] == '!'), t.expr(left), t.expr(pattern), t.optional(escape))
	}
	if name := text(o["kind"]); strings.Contains(name, "BETWEEN") {
		_, bounds := kind(right)
		ends := t.exprs(bounds["items"])
		return node("between", flag("not", strings.Contains(name, "NOT")), flag("symmetric", strings.HasSuffix(name, "SYM")), t.expr(left), ends[0], ends[1])
	}
	return t.strange(text(o["kind"]))
}

func (t *theirs) subLink(o object) string {
	q := t.query(o["subselect"])
	op := "="
	if parts := names(o["operName"]); len(parts) > 0 {
		op = parts[len(parts)-1]
	}
	switch o["subLinkType"] {
	case "EXISTS_SUBLINK":
		return form("exists", q)
	case "EXPR_SUBLINK":
		return form("scalar", q)
	case "ARRAY_SUBLINK":
		return form("arrayquery", q)
	case "ANY_SUBLINK":
		return form("any", op, t.expr(o["testexpr"]), q)
	case "ALL_SUBLINK":
		return form("all", op, t.expr(o["testexpr"]), q)
	}
	return t.strange(text(o["subLinkType"]))
}

// typ writes a type; v is a TypeName without its wrapper.
func (t *theirs) typ(v any) string {
	o, _ := v.(object)
	if o == nil {
		return "(type)"
	}
	if truth(o["setof"]) || truth(o["pct_type"]) {
		return t.strange("SETOF, %TYPE")
	}
	var mods []string
	for _, m := range items(o["typmods"]) {
		k, c := kind(m)
		sub, _ := c["ival"].(object)
		if k != "A_Const" || sub == nil {
			return t.strange("type modifiers that are no integers")
		}
		mods = append(mods, strconv.Itoa(integer(sub["ival"])))
	}
	return node("type", function(names(o["names"])), part("mods", list(mods)), strings.Repeat("[]", len(items(o["arrayBounds"]))))
}

func (t *theirs) call(o object) string {
	name := names(o["funcname"])
	args := t.exprs(o["args"])
	lowerWords(name, args)
	if slices.Equal(name, []string{"pg_catalog", "xmlexists"}) {
		return t.strange("xmlexists")
	}
	order := t.order(o["agg_order"])
	if truth(o["agg_within_group"]) {
		order = append([]string{"within"}, order...)
	}
	over := ""
	if w, _ := o["over"].(object); w != nil {
		if over = t.window(w); text(w["name"]) != "" {
			over = word(text(w["name"]))
		}
	}
	return node("call", append([]string{function(name)}, append(args, flag("*", truth(o["agg_star"])), flag("distinct", truth(o["agg_distinct"])),
		flag("variadic", truth(o["func_variadic"])), part("order", list(order)), part("filter", t.optional(o["agg_filter"])), part("over", over))...)...)
}

func (t *theirs) order(v any) []string {
	var out []string
	for _, it := range items(v) {
		_, o := kind(it)
		desc := o["sortby_dir"] == "SORTBY_DESC"
		if o["sortby_dir"] == "SORTBY_USING" {
			op := names(o["useOp"])
			desc = op[len(op)-1] == ">"
		}
		nulls := map[string]string{"SORTBY_NULLS_FIRST": "first", "SORTBY_NULLS_LAST": "last"}[text(o["sortby_nulls"])]
		out = append(out, node("by", t.expr(o["node"]), flag("desc", desc), part("nulls", nulls)))
	}
	return out
}

// Bits of a window frame in PostgreSQL's tree.
const (
	frameNonDefault = 1 << iota
	frameRange
	frameRows
	frameGroups
	frameBetween
	startUnboundedPreceding
	endUnboundedPreceding
	startUnboundedFollowing
	endUnboundedFollowing
	startCurrentRow
	endCurrentRow
	startPreceding
	endPreceding
	startFollowing
	endFollowing
	excludeCurrentRow
	excludeGroup
	excludeTies
)

func (t *theirs) window(o object) string {
	frame := ""
	if bits := integer(o["frameOptions"]); bits&frameNonDefault != 0 {
		name := func(pairs ...any) string {
			for i := 0; i < len(pairs); i += 2 {
				if bits&pairs[i].(int) != 0 {
					return pairs[i+1].(string)
				}
			}
			return ""
		}
		frame = node("frame", name(frameRange, "range", frameRows, "rows", frameGroups, "groups"),
			word(name(startUnboundedPreceding, "unbounded preceding", startUnboundedFollowing, "unbounded following", startCurrentRow, "current row", startPreceding, "preceding", startFollowing, "following")),
			t.optional(o["startOffset"]),
			word(name(endUnboundedPreceding, "unbounded preceding", endUnboundedFollowing, "unbounded following", endCurrentRow, "current row", endPreceding, "preceding", endFollowing, "following")),
			t.optional(o["endOffset"]),
			part("exclude", name(excludeCurrentRow, "current_row", excludeGroup, "group", excludeTies, "ties")))
	}
	return node("window", quoted(text(o["refname"])), part("partition", list(t.exprs(o["partitionClause"]))), part("order", list(t.order(o["orderClause"]))), frame)
}

// query writes a query in its SelectStmt wrapper; set operations hold theirs without it.
func (t *theirs) query(v any) string {
	k, o := kind(v)
	if k == "SelectStmt" {
		return t.selectStmt(o)
	}
	if k == "InsertStmt" || k == "UpdateStmt" || k == "DeleteStmt" || k == "MergeStmt" {
		return t.strange(k + " inside a query")
	}
	bare, _ := v.(object)
	return t.selectStmt(bare)
}

func (t *theirs) with(v any) (ctes []string, recursive bool) {
	w, _ := v.(object)
	for _, it := range items(w["ctes"]) {
		_, c := kind(it)
		mat := map[string]string{"CTEMaterializeAlways": "true", "CTEMaterializeNever": "false"}[text(c["ctematerialized"])]
		if c["search_clause"] != nil || c["cycle_clause"] != nil {
			t.strange("SEARCH, CYCLE")
		}
		ctes = append(ctes, node("cte", word(text(c["ctename"])), part("columns", words(names(c["aliascolnames"]))), part("materialized", mat), t.statement(c["ctequery"])))
	}
	return ctes, truth(w["recursive"])
}

func (t *theirs) selectStmt(o object) string {
	ctes, recursive := t.with(o["withClause"])
	limit := t.optional(o["limitCount"])
	if limit == "(null)" {
		limit = ""
	}
	return node("select", part("with", list(ctes)), flag("recursive", recursive), t.block(o),
		part("order", list(t.order(o["sortClause"]))), part("limit", limit), flag("ties", o["limitOption"] == "LIMIT_OPTION_WITH_TIES"),
		part("offset", t.optional(o["limitOffset"])), flag("lock", o["lockingClause"] != nil))
}

func (t *theirs) block(o object) string {
	if op, ok := strings.CutPrefix(text(o["op"]), "SETOP_"); ok && op != "NONE" {
		return node(strings.ToLower(op), flag("all", truth(o["all"])), t.query(o["larg"]), t.query(o["rarg"]))
	}
	if rows := items(o["valuesLists"]); len(rows) > 0 {
		return form("values", t.exprs(rows)...)
	}
	if o["intoClause"] != nil {
		t.strange("SELECT INTO")
	}
	distinct := ""
	if d := items(o["distinctClause"]); len(d) > 0 {
		if distinct = "[all]"; len(d[0].(object)) > 0 {
			distinct = list(t.exprs(d))
		}
	}
	var windows []string
	for _, w := range items(o["windowClause"]) {
		_, def := kind(w)
		windows = append(windows, word(text(def["name"]))+"="+t.window(def))
	}
	sort.Strings(windows)
	return node("block", part("distinct", distinct), part("items", list(t.targets(o["targetList"]))), part("from", list(t.tables(o["fromClause"]))),
		part("where", t.optional(o["whereClause"])), part("group", list(t.groups(o["groupClause"]))), flag("groupdistinct", truth(o["groupDistinct"])),
		part("having", t.optional(o["havingClause"])), part("windows", list(windows)))
}

func (t *theirs) targets(v any) []string {
	var out []string
	for _, it := range items(v) {
		_, o := kind(it)
		out = append(out, node("as", t.expr(o["val"]), part("name", quoted(text(o["name"])))))
	}
	return out
}

// groups writes GROUP BY. As in PostgreSQL's analysis, (a, b) is a, b, and an empty set beside others
// adds nothing.
func (t *theirs) groups(v any) []string {
	var out []string
	empty := false
	for _, it := range items(v) {
		k, o := kind(it)
		switch {
		case k == "GroupingSet" && o["kind"] == "GROUPING_SET_EMPTY":
			empty = true
		case k == "GroupingSet":
			name := strings.ToLower(strings.TrimPrefix(text(o["kind"]), "GROUPING_SET_"))
			var sets []string
			for _, s := range t.sets(name, o["content"]) {
				sets = append(sets, list(s))
			}
			out = append(out, form(name, sets...))
		case k == "RowExpr" && o["row_format"] == "COERCE_IMPLICIT_CAST":
			out = append(out, t.exprs(o["args"])...)
		default:
			out = append(out, t.expr(it))
		}
	}
	if empty && len(out) == 0 {
		out = append(out, "(empty)")
	}
	return out
}

// sets lists the elements of ROLLUP and CUBE, or the sets of GROUPING SETS, in which nested ones are
// expanded.
func (t *theirs) sets(name string, content any) [][]string {
	var out [][]string
	for _, it := range items(content) {
		k, o := kind(it)
		switch {
		case k == "GroupingSet" && o["kind"] == "GROUPING_SET_EMPTY":
			out = append(out, []string{})
		case k == "GroupingSet":
			inner := strings.ToLower(strings.TrimPrefix(text(o["kind"]), "GROUPING_SET_"))
			out = append(out, expand(inner, t.sets(inner, o["content"]))...)
		case k == "RowExpr" && o["row_format"] == "COERCE_IMPLICIT_CAST":
			out = append(out, t.exprs(o["args"]))
		default:
			out = append(out, []string{t.expr(it)})
		}
	}
	return out
}

// expand lists the grouping sets of ROLLUP and CUBE.
func expand(name string, elems [][]string) [][]string {
	var out [][]string
	switch name {
	case "rollup":
		for n := len(elems); n >= 0; n-- {
			out = append(out, slices.Concat(elems[:n]...))
		}
		return out
	case "cube":
		if len(elems) > 12 {
			return nil
		}
		for bits := 1<<len(elems) - 1; bits >= 0; bits-- {
			var set []string
			for i, e := range elems {
				if bits&(1<<(len(elems)-1-i)) != 0 {
					set = append(set, e...)
				}
			}
			out = append(out, set)
		}
		return out
	}
	return elems
}
