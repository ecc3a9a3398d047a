package pgquery

import (
	"fmt"
	"strings"
)

// statement writes one of PostgreSQL's statements.
func (t *theirs) statement(v any) string {
	k, o := kind(v)
	switch k {
	case "SelectStmt":
		if into, _ := o["intoClause"].(object); into != nil {
			delete(o, "intoClause")
			return node("createtableas", relation(into["rel"]), t.selectStmt(o))
		}
		return t.selectStmt(o)
	case "InsertStmt":
		return t.insert(o)
	case "UpdateStmt":
		rel, _ := o["relation"].(object)
		return node("update", t.withOf(o), relation(rel), aliasName(rel), part("set", list(t.assignments(o["targetList"]))),
			part("from", list(t.tables(o["fromClause"]))), part("where", t.optional(o["whereClause"])), part("returning", list(t.targets(o["returningList"]))))
	case "DeleteStmt":
		rel, _ := o["relation"].(object)
		return node("delete", t.withOf(o), relation(rel), aliasName(rel),
			part("using", list(t.tables(o["usingClause"]))), part("where", t.optional(o["whereClause"])), part("returning", list(t.targets(o["returningList"]))))
	case "ViewStmt":
		return node("createview", flag("replace", truth(o["replace"])), relation(o["view"]), words(names(o["aliases"])), t.query(o["query"]))
	case "CreateTableAsStmt":
		into, _ := o["into"].(object)
		if o["objtype"] == "OBJECT_MATVIEW" {
			return node("creatematview", relation(into["rel"]), words(names(into["colNames"])), t.query(o["query"]), flag("nodata", truth(into["skipData"])))
		}
		return node("createtableas", relation(into["rel"]), t.query(o["query"]), flag("nodata", truth(into["skipData"])))
	case "CreateStmt":
		return t.createTable(o)
	case "IndexStmt":
		return t.createIndex(o)
	case "ExplainStmt":
		return form("explain", t.statement(o["query"]))
	case "PrepareStmt":
		var types []string
		for _, ty := range items(o["argtypes"]) {
			_, n := kind(ty)
			types = append(types, t.typ(n))
		}
		return node("prepare", word(text(o["name"])), part("types", list(types)), t.statement(o["query"]))
	case "ExecuteStmt":
		return node("execute", word(text(o["name"])), part("args", list(t.exprs(o["params"]))))
	case "DeclareCursorStmt":
		const hold = 0x20
		return node("declare", word(text(o["portalname"])), flag("hold", integer(o["options"])&hold != 0), t.query(o["query"]))
	case "TruncateStmt":
		return form("truncate", t.relations(o["relations"])...)
	case "CopyStmt":
		if o["query"] != nil {
			return form("copy", t.query(o["query"]))
		}
		return node("copy", relation(o["relation"]), words(names(o["attlist"])), flag("from", truth(o["is_from"])))
	case "DropStmt":
		return t.drop(o)
	case "MergeStmt":
		return t.merge(o)
	}
	return t.session(k, o)
}

// session writes statements that are compared by their kind.
func (t *theirs) session(k string, o object) string {
	switch k {
	case "VariableSetStmt":
		name := text(o["name"])
		if o["kind"] == "VAR_SET_MULTI" || strings.HasPrefix(name, "SESSION") {
			return "(transaction)"
		}
		if o["kind"] == "VAR_RESET_ALL" {
			name = "all"
		}
		return form("set", strings.ToLower(name))
	case "TransactionStmt":
		if strings.Contains(text(o["kind"]), "PREPARE") {
			return t.strange("two-phase commit")
		}
		return "(transaction)"
	case "VacuumStmt":
		if truth(o["is_vacuumcmd"]) {
			return form("noop", "vacuum")
		}
		return form("noop", "analyze")
	case "RenameStmt", "AlterTableStmt", "AlterObjectSchemaStmt", "AlterOwnerStmt":
		return "(alter)"
	case "ListenStmt", "UnlistenStmt", "NotifyStmt":
		return "(listen)"
	case "GrantStmt", "GrantRoleStmt":
		return "(grant)"
	}
	if name := plainKinds[k]; name != "" {
		return form(name)
	}
	return t.object(k, o)
}

