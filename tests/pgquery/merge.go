package pgquery

import (
	"strings"

	"tidemill/sql/ast"
)

func (o *ours) merge(n *ast.Merge) string {
	var whens []string
	for _, w := range n.When {
		action := form(w.Action)
		switch w.Action {
		case "update":
			action = form("update", list(o.assignments(w.Set)))
		case "insert":
			action = node("insert", part("columns", words(w.Columns)), part("overriding", w.Overriding), part("values", list(o.exprs(w.Values))))
		}
		whens = append(whens, node("when", flag("matched", w.Matched), part("and", o.optional(w.And)), action))
	}
	return node("merge", o.withOf(n.With), words(n.Table), quoted(n.Alias), list(o.tables(n.Source)), part("on", o.optional(n.On)), list(whens))
}

func (t *theirs) merge(o object) string {
	var whens []string
	for _, it := range items(o["mergeWhenClauses"]) {
		_, w := kind(it)
		action := form(strings.ToLower(strings.TrimPrefix(text(w["commandType"]), "CMD_")))
		switch w["commandType"] {
		case "CMD_UPDATE":
			action = form("update", list(t.assignments(w["targetList"])))
		case "CMD_INSERT":
			action = node("insert", part("columns", words(t.targetColumns(w["targetList"]))), part("overriding", overriding(w)), part("values", list(t.exprs(w["values"]))))
		}
		switch w["matchKind"] {
		case "MERGE_WHEN_MATCHED", "MERGE_WHEN_NOT_MATCHED_BY_TARGET":
		default:
			t.strange(text(w["matchKind"]))
		}
		whens = append(whens, node("when", flag("matched", w["matchKind"] == "MERGE_WHEN_MATCHED"), part("and", t.optional(w["condition"])), action))
	}
	if o["returningList"] != nil {
		t.strange("MERGE … RETURNING")
	}
	rel, _ := o["relation"].(object)
	return node("merge", t.withOf(o), relation(rel), aliasName(rel), list([]string{t.table(o["sourceRelation"])}), part("on", t.optional(o["joinCondition"])), list(whens))
}

// overriding writes the OVERRIDING clause of an INSERT or of one of MERGE.
func overriding(o object) string {
	return map[string]string{"OVERRIDING_USER_VALUE": "user", "OVERRIDING_SYSTEM_VALUE": "system"}[text(o["override"])]
}

// targetColumns are the columns that an INSERT names.
func (t *theirs) targetColumns(v any) []string {
	var out []string
	for _, c := range items(v) {
		_, target := kind(c)
		if target["indirection"] != nil {
			t.strange("assignment to a part of a column")
		}
		out = append(out, text(target["name"]))
	}
	return out
}
