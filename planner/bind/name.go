package bind

import "tidemill/sql/ast"

// OutputName is the name that Postgres gives to a select item without alias.
func OutputName(e ast.Expr) string {
	if name, _ := figureName(e); name != "" {
		return name
	}
	return "?column?"
}

// figureName returns a name and how good it is: 2 = from a name in the text, 1 = from the construct.
func figureName(e ast.Expr) (string, int) {
	switch e := e.(type) {
	case *ast.ColumnRef:
		return e.Parts[len(e.Parts)-1], 2
	case *ast.FieldOf:
		if e.Name != "*" {
			return e.Name, 2
		}
	case *ast.Index:
		return figureName(e.Expr)
	case *ast.Call:
		if name := e.Name[len(e.Name)-1]; name != "" {
			return name, 2
		}
	case *ast.AtTimeZone:
		return "timezone", 2
	case *ast.Collate:
		return figureName(e.Expr)
	case *ast.Cast:
		if name, strength := figureName(e.Expr); strength > 1 {
			return name, strength
		}
		return e.Type.Name[len(e.Type.Name)-1], 1
	case *ast.Case:
		if e.Else != nil {
			if name, strength := figureName(e.Else); strength > 1 {
				return name, strength
			}
		}
		return "case", 1
	case *ast.ArrayLit, *ast.ArrayQuery:
		return "array", 2
	case *ast.Row:
		return "row", 2
	case *ast.Exists:
		return "exists", 2
	case *ast.Subquery:
		return subqueryName(e.Query), 2
	}
	return "", 0
}

func subqueryName(q *ast.Select) string {
	for q.SetOp != "" {
		q = q.Left
	}
	if len(q.Values) > 0 {
		return "column1"
	}
	if len(q.Items) == 0 {
		return ""
	}
	if q.Items[0].Alias != "" {
		return q.Items[0].Alias
	}
	name, _ := figureName(q.Items[0].Expr)
	if name == "" {
		return "?column?"
	}
	return name
}
