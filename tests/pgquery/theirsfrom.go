package pgquery

import "strings"

func (t *theirs) tables(v any) []string {
	var out []string
	for _, it := range items(v) {
		out = append(out, t.table(it))
	}
	return out
}

func (t *theirs) table(v any) string {
	k, o := kind(v)
	switch k {
	case "RangeVar":
		return node("table", relation(o), theirAlias(o["alias"]))
	case "RangeSubselect":
		return node("derived", flag("lateral", truth(o["lateral"])), t.query(o["subquery"]), theirAlias(o["alias"]))
	case "RangeFunction":
		return t.rangeFunction(o)
	case "JoinExpr":
		join := node("join", strings.ToLower(strings.TrimPrefix(text(o["jointype"]), "JOIN_")), flag("natural", truth(o["isNatural"])),
			t.table(o["larg"]), t.table(o["rarg"]), part("on", t.optional(o["quals"])), part("using", words(names(o["usingClause"]))))
		if o["join_using_alias"] != nil {
			t.strange("an alias for JOIN USING")
		}
		if o["alias"] == nil {
			return join
		}
		// The alias hides what is inside, as that of a query does.
		star := node("as", form("col", ".*"))
		return node("derived", form("select", node("block", part("items", list([]string{star})), part("from", list([]string{join})))), theirAlias(o["alias"]))
	}
	return t.strange(k)
}

// relation writes the name of a RangeVar.
func relation(v any) string {
	o, _ := v.(object)
	var parts []string
	for _, k := range []string{"catalogname", "schemaname", "relname"} {
		if s := text(o[k]); s != "" {
			parts = append(parts, s)
		}
	}
	return words(parts)
}

func theirAlias(v any) string {
	o, _ := v.(object)
	if o == nil {
		return ""
	}
	return alias(text(o["aliasname"]), names(o["colnames"]))
}

func (t *theirs) rangeFunction(o object) string {
	var calls []string
	for _, f := range items(o["functions"]) {
		_, l := kind(f)
		pair := items(l["items"])
		call, defs := t.expr(pair[0]), ""
		if len(pair) > 1 {
			if _, d := kind(pair[1]); d != nil {
				defs = list(t.defs(d["items"]))
			}
		}
		calls = append(calls, call+part("defs", defs))
	}
	return node("functions", flag("lateral", truth(o["lateral"])), list(calls), flag("ordinality", truth(o["ordinality"])),
		theirAlias(o["alias"]), part("defs", list(t.defs(o["coldeflist"]))))
}

func (t *theirs) defs(v any) []string {
	var out []string
	for _, it := range items(v) {
		_, d := kind(it)
		out = append(out, form("def", word(text(d["colname"])), t.typ(d["typeName"])))
	}
	return out
}
