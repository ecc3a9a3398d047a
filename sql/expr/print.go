package expr

import (
	"fmt"
	"strconv"
	"strings"

	"tidemill/sql/types"
)

// String prints e as EXPLAIN does, with columns as #0, #1 ….
func (e *Expr) String() string { return e.Format(nil) }

// Format prints e with the columns of schema by name, in Postgres's style: operators in
// parentheses, casts as (x)::type, literals as 'text'::type where the type is not plain.
func (e *Expr) Format(schema types.Schema) string {
	p := printer{schema: schema}
	p.expr(e)
	return p.sb.String()
}

type printer struct {
	sb     strings.Builder
	schema types.Schema
}

func (p *printer) expr(e *Expr) {
	if e == nil {
		p.sb.WriteString("<nil>")
		return
	}
	switch e.Kind {
	case Column:
		p.column(e)
	case Literal:
		p.literal(e)
	case Param:
		fmt.Fprintf(&p.sb, "$%d", e.Index+1)
	case Outer:
		fmt.Fprintf(&p.sb, "outer%d.#%d", e.Level, e.Index)
	case Call:
		p.call(e)
	case Cast:
		p.sb.WriteByte('(')
		p.expr(e.Args[0])
		p.sb.WriteString(")::" + e.Type.String())
	case And, Or:
		p.infix(" "+strings.ToUpper(string(e.Kind))+" ", e.Args)
	case Not:
		p.wrap("(NOT ", e.Args[0], ")")
	case IsNull:
		p.wrap("(", e.Args[0], " IS NULL)")
	case IsTrue:
		p.wrap("(", e.Args[0], " IS TRUE)")
	case Distinct:
		p.infix(" IS DISTINCT FROM ", e.Args)
	case Case:
		p.caseOf(e.Args)
	case Coalesce:
		p.list("COALESCE(", e.Args, ")")
	case In:
		p.wrap("(", e.Args[0], " IN ")
		p.list("(", e.Args[1:], "))")
	case Any, All:
		p.wrap("(", e.Args[0], " "+e.Name+" "+strings.ToUpper(string(e.Kind))+" ")
		p.wrap("(", e.Args[1], "))")
	case Array:
		p.list("ARRAY[", e.Args, "]")
	case Row:
		p.list("ROW(", e.Args, ")")
	case Field:
		p.field(e)
	default:
		p.list(string(e.Kind)+"(", e.Args, ")")
	}
}

func (p *printer) column(e *Expr) {
	if e.Index < len(p.schema) {
		p.sb.WriteString(quoteIdent(p.schema[e.Index].Name))
		return
	}
	fmt.Fprintf(&p.sb, "#%d", e.Index)
}

// quoteIdent quotes a name unless it is plain lower case.
func quoteIdent(s string) string {
	plain := s != ""
	for i, r := range s {
		plain = plain && (r == '_' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9')
	}
	if plain {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func (p *printer) literal(e *Expr) {
	d := *e.Lit
	d.Type = e.Type
	if d.Null {
		p.sb.WriteString("NULL::" + e.Type.String())
		return
	}
	text := string(types.AppendText(nil, d, &types.Env{}))
	switch {
	case d.Type.ID == types.Bool:
		p.sb.WriteString(map[bool]string{true: "true", false: "false"}[d.B])
	case d.Type.ID == types.Int4 && d.I >= 0, d.Type.ID == types.Numeric && isDigits(text) && strings.Contains(text, "."):
		p.sb.WriteString(text)
	default:
		p.sb.WriteString("'" + strings.ReplaceAll(text, "'", "''") + "'::" + e.Type.String())
	}
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.") == ""
}

func (p *printer) call(e *Expr) {
	switch {
	case e.Name == "" || !strings.ContainsAny(e.Name[:1], "+-*/<>=~!@#%^&|?"):
		p.list(e.Name+"(", e.Args, ")")
	case len(e.Args) == 1:
		p.wrap("("+e.Name+" ", e.Args[0], ")")
	default:
		p.infix(" "+e.Name+" ", e.Args)
	}
}

func (p *printer) caseOf(args []*Expr) {
	p.sb.WriteString("CASE")
	for i := 0; i+1 < len(args); i += 2 {
		p.wrap(" WHEN ", args[i], " THEN ")
		p.expr(args[i+1])
	}
	p.wrap(" ELSE ", args[len(args)-1], " END")
}

func (p *printer) field(e *Expr) {
	name := "f" + strconv.Itoa(e.Index+1)
	if fields := e.Args[0].Type.Fields(); e.Index < len(fields) {
		name = quoteIdent(fields[e.Index].Name)
	}
	p.wrap("(", e.Args[0], ")."+name)
}

func (p *printer) wrap(before string, e *Expr, after string) {
	p.sb.WriteString(before)
	p.expr(e)
	p.sb.WriteString(after)
}

func (p *printer) infix(op string, args []*Expr) {
	p.sb.WriteByte('(')
	for i, a := range args {
		if i > 0 {
			p.sb.WriteString(op)
		}
		p.expr(a)
	}
	p.sb.WriteByte(')')
}

func (p *printer) list(before string, args []*Expr, after string) {
	p.sb.WriteString(before)
	for i, a := range args {
		if i > 0 {
			p.sb.WriteString(", ")
		}
		p.expr(a)
	}
	p.sb.WriteString(after)
}
