package op

import (
	"fmt"
	"strings"

	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// Port returns the schema of input port p, or nil when the caller has none.
func Port(in []types.Schema, p int) types.Schema {
	if p < len(in) {
		return in[p]
	}
	return nil
}

// Col returns the name by which EXPLAIN shows column i.
func Col(s types.Schema, i int) string {
	if i < 0 || i >= len(s) || s[i].Name == "" {
		return fmt.Sprintf("$%d", i+1)
	}
	return s[i].Name
}

// Cols returns the names of several columns, separated by commas.
func Cols(s types.Schema, cols []int) string {
	parts := make([]string, len(cols))
	for i, c := range cols {
		parts[i] = Col(s, c)
	}
	return strings.Join(parts, ", ")
}

// ExprText writes an expression over columns of s for EXPLAIN.
func ExprText(e *expr.Expr, s types.Schema) string {
	if e == nil {
		return ""
	}
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		args[i] = ExprText(a, s)
	}
	switch e.Kind {
	case expr.Column:
		return Col(s, e.Index)
	case expr.Literal:
		return literalText(e.Lit)
	case expr.Param:
		return fmt.Sprintf("$%d", e.Index+1)
	case expr.And, expr.Or:
		return "(" + strings.Join(args, " "+strings.ToUpper(string(e.Kind))+" ") + ")"
	case expr.Not:
		return "NOT " + args[0]
	case expr.IsNull:
		return args[0] + " IS NULL"
	case expr.IsTrue:
		return args[0] + " IS TRUE"
	case expr.Distinct:
		return "(" + args[0] + " IS DISTINCT FROM " + args[1] + ")"
	case expr.Cast:
		return args[0] + "::" + e.Type.String()
	case expr.In:
		return args[0] + " IN (" + strings.Join(args[1:], ", ") + ")"
	case expr.Any, expr.All:
		return args[0] + " " + e.Name + " " + strings.ToUpper(string(e.Kind)) + " (" + args[1] + ")"
	case expr.Call:
		if len(args) == 2 && isSymbol(e.Name) {
			return "(" + args[0] + " " + e.Name + " " + args[1] + ")"
		}
		return e.Name + "(" + strings.Join(args, ", ") + ")"
	}
	return string(e.Kind) + "(" + strings.Join(args, ", ") + ")"
}

func isSymbol(name string) bool {
	return name != "" && strings.IndexByte("+-*/<>=~!@#%^&|`?", name[0]) >= 0
}

func literalText(d *types.Datum) string {
	if d == nil || d.Null {
		return "NULL"
	}
	text := string(types.AppendText(nil, *d, nil))
	if d.Type.IsNumber() || d.Type.ID == types.Bool {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
