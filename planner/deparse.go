package planner

import (
	"strconv"
	"strings"

	"tidemill/sql/ast"
	"tidemill/sql/parse"
)

// Deparse writes an expression as SQL text that reads back as the same tree. It covers what a DEFAULT
// may hold: no subqueries and no windows.
func Deparse(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Literal:
		return deparseLiteral(e)
	case *ast.ColumnRef:
		return names2(e.Parts)
	case *ast.Unary:
		return "(" + e.Op + " " + Deparse(e.Expr) + ")"
	case *ast.Binary:
		return "(" + Deparse(e.Left) + " " + e.Op + " " + Deparse(e.Right) + ")"
	case *ast.Cast:
		return "CAST(" + Deparse(e.Expr) + " AS " + deparseType(e.Type) + ")"
	case *ast.Call:
		return deparseCall(e)
	case *ast.Case:
		return deparseCase(e)
	case *ast.ArrayLit:
		return "ARRAY[" + deparseList(e.Elems) + "]"
	case *ast.Row:
		return "ROW(" + deparseList(e.Elems) + ")"
	case *ast.AtTimeZone:
		return "(" + Deparse(e.Expr) + " AT TIME ZONE " + Deparse(e.Zone) + ")"
	case *ast.Is:
		return "(" + Deparse(e.Expr) + " IS " + word(e.Not, "NOT ") + e.Test + ")"
	case *ast.IsDistinct:
		return "(" + Deparse(e.Left) + " IS " + word(e.Not, "NOT ") + "DISTINCT FROM " + Deparse(e.Right) + ")"
	case *ast.Between:
		return "(" + Deparse(e.Expr) + word(e.Not, " NOT") + " BETWEEN " + word(e.Symmetric, "SYMMETRIC ") +
			Deparse(e.Low) + " AND " + Deparse(e.High) + ")"
	case *ast.In:
		return "(" + Deparse(e.Expr) + word(e.Not, " NOT") + " IN (" + deparseList(e.List) + "))"
	case *ast.Like:
		return deparseLike(e)
	case *ast.Quantified:
		if e.Array != nil {
			return "(" + Deparse(e.Left) + " " + e.Op + " " + map[bool]string{true: "ALL", false: "ANY"}[e.All] + " (" + Deparse(e.Array) + "))"
		}
	case *ast.Index:
		if e.Slice {
			return "(" + Deparse(e.Expr) + ")[" + deparseBound(e.Lo) + ":" + deparseBound(e.Hi) + "]"
		}
		return "(" + Deparse(e.Expr) + ")[" + Deparse(e.Lo) + "]"
	case *ast.Collate:
		return "(" + Deparse(e.Expr) + " COLLATE " + names2(e.Name) + ")"
	}
	return "NULL"
}

func deparseLike(e *ast.Like) string {
	op := map[string]string{"like": "LIKE", "ilike": "ILIKE", "similar": "SIMILAR TO"}[e.Kind]
	s := "(" + Deparse(e.Expr) + word(e.Not, " NOT") + " " + op + " " + Deparse(e.Pattern)
	if e.Escape != nil {
		s += " ESCAPE " + Deparse(e.Escape)
	}
	return s + ")"
}

func deparseBound(e ast.Expr) string {
	if e == nil {
		return ""
	}
	return Deparse(e)
}

func word(on bool, w string) string {
	if on {
		return w
	}
	return ""
}

func names2(parts []string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = parse.QuoteIdent(p)
	}
	return strings.Join(out, ".")
}

func deparseLiteral(l *ast.Literal) string {
	switch l.Kind {
	case ast.LitNull:
		return "NULL"
	case ast.LitString:
		return parse.QuoteLiteral(l.Text)
	case ast.LitBool:
		return strings.ToUpper(l.Text)
	case ast.LitBit:
		return l.Text[:1] + parse.QuoteLiteral(l.Text[1:])
	}
	return l.Text
}

// keywordCalls are functions whose name is a keyword: written without brackets or as special forms.
var keywordCalls = map[string]bool{
	"current_date": true, "current_role": true, "current_user": true, "session_user": true, "user": true,
	"current_catalog": true, "current_time": true, "current_timestamp": true, "localtime": true, "localtimestamp": true,
}

func deparseCall(e *ast.Call) string {
	name := e.Name[len(e.Name)-1]
	if keywordCalls[name] && len(e.Args) == 0 {
		return name
	}
	if name == "extract" && len(e.Args) == 2 {
		if l, ok := e.Args[0].(*ast.Literal); ok {
			return "EXTRACT(" + parse.QuoteLiteral(l.Text) + " FROM " + Deparse(e.Args[1]) + ")"
		}
	}
	switch name {
	case "coalesce", "nullif", "greatest", "least":
		return name + "(" + deparseList(e.Args) + ")"
	case "position":
		return "pg_catalog." + parse.QuoteIdent(name) + "(" + deparseList(e.Args) + ")"
	}
	return names2(e.Name) + "(" + deparseList(e.Args) + ")"
}

func deparseCase(e *ast.Case) string {
	var b strings.Builder
	b.WriteString("CASE")
	if e.Operand != nil {
		b.WriteString(" " + Deparse(e.Operand))
	}
	for _, w := range e.Whens {
		b.WriteString(" WHEN " + Deparse(w.Cond) + " THEN " + Deparse(w.Then))
	}
	if e.Else != nil {
		b.WriteString(" ELSE " + Deparse(e.Else))
	}
	return b.String() + " END"
}

func deparseList(es []ast.Expr) string {
	out := make([]string, len(es))
	for i, e := range es {
		out[i] = Deparse(e)
	}
	return strings.Join(out, ", ")
}

func deparseType(t ast.TypeName) string {
	s := names2(t.Name)
	if len(t.Name) == 1 {
		s = t.Name[0]
	}
	if t.Fields != "" {
		s += " " + t.Fields
	}
	if len(t.Mods) > 0 {
		mods := make([]string, len(t.Mods))
		for i, m := range t.Mods {
			mods[i] = strconv.Itoa(m)
		}
		s += "(" + strings.Join(mods, ", ") + ")"
	}
	return s + strings.Repeat("[]", t.Dims)
}