// plainKinds are statements of which nothing but the kind is compared, by our word.
var plainKinds = map[string]string{
	"VariableShowStmt": "show", "DeallocateStmt": "deallocate", "FetchStmt": "fetch", "ClosePortalStmt": "closecursor",
	"DiscardStmt": "discard", "CommentStmt": "comment", "CreateSchemaStmt": "createschema", "CreateRoleStmt": "createrole",
	"AlterRoleStmt": "alterrole", "CheckPointStmt": "noop checkpoint", "ReindexStmt": "noop reindex",
	"ClusterStmt": "noop cluster", "RefreshMatViewStmt": "noop refresh materialized view",
}

func (t *theirs) relations(v any) []string {
	var out []string
	for _, it := range items(v) {
		_, o := kind(it)
		out = append(out, relation(o))
	}
	return out
}

func aliasName(rel object) string {
	a, _ := rel["alias"].(object)
	return quoted(text(a["aliasname"]))
}

func (t *theirs) withOf(o object) string {
	if o["withClause"] == nil {
		return ""
	}
	ctes, recursive := t.with(o["withClause"])
	return node("select", part("with", list(ctes)), flag("recursive", recursive), form("block"))
}

func (t *theirs) assignments(v any) []string {
	var out []string
	for _, it := range items(v) {
		_, o := kind(it)
		if o["indirection"] != nil {
			t.strange("assignment to a part of a column")
		}
		val, of := o["val"], ""
		if k, m := kind(val); k == "MultiAssignRef" {
			val = m["source"]
			if k, row := kind(val); k == "RowExpr" {
				if args := items(row["args"]); len(args) == integer(m["ncolumns"]) {
					val = args[integer(m["colno"])-1]
				}
			} else if integer(m["ncolumns"]) > 1 || k == "SubLink" {
				of = fmt.Sprintf("%d/%d", integer(m["colno"]), integer(m["ncolumns"]))
			}
		}
		out = append(out, node("set", word(text(o["name"])), t.expr(val), of))
	}
	return out
}

func (t *theirs) insert(o object) string {
	rel, _ := o["relation"].(object)
	source := "(defaults)"
	if o["selectStmt"] != nil {
		source = t.query(o["selectStmt"])
	}
	conflict := ""
	if c, _ := o["onConflictClause"].(object); c != nil {
		infer, _ := c["infer"].(object)
		var on []string
		for _, it := range items(infer["indexElems"]) {
			_, e := kind(it)
			if text(e["name"]) == "" {
				t.strange("ON CONFLICT over an expression")
			}
			on = append(on, text(e["name"]))
		}
		if infer["whereClause"] != nil {
			t.strange("ON CONFLICT … WHERE before DO")
		}
		conflict = node("conflict", part("columns", words(on)), part("constraint", quoted(text(infer["conname"]))), flag("update", c["action"] == "ONCONFLICT_UPDATE"),
			part("set", list(t.assignments(c["targetList"]))), part("where", t.optional(c["whereClause"])))
	}
	return node("insert", t.withOf(o), relation(rel), aliasName(rel), part("columns", words(t.targetColumns(o["cols"]))), part("overriding", overriding(o)),
		source, conflict, part("returning", list(t.targets(o["returningList"]))))
}

// serials are the types that stand for an integer filled by a sequence.
var serials = map[string]string{
	"serial": "int4", "serial4": "int4", "bigserial": "int8", "serial8": "int8", "smallserial": "int2", "serial2": "int2",
}

func (t *theirs) createTable(o object) string {
	if o["inhRelations"] != nil || o["partspec"] != nil || o["ofTypename"] != nil || o["partbound"] != nil {
		return t.strange("inheritance, partitions, typed tables")
	}
	rel, _ := o["relation"].(object)
	var columns, constraints []string
	for _, it := range items(o["tableElts"]) {
		k, e := kind(it)
		switch k {
		case "ColumnDef":
			columns = append(columns, t.column(e, &constraints))
		case "Constraint":
			constraints = t.constraint(constraints, e, "")
		default:
			t.strange(k)
		}
	}
	return node("createtable", relation(rel), flag("ifnotexists", truth(o["if_not_exists"])), list(columns), list(constraints))
}

