package pgquery

import (
	"fmt"
	"reflect"
	"strings"

	"tidemill/sql/ast"
)

// statement writes one of our statements. What a statement of the catalog or the session is about is
// written as far as the two trees have it in common; its kind always is.
func (o *ours) statement(s ast.Statement) string {
	switch n := s.(type) {
	case *ast.Query:
		return o.query(n.Select)
	case *ast.Insert:
		return o.insert(n)
	case *ast.Update:
		return node("update", o.withOf(n.With), words(n.Table), quoted(n.Alias), part("set", list(o.assignments(n.Set))),
			part("from", list(o.tables(n.From))), part("where", o.optional(n.Where)), part("returning", list(o.items(n.Returning))))
	case *ast.Delete:
		return node("delete", o.withOf(n.With), words(n.Table), quoted(n.Alias),
			part("using", list(o.tables(n.Using))), part("where", o.optional(n.Where)), part("returning", list(o.items(n.Returning))))
	case *ast.CreateView:
		if n.Materialized {
			o.extension = o.extension || n.OrReplace || len(n.Options) > 0
			return node("creatematview", words(n.Name), words(n.Columns), o.query(n.Query), flag("nodata", n.NoData))
		}
		o.extension = o.extension || n.IfNotExists || len(n.Options) > 0
		return node("createview", flag("replace", n.OrReplace), words(n.Name), words(n.Columns), o.query(n.Query))
	case *ast.CreateTable:
		if n.AsQuery != nil {
			return node("createtableas", words(n.Name), o.query(n.AsQuery), flag("nodata", n.NoData))
		}
		return o.createTable(n)
	case *ast.Merge:
		return o.merge(n)
	case *ast.CreateType:
		return o.createType(n)
	case *ast.CreateSequence:
		return node("createsequence", words(n.Name), flag("ifnotexists", n.IfNotExists))
	case *ast.Lock:
		return node("lock", word(n.Mode), list(wordLists(n.Tables)))
	case *ast.CreateIndex:
		var columns []string
		for _, c := range n.Columns {
			columns = append(columns, o.order([]ast.OrderItem{c})...)
		}
		return node("createindex", flag("unique", n.Unique), quoted(n.Name), words(n.Table), list(columns), part("include", words(n.Include)))
	case *ast.Explain:
		return form("explain", o.statement(n.Statement))
	case *ast.Prepare:
		var types []string
		for _, t := range n.Types {
			types = append(types, o.typ(t))
		}
		return node("prepare", word(n.Name), part("types", list(types)), o.statement(n.Statement))
	case *ast.Execute:
		return node("execute", word(n.Name), part("args", list(o.exprs(n.Args))))
	case *ast.Declare:
		if n.Query == nil {
			o.extension = true
			return o.kindOf(s)
		}
		return node("declare", word(n.Name), flag("hold", n.Hold), o.query(n.Query))
	case *ast.Drop:
		return o.drop(n)
	case *ast.Truncate:
		return form("truncate", wordLists(n.Tables)...)
	case *ast.Copy:
		o.extension = o.extension || n.Changes != nil
		if n.Query != nil {
			return form("copy", o.query(n.Query))
		}
		return node("copy", words(n.Table), words(n.Columns), flag("from", n.From))
	case *ast.Set:
		return form("set", n.Name)
	}
	return o.kindOf(s)
}

// kindOf writes a statement's kind alone.
func (o *ours) kindOf(s ast.Statement) string {
	switch n := s.(type) {
	case *ast.NoOp:
		o.extension = o.extension || n.Tag == "FLUSH"
		return form("noop", strings.ToLower(n.Tag))
	case *ast.CreateSource, *ast.CreateSink, *ast.Verify, *ast.Subscribe, *ast.Describe:
		o.extension = true
	case *ast.Show:
		o.extension = o.extension || n.Like != "" || n.Name != nil || strings.Contains(n.What, " ")
	case *ast.Fetch:
		o.extension = o.extension || len(n.Options) > 0
	case *ast.Alter:
		o.extension = o.extension || n.Kind == "source" || n.Kind == "sink"
	}
	return form(strings.ToLower(reflect.TypeOf(s).Elem().Name()))
}

func (o *ours) withOf(w *ast.With) string {
	if w == nil {
		return ""
	}
	return o.query(&ast.Select{With: w.List, Recursive: w.Recursive})
}

func (o *ours) assignments(list []ast.Assignment) []string {
	var out []string
	for _, a := range list {
		of := ""
		if a.Of > 0 {
			of = fmt.Sprintf("%d/%d", a.Field+1, a.Of)
		}
		out = append(out, node("set", word(a.Column), o.expr(a.Expr), of))
	}
	return out
}

func (o *ours) insert(n *ast.Insert) string {
	source := "(defaults)"
	if n.Query != nil {
		source = o.query(n.Query)
	}
	conflict := ""
	if c := n.OnConflict; c != nil {
		conflict = node("conflict", part("columns", words(c.Columns)), part("constraint", quoted(c.Constraint)), flag("update", c.Update),
			part("set", list(o.assignments(c.Set))), part("where", o.optional(c.Where)))
	}
	return node("insert", o.withOf(n.With), words(n.Table), quoted(n.Alias), part("columns", words(n.Columns)), part("overriding", n.Overriding),
		source, conflict, part("returning", list(o.items(n.Returning))))
}

func (o *ours) createTable(n *ast.CreateTable) string {
	o.extension = o.extension || len(n.Watermarks) > 0 || n.Format != nil || len(n.Options) > 0
	var columns, constraints []string
	for _, c := range n.Columns {
		columns = append(columns, node("column", word(c.Name), o.typ(c.Type), flag("notnull", c.NotNull), flag("serial", c.Serial),
			part("default", o.optional(c.Default)), part("generated", o.optional(c.Generated)), part("identity", strings.ReplaceAll(c.Identity, " ", "_"))))
		if c.Generated != nil {
			o.extension = true // AS (expr) without GENERATED ALWAYS
		}
	}
	for _, c := range n.Constraints {
		constraints = append(constraints, node("constraint", strings.ReplaceAll(c.Kind, " ", "_"), quoted(c.Name), constraintColumns(c), o.optional(c.Expr)))
	}
	return node("createtable", words(n.Name), flag("ifnotexists", n.IfNotExists), list(columns), list(constraints))
}

// constraintColumns leaves out the column of a check, which PostgreSQL's tree does not tell.
func constraintColumns(c ast.Constraint) string {
	if c.Kind == "check" {
		return ""
	}
	return words(c.Columns)
}

func (o *ours) drop(n *ast.Drop) string {
	switch n.Kind {
	case "source", "sink", "connection", "secret":
		o.extension = true
	}
	return node("drop", strings.ReplaceAll(n.Kind, " ", ""), flag("ifexists", n.IfExists), flag("cascade", n.Cascade), list(wordLists(n.Names)))
}

func wordLists(names [][]string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = words(n)
	}
	return out
}
