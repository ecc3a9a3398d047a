package parse

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"tidemill/sql/ast"
)

// dump prints a tree compactly: (Type field:value …) with zero fields left out. Names, constants,
// calls and operators have a short form. Positions are shown only by dumpPos.
func dump(v any) string {
	d := dumper{}
	d.value(reflect.ValueOf(v))
	return d.b.String()
}

func dumpPos(v any) string {
	d := dumper{pos: true}
	d.value(reflect.ValueOf(v))
	return d.b.String()
}

type dumper struct {
	b   strings.Builder
	pos bool
}

func (d *dumper) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			d.b.WriteString("nil")
			return
		}
		if v.Kind() == reflect.Pointer && d.short(v.Interface()) {
			return
		}
		d.value(v.Elem())
	case reflect.Slice:
		d.b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				d.b.WriteByte(' ')
			}
			d.value(v.Index(i))
		}
		d.b.WriteByte(']')
	case reflect.Map:
		keys := v.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
		d.b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				d.b.WriteByte(' ')
			}
			d.b.WriteString(k.String() + "=")
			d.value(v.MapIndex(k))
		}
		d.b.WriteByte('}')
	case reflect.Struct:
		d.structure(v)
	case reflect.String:
		d.b.WriteString(bare(v.String()))
	default:
		fmt.Fprint(&d.b, v.Interface())
	}
}

// bare prints a word as it is and anything else quoted.
func bare(s string) string {
	for _, c := range s {
		if !(c == '_' || c == '.' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return fmt.Sprintf("%q", s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// short prints the frequent nodes.
func (d *dumper) short(v any) bool {
	at := func(p ast.Pos) {
		if d.pos {
			fmt.Fprintf(&d.b, "@%d", int(p))
		}
	}
	switch n := v.(type) {
	case *ast.ColumnRef:
		for i, p := range n.Parts {
			if i > 0 {
				d.b.WriteByte('.')
			}
			d.b.WriteString(bare(p))
		}
		at(n.Pos)
	case *ast.Literal:
		switch n.Kind {
		case ast.LitNull:
			d.b.WriteString("null")
		case ast.LitString:
			d.b.WriteString("'" + n.Text + "'")
		default:
			d.b.WriteString(n.Text)
		}
		at(n.Pos)
	case *ast.Param:
		fmt.Fprintf(&d.b, "$%d", n.N)
		at(n.Pos)
	case *ast.Binary:
		d.b.WriteString("(" + n.Op)
		at(n.Pos)
		for _, e := range []ast.Expr{n.Left, n.Right} {
			d.b.WriteByte(' ')
			d.value(reflect.ValueOf(&e).Elem())
		}
		d.b.WriteByte(')')
	case *ast.Query:
		d.value(reflect.ValueOf(n.Select))
	default:
		return false
	}
	return true
}

func (d *dumper) structure(v reflect.Value) {
	t := v.Type()
	if t == reflect.TypeFor[ast.TypeName]() {
		d.typeName(v.Interface().(ast.TypeName))
		return
	}
	name := t.Name()
	if name == "SelectItem" && v.FieldByName("Alias").String() == "" {
		d.value(v.FieldByName("Expr"))
		return
	}
	if name == "OrderItem" && !v.FieldByName("Desc").Bool() && v.FieldByName("NullsFirst").IsNil() {
		d.value(v.FieldByName("Expr"))
		return
	}
	d.b.WriteString("(" + name)
	for i := range v.NumField() {
		f := v.Field(i)
		if t.Field(i).Type == reflect.TypeFor[ast.Pos]() {
			if d.pos {
				fmt.Fprintf(&d.b, "@%d", f.Int())
			}
			continue
		}
		if strings.HasSuffix(t.Field(i).Name, "Pos") && !d.pos {
			continue
		}
		if f.IsZero() && !(name == "Literal") {
			continue
		}
		d.b.WriteString(" " + strings.ToLower(t.Field(i).Name[:1]) + t.Field(i).Name[1:] + ":")
		d.value(f)
	}
	d.b.WriteByte(')')
}

func (d *dumper) typeName(t ast.TypeName) {
	d.b.WriteString(strings.Join(t.Name, "."))
	if t.Fields != "" {
		d.b.WriteString("<" + t.Fields + ">")
	}
	if t.Mods != nil {
		d.b.WriteString(strings.ReplaceAll(fmt.Sprint(t.Mods), " ", ","))
	}
	d.b.WriteString(strings.Repeat("[]", t.Dims))
}