func (t *theirs) column(e object, constraints *[]string) string {
	name := text(e["colname"])
	typ, notNull, serial, def, generated, identity := t.typ(e["typeName"]), false, false, "", "", ""
	for s, as := range serials {
		if typ == form("type", word(s)) {
			typ, serial, notNull = form("type", word(as)), true, true
		}
	}
	for _, it := range items(e["constraints"]) {
		_, c := kind(it)
		switch c["contype"] {
		case "CONSTR_NOTNULL":
			notNull = true
		case "CONSTR_DEFAULT":
			def = t.expr(c["raw_expr"])
		case "CONSTR_GENERATED":
			generated = t.expr(c["raw_expr"])
		case "CONSTR_IDENTITY":
			notNull = true
			identity = map[string]string{"a": "always", "d": "by_default"}[text(c["generated_when"])]
		default:
			notNull = notNull || c["contype"] == "CONSTR_PRIMARY"
			*constraints = t.constraint(*constraints, c, name)
		}
	}
	return node("column", word(name), typ, flag("notnull", notNull), flag("serial", serial), part("default", def), part("generated", generated), part("identity", identity))
}

// constraint adds a constraint of a table or, when column is set, of one of its columns.
func (t *theirs) constraint(out []string, c object, column string) []string {
	columns := names(c["keys"])
	if column != "" {
		columns = []string{column}
	}
	name := quoted(text(c["conname"]))
	switch c["contype"] {
	case "CONSTR_PRIMARY":
		return append(out, node("constraint", "primary_key", name, words(columns)))
	case "CONSTR_UNIQUE":
		return append(out, node("constraint", "unique", name, words(columns)))
	case "CONSTR_CHECK":
		return append(out, node("constraint", "check", name, t.expr(c["raw_expr"])))
	case "CONSTR_NULL", "CONSTR_ATTR_DEFERRABLE", "CONSTR_ATTR_NOT_DEFERRABLE", "CONSTR_ATTR_DEFERRED", "CONSTR_ATTR_IMMEDIATE":
		return out
	}
	t.strange(text(c["contype"]))
	return out
}

func (t *theirs) createIndex(o object) string {
	element := func(v any) string {
		_, e := kind(v)
		expr := ""
		if n := text(e["name"]); n != "" {
			expr = form("col", word(n))
		} else {
			expr = t.expr(e["expr"])
		}
		if e["collation"] != nil {
			expr = form("collate", expr, words(names(e["collation"])))
		}
		nulls := map[string]string{"SORTBY_NULLS_FIRST": "first", "SORTBY_NULLS_LAST": "last"}[text(e["nulls_ordering"])]
		return node("by", expr, flag("desc", e["ordering"] == "SORTBY_DESC"), part("nulls", nulls))
	}
	var columns, include []string
	for _, it := range items(o["indexParams"]) {
		columns = append(columns, element(it))
	}
	for _, it := range items(o["indexIncludingParams"]) {
		_, e := kind(it)
		include = append(include, text(e["name"]))
	}
	return node("createindex", flag("unique", truth(o["unique"])), quoted(text(o["idxname"])), relation(o["relation"]), list(columns), part("include", words(include)))
}

func (t *theirs) drop(o object) string {
	what := map[string]string{"OBJECT_TABLE": "table", "OBJECT_VIEW": "view", "OBJECT_MATVIEW": "materializedview", "OBJECT_INDEX": "index", "OBJECT_SCHEMA": "schema",
		"OBJECT_SEQUENCE": "sequence", "OBJECT_TYPE": "type"}[text(o["removeType"])]
	if what == "" {
		return t.strange("DROP " + text(o["removeType"]))
	}
	var out []string
	for _, it := range items(o["objects"]) {
		k, obj := kind(it)
		switch k {
		case "String":
			out = append(out, word(text(obj["sval"])))
		case "TypeName":
			out = append(out, words(names(obj["names"])))
		default:
			out = append(out, words(names(obj["items"])))
		}
	}
	return node("drop", what, flag("ifexists", truth(o["missing_ok"])), flag("cascade", o["behavior"] == "DROP_CASCADE"), list(out))
}
